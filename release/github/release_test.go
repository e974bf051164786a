package github_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

func TestRelease(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	mustRelease(t, client)
	checkComplete(t, gh)
	if rel := gh.Releases()[0]; rel.Name != "v1.0.0" || rel.Body != "notes" || !rel.Latest {
		t.Errorf("%+v", rel)
	}

	// A second run finds all files there.
	rel := open(t, client, wanted)
	if !rel.Published() || rel.Created {
		t.Fatalf("published %v, created %v", rel.Published(), rel.Created)
	}
	for _, f := range files {
		outcome, err := rel.Attach(t.Context(), f)
		if outcome != github.Same || err != nil {
			t.Errorf("%s: %s, %v", f.Name, outcome, err)
		}
	}

	// A public release is never changed.
	for _, f := range []github.Asset{file("a.tar.gz", "other"), file("new", "new")} {
		outcome, err := rel.Attach(t.Context(), f)
		if outcome != "" || !isRefusal(err) || !errorContains(err, "a public release is never changed") {
			t.Errorf("%s: %q, %v", f.Name, outcome, err)
		}
	}
	if err := rel.Delete(t.Context()); err == nil {
		t.Error("a public release was deleted")
	}
	checkComplete(t, gh)
}

// A fault at the upload of one file is mended within the run.
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
			faults, count := failing(1, fault, isUploadOf("b.zip"))
			gh, client := start(t, githubtest.Options{Fault: faults})
			mustRelease(t, client)
			if *count != 1 {
				t.Fatal("the fault did not happen")
			}
			checkComplete(t, gh)
		})
	}
}

// A fault at any one request is mended within the run, and never leads to a second release.
func TestEveryRequestMayFailOnce(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	mustRelease(t, client)
	requests := len(gh.Requests())

	cases := 0
	for number := 1; number <= requests; number++ {
		for _, fault := range []githubtest.Fault{
			{Status: 502},
			{AfterDone: true},
			{AfterDone: true, Reset: true},
		} {
			gh, client := start(t, githubtest.Options{Fault: func(n int, _ *http.Request) *githubtest.Fault {
				if n == number {
					return &fault
				}
				return nil
			}})
			if err := release(t, client); err != nil {
				t.Errorf("request %d, %+v: %v", number, fault, err)
				continue
			}
			checkComplete(t, gh)
			cases++
		}
	}

	t.Logf("%d cases", cases)
	if cases < 20 {
		t.Errorf("only %d cases", cases)
	}
}

// If a file never arrives, the release is not published.
func TestPermanentFault(t *testing.T) {
	gh, client := start(t, githubtest.Options{
		Fault: always(&githubtest.Fault{Truncate: true}, isUploadOf("b.zip")),
	})

	err := release(t, client)
	checkError(t, err, "uploading b.zip: GitHub stored 5000 bytes with sha256:")
	all := gh.Releases()
	if len(all) != 1 || !all[0].Draft || len(gh.History()) > 0 {
		t.Errorf("releases: %+v", all)
	}
}

// Check names every difference between the files on the server and the expected ones.
func TestCheckNamesDifferences(t *testing.T) {
	_, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)
	attachAll(t, rel, files[:2])

	want := slices.Clone(files)
	want[1] = file("b.zip", "something else")
	err := rel.Check(t.Context(), want)
	checkError(t, err,
		"checksums.txt: not on the server",
		"b.zip: 10000 bytes, expected 14",
		"b.zip: digest sha256:")
	if errorContains(err, "a.tar.gz") {
		t.Errorf("a.tar.gz is right: %v", err)
	}

	if err := rel.Publish(t.Context(), want, true); err == nil || rel.Published() {
		t.Error("published nevertheless")
	}
}

// Once the release is being published, a cancelled run goes on until it knows the result.
func TestCancelWhilePublishing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if isPublication(r) {
			cancel()
		}
		return nil
	}})
	rel := open(t, client, wanted)
	attachAll(t, rel, files)

	err := rel.Publish(ctx, files, true)
	if err != nil || !rel.Published() {
		t.Errorf("published %v, %v", rel.Published(), err)
	}
	checkComplete(t, gh)
}

// A run that is cancelled before that publishes nothing.
func TestCancelBeforePublishing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)

	cancel()
	err := rel.Publish(ctx, nil, true)
	if err == nil || rel.Published() {
		t.Errorf("published %v, %v", rel.Published(), err)
	}
}

func TestInvalidOptions(t *testing.T) {
	valid := github.Options{
		APIURL:     "https://api.example.com",
		Repository: "o/r",
		Token:      "t",
	}
	if _, err := github.NewClient(valid); err != nil {
		t.Error(err)
	}

	for name, change := range map[string]func(*github.Options){
		"no scheme":  func(o *github.Options) { o.APIURL = "foo" },
		"ftp":        func(o *github.Options) { o.APIURL = "ftp://x" },
		"token":      func(o *github.Options) { o.Token = "a\nb" },
		"repository": func(o *github.Options) { o.Repository = "o/r/x" },
	} {
		o := valid
		change(&o)
		_, err := github.NewClient(o)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if errorContains(err, "a\nb") {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

// A download that breaks off is repeated. A part of a file is never taken for the file.
func TestDownload(t *testing.T) {
	isDownload := func(r *http.Request) bool {
		return r.Method == http.MethodGet && r.Header.Get("Accept") == "application/octet-stream"
	}
	fault, count := failing(2, &githubtest.Fault{ResetAfter: 100}, isDownload)
	_, client := start(t, githubtest.Options{Fault: fault})
	mustRelease(t, client)

	rel, err := client.Find(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rel.Names(), wanted.Files) {
		t.Errorf("names %q", rel.Names())
	}

	f := tempFile(t)
	sum, err := rel.Download(t.Context(), "b.zip", f)
	if err != nil || sum != files[1].SHA256 || *count != 2 {
		t.Errorf("%s after %d faults, %v", sum, *count, err)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil || fmt.Sprintf("%x", sha256.Sum256(data)) != sum {
		t.Errorf("%d bytes with another digest, %v", len(data), err)
	}

	if _, err := rel.Download(t.Context(), "nothing", f); err == nil {
		t.Error("a file that is not there was downloaded")
	}
	_, err = client.Find(t.Context(), "v2.0.0")
	const hint = "gh release list --repo octo/hello # shows the releases that your token may see"
	if !isRefusal(err) || !errorContains(err, "looking for the release v2.0.0 of octo/hello: ") || hintOf(err) != hint {
		t.Errorf("%v\nhint: %s", err, hintOf(err))
	}
}

func TestImmutable(t *testing.T) {
	gh, client := start(t, githubtest.Options{Immutable: true})
	mustRelease(t, client)
	checkComplete(t, gh)
	if !gh.Releases()[0].Immutable {
		t.Error("not immutable")
	}
}

// GitHub Enterprise Server has its API below a path, and older ones keep no digests. The
// files are then downloaded and compared.
func TestEnterpriseWithoutDigests(t *testing.T) {
	digest := regexp.MustCompile(`"digest":\s*"sha256:[0-9a-f]*"`)
	gh := newServer(githubtest.Options{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		gh.ServeHTTP(answer, r)

		body := digest.ReplaceAll(answer.Body.Bytes(), []byte(`"digest":null`))
		maps.Copy(w.Header(), answer.Header())
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body) // the client would notice an error
	}))
	defer srv.Close()

	client := newClient(t, options(srv.URL+"/api/v3"))
	mustRelease(t, client)
	checkComplete(t, gh)

	rel := open(t, client, wanted)
	other := slices.Clone(files)
	other[0] = file("a.tar.gz", "archive A") // as long as the one on the server
	checkError(t, rel.Check(t.Context(), other), "a.tar.gz: digest sha256:")
}

func TestLatest(t *testing.T) {
	_, client := start(t, githubtest.Options{})
	tag, err := client.Latest(t.Context())
	if tag != "" || err != nil {
		t.Errorf("%q, %v", tag, err)
	}

	mustRelease(t, client)
	tag, err = client.Latest(t.Context())
	if tag != "v1.0.0" || err != nil {
		t.Errorf("%q, %v", tag, err)
	}
}

func TestCheckName(t *testing.T) {
	valid := []string{
		"tool_1.0.0_linux_amd64.tar.gz",
		"checksums.txt",
		"a",
		"a+b",
		"tool_1.0.0-rc.1",
	}
	invalid := []string{
		"tool 1",
		"tool~1.deb",
		".hidden",
		"tool.",
		"a:b",
		"a(b)",
		"",
		"ü",
		"a/b",
	}

	for _, name := range valid {
		if err := github.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range invalid {
		if err := github.CheckName(name); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}
