package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Door is the only way to files whose names come from settings or from the
// repository: licences, notes, workflows, go.mod. Behind it are regular files of one
// directory. What it refuses, whatever a name or a link says:
//
//   - a file outside the directory,
//   - git's own files, which may hold a token,
//   - what an earlier run left in dist/, which is removed first,
//   - whatever is not a regular file: a pipe blocks, a device has no end.
//
// A file is looked at before it is opened, since opening a device can have effects, and
// once more when it is open, since another program may have replaced it in between.
type Door struct {
	top  string      // the directory, a real path
	git  fs.FileInfo // of git's own directory, nil if there is none
	dist fs.FileInfo // of the directory for the files, nil if there is none
	root *os.Root
}

// OpenDoor opens a door to the files in the directory top. dist is the directory for the
// files of the release, "" if that does not matter.
func OpenDoor(top, dist string) (*Door, error) {
	top, err := realDir(top)
	if err != nil {
		return nil, err
	}

	d := &Door{top: top}
	d.git, err = os.Stat(filepath.Join(top, ".git")) // may be a link
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for git's directory: %w", err)
	}
	if dist != "" {
		d.dist, _ = os.Stat(dist) // nil: nothing can be in it; whether it can be made is another question
	}

	if d.root, err = os.OpenRoot(top); err != nil {
		return nil, fmt.Errorf("opening %s: %w", top, err)
	}
	return d, nil
}

// Close closes the door. Files that it opened stay open.
func (d *Door) Close() error { return d.root.Close() }

// A Refusal says why a door does not open a file.
type Refusal struct {
	Name string // as it was asked for
	why  reason
	more string // what kind of file it is, where it leads, how large it is
}

func (r *Refusal) Error() string {
	name := r.Name
	odd := func(c rune) bool { return !strconv.IsPrint(c) }
	if !utf8.ValidString(name) || strings.ContainsFunc(name, odd) {
		name = strconv.Quote(name) // it may be somebody else's, and speak to the terminal
	}
	return name + " " + string(r.why) + r.more
}

type reason string

const (
	leadsOut     reason = "leads out of "
	leadsNowhere reason = "is a link that leads nowhere"
	isGits       reason = "is git's own"
	isInDist     reason = "is in the directory for the files, which is emptied first"
	isDirectory  reason = "is a directory, not a file"
	isSpecial    reason = "is not a regular file: "
	isTooLarge   reason = "is too large: "
)

// refusedFor reports whether err is a refusal for that reason.
func refusedFor(err error, why reason) bool {
	var r *Refusal
	return errors.As(err, &r) && r.why == why
}

// Check returns the error that Open would return for the file, without opening it.
func (d *Door) Check(name string) error {
	_, _, err := d.find(name)
	return err
}

// find returns where the file is, relative to the directory and without a link in it.
func (d *Door) find(name string) (local string, fi fs.FileInfo, err error) {
	full := filepath.Join(d.top, filepath.FromSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", nil, d.outside(name)
	}

	target, err := filepath.EvalSymlinks(full)
	if err != nil {
		if _, linkErr := os.Lstat(full); linkErr == nil && errors.Is(err, fs.ErrNotExist) {
			return "", nil, &Refusal{Name: name, why: leadsNowhere}
		}
		return "", nil, fmt.Errorf("locating %s: %w", name, err)
	}
	local, err = filepath.Rel(d.top, target)
	if err != nil || !filepath.IsLocal(local) {
		return "", nil, d.outside(name)
	}

	why, err := d.owner(full, target)
	if err != nil {
		return "", nil, fmt.Errorf("locating %s: %w", name, err)
	}
	if why != "" {
		return "", nil, &Refusal{Name: name, why: why}
	}

	if fi, err = d.root.Lstat(local); err != nil {
		return "", nil, fmt.Errorf("locating %s: %w", name, err)
	}
	return local, fi, regular(name, fi)
}

func (d *Door) outside(name string) error {
	where := "the repository"
	if d.git == nil {
		where = d.top
	}
	return &Refusal{Name: name, why: leadsOut, more: where}
}

// regular refuses everything but a regular file.
func regular(name string, fi fs.FileInfo) error {
	kind := ""
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &Refusal{Name: name, why: isDirectory}
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	default:
		kind = mode.Type().String()
	}
	return &Refusal{Name: name, why: isSpecial, more: kind}
}

// owner says whose directory a file is in, if its files are not to be read: by the path
// as it was given, or by the path without links. Directories are compared as the file
// system does, since a name can be written in several ways.
func (d *Door) owner(paths ...string) (reason, error) {
	for _, path := range paths {
		above := false // the directory itself: one named .git around it is not git's

		for path != filepath.Dir(path) {
			above = above || path == d.top
			if !above && strings.EqualFold(filepath.Base(path), ".git") {
				return isGits, nil // of whichever repository
			}

			path = filepath.Dir(path)
			fi, err := os.Stat(path)
			switch {
			case err != nil:
				return "", err
			case d.git != nil && os.SameFile(fi, d.git):
				return isGits, nil
			case d.dist != nil && os.SameFile(fi, d.dist):
				return isInDist, nil
			}
		}
	}
	return "", nil
}

// Open opens the file of that name: relative to the directory, with slashes.
func (d *Door) Open(name string) (*os.File, fs.FileInfo, error) {
	local, _, err := d.find(name)
	if err != nil {
		return nil, nil, err
	}
	f, err := d.root.OpenFile(local, os.O_RDONLY|doNotWait, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}

	fi, err := d.confirm(name, f)
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, nil, err
	}
	return f, fi, nil
}

// confirm makes sure that an open file is the one that is found by its name.
func (d *Door) confirm(name string, f *os.File) (fs.FileInfo, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	_, found, err := d.find(name) // a regular file
	if err != nil {
		return nil, err
	}
	if !os.SameFile(found, fi) {
		return nil, fmt.Errorf("reading %s: another program is replacing it", name)
	}
	return fi, nil
}

// ReadFile returns the bytes of a file that has at most limit of them.
func (d *Door) ReadFile(name string, limit int64) ([]byte, error) {
	f, fi, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, name, fi.Size(), limit)
}

// ReadRegular returns the bytes of a regular file that has at most limit of them,
// wherever it is: the go command, or an earlier run of this program, has named it.
func ReadRegular(file string, limit int64) ([]byte, error) {
	fi, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if err := regular(file, fi); err != nil {
		return nil, err
	}

	f, err := os.OpenFile(file, os.O_RDONLY|doNotWait, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := regular(file, fi); err != nil {
		return nil, err
	}
	return readLimited(f, file, fi.Size(), limit)
}

// readLimited reads a file to its end. Its size is checked twice: before, so that nothing
// is read in vain, and while reading, since a file may grow, and those of /proc say 0.
func readLimited(r io.Reader, name string, size, limit int64) ([]byte, error) {
	tooLarge := &Refusal{Name: name, why: isTooLarge, more: fmt.Sprintf("more than %d bytes", limit)}
	if size > limit {
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge
	}
	return data, nil
}

// Glob returns the names in the directory dir that match pattern, as path.Match does; a
// wildcard matches no name that begins with a dot, as in a shell. Names are relative to
// dir, which is relative to the door. What they name may be refused.
func (d *Door) Glob(dir, pattern string) (names []string, err error) {
	matches, err := fs.Glob(subtree{d.root.FS(), dir}, pattern)
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		if !hidden(m, pattern) {
			names = append(names, m)
		}
	}

	// A name without a wildcard that leads nowhere, or out, matches nothing: it is for
	// Check to say why.
	if !isPattern(pattern) && len(matches) == 0 && fs.ValidPath(pattern) {
		if _, err := os.Lstat(filepath.Join(d.top, filepath.FromSlash(path.Join(dir, pattern)))); err == nil {
			names = []string{pattern}
		}
	}
	return names, nil
}

// isPattern reports whether a pattern has a wildcard, or a quoted character, in it.
func isPattern(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// hidden reports whether a wildcard of pattern matches a name in file that begins with a
// dot.
func hidden(file, pattern string) bool {
	patterns := strings.Split(pattern, "/")
	for i, name := range strings.Split(file, "/") {
		if strings.HasPrefix(name, ".") && (i >= len(patterns) || !strings.HasPrefix(strings.TrimPrefix(patterns[i], `\`), ".")) {
			return true
		}
	}
	return false
}

// List returns the names in a directory, none if it does not exist.
func (d *Door) List(dir string) (names []string, err error) {
	local, _, err := d.find(dir)
	switch {
	case err == nil:
		return nil, fmt.Errorf("listing %s: it is a file, not a directory", dir)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case !refusedFor(err, isDirectory):
		return nil, err
	}

	entries, err := fs.ReadDir(d.root.FS(), filepath.ToSlash(local))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// A subtree is a directory of a file system in which links may lead anywhere in the whole.
// fs.Sub would take the name of the directory for a pattern.
type subtree struct {
	whole fs.FS
	dir   string
}

// in is the name in the whole. No name leads out of the directory by itself.
func (t subtree) in(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return path.Join(t.dir, name), nil
}

func (t subtree) Open(name string) (fs.File, error) {
	name, err := t.in("open", name)
	if err != nil {
		return nil, err
	}
	return t.whole.Open(name)
}

func (t subtree) Stat(name string) (fs.FileInfo, error) {
	name, err := t.in("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(t.whole, name)
}

func (t subtree) ReadDir(name string) ([]fs.DirEntry, error) {
	name, err := t.in("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(t.whole, name)
}
