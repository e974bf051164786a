package output

import (
	"context"
	"io"
)

// WithContext returns a writer that fails once ctx has ended, so that writing a large file
// can be interrupted.
func WithContext(ctx context.Context, w io.Writer) io.Writer {
	return &contextWriter{
		ctx: ctx,
		w:   w,
	}
}

type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *contextWriter) Write(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.w.Write(p)
}

// ReadWithContext returns a reader that fails once ctx has ended, so that reading a large file
// can be interrupted.
func ReadWithContext(ctx context.Context, r io.Reader) io.Reader {
	return &contextReader{
		ctx: ctx,
		r:   r,
	}
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
