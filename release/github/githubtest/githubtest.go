// Package githubtest provides a fake GitHub for tests: the Releases API as an
// [http.Handler]. It keeps state, can make any request fail, and checks every
// request and every answer against GitHub's own OpenAPI description.
//
//	gh := githubtest.New(githubtest.Options{
//		Token: "t",
//		Tags:  map[string]string{"v1.0.0": githubtest.Head},
//	})
//	srv := httptest.NewServer(gh)
//	defer srv.Close()
//
//	base := srv.URL + "/"
//	uploads := srv.URL + "/uploads/"
//	client, err := github.NewClient(github.WithAuthToken("t"), github.WithURLs(&base, &uploads))
//
// # The contract
//
// A client that works here works with GitHub, as far as that can be known
// without GitHub. openapi/releases.json says which version of the description is
// used. Every violation is kept in [Server.Invalid], which a test should find
// empty. [Server.History] keeps every state that the public could have seen, so
// a test can check that a public release was never incomplete during a run.
//
// The server has the addresses of github.com, where uploads have a host of their
// own: the API is at the root, uploads are under /uploads. It also has those of
// GitHub Enterprise Server: /api/v3 and /api/uploads. Downloads and a page for
// people are where GitHub has them, under /OWNER/REPO/releases.
//
// # Sources
//
// The fake follows the description. Where the description is silent, it follows
// threads in which people show what GitHub answered; they are cited as
// owner/repo#number next to the code. Error messages come from there too.
//
// # Known differences from GitHub
//
//   - There is one repository. There is no GraphQL, there are no ETags and no
//     other endpoints. Generated notes do not list the commits between two tags.
//   - created_at of a release is the time of its creation. GitHub documents it as
//     the date of the commit.
//   - Two secondary rate limits are enforced, and only if Options.Minute is set:
//     those for content and for concurrent requests. For others use
//     [SecondaryLimit].
//   - Letters with diacritics in an asset's name become "."; GitHub transliterates
//     some of them. The characters + and @ are kept, as cli/cli assumes, although a
//     log of 2018 (travis-ci/dpl#821) shows them replaced.
//   - An upload that breaks off always leaves an asset in state "starter", and an
//     upload in progress is visible as one. On GitHub this happens sometimes.
//   - A PATCH that leaves a release a draft and does not repeat tag_name always
//     loses the tag (tag_name becomes untagged-...). On GitHub this happens to many:
//     jdx/communique#241, CherryHQ/cherry-studio#19902,
//     release-drafter/release-drafter#367. cli/cli repeats tag_name for that reason.
//   - Assets are downloaded from this server; GitHub redirects to another host.
//   - The repository has no "permissions": what an installation token sees there
//     is not documented.
//
// The description itself is corrected where GitHub demonstrably behaves
// differently; see amend in openapi.go.
//
// kin-openapi is a large dependency. Only tests and this package's own command
// may import this package.
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

// Options configures a fake GitHub.
type Options struct {
	// Repo is the repository, "owner/name". The default is "octo/hello".
	Repo string

	// Token has the permissions of a GITHUB_TOKEN with "contents: write". A request
	// without any token can read what is public; an unknown token is answered
	// with 401.
	Token string

	// ReadToken has the permissions of a GITHUB_TOKEN with "contents: read".
	ReadToken string

	// AdminToken is a personal token that can write contents and also has
	// "administration: read".
	AdminToken string

	// Head is the commit of the default branch, a full SHA-1 name like all commits
	// here.
	Head string

	// Tags maps the existing tags to their commits.
	Tags map[string]string

	// Commits lists commits that exist in addition to those of Head and Tags.
	Commits []string

	// Immutable makes every release immutable from the moment it is published.
	Immutable bool

	// Archived makes the repository read-only.
	Archived bool

	// ListDelay is how many times a new release is missing from the list of
	// releases (softprops/action-gh-release#705: "the API lists a new release
	// with a delay"). Each page counts.
	ListDelay int

	// RateLimit is how many requests are allowed in an hour. The default is 5000.
	RateLimit int

	// Minute enables the secondary limits. It is the length of a minute; an hour
	// has 60 of them. "No more than 80 content-generating requests per minute and
	// no more than 500 content-generating requests per hour", "no more than 100
	// concurrent requests" (docs.github.com, rate limits for the REST API). A
	// request over a limit is answered as by [SecondaryLimit] and counted by
	// [Server.Limited].
	Minute time.Duration

	// Discard drops the content of assets and keeps only their size and digest.
	// Such assets cannot be downloaded.
	Discard bool

	// Now is the clock. The default starts at 2026-01-02T03:04:05Z and advances
	// by one second with each call. Calls are never concurrent.
	Now func() time.Time

	// Fault returns what goes wrong with request number n, counted from 1, before
	// it is handled; nil means that nothing does. Calls are in the order of n and
	// never concurrent. Fault must not read the body of r. A request that net/http
	// repeats by itself (a GET on a connection that was reset) has a new number.
	Fault func(n int, r *http.Request) *Fault
}

// A Server is a fake GitHub with one repository. It is safe for concurrent use.
type Server struct {
	opts       Options
	operations []operation

	turn sync.Mutex // held while a request gets its number and its fault; taken before mu

	mu         sync.Mutex // guards the fields below
	lastID     int64
	releases   []*release        // in order of creation
	tags       map[string]string // tag to commit
	burnedTags map[string]bool   // tags of deleted immutable releases, which cannot be reused
	latestID   int64             // the release that was made latest explicitly, or 0

	rateUsed     int         // requests counted in the current hour
	rateReset    time.Time   // end of the current hour
	contentTimes []time.Time // when requests came that create content
	inFlight     int         // requests being handled
	limited      int         // requests over a secondary limit

	requests []Request
	invalid  []string
	history  []Appearance
}

// New returns a server without releases. It panics if opts.Repo is not "owner/name".
func New(opts Options) *Server {
	opts.Repo = cmp.Or(opts.Repo, "octo/hello")
	opts.Head = cmp.Or(opts.Head, Head)
	opts.RateLimit = cmp.Or(opts.RateLimit, 5000)
	if opts.Now == nil {
		opts.Now = ticker(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	}

	owner, name, _ := strings.Cut(opts.Repo, "/")
	if owner == "" || name == "" || strings.Contains(name, "/") {
		panic("githubtest: repository " + opts.Repo + " is not owner/name")
	}

	tags := maps.Clone(opts.Tags)
	if tags == nil {
		tags = map[string]string{}
	}

	return &Server{
		opts:       opts,
		operations: servedOperations(description()),
		tags:       tags,
		burnedTags: map[string]bool{},
	}
}

// ticker returns a clock that advances by one second with each call.
func ticker(start time.Time) func() time.Time {
	ticks := -1
	return func() time.Time {
		ticks++
		return start.Add(time.Duration(ticks) * time.Second)
	}
}

// now returns the time in whole seconds, as GitHub does.
func (s *Server) now() time.Time {
	return s.opts.Now().UTC().Truncate(time.Second)
}

func (s *Server) newID() int64 {
	s.lastID++
	return s.lastID
}

// owner returns the owner of the repository.
func (s *Server) owner() string {
	owner, _, _ := strings.Cut(s.opts.Repo, "/")
	return owner
}
