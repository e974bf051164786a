package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// An index is git's list of the files of the commit that is checked out. git status has
// already compared it with the commit and with the files on disk, except for entries
// that git was told to ignore.
type index struct {
	repo    repo
	entries map[string]indexEntry // by path, slashes
	links   bool                  // some entry is a link or a submodule
	flagged bool                  // git was told to ignore changes of some entry

	submodules map[string]*submodule
}

// An indexEntry is one file of an index.
type indexEntry struct {
	mode    string // modeLink, modeSubmodule, or a regular file
	hash    string
	checked bool // git status compares it with the file on disk
}

// File modes in a git index (git-ls-files(1), --stage).
const (
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// index reads the index of the repository.
func (r repo) index(ctx context.Context) (*index, error) {
	out, err := r.git(ctx, "ls-files", "-z", "-v", "--stage")
	if err != nil {
		return nil, fmt.Errorf("listing the files of the commit: %w", err)
	}

	x := &index{
		repo:       r,
		entries:    map[string]indexEntry{},
		submodules: map[string]*submodule{},
	}
	for _, line := range strings.Split(out, "\x00") { // "H 100644 HASH 0\tPATH"
		if line == "" {
			continue
		}

		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 4 {
			return nil, fmt.Errorf("listing the files of the commit: unexpected answer %q", line)
		}

		entry := indexEntry{
			mode:    fields[1],
			hash:    fields[2],
			checked: fields[0] == "H", // lower case: assume-unchanged; S: skip-worktree
		}
		x.entries[path] = entry

		if entry.mode == modeLink || entry.mode == modeSubmodule {
			x.links = true
		}
		if !entry.checked {
			x.flagged = true
		}
	}

	return x, nil
}

// hasOthers reports whether the working tree has any file, ignored by git or not, that
// the index does not have. Files in the directory except do not count.
func (r repo) hasOthers(ctx context.Context, except string) (bool, error) {
	out, err := r.git(ctx, "ls-files", "-z", "--others", "--directory", "--no-empty-directory")
	if err != nil {
		return false, fmt.Errorf("listing files that are not part of the commit: %w", err)
	}

	ignored := ""
	if except != "" {
		rel, err := filepath.Rel(r.top, except)
		if err == nil {
			ignored = filepath.ToSlash(rel) + "/"
		}
	}

	for _, path := range strings.Split(out, "\x00") {
		if path != "" && path != ignored {
			return true, nil
		}
	}

	return false, nil
}

// plain reports whether every entry is a regular file that git status compares with the
// one on disk.
func (x *index) plain() bool { return !x.links && !x.flagged }

// isIgnored reports whether git was told to ignore changes of a file of the commit.
func (x *index) isIgnored(path string) bool {
	entry, known := x.entry(path)
	return known && !entry.checked
}

// absentFiles are names of files by their directory, an absolute path.
type absentFiles map[string][]string

// absent returns the files of the commit that are not on disk although git status does not
// report that, because git was told to ignore their changes. Without them the go command
// would compile something else.
func (x *index) absent() (absentFiles, error) {
	files := absentFiles{}
	if !x.flagged {
		return files, nil
	}

	for path, entry := range x.entries {
		if entry.checked || entry.mode == modeSubmodule {
			continue
		}
		file := filepath.Join(x.repo.top, filepath.FromSlash(path))
		_, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			dir := filepath.Dir(file)
			files[dir] = append(files[dir], filepath.Base(file))
		case err != nil:
			return nil, fmt.Errorf("looking for %s: %w", path, err)
		}
	}
	return files, nil
}

// Reasons of a StraySource.
const (
	NotInCommit     = "not in the commit"
	NotInRepo       = "outside the repository"
	HiddenChange    = "differs from the commit, and git was told not to look (assume-unchanged or skip-worktree)"
	UncommittedLink = "is reached by a link that is not in the commit"
	OtherSubmodule  = "its submodule is not at the recorded commit"
	ChangedInSub    = "changed in its submodule"
)

// compare returns nil if file, an absolute path, is part of the commit.
func (x *index) compare(ctx context.Context, file string) (*StraySource, error) {
	rel, err := filepath.Rel(x.repo.top, file)
	if err != nil {
		return nil, err
	}

	name := filepath.ToSlash(rel)
	if !filepath.IsLocal(rel) {
		return &StraySource{
			Path: name,
			Why:  NotInRepo,
			Remedy: problem.Either(
				problem.Run("go mod edit -dropreplace=MODULE && go get MODULE@VERSION"),
				problem.Run("go work edit -dropuse=DIRECTORY && go get MODULE@VERSION"),
			),
		}, nil
	}

	elements := strings.Split(name, "/")
	for i := range elements {
		path := strings.Join(elements[:i+1], "/")
		rest := strings.Join(elements[i+1:], "/")
		entry, known := x.entry(path)

		if known && entry.mode == modeSubmodule && rest != "" {
			return x.compareSubmodule(ctx, path, rest, entry)
		}

		fi, err := os.Lstat(filepath.Join(x.repo.top, filepath.FromSlash(path)))
		if errors.Is(err, fs.ErrNotExist) && x.isIgnored(name) {
			return ignoredSource(name), nil
		}
		if err != nil {
			return nil, err
		}
		if fi.Mode()&os.ModeSymlink != 0 {
			return x.compareLink(ctx, path, rest, entry)
		}

		if rest != "" {
			continue // a directory on the way
		}

		if !known {
			return &StraySource{
				Path: name,
				Why:  NotInCommit,
			}, nil
		}

		return x.compareContent(ctx, name, entry)
	}

	return nil, fmt.Errorf("comparing %q with the commit: no path", file)
}

// entry finds a path in the index. On systems whose file names ignore case, the go
// command may spell a name differently than git.
func (x *index) entry(path string) (indexEntry, bool) {
	entry, ok := x.entries[path]
	ignoresCase := runtime.GOOS == "windows" || runtime.GOOS == "darwin"
	if ok || !ignoresCase {
		return entry, ok
	}

	for other, entry := range x.entries {
		if strings.EqualFold(other, path) {
			return entry, true
		}
	}

	return indexEntry{}, false
}

// compareLink compares the link at path, and the file that it leads to: rest, below it.
// A link that was checked out as a file, as git does where core.symlinks is false, is
// compared as one.
func (x *index) compareLink(ctx context.Context, path, rest string, entry indexEntry) (*StraySource, error) {
	name := path
	if rest != "" {
		name += "/" + rest
	}
	if entry.mode != modeLink {
		return &StraySource{
			Path:   name,
			Why:    UncommittedLink,
			Remedy: problem.Run("git add --force " + problem.ShellWord(path)),
		}, nil
	}

	link := filepath.Join(x.repo.top, filepath.FromSlash(path))
	if !entry.checked {
		text, err := os.Readlink(link)
		if err != nil {
			return nil, err
		}
		committed, err := x.repo.git(ctx, "cat-file", "blob", entry.hash)
		if err != nil {
			return nil, err
		}
		if filepath.ToSlash(text) != committed {
			return ignoredSource(path), nil
		}
	}

	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, err
	}
	s, err := x.compare(ctx, filepath.Join(target, filepath.FromSlash(rest)))
	if s != nil {
		s.Why = fmt.Sprintf("a link to %s: %s", s.Path, s.Why)
		s.Path = name
	}

	return s, err
}

// compareContent compares a file with its entry, unless git status has done so.
func (x *index) compareContent(ctx context.Context, name string, entry indexEntry) (*StraySource, error) {
	if entry.checked {
		return nil, nil
	}

	hash, err := x.repo.git(ctx, "hash-object", "--", name)
	if err != nil {
		return nil, err
	}
	if hash == entry.hash {
		return nil, nil
	}
	return ignoredSource(name), nil
}

// ignoredSource describes a file that differs from the commit without git reporting it.
func ignoredSource(name string) *StraySource {
	return &StraySource{
		Path:   name,
		Why:    HiddenChange,
		Remedy: problem.Run("git update-index --no-assume-unchanged --no-skip-worktree -- " + problem.ShellWord(name)),
	}
}

// A submodule is a repository whose commit the index names.
type submodule struct {
	index   *index
	changed []string // files that differ from its commit
	why     string   // why none of its files are part of the commit; "" if they are
}

// compareSubmodule compares a file of the submodule at path.
func (x *index) compareSubmodule(ctx context.Context, path, rest string, entry indexEntry) (*StraySource, error) {
	sub, ok := x.submodules[path]
	if !ok {
		var err error
		sub, err = x.openSubmodule(ctx, path, entry.hash)
		if err != nil {
			return nil, fmt.Errorf("looking into the submodule %s: %w", path, err)
		}

		x.submodules[path] = sub
	}

	stray := &StraySource{
		Path:   path + "/" + rest,
		Why:    sub.why,
		Remedy: problem.Run("git submodule update --init --force " + problem.ShellWord(path)),
	}
	if sub.why != "" {
		return stray, nil
	}
	if slices.Contains(sub.changed, rest) {
		stray.Why = ChangedInSub
		return stray, nil
	}

	found, err := sub.index.compare(ctx, filepath.Join(sub.index.repo.top, filepath.FromSlash(rest)))
	if found != nil {
		found.Path = path + "/" + found.Path
	}

	return found, err
}

// openSubmodule opens the submodule at path, which must be at the given commit.
func (x *index) openSubmodule(ctx context.Context, path, commit string) (*submodule, error) {
	top := filepath.Join(x.repo.top, filepath.FromSlash(path))
	found, ok := FindRoot(top)
	if !ok || found != top {
		return &submodule{why: OtherSubmodule}, nil // ordinary files where a submodule should be
	}

	r, _, err := pinRepo(ctx, top, unpinned(x.repo.env))
	if err != nil {
		return nil, explainGit(top, err)
	}

	head, err := r.git(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return nil, err
	}
	if head != commit {
		return &submodule{why: OtherSubmodule}, nil
	}

	changed, err := r.git(ctx, "diff", "--no-ext-diff", "--no-textconv", "-z", "--name-only", "HEAD", "--")
	if err != nil {
		return nil, err
	}

	in, err := r.index(ctx)
	if err != nil {
		return nil, err
	}

	return &submodule{
		index:   in,
		changed: strings.Split(changed, "\x00"),
	}, nil
}
