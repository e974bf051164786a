package static

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// budget is the number of bytes to read from one file before giving up. Real programs need
	// about a hundredth of it.
	budget = 4 << 20
	// readCost is the smallest amount that a read takes from the budget, so that the number of
	// tiny reads is limited too.
	readCost = 64
	// maxName is the length of the longest path or name in bytes: PATH_MAX in <linux/limits.h>.
	maxName = 4096
)

// errBudget is the error for a file whose tables are larger than the budget.
var errBudget = fmt.Errorf("more than %d MB of tables", budget>>20)

// A view is a range of a file. It gives no access to the rest of the file. All views of a file
// share one budget, which every read is charged to.
type view struct {
	r         io.ReaderAt
	off       uint64 // where the range begins in the file
	size      uint64
	remaining *int // what is left of the budget
}

// newView returns a view of a whole file with a full budget.
func newView(r io.ReaderAt, size int64) view {
	remaining := budget
	return view{
		r:         r,
		size:      uint64(max(size, 0)),
		remaining: &remaining,
	}
}

// errorf returns an error that says which part of the file could not be read, where it is, and
// why. The offset is relative to the view; the message has the offset in the file.
func (v view) errorf(what string, off uint64, format string, args ...any) error {
	return fmt.Errorf("reading %s at 0x%x: %w", what, v.off+off, fmt.Errorf(format, args...))
}

// sub returns a view of the n bytes at off. It is the check for every size and offset found in
// a file.
func (v view) sub(what string, off, n uint64) (view, error) {
	if off > v.size || n > v.size-off {
		return view{}, v.errorf(what, off, "0x%x bytes reach beyond the end at 0x%x: %w",
			n, v.off+v.size, io.ErrUnexpectedEOF)
	}
	return view{
		r:         v.r,
		off:       v.off + off,
		size:      n,
		remaining: v.remaining,
	}, nil
}

// bytes reads the n bytes at off.
func (v view) bytes(what string, off, n uint64) ([]byte, error) {
	part, err := v.sub(what, off, n)
	if err != nil {
		return nil, err
	}

	cost := max(n, readCost)
	if cost > uint64(*v.remaining) {
		return nil, v.errorf(what, off, "%w", errBudget)
	}
	*v.remaining -= int(cost)

	buf := make([]byte, n)
	if err := readFull(part.r, buf, part.off); err != nil {
		return nil, v.errorf(what, off, "%w", err)
	}
	return buf, nil
}

// readFull fills buf from off. The end of the file is io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, buf []byte, off uint64) error {
	n, err := r.ReadAt(buf, int64(off))
	switch {
	case n == len(buf):
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// decode reads the value at off into the value or the slice of fixed size that into points to.
func (v view) decode(what string, off uint64, order binary.ByteOrder, into any) error {
	buf, err := v.bytes(what, off, uint64(binary.Size(into)))
	if err != nil {
		return err
	}
	if _, err := binary.Decode(buf, order, into); err != nil {
		return v.errorf(what, off, "%w", err)
	}
	return nil
}

// cString reads the NUL-terminated string at off. The NUL must be inside the view.
func (v view) cString(what string, off uint64) (string, error) {
	if off >= v.size {
		return "", v.errorf(what, off, "outside the table that ends at 0x%x: %w", v.off+v.size, io.ErrUnexpectedEOF)
	}

	// Most names are short, so begin with a small read and repeat it with a larger one if needed.
	for n := uint64(64); ; n *= 8 {
		n = min(n, maxName, v.size-off)
		buf, err := v.bytes(what, off, n)
		if err != nil {
			return "", err
		}

		if end := bytes.IndexByte(buf, 0); end >= 0 {
			name := string(buf[:end])
			if err := checkPrintable(name); err != nil {
				return "", v.errorf(what, off, "%w", err)
			}
			return name, nil
		}
		if n == maxName || n == v.size-off {
			return "", v.errorf(what, off, "no NUL in %d bytes", n)
		}
	}
}

// checkPrintable returns an error if s contains unprintable characters. Names are written to
// terminals and logs, where a line break or an escape sequence could forge other output.
func checkPrintable(s string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return fmt.Errorf("%.64q is not a printable name", s)
	}
	return nil
}
