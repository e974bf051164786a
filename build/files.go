package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/build/problem"
)

// An ExtraFile is a file of the source that travels with the programs: a licence, a manual.
type ExtraFile struct {
	Name       string // relative to the module, slashes
	Executable bool
	Data       []byte
}

// maxExtra is the limit of the size of all extra files together, in bytes. They are held
// in memory during the whole run, and each archive contains them.
const maxExtra = 64 << 20

// ExtraFiles reads the files that match patterns, relative to the module, sorted by
// name. With optional set a pattern may match nothing, and is looked for in the root
// of the repository too, as go does for the LICENSE of a nested module.
//
// A file that git tracks and that is unchanged is read from the commit, not from the
// working tree, where line endings depend on the machine. Its mode is git's.
//
// A file that is not part of the commit is noted, and with optional set it is left out.
//
// A file that a Door with the directory dist refuses is an error. The exception is files
// in dist, where an earlier run may have left anything: a wildcard may match them if it
// matches other files as well.
func (p *Plan) ExtraFiles(
	ctx context.Context, patterns []string, optional bool, dist string,
) (_ []ExtraFile, err error) {
	d, err := door.Open(p.Source.top, dist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	var ps problem.List
	found := map[string]string{} // path in the repository -> name
	for _, pattern := range patterns {
		dir := p.Source.Dir
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
	if len(ps) > 0 || len(found) == 0 {
		return nil, ps.Err()
	}

	if err := p.checkCommitted(ctx, d, found, optional); err != nil {
		return nil, err
	}

	blobs, err := p.git.unchanged(ctx, found)
	if err != nil {
		return nil, err
	}

	left := int64(maxExtra)
	var files []ExtraFile
	for _, file := range slices.Sorted(maps.Keys(found)) {
		data, err := p.read(ctx, d, file, blobs[file], left)
		if door.Refused(err, door.IsTooLarge) {
			return nil, &problem.Problem{
				Setting: "files",
				Err: fmt.Errorf("packing %s: the files packed with the programs may have at most %d MiB together",
					file, maxExtra>>20),
				Remedy: problem.Set("attach", found[file]),
			}
		}
		if err != nil {
			return nil, &problem.Problem{Setting: "files", Err: err}
		}

		left -= int64(len(data))
		files = append(files, ExtraFile{
			Name:       found[file],
			Executable: blobs[file].mode == "100755",
			Data:       data,
		})
	}

	slices.SortFunc(files, func(a, b ExtraFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// checkCommitted notes which of the files are not part of the commit. With optional set
// it removes them from found: nobody asked for them, and a fresh clone would not have them.
func (p *Plan) checkCommitted(
	ctx context.Context, d *door.Door, found map[string]string, optional bool,
) error {
	args := []string{"ls-files", "-z", "--"}
	for file := range found {
		args = append(args, ":(literal)"+file)
	}

	out, err := p.git.git(ctx, args...)
	if err != nil {
		return fmt.Errorf("asking git for files: %w", err)
	}

	committed := strings.Split(out, "\x00")
	links, err := p.strayLinks(ctx, d, committed)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		switch {
		case slices.Contains(committed, file) && !links[file]:
		case optional:
			p.note(problem.Set("files", found[file]), "%s is not part of the commit and is not packed", file)
			delete(found, file)
		default:
			p.note(problem.Remedy{}, "%s is packed as it is on disk: it is not part of the commit", file)
		}
	}

	return nil
}

// strayLinks reports which of the files are links of the commit to files that are not.
func (p *Plan) strayLinks(ctx context.Context, d *door.Door, files []string) (stray map[string]bool, err error) {
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
			if x, err = p.git.index(ctx); err != nil {
				return nil, err
			}
		}

		s, err := x.compare(ctx, filepath.Join(p.Source.top, filepath.FromSlash(file)))
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
func (p *Plan) read(ctx context.Context, d *door.Door, file string, b blob, limit int64) ([]byte, error) {
	if b.hash != "" {
		if b.size > limit {
			return nil, &door.Refusal{Name: file, Why: door.IsTooLarge}
		}

		command := process.Command{
			Args: []string{"git", "cat-file", "blob", b.hash},
			Dir:  p.Source.top,
		}
		data, _, err := command.Run(ctx, p.git.env)
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
func (r repo) unchanged(ctx context.Context, files map[string]string) (map[string]blob, error) {
	var paths []string
	for file := range files {
		paths = append(paths, ":(literal)"+file)
	}
	tree, err := r.git(ctx, append([]string{"ls-tree", "-z", "--long", "HEAD", "--"}, strip(paths)...)...)
	if err != nil {
		return nil, fmt.Errorf("asking git for files: %w", err)
	}
	diff, err := r.git(ctx, append([]string{"diff", "-z", "--name-only", "HEAD", "--"}, paths...)...)
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

// strip takes the pathspec magic off: ls-tree takes paths as they are.
func strip(paths []string) []string {
	plain := make([]string, len(paths))
	for i, p := range paths {
		plain[i] = strings.TrimPrefix(p, ":(literal)")
	}
	return plain
}
