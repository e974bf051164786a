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

func sha256Digest(content string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
}

// TestDraft creates a draft with an asset, which only writers can see.
func TestDraft(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	ctx := t.Context()

	r := f.create(createRequest{
		TagName:    "v1.0.0",
		Name:       new("One"),
		Body:       new("notes"),
		Draft:      new(true),
		MakeLatest: new("true"),
	})
	if !r.Draft || r.PublishedAt != nil || r.TagName != "v1.0.0" || r.TargetCommitish != "main" {
		t.Errorf("a new draft is %v", r)
	}
	uploadURL := fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%d/assets{?name,label}", f.url, r.ID)
	if r.UploadURL != uploadURL {
		t.Errorf("upload_url is %s, want %s", r.UploadURL, uploadURL)
	}

	content := strings.Repeat("static ", 100_000)
	digest := sha256Digest(content)
	a := f.mustUpload(r, "hello.tar.gz", content)
	if a.GetState() != "uploaded" || a.GetDigest() != digest || a.GetSize() != len(content) {
		t.Errorf("the asset is %v, want digest %s", a, digest)
	}
	download := regexp.MustCompile(`/octo/hello/releases/download/untagged-[0-9a-f]{20}/hello\.tar\.gz$`)
	if !download.MatchString(a.GetBrowserDownloadURL()) {
		t.Errorf("the asset is at %s", a.GetBrowserDownloadURL())
	}

	// Nobody else sees the draft, and nobody finds it by its tag.
	_, _, err := f.as("").Repositories.GetRelease(ctx, owner, repo, r.ID)
	want(t, err, "404 Not Found")
	_, _, err = f.as("read").Repositories.GetReleaseAsset(ctx, owner, repo, a.GetID())
	want(t, err, "404 Not Found")
	_, _, err = f.client.Repositories.GetReleaseByTag(ctx, owner, repo, "v1.0.0")
	want(t, err, "404 Not Found")
	_, _, err = f.client.Repositories.GetLatestRelease(ctx, owner, repo)
	want(t, err, "404 Not Found")
	for token, n := range map[string]int{"": 0, "read": 0, "write": 1} {
		list, _, err := f.as(token).Repositories.ListReleases(ctx, owner, repo, nil)
		if err != nil || len(list) != n {
			t.Errorf("with token %q the list has %d releases, want %d: %v", token, len(list), n, err)
		}
	}
	if len(f.History()) != 0 {
		t.Errorf("the public saw a draft: %v", f.History())
	}
}

// TestPublish publishes a draft and deletes the release.
func TestPublish(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	draft := f.draft("v1.0.0")
	f.mustUpload(draft, "hello.tar.gz", "content")

	r, err := f.update(draft.ID, updateRequest{Draft: new(false), MakeLatest: new("true")})
	if err != nil {
		t.Fatal(err)
	}
	if r.TagName != "v1.0.0" || r.Draft || r.GetImmutable() || r.PublishedAt == nil {
		t.Errorf("the published release is %v", r)
	}
	download := f.url + "/octo/hello/releases/download/v1.0.0/hello.tar.gz"
	if got := r.Assets[0].GetBrowserDownloadURL(); got != download {
		t.Errorf("the asset is at %s, want %s", got, download)
	}

	// Everybody can find it.
	public := f.as("").Repositories
	byTag, _, err := public.GetReleaseByTag(t.Context(), owner, repo, "v1.0.0")
	if err != nil || byTag.ID != r.ID {
		t.Errorf("by tag: %v, %v", byTag, err)
	}
	latest, _, err := public.GetLatestRelease(t.Context(), owner, repo)
	if err != nil || latest.ID != r.ID {
		t.Errorf("latest: %v, %v", latest, err)
	}

	history := f.History()
	if len(history) != 1 {
		t.Fatalf("the public saw %v", history)
	}
	seen := history[0].Release
	if len(seen.Assets) != 1 || seen.Assets[0].Digest != sha256Digest("content") || !seen.Latest {
		t.Errorf("the public saw %v", seen)
	}

	if err := f.deleteRelease(r.ID); err != nil {
		t.Fatal(err)
	}
	if len(f.Releases()) != 0 {
		t.Errorf("after deleting there is %v", f.Releases())
	}
	history = f.History()
	if len(history) != 2 || !history[1].Gone || history[1].Release.ID != r.ID {
		t.Errorf("after deleting the history is %v", history)
	}
}

// TestDownloads gets the content of an asset in every way there is.
func TestDownloads(t *testing.T) {
	f := start(t, githubtest.Options{})
	content := strings.Repeat("static ", 100_000)
	r := f.create(createRequest{TagName: "v1.0.0"})
	a := f.mustUpload(r, "a.zip", content)

	for _, path := range []string{
		"/octo/hello/releases/download/v1.0.0/a.zip",
		"/octo/hello/releases/latest/download/a.zip",
	} {
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
	got, err := io.ReadAll(body)
	if err != nil || string(got) != content {
		t.Errorf("downloading through the API: %d bytes, %v", len(got), err)
	}

	a, _, err = repos.GetReleaseAsset(t.Context(), owner, repo, a.GetID())
	if err != nil || a.GetDownloadCount() != 3 {
		t.Errorf("after three downloads: %v, %v", a, err)
	}
}

// TestExistingTag checks that target_commitish does not move an existing tag.
func TestExistingTag(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	f.create(createRequest{TagName: "v1.0.0", TargetCommitish: new("main")})

	commit, err := f.tagCommit("v1.0.0")
	if err != nil || commit != other {
		t.Errorf("the tag is at %v, want %s: %v", commit, other, err)
	}
}

// TestLog checks that requests are logged, without the token.
func TestLog(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "a", "content")
	_, _, err := f.as("").Repositories.GetRelease(t.Context(), owner, repo, r.ID)
	want(t, err, "404 Not Found")

	const releases = "/repos/octo/hello/releases"
	wanted := []githubtest.Request{
		{Number: 1, Method: "POST", Path: releases, Status: 201},
		{Number: 2, Method: "POST", Path: "/uploads" + releases + "/1/assets", Query: "name=a", Status: 201},
		{Number: 3, Method: "GET", Path: releases + "/1", Status: 404},
	}
	if diff := cmp.Diff(wanted, f.Requests()); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

// TestDraftLosesTag checks that a PATCH which leaves a release a draft must repeat its tag.
func TestDraftLosesTag(t *testing.T) {
	f := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": other}})
	with := f.draft("v1.0.0")
	without := f.draft("v1.0.0")

	r, err := f.update(with.ID, updateRequest{TagName: new("v1.0.0"), Body: new("new")})
	if err != nil || r.TagName != "v1.0.0" || r.GetBody() != "new" {
		t.Errorf("with the tag: %v, %v", r, err)
	}
	r, err = f.update(without.ID, updateRequest{Body: new("new")})
	if err != nil || !strings.HasPrefix(r.TagName, "untagged-") {
		t.Errorf("without the tag: %v, %v", r, err)
	}

	// cli/cli publishes with {"draft":false} alone, which keeps the tag.
	if r := f.publish(with.ID); r.TagName != "v1.0.0" {
		t.Errorf("published as %s", r.TagName)
	}

	// A release without a tag is published without one (esphome/esphome-desktop#81).
	r = f.publish(without.ID)
	if !strings.HasPrefix(r.TagName, "untagged-") {
		t.Errorf("published as %s", r.TagName)
	}
	_, err = f.tagCommit(r.TagName)
	want(t, err, "404 Not Found")
}

// TestPublishingCreatesTag checks that publishing a draft creates its tag.
func TestPublishingCreatesTag(t *testing.T) {
	const tag = "tools/x/v1.2.3"
	f := start(t, githubtest.Options{Commits: []string{other}})
	repos := f.client.Repositories

	r := f.create(createRequest{TagName: tag, TargetCommitish: new(other), Draft: new(true)})
	_, err := f.tagCommit(tag)
	want(t, err, "404 Not Found")

	f.mustUpload(r, "x.zip", "content")
	r = f.publish(r.ID)
	if r.GetHTMLURL() != f.url+"/octo/hello/releases/tag/tools%2Fx%2Fv1.2.3" {
		t.Errorf("the page of the release is %s", r.GetHTMLURL())
	}

	ref, _, err := f.client.Git.GetRef(t.Context(), owner, repo, "tags/"+tag)
	if err != nil || ref.GetObject().GetSHA() != other || ref.GetRef() != "refs/tags/"+tag {
		t.Errorf("the tag is %v, %v", ref, err)
	}
	commit, _, err := repos.GetCommit(t.Context(), owner, repo, tag, nil)
	if err != nil || commit.GetSHA() != other {
		t.Errorf("the commit is %v, %v", commit, err)
	}
	r, _, err = repos.GetReleaseByTag(t.Context(), owner, repo, tag)
	if err != nil || len(r.Assets) != 1 {
		t.Errorf("by tag: %v, %v", r, err)
	}
	for _, path := range []string{tag, "tools%2Fx%2Fv1.2.3"} {
		resp := f.get("/octo/hello/releases/download/" + path + "/x.zip")
		if resp.status != 200 || resp.body != "content" {
			t.Errorf("downloading from %s: %d %s", path, resp.status, resp.body)
		}
	}
}

// TestLatest checks make_latest.
func TestLatest(t *testing.T) {
	f := start(t, githubtest.Options{})
	publish := func(tag, makeLatest string) int64 {
		req := createRequest{TagName: tag}
		if makeLatest != "" {
			req.MakeLatest = &makeLatest
		}
		return f.create(req).ID
	}
	update := func(id int64, req updateRequest) {
		t.Helper()
		if _, err := f.update(id, req); err != nil {
			t.Fatal(err)
		}
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

	publish("v1.0.0", "false")
	wantLatest("v1.0.0") // cli/cli#6963: "at least one must exist"

	// "Defaults to true for newly published releases."
	publish("v2.0.0", "")
	wantLatest("v2.0.0")
	old := publish("v1.0.1", "")
	wantLatest("v1.0.1")

	f.create(createRequest{TagName: "v3.0.0-rc.1", Prerelease: new(true)})
	wantLatest("v1.0.1")
	publish("v0.9.9", "false")
	wantLatest("v1.0.1")

	// By version and date, among those that are not excluded.
	publish("v1.0.2", "legacy")
	wantLatest("v2.0.0")
	publish("v9.0.0", "false")
	wantLatest("v2.0.0")

	update(old, updateRequest{MakeLatest: new("true")})
	wantLatest("v1.0.1")

	update(old, updateRequest{Draft: new(true), TagName: new("v1.0.1")})
	wantLatest("v2.0.0")
	becameDraft := func(a githubtest.Appearance) bool { return a.Gone && a.Release.ID == old }
	if !slices.ContainsFunc(f.History(), becameDraft) {
		t.Error("the history does not show that a release became a draft again")
	}
}

// TestAssetNames checks the names under which assets are stored.
func TestAssetNames(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")

	for _, test := range []struct {
		sent   string
		stored string
	}{
		{"hello_1.0.0_linux_amd64.tar.gz", "hello_1.0.0_linux_amd64.tar.gz"},
		{"v1+build@x", "v1+build@x"}, // cli/cli

		// softprops/action-gh-release#159
		{"hello_1.0.0~rc1_amd64.deb", "hello_1.0.0.rc1_amd64.deb"},
		{"1:2-x.pkg.tar.zst", "1.2-x.pkg.tar.zst"},

		// actions/upload-release-asset#57
		{"app.prod-v1.3.0-(15-5)-6064eac.apk", "app.prod-v1.3.0-.15-5.-6064eac.apk"},

		// electron/forge#1761
		{"fake.      file.txt", "fake.file.txt"},
		{"erick%%%%%!!!zhao.txt", "erick.zhao.txt"},

		// travis-ci/dpl#821
		{"a5_ !#$%&'(),-.0123456789;=[]^_`{}~.txt", "a5_.-.0123456789._.txt"},

		// softprops/action-gh-release#741
		{".config", "default.config"},
		{"trailing.", "default.trailing"},
	} {
		if a := f.mustUpload(r, test.sent, "content"); a.GetName() != test.stored {
			t.Errorf("%q is stored as %q, want %q", test.sent, a.GetName(), test.stored)
		}
	}

	_, err := f.upload(r, "hello_1.0.0.rc1_amd64.deb", "again")
	want(t, err, "422 ReleaseAsset name already_exists")
}

// TestEditAsset renames and deletes an asset.
func TestEditAsset(t *testing.T) {
	f := start(t, githubtest.Options{})
	repos := f.client.Repositories
	r := f.draft("v1.0.0")
	f.mustUpload(r, "other", "content")
	a := f.mustUpload(r, "one", "content")

	req := github.UpdateReleaseAssetRequest{Name: new("two"), Label: new("Two")}
	edited, _, err := repos.UpdateReleaseAsset(t.Context(), owner, repo, a.GetID(), req)
	if err != nil || edited.GetName() != "two" || edited.GetLabel() != "Two" {
		t.Errorf("editing an asset: %v, %v", edited, err)
	}
	want(t, f.renameAsset(a.GetID(), "other"), "422 ReleaseAsset name already_exists")

	if err := f.deleteAsset(a.GetID()); err != nil {
		t.Fatal(err)
	}
	_, _, err = repos.GetReleaseAsset(t.Context(), owner, repo, a.GetID())
	want(t, err, "404 Not Found")
	if _, found := f.release(r.ID).Asset("two"); found {
		t.Error("a deleted asset is still there")
	}

	// The name can be used again, but not the ID.
	again := f.mustUpload(r, "two", "content")
	if again.GetID() <= a.GetID() {
		t.Errorf("asset %d came after %d", again.GetID(), a.GetID())
	}
}

// TestDiscard stores the digest of an asset without its content.
func TestDiscard(t *testing.T) {
	f := start(t, githubtest.Options{Discard: true})
	r := f.draft("v1.0.0")
	a := f.mustUpload(r, "a", "content")
	f.publish(r.ID)

	if a.GetDigest() != sha256Digest("content") {
		t.Errorf("the digest is %s, want %s", a.GetDigest(), sha256Digest("content"))
	}
	stored, _ := f.release(r.ID).Asset("a")
	if stored.Content != nil || stored.Size != 7 {
		t.Errorf("the asset is %v, want 7 bytes and no content", stored)
	}
	if status := f.get("/octo/hello/releases/download/v1.0.0/a").status; status != http.StatusNotFound {
		t.Errorf("downloading it: %d", status)
	}
}

// TestHistory checks that the history shows an incomplete public release.
func TestHistory(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.create(createRequest{TagName: "v1.0.0"}) // the mistake: public before its assets
	f.mustUpload(r, "a", "content")

	var seen []string
	for _, h := range f.History() {
		line := fmt.Sprintf("request %d:", h.Request)
		for _, a := range h.Release.Assets {
			line += " " + a.Name + " " + a.State
		}
		seen = append(seen, line)
	}
	wanted := []string{
		"request 1:",
		"request 2: a starter",
		"request 2: a uploaded",
	}
	if diff := cmp.Diff(wanted, seen); diff != "" {
		t.Errorf("the public saw (-want +got):\n%s", diff)
	}
}
