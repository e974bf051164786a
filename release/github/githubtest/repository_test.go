package githubtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v92/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

func TestRepository(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	ctx := t.Context()
	r, _, err := f.client.Repositories.Get(ctx, "Octo", "HELLO") // names are not case sensitive
	if err != nil || r.GetFullName() != "octo/hello" || r.GetDefaultBranch() != "main" {
		t.Errorf("the repository is %v, %v", r, err)
	}

	for ref, sha := range map[string]string{"tags/v1.0.0": other, "heads/main": githubtest.Head} {
		if got, _, err := f.client.Git.GetRef(ctx, owner, repo, ref); err != nil || got.GetObject().GetSHA() != sha {
			t.Errorf("%s is %v, want %s: %v", ref, got, sha, err)
		}
	}

	for ref, sha := range map[string]string{"v1.0.0": other, "main": githubtest.Head, "tags/v1.0.0": other, other: other} {
		if got, _, err := f.client.Repositories.GetCommit(ctx, owner, repo, ref, nil); err != nil || got.GetSHA() != sha {
			t.Errorf("commit %s is %v, want %s: %v", ref, got, sha, err)
		}
	}

	_, _, err = f.client.Repositories.GetCommit(ctx, owner, repo, "nowhere", nil)
	want(t, err, "422 No commit found for SHA: nowhere")

	for path, status := range map[string]int{"/repos/octo/hello": 200, "/repos/octo/hello/releases/tags/v1.0.0": 404} { // cli/cli asks so
		resp, err := f.http.Head(f.url + path)
		if err != nil || resp.StatusCode != status {
			t.Errorf("HEAD %s is %v, want %d: %v", path, resp, status, err)
		}
	}

	limits, _, err := f.client.RateLimit.Get(ctx)
	if err != nil || limits.GetCore().Limit != 5000 {
		t.Errorf("the limits are %v, %v", limits, err)
	}
}

// TestMoveTag: somebody pushes a tag and deletes it.
func TestMoveTag(t *testing.T) {
	f := start(t, githubtest.Options{})
	for _, at := range []string{githubtest.Head, other, ""} {
		f.MoveTag("v1.0.0", at)
		got, _, err := f.client.Repositories.GetCommit(t.Context(), owner, repo, "tags/v1.0.0", nil)
		if got.GetSHA() != at || (err != nil) != (at == "") || f.Tag("v1.0.0") != at {
			t.Errorf("the tag is at %q, want %q: %v", got.GetSHA(), at, err)
		}
	}
}

// TestAddresses: what a tag is in an address, with and without escapes. A client that does
// not escape reaches the release of another tag.
func TestAddresses(t *testing.T) {
	f := startInvalid(t, githubtest.Options{}) // a query that is a part of a tag fits no description
	for _, tag := range []string{"a", "v1.0.0", "a#/v1.0.0", "x/%2e%2e/v1.0.0", "x%2Fy/v1.0.0", "x/y/v1.0.0"} {
		f.create(github.CreateReleaseRequest{TagName: tag})
	}

	for path, tag := range map[string]string{
		"a%23/v1.0.0": "a#/v1.0.0", "a?x=/v1.0.0": "a",
		"x/%252e%252e/v1.0.0": "x/%2e%2e/v1.0.0", "x/%2e%2e/v1.0.0": "v1.0.0", "x/%2E./v1.0.0": "v1.0.0", "./x/./../v1.0.0": "v1.0.0",
		"x%252Fy/v1.0.0": "x%2Fy/v1.0.0", "x%2Fy/v1.0.0": "x/y/v1.0.0", "x/y/v1.0.0": "x/y/v1.0.0",
	} {
		status, _, body := f.get("/repos/octo/hello/releases/tags/" + path)
		if status != http.StatusOK || !strings.Contains(body, `"tag_name":"`+tag+`"`) {
			t.Errorf("%s is not %s: %d %s", path, tag, status, body)
		}
	}
}

func TestNotes(t *testing.T) {
	f := start(t, githubtest.Options{})
	f.create(github.CreateReleaseRequest{TagName: "v1.0.0"})
	notes, _, err := f.client.Repositories.GenerateReleaseNotes(t.Context(), owner, repo, github.GenerateNotesRequest{TagName: "v1.1.0"})
	if want := "**Full Changelog**: " + f.url + "/octo/hello/compare/v1.0.0...v1.1.0"; err != nil || notes.Body != want {
		t.Errorf("the notes are %v, want %s: %v", notes, want, err)
	}

	r := f.create(github.CreateReleaseRequest{TagName: "v1.1.0", Body: new("Mine."), GenerateReleaseNotes: new(true)})
	if r.GetName() != "v1.1.0" || !strings.HasPrefix(r.GetBody(), "Mine.\n\n**Full Changelog**") {
		t.Errorf("the release is %v", r)
	}
}

func TestImmutableSetting(t *testing.T) {
	on, off := start(t, githubtest.Options{Immutable: true}), start(t, githubtest.Options{})
	status := func(f *fake, token string) string {
		req, err := f.as(token).NewRequest(t.Context(), "GET", "repos/octo/hello/immutable-releases", nil)
		if err != nil {
			t.Fatal(err)
		}

		var setting struct{ Enabled bool }
		_, err = f.client.Do(req, &setting)
		if err != nil {
			return said(err)
		}

		return fmt.Sprint(setting)
	}

	for _, test := range []struct {
		f           *fake
		token, want string
	}{
		{on, "admin", "{true}"},
		{off, "admin", "404 Not Found"},
		{on, "write", "403 Resource not accessible by integration"},
		{on, "", "401 Requires authentication"},
	} {
		if test.token == "" {
			if status, _, _ := test.f.get("/repos/octo/hello/immutable-releases"); status != http.StatusUnauthorized {
				t.Errorf("without a token: %d", status)
			}
			continue
		}

		test.f.client = test.f.as(test.token)
		if got := status(test.f, test.token); got != test.want {
			t.Errorf("with token %q: %s, want %s", test.token, got, test.want)
		}
	}
}

// TestPaging walks through lists.
func TestPaging(t *testing.T) {
	f := start(t, githubtest.Options{})
	ctx := t.Context()
	first := f.draft("v0.0.0")

	for i := range 34 {
		f.mustUpload(first, fmt.Sprintf("asset-%02d", i), "content")
	}

	for i := range 14 {
		f.create(github.CreateReleaseRequest{TagName: fmt.Sprintf("v1.%d.0", i)})
	}

	var tags []string
	opts := &github.ListOptions{PerPage: 4}

	for {
		part, resp, err := f.client.Repositories.ListReleases(ctx, owner, repo, opts)
		if err != nil {
			t.Fatal(err)
		}

		for _, r := range part {
			tags = append(tags, r.TagName)
		}

		if resp.NextPage == 0 {
			break
		}
		if resp.LastPage != 4 || opts.Page > 1 && resp.PrevPage != opts.Page-1 {
			t.Errorf("page %d has the links %v", opts.Page, resp.Header["Link"])
		}

		opts.Page = resp.NextPage
	}

	if len(tags) != 15 || tags[0] != "v1.13.0" || tags[14] != "v0.0.0" { // newest first
		t.Errorf("the releases are %v", tags)
	}

	assets, resp, err := f.client.Repositories.ListReleaseAssets(ctx, owner, repo, first.ID, nil)
	if err != nil || len(assets) != 30 || resp.NextPage != 2 { // 30 a page, unless asked
		t.Errorf("%d assets, next page %d, %v", len(assets), resp.NextPage, err)
	}

	assets, resp, err = f.client.Repositories.ListReleaseAssets(ctx, owner, repo, first.ID, &github.ListOptions{PerPage: 1000})
	if err != nil || len(assets) != 34 || resp.NextPage != 0 {
		t.Errorf("%d assets, next page %d, %v", len(assets), resp.NextPage, err)
	}
	if assets, _, err = f.client.Repositories.ListReleaseAssets(ctx, owner, repo, first.ID, &github.ListOptions{Page: 99}); err != nil || len(assets) != 0 {
		t.Errorf("%d assets on page 99, %v", len(assets), err)
	}
}

// TestListDelay: a new release is missing from the list for a while.
func TestListDelay(t *testing.T) {
	f := start(t, githubtest.Options{ListDelay: 2})
	r := f.draft("v1.0.0")
	var lengths []int

	for range 4 {
		list, _, err := f.client.Repositories.ListReleases(t.Context(), owner, repo, nil)
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(list))
	}

	if fmt.Sprint(lengths) != "[0 0 1 1]" {
		t.Errorf("the list has %v releases", lengths)
	}
	if _, _, err := f.client.Repositories.GetRelease(t.Context(), owner, repo, r.ID); err != nil {
		t.Errorf("by its number: %v", err)
	}
}

// TestEnterprise uses the addresses of GitHub Enterprise Server.
func TestEnterprise(t *testing.T) {
	f := start(t, githubtest.Options{})
	client, err := github.NewClient(github.WithHTTPClient(f.http), github.WithAuthToken("write"), github.WithEnterpriseURLs(f.url, f.url))
	if err != nil {
		t.Fatal(err)
	}

	f.client = client
	r := f.draft("v1.0.0")
	if r.URL != f.url+"/api/v3/repos/octo/hello/releases/1" || !strings.HasPrefix(r.UploadURL, f.url+"/api/uploads/repos/octo/hello/releases/1/assets{") {
		t.Errorf("the release is at %s, uploads go to %s", r.URL, r.UploadURL)
	}

	f.mustUpload(r, "a", "content")
	if r := f.publish(r.ID); r.Assets[0].GetBrowserDownloadURL() != f.url+"/octo/hello/releases/download/v1.0.0/a" {
		t.Errorf("the asset is at %s", r.Assets[0].GetBrowserDownloadURL())
	}
}

// TestPages reads what is meant for people and for scripts.
func TestPages(t *testing.T) {
	f := start(t, githubtest.Options{})
	if _, header, _ := f.get("/octo/hello/releases/latest"); header.Get("Location") != f.url+"/octo/hello/releases" {
		t.Errorf("without releases, latest is at %s", header.Get("Location"))
	}

	r := f.create(github.CreateReleaseRequest{TagName: "v1.0.0", Name: new("<One>")})
	f.mustUpload(r, "a.zip", "0123456789")
	f.mustUpload(f.draft("v2.0.0"), "b.zip", "content")

	status, header, page := f.get("/")
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") ||
		!strings.Contains(page, `<a href="/octo/hello/releases/download/v1.0.0/a.zip">`) || !strings.Contains(page, "&lt;One&gt;") ||
		strings.Contains(page, "/b.zip") {
		t.Errorf("the page is %d %v\n%s", status, header, page)
	}

	for path, want := range map[string]string{
		"/octo/hello/releases/latest":                f.url + "/octo/hello/releases/tag/v1.0.0",
		"/octo/hello/releases/latest/download/a.zip": f.url + "/octo/hello/releases/download/v1.0.0/a.zip",
	} {
		if status, header, _ := f.get(path); status != 302 || header.Get("Location") != want {
			t.Errorf("%s is %d %s", path, status, header.Get("Location"))
		}
	}

	for path, want := range map[string]int{
		"/octo/hello/releases/tag/v1.0.0":            200,
		"/octo/hello/releases/tag/v2.0.0":            404,
		"/octo/hello/releases/download/v2.0.0/b.zip": 404,
		"/octo/hello/releases/download/v1.0.0/b.zip": 404,
	} {
		if status, _, _ := f.get(path); status != want {
			t.Errorf("%s is %d, want %d", path, status, want)
		}
	}

	req, err := http.NewRequestWithContext(t.Context(), "GET", f.url+"/octo/hello/releases/download/v1.0.0/a.zip", nil)
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Range", "bytes=3-5")
	if status, _, body := f.do(req); status != http.StatusPartialContent || body != "345" {
		t.Errorf("a range is %d %q", status, body)
	}
}
