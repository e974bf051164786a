package github

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// GitHub's limits for requests that create content, such as uploads: "no more than 80
// content-generating requests per minute and no more than 500 content-generating requests per
// hour" (docs.github.com, rate limits for the REST API). Other requests with the same token
// count too, so we use less than that.
const (
	perMinute = 70
	perHour   = 480
)

// A pacer spreads requests so that they stay within GitHub's limits.
type pacer struct {
	mu           sync.Mutex
	starts       []time.Time // of the last perHour requests, in order; they may be in the future
	lastReported time.Time   // when a wait was last reported
}

// reserve reserves the next free place for a request and returns when the request may start.
func (p *pacer) reserve(now time.Time, minute, hour time.Duration) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()

	start := now
	start = later(start, p.nextFree(perMinute, minute))
	start = later(start, p.nextFree(perHour, hour))

	p.starts = append(p.starts, start)
	p.starts = p.starts[max(0, len(p.starts)-perHour):]
	return start
}

// nextFree returns when another request may start, if at most limit requests may start in any
// period. It returns the zero time if fewer than limit have started.
func (p *pacer) nextFree(limit int, period time.Duration) time.Time {
	if len(p.starts) < limit {
		return time.Time{}
	}
	return p.starts[len(p.starts)-limit].Add(period)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// waitForTurn waits until a request that changes something may be sent. The time is not taken
// from the run's waitBudget, because nothing has gone wrong.
func (c *Client) waitForTurn(ctx context.Context) error {
	now := time.Now()
	start := c.pacer.reserve(now, c.scaled(time.Minute), c.scaled(time.Hour))
	wait := start.Sub(now)
	if wait <= 0 {
		return nil
	}

	if wait >= c.scaled(minReportedWait) && c.pacer.shouldReport(now, c.scaled(time.Minute)) {
		c.say(fmt.Sprintf("continuing in %s: GitHub accepts 80 files a minute and 500 an hour",
			c.format(wait)))
	}

	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("keeping to GitHub's limits: %w", context.Cause(ctx))
	}
}

// shouldReport reports whether to report a wait. At most one wait is reported in a period,
// because requests that wait at the same time would all report the same.
func (p *pacer) shouldReport(now time.Time, period time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if now.Sub(p.lastReported) < period {
		return false
	}
	p.lastReported = now
	return true
}

// LeastTime returns the shortest time in which GitHub's limits allow publishing n files. It
// takes a request for each file and two for the release. If files are replaced, it takes two
// requests for each.
func LeastTime(n int, overwrite bool) time.Duration {
	requests := n
	if overwrite {
		requests *= 2
	}
	requests += 2

	hours := (requests - 1) / perHour
	rest := requests - hours*perHour
	minutes := (rest - 1) / perMinute
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
}
