package github

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v92/github"
)

// A Client speaks the Releases API for one repository.
type Client struct {
	api         *github.Client
	owner, repo string
	pause       time.Duration // before the first retry; doubled for each further one
}

// Options are what a Client needs to know.
type Options struct {
	APIURL     string // GITHUB_API_URL: works for GitHub Enterprise and data residency too
	Repository string // GITHUB_REPOSITORY: OWNER/REPO
	Token      string // "": only what is public
	UserAgent  string
	Pause      time.Duration // before the first retry; 0 is one second
}

// NewClient returns a client. It makes no request.
func NewClient(o Options) (*Client, error) {
	owner, repo, ok := strings.Cut(o.Repository, "/")
	if !ok || owner == "" || repo == "" || strings.Contains(repo, "/") {
		return nil, &hintError{fmt.Errorf("repository %q is not of the form OWNER/REPO", o.Repository), "export GITHUB_REPOSITORY=OWNER/REPO"}
	}
	if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, &hintError{fmt.Errorf("GITHUB_API_URL %q is not the address of an API", o.APIURL), "export GITHUB_API_URL=https://api.github.com"}
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token has characters that no token has") // and it is not to be shown
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 2 * time.Minute // counted from the end of the request's body
	base := strings.TrimSuffix(o.APIURL, "/") + "/"
	options := []github.ClientOptionsFunc{
		github.WithTransport(transport),
		github.WithUserAgent(o.UserAgent),
		github.WithURLs(&base, &base), // uploads go to the upload_url of the release, not here
	}
	if o.Token != "" {
		options = append(options, github.WithAuthToken(o.Token))
	}
	api, err := github.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("reading GITHUB_API_URL: %w", err)
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	return &Client{api, owner, repo, o.Pause}, nil
}

type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

// A Refusal is GitHub's, or our own, "no": trying again changes nothing.
type Refusal struct{ err error }

func (e *Refusal) Error() string { return e.err.Error() }
func (e *Refusal) Unwrap() error { return e.err }

// A temporaryError passes by itself, or with another try.
type temporaryError struct{ err error }

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

// status is the HTTP status of an API error, 0 if err is none.
func status(err error) int {
	var e *github.ErrorResponse
	if errors.As(err, &e) && e.Response != nil {
		return e.Response.StatusCode
	}
	return 0
}

// maxAttempts of one request.
const maxAttempts = 5

// retry calls f until it succeeds, fails for good, or has been tried maxAttempts
// times. f must make its request from the start each time, body included.
func (c *Client) retry(ctx context.Context, doing string, f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, temporary := c.waitAfter(err, attempt)
		if !temporary || attempt == maxAttempts {
			return explain(doing, err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// waitAfter decides whether an error passes by itself, and how long to wait for it.
func (c *Client) waitAfter(err error, attempt int) (time.Duration, bool) {
	wait := c.pause << (attempt - 1)
	wait += rand.N(wait/2 + 1)
	var secondary *github.AbuseRateLimitError
	if errors.As(err, &secondary) {
		// Without a Retry-After the documentation asks for at least a minute; go-github
		// then says when the primary limit is reset, which may be most of an hour away.
		return min(max(secondary.GetRetryAfter(), 60*c.pause), 600*c.pause), true
	}
	var network *net.OpError
	var request *url.Error
	var temporary *temporaryError
	switch code := status(err); {
	case errors.As(err, &temporary):
		return wait, true
	case code >= 500, code == http.StatusTooManyRequests:
		return wait, true
	case errors.As(err, &network), errors.As(err, &request):
		return wait, true
	}
	return 0, false
}

// explain adds what was being done, GitHub's request id, and the remedy where there is one.
func explain(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	var e *github.ErrorResponse
	if !errors.As(err, &e) || e.Response == nil {
		return err
	}
	if id := e.Response.Header.Get("X-GitHub-Request-Id"); id != "" {
		err = fmt.Errorf("%w (request %s)", err, id)
	}
	switch code := e.Response.StatusCode; {
	case code == http.StatusUnauthorized:
		err = &hintError{err, "the token is wrong or has expired; in a workflow: with: {token: '${{ github.token }}'}"}
	case code == http.StatusForbidden && strings.Contains(e.Message, "not accessible"):
		err = &hintError{err, "add to the workflow: permissions: {contents: write}"}
	case code == http.StatusNotFound:
		err = &hintError{err, "check GITHUB_REPOSITORY, GITHUB_API_URL, and that the token may see the repository"}
	}
	if code := e.Response.StatusCode; code >= 400 && code < 500 && code != http.StatusTooManyRequests {
		return &Refusal{err}
	}
	return err
}
