// Package inspect finds executables in whatever holds them and says what each needs to
// run: files, directories, tar and zip archives, Debian, RPM and Alpine packages,
// container images in a registry, in an OCI image layout, or saved by docker or podman.
//
// Nothing is executed and nothing is unpacked to a place of its own: an executable or an
// archive inside an archive is read from memory, or from a temporary file without a name
// if it is large. Names from archives are only ever shown. No size in a file is trusted:
// what is decompressed is limited, and a limit that is reached is an error, never a
// shorter list. Compressed files are read to the end, where the checksum is, unless the
// first bytes show that the content is neither an executable nor an archive.
//
// Content decides what is inspected, and a file that is more than one thing is inspected as
// all of them: a program with a zip archive at its end, or with the header of a tar archive
// in its first block, is judged as a program and then unpacked. Names, modes, types and
// media types decide nothing, because some unpacker makes a file of whatever has content.
// An archive whose members different unpackers would find in different places is an error.
//
// There are these exceptions:
//
//   - In a directory, archives are recognized by their names, so that a whole file system is
//     read quickly. Files that begin like an executable are inspected whatever their names.
//   - A file that is named by itself is recognized by its content, and by its name if the
//     content tells nothing.
//   - A zip archive at the end of an archive's member is inspected if the member begins like
//     an executable, a script or an archive. Otherwise it is an error. It is not found in a
//     compressed file of a directory, in a member that is compressed by itself, or in a
//     deflated member of a zip archive, which are recognized by their first bytes.
//   - An executable that is found in two ways, such as from the end of an archive and as its
//     last member, may be visited twice.
//
// Other formats are not read, neither by themselves nor inside others: 7z, rar, cab, cpio
// outside a package, images of disks and file systems (ISO 9660, squashfs), and streams of
// compress, lzip, lzop and lz4. Their contents are not inspected.
//
// Of a container image every layer is looked at by itself, on every platform: what a
// later layer replaces or deletes is shipped, too, and so is a layer that is marked as an
// attestation. A layer or manifest without the digest and size that its image gives is an
// error, but executables in it may have been visited by then.
package inspect

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/org/go-static-release/build/static"
)

// A Found is one executable.
type Found struct {
	Path    string         `json:"path"`           // of the file, as it is; behind each "!" the name inside an archive
	OS      string         `json:"os"`             // what it was judged for, a GOOS
	File    *static.File   `json:"file,omitempty"` // nil if it could not be read
	Verdict static.Verdict `json:"verdict"`
}

// Path calls visit for every executable at path: in the order of names, and in an archive
// in the order of its members; those of archives in a tar archive come last. A file that
// looks like an executable and cannot be read is visited too, with the reason in its
// verdict. An error means that something at path could not be looked at, or that path is
// a file of which nothing is known.
func Path(ctx context.Context, path string, visit func(Found) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return onDisk(err)
	}
	in := newInspection(ctx, visit)
	switch {
	case info.Mode().IsRegular():
		return in.named(path)
	case !info.IsDir(): // opening a pipe would wait for a writer
		return at(path, errors.New("neither a file nor a directory"))
	}
	root, err := filepath.EvalSymlinks(path) // WalkDir does not follow a link, not even its root
	if err != nil {
		return onDisk(err)
	}
	return in.directory(root, path)
}

// errVisit marks an error of the visitor, which ends the inspection.
var errVisit = errors.New("stopped")

// An inspection is used by one goroutine.
type inspection struct {
	ctx    context.Context
	visit  func(Found) error
	probe  *probe
	budget *budget
	depth  int  // of an archive in archives
	quick  bool // a file of a directory, where compressed files are recognized by their first bytes
}

func newInspection(ctx context.Context, visit func(Found) error) inspection {
	return inspection{ctx: ctx, visit: visit, probe: &probe{}}.fresh()
}

// named looks at a file that was named by itself: it must hold something.
func (in inspection) named(path string) error {
	f, size, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return in.byContent(path, f, size, true)
}

// Reader is Path for a file that is open already, under the name it is to be known by.
// It need not hold an executable.
func Reader(ctx context.Context, name string, r io.ReaderAt, size int64, visit func(Found) error) error {
	return newInspection(ctx, visit).byContent(name, r, size, false)
}

// byContent looks at a file that is known by its content, whatever its name.
func (in inspection) byContent(path string, r io.ReaderAt, size int64, must bool) error {
	head := make([]byte, headSize)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return at(path, err)
	}
	head = head[:n]

	readings, err := in.readings(head, r, size)
	if err != nil {
		return at(path, err)
	}
	if len(readings) == 0 && !static.Known(head) {
		if read := containerByName(path); read != nil {
			readings = []container{read}
		}
	}
	if len(readings) == 0 {
		return in.judge(path, r, size, must)
	}

	// An executable is judged first, whatever else the file can be read as.
	if static.Known(head) {
		if err := in.judge(path, r, size, false); err != nil {
			return err
		}
	}

	in = in.fresh()
	return in.budget.with(in.unpackAs(readings, path, r, size))
}

// unpackAs inspects the members that a file has under each of its readings.
func (in inspection) unpackAs(readings []container, path string, r io.ReaderAt, size int64) error {
	var errs []error
	for _, read := range readings {
		err := read(in, path, r, size)
		if in.over(err) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// listed looks at a file of a directory, most of which are nothing: after one read.
func (in inspection) listed(path, shown string) error {
	if filepath.Base(path) == layoutFile {
		return in.layout(filepath.Dir(path), filepath.Dir(shown))
	}
	f, err := openListed(path)
	if err != nil {
		return onDisk(err)
	}
	defer f.Close()
	if containerByName(path) == nil && in.probe.unknown(f) {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return onDisk(err)
	}
	in.quick = true
	return in.byContent(shown, f, info.Size(), false)
}

func open(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, onDisk(err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, 0, onDisk(err)
	}
	return f, info.Size(), nil
}

// judge reads one file. What is no executable is passed over, or an error if it must be one.
func (in inspection) judge(path string, r io.ReaderAt, size int64, must bool) error {
	file, err := static.Read(r, size)
	found := Found{Path: path, File: file}
	switch {
	case errors.Is(err, static.ErrNotExecutable) && must:
		return at(path, err)
	case errors.Is(err, static.ErrNotExecutable):
		return nil
	case err != nil:
		found.Verdict.Reasons = []string{err.Error()}
	default:
		found.OS = systemOf(file, &limitedAt{in.ctx, r, maxBuildInfo})
		found.Verdict = static.Judge(found.OS, file)
	}
	if in.ctx.Err() != nil { // what was read last may be half of it
		return context.Cause(in.ctx)
	}
	if err := in.visit(found); err != nil {
		return fmt.Errorf("%w: %w", errVisit, err)
	}
	return nil
}

// systemOf returns the GOOS to judge an executable for: see [static.System]. It reads build
// info only from ELF files, whose headers often do not name the system.
func systemOf(f *static.File, r io.ReaderAt) string {
	if f.Format != static.ELF {
		return static.System(f, "")
	}

	// Most programs have none, and some say that their data has no end: then r does.
	info, err := buildinfo.Read(r)
	if err != nil {
		return static.System(f, "")
	}
	for _, s := range info.Settings {
		if s.Key == "GOOS" {
			return static.System(f, s.Value)
		}
	}
	return static.System(f, "")
}
