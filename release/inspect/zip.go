package inspect

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/flate"
)

// The records of a zip archive that are looked for, and their lengths (APPNOTE.TXT, 4.3).
const (
	zipLocal     = "PK\x03\x04" // before the content of each member
	zipDirectory = "PK\x01\x02" // one for each member, all in a row
	zipEndMagic  = "PK\x05\x06"
	zip64End     = "PK\x06\x06"
	zip64Locator = "PK\x06\x07"
	zipDataEnd   = "PK\x07\x08" // behind a member whose sizes were not known before

	zipLocalLen   = 30
	zipEndLen     = 22
	zip64EndLen   = 56
	zipLocatorLen = 20

	zipTail    = 1<<16 - 1 + zipEndLen // where the end record is: a comment may be behind it
	maxZipEnds = 16                    // of one file

	zipEncrypted   = 1 | 1<<6 | 1<<13 // flags of a member
	zipSizesBehind = 1 << 3
	zipUnknown     = math.MaxUint32 // a size that is in another field
)

// beginsAsZip reports whether a file begins with a member of a zip archive. There may be a
// mark before it, from when archives were split over several disks.
func beginsAsZip(head []byte) bool {
	for _, mark := range []string{"", zipDataEnd, "PK00"} {
		if bytes.HasPrefix(head, []byte(mark+zipLocal)) {
			return true
		}
	}
	return false
}

// A zipEnd is an end record and the directory that it leads to.
type zipEnd struct {
	pos       int64 // of the record
	directory int64 // offset of the directory
	base      int64 // length of what precedes the archive, by its own account
}

// isTarMember reports whether the archive is the last member of a tar archive, as which it
// is inspected.
func (e zipEnd) isTarMember(f io.ReaderAt) bool {
	head := make([]byte, headSize)
	if e.base < headSize {
		return false
	}
	if _, err := f.ReadAt(head, e.base-headSize); err != nil || !hasTarChecksum(head) {
		return false
	}
	length, ok := tarNumber(head[124:136])
	return ok && e.pos < e.base+length
}

// zipEnds returns the end records that lead to a directory with at least one member. Most
// unpackers take the last record, whatever the length of its comment; others do not.
func (in inspection) zipEnds(f io.ReaderAt, size int64) ([]zipEnd, error) {
	tail := in.probe.tail[:min(size, zipTail)]
	start := size - int64(len(tail))
	if n, err := f.ReadAt(tail, start); n < len(tail) {
		return nil, err
	}

	var places []int
	for at := 0; ; {
		i := bytes.Index(tail[at:], []byte(zipEndMagic))
		if i < 0 {
			break
		}

		places = append(places, at+i)
		at += i + len(zipEndMagic)
	}

	var ends []zipEnd
	for _, i := range slices.Backward(places) {
		if len(tail)-i < zipEndLen {
			continue
		}
		found, err := readZipEnd(f, start+int64(i), tail[i:i+zipEndLen])
		if err != nil {
			return nil, err
		}
		for _, end := range found {
			isSame := func(e zipEnd) bool { return e.directory == end.directory && e.base == end.base }
			if !slices.ContainsFunc(ends, isSame) {
				ends = append(ends, end)
			}
		}
		if len(ends) > maxZipEnds {
			return nil, errors.New("more ends of a zip archive than can be inspected")
		}
	}
	return ends, nil
}

// readZipEnd returns the directories that an end record leads to. A directory is right
// before the record, where its size says, or at the offset that the record gives, which is
// wrong if something precedes the archive. A zip64 record counts too, needed or not.
func readZipEnd(f io.ReaderAt, pos int64, record []byte) ([]zipEnd, error) {
	le := binary.LittleEndian
	type directory struct{ end, size, offset int64 }
	places := []directory{{pos, int64(le.Uint32(record[12:])), int64(le.Uint32(record[16:]))}}

	if at := pos - zipLocatorLen - zip64EndLen; at >= 0 {
		large := make([]byte, zip64EndLen+zipLocatorLen)
		if _, err := f.ReadAt(large, at); err != nil {
			return nil, err
		}
		if string(large[:4]) == zip64End && string(large[zip64EndLen:][:4]) == zip64Locator {
			if places[0].size == zipUnknown || places[0].offset == zipUnknown {
				places = nil // it refers to this one
			}
			places = append(places, directory{at, int64(le.Uint64(large[40:])), int64(le.Uint64(large[48:]))})
		}
	}

	var ends []zipEnd
	for _, d := range places {
		for _, start := range []int64{d.end - d.size, d.offset} {
			if start < 0 || start > d.end-int64(len(zipDirectory)) {
				continue
			}
			magic := make([]byte, len(zipDirectory))
			if _, err := f.ReadAt(magic, start); err != nil {
				return nil, err
			}
			end := zipEnd{pos, start, start - d.offset}
			if string(magic) == zipDirectory && !slices.Contains(ends, end) {
				ends = append(ends, end)
			}
		}
	}
	return ends, nil
}

// readZip reads a zip archive.
func readZip(in inspection, path string, f io.ReaderAt, size int64) error {
	ends, err := in.zipEnds(f, size)
	if err != nil {
		return at(path, err)
	}
	if len(ends) == 0 {
		return in.emptyZip(path, f, size)
	}

	var errs []error
	var members []zipMember
	for i, end := range ends {
		if i > 0 && end.pos == ends[i-1].pos {
			// Which one is read depends on the unpacker.
			err := fmt.Errorf("two directories of a zip archive, at 0x%x and at 0x%x", ends[i-1].directory, end.directory)
			errs = append(errs, at(path, err))
			continue
		}
		// An end in a member is that of an archive in the archive.
		isInside := func(m zipMember) bool { return m.content <= end.pos && end.pos < m.end() }
		if slices.ContainsFunc(members, isInside) {
			continue
		}
		found, err := in.zipFrom(path, f, end)
		if in.over(err) {
			return err
		}
		if i < len(ends)-1 {
			members = append(members, found...)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// emptyZip is an error unless f is a zip archive without members.
func (in inspection) emptyZip(path string, f io.ReaderAt, size int64) error {
	zr, err := zip.NewReader(&limitedAt{in.ctx, f, maxDirectory}, size)
	if err == nil && len(zr.File) > 0 {
		err = errors.New("the directory of a zip archive is not where its end says")
	}
	if err != nil {
		return at(path, err)
	}

	var head [8]byte
	n, err := f.ReadAt(head[:], 0)
	if err := ignoreEOF(err); err != nil {
		return at(path, err)
	}
	if beginsAsZip(head[:n]) {
		return at(path, errors.New("a member that is not in the directory of the zip archive"))
	}
	return nil
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// A zipView is a file that ends after one end record, without its comment, so that
// archive/zip finds no other. It remembers the offset of the last read, because archive/zip
// does not tell where the header of a member is.
//
// Most reads are of a few bytes next to one another, so a window of the file is kept.
type zipView struct {
	f    io.ReaderAt
	end  int64 // of the record
	last int64

	window   []byte
	windowAt int64 // where the window begins

	header []byte // of a member, a buffer
}

// zipWindow is how many bytes of the file a zipView keeps.
const zipWindow = 8 << 10

func (v *zipView) ReadAt(p []byte, off int64) (int, error) {
	v.last = off
	if len(p) > zipWindow/2 {
		return v.read(p, off)
	}

	inWindow := off >= v.windowAt && off+int64(len(p)) <= v.windowAt+int64(len(v.window))
	if !inWindow {
		if v.window == nil {
			v.window = make([]byte, zipWindow)
		}
		n, err := v.read(v.window[:zipWindow], off)
		v.window = v.window[:n]
		v.windowAt = off
		if n < len(p) {
			return copy(p, v.window), err
		}
	}

	return copy(p, v.window[off-v.windowAt:]), nil
}

// read reads the file itself.
func (v *zipView) read(p []byte, off int64) (int, error) {
	if off >= v.end {
		return 0, io.EOF
	}
	short := int64(len(p)) > v.end-off
	if short {
		p = p[:v.end-off]
	}

	n, err := v.f.ReadAt(p, off)
	for i := max(v.end-2-off, 0); i < int64(n); i++ {
		p[i] = 0 // the length of the comment
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// A zipMember is a member of a zip archive as its directory and the header before its
// content describe it.
type zipMember struct {
	*zip.File
	start, content int64 // of the header and of what is behind it
	sizesBehind    bool
}

func (m zipMember) end() int64 { return m.content + int64(m.CompressedSize64) }

// zipFrom reads the zip archive that an end record leads to, and returns its members.
func (in inspection) zipFrom(path string, f io.ReaderAt, end zipEnd) ([]zipMember, error) {
	view := &zipView{f: f, end: end.pos + zipEndLen}
	r := &limitedAt{in.ctx, view, maxDirectory} // all of the directory is held in memory, with any number of members
	zr, err := zip.NewReader(r, view.end)
	if errors.Is(err, errLimit) {
		err = errors.New("more members than can be inspected")
	}
	if err == nil && len(zr.File) == 0 {
		err = errors.New("unpackers disagree about where the directory of the zip archive is")
	}
	if err != nil {
		return nil, at(path, err)
	}
	r.left = math.MaxInt64

	members := make([]zipMember, 0, len(zr.File))
	for _, file := range zr.File {
		if in.ctx.Err() != nil {
			return nil, context.Cause(in.ctx)
		}
		member, err := locateMember(file, view, end)
		if err != nil {
			return nil, at(path+"!"+file.Name, err)
		}
		members = append(members, member)
	}
	if err := in.checkGaps(members, f, end); err != nil {
		return nil, at(path, err)
	}

	for _, member := range members {
		if in.ctx.Err() != nil {
			return nil, context.Cause(in.ctx)
		}
		if err := in.zipped(path, member, f); err != nil {
			return members, err
		}
	}
	return members, nil
}

// locateMember reads the header before the content of a member. It must say the same as the
// directory, because unpackers that read from start to end only know the header.
func locateMember(file *zip.File, view *zipView, end zipEnd) (zipMember, error) {
	content, err := file.DataOffset()
	if err != nil {
		return zipMember{}, err
	}
	m := zipMember{File: file, start: view.last, content: content}
	if file.CompressedSize64 > uint64(end.directory) || m.end() > end.directory {
		return zipMember{}, errors.New("its content reaches into the directory of the zip archive")
	}

	view.header = slices.Grow(view.header[:0], int(content-m.start))
	header := view.header[:content-m.start]
	if _, err := view.ReadAt(header, m.start); err != nil {
		return zipMember{}, err
	}
	le := binary.LittleEndian
	flags := le.Uint16(header[6:])
	method := le.Uint16(header[8:])
	m.sizesBehind = flags&zipSizesBehind != 0

	empty := file.UncompressedSize64 == 0
	switch {
	case (flags|file.Flags)&zipEncrypted != 0 && !empty:
		return zipMember{}, errors.New("it is encrypted, so its content cannot be inspected")
	case method != file.Method && !empty:
		return zipMember{}, fmt.Errorf("its header says compression method %d, and the directory says %d",
			method, file.Method)
	}

	compressed, unpacked := localSizes(header)
	if m.sizesBehind && compressed == 0 {
		compressed = file.CompressedSize64
	}
	if m.sizesBehind && unpacked == 0 { // macOS knows this one before the other
		unpacked = file.UncompressedSize64
	}
	if compressed != file.CompressedSize64 || unpacked != file.UncompressedSize64 {
		return zipMember{}, fmt.Errorf("its header says %d bytes, compressed %d, and the directory says %d, compressed %d",
			unpacked, compressed, file.UncompressedSize64, file.CompressedSize64)
	}
	return m, nil
}

// localSizes returns the sizes in the header of a member. Sizes that do not fit are in an
// extra field, the unpacked size first.
func localSizes(header []byte) (compressed, unpacked uint64) {
	le := binary.LittleEndian
	compressed = uint64(le.Uint32(header[18:]))
	unpacked = uint64(le.Uint32(header[22:]))

	extra := header[zipLocalLen+int(le.Uint16(header[26:])):]
	for len(extra) >= 4 {
		tag := le.Uint16(extra)
		length := int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if length > len(extra) {
			break
		}
		field := extra[:length]
		extra = extra[length:]
		if tag != 1 {
			continue
		}
		if unpacked == zipUnknown && len(field) >= 8 {
			unpacked = le.Uint64(field)
			field = field[8:]
		}
		if compressed == zipUnknown && len(field) >= 8 {
			compressed = le.Uint64(field)
		}
		break
	}
	return compressed, unpacked
}

// checkGaps fails if two members overlap, or if there is a member before or between them
// that is not in the directory. Unpackers that read from start to end would make a file of
// it.
func (in inspection) checkGaps(members []zipMember, f io.ReaderAt, end zipEnd) error {
	type extent struct{ start, end int64 }
	ordered := make([]extent, len(members))
	for i, m := range members {
		ordered[i] = extent{m.start, m.end()}
	}
	slices.SortFunc(ordered, func(a, b extent) int { return cmp.Compare(a.start, b.start) })

	head := make([]byte, 8)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	streamed := beginsAsZip(head[:n])

	before := int64(0)
	for i := range len(ordered) + 1 {
		start := end.directory
		if i < len(ordered) {
			start = ordered[i].start
		}
		if start < before {
			return fmt.Errorf("members of a zip archive overlap at 0x%x", start)
		}
		found, err := in.hiddenMember(f, before, start, streamed)
		if err != nil {
			return err
		}
		if found >= 0 {
			return fmt.Errorf("a member at 0x%x that is not in the directory of the zip archive", found)
		}
		if i < len(ordered) {
			before = ordered[i].end
		}
	}
	return nil
}

// hiddenMember returns the offset of a member between two offsets, -1 if there is none. In
// a file that begins as an archive, the magic is enough for some unpackers (bsdtar). In any
// other file they want a whole header (7-Zip), and a program that unpacks itself may contain
// the magic.
func (in inspection) hiddenMember(f io.ReaderAt, from, to int64, streamed bool) (int64, error) {
	for {
		found, err := in.indexAt(f, from, to, []byte(zipLocal))
		if err != nil || found < 0 || streamed {
			return found, err
		}
		var header [zipLocalLen]byte
		n, err := f.ReadAt(header[:], found)
		if err != nil && err != io.EOF {
			return 0, err
		}
		version := binary.LittleEndian.Uint16(header[4:]) & 0xff // the rest is a system
		method := binary.LittleEndian.Uint16(header[8:])
		nameLength := binary.LittleEndian.Uint16(header[26:])
		if n == len(header) && version < 100 && method < 100 && nameLength > 0 && nameLength <= maxName {
			return found, nil
		}
		from = found + int64(len(zipLocal))
	}
}

// indexAt returns the offset of a short text between two offsets of a file, or -1.
func (in inspection) indexAt(f io.ReaderAt, from, to int64, text []byte) (int64, error) {
	if to-from < int64(len(text)) {
		return -1, nil
	}
	buf := in.probe.tail[:]
	for {
		part := buf[:min(int64(len(buf)), to-from)]
		if n, err := f.ReadAt(part, from); n < len(part) {
			return 0, err
		}
		if i := bytes.Index(part, text); i >= 0 {
			return from + int64(i), nil
		}
		if from+int64(len(part)) == to {
			return -1, nil
		}
		from += int64(len(part) - len(text) + 1)
	}
}

// zipped inspects a member. Its name and mode do not matter: some unpackers make a file of a
// directory or a link that has content.
func (in inspection) zipped(path string, member zipMember, f io.ReaderAt) error {
	var hidden int64 = -1
	if member.sizesBehind {
		var err error
		hidden, err = in.indexAt(f, member.content, member.end(), []byte(zipLocal))
		if err != nil {
			return at(path+"!"+member.Name, err)
		}
	}
	if hidden < 0 && in.probe.nothingZipped(member.File) {
		return nil
	}

	r, err := member.open(f)
	if err != nil {
		return at(path+"!"+member.Name, err)
	}
	if _, err := in.member(path, member.Name, r, pass{}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in.limit(r)); err != nil {
		return at(path+"!"+member.Name, err)
	}

	if hidden >= 0 && member.Method == zip.Store {
		return in.checkStored(path+"!"+member.Name, member, f)
	}
	return nil
}

// checkStored fails if an unpacker that reads from start to end could end the content of a
// stored member too early. The size of such a member follows its content, so the unpacker
// looks for the record that has it.
func (in inspection) checkStored(path string, member zipMember, f io.ReaderAt) error {
	record := make([]byte, 16)
	for from := member.content; ; {
		found, err := in.indexAt(f, from, member.end(), []byte(zipDataEnd))
		if err != nil {
			return at(path, err)
		}
		if found < 0 || found+int64(len(record)) > member.end() {
			return nil
		}
		if _, err := f.ReadAt(record, found); err != nil {
			return at(path, err)
		}
		if int64(binary.LittleEndian.Uint32(record[8:])) == (found-member.content)&math.MaxUint32 {
			return at(path, fmt.Errorf("it may end at 0x%x, before its size says", found))
		}
		if in.ctx.Err() != nil {
			return context.Cause(in.ctx)
		}
		from = found + int64(len(zipDataEnd))
	}
}

// open unpacks a member, whatever its name. Reading to the end fails unless the content has
// the size and the checksum of the directory, and nothing follows it.
func (m zipMember) open(f io.ReaderAt) (io.Reader, error) {
	raw := bufio.NewReader(io.NewSectionReader(f, m.content, int64(m.CompressedSize64)))
	unpacked := &zipContent{raw: raw, left: m.UncompressedSize64, want: m.CRC32, sum: crc32.NewIEEE()}
	switch m.Method {
	case zip.Store:
		unpacked.r = raw
	case zip.Deflate:
		unpacked.r = flate.NewReader(raw) // reads no byte more than it needs
	default:
		return nil, zip.ErrAlgorithm
	}
	return unpacked, nil
}

// A zipContent checks the content of a member while it is read.
type zipContent struct {
	r    io.Reader
	raw  *bufio.Reader
	left uint64
	want uint32
	sum  hash.Hash32
}

func (c *zipContent) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if uint64(n) > c.left {
		return 0, errors.New("it is longer than the directory of the zip archive says")
	}
	c.left -= uint64(n)
	c.sum.Write(p[:n])
	if err != io.EOF {
		return n, err
	}

	switch _, rest := c.raw.ReadByte(); {
	case c.left > 0:
		return n, io.ErrUnexpectedEOF
	case c.sum.Sum32() != c.want:
		return n, zip.ErrChecksum
	case rest == nil:
		return n, errors.New("its content ends before its size in the zip archive says")
	case rest != io.EOF:
		return n, rest
	}
	return n, io.EOF
}
