// Package inspect finds executables and says what each of them needs to run. It looks into
// files, directories, tar and zip archives, Debian, RPM and Alpine packages, and container
// images in a registry, in an OCI image layout, or saved by docker or podman.
//
// Nothing is executed or unpacked. Executables and archives inside an archive are read from
// memory, or from a temporary file without a name if they are large. Names from archives are
// only displayed. No size given in a file is trusted: the amount of decompressed data is
// limited, and exceeding a limit is an error. Compressed files are read to the end, where the
// checksum is, unless the first bytes show that the content is neither an executable nor an
// archive.
//
// The content of a file decides how it is inspected. A file that can be read in several ways
// is inspected in all of them: a program with a zip archive at its end, or with a tar header
// in its first block, is judged as a program and then unpacked. Names, modes, member types and
// media types are ignored, because for everything that has content some unpacker creates a
// file. An archive in which different unpackers find different members is an error.
//
// There are these exceptions:
//
//   - In a directory, archives are recognized by their names, so that a whole file system can
//     be inspected quickly. Files that begin like an executable are inspected whatever their
//     names.
//   - A single file is recognized by its content, or by its name if the content is unknown.
//   - A zip archive at the end of an archive's member is inspected if the member begins like
//     an executable, a script or an archive. Otherwise it is an error. It is not found in a
//     compressed file in a directory, in a compressed member, or in a deflated member of a zip
//     archive, because these are recognized by their first bytes.
//   - An executable that is found in two ways, such as from the end of an archive and as its
//     last member, may be visited twice.
//
// Other formats are not supported, whether by themselves or inside others: 7z, rar, cab, cpio
// outside a package, images of disks and file systems (ISO 9660, squashfs), and files
// compressed by compress, lzip, lzop or lz4. Their contents are not inspected.
//
// Every layer of a container image is inspected by itself, for every platform. Files that a
// later layer replaces or deletes are still shipped, and so are layers marked as attestations.
// A layer or manifest that does not match its digest and size is an error, but executables in
// it may have been visited by then.
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
	// Path is the path of the file. Names of members of archives follow it, each after a "!".
	// It is not escaped: show it with quote.Name.
	Path string `json:"path"`

	OS      string         `json:"os"`             // the GOOS that the executable was judged for
	File    *static.File   `json:"file,omitempty"` // nil if the executable could not be read
	Verdict static.Verdict `json:"verdict"`
}

// Path calls visit for every executable at path. Files of a directory are visited in the
// order of their names, and members of an archive in the order of the archive, except that
// archives inside a tar archive come last.
//
// A file that looks like an executable but cannot be read is visited as well, with the reason
// in its verdict. An error means that something at path could not be inspected, or that path
// is a file of an unknown kind.
func Path(ctx context.Context, path string, visit func(Found) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return diskError(err)
	}

	in := newInspection(ctx, visit)
	if info.Mode().IsRegular() {
		return in.inspectNamed(path)
	}
	if !info.IsDir() { // opening a pipe would wait for a writer
		return errorAt(path, errors.New("neither a file nor a directory"))
	}

	root, err := filepath.EvalSymlinks(path) // WalkDir follows no links, not even at the root
	if err != nil {
		return diskError(err)
	}
	return in.inspectDirectory(root, path)
}

// Reader is like Path for a file that is already open. name is used in place of its path. The
// file may be of any kind.
func Reader(ctx context.Context, name string, r io.ReaderAt, size int64, visit func(Found) error) error {
	return newInspection(ctx, visit).inspectContent(name, r, size, false)
}

// errVisit marks an error returned by the visitor, which ends the inspection.
var errVisit = errors.New("stopped")

// An inspection must be used by only one goroutine at a time.
type inspection struct {
	ctx    context.Context
	visit  func(Found) error
	probe  *probe
	budget *budget
	depth  int // number of archives around the current one

	// listed is set for a file found in a directory. There compressed files are recognized by
	// their first bytes.
	listed bool
}

func newInspection(ctx context.Context, visit func(Found) error) inspection {
	in := inspection{
		ctx:   ctx,
		visit: visit,
		probe: &probe{},
	}
	return in.withNewBudget()
}

// inspectNamed inspects a file that was named by the caller. It fails if the file is neither
// an executable nor a container.
func (in inspection) inspectNamed(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return diskError(err)
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return diskError(err)
	}
	return in.inspectContent(path, f, info.Size(), true)
}

// inspectListed inspects a file found in a directory. Most of these files are irrelevant,
// which a single read shows. shown is the path as the caller knows it.
func (in inspection) inspectListed(path, shown string) error {
	if filepath.Base(path) == layoutFile {
		return in.inspectLayout(filepath.Dir(path), filepath.Dir(shown))
	}

	f, err := openListed(path)
	if err != nil {
		return diskError(err)
	}
	defer f.Close()

	if containerByName(path) == nil && in.probe.isNotExecutable(f) {
		return nil
	}

	info, err := f.Stat()
	if err != nil {
		return diskError(err)
	}
	in.listed = true
	return in.inspectContent(shown, f, info.Size(), false)
}

// inspectContent inspects a file of any kind. If required is true, it fails if the file is
// neither an executable nor a container.
func (in inspection) inspectContent(path string, r io.ReaderAt, size int64, required bool) error {
	head := make([]byte, headSize)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return errorAt(path, err)
	}
	head = head[:n]
	isExecutable := static.Known(head)

	readers, err := in.containerReaders(head, r, size)
	if err != nil {
		return errorAt(path, err)
	}
	if len(readers) == 0 && !isExecutable {
		if read := containerByName(path); read != nil {
			readers = []containerReader{read}
		}
	}
	if len(readers) == 0 {
		return in.judge(path, r, size, required)
	}

	// The executable comes before the executables it may contain.
	if isExecutable {
		if err := in.judge(path, r, size, false); err != nil {
			return err
		}
	}

	in = in.withNewBudget()
	return in.budget.join(in.inspectMembers(readers, path, r, size))
}

// inspectMembers inspects the members of a file with each of the readers.
func (in inspection) inspectMembers(readers []containerReader, path string, r io.ReaderAt, size int64) error {
	var errs []error
	for _, read := range readers {
		err := read(in, path, r, size)
		if in.isFatal(err) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// judge reads a file and visits it if it is an executable. If required is true, it fails if
// the file is not an executable.
func (in inspection) judge(path string, r io.ReaderAt, size int64, required bool) error {
	file, err := static.Read(r, size)
	found := Found{Path: path, File: file}
	switch {
	case errors.Is(err, static.ErrNotExecutable):
		if required {
			return errorAt(path, err)
		}
		return nil
	case err != nil:
		found.Verdict.Reasons = []string{err.Error()}
	default:
		limited := &limitedReaderAt{ctx: in.ctx, r: r, left: maxBuildInfo}
		found.OS = systemOf(file, limited)
		found.Verdict = static.Judge(found.OS, file)
	}

	if in.ctx.Err() != nil { // the verdict may be based on a part of the file
		return context.Cause(in.ctx)
	}
	if err := in.visit(found); err != nil {
		return fmt.Errorf("%w: %w", errVisit, err)
	}
	return nil
}

// systemOf returns the GOOS that an executable is judged for; see [static.System]. It reads
// the build info only of ELF files, whose headers often do not name the system.
func systemOf(f *static.File, r io.ReaderAt) string {
	if f.Format != static.ELF {
		return static.System(f, "")
	}

	// Most programs have no build info, and the data of some has no end. r is limited.
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
