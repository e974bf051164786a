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
	maxRedirects    = 10        // the limit of http.Client
	maxHeaders      = 256 << 10 // bytes of the headers of a response; signed URLs have a few KB
	maxForeignError = 2048      // bytes of an error message from a registry

	registryWait    = time.Minute
	registryMinRate = 4 << 10 // bytes per second
)

// A patience limits the time spent waiting for a registry during a request. Waiting uses up
// the time, and the bytes that arrive give some back. So a large blob on a slow connection is
// fine, but one byte per second is not.
type patience struct {
	wait    time.Duration
	minRate int64 // bytes per second that give back as much time as they take
}

// errTooSlow is the cause of a request that was canceled.
var errTooSlow = errors.New("registry too slow")

// A registryTransport limits what a registry can make a client do. The library follows
// redirects without end, and it waits as long as the context allows.
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
	w := &stopwatch{
		patience: t.patience,
		ctx:      ctx,
		cancel:   cancel,
		host:     r.URL.Host,
		left:     t.wait,
	}
	w.start()
	response, err := t.base.RoundTrip(r.Clone(ctx))
	w.stop(0)
	if err != nil {
		cancel(nil)
		return nil, w.explain(err)
	}

	limit := bodyLimit(r.Context())
	if response.ContentLength > limit {
		_ = response.Body.Close() // it is not read
		cancel(nil)
		return nil, fmt.Errorf("%s announces %d bytes, expected at most %d",
			r.URL.Host, response.ContentLength, limit)
	}

	response.Body = &timedBody{
		ReadCloser: response.Body,
		stopwatch:  w,
		left:       limit,
	}
	return response, nil
}

// checkRedirects returns an error if r follows too many redirects, or a redirect from https to
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

// bodyLimitKey is the context key of the largest size that a response may have.
type bodyLimitKey struct{}

// withBodyLimit returns a context that allows responses of size bytes, or of maxDocument bytes
// if that is more. Requests for a blob also lead to responses with errors and tokens.
func withBodyLimit(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, bodyLimitKey{}, max(size, maxDocument))
}

func bodyLimit(ctx context.Context) int64 {
	if limit, ok := ctx.Value(bodyLimitKey{}).(int64); ok {
		return limit
	}
	return maxDocument
}

// A stopwatch measures the time spent waiting for a registry during a request, and cancels the
// request when the time is used up.
type stopwatch struct {
	patience
	ctx    context.Context
	cancel context.CancelCauseFunc
	host   string

	mu    sync.Mutex
	left  time.Duration
	since time.Time
	timer *time.Timer
}

// start is called before waiting for the registry.
func (w *stopwatch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.since = time.Now()
	if w.timer == nil {
		cancel := w.cancel
		w.timer = time.AfterFunc(w.left, func() { cancel(errTooSlow) })
	} else {
		w.timer.Reset(w.left)
	}
}

// stop is called when the registry has sent n bytes.
func (w *stopwatch) stop(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.timer.Stop()
	w.left -= time.Since(w.since)
	w.left += time.Duration(int64(n) * int64(time.Second) / w.minRate)
	w.left = min(w.left, w.wait)
}

// explain returns the error of a request, which is errTooSlow if the stopwatch canceled it.
func (w *stopwatch) explain(err error) error {
	if !errors.Is(context.Cause(w.ctx), errTooSlow) {
		return err
	}
	return fmt.Errorf("%s: %w: less than %d bytes per second for %s", w.host, errTooSlow, w.minRate, w.wait)
}

// A timedBody is the body of a response. A stopwatch measures how long its reads take.
type timedBody struct {
	io.ReadCloser
	stopwatch *stopwatch
	left      int64 // bytes that may still be read
}

func (b *timedBody) Read(p []byte) (int, error) {
	b.stopwatch.start()
	n, err := b.ReadCloser.Read(p)
	b.stopwatch.stop(n)

	b.left -= int64(n)
	if b.left < 0 {
		return 0, fmt.Errorf("%s sends more than was expected", b.stopwatch.host)
	}

	if err != nil && err != io.EOF {
		err = b.stopwatch.explain(err)
	}
	return n, err
}

func (b *timedBody) Close() error {
	defer b.stopwatch.cancel(nil)
	return b.ReadCloser.Close()
}
