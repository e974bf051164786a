package workspace

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// An AttachedFile is a file that is released as it is. Unlike an ExtraFile it need not
// be part of the commit, and may be large.
type AttachedFile struct {
	Path string `json:"path"` // relative to the module, slashes
	Size int64  `json:"size"` // bytes, when the plan was made
}

// Name returns the file's name in the release.
func (f AttachedFile) Name() string { return path.Base(f.Path) }

// AttachedFiles returns the files that match patterns, relative to the module, sorted and
// each once. A pattern that matches no file is an error, and so is a file that cannot be
// read or that a door.Door refuses.
func (w *Workspace) AttachedFiles(patterns []string) (_ []AttachedFile, err error) {
	if len(patterns) == 0 {
		return nil, nil
	}

	d, err := door.Open(w.Root, w.dist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	var ps problem.List
	var files []AttachedFile
	for _, pattern := range patterns {
		names, err := d.Glob(w.ModuleDir(), pattern)
		if err != nil {
			ps.Add("attach", "reading pattern %q: %w", pattern, err)
			continue
		}

		matched := false
		for _, name := range names {
			f, err := w.attached(d, name)
			if door.IsPattern(pattern) && door.Refused(err, door.IsDirectory) {
				continue // wildcards match directories too, as in a shell
			}

			matched = true
			if ps.Keep("attach", err) {
				files = append(files, f)
			}
		}
		if !matched {
			ps.Add("attach", "no file matches %q in %s", pattern, w.ModuleDir())
		}
	}

	slices.SortFunc(files, func(a, b AttachedFile) int { return strings.Compare(a.Path, b.Path) })
	files = slices.CompactFunc(files, func(a, b AttachedFile) bool { return a.Path == b.Path })
	return files, ps.Err()
}

// attached describes one file. It opens the file, to report one that cannot be read before
// anything is compiled.
func (w *Workspace) attached(d *door.Door, name string) (AttachedFile, error) {
	f, fi, err := d.Open(path.Join(w.ModuleDir(), name))
	if err != nil {
		return AttachedFile{}, err
	}
	return AttachedFile{Path: name, Size: fi.Size()}, f.Close()
}

// CopyAttached writes the content of f to dst. It fails if the size is not the one that was
// checked when the plan was made.
func (w *Workspace) CopyAttached(dst io.Writer, f AttachedFile) (err error) {
	d, err := door.Open(w.Root, "") // dist was emptied, so it has no old files
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	file, _, err := d.Open(path.Join(w.ModuleDir(), f.Path))
	if err != nil {
		return err
	}
	defer file.Close()

	n, err := io.Copy(dst, io.LimitReader(file, f.Size+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	if n != f.Size {
		return fmt.Errorf("reading %s: it had %d bytes when the plan was made, and has another size", f.Path, f.Size)
	}

	return nil
}
