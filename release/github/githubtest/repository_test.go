package githubtest_test

import (
	"fmt"
	"net/http"
	"slices"
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

	for ref, sha := range map[string]string{
		"tags/v1.0.0": other,
		"heads/main":  githubtest.Head,
	} {
		got, _, err := f.client.Git.GetRef(ctx, owner, repo, ref)
		if err != nil || got.GetObject().GetSHA() != sha {
			t.Errorf("%s is %v, want %s: %v", ref, got, sha, err)
		}
	}

	for ref, sha := range map[string]string{
		"v1.0.0":      other,
		"tags/v1.0.0": other,
		other:         other,
		"main":        githubtest.Head,
	} {
		got, _, err := f.client.Repositories.GetCommit(ctx, owner, repo, ref, nil)
		if err != nil || got.GetSHA() != sha {
			t.Errorf("commit %s is %v, want %s: %v", ref, got, sha, err)
		}
	}
	_, _, err = f.client.Repositories.GetCommit(ctx, owner, repo, "nowhere", nil)
	want(t, err, "422 No commit found for SHA: nowhere")

	limits, _, err := f.client.RateLimit.Get(ctx)
	if err != nil || limits.GetCore().Limit != 5000 {
		t.Errorf("the limits are %v, %v", limits, err)
	}
}

// TestHead sends HEAD requests, as cli/cli does.
func TestHead(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	for path, status := range map[string]int{
		"/repos/octo/hello":                      200,
		"/repos/octo/hello/releases/tags/v1.0.0": 404,
	} {
		resp, err := f.http.Head(f.url + path)
		if err != nil || resp.StatusCode != status {
			t.Errorf("HEAD %s is %v, want %d: %v", path, resp, status, err)
		}
	}
}

// TestMoveTag creates, moves and deletes a tag.
func TestMoveTag(t *testing.T) {
	f := start(t, githubtest.Options{})
	for _, commit := range []string{githubtest.Head, other, ""} {
		f.MoveTag("v1.0.0", commit)

		got, _, err := f.client.Repositories.GetCommit(t.Context(), owner, repo, "tags/v1.0.0", nil)
		if got.GetSHA() != commit || (err != nil) != (commit == "") || f.Tag("v1.0.0") != commit {
			t.Errorf("the tag is at %q, want %q: %v", got.GetSHA(), commit, err)
		}
	}
}

// TestAddresses checks which tag an address means, with and without escapes. A client that
// does not escape a tag can reach the release of another tag.
func TestAddresses(t *testing.T) {
	f := startUnchecked(t, githubtest.Options{}) // a query that is part of a tag is not described
	for _, tag := range []string{
		"a",
		"v1.0.0",
		"a#/v1.0.0",
		"x/%2e%2e/v1.0.0",
		"x%2Fy/v1.0.0",
		"x/y/v1.0.0",
	} {
		f.create(createRequest{TagName: tag})
	}

	for path, tag := range map[string]string{
		"a%23/v1.0.0":         "a#/v1.0.0",
		"a?x=/v1.0.0":         "a",
		"x/%252e%252e/v1.0.0": "x/%2e%2e/v1.0.0",
		"x/%2e%2e/v1.0.0":     "v1.0.0",
		"x/%2E./v1.0.0":       "v1.0.0",
		"./x/./../v1.0.0":     "v1.0.0",
		"x%252Fy/v1.0.0":      "x%2Fy/v1.0.0",
		"x%2Fy/v1.0.0":        "x/y/v1.0.0",
		"x/y/v1.0.0":          "x/y/v1.0.0",
	} {
		resp := f.get("/repos/octo/hello/releases/tags/" + path)
		if resp.status != http.StatusOK || !strings.Contains(resp.body, `"tag_name":"`+tag+`"`) {
			t.Errorf("%s is not %s: %d %s", path, tag, resp.status, resp.body)
		}
	}
}

func TestNotes(t *testing.T) {
	f := start(t, githubtest.Options{})
	f.create(createRequest{TagName: "v1.0.0"})

	req := github.GenerateNotesRequest{TagName: "v1.1.0"}
	notes, _, err := f.client.Repositories.GenerateReleaseNotes(t.Context(), owner, repo, req)
	if err != nil {
		t.Fatal(err)
	}
	wantNotes := "**Full Changelog**: " + f.url + "/octo/hello/compare/v1.0.0...v1.1.0"
	if notes.Body != wantNotes {
		t.Errorf("the notes are %s, want %s", notes.Body, wantNotes)
	}

	r := f.create(createRequest{
		TagName:              "v1.1.0",
		Body:                 new("Mine."),
		GenerateReleaseNotes: new(true),
	})
	if r.GetName() != "v1.1.0" || r.GetBody() != "Mine.\n\n"+wantNotes {
		t.Errorf("the release is %v", r)
	}
}

func TestImmutableSetting(t *testing.T) {
	enabled := start(t, githubtest.Options{Immutable: true})
	disabled := start(t, githubtest.Options{})
	const path = "repos/octo/hello/immutable-releases"

	for _, test := range []struct {
		f     *fake
		token string
		want  string
	}{
		{enabled, "admin", "<nil>"},
		{disabled, "admin", "404 Not Found"},
		{enabled, "write", "403 Resource not accessible by integration"},
		{enabled, "", "401 Requires authentication"},
	} {
		client := test.f.as(test.token)
		req, err := client.NewRequest(t.Context(), "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}

		var setting struct{ Enabled bool }
		_, err = client.Do(req, &setting)
		want(t, err, test.want)
		if setting.Enabled != (err == nil) {
			t.Errorf("with token %q immutable releases are enabled: %v", test.token, setting.Enabled)
		}
	}
}

// TestReleasePages reads a list page by page.
func TestReleasePages(t *testing.T) {
	f := start(t, githubtest.Options{})
	for i := range 15 {
		f.create(createRequest{TagName: fmt.Sprintf("v1.%d.0", i)})
	}

	var tags []string
	opts := &github.ListOptions{PerPage: 4}
	for {
		page, resp, err := f.client.Repositories.ListReleases(t.Context(), owner, repo, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
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

	if len(tags) != 15 || tags[0] != "v1.14.0" || tags[14] != "v1.0.0" { // newest first
		t.Errorf("the releases are %v", tags)
	}
}

// TestPageSize reads lists with and without per_page.
func TestPageSize(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v0.0.0")
	for i := range 34 {
		f.mustUpload(r, fmt.Sprintf("asset-%02d", i), "content")
	}

	for _, test := range []struct {
		opts *github.ListOptions
		want int // assets
		next int // page
	}{
		{nil, 30, 2}, // the default
		{&github.ListOptions{PerPage: 1000}, 34, 0},
		{&github.ListOptions{Page: 99}, 0, 0},
	} {
		assets, resp, err := f.client.Repositories.ListReleaseAssets(t.Context(), owner, repo, r.ID, test.opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(assets) != test.want || resp.NextPage != test.next {
			t.Errorf("with %v: %d assets, next page %d", test.opts, len(assets), resp.NextPage)
		}
	}
}

// TestListDelay lists a new release, which is missing at first.
func TestListDelay(t *testing.T) {
	f := start(t, githubtest.Options{ListDelay: 2})
	r := f.draft("v1.0.0")
	repos := f.client.Repositories

	var lengths []int
	for range 4 {
		list, _, err := repos.ListReleases(t.Context(), owner, repo, nil)
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(list))
	}
	if want := []int{0, 0, 1, 1}; !slices.Equal(lengths, want) {
		t.Errorf("the list has %v releases, want %v", lengths, want)
	}

	if _, _, err := repos.GetRelease(t.Context(), owner, repo, r.ID); err != nil {
		t.Errorf("by its ID: %v", err)
	}
}

// TestEnterprise uses the addresses of GitHub Enterprise Server.
func TestEnterprise(t *testing.T) {
	f := start(t, githubtest.Options{})
	client, err := github.NewClient(
		github.WithHTTPClient(f.http),
		github.WithAuthToken("write"),
		github.WithEnterpriseURLs(f.url, f.url),
	)
	if err != nil {
		t.Fatal(err)
	}
	f.client = client

	r := f.draft("v1.0.0")
	if r.URL != f.url+"/api/v3/repos/octo/hello/releases/1" {
		t.Errorf("the release is at %s", r.URL)
	}
	if !strings.HasPrefix(r.UploadURL, f.url+"/api/uploads/repos/octo/hello/releases/1/assets{") {
		t.Errorf("uploads go to %s", r.UploadURL)
	}

	f.mustUpload(r, "a", "content")
	r = f.publish(r.ID)
	url := r.Assets[0].GetBrowserDownloadURL()
	if url != f.url+"/octo/hello/releases/download/v1.0.0/a" {
		t.Errorf("the asset is at %s", url)
	}
}

// TestPages reads pages for people and for scripts.
func TestPages(t *testing.T) {
	f := start(t, githubtest.Options{})
	const releases = "/octo/hello/releases"

	location := f.get(releases + "/latest").header.Get("Location")
	if location != f.url+releases {
		t.Errorf("without releases, latest redirects to %s", location)
	}

	r := f.create(createRequest{TagName: "v1.0.0", Name: new("<One>")})
	f.mustUpload(r, "a.zip", "0123456789")
	f.mustUpload(f.draft("v2.0.0"), "b.zip", "content")

	page := f.get("/")
	if page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("the page is %d %v", page.status, page.header)
	}
	for _, part := range []string{`<a href="` + releases + `/download/v1.0.0/a.zip">`, "&lt;One&gt;"} {
		if !strings.Contains(page.body, part) {
			t.Errorf("%s is not in the page:\n%s", part, page.body)
		}
	}
	if strings.Contains(page.body, "/b.zip") {
		t.Errorf("the page has a link to a file of a draft:\n%s", page.body)
	}

	for path, want := range map[string]string{
		"/latest":                releases + "/tag/v1.0.0",
		"/latest/download/a.zip": releases + "/download/v1.0.0/a.zip",
	} {
		resp := f.get(releases + path)
		if resp.status != 302 || resp.header.Get("Location") != f.url+want {
			t.Errorf("%s is %d %s", path, resp.status, resp.header.Get("Location"))
		}
	}
	for path, want := range map[string]int{
		"/tag/v1.0.0":            200,
		"/tag/v2.0.0":            404,
		"/download/v2.0.0/b.zip": 404,
		"/download/v1.0.0/b.zip": 404,
	} {
		if got := f.get(releases + path).status; got != want {
			t.Errorf("%s is %d, want %d", path, got, want)
		}
	}
}

// TestRange downloads a part of an asset.
func TestRange(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.create(createRequest{TagName: "v1.0.0"})
	f.mustUpload(r, "a.zip", "0123456789")

	url := f.url + "/octo/hello/releases/download/v1.0.0/a.zip"
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=3-5")

	resp := f.do(req)
	if resp.status != http.StatusPartialContent || resp.body != "345" {
		t.Errorf("a range is %d %q", resp.status, resp.body)
	}
}

// Notes can be compared with a tag of the client's choice, which must exist.
func TestNotesSinceTag(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"sub/v1.0.0": githubtest.Head}})
	f.create(createRequest{TagName: "v1.0.0"})

	req := github.GenerateNotesRequest{
		TagName:         "sub/v1.1.0",
		PreviousTagName: new("sub/v1.0.0"),
	}
	notes, _, err := f.client.Repositories.GenerateReleaseNotes(t.Context(), owner, repo, req)
	if err != nil {
		t.Fatal(err)
	}
	if want := "**Full Changelog**: " + f.url + "/octo/hello/compare/sub/v1.0.0...sub/v1.1.0"; notes.Body != want {
		t.Errorf("the notes are %s, want %s", notes.Body, want)
	}

	req.PreviousTagName = new("sub/v0.9.0")
	_, _, err = f.client.Repositories.GenerateReleaseNotes(t.Context(), owner, repo, req)
	if err == nil || !strings.Contains(err.Error(), "400 Invalid previous_tag parameter") {
		t.Errorf("with a tag that does not exist: %v", err)
	}
}

// All refs that begin with a text are listed at once.
func TestMatchingRefs(t *testing.T) {
	f := start(t, githubtest.Options{
		Tags: map[string]string{
			"v1":         githubtest.Head,
			"v1.0.0":     githubtest.Head,
			"sub/v1.0.0": githubtest.Head,
		},
	})

	for start, want := range map[string]string{
		"tags":       "refs/tags/sub/v1.0.0 refs/tags/v1 refs/tags/v1.0.0",
		"tags/v":     "refs/tags/v1 refs/tags/v1.0.0",
		"tags/sub/v": "refs/tags/sub/v1.0.0",
		"tags/none":  "",
		"heads/m":    "refs/heads/main",
	} {
		refs, _, err := f.client.Git.ListMatchingRefs(t.Context(), owner, repo, start)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, ref := range refs {
			names = append(names, ref.GetRef())
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", start, got, want)
		}
	}
}
