package build

import (
	"bytes"
	"context"
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

// An ExtraFile is a file of the source that travels with the programs: a licence, a manual.
type ExtraFile struct {
	Name       string // relative to the module, slashes
	Executable bool
	Data       []byte
}

// ExtraFiles reads the files that match patterns, relative to the module, sorted by
// name. With optional set a pattern may match nothing, and is looked for in the root
// of the repository too, as go does for the LICENSE of a nested module.
//
// A file that git tracks and that is unchanged is read from the commit, not from the
// working tree, where line endings depend on the machine. Its mode is git's.
// Nothing of git's own directory and nothing below the directory without is packed.
func (p *Plan) ExtraFiles(ctx context.Context, patterns []string, optional bool, without string) ([]ExtraFile, error) {
	var ps Problems
	found := map[string]string{} // path in the repository -> name
	for _, pattern := range patterns {
		matches, err := globFiles(os.DirFS(p.dir), pattern)
		dir := p.Source.Dir
		if err == nil && len(matches) == 0 && optional {
			dir = "."
			matches, err = globFiles(os.DirFS(p.Source.top), pattern)
		}
		switch {
		case err != nil:
			ps.add("files", "", "reading pattern %q: %w", pattern, err)
		case len(matches) == 0 && !optional:
			ps.add("files", "", "no file matches %q in %s", pattern, p.Source.Dir)
		}
		for _, m := range matches {
			owner, err := p.ownerOf(filepath.Join(p.Source.top, filepath.FromSlash(path.Join(dir, m))), without)
			if err != nil {
				ps.add("files", "", "locating %s: %w", m, err)
			}
			if err != nil || owner != nobody {
				continue
			}
			found[path.Join(dir, m)] = m
		}
	}
	if len(ps) > 0 || len(found) == 0 {
		return nil, ps.Err()
	}
	blobs, err := p.git.unchanged(ctx, found)
	if err != nil {
		return nil, err
	}
	// A Root, so that no symbolic link leads out of the repository.
	root, err := os.OpenRoot(p.Source.top)
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	defer root.Close()
	var files []ExtraFile
	for file, name := range found {
		f := ExtraFile{Name: name, Executable: blobs[file].mode == "100755"}
		if f.Data, err = p.read(ctx, root, file, blobs[file].hash); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b ExtraFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// An owner is whose directory a file is in, if it is not to be released.
type owner int

const (
	nobody    owner = iota
	inGit           // git's own directory, of this repository or another one
	inWithout       // the directory that was asked for
)

// ownerOf says in whose directory the file is, or the one that it is a link to.
// Directories are compared as the file system does: a name can be written in several ways.
func (p *Plan) ownerOf(file, without string) (owner, error) {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nobody, err
	}
	git, err := os.Stat(filepath.Join(p.Source.top, ".git")) // may be a link
	if err != nil {
		return nobody, err
	}
	dist, _ := os.Stat(without) // nil: nothing can be in it; whether it can be made is another question
	for _, path := range []string{file, target} {
		above := false // the repository: a directory of that name there is not git's
		for path != filepath.Dir(path) {
			above = above || path == p.Source.top
			if !above && strings.EqualFold(filepath.Base(path), ".git") {
				return inGit, nil
			}
			path = filepath.Dir(path)
			fi, err := os.Stat(path)
			switch {
			case err != nil:
				return nobody, err
			case os.SameFile(fi, git):
				return inGit, nil
			case dist != nil && os.SameFile(fi, dist):
				return inWithout, nil
			}
		}
	}
	return nobody, nil
}

// globFiles matches pattern against the regular files of tree. Wildcards match no name
// that begins with a dot, as in a shell.
func globFiles(tree fs.FS, pattern string) (files []string, err error) {
	matches, err := fs.Glob(tree, pattern)
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		if hidden(m, pattern) {
			continue
		}
		fi, err := fs.Stat(tree, m)
		if err != nil {
			return nil, err
		}
		if fi.Mode().IsRegular() {
			files = append(files, m)
		}
	}
	return files, nil
}

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

// lfsPointer begins what git has of a file that it keeps elsewhere.
var lfsPointer = []byte("version https://git-lfs.")

// read returns a file's bytes: those of the blob, if there is one, else those on disk.
func (p *Plan) read(ctx context.Context, root *os.Root, file, blob string) ([]byte, error) {
	if blob != "" {
		data, _, err := Command{Args: []string{"git", "cat-file", "blob", blob}, Dir: p.Source.top}.run(ctx, p.git.env)
		if err != nil || !bytes.HasPrefix(data, lfsPointer) {
			return data, err
		}
	}
	f, err := root.Open(filepath.FromSlash(file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

type blob struct{ mode, hash string }

// unchanged returns the blobs of those files that are regular in the commit and the
// same in the working tree. The paths are relative to r.dir, the root.
func (r repo) unchanged(ctx context.Context, files map[string]string) (map[string]blob, error) {
	var paths []string
	for file := range files {
		paths = append(paths, ":(literal)"+file)
	}
	tree, err := r.git(ctx, append([]string{"ls-tree", "-z", "HEAD", "--"}, strip(paths)...)...)
	if err != nil {
		return nil, fmt.Errorf("asking git for files: %w", err)
	}
	diff, err := r.git(ctx, append([]string{"diff", "-z", "--name-only", "HEAD", "--"}, paths...)...)
	if err != nil {
		return nil, fmt.Errorf("asking git for changes: %w", err)
	}
	changed := strings.Split(diff, "\x00")
	blobs := map[string]blob{}
	for _, entry := range strings.Split(tree, "\x00") { // "100644 blob HASH\tPATH"
		meta, file, ok := strings.Cut(entry, "\t")
		if !ok {
			continue
		}
		fields := strings.Fields(meta)
		if len(fields) != 3 {
			return nil, errors.New("asking git for files: unexpected answer " + entry)
		}
		if strings.HasPrefix(fields[0], "100") && !slices.Contains(changed, file) {
			blobs[file] = blob{fields[0], fields[2]}
		}
	}
	return blobs, nil
}

// strip takes the pathspec magic off: ls-tree takes paths as they are.
func strip(paths []string) []string {
	plain := make([]string, len(paths))
	for i, p := range paths {
		plain[i] = strings.TrimPrefix(p, ":(literal)")
	}
	return plain
}
