package build

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
)

// An index is what git has of the files of the commit that is checked out. git status
// has compared it with the commit, and with the files it does not leave alone.
type index struct {
	repo    repo
	entries map[string]indexEntry // by path, slashes
	links   bool                  // some entry is a link or a submodule
	flagged bool                  // git was told to leave some entry alone

	submodules map[string]*submodule
}

// An indexEntry is one file of an index.
type indexEntry struct {
	mode string // modeLink, modeSubmodule, or a regular file
	hash string
	own  bool // git compares it with the file on disk
}

// Modes of git.
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
			mode: fields[1],
			hash: fields[2],
			own:  fields[0] == "H", // lower case: assume-unchanged; S: skip-worktree
		}
		x.entries[path] = entry
		x.links = x.links || entry.mode == modeLink || entry.mode == modeSubmodule
		x.flagged = x.flagged || !entry.own
	}
	return x, nil
}

// hasOthers reports whether there is any file in the working tree that the index does not
// have, ignored or not. The directory without does not count.
func (r repo) hasOthers(ctx context.Context, without string) (bool, error) {
	out, err := r.git(ctx, "ls-files", "-z", "--others", "--directory", "--no-empty-directory")
	if err != nil {
		return false, fmt.Errorf("listing files that are not of the commit: %w", err)
	}

	ignored := ""
	if rel, err := filepath.Rel(r.top, without); err == nil && without != "" {
		ignored = filepath.ToSlash(rel) + "/"
	}
	for _, path := range strings.Split(out, "\x00") {
		if path != "" && path != ignored {
			return true, nil
		}
	}
	return false, nil
}

// plain reports whether every entry is a regular file that git compares with the one on
// disk.
func (x *index) plain() bool { return !x.links && !x.flagged }

// leavesAlone reports whether git was told not to look at a file of the commit.
func (x *index) leavesAlone(path string) bool {
	entry, known := x.entry(path)
	return known && !entry.own
}

// absent returns the files of the commit, as absolute paths, that are not on disk although
// git status has nothing to say: those that it was told to leave alone. Without them the
// go command would compile something else.
func (x *index) absent() (files []string, err error) {
	if !x.flagged {
		return nil, nil
	}
	for path, entry := range x.entries {
		if entry.own || entry.mode == modeSubmodule {
			continue
		}
		file := filepath.Join(x.repo.top, filepath.FromSlash(path))
		_, err := os.Lstat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			files = append(files, file)
		case err != nil:
			return nil, fmt.Errorf("looking for %s: %w", path, err)
		}
	}
	return files, nil
}

// Reasons of a straySource.
const (
	notInCommit   = "not in the commit"
	notInRepo     = "outside of the repository"
	leftAlone     = "differs from the commit, and git was told not to look (assume-unchanged or skip-worktree)"
	linkNotOfIt   = "is reached by a link that is not in the commit"
	subOtherState = "its submodule is not at the commit"
	subChanged    = "changed in its submodule"
)

// compare returns nil if file, an absolute path, is of the commit.
func (x *index) compare(ctx context.Context, file string) (*straySource, error) {
	rel, err := filepath.Rel(x.repo.top, file)
	if err != nil {
		return nil, err
	}
	name := filepath.ToSlash(rel)
	if !filepath.IsLocal(rel) {
		return &straySource{
			path: name,
			why:  notInRepo,
			hint: "go mod edit -dropreplace or go work edit -dropuse what leads there, and require a version of it",
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
		if errors.Is(err, fs.ErrNotExist) && x.leavesAlone(name) {
			return leftAloneSource(name), nil
		}
		if err != nil {
			return nil, err
		}
		if fi.Mode()&os.ModeSymlink != 0 {
			return x.compareLink(ctx, path, rest, entry)
		}
		if rest != "" {
			continue
		}

		if !known {
			return &straySource{
				path: name,
				why:  notInCommit,
				hint: "git add --force " + name + " && git commit, or, if a step of the build makes it: --generated " + name,
			}, nil
		}
		return x.compareContent(ctx, name, entry)
	}
	return nil, fmt.Errorf("comparing %q with the commit: no path", file)
}

// entry finds a path in the index. Where case does not count on disk, the go command may
// name a file by another case than git.
func (x *index) entry(path string) (indexEntry, bool) {
	entry, ok := x.entries[path]
	if ok || runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
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
func (x *index) compareLink(ctx context.Context, path, rest string, entry indexEntry) (*straySource, error) {
	name := path
	if rest != "" {
		name += "/" + rest
	}
	if entry.mode != modeLink {
		return &straySource{path: name, why: linkNotOfIt, hint: "git add --force " + path}, nil
	}

	link := filepath.Join(x.repo.top, filepath.FromSlash(path))
	if !entry.own {
		text, err := os.Readlink(link)
		if err != nil {
			return nil, err
		}
		committed, err := x.repo.git(ctx, "cat-file", "blob", entry.hash)
		if err != nil {
			return nil, err
		}
		if filepath.ToSlash(text) != committed {
			return leftAloneSource(path), nil
		}
	}

	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, err
	}
	s, err := x.compare(ctx, filepath.Join(target, filepath.FromSlash(rest)))
	if s != nil {
		s.why = fmt.Sprintf("a link to %s: %s", s.path, s.why)
		s.path = name
	}
	return s, err
}

// compareContent compares a file with its entry, if git status does not.
func (x *index) compareContent(ctx context.Context, name string, entry indexEntry) (*straySource, error) {
	if entry.own {
		return nil, nil
	}
	hash, err := x.repo.git(ctx, "hash-object", "--", name)
	if err != nil {
		return nil, err
	}
	if hash == entry.hash {
		return nil, nil
	}
	return leftAloneSource(name), nil
}

// leftAloneSource describes a file that differs from the commit without git saying so.
func leftAloneSource(name string) *straySource {
	return &straySource{
		path: name,
		why:  leftAlone,
		hint: "git update-index --no-assume-unchanged --no-skip-worktree -- " + name,
	}
}

// A submodule is a repository whose commit the index names.
type submodule struct {
	index   *index
	changed []string // files that differ from its commit
	why     string   // nothing of it is of the commit, for this reason; "" if that is not so
}

// compareSubmodule compares a file of the submodule at path.
func (x *index) compareSubmodule(ctx context.Context, path, rest string, entry indexEntry) (*straySource, error) {
	sub, ok := x.submodules[path]
	if !ok {
		var err error
		sub, err = x.openSubmodule(ctx, path, entry.hash)
		if err != nil {
			return nil, fmt.Errorf("looking into the submodule %s: %w", path, err)
		}
		x.submodules[path] = sub
	}

	stray := &straySource{
		path: path + "/" + rest,
		why:  sub.why,
		hint: "git submodule update --init --force " + path,
	}
	if sub.why != "" {
		return stray, nil
	}
	if slices.Contains(sub.changed, rest) {
		stray.why = subChanged
		return stray, nil
	}

	found, err := sub.index.compare(ctx, filepath.Join(sub.index.repo.top, filepath.FromSlash(rest)))
	if found != nil {
		found.path = path + "/" + found.path
	}
	return found, err
}

// openSubmodule opens the submodule at path, which has to be at a commit.
func (x *index) openSubmodule(ctx context.Context, path, commit string) (*submodule, error) {
	top := filepath.Join(x.repo.top, filepath.FromSlash(path))
	if found, ok := findRepo(top); !ok || found != top {
		return &submodule{why: subOtherState}, nil // ordinary files in the place of a submodule
	}
	r, _, err := pinRepo(ctx, top, withoutPin(x.repo.env))
	if err != nil {
		return nil, explainGit(top, err)
	}

	head, err := r.git(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return nil, err
	}
	if head != commit {
		return &submodule{why: subOtherState}, nil
	}
	changed, err := r.git(ctx, "diff", "--no-ext-diff", "--no-textconv", "-z", "--name-only", "HEAD", "--")
	if err != nil {
		return nil, err
	}
	in, err := r.index(ctx)
	if err != nil {
		return nil, err
	}
	return &submodule{index: in, changed: strings.Split(changed, "\x00")}, nil
}
