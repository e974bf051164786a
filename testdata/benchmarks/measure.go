package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A measure is the cost of one run. Memory is 0 where it is not known.
type measure struct {
	wall   float64 // seconds
	cpu    float64 // CPU seconds of the process and all its children
	memory int64   // bytes, the maximum of all its processes together
	own    int64   // bytes, the maximum of the first process alone
	added  float64 // CPU seconds outside compilers; for this program only
}

// measure runs one contestant in a state of its cache.
func (b *benchmark) measure(ctx context.Context, c contestant, state string, targets []string) (measure, error) {
	if state != "again" {
		if err := os.RemoveAll(b.out(c)); err != nil {
			return measure{}, err
		}
	}

	args, err := c.command(targets, b.out(c))
	if err != nil {
		return measure{}, err
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = b.source()
	cmd.Env = b.environ()
	cmd.Stdout = &log
	cmd.Stderr = &log
	ownSession(cmd)

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return measure{}, err
	}
	stop := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()

	var m measure
	m.wall = time.Since(start).Seconds()
	m.memory, m.own = stop()
	if err != nil {
		return m, fmt.Errorf("%w:\n%s", err, log.Bytes())
	}
	m.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()

	archives, err := filepath.Glob(filepath.Join(b.out(c), "*.tar.gz"))
	if err != nil {
		return m, err
	}
	if len(archives) != len(targets) {
		return m, fmt.Errorf("%d archives for %d targets:\n%s", len(archives), len(targets), log.Bytes())
	}

	if c.name == ours {
		compilers, err := b.compilerTime(c)
		if err != nil {
			return m, err
		}
		m.added = m.cpu - compilers
	}

	return m, nil
}

// environ returns the environment of a contestant.
func (b *benchmark) environ() []string {
	// Each contestant sets these for its compilers, or does not. The settings of this
	// machine must not change that.
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS"}, name)
	})

	// This is the default of the go command. It has to be set, because an empty GOFLAGS
	// means the one that go env -w has saved. Without the stamp of the commit, the loops
	// would not compile main packages for a new version.
	env = append(env, "GOFLAGS=-buildvcs=auto")

	// Nothing is published, and nothing depends on where this runs.
	env = append(env, "GITHUB_TOKEN=", "GITHUB_ACTIONS=")

	if !b.warm {
		env = append(env, "GOCACHE="+b.cache())
	}
	return env
}

// compilerTime returns the CPU seconds of all go builds, according to our report.
func (b *benchmark) compilerTime(c contestant) (float64, error) {
	data, err := os.ReadFile(filepath.Join(b.out(c), "report.json"))
	if err != nil {
		return 0, err
	}

	var report struct {
		Targets []struct{ Seconds struct{ CPU float64 } }
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return 0, fmt.Errorf("reading the report: %w", err)
	}

	sum := 0.0
	for _, t := range report.Targets {
		sum += t.Seconds.CPU
	}
	return sum, nil
}

// print prints the ratios of a comparison, ours over theirs: less is better.
func (b *benchmark) print(w io.Writer, n int, r results) {
	wall := func(m measure) float64 { return m.wall }
	cpu := func(m measure) float64 { return m.cpu }
	memory := func(m measure) float64 { return float64(m.memory) }
	added := func(m measure) float64 { return m.added / m.cpu }

	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\n%d targets\tagainst\ttime\tCPU\tmemory\n", n)

	for _, state := range b.states() {
		mine := r[state][ours]
		for _, other := range b.against {
			theirs := r[state][other]
			if len(theirs) == 0 {
				continue
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", state, other,
				ratio(mine, theirs, wall),
				ratio(mine, theirs, cpu),
				ratio(mine, theirs, memory))
		}

		most := slices.MaxFunc(mine, func(x, y measure) int { return cmp.Compare(x.own, y.own) })
		fmt.Fprintf(tw, "%s\tof it, not compiling\t\t%s\tour own process at most: %d MB\n",
			state, spread(mine, added), most.own>>20)
	}

	_ = tw.Flush() // fails only if the terminal is gone, as fmt.Printf does
}

// ratio returns the median of the rounds' ratios, with the least and the greatest.
func ratio(mine, theirs []measure, value func(measure) float64) string {
	ratios := make([]float64, len(mine))
	for i := range mine {
		if value(mine[i]) == 0 || value(theirs[i]) == 0 {
			return "not known"
		}
		ratios[i] = value(mine[i]) / value(theirs[i])
	}

	return median(ratios)
}

// spread returns the median of the rounds' values, with the least and the greatest.
func spread(mine []measure, value func(measure) float64) string {
	values := make([]float64, len(mine))
	for i := range mine {
		values[i] = value(mine[i])
	}

	return median(values)
}

// median formats the median of values, with the least and the greatest.
func median(values []float64) string {
	slices.Sort(values)
	middle := (values[len(values)/2] + values[(len(values)-1)/2]) / 2
	return fmt.Sprintf("%.2f (%.2f to %.2f)", middle, values[0], values[len(values)-1])
}
