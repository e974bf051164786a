package static

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// budget is how much of a file is read before giving up, in bytes. Real programs take a hundredth of it.
	budget = 4 << 20
	// readCost is the least a read takes from the budget, so that many tiny reads end too.
	readCost = 64
	// maxText is the longest path or name, in bytes: PATH_MAX in <linux/limits.h>.
	maxText = 4096
)

// errBudget says that a file's tables are too large to be read.
var errBudget = fmt.Errorf("more than %d MB of tables", budget>>20)

// view is a range of a file. Nothing outside of it can be read through it, and whatever is read
// is paid from one budget for the whole file.
type view struct {
	r    io.ReaderAt
	off  uint64 // where it starts in the file
	size uint64
	left *int // what remains of the budget
}

func newView(r io.ReaderAt, size int64) view {
	left := budget
	return view{r: r, size: uint64(max(size, 0)), left: &left}
}

// errorf says where in the file a part could not be read, and why.
func (v view) errorf(what string, off uint64, format string, args ...any) error {
	return fmt.Errorf("reading %s at 0x%x: %w", what, v.off+off, fmt.Errorf(format, args...))
}

// sub returns the n bytes at off. It is how a size or an offset found in the file is checked.
func (v view) sub(what string, off, n uint64) (view, error) {
	if off > v.size || n > v.size-off {
		return view{}, v.errorf(what, off, "0x%x bytes reach beyond the end at 0x%x: %w", n, v.off+v.size, io.ErrUnexpectedEOF)
	}
	return view{r: v.r, off: v.off + off, size: n, left: v.left}, nil
}

// bytes reads n bytes at off.
func (v view) bytes(what string, off, n uint64) ([]byte, error) {
	s, err := v.sub(what, off, n)
	if err != nil {
		return nil, err
	}
	if max(n, readCost) > uint64(*v.left) {
		return nil, v.errorf(what, off, "%w", errBudget)
	}
	*v.left -= int(max(n, readCost))
	buf := make([]byte, n)
	got, err := s.r.ReadAt(buf, int64(s.off))
	if got == len(buf) {
		return buf, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, v.errorf(what, off, "%w", err)
}

// decode reads the fixed-size value into points to, or the slice of such values, from off.
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

// text reads the NUL-terminated string at off. The NUL has to be inside the view.
func (v view) text(what string, off uint64) (string, error) {
	if off >= v.size {
		return "", v.errorf(what, off, "outside of the table that ends at 0x%x: %w", v.off+v.size, io.ErrUnexpectedEOF)
	}
	// Most names are short; the length of a long one is found by asking for more.
	for n := uint64(64); ; n *= 8 {
		n = min(n, maxText, v.size-off)
		buf, err := v.bytes(what, off, n)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(buf, 0); end >= 0 {
			if err := printable(string(buf[:end])); err != nil {
				return "", v.errorf(what, off, "%w", err)
			}
			return string(buf[:end]), nil
		}
		if n == maxText || n == v.size-off {
			return "", v.errorf(what, off, "no NUL in %d bytes", n)
		}
	}
}

// printable refuses what is no name: names go to terminals and logs, where a line break or
// an escape sequence is a way to say something else.
func printable(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%.64q is not a name", s)
	}
	return nil
}

// pageSize is the smallest page of the processors that programs are mapped on.
const pageSize = 0x1000

// memory says which bytes of a file a loader makes appear at which addresses.
type memory []mapping

// mapping holds the bytes of view at addr, followed by zeros up to size bytes. Because loaders map whole
// pages, a mapping replaces everything else in its first and last page.
type mapping struct {
	addr uint64
	size uint64
	view view
}

// at returns the bytes from addr to the end of the mapping that holds them, or to the page where another
// mapping replaces them. If two mappings hold different bytes for addr itself, it depends on the loader
// which are seen, and at returns an error.
func (m memory) at(what string, addr uint64) (view, error) {
	holds := func(p mapping) bool { return addr >= p.addr && addr-p.addr < p.view.size }
	i := slices.IndexFunc(m, holds)
	if i < 0 {
		return view{}, fmt.Errorf("reading %s at address 0x%x: not in the file", what, addr)
	}

	p := m[i]
	size := p.view.size - (addr - p.addr)
	for j, q := range m {
		start, end, differs := q.replaces(p)
		switch {
		case i == j || !differs || end <= addr:
		case start <= addr:
			return view{}, fmt.Errorf("reading %s at address 0x%x: mapped twice, "+
				"from 0x%x of the file and by what is at address 0x%x",
				what, addr, p.view.off+(addr-p.addr), q.addr)
		default:
			size = min(size, start-addr)
		}
	}
	return p.view.sub(what, addr-p.addr, size)
}

// pages returns where the first page of p starts and where its last one ends.
func (p mapping) pages() (start, end uint64) {
	start = p.addr &^ (pageSize - 1)
	end = (p.addr + p.size + pageSize - 1) &^ (pageSize - 1)
	if end < start {
		end = math.MaxUint64
	}
	return start, end
}

// replaces returns the addresses at which q puts other bytes than p, if it does.
func (q mapping) replaces(p mapping) (start, end uint64, differs bool) {
	if q.size == 0 {
		return 0, 0, false
	}
	start, end = q.pages()

	// If two segments share a page of the file, q puts the same bytes at the same addresses. Only the
	// zeros that follow them differ.
	if q.view.size > 0 && q.addr-q.view.off == p.addr-p.view.off {
		start = q.addr + q.view.size
		return start, end, q.size > q.view.size
	}
	return start, end, true
}
