package github_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

func TestRelease(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	if rel := gh.Releases()[0]; rel.Name != "v1.0.0" || rel.Body != "notes" || !rel.Latest {
		t.Errorf("%+v", rel)
	}
	// Again: everything is there.
	rel, err := client.Open(t.Context(), wanted)
	if err != nil || !rel.Published() || rel.Created {
		t.Fatalf("%+v, %v", rel, err)
	}
	for _, f := range files {
		if outcome, err := rel.Attach(t.Context(), f); outcome != github.Same || err != nil {
			t.Errorf("%s: %s, %v", f.Name, outcome, err)
		}
	}
	// A public release is never changed.
	for _, f := range []github.Asset{file("a.tar.gz", "other"), file("new", "new")} {
		outcome, err := rel.Attach(t.Context(), f)
		var refusal *github.Refusal
		if outcome != "" || !errors.As(err, &refusal) || !strings.Contains(err.Error(), "a public release is never changed") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if err := rel.Delete(t.Context()); err == nil {
		t.Error("a public release was deleted")
	}
	whole(t, gh)
}

// What goes wrong once with the upload of one file is mended within the run.
func TestUploadFaults(t *testing.T) {
	for name, fault := range map[string]*githubtest.Fault{
		"502":                        {Status: http.StatusBadGateway},
		"502, starter left":          {Starter: true},
		"502, but it worked":         {AfterDone: true},
		"reset":                      {Reset: true},
		"reset after 100 bytes":      {ResetAfter: 100},
		"reset, but it worked":       {AfterDone: true, Reset: true},
		"half stored, 201":           {Truncate: true},
		"503":                        {Status: http.StatusServiceUnavailable},
		"429":                        {Status: http.StatusTooManyRequests},
		"secondary limit":            githubtest.SecondaryLimit(time.Second),
		"502 in HTML, as proxies do": {Status: http.StatusBadGateway, Body: "<html>bad gateway</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			done := false
			gh, client := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
				if done || r.Method != http.MethodPost || !strings.Contains(r.URL.RawQuery, "b.zip") {
					return nil
				}
				done = true
				return fault
			}})
			if err := release(t, client); err != nil {
				t.Fatal(err)
			}
			if !done {
				t.Fatal("the fault did not happen")
			}
			whole(t, gh)
		})
	}
}

// What goes wrong once with any other request is mended within the run too, and never
// makes a second release.
func TestEveryRequestMayFailOnce(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	total := len(gh.Requests())
	cases := 0
	for number := 1; number <= total; number++ {
		for _, fault := range []githubtest.Fault{{Status: 502}, {AfterDone: true}, {AfterDone: true, Reset: true}} {
			gh, client := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
				if n == number {
					return &fault
				}
				return nil
			}})
			if err := release(t, client); err != nil {
				t.Errorf("request %d, %+v: %v", number, fault, err)
				continue
			}
			whole(t, gh)
			cases++
		}
	}
	t.Logf("%d cases", cases)
	if cases < 20 {
		t.Errorf("only %d cases", cases)
	}
}

// A file that never arrives is never published without.
func TestFaultThatStays(t *testing.T) {
	gh, client := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "b.zip") {
			return &githubtest.Fault{Truncate: true}
		}
		return nil
	}})
	err := release(t, client)
	if err == nil || !strings.Contains(err.Error(), "uploading b.zip: GitHub stored 5000 bytes with sha256:") {
		t.Errorf("error: %v", err)
	}
	if rel := gh.Releases(); len(rel) != 1 || !rel[0].Draft || len(gh.History()) > 0 {
		t.Errorf("releases: %+v", rel)
	}
}

// Check names every difference between the server and what should be there.
func TestCheckNamesDifferences(t *testing.T) {
	_, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files[:2] {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Clone(files)
	want[1] = file("b.zip", "something else")
	err = rel.Check(t.Context(), want)
	for _, part := range []string{"checksums.txt: not on the server", "b.zip: 10000 bytes, expected 14", "b.zip: digest sha256:"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "a.tar.gz") {
		t.Errorf("a.tar.gz is whole: %v", err)
	}
	if err := rel.Publish(t.Context(), want, true); err == nil || rel.Published() {
		t.Error("published all the same")
	}
}

// Once it is being made public, a cancellation comes too late: what it is must be known.
func TestCancelWhilePublishing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	gh, client := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPatch {
			cancel()
		}
		return nil
	}})
	rel, err := client.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, err := rel.Attach(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := rel.Publish(ctx, files, true); err != nil || !rel.Published() {
		t.Errorf("published %v, %v", rel.Published(), err)
	}
	whole(t, gh)
	// Before that, it comes in time.
	_, client = start(t, githubtest.Options{})
	if rel, err = client.Open(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	if err := rel.Publish(ctx, nil, true); err == nil || rel.Published() {
		t.Errorf("published %v, %v", rel.Published(), err)
	}
}

func TestBadOptions(t *testing.T) {
	good := github.Options{APIURL: "https://api.example.com", Repository: "o/r", Token: "t"}
	for name, change := range map[string]func(*github.Options){
		"no scheme": func(o *github.Options) { o.APIURL = "foo" }, "ftp": func(o *github.Options) { o.APIURL = "ftp://x" },
		"token": func(o *github.Options) { o.Token = "a\nb" }, "repository": func(o *github.Options) { o.Repository = "o/r/x" },
	} {
		o := good
		change(&o)
		if _, err := github.NewClient(o); err == nil || strings.Contains(err.Error(), "a\nb") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := github.NewClient(good); err != nil {
		t.Error(err)
	}
}

// A download that breaks off is begun again, and never mistaken for the file.
func TestDownload(t *testing.T) {
	broken := 0
	_, client := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodGet && r.Header.Get("Accept") == "application/octet-stream" && broken < 2 {
			broken++
			return &githubtest.Fault{ResetAfter: 100}
		}
		return nil
	}})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	rel, err := client.Find(t.Context(), "v1.0.0")
	if err != nil || !slices.Equal(rel.Names(), wanted.Files) {
		t.Fatalf("%+v, %v", rel, err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "b.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, err := rel.Download(t.Context(), "b.zip", f)
	data, readErr := os.ReadFile(f.Name())
	if err != nil || readErr != nil || sum != files[1].SHA256 || fmt.Sprintf("%x", sha256.Sum256(data)) != sum || broken != 2 {
		t.Errorf("%s after %d faults, %d bytes, %v, %v", sum, broken, len(data), err, readErr)
	}
	if _, err := rel.Download(t.Context(), "nothing", f); err == nil {
		t.Error("a file that is not there was downloaded")
	}
	var refusal *github.Refusal
	if _, err := client.Find(t.Context(), "v2.0.0"); !errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
}

func TestImmutable(t *testing.T) {
	gh, client := start(t, githubtest.Options{Immutable: true})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	if !gh.Releases()[0].Immutable {
		t.Error("not immutable")
	}
}

// GitHub Enterprise Server has its API below a path, and older ones keep no digests:
// then the bytes themselves are read back.
func TestEnterpriseWithoutDigests(t *testing.T) {
	gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
	digest := regexp.MustCompile(`"digest":\s*"sha256:[0-9a-f]*"`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		gh.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		body := digest.ReplaceAll(answer.Body.Bytes(), []byte(`"digest":null`))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body) // the client would notice
	}))
	defer srv.Close()
	client, err := github.NewClient(github.Options{APIURL: srv.URL + "/api/v3", Repository: "octo/hello", Token: "t", Second: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(files)
	other[0] = file("a.tar.gz", "archive A") // as long as the one on the server
	if err := rel.Check(t.Context(), other); err == nil || !strings.Contains(err.Error(), "a.tar.gz: digest sha256:") {
		t.Errorf("a file with other bytes: %v", err)
	}
}

func TestLatest(t *testing.T) {
	_, client := start(t, githubtest.Options{})
	if tag, err := client.Latest(t.Context()); tag != "" || err != nil {
		t.Errorf("%q, %v", tag, err)
	}
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	if tag, err := client.Latest(t.Context()); tag != "v1.0.0" || err != nil {
		t.Errorf("%q, %v", tag, err)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"tool_1.0.0_linux_amd64.tar.gz": true, "checksums.txt": true, "a": true, "a+b": true, "tool_1.0.0-rc.1": true,
		"tool 1": false, "tool~1.deb": false, ".hidden": false, "tool.": false, "a:b": false, "a(b)": false, "": false, "ü": false, "a/b": false,
	} {
		if err := github.CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
