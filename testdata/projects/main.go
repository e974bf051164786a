// Command projects plans releases of well-known projects, without settings, and compares them
// with what those projects ship: which programs, in which archives, saying which version.
//
//	go run ./testdata/projects                   # plans of all projects
//	go run ./testdata/projects -only age,gh      # of some
//	go run ./testdata/projects -build -only age  # dry runs for this machine, too
//
// The projects are modules at a version (projects.go). The go command fetches each of them from
// the module proxy, with what it requires: all of them together are some gigabytes. A
// repository is made of it, with the tag of that version.
//
// The output is a table in Markdown, which docs/projects.md keeps. The exit status is 1 if a
// program that a project ships would not be released.
//
// The go command skips testdata: this package is not in ./... and has to be named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// A comparison holds what the command line asks for.
type comparison struct {
	build bool

	work    string // directory for everything, removed at the end
	program string // this program, compiled
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, chosen, err := parse(args, stderr)
	if err != nil {
		return err
	}

	c.work, err = os.MkdirTemp("", "projects-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.work)) }()

	c.program = filepath.Join(c.work, "go-static-release")
	_, err = output(ctx, ".", "go", "build", "-o", c.program, "github.com/org/go-static-release")
	if err != nil {
		return err
	}

	results := make([]result, len(chosen))
	for i, p := range chosen {
		fmt.Fprintf(stderr, "%d of %d: %s\n", i+1, len(chosen), p.name)
		results[i] = c.measure(ctx, p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}

	printTable(stdout, results, c.build)
	return verdict(results)
}

// parse reads the command line. It returns the projects to compare.
func parse(args []string, stderr io.Writer) (c *comparison, chosen []project, err error) {
	c = &comparison{}
	flags := flag.NewFlagSet("projects", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "names of projects, separated by commas (default: all)")
	flags.BoolVar(&c.build, "build", false, "make a dry run for this machine and ask the programs for their version")
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	if flags.NArg() > 0 {
		return nil, nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *only == "" {
		return c, projects, nil
	}

	for _, name := range strings.Split(*only, ",") {
		i := slices.IndexFunc(projects, func(p project) bool { return p.name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("-only: no project is called %q", name)
		}
		chosen = append(chosen, projects[i])
	}
	return c, chosen, nil
}

// output runs a command and returns what it prints, without the last newline. Its error holds
// what the command wrote to standard error.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()

	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return string(out), fmt.Errorf("%s %s: %w: %s",
			filepath.Base(name), args[0], err, firstLines(string(failed.Stderr)))
	}
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w", filepath.Base(name), args[0], err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// firstLines returns the beginning of what a command wrote.
func firstLines(text string) string {
	const most = 6
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(most, len(lines))], "\n")
}
