package inspect

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/org/go-static-release/build/static"
)

// A container reads a file that holds others.
type container func(in inspection, path string, f io.ReaderAt, size int64) error

const headSize = 512 // bytes that tell a container: a header of tar

// containerNames are the extensions by which a file of a directory is known as a container.
var containerNames = map[string]container{
	// tar, plain and compressed
	".apk":   readTar,
	".crate": readTar,
	".gem":   readTar,
	".tar":   readTar,
	".tbz":   readTar,
	".tbz2":  readTar,
	".tgz":   readTar,
	".txz":   readTar,
	".tzst":  readTar,

	// zip
	".nupkg": readZip,
	".vsix":  readZip,
	".whl":   readZip,
	".zip":   readZip,

	// packages
	".deb": readAr,
	".ipk": readAr,
	".rpm": readRPM,

	// one compressed file
	".bz2": readCompressed,
	".gz":  readCompressed,
	".xz":  readCompressed,
	".zst": readCompressed,
}

// tarNames are the extensions of compressed tar archives that have two.
var tarNames = []string{".gz", ".xz", ".zst", ".bz2"}

// longestExtension is the length of the longest key of containerNames.
const longestExtension = len(".nupkg")

// extension returns the extension of a name in lower case, "" if no container has one of
// that length.
func extension(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || len(name)-dot > longestExtension {
		return ""
	}
	return strings.ToLower(name[dot:])
}

// isTarName knows a tar archive by the end of its name.
func isTarName(name string) bool {
	switch ext := extension(name); ext {
	case "":
		return false
	case ".tar", ".tgz", ".txz", ".tzst", ".tbz2", ".tbz", ".apk", ".gem", ".crate":
		return true
	default:
		return slices.Contains(tarNames, ext) && extension(name[:len(name)-len(ext)]) == ".tar"
	}
}

// containerByName knows an archive or a package by the end of its name, nil if it is none.
func containerByName(name string) container {
	if isTarName(name) {
		return readTar
	}
	return containerNames[extension(name)]
}

// containersByContent recognizes containers by their first bytes. There is more than one if
// a tar archive begins with a name that is the beginning of something else: unpackers try
// formats in different orders.
func containersByContent(head []byte) []container {
	var readings []container
	if read := containerByMagic(head); read != nil {
		readings = append(readings, read)
	}
	if alsoTar(head) {
		readings = append(readings, readPlainTar)
	}
	return readings
}

func containerByMagic(head []byte) container {
	switch {
	case beginsAsZip(head):
		return readZip
	case bytes.HasPrefix(head, []byte(arMagic)):
		return readAr
	case bytes.HasPrefix(head, []byte(rpmMagic)):
		return readRPM
	case isCompressed(head):
		return readCompressed
	}
	return nil
}

// alsoTar reports whether a file is a tar archive, whatever else it is. With the magic but
// not the checksum of a header it is a broken tar archive, unless it is something else: no
// unpacker takes it for a tar archive then.
func alsoTar(head []byte) bool {
	return hasTarChecksum(head) || hasTarMagic(head) && !static.Known(head) && containerByMagic(head) == nil
}

// onlyTar reports whether a file begins as a tar archive and as nothing else.
func onlyTar(head []byte) bool {
	return alsoTar(head) && !static.Known(head) && containerByMagic(head) == nil
}

// readings returns every container that a file with the first bytes head can be read as:
// those that it begins as, and a zip archive, which unpackers look for at the end of a file.
func (in inspection) readings(head []byte, r io.ReaderAt, size int64) ([]container, error) {
	readings := containersByContent(head)
	if beginsAsZip(head) {
		return readings, nil
	}
	ends, err := in.zipEnds(r, size)
	if err != nil {
		return nil, err
	}
	if hasTarChecksum(head) || bytes.HasPrefix(head, []byte(arMagic)) {
		ends = slices.DeleteFunc(ends, func(end zipEnd) bool { return end.isTarMember(r) })
	}
	if len(ends) > 0 {
		readings = append(readings, readZip)
	}
	return readings, nil
}

// hasTarMagic reports whether head has the magic of a POSIX or GNU tar header.
func hasTarMagic(head []byte) bool {
	return len(head) >= 262 && string(head[257:262]) == "ustar"
}

// hasTarChecksum reports whether head has the checksum of a tar header. Headers of the
// seventh edition of Unix have no magic, and no unpacker accepts a header without it.
func hasTarChecksum(head []byte) bool {
	if len(head) < headSize {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	if err != nil {
		return false
	}

	sum, signed := int64(0), int64(0) // the historic ones disagree on bytes above 0x7f (archive/tar)
	for i, b := range head[:headSize] {
		if 148 <= i && i < 156 {
			b = ' '
		}
		sum += int64(b)
		signed += int64(int8(b))
	}
	return want == sum || want == signed
}

// decompressors by the first bytes of what they read.
var decompressors = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}, // several in a row are one: so is apk
	{"\xfd7zXZ\x00", openXZ},
	{"\x28\xb5\x2f\xfd", openZstd},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

func openZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDictionary))
}

// decompressor returns the reader for a file with these first bytes, or nil if the file is
// not compressed.
func decompressor(head []byte) func(io.Reader) (io.Reader, error) {
	for _, d := range decompressors {
		if bytes.HasPrefix(head, []byte(d.magic)) {
			return d.open
		}
	}
	// A zstd file may begin with skippable frames (RFC 8878, 3.1.2).
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return openZstd
	}
	return nil
}

func isCompressed(head []byte) bool { return decompressor(head) != nil }

// plain reports whether r, which decompress returned, was not compressed.
func plain(r io.Reader) bool {
	_, ok := r.(*bufio.Reader)
	return ok
}

// decompress reads through the compression that r begins with, if there is one.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if open := decompressor(head); open != nil {
		return open(b)
	}
	return b, nil
}

const lzmaHeader = 13 // bytes: properties, size of the dictionary, size of what it unpacks to

// decompressPayload is decompress for a part of a package, which may also have the format
// that lzma wrote before xz. Its first bytes are too common to recognize it elsewhere.
func decompressPayload(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(lzmaHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if lzma.ValidHeader(head) && head[0] == 0x5d {
		return openLZMA(b)
	}
	return decompress(b)
}
