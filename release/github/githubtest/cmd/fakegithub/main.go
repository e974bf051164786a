// Fakegithub serves package githubtest on its own, for tests that are not in Go,
// such as a workflow under nektos/act.
//
//	fakegithub -repo octo/hello -token t -tag v1.0.0=$(git rev-parse HEAD) -state state.json
//
// With -fault 7=502 request 7 fails so, with -minute 1m GitHub's limits for content are
// enforced, and with -immutable releases are immutable.
//
// The first line of its output is the address. Under it are the API (/ or
// /api/v3), uploads (/uploads or /api/uploads), and a page for people. The state
// file is complete after each request: releases, everything the public ever saw
// (history), the log of requests, and every violation of GitHub's description
// (invalid). It ends on an interrupt: 0, or 1 if something was invalid; 2 means
// that the arguments were wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], time.Now, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, now func() time.Time, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("fakegithub", flag.ContinueOnError)
	flags.SetOutput(stderr)
	opts := githubtest.Options{Now: now, Tags: map[string]string{}}
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen on")
	state := flags.String("state", "", "`file` that holds the state as JSON")
	flags.StringVar(&opts.Repo, "repo", "octo/hello", "the repository, `owner/name`")
	flags.StringVar(&opts.Token, "token", "", "the `token` that may write")
	flags.StringVar(&opts.Head, "head", "", "`commit` of the branch main")
	flags.BoolVar(&opts.Immutable, "immutable", false, "releases are immutable")
	flags.DurationVar(&opts.Minute, "minute", 0, "enforce the limits for content, with minutes that take this `long`")
	faults := map[int]*githubtest.Fault{}
	flags.Func("fault", "what goes wrong with a request, `number=kind`; repeatable; kind is a status or one of "+strings.Join(kindNames(), ", "), func(v string) error {
		number, fault, err := parseFault(v)
		faults[number] = fault
		return err
	})

	opts.Fault = func(n int, _ *http.Request) *githubtest.Fault { return faults[n] }
	flags.Func("tag", "an existing tag, `name=commit`; repeatable", func(v string) error {
		name, sha, _ := strings.Cut(v, "=")
		if name == "" || len(sha) != 40 {
			return errors.New("want name=commit, with a full SHA")
		}
		opts.Tags[name] = sha
		return nil
	})

	err := flags.Parse(args)
	owner, name, _ := strings.Cut(opts.Repo, "/")
	if err != nil || flags.NArg() > 0 || owner == "" || name == "" || strings.Contains(name, "/") {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		fmt.Fprintln(stderr, "usage: fakegithub [-addr ADDRESS] [-repo OWNER/NAME] [-token TOKEN] [-tag NAME=COMMIT]... [-fault NUMBER=KIND]... [-minute LENGTH] [-immutable] [-head COMMIT] [-state FILE]")
		return 2
	}

	gh := githubtest.New(opts)
	if err := serve(ctx, *addr, &recorded{Server: gh, file: *state}, stdout); err != nil {
		fmt.Fprintln(stderr, "fakegithub:", err)
		return 1
	}

	for _, violation := range gh.Invalid() {
		fmt.Fprintln(stderr, "invalid:", violation)
	}

	return min(len(gh.Invalid()), 1)
}

// kinds are the faults by name.
var kinds = map[string]githubtest.Fault{
	"reset":           {Reset: true},
	"hang":            {Hang: true},
	"starter":         {Starter: true},
	"truncate":        {Truncate: true},
	"done-502":        {AfterDone: true},
	"done-reset":      {AfterDone: true, Reset: true},
	"secondary-limit": *githubtest.SecondaryLimit(0),
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

// parseFault reads number=kind.
func parseFault(v string) (number int, fault *githubtest.Fault, err error) {
	left, kind, _ := strings.Cut(v, "=")
	if number, err = strconv.Atoi(left); err != nil || number < 1 {
		return 0, nil, errors.New("want number=kind, with numbers from 1")
	}
	if f, ok := kinds[kind]; ok {
		return number, &f, nil
	}

	status, err := strconv.Atoi(kind)
	if err != nil || status < 400 || status > 599 {
		return 0, nil, fmt.Errorf("%q is neither a status from 400 nor one of %s", kind, strings.Join(kindNames(), ", "))
	}

	return number, &githubtest.Fault{Status: status}, nil
}

// serve listens until ctx ends. Requests that are then still hanging are cut off.
func serve(ctx context.Context, addr string, gh *recorded, stdout io.Writer) error {
	if err := gh.write(); err != nil {
		return err
	}

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}

	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	server := &http.Server{Handler: gh}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}

	return gh.write()
}

// A recorded is a server whose state is in a file, after each request.
type recorded struct {
	*githubtest.Server
	file string // "" for none
	mu   sync.Mutex
}

func (r *recorded) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	write := func() {
		if err := r.write(); err != nil {
			panic(err)
		}
	}

	defer write() // a request may end without an answer
	r.Server.ServeHTTP(&answering{ResponseWriter: w, before: write}, req)
}

// An answering does something before the client hears anything: what a client was
// told is in the file.
type answering struct {
	http.ResponseWriter
	before func()
}

func (a *answering) WriteHeader(status int) {
	a.before()
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// write replaces the file in one step, so that nobody reads half of it.
func (r *recorded) write() error {
	if r.file == "" {
		return nil
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	state, err := json.MarshalIndent(map[string]any{
		"releases": r.Releases(), "history": r.History(), "requests": r.Requests(), "invalid": r.Invalid(),
	}, "", "  ")
	if err == nil {
		err = os.WriteFile(r.file+".new", append(state, '\n'), 0o666)
	}
	if err == nil {
		err = os.Rename(r.file+".new", r.file)
	}
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}

	return nil
}
