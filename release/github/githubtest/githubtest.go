// Package githubtest is a fake GitHub for tests: the Releases API as an
// [http.Handler], with state, faults that can be switched on for any request,
// and GitHub's own OpenAPI description as the judge of everything that is said.
//
//	gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
//	srv := httptest.NewServer(gh)
//	defer srv.Close()
//	client, err := github.NewClient(github.WithAuthToken("t"), github.WithURLs(&base, &uploads)) // srv.URL+"/", srv.URL+"/uploads/"
//
// # The contract
//
// A client that works here works against GitHub, as far as that can be known
// without GitHub. Every request and every answer is held against the description
// that GitHub publishes (openapi/releases.json says which version); whatever
// does not fit is kept in [Server.Invalid], which a test should find empty.
// [Server.History] keeps every state that the public could have seen, so that a
// test can say "a public release was never incomplete" about a whole run.
//
// Addresses exist in both forms. As on github.com, where uploads have a host of
// their own: the API at the root of the server, uploads under /uploads. As on
// GitHub Enterprise Server: /api/v3 and /api/uploads. Downloads and a page for
// people are where GitHub has them, /OWNER/REPO/releases/...
//
// # Sources
//
// The description, where it speaks. Where it is silent, threads in which people
// show what GitHub answered; they are cited as owner/repo#number next to the
// code. Wordings of errors are from there too.
//
// # Known differences from GitHub
//
//   - Less: one repository, no GraphQL, no ETags, no other endpoints, no search
//     for the commits between two tags in generated notes.
//   - created_at of a release is the time of its creation; GitHub says it is the
//     date of the commit.
//   - Of the secondary rate limits those for content and for requests at a time are
//     enforced, if Options.Minute says so; for the others use [SecondaryLimit].
//   - Letters with diacritics in an asset's name become "."; GitHub transliterates
//     some of them. That + and @ survive is what cli/cli assumes; a log of 2018
//     (travis-ci/dpl#821) shows them replaced.
//   - An upload that breaks off always leaves an asset in state "starter", and an
//     upload in progress is visible as one. GitHub does so sometimes.
//   - A PATCH that leaves a release a draft and does not repeat tag_name always
//     loses the tag (tag_name becomes untagged-...). On GitHub it does for many:
//     jdx/communique#241, CherryHQ/cherry-studio#19902, release-drafter/release-drafter#367,
//     and cli/cli always repeats it for that reason.
//   - Assets are downloaded from this server; GitHub redirects to another host.
//   - The repository's "permissions" are left out: what an installation token
//     sees there is not documented.
//
// The description itself is corrected in a few places where GitHub demonstrably
// does otherwise; see amend in openapi.go.
//
// kin-openapi is a large dependency. Nothing but tests and this package's own
// command may import this package.
package githubtest

import (
	"cmp"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Head is the commit of the default branch, "main", unless [Options] says otherwise.
const Head = "6dcb09b5b57875f334f61aebed695e2e4193db5e"

// Options says what the fake GitHub is like when it starts.
type Options struct {
	// Repo is the repository, "owner/name". The default is "octo/hello".
	Repo string

	// Token may do what GITHUB_TOKEN may with "contents: write"; ReadToken what it
	// may with "contents: read"; AdminToken is a personal token which also has
	// "administration: read". No token at all reads what is public. Any other
	// token is 401.
	Token, ReadToken, AdminToken string

	// Head is the commit of the default branch, Tags the tags that exist and
	// their commits, Commits the commits that exist besides. All are full SHA-1 names.
	Head    string
	Tags    map[string]string
	Commits []string

	// Immutable makes every release immutable from the moment it is published.
	Immutable bool

	// Archived is a repository that only shows what it has.
	Archived bool

	// ListDelay is how many times a new release is missing from the list of
	// releases (softprops/action-gh-release#705: "the API lists a new release
	// with a delay"). Each page counts.
	ListDelay int

	// RateLimit is how many requests are allowed in an hour. The default is 5000.
	RateLimit int

	// Minute is how long a minute of the secondary limits takes, and 60 of it an hour; 0
	// leaves them out. "No more than 80 content-generating requests per minute and no
	// more than 500 content-generating requests per hour", "no more than 100 concurrent
	// requests" (docs.github.com, rate limits for the REST API). What is over them is
	// answered as by [SecondaryLimit], and counted by [Server.Limited].
	Minute time.Duration

	// Discard forgets the content of assets and keeps their size and digest.
	// Such assets cannot be downloaded.
	Discard bool

	// Now is the clock. The default starts at 2026-01-02T03:04:05Z and moves on
	// by one second each time it is looked at. Calls are never concurrent.
	Now func() time.Time

	// Fault decides what goes wrong with request number n, counted from 1, before
	// it is handled. nil is no fault. Calls are in the order of n and never
	// concurrent; the body of r must not be read. A request that net/http
	// repeats by itself (a GET on a connection that was reset) has a new number.
	Fault func(n int, r *http.Request) *Fault
}

// A Server is a GitHub with one repository. It is safe for concurrent use.
type Server struct {
	opts       Options
	operations []operation

	turn sync.Mutex // numbers requests and asks for faults, in order; taken before mu

	mu       sync.Mutex // guards what follows
	lastID   int64
	releases []*release // in order of creation
	tags     map[string]string
	burned   map[string]bool // tags of immutable releases, never to be used again
	latestID int64           // the release that was made latest explicitly, or 0
	used     int             // requests in the present hour
	reset    time.Time       // when that ends
	created  []time.Time     // when the requests of the last hour came that create content
	active   int             // requests at work
	limited  int             // requests over a secondary limit
	requests []Request
	invalid  []string
	history  []Appearance
}

// New returns a GitHub without releases. It panics if opts.Repo is not "owner/name".
func New(opts Options) *Server {
	opts.Repo = cmp.Or(opts.Repo, "octo/hello")
	opts.Head = cmp.Or(opts.Head, Head)
	opts.RateLimit = cmp.Or(opts.RateLimit, 5000)
	if owner, name, ok := strings.Cut(opts.Repo, "/"); !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		panic("githubtest: repository " + opts.Repo + " is not owner/name")
	}
	if opts.Now == nil {
		opts.Now = ticker(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	}

	tags := maps.Clone(opts.Tags)
	if tags == nil {
		tags = map[string]string{}
	}

	return &Server{opts: opts, operations: serve(description()), tags: tags, burned: map[string]bool{}}
}

// ticker returns a clock that moves on by a second each time it is looked at.
func ticker(start time.Time) func() time.Time {
	ticks := -1
	return func() time.Time {
		ticks++
		return start.Add(time.Duration(ticks) * time.Second)
	}
}

// now looks at the clock. GitHub knows no parts of seconds.
func (s *Server) now() time.Time {
	return s.opts.Now().UTC().Truncate(time.Second)
}

func (s *Server) newID() int64 {
	s.lastID++
	return s.lastID
}

// owner is the first half of the repository's name.
func (s *Server) owner() string {
	owner, _, _ := strings.Cut(s.opts.Repo, "/")
	return owner
}
