package github_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// A file is an asset with its content in memory; it counts how often it was opened.
func file(name, content string) github.Asset {
	return github.Asset{
		Name: name, Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader([]byte(content))}, nil },
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// start returns a fake GitHub and a client of it.
func start(t *testing.T, opts githubtest.Options) (*githubtest.Server, *github.Client) {
	t.Helper()
	opts.Token = "t"
	if opts.Tags == nil {
		opts.Tags = map[string]string{"v1.0.0": githubtest.Head}
	}
	gh := githubtest.New(opts)
	srv := httptest.NewServer(gh)
	t.Cleanup(srv.Close)
	t.Cleanup(func() {
		for _, violation := range gh.Invalid() {
			t.Errorf("against GitHub's description: %s", violation)
		}
	})
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return gh, client
}

var (
	wanted = github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Notes: "notes"}
	files  = []github.Asset{file("a.tar.gz", "archive a"), file("b.zip", strings.Repeat("archive b ", 1000)), file("checksums.txt", "sums\n")}
)

// release does what a run does, from the opening to the publication.
func release(t *testing.T, client *github.Client) error {
	t.Helper()
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			return err
		}
	}
	return rel.Publish(t.Context(), files, true)
}

// whole fails the test unless there is one release, public, with every file, and it
// was never public without them.
func whole(t *testing.T, gh *githubtest.Server) {
	t.Helper()
	all := gh.Releases()
	if len(all) != 1 || all[0].Draft {
		t.Fatalf("releases: %+v", all)
	}
	states := append(gh.History(), githubtest.Appearance{Release: all[0]})
	for _, seen := range states {
		for _, f := range files {
			if a, ok := seen.Release.Asset(f.Name); !ok || a.State != "uploaded" || a.Digest != "sha256:"+f.SHA256 {
				t.Errorf("public with %s: %v, %+v", f.Name, ok, a)
			}
		}
	}
}

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
		_, err := rel.Attach(t.Context(), f)
		var refusal *github.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "a public release is never changed") {
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

// The draft of an earlier run, or of a person, is continued: by its tag, the oldest,
// with the notes it has; what is there stays, what is broken or different is replaced.
func TestAdoptDraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{ListDelay: 0, Fault: func(n int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.RawQuery, "broken") {
			return &githubtest.Fault{Starter: true, Reset: true}
		}
		return nil
	}})
	first, err := client.Open(t.Context(), github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Title: "By hand", Notes: "written by a person"})
	if err != nil || !first.Created {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, f := range []github.Asset{files[0], file("b.zip", "of another commit")} {
		if _, err := first.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	rel, err := client.Open(t.Context(), wanted)
	if err != nil || rel.Created || rel.ID() != first.ID() || len(rel.Notices) != 1 {
		t.Fatalf("%+v, %v", rel, err)
	}
	for i, want := range []string{github.Same, github.Replaced, github.Uploaded} {
		if outcome, err := rel.Attach(t.Context(), files[i]); outcome != want || err != nil {
			t.Errorf("%s: %s, %v, expected %s", files[i].Name, outcome, err, want)
		}
	}
	if err := rel.Delete(t.Context()); err == nil {
		t.Error("somebody else's draft was deleted")
	}
	if err := rel.Publish(t.Context(), files, false); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	if public := gh.Releases()[0]; public.Name != "By hand" || public.Body != "written by a person" {
		t.Errorf("title %q, notes %q", public.Name, public.Body)
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
	client, err := github.NewClient(github.Options{APIURL: srv.URL + "/api/v3", Repository: "octo/hello", Token: "t", Pause: time.Millisecond})
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
