// Package pack turns binaries into the files of a release: the same bytes every
// time, on every machine.
//
// Nothing of a file system survives in an archive. Names are sorted, there is one
// time (the commit's), owner and group are 0, and the mode follows from one bit: a
// file is executable or it is not. The compressors are this module's pinned
// dependencies, so the bytes depend neither on the Go release that compiled this
// program nor on the number of processors.
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
)

// Binary is the format of a program that is not packed.
const Binary = "binary"

// A File is one file to pack.
type File struct {
	Name       string // in the archive, slashes
	Executable bool
	Size       int64
	SHA256     string // of the content, in hex; "" if it is not known
	Open       func() (io.ReadCloser, error)
}

// mode is the file's mode by rule.
func (f File) mode() fs.FileMode {
	if f.Executable {
		return 0o755
	}
	return 0o644
}

// Copy writes the file's content. It fails if that is not what Size and SHA256 say: a file
// that was changed after it was proved, by itself or by somebody else, is not packed.
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
	if got := fmt.Sprintf("%x", sum.Sum(nil)); f.SHA256 != "" && got != f.SHA256 {
		return fmt.Errorf("packing %s: its SHA-256 was %s and is %s", f.Name, f.SHA256, got)
	}
	return nil
}

// An Archive is an archive to write. Directories are implied by the files.
type Archive struct {
	Time        time.Time
	Files       []File
	Compressors *Compressors // of tar.gz and zip
}

// formats are the ways to write an archive, by name, which is the file name's extension too.
var formats = map[string]func(a Archive, w io.Writer) error{
	"tar.gz": func(a Archive, w io.Writer) error {
		return a.tarInto(&gzipper{deflater: deflater{w: w, c: a.Compressors}}, nil)
	},
	"zip": Archive.zip,
	"tar.xz": func(a Archive, w io.Writer) error {
		z, err := xz.NewWriter(w)
		return a.tarInto(z, err)
	},
	"tar.zst": func(a Archive, w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
		return a.tarInto(z, err)
	},
}

// Formats returns the names of the archive formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes the archive in the given format. It refuses names that would leave
// the directory the archive is unpacked in, or that occur twice.
func (a Archive) Write(format string, w io.Writer) error {
	write, ok := formats[format]
	if !ok {
		return fmt.Errorf("packing: unknown format %q", format)
	}
	a.Files = slices.SortedFunc(slices.Values(a.Files), func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	for i, f := range a.Files {
		if err := CheckName(f.Name); err != nil {
			return err
		}
		if i > 0 && f.Name == a.Files[i-1].Name {
			return fmt.Errorf("packing %s: two files of this name", f.Name)
		}
	}
	return write(a, w)
}

// CheckName refuses the name of a file that would leave the directory the archive is
// unpacked in, or that means something else on another system.
func CheckName(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\:\r\n") {
		return fmt.Errorf("packing %q: not a name inside an archive", name)
	}
	return nil
}

// tarInto writes a tar stream into the compressor z and closes both. err is that of
// making z.
func (a Archive) tarInto(z io.WriteCloser, err error) error {
	if err != nil {
		return fmt.Errorf("starting the compressor: %w", err)
	}
	tw := tar.NewWriter(z)
	for _, f := range a.Files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.Name, Size: f.Size, Mode: int64(f.mode()),
			ModTime: a.Time.Truncate(time.Second),
			Format:  tar.FormatPAX, // plain ustar unless a name or size needs more
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

func (a Archive) zip(w io.Writer) error {
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return &deflater{w: w, c: a.Compressors}, nil })
	for _, f := range a.Files {
		header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: a.Time.UTC().Truncate(time.Second)}
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
