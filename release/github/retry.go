package github

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v92/github"
)

// A trouble is one way in which a request fails, and what is done about it.
type trouble struct {
	what string // for the line that says why is waited
	is   func(error) bool
	// wait says how long to wait before the next try, the n-th after troubles of this kind;
	// nil: another try changes nothing.
	wait func(c *Client, err error, n int) time.Duration
	// limit is one of GitHub's: to wait for it is no attempt that failed.
	limit bool
	// most is the number of attempts that may end this way; 0 is no limit of its own.
	most int
}

// troubles is read from the top; the first row that fits decides. What fits none is an
// answer that another try does not change.
//
// Two answers are not here, because what they mean depends on the request: 404 and 422 to
// an upload are looked into first (assets.go), and so is 422 to a publication (publish.go).
var troubles = []trouble{
	// A request within this one, that was explained and given up already.
	{what: "given up", is: func(err error) bool { var f *failure; return errors.As(err, &f) }},
	// A file that cannot be read or written here.
	{what: "a file", is: isLocal},
	// "Continuing to make requests while you are rate limited may result in the banning of
	// your integration" (docs.github.com, rate limits for the REST API).
	{what: "a secondary rate limit", is: isSecondaryLimit, wait: retryAfterOrMinute, limit: true},
	{what: "the hour's requests are used up", is: isPrimaryLimit, wait: untilReset, limit: true},
	{what: "too many requests", is: hasStatus(http.StatusTooManyRequests), wait: retryAfterOrMinute, limit: true},
	// What the server could not do now. An upload may have left something (assets.go looks).
	{what: "the server is in trouble", is: isServerTrouble, wait: backoff},
	// A wrong answer, or a release that is not found where it was, passes soon or never.
	{what: "the answer does not fit the question", is: isWrongAnswer, wait: backoff, most: fewAttempts},
	{what: "the release is not found", is: isGone, wait: backoff, most: fewAttempts},
	// What this package found to be worth another try.
	{what: "not as it should be", is: isTemporary, wait: backoff},
	{what: "the connection stands still", is: func(err error) bool { return errors.Is(err, errStalled) }, wait: backoff},
	// A certificate does not become right.
	{what: "the server is not who it says", is: isCertificate},
	// A page for people where an API should be: the address is wrong.
	{what: "not an API", is: isPage},
	// An answer that broke off: reading it is as good as a connection that broke.
	{what: "the answer broke off", is: isCut, wait: backoff},
	// Refused, reset, timed out, no such host, HTTP/2 GOAWAY and REFUSED_STREAM: with a fresh
	// body each of these may be tried again (RFC 9113, 8.7), and runners' DNS does fail at times.
	{what: "the connection failed", is: isConnection, wait: backoff},
}

// find returns the row of an error, nil if another try changes nothing.
func find(err error) *trouble {
	for i := range troubles {
		if troubles[i].is(err) {
			if troubles[i].wait == nil {
				return nil
			}
			return &troubles[i]
		}
	}
	return nil
}

// maxAttempts of one request. With the waits between them they take two to three minutes.
const maxAttempts = 8

// fewAttempts of one request take some ten seconds.
const fewAttempts = 3

// retry calls f until it succeeds, fails for good, has failed maxAttempts times, or the
// run has waited enough. f must make its request from the start each time, body included.
func (c *Client) retry(ctx context.Context, doing string, f func() error) error {
	limits := 0
	ends := map[*trouble]int{} // number of attempts that ended in each trouble
	for attempt := 1; ; {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		}
		t := find(err)
		if t == nil || !t.limit && attempt == maxAttempts {
			return explain(doing, err)
		}
		ends[t]++
		if ends[t] == t.most {
			return explain(doing, err)
		}
		n := attempt
		if t.limit {
			limits++
			n = limits
		} else {
			attempt++
		}
		wait := t.wait(c, err, n)
		if left := c.patience.left(); wait > left {
			return &hintError{fmt.Errorf("%w\nto wait for that takes %s, and this run may wait %s more", explain(doing, err), c.seconds(wait), c.seconds(left)),
				"run again later: what is on the server already is not sent again"}
		}
		if err := c.wait(ctx, wait, fmt.Sprintf("%s: %s", doing, t.what)); err != nil {
			return err
		}
	}
}

// tellAfter is the wait from which it is told: shorter ones are nobody's concern.
const tellAfter = 5 * time.Second

// wait waits, and says so at the start and every minute.
func (c *Client) wait(ctx context.Context, d time.Duration, why string) error {
	defer c.patience.begin()()
	for d > 0 {
		if d >= c.scaled(tellAfter) {
			c.say(fmt.Sprintf("waiting %s (%s); of the %s that this run waits at most, %s are left",
				c.seconds(d), why, c.seconds(c.patience.budget), c.seconds(c.patience.left())))
		}
		step := min(d, c.scaled(time.Minute))
		d -= step
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return fmt.Errorf("waiting (%s): %w", why, context.Cause(ctx))
		}
	}
	return nil
}

// scaled is a time in the client's seconds, which are shorter in tests.
func (c *Client) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(c.second) / float64(time.Second))
}

// seconds shows a time of the client for people.
func (c *Client) seconds(d time.Duration) time.Duration {
	return time.Duration(float64(d) / float64(c.second) * float64(time.Second)).Round(time.Second)
}

// patience is how much waiting one run may do, however many of its requests wait at a time.
type patience struct {
	budget time.Duration

	mu      sync.Mutex
	waiting int
	since   time.Time // when waiting last became more than 0
	spent   time.Duration
}

// waitBudget is the most that one run waits for GitHub. Most outages and every secondary
// limit are shorter; half of the default timeout is left for the work.
const waitBudget = 30 * time.Minute

func (p *patience) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.budget - p.spent
	if p.waiting > 0 {
		left -= time.Since(p.since)
	}
	return max(0, left)
}

// begin counts the time until the function it returns is called.
func (p *patience) begin() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting++; p.waiting == 1 {
		p.since = time.Now()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.waiting--; p.waiting == 0 {
			p.spent += time.Since(p.since)
		}
	}
}

// backoff doubles up to a minute, or longer if the server says so; with jitter, so that
// the uploads of one run do not return together.
func backoff(c *Client, err error, n int) time.Duration {
	wait := c.scaled(min(time.Second<<min(n-1, 6), time.Minute))
	return max(wait+rand.N(wait/2+1), c.scaled(retryAfter(err)))
}

// retryAfterOrMinute waits as long as the server says, and without its word "at least one
// minute", longer each time (docs.github.com, as above). go-github would take
// X-RateLimit-Reset for its word, which belongs to the primary limit.
func retryAfterOrMinute(c *Client, err error, n int) time.Duration {
	wait := retryAfter(err)
	if wait <= 0 {
		wait = time.Minute << min(n-1, 3)
	}
	return c.scaled(wait) + rand.N(c.second)
}

// untilReset waits for the next hour's requests. The clocks of this machine and of the
// server may differ; when the hour is over and the limit is not, it waits like for any other.
func untilReset(c *Client, err error, n int) time.Duration {
	var limit *github.RateLimitError
	errors.As(err, &limit)
	wait := min(max(time.Until(limit.Rate.Reset.Time), 0), 24*time.Hour) + 2*time.Second // the server may say any year
	if n > 1 {
		wait = max(wait, time.Minute<<min(n-2, 3))
	}
	return c.scaled(wait) + rand.N(c.second)
}

// response is the answer in an error, nil if there was none.
func response(err error) *http.Response {
	var answer *github.ErrorResponse
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	switch {
	case errors.As(err, &answer):
		return answer.Response
	case errors.As(err, &primary):
		return primary.Response
	case errors.As(err, &secondary):
		return secondary.Response
	}
	return nil
}

// status is the HTTP status of an API error, 0 if err is none.
func status(err error) int {
	if r := response(err); r != nil {
		return r.StatusCode
	}
	return 0
}

// retryAfter is what the answer says in Retry-After, 0 if nothing. GitHub writes seconds.
func retryAfter(err error) time.Duration {
	r := response(err)
	if r == nil {
		return 0
	}
	n, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || n < 0 || n > 24*60*60 {
		return 0
	}
	return time.Duration(n) * time.Second
}

func hasStatus(code int) func(error) bool { return func(err error) bool { return status(err) == code } }

func isPrimaryLimit(err error) bool {
	var limit *github.RateLimitError
	return errors.As(err, &limit)
}

// isSecondaryLimit knows it by go-github's type, by the words, or by the header: the host
// of uploads answers in another form than the API, and X-RateLimit-Remaining, by which
// go-github goes first, may be 0 as well.
func isSecondaryLimit(err error) bool {
	var limit *github.AbuseRateLimitError
	var primary *github.RateLimitError
	var answer *github.ErrorResponse
	text := ""
	switch {
	case errors.As(err, &limit):
		return true
	case errors.As(err, &primary):
		text = primary.Message
	case errors.As(err, &answer):
		text = answer.Message
	}
	code := status(err)
	return (code == http.StatusForbidden || code == http.StatusTooManyRequests) &&
		(retryAfter(err) > 0 || strings.Contains(text, "secondary rate limit"))
}

// A localError is a file that is not what it was.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func isLocal(err error) bool {
	var path *fs.PathError
	var local *localError
	return errors.As(err, &path) || errors.As(err, &local)
}

func isServerTrouble(err error) bool {
	code := status(err)
	return code >= 500 || code == http.StatusRequestTimeout
}

func isTemporary(err error) bool {
	var temporary *temporaryError
	return errors.As(err, &temporary)
}

func isCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// isPage knows HTML by the character that no JSON begins with.
func isPage(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && strings.Contains(err.Error(), "invalid character '<'")
}

func isCut(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func isConnection(err error) bool {
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request)
}
