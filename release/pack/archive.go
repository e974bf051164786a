// Package pack writes the archives and checksum lists of a release, byte for byte the
// same on every machine.
//
// An archive contains no metadata from a file system. Names are sorted, all times are
// the commit time, owner and group are 0, and the mode only says whether a file is
// executable. The compressors are pinned dependencies of this module, so the bytes
// depend neither on the Go release that compiled this program nor on the number of
// processors.
package pack

import (
	"archive/tar"
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/org/go-static-release/build/door"
)

// Binary is the format of a program that is not packed.
const Binary = "binary"

// A File is one file to pack.
type File struct {
	Name       string // path inside the archive, with slashes
	Executable bool
	Size       int64
	SHA256     string // of the content, in hex; "" if it is not known
	Open       func() (io.ReadCloser, error)
}

// mode returns the mode that the file has in an archive.
func (f File) mode() fs.FileMode {
	if f.Executable {
		return 0o755
	}
	return 0o644
}

// Copy writes the content of the file to w.
//
// It fails if the content does not match Size and SHA256, because then the file has been
// changed since it was verified.
func (f File) Copy(w io.Writer) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("packing %s: %w", f.Name, err)
	}
	defer r.Close()

	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), r)
	if err != nil {
		return fmt.Errorf("packing %s: %w", f.Name, err)
	}

	if n != f.Size {
		return fmt.Errorf("packing %s: expected %d bytes, found %d", f.Name, f.Size, n)
	}
	got := fmt.Sprintf("%x", sum.Sum(nil))
	if f.SHA256 != "" && got != f.SHA256 {
		return fmt.Errorf("packing %s: SHA-256 changed from %s to %s", f.Name, f.SHA256, got)
	}

	return nil
}

// An Archive is an archive to write. Directories are implied by the files.
type Archive struct {
	Time        time.Time
	Files       []File
	Compressors *Compressors // used for tar.gz and zip
}

// formats holds the function that writes each archive format. A format is named by the
// extension of its files.
var formats = map[string]func(a Archive, w io.Writer) error{
	"tar.gz":  Archive.writeTarGzip,
	"tar.xz":  Archive.writeTarXZ,
	"tar.zst": Archive.writeTarZstd,
	"zip":     Archive.writeZip,
}

// Formats returns the names of the archive formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes the archive to w in the given format. It refuses duplicate names and names
// that would leave the directory in which the archive is unpacked.
func (a Archive) Write(format string, w io.Writer) error {
	write, ok := formats[format]
	if !ok {
		return fmt.Errorf("packing: unknown format %q", format)
	}

	byName := func(x, y File) int { return strings.Compare(x.Name, y.Name) }
	a.Files = slices.SortedFunc(slices.Values(a.Files), byName)

	for i, f := range a.Files {
		if err := CheckName(f.Name); err != nil {
			return err
		}
		if i > 0 && f.Name == a.Files[i-1].Name {
			return fmt.Errorf("packing %s: two files have this name", f.Name)
		}
	}

	return write(a, w)
}

// Times that can be written. A zip file has the years from 1980 to 2107, in steps of two
// seconds, and beside that the seconds since 1970 as 32 bits, which end in 2106 (APPNOTE.TXT
// 4.4.6; extrafld.txt, "Extended Timestamp"). A tar file has the seconds since 1970, which some
// programs read without a sign.
var (
	zipFirst = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	zipLast  = time.Date(2106, time.February, 7, 6, 28, 14, 0, time.UTC)
	tarFirst = time.Unix(0, 0)
)

// zipTime returns the time of an archive as a zip file can hold it.
func zipTime(t time.Time) time.Time {
	switch t = t.UTC().Truncate(time.Second); {
	case t.Before(zipFirst):
		return zipFirst
	case t.After(zipLast):
		return zipLast
	}
	return t
}

// tarTime returns the time of an archive as a tar file can hold it.
func tarTime(t time.Time) time.Time {
	if t.Before(tarFirst) {
		return tarFirst
	}
	return t.Truncate(time.Second)
}

// CheckName refuses a file name that would leave the directory in which the archive is
// unpacked, or that has another meaning on some system.
func CheckName(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\:\r\n") {
		return fmt.Errorf("packing %q: not a valid name in an archive", name)
	}
	return nil
}

// CheckChosenName is CheckName for a name that somebody chose for an archive. It also refuses
// names that Windows reserves or cannot write.
//
// Source: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
func CheckChosenName(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}

	for element := range strings.SplitSeq(name, "/") {
		isControl := func(c rune) bool { return c < ' ' || c == 0x7f }
		switch {
		case strings.ContainsAny(element, `<>"|?*`) || strings.ContainsFunc(element, isControl),
			strings.HasSuffix(element, " "),
			strings.HasSuffix(element, ".") && element != ".",
			door.IsReserved(element):
			return fmt.Errorf("packing %q: Windows has no files with the name %q", name, element)
		}
	}
	return nil
}

func (a Archive) writeTarGzip(w io.Writer) error {
	return a.writeTar(&gzipper{deflater: deflater{w: w, compressors: a.Compressors}})
}

func (a Archive) writeTarXZ(w io.Writer) error {
	z, err := xz.NewWriter(w)
	if err != nil {
		return fmt.Errorf("starting the xz compressor: %w", err)
	}
	return a.writeTar(z)
}

func (a Archive) writeTarZstd(w io.Writer) error {
	z, err := zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderConcurrency(1), // synchronous
	)
	if err != nil {
		return fmt.Errorf("starting the zstd compressor: %w", err)
	}
	return a.writeTar(z)
}

// writeTar writes the archive as a tar stream to the compressor z, and closes z.
func (a Archive) writeTar(z io.WriteCloser) error {
	tw := tar.NewWriter(z)

	for _, f := range a.Files {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     f.Name,
			Size:     f.Size,
			Mode:     int64(f.mode()),
			ModTime:  tarTime(a.Time),
			Format:   tar.FormatPAX, // plain ustar unless a name or size needs more
		}
		if err := tw.WriteHeader(header); err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
		if err := f.Copy(tw); err != nil {
			return err
		}
	}

	if err := tw.Close(); err != nil {
		return fmt.Errorf("closing the archive: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("closing the archive: %w", err)
	}

	return nil
}

func (a Archive) writeZip(w io.Writer) error {
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return &deflater{w: w, compressors: a.Compressors}, nil
	})

	for _, f := range a.Files {
		header := &zip.FileHeader{
			Name:     f.Name,
			Method:   zip.Deflate,
			Modified: zipTime(a.Time),
		}
		header.SetMode(f.mode())

		fw, err := zw.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
		if err := f.Copy(fw); err != nil {
			return err
		}
	}

	if err := zw.Close(); err != nil {
		return fmt.Errorf("closing the archive: %w", err)
	}

	return nil
}
