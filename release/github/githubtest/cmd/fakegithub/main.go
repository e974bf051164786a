// Fakegithub serves the fake GitHub of package githubtest, for tests that are not written
// in Go, such as a workflow that nektos/act runs.
//
//	fakegithub -repo octo/hello -token t -tag v1.0.0=$(git rev-parse HEAD) -state state.json
//
// With -fault 7=502 request 7 fails with that status. With -minute 1m GitHub's secondary
// limits are enforced. With -immutable releases become immutable when they are published.
//
// The first line of the output is the base address. It has the API (at / or /api/v3),
// uploads (at /uploads or /api/uploads) and a page for people (at /).
//
// The state file is complete after each request. It holds the releases, every state that
// the public ever saw (history), the log of requests, and every violation of GitHub's
// description (invalid).
//
// The program ends when it is interrupted. The exit status is 0, 1 if something was
// invalid, or 2 if the arguments were wrong.
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
	opts := githubtest.Options{Now: now, Tags: map[string]string{}}
	faults := map[int]*githubtest.Fault{}
	opts.Fault = func(n int, _ *http.Request) *githubtest.Fault { return faults[n] }

	flags := flag.NewFlagSet("fakegithub", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen on")
	state := flags.String("state", "", "`file` to write the state to, as JSON")
	flags.StringVar(&opts.Repo, "repo", "octo/hello", "the repository, `owner/name`")
	flags.StringVar(&opts.Token, "token", "", "the `token` that may write")
	flags.StringVar(&opts.Head, "head", "", "`commit` of the branch main")
	flags.BoolVar(&opts.Immutable, "immutable", false, "make published releases immutable")
	flags.DurationVar(&opts.Minute, "minute", 0, "enforce the secondary limits, with minutes of this `length`")

	faultUsage := "let a request fail, `number=kind`; repeatable; kind is a status or one of " + faultNames()
	flags.Func("fault", faultUsage, func(v string) error {
		number, fault, err := parseFault(v)
		faults[number] = fault
		return err
	})
	flags.Func("tag", "an existing tag, `name=commit`; repeatable", func(v string) error {
		name, sha, _ := strings.Cut(v, "=")
		if name == "" || len(sha) != 40 {
			return errors.New("want name=commit, with a full SHA")
		}
		opts.Tags[name] = sha
		return nil
	})

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil || flags.NArg() > 0 || !validRepo(opts.Repo) {
		fmt.Fprintln(stderr, usage)
		return 2
	}

	gh := githubtest.New(opts)
	if err := serve(ctx, *addr, &stateWriter{Server: gh, file: *state}, stdout); err != nil {
		fmt.Fprintln(stderr, "fakegithub:", err)
		return 1
	}

	invalid := gh.Invalid()
	for _, violation := range invalid {
		fmt.Fprintln(stderr, "invalid:", violation)
	}
	if len(invalid) > 0 {
		return 1
	}
	return 0
}

const usage = `usage: fakegithub [-addr ADDRESS] [-repo OWNER/NAME] [-token TOKEN] [-head COMMIT]
	[-tag NAME=COMMIT]... [-fault NUMBER=KIND]... [-minute LENGTH] [-immutable] [-state FILE]`

// validRepo reports whether repo is OWNER/NAME.
func validRepo(repo string) bool {
	owner, name, _ := strings.Cut(repo, "/")
	return owner != "" && name != "" && !strings.Contains(name, "/")
}

// namedFaults are the kinds of faults that are not a status.
var namedFaults = map[string]githubtest.Fault{
	"reset":           {Reset: true},
	"hang":            {Hang: true},
	"starter":         {Starter: true},
	"truncate":        {Truncate: true},
	"done-502":        {AfterDone: true},
	"done-reset":      {AfterDone: true, Reset: true},
	"secondary-limit": *githubtest.SecondaryLimit(0),
}

func faultNames() string {
	return strings.Join(slices.Sorted(maps.Keys(namedFaults)), ", ")
}

// parseFault parses NUMBER=KIND.
func parseFault(v string) (number int, fault *githubtest.Fault, err error) {
	left, kind, _ := strings.Cut(v, "=")
	number, err = strconv.Atoi(left)
	if err != nil || number < 1 {
		return 0, nil, errors.New("want number=kind, with numbers from 1")
	}
	if f, ok := namedFaults[kind]; ok {
		return number, &f, nil
	}

	status, err := strconv.Atoi(kind)
	if err != nil || status < 400 || status > 599 {
		return 0, nil, fmt.Errorf("%q is neither a status from 400 nor one of %s", kind, faultNames())
	}
	return number, &githubtest.Fault{Status: status}, nil
}

// serve listens until ctx is done. Requests that are then unanswered are cut off.
func serve(ctx context.Context, addr string, gh *stateWriter, stdout io.Writer) error {
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

// A stateWriter is a server that writes its state to a file with each request.
type stateWriter struct {
	*githubtest.Server
	file string // "" for none
	mu   sync.Mutex
}

func (s *stateWriter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	write := func() {
		if err := s.write(); err != nil {
			panic(err)
		}
	}

	// Write before the client is answered, so the file has what the client knows. Write
	// again at the end, because a request can end without an answer.
	defer write()
	s.Server.ServeHTTP(&beforeAnswer{ResponseWriter: w, do: write}, r)
}

// write replaces the file in one step, so nobody can read half of it.
func (s *stateWriter) write() error {
	if s.file == "" {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	state, err := json.MarshalIndent(map[string]any{
		"releases": s.Releases(),
		"history":  s.History(),
		"requests": s.Requests(),
		"invalid":  s.Invalid(),
	}, "", "  ")
	if err == nil {
		err = os.WriteFile(s.file+".new", append(state, '\n'), 0o666)
	}
	if err == nil {
		err = os.Rename(s.file+".new", s.file)
	}
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}

	return nil
}

// A beforeAnswer calls do before the client receives anything.
type beforeAnswer struct {
	http.ResponseWriter
	do func()
}

func (b *beforeAnswer) WriteHeader(status int) {
	b.do()
	b.ResponseWriter.WriteHeader(status)
}

// Unwrap is called by [http.ResponseController].
func (b *beforeAnswer) Unwrap() http.ResponseWriter { return b.ResponseWriter }
