package githubtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-github/v92/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

const (
	owner, repo = "octo", "hello"
	other       = "7638417db6d59f3c431d3e1f261cc637155684cd" // a commit besides githubtest.Head
)

// A fake is a server, and a real client that talks to it.
type fake struct {
	*githubtest.Server
	t      *testing.T
	http   *http.Client
	url    string
	client *github.Client
}

// start serves a fake GitHub until the test ends, and then fails the test if a
// request or an answer did not fit GitHub's description.
func start(t *testing.T, opts githubtest.Options) *fake {
	f := startInvalid(t, opts)
	t.Cleanup(func() {
		for _, violation := range f.Invalid() {
			t.Errorf("invalid: %s", violation)
		}
	})

	return f
}

// startInvalid is start for tests that send what does not fit.
func startInvalid(t *testing.T, opts githubtest.Options) *fake {
	t.Helper()

	opts.Token, opts.ReadToken, opts.AdminToken = "write", "read", "admin"
	f := &fake{Server: githubtest.New(opts), t: t}
	srv := httptest.NewServer(f.Server)
	t.Cleanup(srv.Close)
	f.url, f.http = srv.URL, srv.Client()
	f.client = f.as("write")
	return f
}

// as returns a client with another token, or with none.
func (f *fake) as(token string) *github.Client {
	f.t.Helper()

	base, uploads := f.url+"/", f.url+"/uploads/"
	options := []github.ClientOptionsFunc{
		github.WithHTTPClient(f.http), github.WithURLs(&base, &uploads), github.WithDisableRateLimitCheck(),
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

func (f *fake) create(req github.CreateReleaseRequest) *github.RepositoryRelease {
	f.t.Helper()
	r, _, err := f.client.Repositories.CreateRelease(f.t.Context(), owner, repo, req)
	if err != nil {
		f.t.Fatalf("creating: %v", err)
	}

	return r
}

func (f *fake) draft(tag string) *github.RepositoryRelease {
	f.t.Helper()
	return f.create(github.CreateReleaseRequest{TagName: tag, Draft: new(true)})
}

func (f *fake) update(id int64, req github.UpdateReleaseRequest) (*github.RepositoryRelease, error) {
	r, _, err := f.client.Repositories.UpdateRelease(f.t.Context(), owner, repo, id, req)
	return r, err
}

func (f *fake) publish(id int64) *github.RepositoryRelease {
	f.t.Helper()
	r, err := f.update(id, github.UpdateReleaseRequest{Draft: new(false)})
	if err != nil {
		f.t.Fatalf("publishing: %v", err)
	}

	return r
}

func (f *fake) upload(r *github.RepositoryRelease, name, content string) (*github.ReleaseAsset, error) {
	return f.uploadWith(f.t.Context(), r, name, content)
}

func (f *fake) uploadWith(ctx context.Context, r *github.RepositoryRelease, name, content string) (*github.ReleaseAsset, error) {
	opts := &github.UploadOptions{Name: name, MediaType: "application/octet-stream"}
	a, _, err := f.client.Repositories.UploadReleaseAssetFromRelease(ctx, r, opts, strings.NewReader(content), int64(len(content)))
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

// get sends a GET as it is, without a token, and does not follow redirects.
func (f *fake) get(path string) (int, http.Header, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), "GET", f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}

	return f.do(req)
}

func (f *fake) do(req *http.Request) (int, http.Header, string) {
	f.t.Helper()

	noRedirects := *f.http
	noRedirects.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := noRedirects.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		f.t.Fatal(err)
	}

	return resp.StatusCode, resp.Header, body.String()
}

// said puts what GitHub answered into one line: the status and the message, or
// for a 422 its reasons.
func said(err error) string {
	var e *github.ErrorResponse
	if !errors.As(err, &e) {
		return fmt.Sprintf("%v", err)
	}
	if len(e.Errors) == 0 {
		return fmt.Sprintf("%d %s", e.Response.StatusCode, e.Message)
	}

	var reasons []string
	for _, r := range e.Errors {
		reasons = append(reasons, strings.TrimRight(fmt.Sprintf("%s %s %s %s", r.Resource, r.Field, r.Code, r.Message), " "))
	}

	return fmt.Sprintf("%d %s", e.Response.StatusCode, strings.Join(reasons, "; "))
}

// want fails the test if GitHub did not answer with exactly this.
func want(t *testing.T, err error, answer string) {
	t.Helper()
	if got := said(err); got != answer {
		t.Errorf("GitHub said\n\t%q, want\n\t%q", got, answer)
	}
}
