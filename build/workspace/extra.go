package workspace

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
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
	Name       string `json:"name"` // in archives, slashes
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

// ExtraFiles returns the files that the words of the setting "files" stand for, sorted by name.
// Without words these are the licences, the README and the changelog.
//
// A file that git tracks and that is unchanged is read from the commit, not from the
// working tree, where line endings depend on the machine. Its mode is git's.
//
// The notes name the files that are not part of the commit. Those that nobody named are left
// out.
//
// A file that a door.Door refuses is an error, and so is one whose content Git LFS has not
// fetched.
func (w *Workspace) ExtraFiles(ctx context.Context, words []string) (
	files []ExtraFile, notes []problem.Note, err error,
) {
	if err := checkAlone(words); err != nil {
		return nil, nil, err
	}
	if slices.Equal(words, []string{NoFiles}) {
		return nil, nil, nil
	}

	d, err := door.Open(w.Root, w.dist)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	found, notes, err := w.selectExtra(d, words)
	if err != nil || len(found) == 0 {
		return nil, notes, err
	}

	found, uncommitted, err := w.checkCommitted(ctx, d, found)
	if err != nil {
		return nil, nil, err
	}
	notes = append(notes, uncommitted...)
	if len(found) == 0 {
		return nil, notes, nil
	}

	files, err = w.readExtra(ctx, d, found)
	if err != nil {
		return nil, nil, err
	}

	slices.SortFunc(files, func(a, b ExtraFile) int { return strings.Compare(a.Name, b.Name) })
	return files, notes, nil
}

// selectExtra returns the files that words stand for, each name once.
func (w *Workspace) selectExtra(d *door.Door, words []string) (
	found []selected, notes []problem.Note, err error,
) {
	patterns := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == DefaultFiles })
	f := finder{
		door:    d,
		dir:     w.ModuleDir(),
		setting: "files",
	}
	found, ps := f.selectFiles(patterns)

	if len(words) == 0 || len(patterns) < len(words) {
		usual, hasLicence, wrong := w.usualFiles(d)
		found = append(found, usual...)
		ps = append(ps, wrong...)

		if !hasLicence && len(patterns) == 0 { // else a pattern may name it
			notes = append(notes, problem.Note{
				Text:   "no licence is packed with the programs: the repository has no file such as LICENSE or COPYING",
				Remedy: problem.Set("files", DefaultFiles+" FILE").For("if the licence is in FILE"),
			})
		}
	}

	found = resolveNames(found)
	ps = append(ps, checkNames(found, words, w.ModuleDir())...)
	return found, notes, ps.Err()
}

// readExtra reads the content of files.
func (w *Workspace) readExtra(ctx context.Context, d *door.Door, found []selected) (
	files []ExtraFile, err error,
) {
	var paths []string
	for _, f := range found {
		paths = append(paths, f.path)
	}
	blobs, err := w.repo.unchanged(ctx, paths)
	if err != nil {
		return nil, err
	}

	var pointers []string
	left := int64(maxExtra)
	for _, f := range found {
		data, err := w.read(ctx, d, f.path, blobs[f.path], left)
		if door.Refused(err, door.IsTooLarge) {
			return nil, &problem.Problem{
				Setting: "files",
				Err: fmt.Errorf("packing %s: the files packed with the programs may have at most %d MiB together",
					f.path, maxExtra>>20),
				Remedy: problem.Set("attach", sourceWord(nameBelow(w.ModuleDir(), f.path))),
			}
		}
		if err != nil {
			return nil, &problem.Problem{Setting: "files", Err: err}
		}
		if isPointer(data) {
			pointers = append(pointers, f.path)
		}

		left -= int64(len(data))
		file := ExtraFile{
			Name:       f.name,
			Path:       f.path,
			Executable: blobs[f.path].mode == "100755",
			Size:       int64(len(data)),
			SHA256:     fmt.Sprintf("%x", sha256.Sum256(data)),
		}
		w.extras.put(file.SHA256, data)
		files = append(files, file)
	}

	return files, w.refusePointers(ctx, "files", "packed", pointers)
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

// checkCommitted returns a note for each of the files that is not part of the commit. It
// removes those that nobody named from found: a fresh clone would not have them.
func (w *Workspace) checkCommitted(ctx context.Context, d *door.Door, found []selected) (
	kept []selected, notes []problem.Note, err error,
) {
	committed := map[string]bool{}
	for some := range slices.Chunk(found, pathsPerCommand) {
		args := []string{"ls-files", "-z", "--"}
		for _, f := range some {
			args = append(args, ":(literal)"+f.path)
		}

		out, err := w.repo.git(ctx, args...)
		if err != nil {
			return nil, nil, fmt.Errorf("asking git for files: %w", err)
		}
		for file := range strings.SplitSeq(out, "\x00") {
			committed[file] = true
		}
	}

	links, err := w.strayLinks(ctx, d, slices.Sorted(maps.Keys(committed)))
	if err != nil {
		return nil, nil, err
	}

	slices.SortStableFunc(found, func(a, b selected) int { return strings.Compare(a.path, b.path) })
	for _, f := range found {
		switch {
		case committed[f.path] && !links[f.path]:
		case f.byRule:
			notes = append(notes, problem.Note{
				Text:   f.path + " is not part of the commit and is not packed",
				Remedy: problem.Set("files", DefaultFiles+" "+sourceWord(nameBelow(w.ModuleDir(), f.path))),
			})
			continue
		default:
			notes = append(notes, problem.Note{
				Text: f.path + " is packed as it is on disk: it is not part of the commit",
			})
		}
		kept = append(kept, f)
	}

	return kept, notes, nil
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

// read returns the content of a file, at most limit bytes: from the blob, if there is
// one, else from disk, as for a blob that is the pointer of Git LFS. It does not ask git for a
// blob that is too large.
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
		if !isPointer(data) {
			return data, nil
		}
	}

	return d.ReadFile(file, limit)
}

// pathsPerCommand limits the paths in one command line. Windows allows 32,767 characters.
const pathsPerCommand = 100

// A blob is a file in a commit of git.
type blob struct {
	mode string
	hash string
	size int64 // bytes
}

// unchanged returns the blobs of those files that are regular in the commit and the
// same in the working tree. The paths are relative to the root.
func (r repo) unchanged(ctx context.Context, files []string) (map[string]blob, error) {
	blobs := map[string]blob{}
	for some := range slices.Chunk(files, pathsPerCommand) {
		if err := r.addUnchanged(ctx, blobs, some); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// addUnchanged adds the blobs of a few files.
func (r repo) addUnchanged(ctx context.Context, blobs map[string]blob, files []string) error {
	listTree := append([]string{"ls-tree", "-z", "--long", "HEAD", "--"}, files...)
	tree, err := r.git(ctx, listTree...)
	if err != nil {
		return fmt.Errorf("asking git for files: %w", err)
	}

	compare := []string{"diff", "-z", "--name-only", "HEAD", "--"}
	for _, file := range files {
		compare = append(compare, ":(literal)"+file)
	}
	diff, err := r.git(ctx, compare...)
	if err != nil {
		return fmt.Errorf("asking git for changes: %w", err)
	}

	changed := strings.Split(diff, "\x00")
	for _, entry := range strings.Split(tree, "\x00") { // "100644 blob HASH    SIZE\tPATH"
		meta, file, ok := strings.Cut(entry, "\t")
		if !ok {
			continue
		}

		fields := strings.Fields(meta)
		if len(fields) != 4 {
			return errors.New("asking git for files: unexpected answer " + strconv.Quote(entry))
		}
		if !strings.HasPrefix(fields[0], "100") || slices.Contains(changed, file) {
			continue
		}

		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return fmt.Errorf("asking git for the size of %s: %w", file, err)
		}
		blobs[file] = blob{
			mode: fields[0],
			hash: fields[2],
			size: size,
		}
	}

	return nil
}
