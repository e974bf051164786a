package workspace

import (
	"cmp"
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
	Path string `json:"path"`         // relative to the module, slashes
	As   string `json:"as,omitempty"` // name in the release, "" for its own
	Size int64  `json:"size"`         // bytes, when the plan was made
}

// Name returns the file's name in the release.
func (f AttachedFile) Name() string { return cmp.Or(f.As, path.Base(f.Path)) }

// AttachedFiles returns the files that the words of the setting "attach" stand for, sorted and
// each once. A word that matches no file is an error, and so is a file that cannot be read, that
// a door.Door refuses, or whose content Git LFS has not fetched.
func (w *Workspace) AttachedFiles(words []string) (files []AttachedFile, err error) {
	if len(words) == 0 {
		return nil, nil
	}

	d, err := door.Open(w.Root, w.dist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	f := finder{
		door:    d,
		dir:     w.ModuleDir(),
		setting: "attach",
	}
	var ps problem.List
	var found []selected
	for _, text := range words {
		word := parseFileWord(text)
		some, wrong := f.find(word)
		ps = append(ps, wrong...)

		if word.isRename && len(some) > 0 {
			some, err = nameAsset(word, some)
			ps.Keep("attach", err)
		}
		found = append(found, some...)
	}

	for _, s := range resolveNames(found) {
		file, err := w.attached(d, s)
		if ps.Keep("attach", err) {
			files = append(files, file)
		}
	}

	slices.SortFunc(files, func(a, b AttachedFile) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.As, b.As))
	})
	return files, ps.Err()
}

// nameAsset gives the one file that a word stands for the name in it. A release has no
// directories.
func nameAsset(word fileWord, files []selected) ([]selected, error) {
	if len(files) > 1 {
		return nil, fmt.Errorf("%q gives %d files one name", word.word, len(files))
	}
	if path.Base(word.name) != word.name {
		return nil, fmt.Errorf("%q: a release has no directories, so %q is not a name in it", word.word, word.name)
	}

	files[0].name = word.name
	return files, nil
}

// attached describes one file. It opens the file, to report one that cannot be read before
// anything is compiled.
func (w *Workspace) attached(d *door.Door, s selected) (_ AttachedFile, err error) {
	f, fi, err := d.Open(s.path)
	if err != nil {
		return AttachedFile{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	if fi.Size() < maxPointer {
		data, err := io.ReadAll(io.LimitReader(f, maxPointer))
		if err != nil {
			return AttachedFile{}, fmt.Errorf("reading %s: %w", s.path, err)
		}
		if isPointer(data) {
			return AttachedFile{}, missingContent("attach", "attached", []string{s.path})
		}
	}

	file := AttachedFile{
		Path: nameBelow(w.ModuleDir(), s.path),
		Size: fi.Size(),
	}
	if s.renamed {
		file.As = s.name
	}
	return file, nil
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
