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

// BenchmarkUpload attaches 20 files of 4 MB, five at a time and each compared with what the
// server says it has, beside a plain client that sends one after the other and compares
// nothing. Both take turns. The server answers after 50 ms, as one across an ocean does.
//
//	go test ./release/github -run '^$' -bench Upload
func BenchmarkUpload(b *testing.B) {
	var all []github.Asset
	want := wanted
	want.Files = nil
	for i := range 20 {
		all = append(all, zeroFile(fmt.Sprintf("file%02d", i), 4<<20))
		want.Files = append(want.Files, all[i].Name)
	}
	serve := func() *httptest.Server {
		gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}, Discard: true})
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(50 * time.Millisecond)
			gh.ServeHTTP(w, r)
		}))
	}
	open := func(srv *httptest.Server) *github.Release {
		client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t"})
		if err != nil {
			b.Fatal(err)
		}
		rel, err := client.Open(b.Context(), want)
		if err != nil {
			b.Fatal(err)
		}
		return rel
	}
	var ours, plain time.Duration
	for b.Loop() {
		srv := serve()
		rel := open(srv)
		start := time.Now()
		var g errgroup.Group
		g.SetLimit(5)
		for _, f := range all {
			g.Go(func() error { _, err := rel.Attach(b.Context(), f); return err })
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		srv.Close()

		srv = serve()
		rel = open(srv)
		start = time.Now()
		for _, f := range all {
			if err := post(srv.URL, rel.ID(), f); err != nil {
				b.Fatal(err)
			}
		}
		plain += time.Since(start)
		srv.Close()
	}
	b.ReportMetric(float64(plain)/float64(ours), "times-plain")
	b.ReportMetric(float64(20*4<<20)*float64(b.N)/1e6/ours.Seconds(), "MB/s")
}

// post is the plain client.
func post(url string, id int64, f github.Asset) error {
	body, err := f.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	r, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%d/assets?name=%s", url, id, f.Name), body)
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
