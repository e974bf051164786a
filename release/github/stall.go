package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// errStalled is the reason for giving up a transfer in which no data moves. A transfer may
// take long, but it must not stall.
var errStalled = errors.New("no data was sent or received for too long")

// stallTime is how long a connection may stall. A server that stores a large file takes some
// time to answer after the last byte.
const stallTime = 2 * time.Minute

// http2Pings makes an HTTP/2 connection check that the other side is alive. Otherwise a dead
// connection would be used for the next request while another one is waiting on it.
var http2Pings = http.HTTP2Config{
	SendPingTimeout: 30 * time.Second,
	PingTimeout:     15 * time.Second,
}

// A stallTransport gives up a request if it stalls, however long it takes otherwise.
type stallTransport struct {
	base    *http.Transport
	limit   time.Duration
	stalled *atomic.Bool // a connection has stalled, and may still be open
}

func (t stallTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.stalled.Swap(false) {
		t.base.CloseIdleConnections() // HTTP/2 would use the dead connection again
	}

	ctx, cancel := context.WithCancelCause(r.Context())
	timer := &stallTimer{
		limit:  t.limit,
		ctx:    ctx,
		cancel: func() { cancel(nil) },
		timer:  time.AfterFunc(t.limit, func() { cancel(errStalled) }),
	}

	r = r.Clone(ctx) // a transport must not change the request
	if r.Body != nil {
		r.Body = &stallBody{
			ReadCloser: r.Body,
			timer:      timer,
		}
	}

	answer, err := t.base.RoundTrip(r)
	if err != nil {
		timer.stop()
		err = timer.cause(err)
		if isStalled(err) {
			t.stalled.Store(true)
		}
		return nil, err
	}

	answer.Body = &stallBody{
		ReadCloser: answer.Body,
		timer:      timer,
		answer:     true,
	}
	return answer, nil
}

// A stallTimer cancels a request when its time has run out.
type stallTimer struct {
	limit  time.Duration
	timer  *time.Timer
	ctx    context.Context
	cancel func()
}

func (t *stallTimer) stop() {
	t.timer.Stop()
	t.cancel()
}

func (t *stallTimer) reset() { t.timer.Reset(t.limit) }

// cause returns errStalled if err is not nil and the timer has cancelled the request, and err
// otherwise.
func (t *stallTimer) cause(err error) error {
	if err != nil && errors.Is(context.Cause(t.ctx), errStalled) {
		return errStalled
	}
	return err
}

// A stallBody resets the timer whenever data moves. The transport reads more of a request's
// body only once it has sent what it read before. Closing the body of the answer stops the
// timer.
type stallBody struct {
	io.ReadCloser
	timer  *stallTimer
	answer bool // it is the body of the answer, not of the request
}

func (b *stallBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.reset()
	}
	if err != nil && err != io.EOF {
		err = b.timer.cause(err)
	}
	return n, err
}

func (b *stallBody) Close() error {
	if b.answer {
		defer b.timer.stop()
	}
	return b.ReadCloser.Close()
}
