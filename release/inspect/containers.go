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
	"github.com/ulikunitz/xz"
)

// A container reads a file that holds others.
type container func(in inspection, path string, f io.ReaderAt, size int64) error

const headSize = 512 // bytes that tell a container: a header of tar

// isTarName knows a tar archive by the end of its name.
func isTarName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tar.bz2", ".apk"},
		func(end string) bool { return strings.HasSuffix(name, end) })
}

// containerByName knows an archive or a package by the end of its name, nil if it is none.
func containerByName(name string) container {
	if isTarName(name) {
		return readTar
	}
	name = strings.ToLower(name)
	for _, c := range []struct {
		end  string
		read container
	}{
		{".zip", readZip}, {".deb", readDeb}, {".rpm", readRPM},
		{".gz", readCompressed}, {".xz", readCompressed}, {".zst", readCompressed}, {".bz2", readCompressed},
	} {
		if strings.HasSuffix(name, c.end) {
			return c.read
		}
	}
	return nil
}

// containerByContent knows them by their first bytes.
func containerByContent(head []byte) container {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return readZip
	case bytes.HasPrefix(head, []byte(arMagic+"debian-binary")):
		return readDeb
	case bytes.HasPrefix(head, []byte(rpmMagic)):
		return readRPM
	case isTar(head):
		return readTar
	case isCompressed(head):
		return readCompressed
	}
	return nil
}

// isTar knows the header of the first member by the magic of POSIX and GNU, or by its
// checksum, which is all that the format of the seventh edition of Unix has.
func isTar(head []byte) bool {
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return true
	}
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
		sum, signed = sum+int64(b), signed+int64(int8(b))
	}
	return want == sum || want == signed
}

// decompressors by the first bytes of what they read.
var decompressors = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}, // several in a row are one: so is apk
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	}},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

func isCompressed(head []byte) bool {
	for _, d := range decompressors {
		if bytes.HasPrefix(head, []byte(d.magic)) {
			return true
		}
	}
	return false
}

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
	for _, d := range decompressors {
		if bytes.HasPrefix(head, []byte(d.magic)) {
			return d.open(b)
		}
	}
	return b, nil
}
