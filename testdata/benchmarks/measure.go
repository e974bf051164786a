package main

import (
	"bytes"
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

// A measure is what one run cost.
type measure struct {
	wall   float64 // seconds
	cpu    float64 // processor seconds, of the process and all its children
	memory int64   // bytes, the most that all of its processes had at a time; 0 where that is not known
	own    int64   // bytes, the most that the first process had by itself; 0 where that is not known
	added  float64 // of cpu, what was not spent by compilers; ours only
}

// measure runs one contestant in a state of its cache.
func (b *benchmark) measure(ctx context.Context, c contestant, state string, targets []string) (m measure, err error) {
	if state != "again" {
		if err := os.RemoveAll(b.out(c)); err != nil {
			return m, err
		}
	}

	var said bytes.Buffer
	args, err := c.command(targets, b.out(c))
	if err != nil {
		return m, err
	}

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.source(), &said, &said
	// What a contestant does to its compilers is its own: nothing of this machine's settings.
	// GOFLAGS is the go command's default, said aloud: an empty one is that of go env -w,
	// and without the commit's stamp the loops would compile no main package again.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS"}, name)
	}), "GOFLAGS=-buildvcs=auto", "GITHUB_TOKEN=", "GITHUB_ACTIONS=")
	if !b.warm {
		cmd.Env = append(cmd.Env, "GOCACHE="+b.cache())
	}

	ownSession(cmd)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return m, err
	}

	stop := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	m.wall = time.Since(start).Seconds()
	m.memory, m.own = stop()
	if err != nil {
		return m, fmt.Errorf("%w:\n%s", err, said.Bytes())
	}

	m.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	archives, err := filepath.Glob(filepath.Join(b.out(c), "*.tar.gz"))
	if err != nil {
		return m, err
	}
	if len(archives) != len(targets) {
		return m, fmt.Errorf("%d archives for %d targets:\n%s", len(archives), len(targets), said.Bytes())
	}
	if c.name == ours {
		m.added, err = b.added(c, m.cpu)
	}

	return m, err
}

// added is the part of our processor time that the go builds did not take, by our report.
func (b *benchmark) added(c contestant, cpu float64) (float64, error) {
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

	for _, t := range report.Targets {
		cpu -= t.Seconds.CPU
	}

	return cpu, nil
}

// print prints the ratios of a comparison: ours over theirs, so that less is better.
func (b *benchmark) print(w io.Writer, n int, r results) {
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
				ratio(mine, theirs, func(m measure) float64 { return m.wall }),
				ratio(mine, theirs, func(m measure) float64 { return m.cpu }),
				ratio(mine, theirs, func(m measure) float64 { return float64(m.memory) }))
		}

		fmt.Fprintf(tw, "%s\tof it, not compiling\t\t%s\tmost of our own process: %d MB\n", state,
			spread(mine, func(m measure) float64 { return m.added / m.cpu }), slices.MaxFunc(mine, func(x, y measure) int { return int(x.own - y.own) }).own>>20)
	}

	_ = tw.Flush() // as with fmt.Printf: a terminal that is gone
}

// ratio is the median of the rounds' ratios, with the least and the greatest.
func ratio(mine, theirs []measure, of func(measure) float64) string {
	ratios := make([]float64, len(mine))
	for i := range mine {
		if of(mine[i]) == 0 || of(theirs[i]) == 0 {
			return "not known"
		}
		ratios[i] = of(mine[i]) / of(theirs[i])
	}

	return median(ratios)
}

func spread(mine []measure, of func(measure) float64) string {
	values := make([]float64, len(mine))
	for i := range mine {
		values[i] = of(mine[i])
	}

	return median(values)
}

func median(values []float64) string {
	slices.Sort(values)
	middle := (values[len(values)/2] + values[(len(values)-1)/2]) / 2
	return fmt.Sprintf("%.2f (%.2f to %.2f)", middle, values[0], values[len(values)-1])
}
