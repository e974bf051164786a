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
	tarBlockSize = 512
	maxPAX       = 1 << 20   // bytes of an extended header, as in archive/tar
	maxOctal     = 8<<30 - 1 // the largest size that fits into the field of a header
	maxSuspects  = 64        // offsets at which unpackers may expect a header
)

// A tarChecker passes a tar archive through to archive/tar. It fails where other unpackers
// would find members that archive/tar does not find.
//
// Unpackers disagree about how much content a member has: whether a directory or a link with a
// size has content, whether a name that ends in a slash is a directory, whether the size in an
// extended header counts, and how a damaged number is read. What matters is where each of them
// expects the next header. If archive/tar reads a header as content, the members of the archive
// depend on the unpacker.
type tarChecker struct {
	r   io.Reader
	err error

	block [tarBlockSize]byte
	have  int   // bytes of block that were read
	pos   int64 // offset of block

	content   int64   // bytes of content and padding that are left
	suspects  []int64 // offsets at which other unpackers may expect a header
	zeros     int     // consecutive blocks of zeros
	atEnd     bool    // the end of the archive was reached
	hadPAX    bool    // the archive has an extended header of type 'x'
	inOldMap  bool    // the next block continues the sparse map of an old GNU header
	checkHole bool    // the next block is the first of a sparse file that not all unpackers know

	// The extended header that is being read.
	recordsType byte // the type of the header
	recordsLeft int64
	records     []byte

	// What extended headers say about the next member.
	next extendedInfo
}

// An extendedInfo is what extended headers say about a member.
type extendedInfo struct {
	hasPAX   bool   // there is an extended header of type 'x'
	size     int64  // -1 if not given
	path     string // "" if not given
	longName string // a name in the GNU format, "" if not given
	isSparse bool   // the member is sparse, in a format that not all unpackers know
}

// noExtendedInfo is for a member without extended headers.
var noExtendedInfo = extendedInfo{size: -1}

func newTarChecker(r io.Reader) *tarChecker {
	return &tarChecker{r: r, next: noExtendedInfo}
}

func (t *tarChecker) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}

	n, err := t.r.Read(p)
	t.check(p[:n])
	if t.err != nil {
		return 0, t.err
	}
	return n, err
}

// check checks the next bytes of the archive.
func (t *tarChecker) check(p []byte) {
	for len(p) > 0 && !t.atEnd && t.err == nil {
		// Skip content that no unpacker takes for a header, which is most of an archive.
		isInContent := t.have == 0 && t.content > 0 && !t.inOldMap
		if isInContent && t.recordsLeft == 0 && len(t.suspects) == 0 && !t.checkHole {
			n := min(t.content, int64(len(p)))
			t.content -= n
			t.pos += n
			p = p[n:]
			continue
		}

		n := copy(t.block[t.have:], p)
		t.have += n
		p = p[n:]
		if t.have == tarBlockSize {
			t.err = t.checkBlock()
			t.have = 0
			t.pos += tarBlockSize
		}
	}
}

// checkBlock checks one block.
func (t *tarChecker) checkBlock() error {
	suspect := slices.Index(t.suspects, t.pos)
	if suspect >= 0 {
		t.suspects = slices.Delete(t.suspects, suspect, suspect+1)
	}

	switch {
	case t.inOldMap:
		t.inOldMap = t.block[504] != 0 // the field isextended
	case t.content == 0:
		return t.checkHeader()
	default:
		t.content -= tarBlockSize

		if t.checkHole && static.Known(t.block[:]) {
			return errors.New("an executable is stored with holes, in an old format that unpackers read differently")
		}
		t.checkHole = false

		if t.recordsLeft > 0 {
			n := min(t.recordsLeft, tarBlockSize)
			t.records = append(t.records, t.block[:n]...)
			t.recordsLeft -= n
			if t.recordsLeft == 0 {
				return t.endRecords()
			}
		}
	}

	if suspect >= 0 && hasTarChecksum(t.block[:]) {
		return fmt.Errorf("the member header at 0x%x is content of another member to some unpackers", t.pos)
	}
	return nil
}

// addSuspect records the offset at which an unpacker expects the next header, if it takes the
// current member to have so many bytes of content.
func (t *tarChecker) addSuspect(content int64) error {
	if len(t.suspects) >= maxSuspects {
		return errors.New("too many members whose sizes unpackers read differently")
	}
	t.suspects = append(t.suspects, t.pos+tarBlockSize+padded(content))
	return nil
}

// padded returns a size rounded up to whole blocks.
func padded(size int64) int64 { return (size + tarBlockSize - 1) &^ (tarBlockSize - 1) }

// checkHeader checks the header of a member.
func (t *tarChecker) checkHeader() error {
	if t.block == [tarBlockSize]byte{} {
		t.zeros++
		t.atEnd = t.zeros == 2
		return nil
	}
	t.zeros = 0
	if !hasTarChecksum(t.block[:]) {
		t.atEnd = true // archive/tar reports the error
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

	info := t.next
	t.next = noExtendedInfo

	switch typeflag {
	case '1', '2', '3', '4', '5', '6':
		return t.checkSpecial(typeflag, size, info)
	case 'S':
		t.inOldMap = t.block[482] != 0 // the field isextended
	}

	content := size
	if info.size >= 0 {
		content = info.size
	}
	t.content = padded(content)
	t.checkHole = info.isSparse && content > 0

	if content > 0 && (typeflag == 'V' || t.mayBeDirectory(info)) {
		if err := t.addSuspect(0); err != nil {
			return err
		}
	}
	if content != size && content <= maxOctal {
		return t.addSuspect(size)
	}
	return nil
}

// checkSpecial checks the header of a link, a device, a directory or a pipe. To archive/tar,
// Python and busybox these have no content. GNU tar and bsdtar skip as many bytes as the size
// says. For a hard link bsdtar does so only if the archive has extended headers.
func (t *tarChecker) checkSpecial(typeflag byte, size int64, info extendedInfo) error {
	isHardLink := typeflag == '1'
	switch {
	case size > 0 && (!isHardLink || t.hadPAX):
		return t.addSuspect(size)
	case info.size > 0:
		return t.addSuspect(info.size)
	}
	return nil
}

// mayBeDirectory reports whether a name of the member ends in a slash, which marks directories
// in old archives.
func (t *tarChecker) mayBeDirectory(info extendedInfo) bool {
	if info.longName != "" {
		return strings.HasSuffix(info.longName, "/")
	}

	name, _, _ := bytes.Cut(t.block[:100], []byte{0})
	return len(name) == 0 || bytes.HasSuffix(name, []byte("/")) || strings.HasSuffix(info.path, "/")
}

// beginRecords begins to read an extended header, or a long name in the GNU format.
func (t *tarChecker) beginRecords(typeflag byte, size int64) error {
	isPAX := typeflag == 'x'
	switch {
	case size > maxPAX:
		return fmt.Errorf("extended header of %d bytes is too large", size)
	case isPAX && t.next.hasPAX:
		return errors.New("two extended headers for one member, which unpackers read differently")
	}

	t.hadPAX = t.hadPAX || isPAX
	t.next.hasPAX = t.next.hasPAX || isPAX
	t.content = padded(size)
	t.recordsType = typeflag
	t.recordsLeft = size
	t.records = t.records[:0]
	return nil
}

// endRecords is called when an extended header was read.
func (t *tarChecker) endRecords() error {
	switch t.recordsType {
	case 'K': // the target of a link
		return nil
	case 'L':
		name, _, _ := bytes.Cut(t.records, []byte{0})
		t.next.longName = string(name)
		return nil
	default:
		return t.parsePAX()
	}
}

// parsePAX parses those records of an extended header that say where a member ends. A record
// has the form "LENGTH KEY=VALUE\n" (POSIX, pax, "pax Extended Header"). Other errors in the
// records are left to archive/tar.
func (t *tarChecker) parsePAX() error {
	isGlobal := t.recordsType == 'g'
	isSparse := false
	sparseVersion := ""

	for rest := t.records; len(rest) > 0; {
		digits, _, ok := bytes.Cut(rest, []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits)+1 || length > len(rest) {
			return nil
		}
		record := strings.TrimSuffix(string(rest[len(digits)+1:length]), "\n")
		key, value, _ := strings.Cut(record, "=")
		rest = rest[length:]

		changesSize := key == "size" || strings.HasPrefix(key, "GNU.sparse.")
		switch {
		case changesSize && isGlobal:
			return fmt.Errorf("an extended header sets %s for all members, which unpackers read differently", key)
		case key == "size":
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < 0 || strings.Trim(value, "0123456789") != "" {
				return fmt.Errorf("the size of a member is %q, which unpackers read differently", value)
			}
			t.next.size = size
		case key == "path" && !isGlobal:
			t.next.path = value
		case key == "GNU.sparse.major":
			isSparse = true
			sparseVersion = value
		case changesSize:
			isSparse = true
		}
	}

	if !isGlobal {
		t.next.isSparse = isSparse && sparseVersion != "1"
	}
	return nil
}

// tarNumber parses a number in a tar header. It accepts only what all unpackers read in the
// same way: octal digits, possibly between spaces, or a marked binary number.
func tarNumber(field []byte) (int64, bool) {
	if field[0] == 0x80 {
		return tarBinaryNumber(field[1:])
	}

	text := strings.TrimRight(string(field), " \x00")
	text = strings.TrimLeft(text, " ")
	if text == "" {
		return 0, true
	}
	if end := strings.IndexAny(text, " \x00"); end >= 0 {
		text = text[:end] // all unpackers ignore the rest
	}

	n, err := strconv.ParseUint(text, 8, 62)
	if err != nil || strings.Trim(text, "01234567") != "" {
		return 0, false
	}
	return int64(n), true
}

// tarBinaryNumber parses a big-endian number. It must be far below 1<<63.
func tarBinaryNumber(field []byte) (int64, bool) {
	n := int64(0)
	for i, b := range field {
		isHigh := i < len(field)-8
		if isHigh && b != 0 || n > 1<<54 {
			return 0, false
		}
		n = n<<8 | int64(b)
	}
	return n, true
}
