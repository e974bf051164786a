package githubtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/release/github/githubtest"
)

const (
	owner = "octo"
	repo  = "hello"
	other = "7638417db6d59f3c431d3e1f261cc637155684cd" // a commit other than githubtest.Head
)

type (
	createRequest = github.CreateReleaseRequest
	updateRequest = github.UpdateReleaseRequest
)

// A fake is a server and a real client that talks to it.
type fake struct {
	*githubtest.Server
	t      *testing.T
	http   *http.Client
	url    string
	client *github.Client
}

// start serves a fake GitHub until the test ends. It fails the test if a request or an
// answer violates GitHub's description.
func start(t *testing.T, opts githubtest.Options) *fake {
	f := startUnchecked(t, opts)
	t.Cleanup(func() {
		for _, violation := range f.Invalid() {
			t.Errorf("invalid: %s", violation)
		}
	})
	return f
}

// startUnchecked is start for tests that violate GitHub's description.
func startUnchecked(t *testing.T, opts githubtest.Options) *fake {
	t.Helper()

	opts.Token = "write"
	opts.ReadToken = "read"
	opts.AdminToken = "admin"
	f := &fake{Server: githubtest.New(opts), t: t}
	srv := httptest.NewServer(f.Server)
	t.Cleanup(srv.Close)

	f.url = srv.URL
	f.http = srv.Client()
	f.client = f.as("write")
	return f
}

// as returns a client with another token, or without a token if it is "".
func (f *fake) as(token string) *github.Client {
	f.t.Helper()

	base := f.url + "/"
	uploads := f.url + "/uploads/"
	options := []github.ClientOptionsFunc{
		github.WithHTTPClient(f.http),
		github.WithURLs(&base, &uploads),
		github.WithDisableRateLimitCheck(),
	}
	if token != "" {
		options = append(options, github.WithAuthToken(token))
	}

	client, err := github.NewClient(options...)
	if err != nil {
		f.t.Fatal(err)
	}
	return client
}

func (f *fake) tryCreate(req createRequest) (*github.RepositoryRelease, error) {
	r, _, err := f.client.Repositories.CreateRelease(f.t.Context(), owner, repo, req)
	return r, err
}

func (f *fake) create(req createRequest) *github.RepositoryRelease {
	f.t.Helper()

	r, err := f.tryCreate(req)
	if err != nil {
		f.t.Fatalf("creating: %v", err)
	}
	return r
}

func (f *fake) draft(tag string) *github.RepositoryRelease {
	f.t.Helper()
	return f.create(createRequest{TagName: tag, Draft: new(true)})
}

func (f *fake) update(id int64, req updateRequest) (*github.RepositoryRelease, error) {
	r, _, err := f.client.Repositories.UpdateRelease(f.t.Context(), owner, repo, id, req)
	return r, err
}

func (f *fake) publish(id int64) *github.RepositoryRelease {
	f.t.Helper()

	r, err := f.update(id, updateRequest{Draft: new(false)})
	if err != nil {
		f.t.Fatalf("publishing: %v", err)
	}
	return r
}

func (f *fake) deleteRelease(id int64) error {
	_, err := f.client.Repositories.DeleteRelease(f.t.Context(), owner, repo, id)
	return err
}

func (f *fake) upload(r *github.RepositoryRelease, name, content string) (*github.ReleaseAsset, error) {
	body := strings.NewReader(content)
	return f.uploadBody(f.t.Context(), r, name, body, int64(len(content)))
}

func (f *fake) uploadBody(
	ctx context.Context, r *github.RepositoryRelease, name string, body io.Reader, size int64,
) (*github.ReleaseAsset, error) {
	opts := &github.UploadOptions{Name: name, MediaType: "application/octet-stream"}
	a, _, err := f.client.Repositories.UploadReleaseAssetFromRelease(ctx, r, opts, body, size)
	return a, err
}

func (f *fake) mustUpload(r *github.RepositoryRelease, name, content string) *github.ReleaseAsset {
	f.t.Helper()

	a, err := f.upload(r, name, content)
	if err != nil {
		f.t.Fatalf("uploading %s: %v", name, err)
	}
	return a
}

func (f *fake) renameAsset(id int64, name string) error {
	req := github.UpdateReleaseAssetRequest{Name: &name}
	_, _, err := f.client.Repositories.UpdateReleaseAsset(f.t.Context(), owner, repo, id, req)
	return err
}

func (f *fake) deleteAsset(id int64) error {
	_, err := f.client.Repositories.DeleteReleaseAsset(f.t.Context(), owner, repo, id)
	return err
}

// tagCommit returns the commit of a tag.
func (f *fake) tagCommit(tag string) (string, error) {
	ref, _, err := f.client.Git.GetRef(f.t.Context(), owner, repo, "tags/"+tag)
	return ref.GetObject().GetSHA(), err
}

// release returns the state of a release.
func (f *fake) release(id int64) githubtest.Release {
	f.t.Helper()

	for _, r := range f.Releases() {
		if r.ID == id {
			return r
		}
	}

	f.t.Fatalf("there is no release %d", id)
	return githubtest.Release{}
}

// A response is an answer of the server, with its body read.
type response struct {
	status int
	header http.Header
	body   string
}

// get sends a GET for the path without a token, and does not follow redirects.
func (f *fake) get(path string) response {
	f.t.Helper()

	req, err := http.NewRequestWithContext(f.t.Context(), "GET", f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.do(req)
}

// do sends a request and does not follow redirects.
func (f *fake) do(req *http.Request) response {
	f.t.Helper()

	client := *f.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	resp, err := client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()

	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		f.t.Fatal(err)
	}
	return response{status: resp.StatusCode, header: resp.Header, body: body.String()}
}

// answer returns GitHub's answer in one line: the status and the message or, for a 422, its
// reasons.
func answer(err error) string {
	var e *github.ErrorResponse
	if !errors.As(err, &e) {
		return fmt.Sprintf("%v", err)
	}
	if len(e.Errors) == 0 {
		return fmt.Sprintf("%d %s", e.Response.StatusCode, e.Message)
	}

	var reasons []string
	for _, r := range e.Errors {
		reason := fmt.Sprintf("%s %s %s %s", r.Resource, r.Field, r.Code, r.Message)
		reasons = append(reasons, strings.TrimRight(reason, " "))
	}
	return fmt.Sprintf("%d %s", e.Response.StatusCode, strings.Join(reasons, "; "))
}

// want checks that GitHub's answer was exactly this one.
func want(t *testing.T, err error, wanted string) {
	t.Helper()

	if got := answer(err); got != wanted {
		t.Errorf("GitHub answered\n\t%q, want\n\t%q", got, wanted)
	}
}
