package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// Linux reports free memory of the system and of control groups.
func TestLinuxMemory(t *testing.T) {
	const gib = 1 << 30
	files := func(pairs ...string) fstest.MapFS {
		const meminfo = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"
		m := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
		}
		return m
	}
	for name, test := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"no groups": {
			root: files(),
			want: 8 * gib,
		},
		"nothing is known": {
			root: fstest.MapFS{},
		},
		"v2, no limit": {
			root: files("proc/self/cgroup", "0::/user\n", "sys/fs/cgroup/user/memory.max", "max\n"),
			want: 8 * gib,
		},
		"v2": {
			root: files(
				"proc/self/cgroup", "0::/a/b\n",
				"sys/fs/cgroup/a/b/memory.max", "2147483648\n",
				"sys/fs/cgroup/a/b/memory.current", "1073741824\n",
			),
			want: gib,
		},
		"v2, cache is free": {
			root: files(
				"proc/self/cgroup", "0::/\n",
				"sys/fs/cgroup/memory.max", "2147483648\n",
				"sys/fs/cgroup/memory.current", "2147483648\n",
				"sys/fs/cgroup/memory.stat", "anon 5\ninactive_file 1073741824\n",
			),
			want: gib,
		},
		"v2, a limit above": {
			root: files(
				"proc/self/cgroup", "0::/a/b\n",
				"sys/fs/cgroup/a/memory.max", "3221225472\n",
				"sys/fs/cgroup/a/b/memory.max", "max\n",
			),
			want: 3 * gib,
		},
		"v2, over it": {
			root: files(
				"proc/self/cgroup", "0::/\n",
				"sys/fs/cgroup/memory.max", "1000\n",
				"sys/fs/cgroup/memory.current", "5000\n",
			),
			want: 1,
		},
		"v1": {
			root: files(
				"proc/self/cgroup", "9:name=systemd:/x\n4:memory,hugetlb:/docker/1\n0::/\n",
				"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "4294967296\n",
				"sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "3221225472\n",
				"sys/fs/cgroup/memory/docker/1/memory.stat", "inactive_file 1\ntotal_inactive_file 1073741824\n",
			),
			want: 2 * gib,
		},
		"v1, in a container": {
			root: files(
				"proc/self/cgroup", "4:memory:/docker/1\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n",
				"sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n",
			),
			want: gib,
		},
		"v1, no limit": {
			root: files(
				"proc/self/cgroup", "4:memory:/\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
			),
			want: 8 * gib,
		},
		"rubbish": {
			root: files("proc/self/cgroup", "0::/../../etc\nx\n", "sys/fs/cgroup/memory.max", "lots\n"),
			want: 8 * gib,
		},
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
	most := 0
	var running, really atomic.Int64 // with luck as many; never more
	var wg sync.WaitGroup
	for range n {
		turn := l.Queue(links)
		wg.Go(func() {
			if _, err := turn.Wait(t.Context()); err != nil {
				t.Error(err)
				return
			}
			now := running.Add(1)
			for old := really.Load(); now > old && !really.CompareAndSwap(old, now); old = really.Load() {
			}
			time.Sleep(time.Millisecond)
			running.Add(-1)
			l.mu.Lock()
			most = max(most, turn.most)
			l.mu.Unlock()
			turn.Done(largest)
		})
	}
	wg.Wait()
	if n := int(really.Load()); n > most {
		t.Errorf("%d ran at a time, and it knows of %d", n, most)
	}
	return most
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
		"several links each":        {40 * gib, 8, 2, 2 * gib, 8},
		"several links, few fit":    {20 * gib, 8, 2, 2 * gib, 8}, // one link at a time each
		"one is more than there is": {gib, 4, 1, 5 * gib, 1},
		"small programs":            {2 * gib, 4, 1, gib / 8, 4},
		"nothing was measured":      {2 * gib, 4, 1, 0, 1},
		"not measured, some fit":    {8 * gib, 4, 1, 0, 3},
		"a full group":              {1, 4, 1, gib, 1},
	} {
		l := New(Machine{4, test.memory}, test.most, 0)
		if got := together(t, l, 30, test.links, test.largest); got != test.want {
			t.Errorf("%s: %d at a time, want %d", name, got, test.want)
		}
	}
}

// The share of each build depends on the machine and on how many builds run and wait.
func TestShare(t *testing.T) {
	const gib = 1 << 30
	for name, test := range map[string]struct {
		processors int
		memory     int64
		most       int
		builds     int   // in the queue; below zero, of several programs each
		largest    int64 // that was measured before
		want       string
	}{
		"a laptop": {
			processors: 2,
			memory:     24 * gib,
			most:       2,
			builds:     10,
			want:       "{2 [GOMAXPROCS=1 GOGC=off GOMEMLIMIT=5476083286]}",
		},
		"a small runner": {
			processors: 2,
			memory:     7 * gib,
			most:       2,
			builds:     10,
			want:       "{2 [GOMAXPROCS=1 GOGC=off GOMEMLIMIT=1597190948]}",
		},
		"a runner": {
			processors: 4,
			memory:     16 * gib,
			most:       4,
			builds:     6,
			want:       "{2 [GOMAXPROCS=1 GOGC=off GOMEMLIMIT=1825361091]}",
		},
		"a runner, one target": {
			processors: 4,
			memory:     16 * gib,
			most:       4,
			builds:     1,
			want:       "{4 [GOGC=off GOMEMLIMIT=7301444367]}",
		},
		"memory is not known": {
			processors: 4,
			most:       4,
			builds:     10,
			want:       "{2 [GOMAXPROCS=1]}",
		},
		"many processors, few targets": {
			processors: 64,
			memory:     512 * gib,
			most:       64,
			builds:     6,
			want:       "{12 [GOMAXPROCS=11 GOGC=off GOMEMLIMIT=38941036810]}",
		},
		"many processors and targets": {
			processors: 64,
			memory:     64 * gib,
			most:       64,
			builds:     90,
			want:       "{4 [GOMAXPROCS=3 GOGC=off GOMEMLIMIT=1081695466]}",
		},
		"many processors, measured": {
			processors: 64,
			memory:     64 * gib,
			most:       64,
			builds:     90,
			largest:    5e8,
			want:       "{1 [GOMAXPROCS=1]}",
		},
		"2 GiB": {
			processors: 2,
			memory:     2 * gib,
			most:       2,
			builds:     20,
			want:       "{2 []}",
		}, // the first, alone
		"2 GiB, links of 0.9 GB": {
			processors: 2,
			memory:     2 * gib,
			most:       2,
			builds:     20,
			largest:    9.5e8,
			want:       "{2 []}",
		}, // one after the other
		"2 GiB, links of 0.8 GB": {
			processors: 2,
			memory:     2 * gib,
			most:       2,
			builds:     20,
			largest:    8e8,
			want:       "{1 [GOMAXPROCS=1]}",
		}, // two at a time
		"2 GiB, several of 0.9 GB": {
			processors: 2,
			memory:     2 * gib,
			most:       2,
			builds:     -20,
			largest:    9e8,
			want:       "{1 [GOMAXPROCS=1]}",
		},
		"2 GiB, small programs": {
			processors: 2,
			memory:     2 * gib,
			most:       2,
			builds:     20,
			largest:    2e8,
			want:       "{2 [GOMAXPROCS=1]}",
		},
	} {
		l := New(Machine{test.processors, test.memory}, test.most, 0)
		if test.largest > 0 {
			turn := l.Queue(1)
			if _, err := turn.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			turn.Done(test.largest)
		}
		links := 1
		if test.builds < 0 {
			test.builds, links = -test.builds, 4
		}
		first := l.Queue(links)
		for range test.builds - 1 {
			l.Queue(links)
		}
		share, err := first.Wait(t.Context())
		if got := fmt.Sprint(share); err != nil || got != test.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, test.want)
		}
	}
}

// Builds run in the order of the queue, whichever waits first.
func TestQueue(t *testing.T) {
	l := New(Machine{4, 64 << 30}, 1, 0)
	turns := make([]*Turn, 5)
	for i := range turns {
		turns[i] = l.Queue(1)
	}
	order := make(chan int, len(turns))
	var wg sync.WaitGroup
	for i := len(turns) - 1; i >= 0; i-- {
		wg.Go(func() {
			if _, err := turns[i].Wait(t.Context()); err != nil {
				t.Error(err)
				return
			}
			order <- i
			turns[i].Done(0)
		})
	}
	wg.Wait()
	for want := range turns {
		if i := <-order; i != want {
			t.Errorf("build %d was number %d", i, want)
		}
	}
}

// The need of a running build is computed from the largest process known by now, not from
// what was known when it began.
func TestLimiterLearns(t *testing.T) {
	const gib = 1 << 30
	l := New(Machine{4, 10 * gib}, 4, 0) // 8.5 GiB
	turns := make([]*Turn, 6)
	for i := range turns {
		turns[i] = l.Queue(1)
	}
	if _, err := turns[0].Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.running) != 4 { // 2 GiB each
		t.Fatalf("%d run", len(l.running))
	}
	turns[0].Done(3 * gib)
	turns[1].Done(gib)
	if len(l.running) != 2 {
		t.Errorf("%d run, of 3 GiB each in 8.5", len(l.running))
	}
	turns[2].Done(0)
	turns[3].Done(0)
	if len(l.running) != 2 || len(l.queue) != 0 {
		t.Errorf("%d run, %d wait", len(l.running), len(l.queue))
	}
}

// A build that runs alone is the next one. A waiting build whose context ends blocks no
// other one.
func TestAlone(t *testing.T) {
	l := New(Machine{4, 64 << 30}, 4, 0)
	var running []*Turn
	for range 4 {
		turn := l.Queue(1)
		if _, err := turn.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		running = append(running, turn)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	gone := running[2].Alone()
	running[2].Done(0)
	if _, err := gone.Wait(ctx); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	running[3].Done(0)
	next := l.Queue(1)
	if _, err := next.Wait(t.Context()); err != nil { // is not held up by the one that left
		t.Fatal(err)
	}
	last, alone := l.Queue(1), running[3].Alone()
	waiting := make(chan Share)
	go func() {
		share, err := alone.Wait(t.Context())
		if err != nil {
			t.Error(err)
		}
		waiting <- share
	}()
	for _, turn := range []*Turn{running[0], running[1], next} {
		select {
		case <-waiting:
			t.Fatal("not alone")
		case <-time.After(20 * time.Millisecond):
		}
		turn.Done(0)
	}
	if share := <-waiting; share.Processes != 1 || len(share.Env) != 1 {
		t.Errorf("a share of %v", share)
	}
	ctx, cancelLate := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelLate()
	if _, err := last.Wait(ctx); err == nil {
		t.Error("another one beside")
	}
	alone.Done(0)
	if _, err := l.Queue(1).Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// After a build was killed, one build less runs at a time, even if the killed one needs less
// memory alone, and all of them collect garbage. Alone, it uses one process, whatever the
// user wants.
func TestKilledBuilds(t *testing.T) {
	for _, test := range []struct {
		machine          Machine
		most, beside     int
		measured         int64 // of the build alone
		want, afterwards int   // at a time, and after another kill
	}{
		{Machine{4, 64 << 30}, 3, 3, 0, 2, 1},
		{Machine{16, 64 << 30}, 16, 3, 0, 2, 1},      // fewer ran than could
		{Machine{4, 4 << 30}, 4, 1, 700 << 20, 1, 1}, // one was too much
		{Machine{4, 8 << 30}, 4, 4, 2 << 30, 1, 1},   // 6.8 GiB for builds that take 4
	} {
		l := New(test.machine, test.most, 7)
		l.largest = 1 // as if one had ended, that took nothing
		var last *Turn
		for range test.beside {
			last = l.Queue(1)
			if _, err := last.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int{test.want, test.afterwards} {
			others := l.Queue(1)
			turn := last.Alone()
			for _, r := range slices.Clone(l.running) {
				r.Done(0)
			}
			if slices.Contains(l.running, others) {
				t.Fatalf("%v: another one runs before the killed one", test)
			}
			if share, err := turn.Wait(t.Context()); err != nil || share.Processes != 1 {
				t.Fatal(share, err)
			}
			l.queue = nil
			turn.Done(test.measured)
			for range 20 {
				l.Queue(1)
			}
			share, err := l.queue[0].Wait(t.Context())
			if err != nil || slices.Contains(share.Env, "GOGC=off") {
				t.Fatal(share, err)
			}
			if got := len(l.running); got != want {
				t.Errorf("%v: %d at a time, want %d", test, got, want)
			}
			last = l.running[0]
			l.queue = nil
		}
	}
}

// What a build needs depends on the number of processes that the user wants.
func TestProcessesWanted(t *testing.T) {
	l := New(Machine{4, 10 << 30}, 4, 8) // 8.5 GiB
	first := l.Queue(4)
	if share, err := first.Wait(t.Context()); err != nil || share.Processes != 8 {
		t.Fatal(share, err)
	}
	first.Done(1 << 30)
	for range 4 {
		l.Queue(4)
	}
	if _, err := l.queue[0].Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.running) != 2 { // 4 links of 1 GiB each
		t.Errorf("%d run", len(l.running))
	}
}

// A turn that comes while its context ends is given back.
func TestTurnAfterEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := New(Machine{2, 0}, 1, 0)
	for range 100 {
		turn := l.Queue(1)
		if _, err := turn.Wait(ctx); err == nil {
			turn.Done(0)
		}
	}
	if _, err := l.Queue(1).Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if len(l.running) != 1 || len(l.queue) != 0 {
		t.Errorf("%d run, %d wait", len(l.running), len(l.queue))
	}
}
