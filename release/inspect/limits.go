package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
)

const (
	maxMember  = 4 << 30  // bytes of one member of an archive; more than GitHub accepts as a file
	maxTotal   = 64 << 30 // bytes unpacked from one file, including all archives in it
	maxNesting = 4        // levels of archives inside the outermost one
	maxErrors  = 100      // recorded for one file, because a small file can cause millions
	maxMemory  = 16 << 20 // bytes of a member that is held in memory; larger ones go to a file

	maxDirectory = 32 << 20 // bytes of the directory of a zip archive
	maxBuildInfo = 64 << 20 // bytes searched for Go's build info
)

var (
	errLimit   = errors.New("too large to inspect")
	errNesting = errors.New("archives nested too deeply")
)

// A budget limits what the inspection of one file and of everything in it may cost.
type budget struct {
	left int64   // bytes that may still be unpacked
	errs []error // recorded by inspection.record
}

// withNewBudget returns a copy of in that has a full budget.
func (in inspection) withNewBudget() inspection {
	in.budget = &budget{left: maxTotal}
	return in
}

// join returns the recorded errors and err as one error.
func (b *budget) join(err error) error { return errors.Join(append(b.errs, err)...) }

// record records err and returns nil, so that the inspection goes on with the next member.
// It returns err if the inspection must end because of it, or if too many errors have been
// recorded.
func (in inspection) record(err error) error {
	if err == nil {
		return nil
	}
	if in.isFatal(err) || len(in.budget.errs) >= maxErrors {
		return err
	}

	in.budget.errs = append(in.budget.errs, err)
	return nil
}

// isFatal reports whether err ends the inspection: an error of the visitor, or any error
// after the context is done.
func (in inspection) isFatal(err error) bool {
	return errors.Is(err, errVisit) || in.ctx.Err() != nil
}

// limit returns a reader that charges what it reads from r to the budget.
func (in inspection) limit(r io.Reader) *limitedReader {
	return &limitedReader{ctx: in.ctx, r: r, left: &in.budget.left}
}

// A limitedReader fails when more than *left bytes have been read or when ctx is done. At the
// limit, io.LimitReader would return io.EOF instead.
type limitedReader struct {
	ctx  context.Context
	r    io.Reader
	left *int64
}

// newLimitedReader returns a reader that fails after max bytes.
func newLimitedReader(ctx context.Context, r io.Reader, max int64) *limitedReader {
	return &limitedReader{ctx: ctx, r: r, left: &max}
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.ctx.Err() != nil {
		return 0, context.Cause(l.ctx)
	}

	n, err := l.r.Read(p)
	*l.left -= int64(n)
	if *l.left < 0 {
		return 0, errLimit
	}
	return n, err
}

// A limitedReaderAt is a limitedReader for an io.ReaderAt. It counts the bytes that are read,
// whatever sizes the headers of the file give.
type limitedReaderAt struct {
	ctx  context.Context
	r    io.ReaderAt
	left int64
}

func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if l.ctx.Err() != nil {
		return 0, context.Cause(l.ctx)
	}

	n, err := l.r.ReadAt(p, off)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, errLimit
	}
	return n, err
}

// store reads r to its end and returns the content as an io.ReaderAt. Large content is stored
// in a temporary file, which done removes.
func (in inspection) store(r io.Reader) (content io.ReaderAt, size int64, done func(), err error) {
	r = in.limit(r)

	var buf bytes.Buffer
	size, err = io.Copy(&buf, io.LimitReader(r, maxMemory))
	if err != nil || size < maxMemory {
		return bytes.NewReader(buf.Bytes()), size, func() {}, err
	}

	f, done, err := TempFile()
	if err != nil {
		return nil, 0, nil, err
	}
	size, err = io.Copy(f, newLimitedReader(in.ctx, io.MultiReader(&buf, r), maxMember))
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return f, size, done, nil
}

// TempFile creates a temporary file without a name, so that nothing is left of it even if the
// process is killed. On Windows, where an open file must have a name, done removes the file.
func TempFile() (f *os.File, done func(), err error) {
	f, err = os.CreateTemp("", "go-static-release-")
	if err != nil {
		return nil, nil, err
	}
	isUnnamed := os.Remove(f.Name()) == nil

	return f, func() {
		_ = f.Close() // the content is discarded
		if !isUnnamed {
			_ = os.Remove(f.Name()) // if it fails, the system cleans up its temporary files
		}
	}, nil
}
