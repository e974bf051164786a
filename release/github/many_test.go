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

// zeros is a file of n zero bytes that takes no memory.
type zeros struct{ *io.SectionReader }

func (zeros) Close() error { return nil }

type nothing struct{}

func (nothing) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

func zeroFile(name string, n int64) github.Asset {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(nothing{}, 0, n)); err != nil {
		panic(err) // neither of them can fail
	}
	return github.Asset{Name: name, Size: n, SHA256: fmt.Sprintf("%x", h.Sum(nil)),
		Open: func() (io.ReadSeekCloser, error) { return zeros{io.NewSectionReader(nothing{}, 0, n)}, nil }}
}

// As many files as a release takes are sent at the rate that GitHub bears, which the fake
// enforces with minutes of 60 ms: not one request is over a limit, and memory stays small.
func TestThousandFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes three hours of 3.6 s")
	}
	const second = time.Millisecond
	gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head},
		Discard: true, Now: time.Now, Minute: 60 * second, RateLimit: 15000})
	srv := httptest.NewServer(gh)
	defer srv.Close()
	var said strings.Builder
	var mu sync.Mutex
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: second,
		Say: func(line string) { mu.Lock(); defer mu.Unlock(); fmt.Fprintln(&said, line) }})
	if err != nil {
		t.Fatal(err)
	}
	want := wanted
	want.Files = nil
	all := make([]github.Asset, github.MaxAssets)
	for i := range all {
		all[i] = zeroFile(fmt.Sprintf("file%04d", i), 64<<10)
		want.Files = append(want.Files, all[i].Name)
	}
	start := time.Now()
	rel, err := client.Open(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	g.SetLimit(5)
	var most uint64
	for i, f := range all {
		g.Go(func() error {
			_, err := rel.Attach(t.Context(), f)
			if i%50 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				mu.Lock()
				defer mu.Unlock()
				most = max(most, m.HeapInuse)
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
	t.Logf("%d files in %s of the fake's time, heap at most %d MB", len(all), took/second*time.Second, most>>20)
	if n := gh.Limited(); n > 0 {
		t.Errorf("%d requests over a secondary limit", n)
	}
	if rels := gh.Releases(); len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) {
		t.Errorf("%d releases", len(rels))
	}
	if least := github.LeastTime(len(all), false); took < time.Duration(least.Seconds())*second {
		t.Errorf("it took %s, and LeastTime says at least %s", took/second*time.Second, least)
	}
	if most > 100<<20 {
		t.Errorf("%d MB of heap", most>>20)
	}
	if !strings.Contains(said.String(), "continuing in ") {
		t.Errorf("nobody was told of the wait:\n%s", said.String())
	}
	for _, violation := range gh.Invalid() {
		t.Errorf("against GitHub's description: %s", violation)
	}
}

// One file too large is refused without a request.
func TestTooLarge(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	before := len(gh.Requests())
	for size, refused := range map[int64]bool{2 << 30: true, 2<<30 - 1: false} {
		ctx, cancel := context.WithCancel(t.Context())
		opened := false
		_, err := rel.Attach(ctx, github.Asset{Name: "a.tar.gz", Size: size, SHA256: strings.Repeat("0", 64), Open: func() (io.ReadSeekCloser, error) {
			opened = true
			cancel() // it is not to be sent
			return nil, io.ErrUnexpectedEOF
		}})
		if opened == refused || err == nil || refused && !strings.Contains(err.Error(), "2147483648 bytes, and GitHub accepts files below 2 GiB") {
			t.Errorf("%d bytes: opened %v, %v", size, opened, err)
		}
		cancel()
	}
	if n := len(gh.Requests()); n != before {
		t.Errorf("%d requests", n-before)
	}
}
