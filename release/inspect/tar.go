package inspect

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/build/static"
)

// A pass is one reading of a tar archive. An archive is read twice if it may hold
// container images: these have archives in it, their layers, and what they are is only
// known at the end.
type pass struct {
	part part
	used map[int]bool // members that are passed over: layers that were looked at
}

// passed is what a pass leaves for the next.
type passed struct {
	images    bool // there is a member that container images come with
	postponed bool // there is an archive that was not looked at
}

// readTar reads a tar archive, compressed or not.
func readTar(in inspection, path string, f io.ReaderAt, size int64) error {
	again := func() (io.Reader, error) {
		r, err := decompress(io.NewSectionReader(f, 0, size))
		if err != nil {
			return nil, at(path, err)
		}
		return r, nil
	}
	r, err := again()
	if err != nil {
		return err
	}
	first, err := in.members(path, r, pass{part: programs})
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
	_, err = in.members(path, r, pass{archives, used})
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
	if !isTarName(path) && in.probe.nothingCompressed(f) {
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
	return in.stream(path, name, r, func(io.Reader) error { return readTar(in, path, f, size) })
}

// stream looks at what was decompressed: a tar archive, or else a file of this name.
func (in inspection) stream(path, name string, r io.Reader, archive func(io.Reader) error) error {
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return at(path, err)
	}
	if isTar(head) || isTarName(path) && !static.Known(head) && containerByContent(head) == nil {
		return archive(b)
	}
	_, err = in.member(path, name, b, everything)
	return err
}

// tar looks at the members of a tar archive that has no images in it.
func (in inspection) tar(path string, r io.Reader) error {
	_, err := in.members(path, r, pass{part: everything})
	return err
}

// members reads a tar archive from start to end.
func (in inspection) members(path string, r io.Reader, p pass) (result passed, err error) {
	total := in.limit(r)
	tr := tar.NewReader(total)
	for i := 0; ; i++ {
		h, err := tr.Next()
		if err == io.EOF && total.ended { // archive/tar takes any end for one, and the rest may be missing
			err = errors.New("cut short: no mark at the end of the archive")
		}
		if err == io.EOF && !plain(r) { // what is behind the mark is padding, and then comes a checksum
			_, err = io.Copy(io.Discard, total)
			if err == nil {
				err = io.EOF
			}
		}
		if err == io.EOF {
			return result, nil
		}
		file := false
		if err == nil {
			file, err = isFile(h)
		}
		if err != nil {
			return passed{}, at(path, err)
		}
		if !file || p.used[i] {
			continue
		}
		name := strings.TrimPrefix(h.Name, "./")
		result.images = result.images || name == layoutFile || name == dockerFile
		left, err := in.member(path, h.Name, tr, p.part)
		if err != nil {
			return passed{}, err
		}
		result.postponed = result.postponed || left
	}
}

// isFile reports whether a member of a tar archive is a file when it is unpacked. The
// target of a hard link is a member too.
func isFile(h *tar.Header) (bool, error) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont: // GNU tar makes a file of the last too
		if len(h.Name) > maxName {
			return false, fmt.Errorf("a name of %d bytes", len(h.Name))
		}
		return true, nil
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader,
		'D', 'V': // of GNU tar: a directory with a list of what was in it, the name of the volume
		return false, nil
	}
	return false, fmt.Errorf("%s: unknown type %q of a member", Printable(h.Name[:min(len(h.Name), maxName)]), h.Typeflag)
}
