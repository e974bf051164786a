package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-github/v92/github"
)

// A Client speaks the Releases API for one repository.
type Client struct {
	api         *github.Client
	owner, repo string
	home        *url.URL     // of the API
	plain       *http.Client // without the token, for hosts that downloads are redirected to
	say         func(string)

	second   time.Duration // what counts as one: shorter in tests
	patience patience
	pacer    pacer
	rate     atomic.Pointer[github.Rate]
}

// Options are what a Client needs to know.
type Options struct {
	APIURL     string // GITHUB_API_URL: works for GitHub Enterprise and data residency too
	Repository string // GITHUB_REPOSITORY: OWNER/REPO
	Token      string // "": only what is public
	UserAgent  string
	Say        func(line string) // told while the client waits; nil: nobody
	Second     time.Duration     // of waiting; 0 is one second, tests take less
	Stall      time.Duration     // how long a connection may stand still; 0 is two minutes
	Transport  *http.Transport   // nil: Go's default
}

// NewClient returns a client. It makes no request.
func NewClient(o Options) (*Client, error) {
	owner, repo, err := splitRepository(o.Repository)
	if err != nil {
		return nil, &hintError{err, "export GITHUB_REPOSITORY=OWNER/REPO"}
	}
	home, err := url.Parse(o.APIURL)
	if err != nil || home.Host == "" || home.Scheme != "https" && home.Scheme != "http" {
		return nil, &hintError{fmt.Errorf("GITHUB_API_URL %q is not the address of an API", o.APIURL), "export GITHUB_API_URL=https://api.github.com"}
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token has characters that no token has") // and it is not to be shown
	}
	if o.Second == 0 {
		o.Second = time.Second
	}
	if o.Stall == 0 {
		o.Stall = stallTime
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Transport.HTTP2 == nil {
		o.Transport.HTTP2 = new(alive)
	}
	transport := watchful{o.Transport, o.Stall, new(atomic.Bool)}
	base := strings.TrimSuffix(o.APIURL, "/") + "/"
	options := []github.ClientOptionsFunc{
		github.WithTransport(bounded{authorized{transport, home, o.Token}}),
		github.WithUserAgent(o.UserAgent),
		github.WithURLs(&base, &base),      // uploads go to the upload_url of the release, not here
		github.WithDisableRateLimitCheck(), // it would refuse requests by itself, with a wrong idea of how long (retry.go)
	}
	api, err := github.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("reading GITHUB_API_URL: %w", err)
	}
	return &Client{
		api: api, home: home, owner: owner, repo: repo, plain: &http.Client{Transport: transport}, say: o.Say,
		second: o.Second, patience: patience{budget: time.Duration(waitBudget.Seconds() * float64(o.Second))},
	}, nil
}

// An authorized transport adds the token to requests to GitHub, and to no others: a
// redirect may lead anywhere, and go-github would send the token along.
type authorized struct {
	base  http.RoundTripper
	home  *url.URL
	token string
}

func (t authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.token != "" && trusted(t.home, r.URL) {
		r = r.Clone(r.Context()) // a transport must not change the request
		r.Header.Set("Authorization", "Bearer "+t.token)
	}
	return t.base.RoundTrip(r)
}

// trusted reports whether an address is the API's or that of its uploads:
// uploads.github.com beside api.github.com, and the same below ghe.com; GitHub Enterprise
// Server has both on one host.
func trusted(home, u *url.URL) bool {
	return u.Scheme == home.Scheme && (u.Host == home.Host || u.Host == "uploads."+strings.TrimPrefix(home.Host, "api."))
}
