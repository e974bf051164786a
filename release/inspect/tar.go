package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/build/static"
	"github.com/org/go-static-release/release/quote"
)

// readTar inspects a tar archive, which may be compressed.
func readTar(in inspection, path string, f io.ReaderAt, size int64) error {
	t := tarFileReader{path: path, f: f, size: size}
	t.open = func() (io.Reader, error) {
		return decompress(io.NewSectionReader(f, 0, size))
	}
	return t.inspect(in)
}

// readPlainTar inspects an uncompressed tar archive, even if its first bytes are the magic of
// a compressed file.
func readPlainTar(in inspection, path string, f io.ReaderAt, size int64) error {
	t := tarFileReader{path: path, f: f, size: size, tailInspected: true}
	t.open = func() (io.Reader, error) {
		return bufio.NewReader(io.NewSectionReader(f, 0, size)), nil
	}
	return t.inspect(in)
}

// A tarFileReader inspects a tar archive in one or two passes.
type tarFileReader struct {
	path string
	f    io.ReaderAt
	size int64

	// open returns a reader of the tar stream in f.
	open func() (io.Reader, error)

	// tailInspected is set if the caller inspects a zip archive at the end of f.
	tailInspected bool
}

func (t *tarFileReader) inspect(in inspection) error {
	first, err := t.pass(in, pass{
		selection:     onlyPrograms,
		tailInspected: t.tailInspected,
	})
	if err != nil {
		return err
	}

	var used map[int]bool
	if first.hasImages {
		used, err = t.inspectImages(in)
		if err != nil {
			return err
		}
	}

	if !first.postponed {
		return nil
	}
	_, err = t.pass(in, pass{
		selection:     onlyArchives,
		skip:          used,
		hasAppended:   first.hasAppended,
		tailInspected: t.tailInspected,
	})
	return err
}

// pass reads the archive once from start to end.
func (t *tarFileReader) pass(in inspection, p pass) (passResult, error) {
	r, err := t.open()
	if err != nil {
		return passResult{}, errorAt(t.path, err)
	}
	return in.inspectTarStream(t.path, r, p)
}

// inspectImages inspects the container images in the archive, and returns the numbers of the
// members that it read. It needs random access to the archive.
func (t *tarFileReader) inspectImages(in inspection) (map[int]bool, error) {
	r, err := t.open()
	if err != nil {
		return nil, errorAt(t.path, err)
	}
	if wasUncompressed(r) {
		return in.inspectImageTar(t.path, t.f, t.size)
	}

	content, size, done, err := in.store(r)
	if err != nil {
		return nil, errorAt(t.path, err)
	}
	defer done()
	return in.inspectImageTar(t.path, content, size)
}

// readCompressed inspects a single compressed file, which may be a tar archive or a program.
func readCompressed(in inspection, path string, f io.ReaderAt, size int64) error {
	if in.hasFastPath() && !isTarName(path) && in.probe.isIrrelevantGzip(f) {
		return nil
	}
	return in.inspectCompressed(path, f, size)
}

func (in inspection) inspectCompressed(path string, f io.ReaderAt, size int64) error {
	r, err := decompress(io.NewSectionReader(f, 0, size))
	if err != nil {
		return errorAt(path, err)
	}

	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return in.inspectStream(path, name, r, isTarName(path), func(io.Reader) error {
		return readTar(in, path, f, size)
	})
}

// hasFastPath reports whether a compressed file is recognized by its first bytes.
func (in inspection) hasFastPath() bool { return in.listed && in.depth == 0 }

// inspectStream inspects decompressed content. It calls readArchive for a tar archive.
// Anything else is inspected as a member with the given name.
//
// If shouldBeTar is true, unknown content is treated as a tar archive, which makes it an
// error.
func (in inspection) inspectStream(
	path, name string, r io.Reader, shouldBeTar bool, readArchive func(io.Reader) error,
) error {
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errorAt(path, err)
	}

	// Content that is more than a tar archive is inspected as a member, in all of its forms.
	isUnknown := !static.Known(head) && len(containersByContent(head)) == 0
	if isOnlyTar(head) || isUnknown && shouldBeTar {
		return readArchive(b)
	}
	_, err = in.inspectMember(path, name, b, pass{headOnly: in.hasFastPath()})
	return err
}

// readTarStream inspects a tar archive that contains no images.
func (in inspection) readTarStream(path string, r io.Reader) error {
	_, err := in.inspectTarStream(path, r, pass{selection: allMembers})
	return err
}

// inspectTarStream inspects a tar stream, which may consist of several tar archives in a row.
func (in inspection) inspectTarStream(path string, r io.Reader, p pass) (passResult, error) {
	var result passResult
	p.isCharged = true
	r = in.limit(r)

	number := 0 // of the next member
	for {
		next, found, err := in.inspectTarMembers(path, r, number, p)
		if err != nil {
			return passResult{}, err
		}
		number = next
		result.add(found)

		r, err = in.nextTar(path, r, p)
		if err != nil || r == nil {
			return result, err
		}
	}
}

// nextTar returns a reader of the archive that follows a tar archive in a stream, or nil if
// there is none. Some unpackers read such an archive (GNU tar with --ignore-zeros). Usually
// only padding follows, which nextTar reads up to the checksum of the compression.
func (in inspection) nextTar(path string, r io.Reader, p pass) (io.Reader, error) {
	rest := bufio.NewReaderSize(r, 32<<10)

	// The offset in the file is unknown. All that matters is that the archive lies before it.
	tailBuffer := in.newTailBuffer(maxTotal)

	var block [tarBlockSize]byte
	for {
		head, err := fill(block[:], rest)
		if ignoreEOF(err) != nil {
			return nil, errorAt(path, err)
		}
		if hasTarChecksum(head) {
			return io.MultiReader(bytes.NewReader(head), rest), nil
		}
		if _, err := tailBuffer.Write(head); err != nil {
			return nil, errorAt(path, err)
		}
		if err == io.EOF {
			break
		}
	}

	if p.tailInspected || p.selection == onlyArchives {
		return nil, nil
	}
	tail := tailBuffer.tail()
	tail.data = bytes.Clone(tail.data) // checkTail reuses the buffer
	return nil, in.checkTail(path, tail)
}

// An eofReader remembers whether r was read to its end.
type eofReader struct {
	r     io.Reader
	atEOF bool
}

func (e *eofReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.atEOF = e.atEOF || n == 0 && err == io.EOF
	return n, err
}

// inspectTarMembers inspects the members of a tar archive up to its end marker. Members are
// counted from number, and next is the number to continue with.
func (in inspection) inspectTarMembers(
	path string, r io.Reader, number int, p pass,
) (next int, result passResult, err error) {
	input := &eofReader{r: r}
	tr := tar.NewReader(newTarChecker(input))

	for ; ; number++ {
		h, err := tr.Next()
		if err == io.EOF && input.atEOF {
			// archive/tar accepts this, but the rest of the archive may be missing.
			err = errors.New("cut short: no end marker")
		} else if err == io.EOF {
			return number, result, nil
		}
		if err != nil {
			return number, passResult{}, errorAt(path, err)
		}

		isRegular, err := isFile(h)
		if err != nil {
			return number, passResult{}, errorAt(path, err)
		}
		if !isRegular || p.skip[number] {
			continue
		}

		name := strings.TrimPrefix(h.Name, "./")
		if name == layoutFile || name == dockerFile {
			result.hasImages = true
		}

		found, err := in.inspectMember(path, h.Name, tr, p)
		if err != nil {
			return number, passResult{}, err
		}
		result.add(found)
	}
}

// isFile reports whether a member of a tar archive is a file when it is unpacked. The target of
// a hard link is a member itself. Unpackers write a file for members of a type that they do not
// know, as POSIX requires, and they know different types.
func isFile(h *tar.Header) (bool, error) {
	switch h.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return false, nil
	case 'M', 'N', 'X': // the rest of a file, names for other members, an extended header of Solaris
		name := quote.Name(h.Name[:min(len(h.Name), maxName)])
		return false, fmt.Errorf("%s: unsupported member type %q", name, h.Typeflag)
	}

	if len(h.Name) > maxName {
		return false, fmt.Errorf("member name of %d bytes is too long", len(h.Name))
	}
	return true, nil
}
