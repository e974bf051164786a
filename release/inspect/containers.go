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

// A containerReader inspects the members of a file that holds other files.
type containerReader func(in inspection, path string, f io.ReaderAt, size int64) error

// headSize is the number of bytes that identify a container: a tar header, the longest.
const headSize = 512

// containerExtensions maps the extensions of containers in a directory to their readers.
var containerExtensions = map[string]containerReader{
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

	// a single compressed file
	".bz2": readCompressed,
	".gz":  readCompressed,
	".xz":  readCompressed,
	".zst": readCompressed,
}

// tarSuffixes are the extensions that may follow ".tar".
var tarSuffixes = []string{".gz", ".xz", ".zst", ".bz2"}

// longestExtension is the length of the longest key of containerExtensions.
const longestExtension = len(".nupkg")

// extension returns the extension of a name in lower case, or "" if no container has an
// extension of that length.
func extension(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || len(name)-dot > longestExtension {
		return ""
	}
	return strings.ToLower(name[dot:])
}

// isTarName reports whether a name has the extension of a tar archive.
func isTarName(name string) bool {
	switch ext := extension(name); ext {
	case "":
		return false
	case ".tar", ".tgz", ".txz", ".tzst", ".tbz2", ".tbz", ".apk", ".gem", ".crate":
		return true
	default:
		stem := name[:len(name)-len(ext)]
		return slices.Contains(tarSuffixes, ext) && extension(stem) == ".tar"
	}
}

// containerByName returns the reader for a container with this name, or nil if containers do
// not have such names.
func containerByName(name string) containerReader {
	if isTarName(name) {
		return readTar
	}
	return containerExtensions[extension(name)]
}

// containersByContent returns the readers for the containers that can begin with head. There
// are several if the first name in a tar archive is also the magic of another format.
// Unpackers do not agree on which format to try first.
func containersByContent(head []byte) []containerReader {
	var readers []containerReader
	if read := containerByMagic(head); read != nil {
		readers = append(readers, read)
	}
	if isTar(head) {
		readers = append(readers, readPlainTar)
	}
	return readers
}

// containerByMagic is containersByContent for containers other than tar archives, of which a
// file can begin with one at most.
func containerByMagic(head []byte) containerReader {
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

// isTar reports whether a file that begins with head is a tar archive, whatever else it is.
// With the magic but without the checksum of a tar header, it is a broken tar archive if it is
// nothing else. No unpacker takes it for a tar archive if it is something else.
func isTar(head []byte) bool {
	return hasTarChecksum(head) || hasTarMagic(head) && !isOtherFormat(head)
}

// isOnlyTar reports whether a file that begins with head is a tar archive and nothing else.
func isOnlyTar(head []byte) bool {
	return isTar(head) && !isOtherFormat(head)
}

// isOtherFormat reports whether a file that begins with head is an executable, or a container
// other than a tar archive.
func isOtherFormat(head []byte) bool {
	return static.Known(head) || containerByMagic(head) != nil
}

// containerReaders returns the readers for all containers that a file can be. These are the
// containers that can begin with head, and a zip archive, which unpackers look for at the end
// of a file.
func (in inspection) containerReaders(head []byte, r io.ReaderAt, size int64) ([]containerReader, error) {
	readers := containersByContent(head)
	if beginsAsZip(head) {
		return readers, nil
	}

	ends, err := in.zipEnds(r, size)
	if err != nil {
		return nil, err
	}
	if hasTarChecksum(head) || bytes.HasPrefix(head, []byte(arMagic)) {
		ends = slices.DeleteFunc(ends, func(end zipEnd) bool { return end.isTarMember(r) })
	}
	if len(ends) > 0 {
		readers = append(readers, readZip)
	}
	return readers, nil
}

// hasTarMagic reports whether head has the magic of a POSIX or GNU tar header.
func hasTarMagic(head []byte) bool {
	return len(head) >= 262 && string(head[257:262]) == "ustar"
}

// hasTarChecksum reports whether head has a valid tar header checksum. Headers of Version 7
// Unix have no magic, but no unpacker accepts a header without a valid checksum.
func hasTarChecksum(head []byte) bool {
	if len(head) < headSize {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	if err != nil {
		return false
	}

	// Historic programs sum up signed bytes (archive/tar).
	var sum, signed int64
	for i, b := range head[:headSize] {
		if 148 <= i && i < 156 {
			b = ' ' // the checksum itself
		}
		sum += int64(b)
		signed += int64(int8(b))
	}
	return want == sum || want == signed
}

// An openFunc returns a reader of the decompressed content of r.
type openFunc func(r io.Reader) (io.Reader, error)

// decompressors lists the compression formats by their magic.
var decompressors = []struct {
	magic string
	open  openFunc
}{
	{"\x1f\x8b", openGzip},
	{"\xfd7zXZ\x00", openXZ},
	{"\x28\xb5\x2f\xfd", openZstd},
	{"BZh", openBzip2},
}

// openGzip also reads several gzip files in a row, which is what an Alpine package is.
func openGzip(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

func openBzip2(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }

func openZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDictionary))
}

// decompressor returns the decompressor for a file that begins with head, or nil if the file
// is not compressed.
func decompressor(head []byte) openFunc {
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

// decompress returns a reader of the decompressed content of r. If r is not compressed, it
// returns a *bufio.Reader of r.
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

// wasUncompressed reports whether r, which was returned by decompress, reads content that was
// not compressed.
func wasUncompressed(r io.Reader) bool {
	_, ok := r.(*bufio.Reader)
	return ok
}

// lzmaHeaderLen is the number of bytes of the properties, the size of the dictionary and the
// size of the content.
const lzmaHeaderLen = 13

// decompressPayload is decompress for a part of a package, which may also be in the format
// that lzma wrote before xz. Elsewhere that format cannot be recognized, because its first
// bytes are too common.
func decompressPayload(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(lzmaHeaderLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}

	if lzma.ValidHeader(head) && head[0] == 0x5d {
		return openLZMA(b)
	}
	return decompress(b)
}
