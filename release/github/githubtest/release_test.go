package githubtest_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v92/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// TestLife leads a release through its whole life, as a client sees it.
func TestLife(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	ctx, repos := t.Context(), f.client.Repositories

	r := f.create(github.CreateReleaseRequest{
		TagName: "v1.0.0", Name: new("One"), Body: new("notes"), Draft: new(true), MakeLatest: new("true"),
	})
	if want := fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%d/assets{?name,label}", f.url, r.ID); r.UploadURL != want {
		t.Errorf("upload_url is %s, want %s", r.UploadURL, want)
	}
	if !r.Draft || r.PublishedAt != nil || r.TagName != "v1.0.0" || r.TargetCommitish != "main" {
		t.Errorf("a new draft is %v", r)
	}

	content := strings.Repeat("static ", 100_000)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
	a := f.mustUpload(r, "hello_linux_amd64.tar.gz", content)
	if a.GetState() != "uploaded" || a.GetDigest() != digest || a.GetSize() != len(content) {
		t.Errorf("the asset is %v, want digest %s", a, digest)
	}
	if !regexp.MustCompile(`/octo/hello/releases/download/untagged-[0-9a-f]{20}/hello_linux_amd64\.tar\.gz$`).MatchString(a.GetBrowserDownloadURL()) {
		t.Errorf("a draft's asset is at %s", a.GetBrowserDownloadURL())
	}

	// Nobody without the right to write sees the draft, by any way.
	_, _, err := f.as("").Repositories.GetRelease(ctx, owner, repo, r.ID)
	want(t, err, "404 Not Found")
	_, _, err = f.as("read").Repositories.GetReleaseAsset(ctx, owner, repo, a.GetID())
	want(t, err, "404 Not Found")
	_, _, err = repos.GetReleaseByTag(ctx, owner, repo, "v1.0.0")
	want(t, err, "404 Not Found")
	_, _, err = repos.GetLatestRelease(ctx, owner, repo)
	want(t, err, "404 Not Found")

	for token, n := range map[string]int{"": 0, "read": 0, "write": 1} {
		if list, _, err := f.as(token).Repositories.ListReleases(ctx, owner, repo, nil); err != nil || len(list) != n {
			t.Errorf("with token %q the list has %d releases, want %d: %v", token, len(list), n, err)
		}
	}

	if len(f.History()) != 0 {
		t.Errorf("the public saw a draft: %v", f.History())
	}

	published, err := f.update(r.ID, github.UpdateReleaseRequest{Draft: new(false), MakeLatest: new("true")})
	if err != nil {
		t.Fatal(err)
	}
	if published.TagName != "v1.0.0" || published.Draft || published.GetImmutable() || published.PublishedAt == nil {
		t.Errorf("the published release is %v", published)
	}
	if want := f.url + "/octo/hello/releases/download/v1.0.0/hello_linux_amd64.tar.gz"; published.Assets[0].GetBrowserDownloadURL() != want {
		t.Errorf("the asset is at %s, want %s", published.Assets[0].GetBrowserDownloadURL(), want)
	}

	byTag, _, err := f.as("").Repositories.GetReleaseByTag(ctx, owner, repo, "v1.0.0")
	if err != nil || cmp.Diff(byTag.ID, r.ID) != "" {
		t.Errorf("by tag: %v, %v", byTag, err)
	}

	latest, _, err := f.as("").Repositories.GetLatestRelease(ctx, owner, repo)
	if err != nil || latest.ID != r.ID {
		t.Errorf("latest: %v, %v", latest, err)
	}

	history := f.History()
	if len(history) != 1 || len(history[0].Release.Assets) != 1 || history[0].Release.Assets[0].Digest != digest || !history[0].Release.Latest {
		t.Errorf("the public saw %v", history)
	}
	if _, err := repos.DeleteRelease(ctx, owner, repo, r.ID); err != nil {
		t.Fatal(err)
	}
	if len(f.Releases()) != 0 {
		t.Errorf("after deleting there is %v", f.Releases())
	}
	if history := f.History(); len(history) != 2 || !history[1].Gone || history[1].Release.ID != r.ID {
		t.Errorf("the public saw %v", history)
	}
}

// TestDownloads gets the content of an asset in every way there is.
func TestDownloads(t *testing.T) {
	f := start(t, githubtest.Options{})
	content := strings.Repeat("static ", 100_000)
	r := f.create(github.CreateReleaseRequest{TagName: "v1.0.0"})
	a := f.mustUpload(r, "a.zip", content)

	for _, path := range []string{"/octo/hello/releases/download/v1.0.0/a.zip", "/octo/hello/releases/latest/download/a.zip"} {
		resp, err := f.http.Get(f.url + path)
		if err != nil {
			t.Fatal(err)
		}

		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || string(got) != content {
			t.Errorf("downloading %s: %s, %d bytes, %v", path, resp.Status, len(got), err)
		}
	}

	repos := f.as("").Repositories
	body, _, err := repos.DownloadReleaseAsset(t.Context(), owner, repo, a.GetID(), f.http)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != content {
		t.Errorf("downloading through the API: %d bytes, %v", len(got), err)
	}
	if a, _, err := repos.GetReleaseAsset(t.Context(), owner, repo, a.GetID()); err != nil || a.GetDownloadCount() != 3 {
		t.Errorf("after three downloads: %v, %v", a, err)
	}
}

// TestExistingTag: target_commitish does not move a tag that is there.
func TestExistingTag(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	f.create(github.CreateReleaseRequest{TagName: "v1.0.0", TargetCommitish: new("main")})
	if ref, _, err := f.client.Git.GetRef(t.Context(), owner, repo, "tags/v1.0.0"); err != nil || ref.GetObject().GetSHA() != other {
		t.Errorf("the tag is at %v, want %s: %v", ref, other, err)
	}
}

// TestLog checks that requests are logged, without the token.
func TestLog(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "a", "content")
	_, _, err := f.as("").Repositories.GetRelease(t.Context(), owner, repo, r.ID)
	want(t, err, "404 Not Found")

	wanted := []githubtest.Request{
		{Number: 1, Method: "POST", Path: "/repos/octo/hello/releases", Status: 201},
		{Number: 2, Method: "POST", Path: "/uploads/repos/octo/hello/releases/1/assets", Query: "name=a", Status: 201},
		{Number: 3, Method: "GET", Path: "/repos/octo/hello/releases/1", Status: 404},
	}

	if diff := cmp.Diff(wanted, f.Requests()); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

// TestDraftLosesTag: a PATCH that leaves a release a draft must repeat its tag.
func TestDraftLosesTag(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	kept, lost := f.draft("v1.0.0"), f.draft("v1.0.0")

	r, err := f.update(kept.ID, github.UpdateReleaseRequest{TagName: new("v1.0.0"), Body: new("new")})
	if err != nil || r.TagName != "v1.0.0" || r.GetBody() != "new" {
		t.Errorf("with the tag repeated: %v, %v", r, err)
	}

	r, err = f.update(lost.ID, github.UpdateReleaseRequest{Body: new("new")})
	if err != nil || !strings.HasPrefix(r.TagName, "untagged-") {
		t.Errorf("with the tag not repeated: %v, %v", r, err)
	}
	// cli/cli publishes with {"draft":false} alone; that keeps the tag.
	if r := f.publish(kept.ID); r.TagName != "v1.0.0" {
		t.Errorf("published as %s", r.TagName)
	}
	if r := f.publish(lost.ID); !strings.HasPrefix(r.TagName, "untagged-") { // esphome/esphome-desktop#81
		t.Errorf("published as %s", r.TagName)
	}

	_, _, err = f.client.Git.GetRef(t.Context(), owner, repo, "tags/"+f.release(lost.ID).Tag)
	want(t, err, "404 Not Found")
}

// TestPublishingMakesTag: a draft makes no tag, publishing it does.
func TestPublishingMakesTag(t *testing.T) {
	f := start(t, githubtest.Options{Commits: []string{other}})
	r := f.create(github.CreateReleaseRequest{TagName: "tools/x/v1.2.3", TargetCommitish: new(other), Draft: new(true)})
	_, _, err := f.client.Git.GetRef(t.Context(), owner, repo, "tags/tools/x/v1.2.3")
	want(t, err, "404 Not Found")

	f.mustUpload(r, "x.zip", "content")
	if r := f.publish(r.ID); r.GetHTMLURL() != f.url+"/octo/hello/releases/tag/tools%2Fx%2Fv1.2.3" {
		t.Errorf("the release's page is %s", r.GetHTMLURL())
	}

	ref, _, err := f.client.Git.GetRef(t.Context(), owner, repo, "tags/tools/x/v1.2.3")
	if err != nil || ref.GetObject().GetSHA() != other || ref.GetRef() != "refs/tags/tools/x/v1.2.3" {
		t.Errorf("the tag is %v, %v", ref, err)
	}
	if r, _, err := f.client.Repositories.GetReleaseByTag(t.Context(), owner, repo, "tools/x/v1.2.3"); err != nil || len(r.Assets) != 1 {
		t.Errorf("by tag: %v, %v", r, err)
	}

	for _, tag := range []string{"tools/x/v1.2.3", "tools%2Fx%2Fv1.2.3"} {
		if status, _, body := f.get("/octo/hello/releases/download/" + tag + "/x.zip"); status != 200 || body != "content" {
			t.Errorf("downloading from %s: %d %s", tag, status, body)
		}
	}

	if commit, _, err := f.client.Repositories.GetCommit(t.Context(), owner, repo, "tools/x/v1.2.3", nil); err != nil || commit.GetSHA() != other {
		t.Errorf("the commit is %v, %v", commit, err)
	}
}

// TestLatest checks make_latest.
func TestLatest(t *testing.T) {
	f := start(t, githubtest.Options{})
	publish := func(tag, latest string, prerelease bool) int64 {
		req := github.CreateReleaseRequest{TagName: tag, Prerelease: &prerelease}
		if latest != "" {
			req.MakeLatest = &latest
		}
		return f.create(req).ID
	}

	wantLatest := func(tag string) {
		t.Helper()

		r, _, err := f.client.Repositories.GetLatestRelease(t.Context(), owner, repo)
		if err != nil || r.TagName != tag {
			t.Errorf("latest is %v (%v), want %s", r, err, tag)
		}

		for _, r := range f.Releases() {
			if r.Latest != (r.Tag == tag) {
				t.Errorf("%s has latest = %t", r.Tag, r.Latest)
			}
		}
	}

	publish("v1.0.0", "false", false)
	wantLatest("v1.0.0") // cli/cli#6963: "at least one must exist"
	publish("v2.0.0", "", false)
	wantLatest("v2.0.0")
	old := publish("v1.0.1", "", false)
	wantLatest("v1.0.1") // "Defaults to true for newly published releases."
	publish("v3.0.0-rc.1", "", true)
	wantLatest("v1.0.1")
	publish("v0.9.9", "false", false)
	wantLatest("v1.0.1")
	publish("v1.0.2", "legacy", false)
	wantLatest("v2.0.0")
	publish("v9.0.0", "false", false)
	wantLatest("v2.0.0")
	if _, err := f.update(old, github.UpdateReleaseRequest{MakeLatest: new("true")}); err != nil {
		t.Fatal(err)
	}

	wantLatest("v1.0.1")
	if _, err := f.update(old, github.UpdateReleaseRequest{Draft: new(true), TagName: new("v1.0.1")}); err != nil {
		t.Fatal(err)
	}

	wantLatest("v2.0.0")
	if history := f.History(); !slices.ContainsFunc(history, func(a githubtest.Appearance) bool { return a.Gone && a.Release.ID == old }) {
		t.Error("the history does not tell that a release became a draft again")
	}
}

// TestAssets checks names, labels, changes and the list.
func TestAssets(t *testing.T) {
	f := start(t, githubtest.Options{})
	ctx, repos := t.Context(), f.client.Repositories
	r := f.draft("v1.0.0")

	for sent, stored := range map[string]string{
		"hello_1.0.0_linux_amd64.tar.gz":          "hello_1.0.0_linux_amd64.tar.gz",
		"hello_1.0.0~rc1_amd64.deb":               "hello_1.0.0.rc1_amd64.deb",          // softprops/action-gh-release#159
		"1:2-x.pkg.tar.zst":                       "1.2-x.pkg.tar.zst",                  // softprops/action-gh-release#159
		"app.prod-v1.3.0-(15-5)-6064eac.apk":      "app.prod-v1.3.0-.15-5.-6064eac.apk", // actions/upload-release-asset#57
		"fake.      file.txt":                     "fake.file.txt",                      // electron/forge#1761
		"erick%%%%%!!!zhao.txt":                   "erick.zhao.txt",                     // electron/forge#1761
		"a5_ !#$%&'(),-.0123456789;=[]^_`{}~.txt": "a5_.-.0123456789._.txt",             // travis-ci/dpl#821
		".config":    "default.config", // softprops/action-gh-release#741
		"trailing.":  "default.trailing",
		"v1+build@x": "v1+build@x", // cli/cli
	} {
		if a := f.mustUpload(r, sent, "content"); a.GetName() != stored {
			t.Errorf("%q is stored as %q, want %q", sent, a.GetName(), stored)
		}
	}

	_, err := f.upload(r, "hello_1.0.0.rc1_amd64.deb", "again")
	want(t, err, "422 ReleaseAsset name already_exists")

	a := f.mustUpload(r, "one", "content")
	edited, _, err := repos.UpdateReleaseAsset(ctx, owner, repo, a.GetID(), github.UpdateReleaseAssetRequest{Name: new("two"), Label: new("Two")})
	if err != nil || edited.GetName() != "two" || edited.GetLabel() != "Two" {
		t.Errorf("editing an asset: %v, %v", edited, err)
	}

	_, _, err = repos.UpdateReleaseAsset(ctx, owner, repo, a.GetID(), github.UpdateReleaseAssetRequest{Name: new("default.config")})
	want(t, err, "422 ReleaseAsset name already_exists")
	if _, err := repos.DeleteReleaseAsset(ctx, owner, repo, a.GetID()); err != nil {
		t.Fatal(err)
	}

	_, _, err = repos.GetReleaseAsset(ctx, owner, repo, a.GetID())
	want(t, err, "404 Not Found")
	if _, found := f.release(r.ID).Asset("two"); found {
		t.Error("a deleted asset is still there")
	}
	if b := f.mustUpload(r, "two", "content"); b.GetID() <= a.GetID() {
		t.Errorf("asset %d came after %d", b.GetID(), a.GetID())
	}
}

// TestDiscard keeps the digest of an asset without its content.
func TestDiscard(t *testing.T) {
	f := start(t, githubtest.Options{Discard: true})
	r := f.draft("v1.0.0")
	a := f.mustUpload(r, "a", "content")
	f.publish(r.ID)
	stored, _ := f.release(r.ID).Asset("a")
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("content"))); a.GetDigest() != want || stored.Content != nil || stored.Size != 7 {
		t.Errorf("the asset is %v, want digest %s and no content", stored, want)
	}
	if status, _, _ := f.get("/octo/hello/releases/download/v1.0.0/a"); status != http.StatusNotFound {
		t.Errorf("downloading it: %d", status)
	}
}

// TestHistory catches a public release that is incomplete.
func TestHistory(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.create(github.CreateReleaseRequest{TagName: "v1.0.0"}) // published at once: the mistake
	f.mustUpload(r, "a", "content")
	var seen []string

	for _, h := range f.History() {
		line := fmt.Sprintf("request %d:", h.Request)
		for _, a := range h.Release.Assets {
			line += " " + a.Name + " " + a.State
		}
		seen = append(seen, line)
	}

	wanted := []string{"request 1:", "request 2: a starter", "request 2: a uploaded"}
	if diff := cmp.Diff(wanted, seen); diff != "" {
		t.Errorf("the public saw (-want +got):\n%s", diff)
	}
}
