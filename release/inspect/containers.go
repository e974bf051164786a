package inspect

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/org/go-static-release/build/static"
)

// A container reads a file that holds others.
type container func(in inspection, path string, f io.ReaderAt, size int64) error

const (
	headSize = 512 // bytes that tell a container: the magic of tar is at 257

	maxMember  = 4 << 30  // bytes of one member of an archive: larger than what GitHub takes
	maxTotal   = 64 << 30 // bytes of all members
	memoryPart = 16 << 20 // a member up to this size is held in memory
)

// containerByName knows an archive or a package by the end of its name, nil if it is none.
func containerByName(name string) container {
	name = strings.ToLower(name)
	for _, c := range []struct {
		end  string
		read container
	}{
		{".tar", readTar}, {".tar.gz", readTar}, {".tgz", readTar}, {".tar.xz", readTar}, {".txz", readTar},
		{".tar.zst", readTar}, {".tar.bz2", readTar}, {".apk", readTar}, {".zip", readZip}, {".deb", readDeb}, {".rpm", readRPM},
		{".gz", readCompressed}, {".xz", readCompressed}, {".zst", readCompressed}, {".bz2", readCompressed}, // the first match counts
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

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

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

// readTar reads a tar archive, compressed or not.
func readTar(in inspection, path string, f io.ReaderAt, size int64) error {
	r, err := decompress(io.NewSectionReader(f, 0, size))
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	return in.archive(path, r, f, size)
}

// archive looks at the members of a tar archive, r, and if it holds container images at
// those too, which takes another look at where r comes from.
func (in inspection) archive(path string, r io.Reader, f io.ReaderAt, size int64) error {
	if images, err := in.members(path, r); err != nil || !images {
		return err
	}
	r, err := decompress(io.NewSectionReader(f, 0, size))
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	if _, plain := r.(*bufio.Reader); plain {
		return in.imageTar(path, f, size)
	}
	content, size, done, err := keep(r)
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	defer done()
	return in.imageTar(path, content, size)
}

// readCompressed reads one compressed file, which may be a tar archive or a program.
func readCompressed(in inspection, path string, f io.ReaderAt, size int64) error {
	if in.probe.nothingCompressed(f) {
		return nil
	}
	return in.unpack(path, f, size)
}

func (in inspection) unpack(path string, f io.ReaderAt, size int64) error {
	r, err := decompress(io.NewSectionReader(f, 0, size))
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return in.stream(path, name, r, func(r io.Reader) error { return in.archive(path, r, f, size) })
}

// stream looks at what was decompressed: a tar archive, or else a file of this name.
func (in inspection) stream(path, name string, r io.Reader, archive func(io.Reader) error) error {
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	if isTar(head) {
		return archive(b)
	}
	return in.member(path, name, b)
}

// tar looks at the members of a tar archive.
func (in inspection) tar(path string, r io.Reader) error {
	_, err := in.members(path, r)
	return err
}

// members also reports whether there is a member that container images come with.
func (in inspection) members(path string, r io.Reader) (images bool, err error) {
	total := &limited{r: r, left: maxTotal}
	for tr := tar.NewReader(total); ; {
		h, err := tr.Next()
		if err == io.EOF && total.ended { // archive/tar takes any end for one, and the rest may be missing
			err = errors.New("cut short: no mark at the end of the archive")
		}
		if err == io.EOF {
			return images, nil
		}
		if err != nil {
			return false, fmt.Errorf("inspecting %s: %w", path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := strings.TrimPrefix(h.Name, "./")
		images = images || name == layoutFile || name == dockerFile
		if err := in.member(path, h.Name, tr); err != nil {
			return false, err
		}
	}
}

// readZip reads a zip archive.
func readZip(in inspection, path string, f io.ReaderAt, size int64) error {
	zr, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	for _, member := range zr.File {
		if !member.Mode().IsRegular() || in.probe.nothingZipped(member) {
			continue
		}
		r, err := member.Open()
		if err != nil {
			return fmt.Errorf("inspecting %s!%q: %w", path, member.Name, err)
		}
		err = in.member(path, member.Name, r)
		if closeErr := r.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("inspecting %s!%q: %w", path, member.Name, closeErr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member looks at one file in an archive, which can only be read once, from start to end.
func (in inspection) member(path, name string, r io.Reader) error {
	if in.ctx.Err() != nil {
		return context.Cause(in.ctx)
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // a file of less than four bytes
	}
	if err != nil {
		return fmt.Errorf("inspecting %s!%q: %w", path, name, err)
	}
	if !static.Known(head[:n]) {
		return nil
	}
	content, size, done, err := keep(io.MultiReader(bytes.NewReader(head[:n]), r))
	if err != nil {
		return fmt.Errorf("inspecting %s!%q: %w", path, name, err)
	}
	defer done()
	return in.judge(path+"!"+printable(name), content, size, false)
}

// keep makes what r holds readable at any place: in memory, or in a temporary file if it
// is large, which done removes.
func keep(r io.Reader) (content io.ReaderAt, size int64, done func(), err error) {
	var buf bytes.Buffer
	if size, err = io.Copy(&buf, io.LimitReader(r, memoryPart)); err != nil || size < memoryPart {
		return bytes.NewReader(buf.Bytes()), size, func() {}, err
	}
	f, err := os.CreateTemp("", "go-static-release-")
	if err != nil {
		return nil, 0, nil, err
	}
	done = func() {
		_ = f.Close()           // it was only read
		_ = os.Remove(f.Name()) // the system's directory for temporary files is cleaned by others too
	}
	size, err = io.Copy(f, &limited{r: io.MultiReader(&buf, r), left: maxMember})
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return f, size, done, nil
}

// errLimit says that there is more in a file than can be believed.
var errLimit = errors.New("it unpacks to more than can be inspected")

// limited fails when more than left bytes are read; io.LimitReader would end silently.
type limited struct {
	r     io.Reader
	left  int64
	ended bool // more was asked for when nothing was left
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errLimit
	}
	l.ended = l.ended || n == 0 && err == io.EOF
	return n, err
}

// printable shows a name from an archive so that it cannot be taken for anything else.
func printable(name string) string {
	quoted := fmt.Sprintf("%q", name)
	if inner := quoted[1 : len(quoted)-1]; inner == name {
		return name
	}
	return quoted
}
