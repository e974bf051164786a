package github_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// zeroReader is an endless source of zero bytes.
type zeroReader struct{}

func (zeroReader) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// zeroFile returns an asset of n zero bytes that takes no memory.
func zeroFile(name string, n int64) github.Asset {
	content := func() *io.SectionReader { return io.NewSectionReader(zeroReader{}, 0, n) }

	h := sha256.New()
	if _, err := io.Copy(h, content()); err != nil {
		panic(err) // neither of them can fail
	}
	return github.Asset{
		Name:   name,
		Size:   n,
		SHA256: fmt.Sprintf("%x", h.Sum(nil)),
		Open:   func() (io.ReadSeekCloser, error) { return nopCloser{content()}, nil },
	}
}

// The greatest number of files that a release may have is uploaded without a request over
// GitHub's limits, and with little memory. The fake enforces the limits, with minutes of
// 60 ms.
func TestThousandFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes three hours of 3.6 s")
	}

	const second = time.Millisecond
	gh := newServer(githubtest.Options{
		Discard:   true,
		Now:       time.Now,
		Minute:    60 * second,
		RateLimit: 15000,
	})
	srv := httptest.NewServer(gh)
	defer srv.Close()

	var mu sync.Mutex
	var said strings.Builder
	o := options(srv.URL)
	o.Second = second
	o.Say = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&said, line)
	}
	client := newClient(t, o)

	want := wanted
	want.Files = nil
	all := make([]github.Asset, github.MaxAssets)
	for i := range all {
		all[i] = zeroFile(fmt.Sprintf("file%04d", i), 64<<10)
		want.Files = append(want.Files, all[i].Name)
	}

	start := time.Now()
	rel := open(t, client, want)
	var g errgroup.Group
	g.SetLimit(5)
	var maxHeap uint64
	for i, f := range all {
		g.Go(func() error {
			_, err := rel.Attach(t.Context(), f)
			if i%50 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				mu.Lock()
				defer mu.Unlock()
				maxHeap = max(maxHeap, m.HeapInuse)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := rel.Publish(t.Context(), all, true); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d files in %s of the fake's time, heap at most %d MB",
		len(all), took/second*time.Second, maxHeap>>20)

	if n := gh.Limited(); n > 0 {
		t.Errorf("%d requests over a secondary limit", n)
	}
	if rels := gh.Releases(); len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) {
		t.Errorf("%d releases", len(rels))
	}
	if least := github.LeastTime(len(all), false); took < time.Duration(least.Seconds())*second {
		t.Errorf("it took %s, and LeastTime says at least %s", took/second*time.Second, least)
	}
	if maxHeap > 100<<20 {
		t.Errorf("%d MB of heap", maxHeap>>20)
	}
	if !strings.Contains(said.String(), "continuing in ") {
		t.Errorf("the wait was not reported:\n%s", said.String())
	}
	checkRequests(t, gh)
}

// A file that is too large is refused without a request.
func TestTooLarge(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)
	requests := len(gh.Requests())

	attach := func(size int64) (opened bool, err error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err = rel.Attach(ctx, github.Asset{
			Name:   "a.tar.gz",
			Size:   size,
			SHA256: strings.Repeat("0", 64),
			Open: func() (io.ReadSeekCloser, error) {
				opened = true
				cancel() // the file must not be sent
				return nil, io.ErrUnexpectedEOF
			},
		})
		return opened, err
	}

	opened, err := attach(2 << 30)
	if opened || !errorContains(err, "2147483648 bytes, and GitHub accepts files below 2 GiB") {
		t.Errorf("2 GiB: opened %v, %v", opened, err)
	}
	opened, err = attach(2<<30 - 1)
	if !opened || err == nil {
		t.Errorf("one byte less: opened %v, %v", opened, err)
	}

	if n := len(gh.Requests()); n != requests {
		t.Errorf("%d requests", n-requests)
	}
}
