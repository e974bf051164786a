package build

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// An AttachedFile is a file that is released as it is. Unlike an ExtraFile it need not
// be of the commit, and may be large.
type AttachedFile struct {
	Path string // relative to the module, slashes
	Size int64  // bytes, when the plan was made
}

// Name is the file's name in the release.
func (f AttachedFile) Name() string { return path.Base(f.Path) }

// MarshalText writes the file as its path.
func (f AttachedFile) MarshalText() ([]byte, error) { return []byte(f.Path), nil }

// AttachedFiles finds the files that match patterns, relative to the module, sorted, each
// once. A pattern without a file is a mistake, and so is a file that cannot be read, or that
// a Door with the directory dist refuses.
func (p *Plan) AttachedFiles(patterns []string, dist string) (_ []AttachedFile, err error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	door, err := OpenDoor(p.Source.top, dist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, door.Close()) }()

	var ps Problems
	var files []AttachedFile
	for _, pattern := range patterns {
		names, err := door.Glob(p.Source.Dir, pattern)
		if err != nil {
			ps.add("attach", "", "reading pattern %q: %w", pattern, err)
			continue
		}

		matched := false
		for _, name := range names {
			f, err := p.attached(door, name)
			if isPattern(pattern) && refusedFor(err, isDirectory) {
				continue // as a shell's wildcard does, it matches directories too
			}
			matched = true
			if ps.keep("attach", err) {
				files = append(files, f)
			}
		}
		if !matched {
			ps.add("attach", "", "no file matches %q in %s", pattern, p.Source.Dir)
		}
	}
	slices.SortFunc(files, func(a, b AttachedFile) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(files, func(a, b AttachedFile) bool { return a.Path == b.Path }), ps.Err()
}

// attached looks at one file. It is opened, because that it cannot be read would be found
// out too late otherwise, after a compilation.
func (p *Plan) attached(door *Door, name string) (AttachedFile, error) {
	f, fi, err := door.Open(path.Join(p.Source.Dir, name))
	if err != nil {
		return AttachedFile{}, err
	}
	return AttachedFile{name, fi.Size()}, f.Close()
}

// CopyAttached writes the bytes of f to w: as many as there were when the plan was made,
// since it is that size that was checked.
func (p *Plan) CopyAttached(w io.Writer, f AttachedFile) (err error) {
	door, err := OpenDoor(p.Source.top, "") // dist was emptied: nothing in it is found
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.Close()) }()

	file, _, err := door.Open(path.Join(p.Source.Dir, f.Path))
	if err != nil {
		return err
	}
	defer file.Close()

	n, err := io.Copy(w, io.LimitReader(file, f.Size+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	if n != f.Size {
		return fmt.Errorf("reading %s: it had %d bytes when the plan was made, and has another size", f.Path, f.Size)
	}
	return nil
}
