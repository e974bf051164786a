// Command benchmarks compares whole releases: this program, the loops that everybody
// writes around go build, and GoReleaser if it is on PATH.
//
//	go run ./testdata/benchmarks                    # age, ten targets, three rounds
//	go run ./testdata/benchmarks -targets 1,5,20 -rounds 1
//	go run ./testdata/benchmarks -project . -against parallel
//	go run ./testdata/benchmarks -project small
//	go run ./testdata/benchmarks -project large -targets 40 -rounds 1 -against ''  # our own memory
//	go run ./testdata/benchmarks -packages ./...    # all eight programs of age
//	go run ./testdata/benchmarks -warm -rounds 5    # nothing from an empty cache: minutes
//
// Every contestant makes the same files of the same sources: all programs for all
// targets, an archive for each target, a list of digests. In each round one after the
// other, in another order each time, runs from an empty build cache (cold); again with the
// cache it filled, on a commit with a new version (warm); and once more on the same commit,
// with the files it made still there (again; GoReleaser removes its own). A version is new
// for everyone: the commit is stamped into main packages, which are then compiled anew.
// What is printed are ratios between runs of one round, the median of the rounds and the
// least and greatest: on a machine that others use too, seconds of two rounds cannot be
// compared.
//
// Nobody but this program proves anything. The loops pack with the system's tar and gzip.
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

// A benchmark is what was asked for.
type benchmark struct {
	project string
	pattern string // of the programs; "" for those that this program takes by itself
	counts  []int  // of targets
	rounds  int
	against []string
	warm    bool   // with this machine's own build cache only
	work    string // directory for everything; removed at the end
	caches  int    // that were filled; one for ten targets is a gigabyte
	module  string // where it is in the repository
}

// others are those that this program can be compared with.
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
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	project := flags.String("project", "filippo.io/age@v1.3.1", "what is released: a module at a version, a directory, or what this benchmark has: small (three programs), large (one of 50 MB)")
	pattern := flags.String("packages", "", "which programs (default those that this program takes by itself)")
	targets := flags.String("targets", "10", "how many targets, several numbers for several comparisons")
	rounds := flags.Int("rounds", 3, "how often everything runs")
	against := flags.String("against", strings.Join(others, ","), "whom to compare with")
	warm := flags.Bool("warm", false, "only with the build cache of this machine, filled by a run that is not measured: a round takes seconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("-rounds: %d is no number of rounds", *rounds)
	}

	b := &benchmark{project: *project, pattern: *pattern, rounds: *rounds, against: list(*against), warm: *warm}
	for _, word := range list(*targets) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("-targets: %q is no number of targets", word)
		}
		b.counts = append(b.counts, n)
	}

	for _, name := range b.against {
		if !slices.Contains(others, name) {
			return fmt.Errorf("-against: %q is none of %s", name, strings.Join(others, ", "))
		}
	}

	if b.work, err = os.MkdirTemp("", "benchmarks-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	everyone, err := b.prepare(ctx)
	if err != nil {
		return err
	}

	fmt.Printf("%s, %d processors, %s\n", b.project, runtime.GOMAXPROCS(0), runtime.Version())
	for _, n := range b.counts {
		results, err := b.compare(ctx, everyone, n)
		if err != nil {
			return fmt.Errorf("%d targets: %w", n, err)
		}
		b.print(os.Stdout, n, results)
	}

	return nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// states are those of the build cache, in the order in which they come about.
func (b *benchmark) states() []string {
	if b.warm {
		return []string{"warm", "again"}
	}
	return []string{"cold", "warm", "again"}
}

// results are the measures by state, contestant and round.
type results map[string]map[string][]measure

// compare lets everyone release for n targets, in every round.
func (b *benchmark) compare(ctx context.Context, everyone []contestant, n int) (results, error) {
	r := results{}
	targets, err := firstTargets(ctx, n)
	if err != nil {
		return nil, err
	}
	if b.warm {
		if err := b.newVersion(ctx); err != nil {
			return nil, err
		}
		for _, c := range everyone { // GoReleaser's linux/arm is another one
			if _, err := b.measure(ctx, c, "cold", targets); err != nil {
				return nil, fmt.Errorf("%s, filling the cache: %w", c.name, err)
			}
		}
	}

	for round := range b.rounds {
		order := slices.Clone(everyone)
		for range round { // the first of one round is the last of the next
			order = append(order[1:], order[0])
		}

		for _, c := range order {
			if err := b.round(ctx, c, round+1, targets, r); err != nil {
				return nil, err
			}
		}
	}

	return r, nil
}

// round lets one contestant release from every state of the cache.
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
		if r[state] == nil {
			r[state] = map[string][]measure{}
		}

		r[state][c.name] = append(r[state][c.name], m)
		fmt.Fprintf(os.Stderr, "  round %d, %d targets, %s, %s: %.1f s, %.1f CPU seconds, %d MB\n", round, len(targets), state, c.name, m.wall, m.cpu, m.memory>>20)
	}

	// Removed at the end of everything: while ten thousand files are removed and for a minute
	// after, ext4 is slow to make new ones, and the next contestant would pay for it.
	b.caches++
	return nil
}
