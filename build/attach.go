package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
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

// AttachedFiles finds the regular files that match patterns, relative to the module,
// sorted, each once. A pattern without a file is a mistake, and so is a file that cannot be
// read, one of git's own, and one in the directory without, which will be emptied. A
// symbolic link that leads out of the module is refused.
func (p *Plan) AttachedFiles(patterns []string, without string) ([]AttachedFile, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, fmt.Errorf("opening the module: %w", err)
	}
	defer root.Close()
	var ps Problems
	var files []AttachedFile
	for _, pattern := range patterns {
		matches, err := globFiles(root.FS(), pattern)
		switch {
		case err != nil:
			ps.add("attach", "", "reading pattern %q: %w", pattern, err)
		case len(matches) == 0:
			ps.add("attach", "", "no file matches %q in %s", pattern, p.Source.Dir)
		}
		for _, m := range matches {
			f, err := p.attached(root, m, without)
			if ps.keep("attach", err) {
				files = append(files, f)
			}
		}
	}
	slices.SortFunc(files, func(a, b AttachedFile) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(files, func(a, b AttachedFile) bool { return a.Path == b.Path }), ps.Err()
}

// attached looks at one file.
func (p *Plan) attached(root *os.Root, name, without string) (AttachedFile, error) {
	owner, err := p.ownerOf(filepath.Join(p.dir, filepath.FromSlash(name)), without)
	switch {
	case err != nil:
		return AttachedFile{}, fmt.Errorf("locating %s: %w", name, err)
	case owner == inWithout:
		return AttachedFile{}, fmt.Errorf("%s is in the directory for the files, which is emptied first", name)
	case owner == inGit:
		return AttachedFile{}, fmt.Errorf("%s is git's own", name) // its config can hold a token
	}
	f, err := root.Open(filepath.FromSlash(name)) // now: later it has cost a compilation
	if err != nil {
		return AttachedFile{}, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return AttachedFile{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return AttachedFile{name, fi.Size()}, nil
}

// CopyAttached writes the bytes of f to w.
func (p *Plan) CopyAttached(w io.Writer, f AttachedFile) error {
	root, err := os.OpenRoot(p.dir) // no symbolic link leads out of the module now either
	if err != nil {
		return fmt.Errorf("opening the module: %w", err)
	}
	defer root.Close()
	file, err := root.Open(filepath.FromSlash(f.Path))
	if err != nil {
		return err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: f.Path, Err: errors.New("no regular file any more")}
	}
	_, err = io.Copy(w, file)
	return err
}
