// Command benchmarks compares whole releases: those of this program, of loops around go
// build, and of GoReleaser if it is on PATH.
//
//	go run ./testdata/benchmarks                    # age, ten targets, three rounds
//	go run ./testdata/benchmarks -targets 1,5,20 -rounds 1
//	go run ./testdata/benchmarks -project . -against parallel
//	go run ./testdata/benchmarks -project small
//	go run ./testdata/benchmarks -project large -targets 40 -rounds 1 -against ''  # our memory
//	go run ./testdata/benchmarks -packages ./...    # all eight programs of age
//	go run ./testdata/benchmarks -warm -rounds 5    # no empty caches: takes minutes
//
// Every contestant makes the same files from the same sources: all programs for all
// targets, an archive for each target, a list of digests.
//
// In each round the contestants take turns, in another order each time. Each of them runs
// with an empty build cache (cold), again with the cache it filled, on a commit with a new
// version (warm), and once more on the same commit, with its files still there (again;
// GoReleaser removes its own). A new version means work for all of them: the commit is
// stamped into main packages, which are then compiled again.
//
// The output are ratios between runs of the same round: the median of the rounds, the
// least and the greatest. Seconds of two rounds cannot be compared on a machine that
// others use too.
//
// Only this program proves anything about the binaries. The loops pack with the system's
// tar and gzip.
//
// The go command skips testdata: this package is not in ./... and has to be named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A benchmark holds what the command line asks for, and where the run keeps its files.
type benchmark struct {
	project string
	pattern string // of the programs; "" for those that this program selects by itself
	counts  []int  // numbers of targets; each is a comparison
	rounds  int
	against []string // names of the other contestants
	warm    bool     // use the build cache of this machine only

	work   string // directory for everything, removed at the end
	caches int    // number of build caches that were filled; one for ten targets has a gigabyte
	module string // directory of the module in the repository
}

// others are the names of the contestants to compare with.
var others = []string{"sequential", "parallel", "goreleaser"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	b, err := parse(args)
	if err != nil {
		return err
	}

	b.work, err = os.MkdirTemp("", "benchmarks-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	contestants, err := b.prepare(ctx)
	if err != nil {
		return err
	}

	fmt.Printf("%s, %d processors, %s\n", b.project, runtime.GOMAXPROCS(0), runtime.Version())
	for _, n := range b.counts {
		results, err := b.compare(ctx, contestants, n)
		if err != nil {
			return fmt.Errorf("%d targets: %w", n, err)
		}
		b.print(os.Stdout, n, results)
	}

	return nil
}

// parse returns the benchmark that the command line asks for.
func parse(args []string) (*benchmark, error) {
	b := &benchmark{}
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.StringVar(&b.project, "project", "filippo.io/age@v1.3.1",
		"what to release: a module at a version, a directory, or a built-in project: "+
			"small (three programs) or large (one of 50 MB)")
	flags.StringVar(&b.pattern, "packages", "",
		"which programs to release (default: those that go-static-release selects)")
	flags.IntVar(&b.rounds, "rounds", 3,
		"how often to run everything")
	flags.BoolVar(&b.warm, "warm", false,
		"use the build cache of this machine only, filled by a run that is not measured: a round takes seconds")
	targets := flags.String("targets", "10",
		"how many targets; several numbers for several comparisons")
	against := flags.String("against", strings.Join(others, ","),
		"contestants to compare with")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}

	if b.rounds < 1 {
		return nil, fmt.Errorf("-rounds: %d is not a number of rounds", b.rounds)
	}
	for _, word := range list(*targets) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-targets: %q is not a number of targets", word)
		}
		b.counts = append(b.counts, n)
	}
	b.against = list(*against)
	for _, name := range b.against {
		if !slices.Contains(others, name) {
			return nil, fmt.Errorf("-against: %q is none of %s", name, strings.Join(others, ", "))
		}
	}

	return b, nil
}

// list splits a list at commas and spaces.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// states returns the states in which each contestant runs, in order.
func (b *benchmark) states() []string {
	if b.warm {
		return []string{"warm", "again"}
	}
	return []string{"cold", "warm", "again"}
}

// results holds the measures by state and contestant, one for each round.
type results map[string]map[string][]measure

// add records the measure of one more round.
func (r results) add(state, contestant string, m measure) {
	if r[state] == nil {
		r[state] = map[string][]measure{}
	}
	r[state][contestant] = append(r[state][contestant], m)
}

// compare lets every contestant release for n targets, in every round.
func (b *benchmark) compare(ctx context.Context, contestants []contestant, n int) (results, error) {
	targets, err := firstTargets(ctx, n)
	if err != nil {
		return nil, err
	}

	if b.warm {
		if err := b.fillCache(ctx, contestants, targets); err != nil {
			return nil, err
		}
	}

	r := results{}
	for round := range b.rounds {
		// The first of one round is the last of the next.
		first := round % len(contestants)
		order := slices.Concat(contestants[first:], contestants[:first])

		for _, c := range order {
			if err := b.round(ctx, c, round+1, targets, r); err != nil {
				return nil, err
			}
		}
	}

	return r, nil
}

// fillCache runs every contestant once without measuring it. All of them have to run: the
// builds of linux/arm by GoReleaser, for example, differ from ours.
func (b *benchmark) fillCache(ctx context.Context, contestants []contestant, targets []string) error {
	if err := b.newVersion(ctx); err != nil {
		return err
	}

	for _, c := range contestants {
		if _, err := b.measure(ctx, c, "cold", targets); err != nil {
			return fmt.Errorf("%s, filling the cache: %w", c.name, err)
		}
	}

	return nil
}

// round lets one contestant release in every state.
func (b *benchmark) round(ctx context.Context, c contestant, round int, targets []string, r results) error {
	for _, state := range b.states() {
		if state != "again" {
			if err := b.newVersion(ctx); err != nil {
				return err
			}
		}

		m, err := b.measure(ctx, c, state, targets)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.name, state, err)
		}

		r.add(state, c.name, m)
		fmt.Fprintf(os.Stderr, "  round %d, %d targets, %s, %s: %.1f s, %.1f CPU seconds, %d MB\n",
			round, len(targets), state, c.name, m.wall, m.cpu, m.memory>>20)
	}

	// Use another cache for the next contestant, and remove this one at the end of the
	// run. While ten thousand files are removed, and for a minute after, ext4 is slow to
	// create files, which the next contestant would pay for.
	b.caches++

	return nil
}
