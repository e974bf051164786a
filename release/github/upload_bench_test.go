package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// BenchmarkUpload attaches 20 files of 4 MB, five at a time, and compares each with what the
// server says that it stored. It is measured against a simple client that sends one file after
// the other and compares nothing. The server answers after 50 ms, like one across an ocean.
//
//	go test ./release/github -run '^$' -bench Upload
func BenchmarkUpload(b *testing.B) {
	const count = 20
	const size = 4 << 20
	var all []github.Asset
	want := wanted
	want.Files = nil
	for i := range count {
		f := zeroFile(fmt.Sprintf("file%02d", i), size)
		all = append(all, f)
		want.Files = append(want.Files, f.Name)
	}

	var ours, simple time.Duration
	for b.Loop() {
		ours += measure(b, want, func(_ string, rel *github.Release) error {
			var g errgroup.Group
			g.SetLimit(5)
			for _, f := range all {
				g.Go(func() error {
					_, err := rel.Attach(b.Context(), f)
					return err
				})
			}
			return g.Wait()
		})

		simple += measure(b, want, func(url string, rel *github.Release) error {
			for _, f := range all {
				if err := post(url, rel.ID(), f); err != nil {
					return err
				}
			}
			return nil
		})
	}

	b.ReportMetric(float64(simple)/float64(ours), "times-simple")
	b.ReportMetric(float64(count*size)*float64(b.N)/1e6/ours.Seconds(), "MB/s")
}

// measure returns how long upload takes with a new server and a new release.
func measure(
	b *testing.B, want github.Wanted, upload func(url string, rel *github.Release) error,
) time.Duration {
	gh := newServer(githubtest.Options{Discard: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		gh.ServeHTTP(w, r)
	}))
	defer srv.Close()

	o := options(srv.URL)
	o.Second = time.Second
	rel := open(b, newClient(b, o), want)

	start := time.Now()
	if err := upload(srv.URL, rel); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// post uploads a file as a simple client does.
func post(url string, id int64, f github.Asset) error {
	body, err := f.Open()
	if err != nil {
		return err
	}
	defer body.Close()

	address := fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%d/assets?name=%s", url, id, f.Name)
	r, err := http.NewRequest(http.MethodPost, address, body)
	if err != nil {
		return err
	}
	r.ContentLength = f.Size
	r.Header.Set("Authorization", "Bearer t")
	r.Header.Set("Content-Type", "application/octet-stream")

	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s", answer.Status)
	}
	return nil
}
