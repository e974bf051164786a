package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// access is what the sender of a request may do.
type access int

const (
	unknown   access = iota // a token nobody issued
	anonymous               // no token
	reader                  // contents: read
	writer                  // contents: write
	admin                   // contents: write, administration: read
)

func (s *Server) access(c *call) access {
	header := c.Header.Get("Authorization")
	if header == "" {
		return anonymous
	}

	scheme, token, _ := strings.Cut(header, " ")
	if token == "" || !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
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

// refuse answers the requests that do not reach their operation: those with a
// wrong token, over the rate limit, to another repository, or without permission.
func (s *Server) refuse(c *call) (answer, bool) {
	who := s.access(c)
	name, named := c.params["repo"]
	switch {
	case who == unknown:
		return c.fail(http.StatusUnauthorized, "Bad credentials"), true
	case c.rate.exceeded:
		// The wording is from kairos-io/kairos#1766.
		return c.fail(http.StatusForbidden, "API rate limit exceeded for installation ID 1."), true
	case named && !strings.EqualFold(c.params["owner"]+"/"+name, s.opts.Repo): // "The name is not case sensitive."
		return c.notFound(), true
	case s.opts.Archived && c.Method != http.MethodGet && c.Method != http.MethodHead:
		return c.fail(http.StatusForbidden, "Repository was archived so is read-only."), true
	case c.Method == http.MethodGet || c.Method == http.MethodHead || who >= writer:
		return answer{}, false
	case who == anonymous:
		return c.fail(http.StatusUnauthorized, "Requires authentication"), true
	}

	// softprops/action-gh-release#232: a workflow's token without "contents: write".
	return c.forbidden("contents=write"), true
}

// Secondary limits (docs.github.com, rate limits for the REST API).
const (
	contentPerMinute = 80
	contentPerHour   = 500
	concurrent       = 100
)

// overSecondary counts a request against the secondary limits and says whether it is over
// one of them. What was refused counts too: who goes on is limited for longer.
func (s *Server) overSecondary(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.opts.Minute == 0 {
		return false
	}

	over := s.active > concurrent
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		now := s.opts.Now()
		within := func(d time.Duration) (n int) {
			for _, t := range s.created {
				if now.Sub(t) < d {
					n++
				}
			}
			return n
		}

		over = over || within(s.opts.Minute) >= contentPerMinute || within(60*s.opts.Minute) >= contentPerHour
		s.created = append(s.created, now)
	}
	if over {
		s.limited++
	}

	return over
}

// Limited returns how many requests were over a secondary limit.
func (s *Server) Limited() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limited
}

// A rate is the state of the rate limit after a request.
type rate struct {
	limit, used int
	reset       time.Time
	exceeded    bool
}

// spend counts a request. An upload counts twice (softprops/action-gh-release#261),
// GET /rate_limit not at all.
func (s *Server) spend(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if now := s.now(); !now.Before(s.reset) {
		s.used, s.reset = 0, now.Add(time.Hour)
	}

	cost := 1
	switch {
	case c.op.stream:
		cost = 2
	case c.op.path == "/rate_limit":
		cost = 0
	}

	c.rate = rate{limit: s.opts.RateLimit, reset: s.reset, exceeded: s.used+cost > s.opts.RateLimit}
	s.used = min(s.used+cost, s.opts.RateLimit)
	c.rate.used = s.used
}

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
		"limit": c.rate.limit, "used": c.rate.used, "remaining": c.rate.limit - c.rate.used, "reset": c.rate.reset.Unix(),
	}
	other := map[string]any{"limit": 30, "used": 0, "remaining": 30, "reset": c.rate.reset.Unix()}
	return reply(http.StatusOK, map[string]any{
		"rate":      core,
		"resources": map[string]any{"core": core, "search": other, "graphql": other},
	})
}
