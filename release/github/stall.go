package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// errStalled is why a transfer was given up: however long it takes, it must go on.
var errStalled = errors.New("nothing was sent or received for too long")

// stallTime is how long a connection may stand still. A server that stores a large file
// takes some time for its answer after the last byte.
const stallTime = 2 * time.Minute

// alive makes HTTP/2 connections ask for a sign of life, so that one which is dead is not
// used for the next request while another one still waits on it.
var alive = http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}

// A watchful transport gives up a request when nothing of it moves: not when it takes long.
type watchful struct {
	base  *http.Transport
	limit time.Duration
	stood *atomic.Bool // a connection did, and may be there still
}

func (t watchful) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.stood.Swap(false) {
		t.base.CloseIdleConnections() // HTTP/2 would send this try down the same dead one
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{limit: t.limit, ctx: ctx, end: func() { cancel(nil) }}
	w.timer = time.AfterFunc(t.limit, func() { cancel(errStalled) })
	r = r.Clone(ctx) // a transport must not change the request
	if r.Body != nil {
		r.Body = &watchedBody{r.Body, w, false}
	}
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		w.stop()
		if err = w.why(err); errors.Is(err, errStalled) {
			t.stood.Store(true)
		}
		return nil, err
	}
	answer.Body = &watchedBody{answer.Body, w, true}
	return answer, nil
}

// A watch ends a request when its timer has run out.
type watch struct {
	limit time.Duration
	timer *time.Timer
	ctx   context.Context
	end   func()
}

func (w *watch) stop() {
	w.timer.Stop()
	w.end()
}

// why is the error of a request that may have been ended by the watch.
func (w *watch) why(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return errStalled
	}
	return err
}

// A watchedBody tells the watch of every part that moves. The transport reads more of a
// request's body only when what it has is on its way. The end of the answer is the end
// of the watch.
type watchedBody struct {
	io.ReadCloser
	watch  *watch
	answer bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.timer.Reset(b.watch.limit)
	}
	if err != nil && err != io.EOF {
		err = b.watch.why(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	if b.answer {
		defer b.watch.stop()
	}
	return b.ReadCloser.Close()
}
