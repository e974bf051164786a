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
)

// readTar reads a tar archive, compressed or not.
func readTar(in inspection, path string, f io.ReaderAt, size int64) error {
	open := func() (io.Reader, error) {
		return decompress(io.NewSectionReader(f, 0, size))
	}
	return in.wholeTar(path, f, size, false, open)
}

// readPlainTar reads a tar archive that is not compressed, whatever its first bytes are.
func readPlainTar(in inspection, path string, f io.ReaderAt, size int64) error {
	open := func() (io.Reader, error) {
		return bufio.NewReader(io.NewSectionReader(f, 0, size)), nil
	}
	return in.wholeTar(path, f, size, true, open)
}

// wholeTar reads the tar archive in f, which open reads from the start. With ending the
// caller inspects a zip archive at the end of f.
func (in inspection) wholeTar(
	path string, f io.ReaderAt, size int64, ending bool, open func() (io.Reader, error),
) error {
	again := func() (io.Reader, error) {
		r, err := open()
		if err != nil {
			return nil, at(path, err)
		}
		return r, nil
	}

	r, err := again()
	if err != nil {
		return err
	}
	first, err := in.members(path, r, pass{part: programs, ending: ending})
	if err != nil {
		return err
	}
	var used map[int]bool
	if first.images {
		if used, err = in.savedImages(path, f, size, again); err != nil {
			return err
		}
	}
	if !first.postponed {
		return nil
	}

	if r, err = again(); err != nil {
		return err
	}
	_, err = in.members(path, r, pass{part: archives, behind: first.behind, used: used, ending: ending})
	return err
}

// savedImages looks at the images in a tar archive, which have to be read at any place.
func (in inspection) savedImages(path string, f io.ReaderAt, size int64, again func() (io.Reader, error)) (map[int]bool, error) {
	r, err := again()
	if err != nil {
		return nil, err
	}
	if !plain(r) {
		content, length, done, err := in.keep(r)
		if err != nil {
			return nil, at(path, err)
		}
		defer done()
		f, size = content, length
	}
	return in.imageTar(path, f, size)
}

// readCompressed reads one compressed file, which may be a tar archive or a program.
func readCompressed(in inspection, path string, f io.ReaderAt, size int64) error {
	if in.isQuick() && !isTarName(path) && in.probe.nothingCompressed(f) {
		return nil
	}
	return in.unpack(path, f, size)
}

func (in inspection) unpack(path string, f io.ReaderAt, size int64) error {
	r, err := decompress(io.NewSectionReader(f, 0, size))
	if err != nil {
		return at(path, err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return in.stream(path, name, r, isTarName(path), func(io.Reader) error { return readTar(in, path, f, size) })
}

// stream inspects decompressed content: a tar archive, or else a file of this name. With
// isSaid it should be a tar archive, and content that begins as nothing known is an error.
func (in inspection) stream(path, name string, r io.Reader, isSaid bool, archive func(io.Reader) error) error {
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return at(path, err)
	}

	// Content that is also something else is inspected as a file, under each of its readings.
	nothing := !static.Known(head) && len(containersByContent(head)) == 0
	if onlyTar(head) || nothing && isSaid {
		return archive(b)
	}
	_, err = in.member(path, name, b, pass{beginning: in.isQuick()})
	return err
}

func (in inspection) isQuick() bool { return in.quick && in.depth == 0 }

// tar looks at the members of a tar archive that has no images in it.
func (in inspection) tar(path string, r io.Reader) error {
	_, err := in.members(path, r, pass{part: everything})
	return err
}

// members reads a tar archive from start to end.
func (in inspection) members(path string, r io.Reader, p pass) (result passed, err error) {
	p.paid = true
	total := in.limit(r)
	from := io.Reader(total)
	for next := 0; ; {
		var found passed
		next, found, err = in.tarMembers(path, from, next, p)
		if err != nil {
			return passed{}, err
		}
		result.images = result.images || found.images
		result.postponed = result.postponed || found.postponed
		result.behind = result.behind || found.behind

		from, err = in.nextTar(path, from, p)
		if err != nil || from == nil {
			return result, err
		}
	}
}

// nextTar reads on after the end mark of a tar archive. Usually there is padding, which is
// read up to the checksum of the compression. But another archive may follow, and some
// unpackers go on with it (GNU tar with --ignore-zeros). nextTar returns nil if there is none.
func (in inspection) nextTar(path string, r io.Reader, p pass) (io.Reader, error) {
	rest := bufio.NewReaderSize(r, 32<<10)
	kept := in.keepEnd(maxTotal) // the offset is not known, only that it is behind the archive
	var block [tarBlock]byte
	for {
		head, err := fill(block[:], rest)
		if err != nil && err != io.EOF {
			return nil, at(path, err)
		}
		if hasTarChecksum(head) {
			return io.MultiReader(bytes.NewReader(head), rest), nil
		}
		if _, err := kept.Write(head); err != nil {
			return nil, at(path, err)
		}
		if err != io.EOF {
			continue
		}
		if p.ending || p.part == archives {
			return nil, nil
		}
		end := kept.end()
		end.data = bytes.Clone(end.data) // checkEnd uses the buffer again
		return nil, in.checkEnd(path, end)
	}
}

// An endNoticed remembers whether its reader was read to the end.
type endNoticed struct {
	r     io.Reader
	ended bool
}

func (e *endNoticed) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.ended = e.ended || n == 0 && err == io.EOF
	return n, err
}

// tarMembers reads a tar archive up to its end mark. Its first member has the given number,
// and the number after its last member is returned.
func (in inspection) tarMembers(path string, r io.Reader, number int, p pass) (next int, result passed, err error) {
	end := &endNoticed{r: r}
	tr := tar.NewReader(newTarBlocks(end))
	for ; ; number++ {
		h, err := tr.Next()
		if err == io.EOF && end.ended { // archive/tar needs no end mark, and the rest may be missing
			err = errors.New("cut short: no mark at the end of the archive")
		}
		if err == io.EOF {
			return number, result, nil
		}
		file := false
		if err == nil {
			file, err = isFile(h)
		}
		if err != nil {
			return number, passed{}, at(path, err)
		}
		if !file || p.used[number] {
			continue
		}

		name := strings.TrimPrefix(h.Name, "./")
		result.images = result.images || name == layoutFile || name == dockerFile
		left, err := in.member(path, h.Name, tr, p)
		if err != nil {
			return number, passed{}, err
		}
		result.postponed = result.postponed || left.postponed
		result.behind = result.behind || left.behind
	}
}

// isFile reports whether a member of a tar archive is a file when it is unpacked. The
// target of a hard link is a member too. Unpackers make a file of what they do not know,
// as POSIX wants it, and do not know the same types.
func isFile(h *tar.Header) (bool, error) {
	switch h.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return false, nil
	case 'M', 'N', 'X': // the rest of a file, names for other members, an extended header of Solaris
		name := Printable(h.Name[:min(len(h.Name), maxName)])
		return false, fmt.Errorf("%s: a member of type %q, which cannot be read", name, h.Typeflag)
	}
	if len(h.Name) > maxName {
		return false, fmt.Errorf("a name of %d bytes", len(h.Name))
	}
	return true, nil
}
