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

	"github.com/org/go-static-release/build/problem"
)

// A failureKind is a way in which a request can fail, and what to do about it.
type failureKind struct {
	// name is shown while the client waits for the next attempt.
	name string

	// matches reports whether an error is of this kind.
	matches func(error) bool

	// wait returns how long to wait before the next attempt after the n-th failure. It is nil
	// if another attempt changes nothing.
	wait func(c *Client, err error, n int) time.Duration

	// rateLimit says that the failure is one of GitHub's rate limits. Waiting for it does not
	// count as a failed attempt.
	rateLimit bool

	// maxFailures is the number of failures of this kind after which a request is given up. If
	// it is 0, only the total number of attempts is limited.
	maxFailures int

	// beforeAnswer says that maxFailures counts only for a host that has never answered.
	beforeAnswer bool
}

// failureKinds is searched from the top, and the first kind that matches an error counts. An
// error that no kind matches is an answer that another attempt does not change.
//
// Two answers are not here, because their meaning depends on the request: upload (assets.go)
// treats some 404s and 422s as temporary, and Publish (publish.go) looks into a 422.
var failureKinds = []failureKind{
	{
		// A request made as part of this one has been given up already.
		name:    "given up",
		matches: isExplained,
	},
	{
		name:    "local file error",
		matches: isLocal,
	},

	// "Continuing to make requests while you are rate limited may result in the banning of
	// your integration" (docs.github.com, rate limits for the REST API).
	{
		name:      "secondary rate limit",
		matches:   isSecondaryLimit,
		wait:      retryAfterOrMinute,
		rateLimit: true,
	},
	{
		name:      "hourly rate limit",
		matches:   isPrimaryLimit,
		wait:      untilReset,
		rateLimit: true,
	},
	{
		name:      "too many requests",
		matches:   hasStatus(http.StatusTooManyRequests),
		wait:      retryAfterOrMinute,
		rateLimit: true,
	},

	{
		// If it was an upload, it may have left something (lookAgain in assets.go).
		name:    "server error",
		matches: isServerError,
		wait:    backoff,
	},
	{
		// A wrong answer disappears soon or never.
		name:        "unexpected answer",
		matches:     isWrongAnswer,
		wait:        backoff,
		maxFailures: fewAttempts,
	},
	{
		// A release that is not found appears again soon or never.
		name:        "release not found",
		matches:     isGone,
		wait:        backoff,
		maxFailures: fewAttempts,
	},
	{
		// What this package found to be worth another attempt.
		name:    "unexpected result",
		matches: isTemporary,
		wait:    backoff,
	},
	{
		name:    "stalled connection",
		matches: isStalled,
		wait:    backoff,
	},
	{
		// A wrong certificate stays wrong.
		name:    "wrong certificate",
		matches: isCertificate,
	},
	{
		// The address leads to a web page instead of an API, so it is wrong.
		name:    "not an API",
		matches: isHTML,
	},
	{
		// As good as a connection that broke.
		name:    "incomplete answer",
		matches: isIncomplete,
		wait:    backoff,
	},
	{
		// An address that is wrong, or a machine without a network. A host that has answered
		// exists, and DNS does fail on runners.
		name:         "no such host",
		matches:      isUnknownHost,
		wait:         backoff,
		maxFailures:  fewAttempts,
		beforeAnswer: true,
	},
	{
		name:         "name lookup error",
		matches:      isLookup,
		wait:         backoff,
		maxFailures:  lookupAttempts,
		beforeAnswer: true,
	},
	{
		name:         "connection refused",
		matches:      isRefused,
		wait:         backoff,
		maxFailures:  fewAttempts,
		beforeAnswer: true,
	},
	{
		name:         "refused by the proxy",
		matches:      isRefusedByProxy,
		wait:         backoff,
		maxFailures:  lookupAttempts,
		beforeAnswer: true,
	},
	{
		// Reset, timed out, HTTP/2 GOAWAY and REFUSED_STREAM: with a fresh body all of them may
		// be retried (RFC 9113, 8.7).
		name:    "connection error",
		matches: isConnection,
		wait:    backoff,
	},
}

// retryableKind returns the kind of an error, or nil if another attempt changes nothing.
func retryableKind(err error) *failureKind {
	for i := range failureKinds {
		kind := &failureKinds[i]
		if !kind.matches(err) {
			continue
		}
		if kind.wait == nil {
			return nil
		}
		return kind
	}
	return nil
}

// maxAttempts is the number of attempts at one request. With the waits between them they
// take two to three minutes.
const maxAttempts = 8

// fewAttempts is the number of attempts where more would not help. The waits between them take
// less than five seconds.
const fewAttempts = 3

// lookupAttempts is the number of attempts if the name servers do not answer, or say that they
// cannot, and if a proxy says so. The waits between them take about ten seconds.
const lookupAttempts = 4

// retry calls f until it succeeds, fails for good, has failed maxAttempts times, or the run
// has waited long enough. Each call of f must make its request from the start, including the
// body.
func (c *Client) retry(ctx context.Context, doing string, f func() error) error {
	attempts := 0   // that failed, without those that met a rate limit
	rateLimits := 0 // attempts that met a rate limit
	failures := map[*failureKind]int{}

	for {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		}

		kind := retryableKind(err)
		if kind == nil {
			return explain(doing, err)
		}
		failures[kind]++
		if failures[kind] == kind.maxFailures && !(kind.beforeAnswer && c.hasReached(err)) {
			return explain(doing, err)
		}

		var wait time.Duration
		if kind.rateLimit {
			rateLimits++
			wait = kind.wait(c, err, rateLimits)
		} else {
			attempts++
			if attempts == maxAttempts {
				return explain(doing, err)
			}
			wait = kind.wait(c, err, attempts)
		}

		if left := c.waitBudget.left(); wait > left {
			tooLong := fmt.Errorf("%w\nthe next attempt is due in %s, but this run may wait only %s more",
				explain(doing, err), c.format(wait), c.format(left))
			hint := "run again later; files that are already on the server are not uploaded again"
			return problem.With(problem.Advise(hint), tooLong)
		}
		if err := c.wait(ctx, wait, doing+": "+kind.name); err != nil {
			return err
		}
	}
}

// minReportedWait is the shortest wait that is reported.
const minReportedWait = 5 * time.Second

// wait waits for d because of reason, and says so at the start and every minute.
func (c *Client) wait(ctx context.Context, d time.Duration, reason string) error {
	stop := c.waitBudget.start()
	defer stop()

	for d > 0 {
		if d >= c.scaled(minReportedWait) {
			c.say(fmt.Sprintf("%s; retrying in %s; giving up after %s of waiting (%s left)",
				reason, c.format(d), c.format(c.waitBudget.total), c.format(c.waitBudget.left())))
		}

		step := min(d, c.scaled(time.Minute))
		d -= step
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return fmt.Errorf("waiting to retry (%s): %w", reason, context.Cause(ctx))
		}
	}
	return nil
}

// scaled returns the time that the client takes for d. It is shorter in tests, where the
// client's seconds are.
func (c *Client) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(c.second) / float64(time.Second))
}

// format returns a time of the client as text: "30m", "1m5s". It is the inverse of scaled.
func (c *Client) format(d time.Duration) string {
	seconds := time.Duration(float64(d) / float64(c.second) * float64(time.Second)).Round(time.Second)
	text := seconds.String()

	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// A waitBudget limits how long one run waits in total. Time in which several requests wait
// counts once.
type waitBudget struct {
	total time.Duration

	mu      sync.Mutex
	waiting int       // requests that wait
	since   time.Time // when the first of them began to wait
	spent   time.Duration
}

// maxWaiting is how long one run waits for GitHub in total. Most outages and every secondary
// rate limit are shorter, and half of the default timeout is left for the work.
const maxWaiting = 30 * time.Minute

// left returns how long the run may still wait.
func (b *waitBudget) left() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()

	left := b.total - b.spent
	if b.waiting > 0 {
		left -= time.Since(b.since)
	}
	return max(0, left)
}

// start counts the time from here until stop is called.
func (b *waitBudget) start() (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.waiting++
	if b.waiting == 1 {
		b.since = time.Now()
	}

	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()

		b.waiting--
		if b.waiting == 0 {
			b.spent += time.Since(b.since)
		}
	}
}

// backoff returns a wait that doubles up to a minute, or is longer if the server says so. It
// is random in part, which keeps the uploads of one run from returning together.
func backoff(c *Client, err error, n int) time.Duration {
	wait := c.scaled(min(time.Second<<min(n-1, 6), time.Minute))
	jitter := rand.N(wait/2 + 1)
	return max(wait+jitter, c.scaled(retryAfter(err)))
}

// retryAfterOrMinute returns the wait that the server asks for. If it asks for none, the wait
// is "at least one minute", and longer each time (docs.github.com, as above). go-github would
// use X-RateLimit-Reset instead, which belongs to the primary rate limit.
func retryAfterOrMinute(c *Client, err error, n int) time.Duration {
	wait := retryAfter(err)
	if wait <= 0 {
		wait = time.Minute << min(n-1, 3)
	}
	return c.scaled(wait) + rand.N(c.second)
}

// untilReset returns the wait until the next hour, when requests are allowed again. The
// clocks of this machine and of the server may differ. If the limit outlasts the hour, the
// waits grow as with other limits.
func untilReset(c *Client, err error, n int) time.Duration {
	var limit *github.RateLimitError
	errors.As(err, &limit)

	// The server may name any year.
	wait := min(max(time.Until(limit.Rate.Reset.Time), 0), 24*time.Hour)
	wait += 2 * time.Second
	if n > 1 {
		wait = max(wait, time.Minute<<min(n-2, 3))
	}
	return c.scaled(wait) + rand.N(c.second)
}

// response returns the answer that an error is about, or nil if there was none.
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

// status returns the HTTP status of an API error, or 0 if err is none.
func status(err error) int {
	r := response(err)
	if r == nil {
		return 0
	}
	return r.StatusCode
}

// retryAfter returns the wait that the Retry-After header of the answer asks for, or 0 if it
// asks for none. GitHub writes it in seconds.
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

func hasStatus(code int) func(error) bool {
	return func(err error) bool { return status(err) == code }
}

func isPrimaryLimit(err error) bool {
	var limit *github.RateLimitError
	return errors.As(err, &limit)
}

// isSecondaryLimit reports whether err is a secondary rate limit. go-github's error type is
// not enough. The host of uploads answers in another form than the API, and go-github goes by
// X-RateLimit-Remaining first, which may be 0 as well. The message or the Retry-After header
// tell.
func isSecondaryLimit(err error) bool {
	var secondary *github.AbuseRateLimitError
	var primary *github.RateLimitError
	var answer *github.ErrorResponse

	message := ""
	switch {
	case errors.As(err, &secondary):
		return true
	case errors.As(err, &primary):
		message = primary.Message
	case errors.As(err, &answer):
		message = answer.Message
	}

	code := status(err)
	if code != http.StatusForbidden && code != http.StatusTooManyRequests {
		return false
	}
	return retryAfter(err) > 0 || strings.Contains(message, "secondary rate limit")
}

// A localError is an error about a file on this machine.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func isLocal(err error) bool {
	var path *fs.PathError
	var local *localError
	return errors.As(err, &path) || errors.As(err, &local)
}

func isServerError(err error) bool {
	code := status(err)
	return code >= 500 || code == http.StatusRequestTimeout
}

func isTemporary(err error) bool {
	var temporary *temporaryError
	return errors.As(err, &temporary)
}

func isStalled(err error) bool { return errors.Is(err, errStalled) }

func isCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// isHTML reports whether the answer was HTML where JSON was expected. HTML begins with a
// character that no JSON begins with.
func isHTML(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && strings.Contains(err.Error(), "invalid character '<'")
}

func isIncomplete(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func isConnection(err error) bool {
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request)
}
