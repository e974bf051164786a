// Package limit decides how many compilers a machine can run at a time, by its processors and
// its memory. It is a leaf.
package limit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// A Limiter lets builds run side by side: a limited number at a time, in the order in which
// they came, and only as many as their memory allows.
//
// What a build needs is not known before one has ended. Until then every build is expected
// to need ample memory, so the first one runs alone where memory is short.
type Limiter struct {
	most       int   // builds at a time
	processes  int   // of each build, as the user wants it; 0: decided here
	processors int   // of the machine
	memory     int64 // bytes that all builds may use together; 0: not limited

	mu      sync.Mutex
	queue   []*Turn // waiting
	running []*Turn
	largest int64 // bytes, the largest process of a build that has ended; 0: none has
	killed  bool  // the system has killed a build because memory was short
}

const (
	// spare is the part of the free memory that is left to others, in percent: this
	// process, the system, and what processes use beyond their largest one.
	spare = 15

	// ample is what a build is expected to need while none was measured. With that much
	// memory, its compilers collect garbage only at their limit (Share.Env).
	ample = 2 << 30

	// compiler and linker are what one process uses at most, while nothing was measured,
	// except for a few large packages: linking a program of 56 MB takes 0.9 GB (Go 1.26).
	compiler = 512 << 20
	linker   = 1 << 30
)

// New returns a limiter for builds on a machine, with at most so many at a time. Each
// may run so many processes, or as many as the limiter decides if processes is 0.
func New(m Machine, most, processes int) *Limiter {
	l := &Limiter{
		most:       max(1, most),
		processes:  processes,
		processors: max(1, m.Processors),
	}
	if m.Memory > 0 {
		// 0 would mean that memory is not limited. A control group that is full gets one byte.
		l.memory = max(1, m.Memory/100*(100-spare))
	}
	return l
}

// A Share is the part of the machine that a build may use.
//
// How it is chosen was measured with age's programs, for two targets at a time on two
// processors with an empty cache (Go 1.26). Collecting garbage takes 11 % of the time by
// default, and 3 % with GOGC=800 at 1.5 times the memory of the largest process; GOGC=off
// takes 0.97 of that time and 2.3 times the memory. If there are as many builds as
// processors, one process with one thread for each build takes 0.85 of the time of two
// processes with two threads. Two processes with one thread take 0.95 of the time of one,
// because a processor has something to do while a go command is between two compilers.
type Share struct {
	Processes int      // at a time: the -p of go build
	Env       []string // of its compilers, unless the user sets it: GOMAXPROCS, GOGC, GOMEMLIMIT
}

// A Turn is a build's place in the queue, and then among the builds that run.
type Turn struct {
	limiter *Limiter
	links   int           // programs that it links
	alone   bool          // no other build may run beside it
	ready   chan struct{} // closed when it may run
	share   Share
	most    int // builds that ran at a time while it did, including itself
}

// Queue puts a build at the end of the queue. links is how many programs it links.
func (l *Limiter) Queue(links int) *Turn {
	l.mu.Lock()
	defer l.mu.Unlock()

	t := &Turn{
		limiter: l,
		links:   links,
		ready:   make(chan struct{}),
	}
	l.queue = append(l.queue, t)
	return t
}

// Alone puts a build that was killed at the head of the queue again. It then uses as little
// memory as it can, and no other build runs beside it.
//
// Alone must be called before Done, which lets other builds run. A killed build shows that
// memory was overestimated: from then on fewer builds run at a time, and all of them collect
// garbage.
func (t *Turn) Alone() *Turn {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()

	l.killed = true
	l.most = max(1, min(l.most, t.most)-1)

	again := &Turn{
		limiter: l,
		links:   t.links,
		alone:   true,
		ready:   make(chan struct{}),
	}
	l.queue = slices.Insert(l.queue, 0, again)
	return again
}

// Wait waits until the build may run. Unless it returns an error, Done must be called.
func (t *Turn) Wait(ctx context.Context) (Share, error) {
	t.limiter.mu.Lock()
	t.limiter.admit()
	t.limiter.mu.Unlock()

	select {
	case <-t.ready:
		return t.share, nil
	case <-ctx.Done():
		t.cancel()
		return Share{}, context.Cause(ctx)
	}
}

// cancel gives up a place in the queue, or among the builds that run.
func (t *Turn) cancel() {
	if !t.leaveQueue() {
		t.Done(0)
	}
}

// leaveQueue reports whether the build was in the queue.
func (t *Turn) leaveQueue() bool {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()

	i := slices.Index(l.queue, t)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	l.admit()
	return true
}

// Done ends the turn. largest is the size of the build's largest process in bytes, or 0 if
// it is not known or says nothing about other builds, because this one failed or linked
// nothing.
func (t *Turn) Done(largest int64) {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()

	l.running = slices.DeleteFunc(l.running, func(other *Turn) bool { return other == t })
	if t.alone {
		largest *= 2 // other builds collect garbage less often
	}
	l.largest = max(l.largest, largest)
	l.admit()
}

// admit lets builds run, in the order of the queue, while there is room. No build overtakes
// another, so a large one gets its turn. The lock must be held.
func (l *Limiter) admit() {
	for len(l.queue) > 0 {
		t := l.queue[0]
		t.share = l.share(t)
		if len(l.running) > 0 && !l.fits(t) {
			return
		}

		l.queue = l.queue[1:]
		l.running = append(l.running, t)
		for _, r := range l.running {
			r.most = max(r.most, len(l.running))
		}
		close(t.ready)
	}
}

// fits reports whether a build may run beside the running ones. It computes what they need
// each time, because more is known about that when more builds have ended.
func (l *Limiter) fits(t *Turn) bool {
	if t.alone || l.running[0].alone || len(l.running) >= l.most {
		return false
	}
	if l.memory == 0 {
		return true
	}

	needed := l.need(t)
	for _, r := range l.running {
		needed += l.need(r)
	}
	return needed <= l.memory
}

// need returns how much memory a build is expected to need with its share, in bytes.
func (l *Limiter) need(t *Turn) int64 {
	if l.largest == 0 {
		return ample
	}
	links := min(t.links, t.share.Processes) // at a time
	return l.largest * int64(max(1, links))
}

// together returns how many builds will run at a time.
func (l *Limiter) together() int {
	n := min(l.most, len(l.running)+len(l.queue))
	if l.memory == 0 {
		return n
	}
	fit := l.memory / cmp.Or(l.largest, ample)
	return max(1, min(n, int(fit)))
}

// share returns what a build may use now: its part of the processors, and no more processes
// than fit into its part of the memory.
func (l *Limiter) share(t *Turn) Share {
	if t.alone {
		return Share{
			Processes: 1,
			Env:       []string{"GOGC=50"},
		}
	}

	var s Share
	together := l.together()
	s.Processes = (l.processors + together - 1) / together
	if s.Processes < l.processors {
		s.Env = append(s.Env, fmt.Sprintf("GOMAXPROCS=%d", s.Processes))
		s.Processes++
	}
	if l.memory == 0 {
		s.Processes = cmp.Or(l.processes, s.Processes)
		return s
	}

	mine := l.memory / int64(together)
	compilers := mine / min(compiler, cmp.Or(l.largest, compiler))
	s.Processes = max(1, min(s.Processes, int(compilers)))
	if t.links > 1 { // they may be linked at the same time
		linkers := mine / cmp.Or(l.largest, linker)
		s.Processes = max(1, min(s.Processes, int(linkers)))
	}
	s.Processes = cmp.Or(l.processes, s.Processes)

	if mine >= ample && !l.killed {
		// Each process gets half of the memory at most, because several compilers of one
		// build may grow at a time.
		growing := max(2, min(t.links, s.Processes))
		s.Env = append(s.Env, "GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", mine/int64(growing)))
	}
	return s
}
