package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build/problem"
)

// A Source is what is being released: one commit under one version.
type Source struct {
	Version string `json:"version"`       // semantic, without v: of the tag, else a pseudo-version
	Tag     string `json:"tag,omitempty"` // as git knows it: "v1.2.3", "tools/x/v1.2.3"; "" if there is none

	// HighestTag is the highest version tag of the module on the commit. The go command
	// stamps it in the programs, whatever Tag is.
	HighestTag string `json:"highestTag,omitempty"`

	Commit string    `json:"commit"`          // full hash
	Time   time.Time `json:"time"`            // of the commit, UTC: the only clock that files see
	Dirty  bool      `json:"dirty,omitempty"` // the working tree differs from the commit
	Dir    string    `json:"dir"`             // of the module in the repository, with slashes, "." for its root
}

// ParseTag splits a tag into the directory of the module it names ("" for the
// root), as Go does for nested modules, and the semantic version without v.
// Sources: go.dev/ref/mod "Mapping versions to commits"; semver.org for the rest.
func ParseTag(tag string) (dir, version string, err error) {
	dir, base := path.Split(tag)
	dir = strings.TrimSuffix(dir, "/")
	isRoot := dir == "" && !strings.HasPrefix(tag, "/")
	if dir == "." || !isRoot && !fs.ValidPath(dir) {
		return "", "", fmt.Errorf("tag %q does not begin with a directory of the repository", tag)
	}

	version = strings.TrimPrefix(base, "v")
	core, _, _ := strings.Cut(version, "+")
	core, _, _ = strings.Cut(core, "-")
	if !semver.IsValid("v"+version) || strings.Count(core, ".") != 2 {
		return "", "", fmt.Errorf("tag %q is not a semantic version such as v1.2.3", tag)
	}
	return dir, version, nil
}

// headTags lists the semantic version tags on HEAD of the module in dir, highest first.
func (r repo) headTags(ctx context.Context, dir string) ([]string, error) {
	out, err := r.git(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("listing the tags of HEAD: %w", err)
	}

	var tags []string
	for _, tag := range strings.Fields(out) {
		tagDir, _, err := ParseTag(tag)
		if err == nil && tagDir == dir {
			tags = append(tags, tag)
		}
	}

	slices.SortFunc(tags, func(a, b string) int {
		_, versionA, _ := ParseTag(a)
		_, versionB, _ := ParseTag(b)
		return semver.Compare("v"+versionB, "v"+versionA)
	})
	return tags, nil
}

// headTags lists the semantic version tags on HEAD of the module, highest first.
func (w *Workspace) headTags(ctx context.Context) ([]string, error) {
	dir := w.ModuleDir()
	if dir == "." {
		dir = ""
	}
	return w.repo.headTags(ctx, dir)
}

// HighestTag returns the highest version tag on HEAD of the module, "" if there is none. The
// go command stamps it in programs.
func (w *Workspace) HighestTag(ctx context.Context) (string, error) {
	tags, err := w.headTags(ctx)
	return highestTag(tags), err
}

// highestTag returns the first tag that the go command takes for a version: with a v.
func highestTag(tags []string) string {
	i := slices.IndexFunc(tags, func(tag string) bool { return strings.HasPrefix(path.Base(tag), "v") })
	if i < 0 {
		return ""
	}
	return tags[i]
}

// pseudoVersion returns the version, without v, that Go gives the commit if it has no tag.
func (w *Workspace) pseudoVersion(ctx context.Context) string {
	prefix := ""
	if dir := w.ModuleDir(); dir != "." {
		prefix = dir + "/"
	}

	older := ""
	tag, err := w.repo.git(ctx, "describe", "--tags", "--abbrev=0", "--match", prefix+"v[0-9]*")
	if err == nil { // an error means that the commit has no older tag
		_, version, err := ParseTag(tag)
		if err == nil {
			older = semver.Canonical("v" + version)
		}
	}

	_, major, _ := module.SplitPathVersion(w.Module)
	major = module.PathMajorPrefix(major)
	if older != "" && major != "" && semver.Major(older) != major {
		older = ""
	}

	version := module.PseudoVersion(major, older, w.Time, w.Commit[:12])
	return strings.TrimPrefix(version, "v")
}

// SourceOptions say which version to release.
type SourceOptions struct {
	Tag       string // "": the tag on HEAD
	TagCommit string // the commit that Tag is known to name, "" if not known
	Publish   bool   // the tag must exist and name HEAD
	Dirty     bool   // the working tree differs from the commit
}

// Source decides about the tag and the version. A dry run accepts any semantic version as
// the tag.
func (w *Workspace) Source(ctx context.Context, opts SourceOptions) (*Source, problem.List) {
	var ps problem.List
	src := &Source{
		Tag:    opts.Tag,
		Commit: w.Commit,
		Time:   w.Time,
		Dirty:  opts.Dirty,
		Dir:    w.ModuleDir(),
	}

	tags, err := w.headTags(ctx)
	ps.Keep("tag", err)
	src.HighestTag = highestTag(tags)
	if src.Tag == "" && len(tags) > 0 {
		src.Tag = tags[0]
	}

	_, version, err := ParseTag(src.Tag)
	switch {
	case src.Tag == "":
		src.Version = w.pseudoVersion(ctx)
		if opts.Publish {
			ps.AddWith("tag", problem.Run("git tag v1.2.3 && git push origin v1.2.3"),
				"publishing needs a tag, and none is on commit %.12s", src.Commit)
		}
	case err != nil:
		ps.AddWith("tag", problem.Run("git tag v1.2.3"), "%w", err)
	default:
		src.Version = version
		if opts.Publish {
			ps.Keep("tag", w.checkTag(ctx, src.Tag, opts.TagCommit))
		}
	}

	if src.Dirty {
		separator := "+" // as go itself marks such a build
		if strings.Contains(src.Version, "+") {
			separator = "."
		}
		src.Version += separator + "dirty"
	}
	return src, ps
}

// checkTag fails unless the tag names HEAD. known is the commit that the event says the
// tag has, for a checkout that did not fetch the tag itself.
func (w *Workspace) checkTag(ctx context.Context, tag, known string) error {
	commit, err := w.repo.git(ctx, "rev-parse", "--verify", "--quiet", "refs/tags/"+tag+"^{commit}")
	if err != nil {
		commit = known
	}

	switch commit {
	case w.Commit:
		return nil
	case "":
		return &problem.Problem{
			Setting: "tag",
			Err:     fmt.Errorf("tag %s does not exist", tag),
			Remedy: problem.There(
				problem.Either(
					checkOutTag(tag),
					createTag(tag).For("if there is no such tag"),
					problem.Set("dry-run", "true").For("builds a version that is not released"),
				),
				createTag(tag),
			),
		}
	}
	return &problem.Problem{
		Setting: "tag",
		Err:     fmt.Errorf("tag %s names commit %.12s, but %.12s is checked out", tag, commit, w.Commit),
		Remedy:  problem.There(checkOutTag(tag), problem.Run("git checkout "+tag)),
	}
}

// checkOutTag is the remedy for a workflow that has checked out something else than the tag.
// actions/checkout fetches a tag only if it is the ref.
func checkOutTag(tag string) problem.Remedy {
	with := fmt.Sprintf("with: { ref: '%s' }", tag)
	return problem.Advise(with).For("of actions/checkout; ref: ${{ inputs.tag }} serves every tag")
}

// createTag is the remedy for a tag that does not exist.
func createTag(tag string) problem.Remedy {
	return problem.Run(fmt.Sprintf("git tag %s && git push origin %s", tag, tag))
}

// DescribeChanges returns the first few lines of git status.
func DescribeChanges(changes []string) string {
	const most = 5

	text := strings.Join(changes[:min(most, len(changes))], "\n  ")
	if more := len(changes) - most; more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	return text
}
