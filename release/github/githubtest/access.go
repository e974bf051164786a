package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// access is what the sender of a request may do. Higher values may do more.
type access int

const (
	unknown   access = iota // a token that does not exist
	anonymous               // no token
	reader                  // contents: read
	writer                  // contents: write
	admin                   // contents: write, administration: read
)

// access returns what the token of a request allows.
func (s *Server) access(c *call) access {
	header := c.Header.Get("Authorization")
	if header == "" {
		return anonymous
	}

	scheme, token, _ := strings.Cut(header, " ")
	knownScheme := strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")
	if !knownScheme || token == "" {
		return unknown
	}

	switch token {
	case s.opts.AdminToken:
		return admin
	case s.opts.Token:
		return writer
	case s.opts.ReadToken:
		return reader
	}

	return unknown
}

// isRead reports whether the request changes nothing.
func (c *call) isRead() bool {
	return c.Method == http.MethodGet || c.Method == http.MethodHead
}

// refuse answers a request that does not reach its operation: one with a wrong
// token, over the rate limit, to another repository, or without permission. It
// reports whether it did.
func (s *Server) refuse(c *call) (answer, bool) {
	who := s.access(c)

	// "The name is not case sensitive." (description of repos/get)
	otherRepo := false
	if name, ok := c.params["repo"]; ok {
		otherRepo = !strings.EqualFold(c.params["owner"]+"/"+name, s.opts.Repo)
	}

	switch {
	case who == unknown:
		return c.fail(http.StatusUnauthorized, "Bad credentials"), true
	case c.rate.exceeded:
		// The wording is from kairos-io/kairos#1766.
		return c.fail(http.StatusForbidden, "API rate limit exceeded for installation ID 1."), true
	case otherRepo:
		return c.notFound(), true
	case s.opts.Archived && !c.isRead():
		return c.fail(http.StatusForbidden, "Repository was archived so is read-only."), true
	case c.isRead() || who >= writer:
		return answer{}, false
	case who == anonymous:
		return c.fail(http.StatusUnauthorized, "Requires authentication"), true
	}

	// The token of a workflow without "contents: write" (softprops/action-gh-release#232).
	return c.forbidden("contents=write"), true
}

// Secondary limits (docs.github.com, rate limits for the REST API).
const (
	maxContentPerMinute = 80
	maxContentPerHour   = 500
	maxConcurrent       = 100
)

// overSecondaryLimit counts a request against the secondary limits and reports
// whether it is over one of them. Refused requests count too, so a client that does
// not pause stays limited for longer.
func (s *Server) overSecondaryLimit(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.opts.Minute == 0 {
		return false
	}

	over := s.inFlight > maxConcurrent
	if !c.isRead() {
		now := s.opts.Now()
		if s.contentSince(now.Add(-s.opts.Minute)) >= maxContentPerMinute {
			over = true
		}
		if s.contentSince(now.Add(-60*s.opts.Minute)) >= maxContentPerHour {
			over = true
		}
		s.contentTimes = append(s.contentTimes, now)
	}
	if over {
		s.limited++
	}

	return over
}

// contentSince returns how many requests that create content came after start.
func (s *Server) contentSince(start time.Time) int {
	n := 0
	for _, t := range s.contentTimes {
		if t.After(start) {
			n++
		}
	}
	return n
}

// Limited returns how many requests were over a secondary limit.
func (s *Server) Limited() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limited
}

// A rate is the state of the rate limit after a request.
type rate struct {
	limit    int
	used     int
	reset    time.Time
	exceeded bool
}

// countRequest counts a request against the rate limit. An upload counts twice
// (softprops/action-gh-release#261), GET /rate_limit does not count.
func (s *Server) countRequest(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if now := s.now(); !now.Before(s.rateReset) {
		s.rateUsed = 0
		s.rateReset = now.Add(time.Hour)
	}

	cost := 1
	switch {
	case c.op.stream:
		cost = 2
	case c.op.path == "/rate_limit":
		cost = 0
	}

	exceeded := s.rateUsed+cost > s.opts.RateLimit
	s.rateUsed = min(s.rateUsed+cost, s.opts.RateLimit)

	c.rate = rate{
		limit:    s.opts.RateLimit,
		used:     s.rateUsed,
		reset:    s.rateReset,
		exceeded: exceeded,
	}
}

// write sets the headers of the rate limit.
func (r rate) write(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(r.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(r.limit-r.used))
	h.Set("X-RateLimit-Used", strconv.Itoa(r.used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(r.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

// getRateLimit answers GET /rate_limit.
func (s *Server) getRateLimit(c *call) answer {
	core := map[string]any{
		"limit":     c.rate.limit,
		"used":      c.rate.used,
		"remaining": c.rate.limit - c.rate.used,
		"reset":     c.rate.reset.Unix(),
	}
	other := map[string]any{
		"limit":     30,
		"used":      0,
		"remaining": 30,
		"reset":     c.rate.reset.Unix(),
	}

	return reply(http.StatusOK, map[string]any{
		"rate":      core,
		"resources": map[string]any{"core": core, "search": other, "graphql": other},
	})
}
