package build

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// The memory that is free, as Linux says it in one place or in several.
func TestLinuxMemory(t *testing.T) {
	const gib = 1 << 30
	files := func(pairs ...string) fstest.MapFS {
		m := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n")}}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
		}
		return m
	}
	for name, test := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"no groups":         {files(), 8 * gib},
		"nothing is known":  {fstest.MapFS{}, 0},
		"v2, no limit":      {files("proc/self/cgroup", "0::/user\n", "sys/fs/cgroup/user/memory.max", "max\n"), 8 * gib},
		"v2":                {files("proc/self/cgroup", "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max", "2147483648\n", "sys/fs/cgroup/a/b/memory.current", "1073741824\n"), gib},
		"v2, cache is free": {files("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "2147483648\n", "sys/fs/cgroup/memory.current", "2147483648\n", "sys/fs/cgroup/memory.stat", "anon 5\ninactive_file 1073741824\n"), gib},
		"v2, a limit above": {files("proc/self/cgroup", "0::/a/b\n", "sys/fs/cgroup/a/memory.max", "3221225472\n", "sys/fs/cgroup/a/b/memory.max", "max\n"), 3 * gib},
		"v2, over it":       {files("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "1000\n", "sys/fs/cgroup/memory.current", "5000\n"), 1},
		"v1": {files("proc/self/cgroup", "9:name=systemd:/x\n4:memory,hugetlb:/docker/1\n0::/\n", "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "4294967296\n",
			"sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "3221225472\n", "sys/fs/cgroup/memory/docker/1/memory.stat", "inactive_file 1\ntotal_inactive_file 1073741824\n"), 2 * gib},
		"v1, in a container": {files("proc/self/cgroup", "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n", "sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n"), gib},
		"v1, no limit":       {files("proc/self/cgroup", "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), 8 * gib},
		"rubbish":            {files("proc/self/cgroup", "0::/../../etc\nx\n", "sys/fs/cgroup/memory.max", "lots\n"), 8 * gib},
	} {
		if got := linuxMemory(test.root); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// together runs n builds that each take a process of so many bytes, and returns how many
// ran at a time at most.
func together(t *testing.T, l *Limiter, n, links int, largest int64) int {
	t.Helper()
	var running, most atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			done, err := l.Acquire(t.Context(), links)
			if err != nil {
				t.Error(err)
				return
			}
			now := running.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(2 * time.Millisecond)
			running.Add(-1)
			done(largest)
		})
	}
	wg.Wait()
	return int(most.Load())
}

func TestLimiter(t *testing.T) {
	const gib = 1 << 30
	for name, test := range map[string]struct {
		memory  int64
		most    int
		links   int
		largest int64
		want    int
	}{
		"by number only":            {0, 3, 1, gib, 3},
		"ample":                     {64 * gib, 4, 1, gib, 4},
		"short: one at a time":      {2 * gib, 4, 1, gib, 1},
		"short: some":               {4 * gib, 4, 1, gib, 3},
		"several links each":        {7 * gib, 8, 2, gib, 2},
		"one is more than there is": {gib, 4, 1, 5 * gib, 1},
		"small programs":            {2 * gib, 4, 1, gib / 8, 4},
		"nothing was measured":      {2 * gib, 4, 1, 0, 1},
	} {
		if got := together(t, NewLimiter(Machine{4, test.memory}, test.most), 30, test.links, test.largest); got != test.want {
			t.Errorf("%s: %d at a time, want %d", name, got, test.want)
		}
	}
}

// Compilers leave garbage alone where there is plenty of memory, within a limit.
func TestLimiterEnv(t *testing.T) {
	const gib = 1 << 30
	for name, test := range map[string]struct {
		memory int64
		most   int
		want   string
	}{
		"a laptop":       {24 * gib, 2, "[GOGC=off GOMEMLIMIT=5476083286]"},
		"a small runner": {7 * gib, 2, "[]"},
		"not known":      {0, 2, "[]"},
	} {
		if got := fmt.Sprint(NewLimiter(Machine{2, test.memory}, test.most).Env()); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Alone is alone, and what waits ends with its context.
func TestAlone(t *testing.T) {
	l := NewLimiter(Machine{4, 64 << 30}, 4)
	first, err := l.Acquire(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := l.Alone(ctx); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	alone := make(chan func(int64))
	go func() {
		done, err := l.Alone(t.Context())
		if err != nil {
			t.Error(err)
		}
		alone <- done
	}()
	select {
	case <-alone:
		t.Fatal("not alone")
	case <-time.After(20 * time.Millisecond):
	}
	first(0)
	done := <-alone
	ctx, cancelLate := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelLate()
	if _, err := l.Acquire(ctx, 1); err == nil {
		t.Error("another one beside")
	}
	done(0)
	if _, err := l.Acquire(t.Context(), 1); err != nil {
		t.Error(err)
	}
}
