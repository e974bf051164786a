package build

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// ThisMachine looks at the machine. The processors are those that the scheduler uses,
// which knows the limits of a container.
func ThisMachine() Machine { return Machine{runtime.GOMAXPROCS(0), freeMemory()} }

// A Limiter lets builds run side by side: so many at a time, and only as many as their
// memory allows. What a build needs is not known before one has ended; where memory is
// short the first one therefore runs alone.
type Limiter struct {
	most   int      // builds at a time
	memory int64    // bytes that they may take together; 0: not limited
	env    []string // for each of them

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, when what follows has changed
	running int
	alone   bool  // what runs is not to have company
	held    int64 // bytes set aside for what runs
	largest int64 // bytes, the largest process of a build that has ended; 0: none has
}

const (
	// spare is the part of the free memory that is left to others, in percent: this
	// process, the system, and what processes take beyond their largest one.
	spare = 15
	// ample is the memory for each build from which no build waits for another one's
	// experience: linking a program of 56 MB takes 0.9 GB (Go 1.26).
	ample = 2 << 30
	// plenty is the memory for each build from which its compilers need not collect
	// garbage: most of them end before they have taken a tenth of it. It saves an eighth of
	// the processor time of a build from nothing.
	plenty = 4 << 30
)

// NewLimiter returns a limiter for a machine, with at most so many builds at a time.
func NewLimiter(m Machine, most int) *Limiter {
	l := &Limiter{most: max(1, most), memory: m.Memory / 100 * (100 - spare), changed: make(chan struct{})}
	if share := l.memory / int64(l.most); share >= plenty {
		// Half, because several compilers of one build may grow at a time.
		l.env = []string{"GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", share/2)}
	}
	return l
}

// Env is the environment by which compilers use the memory there is.
func (l *Limiter) Env() []string { return l.env }

// Acquire waits until a build may run whose links may run side by side. The function that
// it returns must be called at the end, with the largest process of the build in bytes, 0
// if that is not known.
func (l *Limiter) Acquire(ctx context.Context, links int) (done func(largest int64), err error) {
	return l.wait(ctx, func() (need int64, ok bool) {
		need = l.need(links)
		return need, l.running == 0 || !l.alone && l.running < l.most && (l.memory == 0 || l.held+need <= l.memory)
	})
}

// Alone waits until a build may run while no other one does.
func (l *Limiter) Alone(ctx context.Context) (done func(largest int64), err error) {
	return l.wait(ctx, func() (int64, bool) {
		if l.running > 0 {
			return 0, false
		}
		l.alone = true
		return 0, true
	})
}

// need is what a build is expected to take, in bytes.
func (l *Limiter) need(links int) int64 {
	switch {
	case l.memory == 0:
		return 0
	case l.largest > 0:
		return l.largest * int64(max(1, links))
	case l.memory/int64(l.most) < ample:
		return l.memory
	}
	return 0
}

// wait waits until may says yes, and sets aside what it says is needed.
func (l *Limiter) wait(ctx context.Context, may func() (need int64, ok bool)) (done func(largest int64), err error) {
	for {
		l.mu.Lock()
		need, ok := may()
		if ok {
			l.running++
			l.held += need
			l.mu.Unlock()
			return func(largest int64) { l.release(need, largest) }, nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (l *Limiter) release(need, largest int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.alone = false // whoever asked for it was all that ran
	l.held -= need
	l.largest = max(l.largest, largest)
	close(l.changed)
	l.changed = make(chan struct{})
}
