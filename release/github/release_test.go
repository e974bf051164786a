package github_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// file is an asset with its content in memory.
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
	gh, client, _ := startSaying(t, opts)
	return gh, client
}

// startSaying also returns what the client says.
func startSaying(t *testing.T, opts githubtest.Options) (*githubtest.Server, *github.Client, func() string) {
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
	var mu sync.Mutex
	var lines []string
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond, Say: say})
	if err != nil {
		t.Fatal(err)
	}
	return gh, client, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "\n")
	}
}

var (
	wanted = github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Notes: "notes", Files: []string{"a.tar.gz", "b.zip", "checksums.txt"}}
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

// The draft of an earlier run, or of a person, is continued: by its tag, the oldest,
// with the notes it has; what is there stays, what is broken or different is replaced.
func TestAdoptDraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{ListDelay: 0, Fault: func(n int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.RawQuery, "broken") {
			return &githubtest.Fault{Starter: true, Reset: true}
		}
		return nil
	}})
	first, err := client.Open(t.Context(), github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Title: "By hand", Notes: "written by a person", Files: wanted.Files})
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

// An empty draft that a killed run left beside the one it used goes; a person's stays.
func TestTwins(t *testing.T) {
	for _, test := range []struct {
		body string
		left int // releases
		told bool
	}{{"notes", 1, false}, {"by a person", 2, true}} {
		gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
		srv := httptest.NewServer(gh)
		defer srv.Close()
		for _, body := range []string{"notes", test.body} {
			draft := fmt.Sprintf(`{"tag_name":"v1.0.0","target_commitish":%q,"name":"v1.0.0","body":%q,"draft":true}`, githubtest.Head, body)
			r, err := http.NewRequest(http.MethodPost, srv.URL+"/repos/octo/hello/releases", strings.NewReader(draft))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer t")
			r.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(r)
			if err != nil || answer.StatusCode != http.StatusCreated {
				t.Fatalf("%v, %v", answer, err)
			}
			answer.Body.Close()
		}
		client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		rel, err := client.Open(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if _, err := rel.Attach(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if err := rel.Publish(t.Context(), files, true); err != nil {
			t.Fatal(err)
		}
		all := gh.Releases()
		if told := strings.Contains(strings.Join(rel.Notices, "\n"), "is left alone"); len(all) != test.left || all[0].Draft || told != test.told {
			t.Errorf("%s: %d releases, %q", test.body, len(all), rel.Notices)
		}
	}
}

// What is not of this release never becomes public with it.
func TestForeignFilesInADraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(slices.Clone(files), file("old_0.9.0.zip", "of another run")) {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := rel.Publish(t.Context(), files, true); err == nil || !strings.Contains(err.Error(), "old_0.9.0.zip: not of this release") {
		t.Errorf("published: %v", err)
	}
	refused(t, client, wanted, "draft v1.0.0 has files that are not of this release: old_0.9.0.zip", "for f in old_0.9.0.zip; do gh release delete-asset v1.0.0 $f --repo octo/hello; done")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
}

// refused fails the test unless Open refuses with this message and this hint.
func refused(t *testing.T, client *github.Client, w github.Wanted, message, hint string) {
	t.Helper()
	_, err := client.Open(t.Context(), w)
	var refusal *github.Refusal
	var hinted interface{ Hint() string }
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), message) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hint) {
		t.Errorf("not refused so: %v", err)
	}
}

// Two runs of one tag, on different machines: neither breaks what the other made.
func TestTwoRunsOfOneTag(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	slow, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(t, client); err != nil { // continues the draft of the slow one, and is done first
		t.Fatal(err)
	}
	if err := slow.Delete(t.Context()); err == nil || !strings.Contains(err.Error(), "another run has published it") || !slow.Published() {
		t.Errorf("a public release was deleted: %v", err)
	}
	whole(t, gh)

	gh, client = start(t, githubtest.Options{})
	if slow, err = client.Open(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // it knows of none of them, nor that the release is public
		if outcome, err := slow.Attach(t.Context(), f); outcome == "" || err != nil {
			t.Errorf("%s: %q, %v", f.Name, outcome, err)
		}
	}
	if err := slow.Publish(t.Context(), files, true); err != nil {
		t.Error(err)
	}
	whole(t, gh)

	gh, client = start(t, githubtest.Options{})
	if slow, err = client.Open(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	other, err := client.Open(t.Context(), wanted)
	if err == nil {
		_, err = other.Attach(t.Context(), files[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Delete(t.Context()); err == nil || len(gh.Releases()) != 1 {
		t.Errorf("the draft was deleted under another run: %v", err)
	}
}

// A release that a person made public, without the files, cannot be completed; it is
// said before anything is compiled.
func TestPublicWithoutFiles(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err == nil {
		err = rel.Publish(t.Context(), nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, client, wanted, "release v1.0.0 is public already and has no a.tar.gz", "run again with --overwrite")
	if len(gh.Releases()) != 1 || len(gh.Releases()[0].Assets) > 0 {
		t.Errorf("%+v", gh.Releases())
	}
}

// The tag may have been moved since it was pushed, before the run or during it.
func TestMovedTag(t *testing.T) {
	const elsewhere = "7638417db6d59f3c431d3e1f261cc637155684cd"
	moved, client := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": elsewhere}, Commits: []string{elsewhere}})
	refused(t, client, wanted, "tag v1.0.0 is at commit 7638417db6d5 on GitHub, and 6dcb09b5b578 was to be released", "git fetch --force --tags")
	if len(moved.Releases()) > 0 {
		t.Errorf("%+v", moved.Releases())
	}
	// Not on GitHub at all: the draft says where it will be made, and that must be right.
	gh, client := start(t, githubtest.Options{Tags: map[string]string{}, Commits: []string{elsewhere}})
	other := wanted
	other.Commit = elsewhere
	if _, err := client.Open(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	refused(t, client, wanted, "the draft would make it at "+elsewhere, "git push origin v1.0.0")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
	gh, client = start(t, githubtest.Options{Tags: map[string]string{}})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
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
