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
	for _, test := range []struct{ token, read, write string }{
		{"", "<nil>", "401 Requires authentication"},
		{"read", "<nil>", "403 Resource not accessible by integration"}, // softprops/action-gh-release#232
		{"write", "<nil>", "<nil>"},
		{"admin", "<nil>", "<nil>"},
		{"stolen", "401 Bad credentials", "401 Bad credentials"},
	} {
		f.client = f.as(test.token)
		_, _, err := f.client.Repositories.ListReleases(t.Context(), owner, repo, nil)
		want(t, err, test.read)
		_, resp, err := f.client.Repositories.CreateRelease(t.Context(), owner, repo, github.CreateReleaseRequest{TagName: "v" + test.token, Draft: new(true)})
		want(t, err, test.write)
		if needs := resp.Header.Get("X-Accepted-GitHub-Permissions"); (resp.StatusCode == http.StatusForbidden) != (needs == "contents=write") {
			t.Errorf("with token %q the permission asked for is %q", test.token, needs)
		}

		_, err = f.upload(r, "asset-"+test.token, "content")
		want(t, err, test.write)
	}

	f.client = f.as("write")
	_, _, err := f.client.Repositories.ListReleases(t.Context(), owner, "other", nil)
	want(t, err, "404 Not Found")
	_, _, err = f.client.Repositories.CreateRelease(t.Context(), "another", repo, github.CreateReleaseRequest{TagName: "v1"})
	want(t, err, "404 Not Found")
}

// TestReleaseRefusals checks every reason for which a release cannot be made or changed.
func TestReleaseRefusals(t *testing.T) {
	const alreadyExists = "422 Release tag_name already_exists"
	const invalidTarget = "422 Release target_commitish invalid"
	const notLatest = "422 Release  custom Latest release cannot be draft or prerelease."
	f := start(t, githubtest.Options{Tags: map[string]string{"v0.1.0": other}})
	public := f.create(github.CreateReleaseRequest{TagName: "v1.0.0"})
	draft := f.draft("v1.0.0") // drafts may share a tag, with each other and with what is published
	f.draft("v1.0.0")

	for name, test := range map[string]struct {
		req  github.CreateReleaseRequest
		want string
	}{
		"second of a tag":    {github.CreateReleaseRequest{TagName: "v1.0.0"}, alreadyExists}, // softprops/action-gh-release#445
		"target is a tag":    {github.CreateReleaseRequest{TagName: "v0.1.0", TargetCommitish: new("v0.1.0"), Draft: new(true)}, invalidTarget},
		"target is a ref":    {github.CreateReleaseRequest{TagName: "v2", TargetCommitish: new("refs/heads/main")}, invalidTarget},
		"target is short":    {github.CreateReleaseRequest{TagName: "v2", TargetCommitish: new(other[:7])}, invalidTarget},
		"target is unknown":  {github.CreateReleaseRequest{TagName: "v2", TargetCommitish: new(strings.Repeat("0", 40))}, invalidTarget},
		"prerelease, latest": {github.CreateReleaseRequest{TagName: "v2", Prerelease: new(true), MakeLatest: new("true")}, notLatest},
		"long body":          {github.CreateReleaseRequest{TagName: "v2", Body: new(strings.Repeat("ä", 125_001))}, "422 Release body custom body is too long (maximum is 125000 characters)"},
		"no discussions":     {github.CreateReleaseRequest{TagName: "v2", DiscussionCategoryName: new("News")}, "404 Not Found"},
		"bad tag": {github.CreateReleaseRequest{TagName: "v 2"}, "422 Release tag_name custom tag_name is not a valid tag; " +
			"Release tag_name custom tag_name is not well-formed; Release  custom Published releases must have a valid tag"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := f.client.Repositories.CreateRelease(t.Context(), owner, repo, test.req)
			want(t, err, test.want)
		})
	}

	if n := len(f.Releases()); n != 3 {
		t.Errorf("there are %d releases, want 3", n)
	}
	if r := f.create(github.CreateReleaseRequest{TagName: "v2", Body: new(strings.Repeat("ä", 125_000))}); r.Draft {
		t.Error("a release with the longest body is a draft")
	}

	_, err := f.update(draft.ID, github.UpdateReleaseRequest{Draft: new(false)}) // manufosela/karajan-code#774
	want(t, err, alreadyExists)
	_, err = f.update(draft.ID, github.UpdateReleaseRequest{TagName: new("v1.0.0"), MakeLatest: new("true")}) // openclaw/openclaw#139297
	want(t, err, notLatest)
	_, err = f.update(draft.ID, github.UpdateReleaseRequest{TagName: new("v3"), Draft: new(false), Prerelease: new(true), MakeLatest: new("true")})
	want(t, err, notLatest)
	_, err = f.update(draft.ID, github.UpdateReleaseRequest{TagName: new("v1.0.0"), TargetCommitish: new("")}) // concourse/github-release-resource#144
	want(t, err, invalidTarget)
	if r := f.release(draft.ID); !r.Draft || r.Tag != "v1.0.0" || r.Target != "main" {
		t.Errorf("refused requests have changed the draft to %+v", r)
	}

	_, err = f.update(99, github.UpdateReleaseRequest{})
	want(t, err, "404 Not Found")
	_, err = f.client.Repositories.DeleteRelease(t.Context(), owner, repo, 99)
	want(t, err, "404 Not Found")
	_, err = f.update(public.ID, github.UpdateReleaseRequest{TagName: new("v2")})
	want(t, err, alreadyExists)
}

// TestImmutable checks what cannot be done to an immutable release, and what can.
func TestImmutable(t *testing.T) {
	f := start(t, githubtest.Options{Immutable: true})
	ctx, repos := t.Context(), f.client.Repositories
	r := f.draft("v1.0.0")
	a := f.mustUpload(r, "a", "content")
	if r.GetImmutable() {
		t.Error("a draft is immutable")
	}
	if r := f.publish(r.ID); !r.GetImmutable() {
		t.Error("a published release is not immutable")
	}

	_, err := f.upload(r, "b", "content") // softprops/action-gh-release#653
	want(t, err, "422 Cannot upload assets to an immutable release.")
	_, err = repos.DeleteReleaseAsset(ctx, owner, repo, a.GetID()) // uutils/coreutils#13839
	want(t, err, "422 ReleaseAsset  custom Cannot delete asset from an immutable release")
	_, _, err = repos.UpdateReleaseAsset(ctx, owner, repo, a.GetID(), github.UpdateReleaseAssetRequest{Name: new("b")})
	want(t, err, "422 ReleaseAsset  custom Cannot update asset of an immutable release")
	_, err = f.update(r.ID, github.UpdateReleaseRequest{Draft: new(true)}) // cameronrye/openzim-mcp#215
	want(t, err, "422 Release state custom state cannot be changed when release is immutable")
	_, err = f.update(r.ID, github.UpdateReleaseRequest{TagName: new("v1.0.1")})
	want(t, err, "422 Release tag_name custom tag_name cannot be changed when release is immutable")

	edited, err := f.update(r.ID, github.UpdateReleaseRequest{ // github/docs#45718
		TagName: new("v1.0.0"), Name: new("One"), Body: new("notes"), Prerelease: new(true), MakeLatest: new("false"),
	})
	if err != nil || edited.GetName() != "One" || !edited.Prerelease || !edited.GetImmutable() {
		t.Errorf("editing: %v, %v", edited, err)
	}

	// Deleting is allowed; but nothing can ever be published under that tag again.
	if _, err := repos.DeleteRelease(ctx, owner, repo, r.ID); err != nil {
		t.Fatal(err)
	}

	again := f.draft("v1.0.0")
	f.mustUpload(again, "a", "content")
	_, err = f.update(again.ID, github.UpdateReleaseRequest{Draft: new(false)})
	want(t, err, "422 Release tag_name custom tag_name was used by an immutable release; Release  custom Published releases must have a valid tag")
	_, _, err = repos.CreateRelease(ctx, owner, repo, github.CreateReleaseRequest{TagName: "v1.0.0"})
	want(t, err, "422 Release tag_name custom tag_name was used by an immutable release; Release  custom Published releases must have a valid tag")
}

// TestUploadRefusals checks every reason for which an asset is not stored.
func TestUploadRefusals(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "a b", "content")
	_, err := f.upload(r, "a.b", "other")
	want(t, err, "422 ReleaseAsset name already_exists")
	_, err = f.upload(&github.RepositoryRelease{UploadURL: strings.Replace(r.UploadURL, "/1/", "/99/", 1)}, "c", "content")
	want(t, err, "404 Not Found")

	send := func(name string, length int64) (int, string) {
		body := &endless{}
		req, err := http.NewRequestWithContext(t.Context(), "POST", f.url+"/uploads/repos/octo/hello/releases/1/assets?name="+name, body)
		if err != nil {
			t.Fatal(err)
		}

		req.Header.Set("Authorization", "token write")
		req.Header.Set("Content-Type", "application/zip")
		if req.ContentLength = length; length == 0 {
			req.Body = http.NoBody
		}
		if length < 0 {
			body.end = 10 // sent in chunks
		}

		status, _, answer := f.do(req)

		return status, answer
	}

	for _, test := range []struct {
		length int64
		status int
		want   string
	}{
		{-1, 400, "Bad Content-Length: "},                                 // skx/github-action-publish-binaries#19
		{0, 422, "size must be greater than or equal to 1"},               // svenstaro/upload-release-action#94
		{1<<31 + 1, 422, "size must be less than or equal to 2147483648"}, // cli/cli#10182
	} {
		if status, body := send("c", test.length); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("uploading %d bytes: %d %s", test.length, status, body)
		}
	}

	if assets := f.release(r.ID).Assets; len(assets) != 1 {
		t.Errorf("refused uploads have left %v", assets)
	}
}

// An endless is a body that goes on, until its end if it has one.
type endless struct{ end int }

func (e *endless) Read(p []byte) (int, error) {
	if e.end > 0 {
		if e.end--; e.end == 0 {
			return 0, io.EOF
		}
		return copy(p, "x"), nil
	}
	return len(p), nil
}

// TestRateLimit uses up the requests of an hour.
func TestRateLimit(t *testing.T) {
	now := time.Now()
	f := start(t, githubtest.Options{RateLimit: 4, Now: func() time.Time { return now }})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "a", "content") // counts twice
	_, resp, err := f.client.Repositories.ListReleases(t.Context(), owner, repo, nil)
	if err != nil || resp.Rate.Remaining != 0 || resp.Rate.Used != 4 || resp.Rate.Limit != 4 {
		t.Errorf("the rate is %v, %v", resp.Rate, err)
	}

	_, _, err = f.client.Repositories.ListReleases(t.Context(), owner, repo, nil)
	var limited *github.RateLimitError
	if !errors.As(err, &limited) || limited.Rate.Reset.Unix() != now.Add(time.Hour).Unix() {
		t.Errorf("over the limit: %v", err)
	}
	if limits, _, err := f.client.RateLimit.Get(t.Context()); err != nil || limits.GetCore().Remaining != 0 {
		t.Errorf("the limits are %v, %v", limits, err)
	}

	now = now.Add(time.Hour)
	if _, _, err = f.client.Repositories.ListReleases(t.Context(), owner, repo, nil); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}
