// Package limit decides how many compilers a machine can run at a time, by its processors and
// its memory. It is a leaf.
package limit

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// ThisMachine looks at the machine. The processors are those that the scheduler uses,
// which knows the limits of a container.
func ThisMachine() Machine { return Machine{runtime.GOMAXPROCS(0), freeMemory()} }

// A Limiter lets builds run side by side: so many at a time, in the order in which they
// came, and only as many as their memory allows. What a build needs is not known before
// one has ended; until then it is taken for ample, so that where memory is short the
// first one runs alone.
type Limiter struct {
	most       int // builds at a time
	processes  int // of each build, as the user wants it; 0: decided here
	processors int
	memory     int64 // bytes that they may take together; 0: not limited

	mu      sync.Mutex
	queue   []*Turn // who waits
	running []*Turn
	largest int64 // bytes, the largest process of a build that has ended; 0: none has
	killed  bool  // a build was, for memory
}

const (
	// spare is the part of the free memory that is left to others, in percent: this
	// process, the system, and what processes take beyond their largest one.
	spare = 15
	// ample is what a build is taken to need as long as none was measured, and the memory
	// from which its compilers collect garbage only at their limit (Share.Env).
	ample = 2 << 30
	// compiler and linker are what one takes at most, as long as nothing was measured, but
	// for a few large packages: linking a program of 56 MB takes 0.9 GB (Go 1.26).
	compiler = 512 << 20
	linker   = 1 << 30
)

// New returns a limiter for builds on a machine, with at most so many at a time. Each
// may run so many processes, or as many as the limiter decides if processes is 0.
func New(m Machine, most, processes int) *Limiter {
	l := &Limiter{most: max(1, most), processes: processes, processors: max(1, m.Processors)}
	if m.Memory > 0 { // a group that is full has one byte, and no memory is no limit
		l.memory = max(1, m.Memory/100*(100-spare))
	}
	return l
}

// A Share is the part of the machine that a build may use.
//
// Measured with age's programs for two targets at a time on two processors, from nothing
// (Go 1.26): collecting garbage is 11 % of the time by default, and 3 % with GOGC=800 at 1.5
// times the memory of the largest process; off takes 0.97 of that, and 2.3 times the memory.
// One process with one thread for each build, where there are as many builds as processors,
// takes 0.85 of two processes with two threads; two with one thread each 0.95 of one,
// because a processor has something to do while a go command is between two compilers.
type Share struct {
	Processes int      // at a time: the -p of go build
	Env       []string // of its compilers, but for what the user sets: GOMAXPROCS, GOGC, GOMEMLIMIT
}

// A Turn is a build's place in the queue, and then its place among those that run.
type Turn struct {
	l     *Limiter
	links int // programs that it links
	alone bool
	ready chan struct{} // closed when it may run
	share Share
	most  int // builds that ran at a time while it did, itself included
}

// Queue puts a build at the end of the queue. links is how many programs it links.
func (l *Limiter) Queue(links int) *Turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &Turn{l: l, links: links, ready: make(chan struct{})}
	l.queue = append(l.queue, t)
	return t
}

// Alone puts a build that has been killed at the head of the queue once more, to take as
// little memory as it can, and to run while no other one does. It is called before Done,
// which lets others run: what was known of memory was wrong, and from now on one less for
// each such build runs at a time than did then, and none without collecting garbage.
func (t *Turn) Alone() *Turn {
	l := t.l
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most, l.killed = max(1, min(l.most, t.most)-1), true
	again := &Turn{l: l, links: t.links, alone: true, ready: make(chan struct{})}
	l.queue = slices.Insert(l.queue, 0, again)
	return again
}

// Wait waits until the build may run. Unless it returns an error, Done must be called.
func (t *Turn) Wait(ctx context.Context) (Share, error) {
	t.l.mu.Lock()
	t.l.admit()
	t.l.mu.Unlock()
	select {
	case <-t.ready:
		return t.share, nil
	case <-ctx.Done():
		t.leave()
		return Share{}, context.Cause(ctx)
	}
}

// leave gives the place back, whether it was one in the queue or not.
func (t *Turn) leave() {
	t.l.mu.Lock()
	i := slices.Index(t.l.queue, t)
	if i >= 0 {
		t.l.queue = slices.Delete(t.l.queue, i, i+1)
		t.l.admit()
	}
	t.l.mu.Unlock()
	if i < 0 {
		t.Done(0)
	}
}

// Done says that the build has ended. largest is its largest process in bytes, 0 if that
// is not known, or not what others will take: it has failed, or linked nothing.
func (t *Turn) Done(largest int64) {
	l := t.l
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = slices.DeleteFunc(l.running, func(x *Turn) bool { return x == t })
	if t.alone {
		largest *= 2 // others collect their garbage less often, if the user does not say how often
	}
	l.largest = max(l.largest, largest)
	l.admit()
}

// admit lets the first of the queue run, and the next, as long as there is room: nobody
// overtakes, so that a large build gets its turn. The lock is held.
func (l *Limiter) admit() {
	for len(l.queue) > 0 {
		t := l.queue[0]
		t.share = l.share(t)
		if len(l.running) > 0 && !l.room(t) {
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

// room reports whether a build may run beside those that do. What they need is counted
// anew each time: it is known better the more of them have ended.
func (l *Limiter) room(t *Turn) bool {
	if t.alone || l.running[0].alone || len(l.running) >= l.most {
		return false
	}
	needed := l.need(t)
	for _, r := range l.running {
		needed += l.need(r)
	}
	return l.memory == 0 || needed <= l.memory
}

// need is what a build is expected to take, in bytes, with its share.
func (l *Limiter) need(t *Turn) int64 {
	if l.largest == 0 {
		return ample
	}
	return l.largest * int64(max(1, min(t.links, t.share.Processes)))
}

// together is how many builds will run at a time.
func (l *Limiter) together() int {
	n := min(l.most, len(l.running)+len(l.queue))
	if l.memory == 0 {
		return n
	}
	return max(1, min(n, int(l.memory/cmp.Or(l.largest, ample))))
}

// share is what a build may use now: its part of the processors, and no more processes
// than its part of the memory holds.
func (l *Limiter) share(t *Turn) Share {
	if t.alone {
		return Share{1, []string{"GOGC=50"}}
	}
	together := l.together()
	s := Share{Processes: (l.processors + together - 1) / together}
	if s.Processes < l.processors {
		s.Env = append(s.Env, fmt.Sprintf("GOMAXPROCS=%d", s.Processes))
		s.Processes++
	}
	if l.memory == 0 {
		s.Processes = cmp.Or(l.processes, s.Processes)
		return s
	}
	mine := l.memory / int64(together)
	s.Processes = max(1, min(s.Processes, int(mine/min(compiler, cmp.Or(l.largest, compiler)))))
	if t.links > 1 { // they may be linked at the same time
		s.Processes = max(1, min(s.Processes, int(mine/cmp.Or(l.largest, linker))))
	}
	s.Processes = cmp.Or(l.processes, s.Processes)
	if mine >= ample && !l.killed {
		// Half at most, because several compilers of one build may grow at a time.
		s.Env = append(s.Env, "GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", mine/int64(max(2, min(t.links, s.Processes)))))
	}
	return s
}
