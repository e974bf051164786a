package githubtest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/release/github/githubtest"
)

// TestAccess checks what each token may do.
func TestAccess(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")

	for _, test := range []struct {
		token string
		read  string // the answer to a request that reads
		write string // the answer to a request that writes
	}{
		{"", "<nil>", "401 Requires authentication"},
		{"read", "<nil>", "403 Resource not accessible by integration"}, // softprops/action-gh-release#232
		{"write", "<nil>", "<nil>"},
		{"admin", "<nil>", "<nil>"},
		{"stolen", "401 Bad credentials", "401 Bad credentials"},
	} {
		f.client = f.as(test.token)
		repos := f.client.Repositories

		_, _, err := repos.ListReleases(t.Context(), owner, repo, nil)
		want(t, err, test.read)

		req := createRequest{TagName: "v" + test.token, Draft: new(true)}
		_, resp, err := repos.CreateRelease(t.Context(), owner, repo, req)
		want(t, err, test.write)
		wantPermission := ""
		if resp.StatusCode == http.StatusForbidden {
			wantPermission = "contents=write"
		}
		if got := resp.Header.Get("X-Accepted-GitHub-Permissions"); got != wantPermission {
			t.Errorf("with token %q the permission is %q, want %q", test.token, got, wantPermission)
		}

		_, err = f.upload(r, "asset-"+test.token, "content")
		want(t, err, test.write)
	}

	// Other repositories do not exist.
	repos := f.as("write").Repositories
	_, _, err := repos.ListReleases(t.Context(), owner, "other", nil)
	want(t, err, "404 Not Found")
	_, _, err = repos.CreateRelease(t.Context(), "another", repo, createRequest{TagName: "v1"})
	want(t, err, "404 Not Found")
}

// Answers to requests that are not possible.
const (
	alreadyExists = "422 Release tag_name already_exists"
	invalidTarget = "422 Release target_commitish invalid"
	notLatest     = "422 Release  custom Latest release cannot be draft or prerelease."
	longBody      = "422 Release body custom body is too long (maximum is 125000 characters)"
	badTag        = "422 Release tag_name custom tag_name is not a valid tag; " +
		"Release tag_name custom tag_name is not well-formed; " +
		"Release  custom Published releases must have a valid tag"
	burnedTag = "422 Release tag_name custom tag_name was used by an immutable release; " +
		"Release  custom Published releases must have a valid tag"
)

// TestCreateRefusals checks every reason for which a release cannot be created.
func TestCreateRefusals(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v0.1.0": other}})
	f.create(createRequest{TagName: "v1.0.0"})
	f.draft("v1.0.0") // drafts may share a tag with each other and with a published release
	f.draft("v1.0.0")

	for _, test := range []struct {
		name string
		req  createRequest
		want string
	}{
		{
			"second of a tag", // softprops/action-gh-release#445
			createRequest{TagName: "v1.0.0"},
			alreadyExists,
		},
		{
			"target is a tag",
			createRequest{TagName: "v0.1.0", TargetCommitish: new("v0.1.0"), Draft: new(true)},
			invalidTarget,
		},
		{
			"target is a ref",
			createRequest{TagName: "v2", TargetCommitish: new("refs/heads/main")},
			invalidTarget,
		},
		{
			"target is short",
			createRequest{TagName: "v2", TargetCommitish: new(other[:7])},
			invalidTarget,
		},
		{
			"target is unknown",
			createRequest{TagName: "v2", TargetCommitish: new(strings.Repeat("0", 40))},
			invalidTarget,
		},
		{
			"prerelease, latest",
			createRequest{TagName: "v2", Prerelease: new(true), MakeLatest: new("true")},
			notLatest,
		},
		{
			"long body",
			createRequest{TagName: "v2", Body: new(strings.Repeat("ä", 125_001))},
			longBody,
		},
		{
			"no discussions",
			createRequest{TagName: "v2", DiscussionCategoryName: new("News")},
			"404 Not Found",
		},
		{
			"bad tag",
			createRequest{TagName: "v 2"},
			badTag,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.tryCreate(test.req)
			want(t, err, test.want)
		})
	}
	if n := len(f.Releases()); n != 3 {
		t.Errorf("there are %d releases, want 3", n)
	}

	r := f.create(createRequest{TagName: "v2", Body: new(strings.Repeat("ä", 125_000))})
	if r.Draft {
		t.Error("a release with the longest body is a draft")
	}
}

// TestUpdateRefusals checks every reason for which a release cannot be changed.
func TestUpdateRefusals(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v0.1.0": other}})
	public := f.create(createRequest{TagName: "v1.0.0"})
	f.create(createRequest{TagName: "v2"})
	draft := f.draft("v1.0.0")

	for _, test := range []struct {
		name string
		id   int64
		req  updateRequest
		want string
	}{
		{
			"second of a tag", // manufosela/karajan-code#774
			draft.ID,
			updateRequest{Draft: new(false)},
			alreadyExists,
		},
		{
			"draft, latest", // openclaw/openclaw#139297
			draft.ID,
			updateRequest{TagName: new("v1.0.0"), MakeLatest: new("true")},
			notLatest,
		},
		{
			"prerelease, latest",
			draft.ID,
			updateRequest{
				TagName:    new("v3"),
				Draft:      new(false),
				Prerelease: new(true),
				MakeLatest: new("true"),
			},
			notLatest,
		},
		{
			"empty target", // concourse/github-release-resource#144
			draft.ID,
			updateRequest{TagName: new("v1.0.0"), TargetCommitish: new("")},
			invalidTarget,
		},
		{
			"tag of another release",
			public.ID,
			updateRequest{TagName: new("v2")},
			alreadyExists,
		},
		{
			"no release",
			99,
			updateRequest{},
			"404 Not Found",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.update(test.id, test.req)
			want(t, err, test.want)
		})
	}
	want(t, f.deleteRelease(99), "404 Not Found")

	r := f.release(draft.ID)
	if !r.Draft || r.Tag != "v1.0.0" || r.Target != "main" {
		t.Errorf("refused requests have changed the draft to %+v", r)
	}
}

// TestImmutable checks what an immutable release does not allow, and what it allows.
func TestImmutable(t *testing.T) {
	f := start(t, githubtest.Options{Immutable: true})
	draft := f.draft("v1.0.0")
	asset := f.mustUpload(draft, "a", "content")
	if draft.GetImmutable() {
		t.Error("a draft is immutable")
	}
	r := f.publish(draft.ID)
	if !r.GetImmutable() {
		t.Error("a published release is not immutable")
	}

	_, err := f.upload(r, "b", "content") // softprops/action-gh-release#653
	want(t, err, "422 Cannot upload assets to an immutable release.")
	err = f.deleteAsset(asset.GetID()) // uutils/coreutils#13839
	want(t, err, "422 ReleaseAsset  custom Cannot delete asset from an immutable release")
	err = f.renameAsset(asset.GetID(), "b")
	want(t, err, "422 ReleaseAsset  custom Cannot update asset of an immutable release")
	_, err = f.update(r.ID, updateRequest{Draft: new(true)}) // cameronrye/openzim-mcp#215
	want(t, err, "422 Release state custom state cannot be changed when release is immutable")
	_, err = f.update(r.ID, updateRequest{TagName: new("v1.0.1")})
	want(t, err, "422 Release tag_name custom tag_name cannot be changed when release is immutable")

	edited, err := f.update(r.ID, updateRequest{ // github/docs#45718
		TagName:    new("v1.0.0"),
		Name:       new("One"),
		Body:       new("notes"),
		Prerelease: new(true),
		MakeLatest: new("false"),
	})
	if err != nil || edited.GetName() != "One" || !edited.Prerelease || !edited.GetImmutable() {
		t.Errorf("editing: %v, %v", edited, err)
	}

	// The release can be deleted, but its tag can never be published again.
	if err := f.deleteRelease(r.ID); err != nil {
		t.Fatal(err)
	}
	again := f.draft("v1.0.0")
	f.mustUpload(again, "a", "content")
	_, err = f.update(again.ID, updateRequest{Draft: new(false)})
	want(t, err, burnedTag)
	_, err = f.tryCreate(createRequest{TagName: "v1.0.0"})
	want(t, err, burnedTag)
}

// TestUploadRefusals checks every reason for which an asset is not stored.
func TestUploadRefusals(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "a b", "content")

	_, err := f.upload(r, "a.b", "other") // "a b" is stored under this name
	want(t, err, "422 ReleaseAsset name already_exists")
	nowhere := &github.RepositoryRelease{UploadURL: strings.Replace(r.UploadURL, "/1/", "/99/", 1)}
	_, err = f.upload(nowhere, "c", "content")
	want(t, err, "404 Not Found")

	for _, test := range []struct {
		length int64 // -1 for a body in chunks
		status int
		want   string
	}{
		{-1, 400, "Bad Content-Length: "},                                 // skx/github-action-publish-binaries#19
		{0, 422, "size must be greater than or equal to 1"},               // svenstaro/upload-release-action#94
		{1<<31 + 1, 422, "size must be less than or equal to 2147483648"}, // cli/cli#10182
	} {
		resp := uploadLength(f, test.length)
		if resp.status != test.status || !strings.Contains(resp.body, test.want) {
			t.Errorf("uploading %d bytes: %d %s", test.length, resp.status, resp.body)
		}
	}

	if assets := f.release(r.ID).Assets; len(assets) != 1 {
		t.Errorf("refused uploads have left %v", assets)
	}
}

// uploadLength sends an upload to release 1 with a Content-Length, or in chunks if length is
// -1.
func uploadLength(f *fake, length int64) response {
	f.t.Helper()

	body := &slowBody{}
	url := f.url + "/uploads/repos/octo/hello/releases/1/assets?name=c"
	req, err := http.NewRequestWithContext(f.t.Context(), "POST", url, body)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token write")
	req.Header.Set("Content-Type", "application/zip")

	req.ContentLength = length
	switch {
	case length == 0:
		req.Body = http.NoBody
	case length < 0:
		body.end = 10
	}

	return f.do(req)
}

// A slowBody ends after end-1 bytes, or never if end is 0.
type slowBody struct{ end int }

func (b *slowBody) Read(p []byte) (int, error) {
	if b.end == 0 {
		return len(p), nil
	}

	b.end--
	if b.end == 0 {
		return 0, io.EOF
	}
	return copy(p, "x"), nil
}

// TestRateLimit uses up the requests of an hour.
func TestRateLimit(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	f := start(t, githubtest.Options{RateLimit: 4, Now: clock})
	list := func() (github.Rate, error) {
		_, resp, err := f.client.Repositories.ListReleases(t.Context(), owner, repo, nil)
		return resp.Rate, err
	}

	r := f.draft("v1.0.0")
	f.mustUpload(r, "a", "content") // counts twice
	rate, err := list()
	if err != nil || rate.Remaining != 0 || rate.Used != 4 || rate.Limit != 4 {
		t.Errorf("the rate is %v, %v", rate, err)
	}

	_, err = list()
	var limited *github.RateLimitError
	if !errors.As(err, &limited) || limited.Rate.Reset.Unix() != now.Add(time.Hour).Unix() {
		t.Errorf("over the limit: %v", err)
	}
	limits, _, err := f.client.RateLimit.Get(t.Context())
	if err != nil || limits.GetCore().Remaining != 0 {
		t.Errorf("the limits are %v, %v", limits, err)
	}

	now = now.Add(time.Hour)
	if _, err := list(); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}
