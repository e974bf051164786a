package github

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// GitHub's limits for requests that create content, of which an upload is one: "no more
// than 80 content-generating requests per minute and no more than 500 content-generating
// requests per hour" (docs.github.com, rate limits for the REST API). What else the token
// does at the time counts too, so some are left.
const (
	perMinute = 70
	perHour   = 480
)

// A pacer lets requests begin at a rate that GitHub bears.
type pacer struct {
	mu     sync.Mutex
	begins []time.Time // of the last perHour requests, in order; the last may be in the future
	told   time.Time   // when somebody was last told of a wait
}

// turn takes the next place in the line and returns when it comes up.
func (p *pacer) turn(now time.Time, minute, hour time.Duration) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	for _, limit := range []struct {
		n    int
		time time.Duration
	}{{perMinute, minute}, {perHour, hour}} {
		if len(p.begins) >= limit.n {
			if free := p.begins[len(p.begins)-limit.n].Add(limit.time); free.After(at) {
				at = free
			}
		}
	}
	p.begins = append(p.begins, at)
	p.begins = p.begins[max(0, len(p.begins)-perHour):]
	return at
}

// pace waits until a request that changes something may be sent. It is no trouble, and
// not taken from the budget for that.
func (c *Client) pace(ctx context.Context) error {
	now := time.Now()
	wait := c.pacer.turn(now, c.scaled(time.Minute), c.scaled(time.Hour)).Sub(now)
	if wait >= c.scaled(tellAfter) && c.pacer.tell(now, c.scaled(time.Minute)) {
		c.say(fmt.Sprintf("sending on in %s: GitHub takes 80 files a minute and 500 an hour", c.seconds(wait)))
	}
	if wait <= 0 {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("keeping to GitHub's limits: %w", context.Cause(ctx))
	}
}

// tell reports whether it is time to tell of a wait: all that wait would say the same.
func (p *pacer) tell(now time.Time, every time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.told) < every {
		return false
	}
	p.told = now
	return true
}

// LeastTime is how long GitHub's limits make it take to publish n files: a request for
// each, two for the release. Where files are replaced it is twice as many.
func LeastTime(n int, overwrite bool) time.Duration {
	if overwrite {
		n *= 2
	}
	n += 2
	hours := (n - 1) / perHour
	rest := n - hours*perHour
	return time.Duration(hours)*time.Hour + time.Duration((rest-1)/perMinute)*time.Minute
}
