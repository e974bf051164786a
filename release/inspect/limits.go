package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
)

const (
	maxMember  = 4 << 30  // bytes of one member of an archive: larger than what GitHub takes
	maxTotal   = 64 << 30 // bytes that are unpacked of one file, with all archives in it
	maxNesting = 4        // archives in one another, below the outermost
	maxErrors  = 100      // of archives in one file; a few bytes of it can make millions
	memoryPart = 16 << 20 // a member up to this size is held in memory

	maxDirectory = 32 << 20 // bytes that tell the members of a zip archive
	maxBuildInfo = 64 << 20 // bytes that are searched for the build info of Go
)

var (
	// errLimit says that there is more in a file than can be believed.
	errLimit = errors.New("it unpacks to more than can be inspected")
	// errNesting says that what is further in was not looked at.
	errNesting = errors.New("more archives in one another than can be inspected")
)

// A budget is what may be spent on one file and on all that is in it.
type budget struct {
	left int64   // bytes that may still be unpacked
	errs []error // of archives in it, which do not end the inspection
}

// fresh is for one more file, which may cost as much as any.
func (in inspection) fresh() inspection {
	in.budget = &budget{left: maxTotal}
	return in
}

// with is err and all that was noted before it.
func (b *budget) with(err error) error { return errors.Join(append(b.errs, err)...) }

// note keeps an error, so that what comes after it is looked at all the same. What it
// returns must end the inspection.
func (in inspection) note(err error) error {
	if err == nil || in.over(err) || len(in.budget.errs) >= maxErrors {
		return err
	}
	in.budget.errs = append(in.budget.errs, err)
	return nil
}

// over reports whether err ends the inspection.
func (in inspection) over(err error) bool { return errors.Is(err, errVisit) || in.ctx.Err() != nil }

// limit makes r pay for what is read.
func (in inspection) limit(r io.Reader) *limited { return &limited{in.ctx, r, &in.budget.left} }

// limited fails when more than left bytes are read, where io.LimitReader would end
// silently, or when ctx is done.
type limited struct {
	ctx  context.Context
	r    io.Reader
	left *int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.ctx.Err() != nil {
		return 0, context.Cause(l.ctx)
	}
	n, err := l.r.Read(p)
	if *l.left -= int64(n); *l.left < 0 {
		return 0, errLimit
	}
	return n, err
}

// limitedAt is limited for what is read at any place. The bytes count that are read, not
// those that a header promises.
type limitedAt struct {
	ctx  context.Context
	r    io.ReaderAt
	left int64
}

func (l *limitedAt) ReadAt(p []byte, off int64) (int, error) {
	if l.ctx.Err() != nil {
		return 0, context.Cause(l.ctx)
	}
	n, err := l.r.ReadAt(p, off)
	if l.left -= int64(n); l.left < 0 {
		return 0, errLimit
	}
	return n, err
}

// keep makes what r holds readable at any place: in memory, or in a temporary file if it
// is large, which done removes.
func (in inspection) keep(r io.Reader) (content io.ReaderAt, size int64, done func(), err error) {
	r = in.limit(r)
	var buf bytes.Buffer
	if size, err = io.Copy(&buf, io.LimitReader(r, memoryPart)); err != nil || size < memoryPart {
		return bytes.NewReader(buf.Bytes()), size, func() {}, err
	}
	f, done, err := TempFile()
	if err != nil {
		return nil, 0, nil, err
	}
	left := int64(maxMember)
	size, err = io.Copy(f, &limited{in.ctx, io.MultiReader(&buf, r), &left})
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return f, size, done, nil
}

// A fileEnd is the end of a file that was read without being kept.
type fileEnd struct {
	start int64
	data  []byte
}

func (e fileEnd) size() int64 { return e.start + int64(len(e.data)) }

// ReadAt reads the end of the file. Before it, where the content is not known, it returns
// the magic of a zip directory, because there may have been one.
func (e fileEnd) ReadAt(p []byte, off int64) (int, error) {
	if off < e.start {
		unknown := int(min(int64(len(p)), e.start-off))
		clear(p[:unknown])
		copy(p[:unknown], zipDirectory)
		if unknown == len(p) {
			return unknown, nil
		}
		n, err := e.ReadAt(p[unknown:], e.start)
		return unknown + n, err
	}
	if off >= e.size() {
		return 0, io.EOF
	}
	n := copy(p, e.data[off-e.start:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// An endKeeper keeps the last bytes that are written to it: as many as the end of a zip
// archive may need.
type endKeeper struct {
	start int64
	buf   []byte
	have  int
}

// keepEnd returns an endKeeper. It uses a buffer of the probe, so that there can be only one
// at a time.
func (in inspection) keepEnd(start int64) *endKeeper {
	return &endKeeper{start: start, buf: in.probe.tail[:]}
}

func (k *endKeeper) Write(p []byte) (int, error) {
	n, err := k.ReadFrom(bytes.NewReader(p))
	return int(n), err
}

// ReadFrom reads r to its end.
func (k *endKeeper) ReadFrom(r io.Reader) (int64, error) {
	total := int64(0)
	for {
		n, err := r.Read(k.buf[k.have:])
		k.have += n
		total += int64(n)
		if k.have == len(k.buf) {
			k.drop()
		}
		if err != nil {
			return total, ignoreEOF(err)
		}
	}
}

func (k *endKeeper) drop() {
	dropped := max(k.have-zipTail, 0)
	k.have = copy(k.buf, k.buf[dropped:k.have])
	k.start += int64(dropped)
}

func (k *endKeeper) end() fileEnd {
	k.drop()
	return fileEnd{k.start, k.buf[:k.have]}
}

// TempFile makes a file that has no name any more, so that nothing is left of it however
// the process ends. Windows takes the name of an open file only later: there done does it.
func TempFile() (f *os.File, done func(), err error) {
	f, err = os.CreateTemp("", "go-static-release-")
	if err != nil {
		return nil, nil, err
	}
	gone := os.Remove(f.Name()) == nil
	return f, func() {
		_ = f.Close() // it was only read
		if !gone {
			_ = os.Remove(f.Name()) // the system's directory for temporary files is cleaned by others too
		}
	}, nil
}
