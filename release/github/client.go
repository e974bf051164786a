package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
)

// A Client uses the Releases API for one repository.
type Client struct {
	api       *github.Client
	apiURL    *url.URL
	anonymous *http.Client // sends no token, for hosts that downloads are redirected to
	owner     string
	repo      string
	say       func(line string)

	second     time.Duration // the unit of all waits: a second, or less in tests
	waitBudget waitBudget
	pacer      pacer
	rate       atomic.Pointer[github.Rate] // the rate limit in the last list of files
	hosts      sync.Map                    // names of the hosts that have answered
}

// Options configure a Client.
type Options struct {
	APIURL     string // GITHUB_API_URL, also of GitHub Enterprise and data residency
	Repository string // GITHUB_REPOSITORY, as OWNER/REPO
	Token      string // if empty, only public releases can be read
	UserAgent  string

	Say       func(line string) // is called while the client waits, unless nil
	Second    time.Duration     // the unit of all waits; 0 means a second, tests use less
	Stall     time.Duration     // how long a connection may stall; 0 means two minutes
	Transport *http.Transport   // nil means Go's default
}

// NewClient returns a client. It makes no request.
func NewClient(o Options) (*Client, error) {
	owner, repo, err := splitRepository(o.Repository)
	if err != nil {
		return nil, problem.With(problem.Run("export GITHUB_REPOSITORY=OWNER/REPO"), err)
	}
	apiURL, err := parseAPIURL(o.APIURL)
	if err != nil {
		return nil, problem.With(problem.Run("export GITHUB_API_URL=https://api.github.com"), err)
	}
	if strings.ContainsFunc(o.Token, isNotInTokens) {
		// The token is a secret, so the error must not show it.
		return nil, errors.New("the token contains characters that are in no token")
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
		o.Transport.HTTP2 = new(http2Pings)
	}

	if o.Transport.OnProxyConnectResponse == nil {
		o.Transport.OnProxyConnectResponse = checkProxyAnswer
	}

	c := &Client{
		apiURL: apiURL,
		owner:  owner,
		repo:   repo,
		say:    o.Say,
		second: o.Second,
	}
	c.waitBudget.total = c.scaled(maxWaiting)

	transport := reachTransport{
		base: stallTransport{
			base:    o.Transport,
			limit:   o.Stall,
			stalled: new(atomic.Bool),
		},
		proxy: o.Transport.Proxy,
		hosts: &c.hosts,
	}
	c.anonymous = &http.Client{Transport: transport}
	apiTransport := limitTransport{
		base: authTransport{
			base:   transport,
			apiURL: apiURL,
			token:  o.Token,
		},
	}
	base := strings.TrimSuffix(o.APIURL, "/") + "/"
	c.api, err = github.NewClient(
		github.WithTransport(apiTransport),
		github.WithUserAgent(o.UserAgent),
		github.WithURLs(&base, &base), // uploads go to the upload_url of the release instead

		// go-github would refuse requests by itself, and be wrong about the time (retry.go).
		github.WithDisableRateLimitCheck(),
	)
	if err != nil {
		return nil, fmt.Errorf("reading GITHUB_API_URL: %w", err)
	}

	return c, nil
}

// parseAPIURL returns the address of an API, which must be an absolute HTTP address.
func parseAPIURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("GITHUB_API_URL %q is not the address of an API", address)
	}
	return u, nil
}

// isNotInTokens reports whether no token contains r. Tokens are printable ASCII.
func isNotInTokens(r rune) bool { return r <= ' ' || r > '~' }

// An authTransport adds the token to requests to GitHub, and to no others: a redirect may
// lead anywhere, and go-github would send the token along.
type authTransport struct {
	base   http.RoundTripper
	apiURL *url.URL
	token  string
}

func (t authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.token != "" && isGitHubHost(t.apiURL, r.URL) {
		r = r.Clone(r.Context()) // a transport must not change the request
		r.Header.Set("Authorization", "Bearer "+t.token)
	}
	return t.base.RoundTrip(r)
}

// isGitHubHost reports whether u is on the host of the API or on the host of uploads, which is
// uploads.github.com for api.github.com, and likewise below ghe.com. GitHub Enterprise Server
// has both on one host.
func isGitHubHost(apiURL, u *url.URL) bool {
	if u.Scheme != apiURL.Scheme {
		return false
	}
	uploadHost := "uploads." + strings.TrimPrefix(apiURL.Host, "api.")
	return u.Host == apiURL.Host || u.Host == uploadHost
}
