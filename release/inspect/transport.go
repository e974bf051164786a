package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	maxRedirects    = 10        // as many as Go's own client follows
	maxHeaders      = 256 << 10 // bytes of the headers of an answer; signed addresses have some KB
	maxForeign      = 2048      // bytes of an error message from a registry
	registryWait    = time.Minute
	registryMinimum = 4 << 10 // bytes a second
)

// A patience says how long to wait for a registry. The time that a registry takes for a
// request uses up the wait, and the bytes that it sends give time back, so that a large blob
// on a slow line is fine and one byte a second is not.
type patience struct {
	wait    time.Duration
	minimum int64 // bytes a second that never use up the wait
}

// errPatience is the cause of a request that was given up.
var errPatience = errors.New("the registry takes too long")

// A registryTransport bounds what a registry can make a client do. The library follows
// redirects without end and waits as long as the context lets it.
type registryTransport struct {
	base http.RoundTripper
	patience
}

func newRegistryTransport(p patience) registryTransport {
	base := remote.DefaultTransport
	if t, ok := base.(*http.Transport); ok {
		t = t.Clone()
		t.MaxResponseHeaderBytes = maxHeaders
		base = t
	}
	return registryTransport{base, p}
}

func (t registryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkRedirects(r); err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancelCause(r.Context())
	w := &requestWatch{ctx: ctx, cancel: cancel, patience: t.patience, left: t.wait, host: r.URL.Host}
	w.begin()
	answer, err := t.base.RoundTrip(r.Clone(ctx))
	w.end(0)
	if err != nil {
		cancel(nil)
		return nil, w.explain(err)
	}

	limit := bodyLimit(r.Context())
	if answer.ContentLength > limit {
		_ = answer.Body.Close() // it is not read
		cancel(nil)
		return nil, fmt.Errorf("%s announces %d bytes where at most %d can be right",
			r.URL.Host, answer.ContentLength, limit)
	}

	answer.Body = &watchedBody{answer.Body, w, limit}
	return answer, nil
}

// checkRedirects fails if a request follows too many redirects, or a redirect from https to
// a scheme without encryption.
func checkRedirects(r *http.Request) error {
	count := 0
	for from := r.Response; from != nil && from.Request != nil; from = from.Request.Response {
		if from.Request.URL.Scheme == "https" && r.URL.Scheme != "https" {
			return fmt.Errorf("%s redirects from https to %s", from.Request.URL.Host, r.URL.Scheme)
		}
		count++
		if count > maxRedirects {
			return fmt.Errorf("%s redirects more than %d times", from.Request.URL.Host, maxRedirects)
		}
	}
	return nil
}

// bodyLimitKey is the context key of the size that an answer may have.
type bodyLimitKey struct{}

// withBodyLimit allows answers of size bytes, but at least of maxDocument: requests for a
// blob are also answered with errors and tokens.
func withBodyLimit(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, bodyLimitKey{}, max(size, maxDocument))
}

func bodyLimit(ctx context.Context) int64 {
	if limit, ok := ctx.Value(bodyLimitKey{}).(int64); ok {
		return limit
	}
	return maxDocument
}

// A requestWatch ends a request when the registry has used up its time.
type requestWatch struct {
	patience
	ctx    context.Context
	cancel context.CancelCauseFunc
	host   string

	mu    sync.Mutex
	left  time.Duration
	since time.Time
	timer *time.Timer
}

// begin starts the clock, before waiting for the registry.
func (w *requestWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.since = time.Now()
	if w.timer == nil {
		cancel := w.cancel
		w.timer = time.AfterFunc(w.left, func() { cancel(errPatience) })
	} else {
		w.timer.Reset(w.left)
	}
}

// end stops the clock, after the registry has sent that many bytes.
func (w *requestWatch) end(sent int) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.timer.Stop()
	w.left -= time.Since(w.since)
	w.left += time.Duration(int64(sent) * int64(time.Second) / w.minimum)
	w.left = min(w.left, w.wait)
}

// explain returns the error of a request, which is errPatience if the watch has ended it.
func (w *requestWatch) explain(err error) error {
	if errors.Is(context.Cause(w.ctx), errPatience) {
		return fmt.Errorf("%s: %w: it sends less than %d bytes a second for %s", w.host, errPatience, w.minimum, w.wait)
	}
	return err
}

// A watchedBody is the body of an answer whose reads a requestWatch times.
type watchedBody struct {
	io.ReadCloser
	watch *requestWatch
	left  int64
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.begin()
	n, err := b.ReadCloser.Read(p)
	b.watch.end(n)

	b.left -= int64(n)
	if b.left < 0 {
		return 0, fmt.Errorf("%s sends more than it announced", b.watch.host)
	}

	if err != nil && err != io.EOF {
		err = b.watch.explain(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	defer b.watch.cancel(nil)
	return b.ReadCloser.Close()
}
