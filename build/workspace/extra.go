package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// An ExtraFile is a file of the source that travels with the programs: a licence, a manual.
type ExtraFile struct {
	Name       string `json:"name"` // in archives: relative to the module, slashes
	Path       string `json:"path"` // relative to the repository, slashes
	Executable bool   `json:"executable,omitempty"`
	Size       int64  `json:"size"`   // bytes
	SHA256     string `json:"sha256"` // in hex
}

// maxExtra limits the size of all extra files together, in bytes. They are held in memory,
// and each archive contains them.
const maxExtra = 64 << 20

// An extraCache holds the content of extra files, so that not every lane asks git for it.
type extraCache struct {
	mu   sync.Mutex
	data map[string][]byte // by SHA-256
}

func (c *extraCache) get(sum string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	data, ok := c.data[sum]
	return data, ok
}

func (c *extraCache) put(sum string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.data == nil {
		c.data = map[string][]byte{}
	}
	c.data[sum] = data
}

// ExtraFiles returns the files that match patterns, relative to the module, sorted by name.
// With optional set a pattern may match nothing. It is then looked for in the root of the
// repository too, as go does for the LICENSE of a nested module.
//
// A file that git tracks and that is unchanged is read from the commit, not from the
// working tree, where line endings depend on the machine. Its mode is git's.
//
// The notes name the files that are not part of the commit. With optional set these are
// left out.
//
// A file that a door.Door refuses is an error. The exception is files in dist, where an
// earlier run may have left anything: a wildcard may match them if it matches other files as
// well.
func (w *Workspace) ExtraFiles(
	ctx context.Context, patterns []string, optional bool,
) (files []ExtraFile, notes []problem.Note, err error) {
	d, err := door.Open(w.Root, w.dist)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	found, err := w.findExtra(d, patterns, optional)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}

	notes, err = w.checkCommitted(ctx, d, found, optional)
	if err != nil {
		return nil, nil, err
	}

	blobs, err := w.repo.unchanged(ctx, slices.Sorted(maps.Keys(found)))
	if err != nil {
		return nil, nil, err
	}

	left := int64(maxExtra)
	for _, path := range slices.Sorted(maps.Keys(found)) {
		data, err := w.read(ctx, d, path, blobs[path], left)
		if door.Refused(err, door.IsTooLarge) {
			return nil, nil, &problem.Problem{
				Setting: "files",
				Err: fmt.Errorf("packing %s: the files packed with the programs may have at most %d MiB together",
					path, maxExtra>>20),
				Remedy: problem.Set("attach", found[path]),
			}
		}
		if err != nil {
			return nil, nil, &problem.Problem{Setting: "files", Err: err}
		}

		left -= int64(len(data))
		f := ExtraFile{
			Name:       found[path],
			Path:       path,
			Executable: blobs[path].mode == "100755",
			Size:       int64(len(data)),
			SHA256:     fmt.Sprintf("%x", sha256.Sum256(data)),
		}
		w.extras.put(f.SHA256, data)
		files = append(files, f)
	}

	slices.SortFunc(files, func(a, b ExtraFile) int { return strings.Compare(a.Name, b.Name) })
	return files, notes, nil
}

// ReadExtra returns the content of a file that ExtraFiles found, perhaps in another clone.
// It fails if the content is another one here.
func (w *Workspace) ReadExtra(ctx context.Context, f ExtraFile) (_ []byte, err error) {
	data, ok := w.extras.get(f.SHA256)
	if ok {
		return data, nil
	}

	d, err := door.Open(w.Root, w.dist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	blobs, err := w.repo.unchanged(ctx, []string{f.Path})
	if err != nil {
		return nil, err
	}
	data, err = w.read(ctx, d, f.Path, blobs[f.Path], maxExtra)
	if err != nil {
		return nil, err
	}

	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	if sum != f.SHA256 {
		return nil, fmt.Errorf("reading %s: it is not the file that was planned: expected SHA-256 %s, found %s",
			f.Path, f.SHA256, sum)
	}
	w.extras.put(sum, data)
	return data, nil
}

// findExtra returns the files that match patterns: path in the repository -> name.
func (w *Workspace) findExtra(d *door.Door, patterns []string, optional bool) (map[string]string, error) {
	var ps problem.List
	found := map[string]string{}
	for _, pattern := range patterns {
		dir := w.ModuleDir()
		names, wrong := match(d, dir, pattern, optional)
		if len(names) == 0 && len(wrong) == 0 && optional {
			dir = "."
			names, wrong = match(d, dir, pattern, optional)
		}

		ps = append(ps, wrong...)
		for _, name := range names {
			found[path.Join(dir, name)] = name
		}
	}
	return found, ps.Err()
}

// checkCommitted returns a note for each of the files that is not part of the commit. With
// optional set it removes them from found: nobody asked for them, and a fresh clone would
// not have them.
func (w *Workspace) checkCommitted(
	ctx context.Context, d *door.Door, found map[string]string, optional bool,
) (notes []problem.Note, err error) {
	args := []string{"ls-files", "-z", "--"}
	for file := range found {
		args = append(args, ":(literal)"+file)
	}

	out, err := w.repo.git(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("asking git for files: %w", err)
	}

	committed := strings.Split(out, "\x00")
	links, err := w.strayLinks(ctx, d, committed)
	if err != nil {
		return nil, err
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		switch {
		case slices.Contains(committed, file) && !links[file]:
		case optional:
			notes = append(notes, problem.Note{
				Text:   file + " is not part of the commit and is not packed",
				Remedy: problem.Set("files", found[file]),
			})
			delete(found, file)
		default:
			notes = append(notes, problem.Note{
				Text: file + " is packed as it is on disk: it is not part of the commit",
			})
		}
	}

	return notes, nil
}

// strayLinks reports which of the files are links of the commit to files that are not.
func (w *Workspace) strayLinks(ctx context.Context, d *door.Door, files []string) (stray map[string]bool, err error) {
	stray = map[string]bool{}
	var x *index
	for _, file := range files {
		if file == "" {
			continue
		}
		local, _, err := d.Locate(file)
		if err != nil || filepath.ToSlash(local) == file {
			continue // not a link, or an error that reading it reports
		}

		if x == nil {
			if x, err = w.repo.index(ctx); err != nil {
				return nil, err
			}
		}

		s, err := x.compare(ctx, filepath.Join(w.Root, filepath.FromSlash(file)))
		if err != nil {
			return nil, fmt.Errorf("comparing %s with the commit: %w", file, err)
		}
		stray[file] = s != nil
	}
	return stray, nil
}

// match returns the names of the files in dir that match a pattern and can be read. It
// returns one problem for each reason why the door refuses other matches.
func match(d *door.Door, dir, pattern string, optional bool) (names []string, ps problem.List) {
	matches, err := d.Glob(dir, pattern)
	if err != nil {
		ps.Add("files", "reading pattern %q: %w", pattern, err)
		return nil, ps
	}

	told := map[door.Reason]bool{}
	var inDist error // only a problem if there are no other matches
	for _, name := range matches {
		err := d.Check(path.Join(dir, name))
		var refusal *door.Refusal
		switch {
		case err == nil:
			names = append(names, name)
		case door.IsPattern(pattern) && door.Refused(err, door.IsDirectory): // as a shell does
		case door.IsPattern(pattern) && door.Refused(err, door.IsInDist):
			inDist = err
		case !errors.As(err, &refusal):
			ps.Keep("files", err)
		case !told[refusal.Why]:
			told[refusal.Why] = true
			ps.Keep("files", err)
		}
	}

	switch {
	case len(names) > 0 || len(ps) > 0 || optional:
	case inDist != nil:
		ps.Keep("files", inDist)
	default:
		ps.Add("files", "no file matches %q in %s", pattern, dir)
	}

	return names, ps
}

// lfsPointer begins the blob of a file that Git LFS keeps outside the repository.
var lfsPointer = []byte("version https://git-lfs.")

// read returns the content of a file, at most limit bytes: from the blob, if there is
// one, else from disk. It does not ask git for a blob that is too large.
func (w *Workspace) read(ctx context.Context, d *door.Door, file string, b blob, limit int64) ([]byte, error) {
	if b.hash != "" {
		if b.size > limit {
			return nil, &door.Refusal{Name: file, Why: door.IsTooLarge}
		}

		command := process.Command{
			Args: []string{"git", "cat-file", "blob", b.hash},
			Dir:  w.Root,
		}
		data, _, err := command.Run(ctx, w.repo.env)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if !bytes.HasPrefix(data, lfsPointer) {
			return data, nil
		}
	}

	return d.ReadFile(file, limit)
}

// A blob is a file in a commit of git.
type blob struct {
	mode string
	hash string
	size int64 // bytes
}

// unchanged returns the blobs of those files that are regular in the commit and the
// same in the working tree. The paths are relative to the root.
func (r repo) unchanged(ctx context.Context, files []string) (map[string]blob, error) {
	listTree := append([]string{"ls-tree", "-z", "--long", "HEAD", "--"}, files...)
	tree, err := r.git(ctx, listTree...)
	if err != nil {
		return nil, fmt.Errorf("asking git for files: %w", err)
	}

	compare := []string{"diff", "-z", "--name-only", "HEAD", "--"}
	for _, file := range files {
		compare = append(compare, ":(literal)"+file)
	}
	diff, err := r.git(ctx, compare...)
	if err != nil {
		return nil, fmt.Errorf("asking git for changes: %w", err)
	}

	changed := strings.Split(diff, "\x00")
	blobs := map[string]blob{}
	for _, entry := range strings.Split(tree, "\x00") { // "100644 blob HASH    SIZE\tPATH"
		meta, file, ok := strings.Cut(entry, "\t")
		if !ok {
			continue
		}

		fields := strings.Fields(meta)
		if len(fields) != 4 {
			return nil, errors.New("asking git for files: unexpected answer " + strconv.Quote(entry))
		}
		if !strings.HasPrefix(fields[0], "100") || slices.Contains(changed, file) {
			continue
		}

		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("asking git for the size of %s: %w", file, err)
		}
		blobs[file] = blob{
			mode: fields[0],
			hash: fields[2],
			size: size,
		}
	}

	return blobs, nil
}
