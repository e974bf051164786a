package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/static"
)

const (
	tarBlock    = 512
	maxPAX      = 1 << 20   // bytes of an extended header, as in archive/tar
	maxOctal    = 8<<30 - 1 // the largest size that fits into its field
	maxSuspects = 64        // blocks ahead that some unpackers may read as a header
)

// tarBlocks follows a tar archive while archive/tar reads it, and fails where other
// unpackers would find members that archive/tar does not.
//
// They disagree about how much content a member has: whether a directory or a link with a
// size has any, whether a name that ends in a slash is a directory, whether the size in an
// extended header counts, how a damaged number is read. What matters is where each of them
// expects the next header. If there is a header that archive/tar takes for content, it
// depends on the unpacker which members the archive has.
type tarBlocks struct {
	r     io.Reader
	block [tarBlock]byte
	have  int   // bytes of block
	pos   int64 // of block
	err   error

	content  int64   // bytes of content and padding that are left
	suspects []int64 // where other unpackers may expect a header
	zeros    int     // blocks of zeros in a row
	ended    bool

	extended     bool  // an extended header is for the next member
	everExtended bool  // there was one
	records      int64 // bytes of extended records, or of a long name, that are left
	pax          []byte
	kind         byte // the type of the member that holds the records
	paxSize      int64
	paxName      string
	longName     string // of the next member, in the GNU format
	oldSparse    bool   // the next member has holes, in a form that not all unpackers know
	firstBlock   bool   // the first block of such a member comes next
	extension    bool   // a part of a list of holes comes next
}

func newTarBlocks(r io.Reader) *tarBlocks { return &tarBlocks{r: r, paxSize: -1} }

func (t *tarBlocks) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	t.follow(p[:n])
	if t.err != nil {
		return 0, t.err
	}
	return n, err
}

func (t *tarBlocks) follow(p []byte) {
	for len(p) > 0 && !t.ended && t.err == nil {
		// Most of an archive is content that no unpacker takes for a header.
		boring := t.content > 0 && t.have == 0 && t.records == 0 && len(t.suspects) == 0 && !t.firstBlock
		if boring {
			n := min(t.content, int64(len(p)))
			t.content -= n
			t.pos += n
			p = p[n:]
			continue
		}

		n := copy(t.block[t.have:], p)
		t.have += n
		p = p[n:]
		if t.have == tarBlock {
			t.err = t.next()
			t.have = 0
			t.pos += tarBlock
		}
	}
}

// next follows one block.
func (t *tarBlocks) next() error {
	suspect := slices.Index(t.suspects, t.pos)
	if suspect >= 0 {
		t.suspects = slices.Delete(t.suspects, suspect, suspect+1)
	}

	switch {
	case t.extension:
		t.extension = t.block[504] != 0 // "isextended"
	case t.content == 0:
		return t.header()
	default:
		t.content -= tarBlock
		if t.firstBlock && static.Known(t.block[:]) {
			return errors.New("an executable is stored with holes, in an old form that unpackers read differently")
		}
		t.firstBlock = false
		if t.records > 0 {
			n := min(t.records, tarBlock)
			t.pax = append(t.pax, t.block[:n]...)
			t.records -= n
			if t.records == 0 {
				return t.endRecords()
			}
		}
	}
	if suspect >= 0 && hasTarChecksum(t.block[:]) {
		return fmt.Errorf("the header of a member at 0x%x is the content of another one to some unpackers", t.pos)
	}
	return nil
}

// suspect records where an unpacker expects the next header if it takes the member to have
// that much content.
func (t *tarBlocks) suspect(content int64) error {
	if len(t.suspects) >= maxSuspects {
		return errors.New("unpackers disagree about the sizes of too many members")
	}
	t.suspects = append(t.suspects, t.pos+tarBlock+padded(content))
	return nil
}

func padded(size int64) int64 { return (size + tarBlock - 1) &^ (tarBlock - 1) }

// header looks at the header of a member.
func (t *tarBlocks) header() error {
	if bytes.Equal(t.block[:], make([]byte, tarBlock)) {
		t.zeros++
		t.ended = t.zeros == 2
		return nil
	}
	t.zeros = 0
	if !hasTarChecksum(t.block[:]) {
		t.ended = true // archive/tar reports it
		return nil
	}

	size, ok := tarNumber(t.block[124:136])
	if !ok {
		return fmt.Errorf("the size of a member is %q, which unpackers read differently", t.block[124:136])
	}
	typeflag := t.block[156]
	switch typeflag {
	case 'x', 'g', 'L', 'K':
		return t.beginRecords(typeflag, size)
	}
	defer t.forget()

	switch typeflag {
	case '1', '2', '3', '4', '5', '6':
		// archive/tar, Python and busybox take these to have no content. GNU tar and bsdtar
		// skip what a size says, bsdtar that of a hard link if there are extended headers.
		if size > 0 && (typeflag != '1' || t.everExtended) {
			return t.suspect(size)
		}
		if t.paxSize > 0 {
			return t.suspect(t.paxSize)
		}
		return nil
	case 'S':
		t.extension = t.block[482] != 0 // "isextended"
	}

	content := size
	if t.paxSize >= 0 {
		content = t.paxSize
	}
	t.content = padded(content)
	t.firstBlock = t.oldSparse && content > 0
	if content > 0 && (typeflag == 'V' || t.isSlashed()) {
		if err := t.suspect(0); err != nil {
			return err
		}
	}
	if content != size && content <= maxOctal {
		return t.suspect(size)
	}
	return nil
}

// isSlashed reports whether a name of the member ends in a slash, which is how old archives
// mark a directory.
func (t *tarBlocks) isSlashed() bool {
	if t.longName != "" {
		return strings.HasSuffix(t.longName, "/")
	}
	name, _, _ := bytes.Cut(t.block[:100], []byte{0})
	return len(name) == 0 || bytes.HasSuffix(name, []byte("/")) || strings.HasSuffix(t.paxName, "/")
}

// forget resets what extended headers said about the member.
func (t *tarBlocks) forget() {
	t.extended = false
	t.paxSize = -1
	t.paxName = ""
	t.longName = ""
	t.oldSparse = false
}

func (t *tarBlocks) beginRecords(typeflag byte, size int64) error {
	switch {
	case size > maxPAX:
		return fmt.Errorf("an extended header of %d bytes", size)
	case typeflag == 'x' && t.extended:
		return errors.New("two extended headers for one member, which unpackers read differently")
	}
	t.everExtended = t.everExtended || typeflag == 'x'
	t.extended = t.extended || typeflag == 'x'
	t.kind = typeflag
	t.content = padded(size)
	t.records = size
	t.pax = t.pax[:0]
	return nil
}

// endRecords reads the extended records, "LENGTH KEY=VALUE\n", that say where a member ends
// (POSIX, pax, "pax Extended Header"). archive/tar reports what else is wrong with them.
func (t *tarBlocks) endRecords() error {
	switch t.kind {
	case 'L':
		name, _, _ := bytes.Cut(t.pax, []byte{0})
		t.longName = string(name)
		return nil
	case 'K':
		return nil
	}

	sparse, version := false, ""
	for rest := t.pax; len(rest) > 0; {
		digits, _, ok := bytes.Cut(rest, []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits)+1 || length > len(rest) {
			return nil
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(string(rest[len(digits)+1:length]), "\n"), "=")
		rest = rest[length:]

		decides := key == "size" || strings.HasPrefix(key, "GNU.sparse.")
		switch {
		case decides && t.kind == 'g':
			return fmt.Errorf("an extended header sets %s for all members, which unpackers read differently", key)
		case key == "size":
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < 0 || strings.Trim(value, "0123456789") != "" {
				return fmt.Errorf("the size of a member is %q, which unpackers read differently", value)
			}
			t.paxSize = size
		case key == "path" && t.kind == 'x':
			t.paxName = value
		case key == "GNU.sparse.major":
			version = value
			sparse = true
		case decides:
			sparse = true
		}
	}
	if t.kind == 'x' {
		t.oldSparse = sparse && version != "1"
	}
	return nil
}

// tarNumber reads a number that all unpackers read alike: octal digits with spaces around
// them, or a binary number with a mark before it.
func tarNumber(field []byte) (int64, bool) {
	if field[0] == 0x80 {
		n := int64(0)
		for i, b := range field[1:] {
			if i < len(field)-9 && b != 0 || n > 1<<54 {
				return 0, false
			}
			n = n<<8 | int64(b)
		}
		return n, true
	}

	text := strings.TrimLeft(strings.TrimRight(string(field), " \x00"), " ")
	if text == "" {
		return 0, true
	}
	if end := strings.IndexAny(text, " \x00"); end >= 0 {
		text = text[:end] // archive/tar and all others ignore the rest
	}
	n, err := strconv.ParseUint(text, 8, 62)
	return int64(n), err == nil && strings.Trim(text, "01234567") == ""
}
