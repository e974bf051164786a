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

const (
	// Records of a zip archive (APPNOTE.TXT, 4.3).
	zipLocalMagic      = "PK\x03\x04" // local header, before the content of a member
	zipDirectoryMagic  = "PK\x01\x02" // entry of the central directory
	zipEndMagic        = "PK\x05\x06" // end record, after the central directory
	zip64EndMagic      = "PK\x06\x06"
	zip64LocatorMagic  = "PK\x06\x07"
	zipDescriptorMagic = "PK\x07\x08" // after the content, if its size was not known before

	// The lengths of these records, not counting parts of variable length.
	zipLocalLen     = 30
	zipEndLen       = 22
	zip64EndLen     = 56
	zip64LocatorLen = 20

	// zipTailLen is the number of bytes at the end of a file in which unpackers look for the
	// end record. It may be followed by a comment.
	zipTailLen = 1<<16 - 1 + zipEndLen

	maxZipEnds = 16 // end records of one file

	// Flags of a member.
	zipEncrypted     = 1 | 1<<6 | 1<<13
	zipHasDescriptor = 1 << 3

	// zipIn64 replaces a size or an offset that is stored in a 64-bit field elsewhere.
	zipIn64 = math.MaxUint32
)

// beginsAsZip reports whether a file begins with a member of a zip archive. A marker may
// precede it, from when archives were split over several disks.
func beginsAsZip(head []byte) bool {
	for _, marker := range []string{"", zipDescriptorMagic, "PK00"} {
		if bytes.HasPrefix(head, []byte(marker+zipLocalMagic)) {
			return true
		}
	}
	return false
}

// A zipEnd is an end record and a central directory that it leads to.
type zipEnd struct {
	pos       int64 // offset of the end record
	directory int64 // offset of the directory
	base      int64 // number of bytes before the archive, according to the archive itself
}

// isTarMember reports whether the archive is the last member of a tar archive. If so, it is
// inspected as that member.
func (e zipEnd) isTarMember(f io.ReaderAt) bool {
	if e.base < headSize {
		return false
	}

	head := make([]byte, headSize)
	if _, err := f.ReadAt(head, e.base-headSize); err != nil || !hasTarChecksum(head) {
		return false
	}
	length, ok := tarNumber(head[124:136])
	return ok && e.pos < e.base+length
}

// zipEnds returns the end records that lead to a directory with at least one member, the last
// one first. Most unpackers use the last one, even if its comment has the wrong length, but
// some do not.
func (in inspection) zipEnds(f io.ReaderAt, size int64) ([]zipEnd, error) {
	tail := in.probe.tail[:min(size, zipTailLen)]
	start := size - int64(len(tail))
	if n, err := f.ReadAt(tail, start); n < len(tail) {
		return nil, err
	}

	var offsets []int // of end records in tail
	for from := 0; ; {
		i := bytes.Index(tail[from:], []byte(zipEndMagic))
		if i < 0 {
			break
		}
		offsets = append(offsets, from+i)
		from += i + len(zipEndMagic)
	}

	var ends []zipEnd
	for _, off := range slices.Backward(offsets) {
		if len(tail)-off < zipEndLen {
			continue
		}

		found, err := readZipEnd(f, start+int64(off), tail[off:off+zipEndLen])
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
			return nil, errors.New("too many end records of zip archives")
		}
	}
	return ends, nil
}

// A zipPointer is what an end record says about the position of the directory.
type zipPointer struct {
	end    int64 // the offset of the record itself, where the directory should end
	size   int64 // of the directory
	offset int64 // of the directory, from the start of the archive
}

// readZipEnd returns the directories that the end record at offset pos leads to.
//
// Some unpackers look for a directory right before the record, at the distance given by its
// size. Others use the offset, which is wrong if something precedes the archive. A zip64 record
// is considered even if it is not needed, because some unpackers do so.
func readZipEnd(f io.ReaderAt, pos int64, record []byte) ([]zipEnd, error) {
	le := binary.LittleEndian
	pointers := []zipPointer{{
		end:    pos,
		size:   int64(le.Uint32(record[12:])),
		offset: int64(le.Uint32(record[16:])),
	}}

	large, err := readZip64End(f, pos)
	if err != nil {
		return nil, err
	}
	if large != nil {
		if pointers[0].size == zipIn64 || pointers[0].offset == zipIn64 {
			pointers = nil // refers to the zip64 record
		}
		pointers = append(pointers, *large)
	}

	var ends []zipEnd
	for _, p := range pointers {
		for _, start := range []int64{p.end - p.size, p.offset} {
			if start < 0 || start > p.end-int64(len(zipDirectoryMagic)) {
				continue
			}
			magic := make([]byte, len(zipDirectoryMagic))
			if _, err := f.ReadAt(magic, start); err != nil {
				return nil, err
			}

			end := zipEnd{pos: pos, directory: start, base: start - p.offset}
			if string(magic) == zipDirectoryMagic && !slices.Contains(ends, end) {
				ends = append(ends, end)
			}
		}
	}
	return ends, nil
}

// readZip64End reads the zip64 record that may precede the end record at offset pos, together
// with its locator. It returns nil if there is none.
func readZip64End(f io.ReaderAt, pos int64) (*zipPointer, error) {
	start := pos - zip64LocatorLen - zip64EndLen
	if start < 0 {
		return nil, nil
	}

	record := make([]byte, zip64EndLen+zip64LocatorLen)
	if _, err := f.ReadAt(record, start); err != nil {
		return nil, err
	}
	locator := record[zip64EndLen:]
	if string(record[:4]) != zip64EndMagic || string(locator[:4]) != zip64LocatorMagic {
		return nil, nil
	}

	le := binary.LittleEndian
	return &zipPointer{
		end:    start,
		size:   int64(le.Uint64(record[40:])),
		offset: int64(le.Uint64(record[48:])),
	}, nil
}

// readZip inspects a zip archive.
func readZip(in inspection, path string, f io.ReaderAt, size int64) error {
	ends, err := in.zipEnds(f, size)
	if err != nil {
		return errorAt(path, err)
	}
	if len(ends) == 0 {
		return in.checkEmptyZip(path, f, size)
	}

	var errs []error
	var members []zipMember
	for i, end := range ends {
		// Unpackers choose different directories.
		if i > 0 && end.pos == ends[i-1].pos {
			err := fmt.Errorf("two directories in one zip archive, at 0x%x and at 0x%x",
				ends[i-1].directory, end.directory)
			errs = append(errs, errorAt(path, err))
			continue
		}

		// An end record inside a member belongs to an archive inside the archive.
		isInside := func(m zipMember) bool { return m.content <= end.pos && end.pos < m.end() }
		if slices.ContainsFunc(members, isInside) {
			continue
		}

		found, err := in.readZipAt(path, f, end)
		if in.isFatal(err) {
			return err
		}
		errs = append(errs, err)

		isLast := i == len(ends)-1
		if !isLast { // members take memory
			members = append(members, found...)
		}
	}
	return errors.Join(errs...)
}

// checkEmptyZip returns an error unless f is a zip archive without members.
func (in inspection) checkEmptyZip(path string, f io.ReaderAt, size int64) error {
	limited := &limitedReaderAt{ctx: in.ctx, r: f, left: maxDirectory}
	zr, err := zip.NewReader(limited, size)
	if err != nil {
		return errorAt(path, err)
	}
	if len(zr.File) > 0 {
		return errorAt(path, errors.New("the end record of the zip archive does not lead to its directory"))
	}

	var head [8]byte
	n, err := f.ReadAt(head[:], 0)
	if err := ignoreEOF(err); err != nil {
		return errorAt(path, err)
	}
	if beginsAsZip(head[:n]) {
		return errorAt(path, errors.New("member at 0x0 is not in the directory of the zip archive"))
	}
	return nil
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// A zipView is a file that ends after one end record, without its comment, so that archive/zip
// finds no other end record. It remembers the offset of the last read, because archive/zip
// does not say where the local header of a member is.
//
// Most reads are of a few bytes close to each other, so a part of the file is kept in memory.
type zipView struct {
	f    io.ReaderAt
	end  int64 // of the end record
	last int64 // offset of the last read

	window   []byte
	windowAt int64 // offset of window

	header []byte // reused for local headers
}

// zipWindowLen is the length of the window of a zipView.
const zipWindowLen = 8 << 10

func (v *zipView) ReadAt(p []byte, off int64) (int, error) {
	v.last = off
	if len(p) > zipWindowLen/2 {
		return v.readFile(p, off)
	}

	isInWindow := off >= v.windowAt && off+int64(len(p)) <= v.windowAt+int64(len(v.window))
	if !isInWindow {
		if v.window == nil {
			v.window = make([]byte, zipWindowLen)
		}
		n, err := v.readFile(v.window[:zipWindowLen], off)
		v.window = v.window[:n]
		v.windowAt = off
		if n < len(p) {
			return copy(p, v.window), err
		}
	}

	return copy(p, v.window[off-v.windowAt:]), nil
}

// readFile reads from the file instead of the window.
func (v *zipView) readFile(p []byte, off int64) (int, error) {
	if off >= v.end {
		return 0, io.EOF
	}
	isShort := int64(len(p)) > v.end-off
	if isShort {
		p = p[:v.end-off]
	}

	n, err := v.f.ReadAt(p, off)

	// The last two bytes are the length of the comment.
	for i := max(v.end-2-off, 0); i < int64(n); i++ {
		p[i] = 0
	}
	if err == nil && isShort {
		err = io.EOF
	}
	return n, err
}

// A zipMember is a member of a zip archive, as its entry in the directory and its local header
// describe it.
type zipMember struct {
	*zip.File
	start         int64 // offset of the local header
	content       int64 // offset of the content
	hasDescriptor bool  // the sizes follow the content
}

// end returns the offset of the end of the content.
func (m zipMember) end() int64 { return m.content + int64(m.CompressedSize64) }

// readZipAt inspects the zip archive that an end record leads to, and returns its members.
func (in inspection) readZipAt(path string, f io.ReaderAt, end zipEnd) ([]zipMember, error) {
	// archive/zip holds the whole directory in memory, whatever number of members it has.
	view := &zipView{f: f, end: end.pos + zipEndLen}
	limited := &limitedReaderAt{ctx: in.ctx, r: view, left: maxDirectory}
	zr, err := zip.NewReader(limited, view.end)
	switch {
	case errors.Is(err, errLimit):
		err = errors.New("too many members in a zip archive")
	case err == nil && len(zr.File) == 0:
		err = errors.New("unpackers disagree about where the directory of the zip archive is")
	}
	if err != nil {
		return nil, errorAt(path, err)
	}
	limited.left = math.MaxInt64

	// Check everything before any member is inspected.
	members := make([]zipMember, 0, len(zr.File))
	for _, file := range zr.File {
		if in.ctx.Err() != nil {
			return nil, context.Cause(in.ctx)
		}
		member, err := locateMember(file, view, end)
		if err != nil {
			return nil, errorAt(path+"!"+file.Name, err)
		}
		members = append(members, member)
	}
	if err := in.checkGaps(members, f, end); err != nil {
		return nil, errorAt(path, err)
	}

	for _, member := range members {
		if in.ctx.Err() != nil {
			return nil, context.Cause(in.ctx)
		}
		if err := in.inspectZipMember(path, member, f); err != nil {
			return members, err
		}
	}
	return members, nil
}

// locateMember reads the local header of a member. The header must agree with the directory,
// because unpackers that read an archive from start to end know only the header.
func locateMember(file *zip.File, view *zipView, end zipEnd) (zipMember, error) {
	content, err := file.DataOffset() // its last read is of the local header
	if err != nil {
		return zipMember{}, err
	}
	m := zipMember{
		File:    file,
		start:   view.last,
		content: content,
	}
	if file.CompressedSize64 > uint64(end.directory) || m.end() > end.directory {
		return zipMember{}, errors.New("its content overlaps the directory of the zip archive")
	}

	view.header = slices.Grow(view.header[:0], int(content-m.start))
	header := view.header[:content-m.start]
	if _, err := view.ReadAt(header, m.start); err != nil {
		return zipMember{}, err
	}
	le := binary.LittleEndian
	flags := le.Uint16(header[6:])
	method := le.Uint16(header[8:])
	m.hasDescriptor = flags&zipHasDescriptor != 0

	isEmpty := file.UncompressedSize64 == 0
	isEncrypted := (flags|file.Flags)&zipEncrypted != 0
	switch {
	case isEncrypted && !isEmpty:
		return zipMember{}, errors.New("encrypted content cannot be inspected")
	case method != file.Method && !isEmpty:
		return zipMember{}, fmt.Errorf("its header gives compression method %d, but the directory gives %d",
			method, file.Method)
	}

	compressed, uncompressed := localSizes(header)
	if m.hasDescriptor && compressed == 0 {
		compressed = file.CompressedSize64
	}
	if m.hasDescriptor && uncompressed == 0 { // macOS writes this size, but not the other
		uncompressed = file.UncompressedSize64
	}
	if compressed != file.CompressedSize64 || uncompressed != file.UncompressedSize64 {
		return zipMember{}, fmt.Errorf(
			"its header gives %d bytes (%d compressed), but the directory gives %d (%d compressed)",
			uncompressed, compressed, file.UncompressedSize64, file.CompressedSize64)
	}
	return m, nil
}

// localSizes returns the sizes given in a local header. Large sizes are in an extra field, the
// uncompressed size first.
func localSizes(header []byte) (compressed, uncompressed uint64) {
	le := binary.LittleEndian
	compressed = uint64(le.Uint32(header[18:]))
	uncompressed = uint64(le.Uint32(header[22:]))

	nameLen := int(le.Uint16(header[26:]))
	extra := header[zipLocalLen+nameLen:]
	for len(extra) >= 4 {
		tag := le.Uint16(extra)
		length := int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if length > len(extra) {
			break
		}
		field := extra[:length]
		extra = extra[length:]
		if tag != 1 { // zip64
			continue
		}

		if uncompressed == zipIn64 && len(field) >= 8 {
			uncompressed = le.Uint64(field)
			field = field[8:]
		}
		if compressed == zipIn64 && len(field) >= 8 {
			compressed = le.Uint64(field)
		}
		break
	}
	return compressed, uncompressed
}

// checkGaps returns an error if two members overlap, or if before or between them there is a
// member that is not in the directory. Unpackers that read from start to end would unpack it.
func (in inspection) checkGaps(members []zipMember, f io.ReaderAt, end zipEnd) error {
	type extent struct{ start, end int64 }
	extents := make([]extent, 0, len(members)+1)
	for _, m := range members {
		extents = append(extents, extent{m.start, m.end()})
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	extents = append(extents, extent{start: end.directory})

	head := make([]byte, 8)
	n, err := f.ReadAt(head, 0)
	if ignoreEOF(err) != nil {
		return err
	}
	isZip := beginsAsZip(head[:n])

	gap := int64(0) // where the current gap starts
	for _, e := range extents {
		if e.start < gap {
			return fmt.Errorf("members of the zip archive overlap at 0x%x", e.start)
		}
		off, err := in.findHiddenMember(f, gap, e.start, isZip)
		if err != nil {
			return err
		}
		if off >= 0 {
			return fmt.Errorf("member at 0x%x is not in the directory of the zip archive", off)
		}
		gap = e.end
	}
	return nil
}

// findHiddenMember returns the offset of a local header between two offsets, or -1 if there is
// none. In a file that begins as a zip archive, the magic is enough for some unpackers
// (bsdtar). In other files they need a whole header (7-Zip), and the magic alone may be part of
// a program that unpacks itself.
func (in inspection) findHiddenMember(f io.ReaderAt, from, to int64, isZip bool) (int64, error) {
	for {
		off, err := in.index(f, from, to, zipLocalMagic)
		if err != nil || off < 0 || isZip {
			return off, err
		}

		var header [zipLocalLen]byte
		n, err := f.ReadAt(header[:], off)
		if ignoreEOF(err) != nil {
			return 0, err
		}
		if n == len(header) && isPlausibleHeader(header[:]) {
			return off, nil
		}

		from = off + int64(len(zipLocalMagic))
	}
}

// isPlausibleHeader reports whether the fields of a local header have values that occur.
func isPlausibleHeader(header []byte) bool {
	le := binary.LittleEndian
	version := le.Uint16(header[4:]) & 0xff // the high byte is the operating system
	method := le.Uint16(header[8:])
	nameLen := le.Uint16(header[26:])
	return version < 100 && method < 100 && 0 < nameLen && nameLen <= maxName
}

// index returns the offset of a short text between two offsets of a file, or -1.
func (in inspection) index(f io.ReaderAt, from, to int64, text string) (int64, error) {
	if to-from < int64(len(text)) {
		return -1, nil
	}

	buf := in.probe.tail[:]
	for {
		part := buf[:min(int64(len(buf)), to-from)]
		if n, err := f.ReadAt(part, from); n < len(part) {
			return 0, err
		}
		if i := bytes.Index(part, []byte(text)); i >= 0 {
			return from + int64(i), nil
		}

		if from+int64(len(part)) == to {
			return -1, nil
		}
		from += int64(len(part) - len(text) + 1) // the text may begin at the end of part
	}
}

// inspectZipMember inspects a member. Its name and mode are ignored, because some unpackers
// write a file for a directory or a link that has content.
func (in inspection) inspectZipMember(path string, member zipMember, f io.ReaderAt) error {
	memberPath := path + "!" + member.Name

	containsMember := false
	if member.hasDescriptor {
		off, err := in.index(f, member.content, member.end(), zipLocalMagic)
		if err != nil {
			return errorAt(memberPath, err)
		}
		containsMember = off >= 0
	}

	if !containsMember && in.probe.isIrrelevantMember(member.File) {
		return nil
	}

	r, err := member.open(f)
	if err != nil {
		return errorAt(memberPath, err)
	}
	if _, err := in.inspectMember(path, member.Name, r, pass{}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in.limit(r)); err != nil { // to the checksum
		return errorAt(memberPath, err)
	}

	if containsMember && member.Method == zip.Store {
		return in.checkStored(memberPath, member, f)
	}
	return nil
}

// checkStored returns an error if an unpacker that reads from start to end could end the
// content of a stored member too early. The size of such a member is in a descriptor after its
// content, so the unpacker has to search for the descriptor.
func (in inspection) checkStored(path string, member zipMember, f io.ReaderAt) error {
	record := make([]byte, 16)
	for from := member.content; ; {
		off, err := in.index(f, from, member.end(), zipDescriptorMagic)
		if err != nil {
			return errorAt(path, err)
		}
		if off < 0 || off+int64(len(record)) > member.end() {
			return nil
		}

		if _, err := f.ReadAt(record, off); err != nil {
			return errorAt(path, err)
		}
		size := int64(binary.LittleEndian.Uint32(record[8:]))
		if size == (off-member.content)&math.MaxUint32 {
			return errorAt(path, fmt.Errorf("to some unpackers its content ends early, at 0x%x", off))
		}

		if in.ctx.Err() != nil {
			return context.Cause(in.ctx)
		}
		from = off + int64(len(zipDescriptorMagic))
	}
}

// open returns a reader of the uncompressed content, whatever the name of the member. Reading
// to the end fails unless the content has the size and the checksum given by the directory and
// the compressed data ends with it.
func (m zipMember) open(f io.ReaderAt) (io.Reader, error) {
	raw := bufio.NewReader(io.NewSectionReader(f, m.content, int64(m.CompressedSize64)))
	content := &zipContent{
		raw:     raw,
		left:    m.UncompressedSize64,
		wantSum: m.CRC32,
		sum:     crc32.NewIEEE(),
	}

	switch m.Method {
	case zip.Store:
		content.r = raw
	case zip.Deflate:
		content.r = flate.NewReader(raw) // reads no more bytes than it needs
	default:
		return nil, zip.ErrAlgorithm
	}
	return content, nil
}

// A zipContent checks the content of a member while it is read.
type zipContent struct {
	r       io.Reader     // the uncompressed content
	raw     *bufio.Reader // the compressed data
	left    uint64        // bytes of content that are left
	wantSum uint32
	sum     hash.Hash32
}

func (c *zipContent) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if uint64(n) > c.left {
		return 0, errors.New("its content is longer than the directory of the zip archive says")
	}
	c.left -= uint64(n)
	c.sum.Write(p[:n])
	if err != io.EOF {
		return n, err
	}

	if c.left > 0 {
		return n, io.ErrUnexpectedEOF
	}
	if c.sum.Sum32() != c.wantSum {
		return n, zip.ErrChecksum
	}

	_, err = c.raw.ReadByte()
	if err == nil {
		err = errors.New("its compressed data ends before the directory of the zip archive says")
	}
	return n, err // io.EOF, if the compressed data ends here
}
