// Package door opens files whose names come from settings or from the repository, and knows the
// names that Windows reserves. It is a leaf.
package door

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// A Door is the only way to files whose names come from settings or from the
// repository: licences, notes, workflows, go.mod. It opens regular files of one directory
// and refuses, whatever a name or a link says:
//
//   - files outside the directory,
//   - git's own files, which may hold a token,
//   - files that an earlier run left in dist/, which is emptied first,
//   - anything but a regular file: a pipe blocks, a device has no end.
//
// A file is checked before it is opened, because opening a device can have effects, and
// again when it is open, because another program may have replaced it in between.
type Door struct {
	top  string      // the directory, a real path
	git  fs.FileInfo // of git's own directory, nil if there is none
	dist fs.FileInfo // of the directory for the files, nil if there is none
	root *os.Root
}

// Open opens a door to the files in the directory top. dist is the directory for the
// files of the release; with "" the door refuses nothing because of it.
func Open(top, dist string) (*Door, error) {
	top, err := RealDir(top)
	if err != nil {
		return nil, err
	}

	d := &Door{top: top}
	d.git, err = os.Stat(filepath.Join(top, ".git")) // may be a link
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for git's directory: %w", err)
	}
	if dist != "" {
		d.dist, _ = os.Stat(dist) // without a directory there is no file in it to refuse
	}

	d.root, err = os.OpenRoot(top)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", top, err)
	}

	return d, nil
}

// Close closes the door. Files that it opened stay open.
func (d *Door) Close() error { return d.root.Close() }

// A Refusal says why a door does not open a file.
type Refusal struct {
	Name string // as given to the door
	Why  Reason
	more string // the kind of file, where it leads, or how large it is
}

func (r *Refusal) Error() string {
	name := r.Name

	// The name may be chosen by somebody else and hold commands for the terminal.
	unprintable := func(c rune) bool { return !strconv.IsPrint(c) }
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable) {
		name = strconv.Quote(name)
	}

	return name + " " + string(r.Why) + r.more
}

// A Reason is why a door does not open a file.
type Reason string

// Reasons of refusals.
const (
	leadsOut     Reason = "leads out of "
	leadsNowhere Reason = "is a link that leads nowhere"
	isGits       Reason = "belongs to git"
	IsInDist     Reason = "is in the directory for the files, which is emptied first"
	IsDirectory  Reason = "is a directory, not a file"
	isSpecial    Reason = "is not a regular file: "
	IsTooLarge   Reason = "is too large: "
)

// Refused reports whether err is a refusal for that reason.
func Refused(err error, why Reason) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Why == why
}

// Check returns the error that Open would return for the file, without opening it.
func (d *Door) Check(name string) error {
	_, _, err := d.Locate(name)
	return err
}

// Locate returns the path of the file, relative to the directory and with links resolved.
func (d *Door) Locate(name string) (local string, fi fs.FileInfo, err error) {
	full := filepath.Join(d.top, filepath.FromSlash(name))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", nil, d.outside(name)
	}

	target, err := filepath.EvalSymlinks(full)
	if errors.Is(err, fs.ErrNotExist) {
		_, linkErr := os.Lstat(full)
		if linkErr == nil {
			return "", nil, &Refusal{Name: name, Why: leadsNowhere}
		}
	}
	if err != nil {
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
		return "", nil, &Refusal{Name: name, Why: why}
	}

	fi, err = d.root.Lstat(local)
	if err != nil {
		return "", nil, fmt.Errorf("locating %s: %w", name, err)
	}

	return local, fi, checkRegular(name, fi)
}

// outside returns the refusal of a file that is not in the directory.
func (d *Door) outside(name string) error {
	where := "the repository"
	if d.git == nil {
		where = d.top
	}

	return &Refusal{Name: name, Why: leadsOut, more: where}
}

// checkRegular refuses everything but a regular file.
func checkRegular(name string, fi fs.FileInfo) error {
	kind := ""
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &Refusal{Name: name, Why: IsDirectory}
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	default:
		kind = mode.Type().String()
	}

	return &Refusal{Name: name, Why: isSpecial, more: kind}
}

// owner returns why the door must not read below a directory that one of the paths leads
// through, "" if there is no such directory. The paths are the name as given and the name
// with links resolved. Directories are compared as files, not by name, because a file
// system may accept several spellings of a name.
func (d *Door) owner(paths ...string) (Reason, error) {
	for _, path := range paths {
		above := false // a directory .git that contains the door's is not git's

		for path != filepath.Dir(path) {
			if path == d.top {
				above = true
			}
			if !above && strings.EqualFold(filepath.Base(path), ".git") {
				return isGits, nil // of any repository
			}

			path = filepath.Dir(path)
			fi, err := os.Stat(path)
			switch {
			case err != nil:
				return "", err
			case d.git != nil && os.SameFile(fi, d.git):
				return isGits, nil
			case d.dist != nil && os.SameFile(fi, d.dist):
				return IsInDist, nil
			}
		}
	}

	return "", nil
}

// Open opens a file. Its name is relative to the directory, with slashes.
func (d *Door) Open(name string) (*os.File, fs.FileInfo, error) {
	local, _, err := d.Locate(name)
	if err != nil {
		return nil, nil, err
	}

	f, err := d.root.OpenFile(local, os.O_RDONLY|DoNotWait, 0)
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

// confirm fails unless the open file is the one that Locate finds by its name.
func (d *Door) confirm(name string, f *os.File) (fs.FileInfo, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}

	_, found, err := d.Locate(name) // a regular file
	if err != nil {
		return nil, err
	}
	if !os.SameFile(found, fi) {
		return nil, fmt.Errorf("reading %s: another program is replacing it", name)
	}

	return fi, nil
}

// ReadFile returns the content of a file. It refuses a file of more than limit bytes.
func (d *Door) ReadFile(name string, limit int64) ([]byte, error) {
	f, fi, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	return readLimited(f, name, fi.Size(), limit)
}

// ReadRegular returns the content of a regular file of at most limit bytes. The file may
// be anywhere, so its name must not come from settings or from the repository but from
// the go command, say, or an earlier run of this program.
func ReadRegular(file string, limit int64) ([]byte, error) {
	fi, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(file, fi); err != nil {
		return nil, err
	}

	f, err := os.OpenFile(file, os.O_RDONLY|DoNotWait, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	fi, err = f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkRegular(file, fi); err != nil {
		return nil, err
	}

	return readLimited(f, file, fi.Size(), limit)
}

// readLimited reads a file to its end. It checks the size twice: before reading, and
// while reading, because a file may grow and files in /proc have size 0.
func readLimited(r io.Reader, name string, size, limit int64) ([]byte, error) {
	tooLarge := &Refusal{
		Name: name,
		Why:  IsTooLarge,
		more: fmt.Sprintf("more than %d bytes", limit),
	}
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

// maxMatches limits the number of files that one pattern, or one directory, may stand for.
const maxMatches = 10_000

// Glob returns the names in the directory dir that match pattern, sorted, with the patterns of
// package doublestar: "**" stands for any directories, and {a,b} for one of several words. A
// wildcard matches no name that begins with a dot, as in a shell. Names are relative to dir,
// which is relative to the door. Open may refuse the files they name.
func (d *Door) Glob(dir, pattern string) (names []string, err error) {
	if !doublestar.ValidatePattern(pattern) {
		return nil, doublestar.ErrBadPattern
	}
	pattern = path.Clean(pattern) // ./x and x/ are x

	// Links that "**" follows may lead in circles, and git's directory has many files.
	files := subtree{whole: d.root.FS(), dir: dir}
	var options []doublestar.GlobOption
	if strings.Contains(pattern, "**") {
		files.skipGit = true
		options = append(options, doublestar.WithNoFollow())
	}

	matched := false
	err = doublestar.GlobWalk(files, pattern, func(name string, _ fs.DirEntry) error {
		matched = true
		if hidden(name, pattern) {
			return nil
		}
		if len(names) == maxMatches {
			return fmt.Errorf("it matches more than %d files", maxMatches)
		}
		names = append(names, name)
		return nil
	}, options...)
	if err != nil {
		return nil, err
	}

	// A walk does not find a link that leads nowhere or out of the directory. If the pattern
	// names one, return it, so that Check says what is wrong with it.
	if !isPattern(pattern) && !matched && fs.ValidPath(pattern) {
		full := filepath.Join(d.top, filepath.FromSlash(path.Join(dir, pattern)))
		_, err := os.Lstat(full)
		if err == nil {
			names = []string{pattern}
		}
	}

	slices.Sort(names)
	return slices.Compact(names), nil
}

// isPattern reports whether a pattern contains a wildcard or an escaped character.
func isPattern(pattern string) bool { return strings.ContainsAny(pattern, `*?[{\`) }

// hidden reports whether file, which matches pattern, has an element that begins with a dot
// and that the pattern does not ask for by an element with a dot.
func hidden(file, pattern string) bool {
	isSeparator := func(r rune) bool { return strings.ContainsRune("/{,}", r) }
	elements := strings.FieldsFunc(pattern, isSeparator)

	for name := range strings.SplitSeq(file, "/") {
		if !strings.HasPrefix(name, ".") || name == "." {
			continue
		}

		isAsked := slices.ContainsFunc(elements, func(element string) bool {
			if !strings.HasPrefix(strings.TrimPrefix(element, `\`), ".") {
				return false
			}
			ok, err := doublestar.Match(element, name)
			return err == nil && ok
		})
		if !isAsked {
			return true
		}
	}

	return false
}

// Tree returns the names of all files below a directory, at any depth, sorted. The names are
// relative to dir, like the name of the directory. It leaves out what belongs to git, and names
// a link to a directory instead of following it. Open may refuse the files.
func (d *Door) Tree(dir, name string) (names []string, err error) {
	files := subtree{
		whole:   d.root.FS(),
		dir:     dir,
		skipGit: true,
	}
	err = fs.WalkDir(files, path.Clean(name), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if len(names) == maxMatches {
			return fmt.Errorf("it has more than %d files", maxMatches)
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", name, err)
	}

	return names, nil
}

// List returns the names in a directory, none if it does not exist.
func (d *Door) List(dir string) (names []string, err error) {
	local, _, err := d.Locate(dir)
	switch {
	case err == nil:
		return nil, fmt.Errorf("listing %s: it is a file, not a directory", dir)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case !Refused(err, IsDirectory):
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

// A subtree is a directory of a file system. Unlike with os.Root on the directory, its
// links may lead anywhere in the whole file system, and unlike fs.Sub it does not take
// characters in the name of the directory for a pattern.
type subtree struct {
	whole   fs.FS
	dir     string
	skipGit bool // directories are listed without .git
}

// in returns the path of a name in the whole file system. Names with .. are not valid.
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

	entries, err := fs.ReadDir(t.whole, name)
	if t.skipGit {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
			return strings.EqualFold(e.Name(), ".git")
		})
	}
	return entries, err
}

// RealDir returns dir as an absolute path without symbolic links, as git reports it.
func RealDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("locating %s: %w", dir, err)
	}

	fi, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("directory %s does not exist", dir)
	case err != nil:
		return "", err
	case !fi.IsDir():
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	return filepath.EvalSymlinks(abs)
}

// Within reports whether path is the directory dir or lies in it, judged by their names.
func Within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
