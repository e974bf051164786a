package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build/problem"
)

// A Source is what is being released: one commit under one version.
type Source struct {
	Version string `json:"version"`       // semantic, without v: of the tag, else a pseudo-version
	Tag     string `json:"tag,omitempty"` // as git knows it: "v1.2.3", "tools/x/v1.2.3"; "" if there is none

	// TagPrefix is what the tags of the project begin with in place of the directory of a
	// module: "name-" in name-v1.2.3.
	TagPrefix string `json:"tagPrefix,omitempty"`

	Commit string    `json:"commit"`          // full hash
	Time   time.Time `json:"time"`            // of the commit, UTC: the only clock that files see
	Dirty  bool      `json:"dirty,omitempty"` // the working tree differs from the commit
	Dir    string    `json:"dir"`             // of the module in the repository, with slashes, "." for its root
}

// ParseTag splits a tag of the same kind as the release's own into the directory of the
// module it names and the version, like the function ParseTag. A tag with a prefix names no
// directory.
func (s *Source) ParseTag(tag string) (dir, version string, err error) {
	return parseTag(s.TagPrefix, tag)
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
	if !isVersion(version) {
		return "", "", fmt.Errorf("tag %q is not a semantic version such as v1.2.3", tag)
	}
	return dir, version, nil
}

// parseTag is like ParseTag, for tags that begin with a prefix, which may be empty.
func parseTag(prefix, tag string) (dir, version string, err error) {
	if prefix == "" {
		return ParseTag(tag)
	}

	version, ok := strings.CutPrefix(tag, prefix)
	if !ok {
		return "", "", fmt.Errorf("tag %q does not begin with the prefix %q", tag, prefix)
	}
	version = strings.TrimPrefix(version, "v")
	if !isVersion(version) {
		return "", "", fmt.Errorf("tag %q is not the prefix %q and a semantic version such as v1.2.3", tag, prefix)
	}
	return "", version, nil
}

// chooseModule sets w.Dir to the directory of the module that a tag names, if it names one.
func (w *Workspace) chooseModule(prefix, tag string) error {
	tagDir, version, err := parseTag(prefix, tag)
	if err != nil || prefix != "" {
		return nil // Source reports what is wrong with the tag
	}

	dir := filepath.Join(w.Root, filepath.FromSlash(tagDir))
	isElsewhere := tagDir != ""
	if !isElsewhere && dir != w.Dir {
		return nil // of a nested module
	}

	// A directory such as v2 for the major version is not part of the tag.
	major := semver.Major("v" + version)
	below := filepath.Join(dir, major)
	hasMajor := w.pathEndsIn(dir, major)
	if !hasMajor && w.pathEndsIn(below, major) {
		w.Dir = below
		return nil
	}

	if isElsewhere && !isFile(filepath.Join(dir, "go.mod")) {
		return &problem.Problem{
			Setting: "tag",
			Err:     fmt.Errorf("tag %s names the module in %s/, which has no go.mod", tag, tagDir),
			Remedy: problem.Either(
				problem.Set("directory", "."),
				problem.Set("tag-prefix", tagDir+"/").For("takes "+tagDir+"/ for no directory"),
			),
		}
	}
	w.Dir = dir
	return nil
}

// pathEndsIn reports whether a directory has a module whose path ends in a major version.
func (w *Workspace) pathEndsIn(dir, major string) bool {
	data, err := w.ReadText(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false // no module, or one that is not chosen
	}
	_, have, ok := module.SplitPathVersion(modfile.ModulePath(data))
	return ok && have == "/"+major
}

// isVersion reports whether a text is a complete semantic version without v.
func isVersion(text string) bool {
	core, _, _ := strings.Cut(text, "+")
	core, _, _ = strings.Cut(core, "-")
	return semver.IsValid("v"+text) && strings.Count(core, ".") == 2
}

// prefixedVersion matches a tag that is a prefix and a version. The v may belong to either.
var prefixedVersion = regexp.MustCompile(`^(.*[^0-9.v])v?([0-9]+\.[0-9]+\.[0-9]+([-+].*)?)$`)

// guessPrefix returns the prefix of a tag such as name-v1.2.3, "" if it has none.
func guessPrefix(tag string) string {
	m := prefixedVersion.FindStringSubmatch(tag)
	if m == nil || !isVersion(m[2]) {
		return ""
	}
	return m[1]
}

// fixTag returns what to do about a tag that is no version.
func fixTag(prefix, tag string) problem.Remedy {
	renamed := renameTag(prefix, tag)
	_, version, err := ParseTag(tag)
	guess := guessPrefix(tag)

	switch {
	case prefix != "" && err == nil:
		return problem.Either(
			problem.Run("git tag "+problem.ShellWord(tagWith(prefix, version))),
			problem.Advise("remove the setting tag-prefix"),
		)
	case guess != "" && guess != prefix:
		return problem.Either(problem.Set("tag-prefix", guess), renamed)
	}
	return renamed
}

// renameTag returns what to do about a tag that is no complete version: complete it. A tag such
// as v1 is most likely one that moves, and for which no workflow should run.
func renameTag(prefix, tag string) problem.Remedy {
	short := "v" + strings.TrimPrefix(strings.TrimPrefix(tag, prefix), "v")
	if !semver.IsValid(short) {
		return problem.Run("git tag " + problem.ShellWord(tagWith(prefix, "1.2.3")))
	}

	complete := strings.TrimPrefix(semver.Canonical(short), "v")
	run := problem.Run("git tag " + problem.ShellWord(tagWith(prefix, complete)))
	return problem.There(
		problem.Either(
			problem.Advise("tags: ['"+tagWith(prefix, "*.*.*")+"']").For("of on: push, if "+tag+" is a tag that moves"),
			run,
		),
		run,
	)
}

// tagWith returns the tag of a version, without v, with a prefix, which may end in the v.
func tagWith(prefix, version string) string {
	if strings.HasSuffix(prefix, "v") {
		return prefix + version
	}
	return prefix + "v" + version
}

// tagsOnHead lists the tags on HEAD.
func (r repo) tagsOnHead(ctx context.Context) ([]string, error) {
	out, err := r.git(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("listing the tags of HEAD: %w", err)
	}
	return strings.Fields(out), nil
}

// headTags lists the semantic version tags on HEAD of the module in dir, highest first.
func (r repo) headTags(ctx context.Context, dir string) ([]string, error) {
	tags, err := r.tagsOnHead(ctx)
	if err != nil {
		return nil, err
	}
	return versionTags("", dir, tags), nil
}

// versionTags returns the tags with a prefix that are versions of the module in dir, highest
// first.
func versionTags(prefix, dir string, tags []string) (found []string) {
	for _, tag := range tags {
		tagDir, _, err := parseTag(prefix, tag)
		if err == nil && (tagDir == dir || prefix != "") {
			found = append(found, tag)
		}
	}

	slices.SortStableFunc(found, func(a, b string) int {
		_, versionA, _ := parseTag(prefix, a)
		_, versionB, _ := parseTag(prefix, b)
		return semver.Compare("v"+versionB, "v"+versionA)
	})
	return found
}

// chooseTag returns the tag to release: the highest version that go can stamp, else the
// highest one, "" if there is none. tags are sorted, highest first.
func (w *Workspace) chooseTag(tags []string) string {
	own := w.ownTags()
	i := slices.IndexFunc(tags, own.stampable)
	switch {
	case i >= 0:
		return tags[i]
	case len(tags) > 0:
		return tags[0]
	}
	return ""
}

// untaggedVersion returns the version, without v, of a commit without a tag: the one that go
// stamps, or would stamp if it could tell the version.
func (w *Workspace) untaggedVersion(ctx context.Context) (string, error) {
	stamp, err := w.Stamp(ctx, w.Module, false)
	if err != nil {
		return "", err
	}

	version := stamp.Version
	if version == Devel {
		own := w.ownTags()
		version, err = w.pseudoVersion(ctx, own, func(v string) bool {
			return module.MatchPathMajor(v, own.major)
		})
		if err != nil {
			return "", err
		}
	}
	return strings.TrimPrefix(version, "v"), nil
}

// SourceOptions say which version to release.
type SourceOptions struct {
	Tag       string // "": the tag on HEAD
	TagPrefix string // what tags begin with, "" if they begin with the directory of their module
	TagCommit string // the commit that Tag is known to name, "" if not known
	Publish   bool   // the tag must exist and name HEAD
	Dirty     bool   // the working tree differs from the commit
}

// Source decides about the tag and the version. A dry run accepts any semantic version as
// the tag.
func (w *Workspace) Source(ctx context.Context, opts SourceOptions) (*Source, problem.List) {
	var ps problem.List
	src := &Source{
		Tag:       opts.Tag,
		TagPrefix: opts.TagPrefix,
		Commit:    w.Commit,
		Time:      w.Time,
		Dirty:     opts.Dirty,
		Dir:       w.ModuleDir(),
	}

	onHead, err := w.repo.tagsOnHead(ctx)
	ps.Keep("tag", err)
	if src.Tag == "" {
		src.Tag = w.chooseTag(versionTags(opts.TagPrefix, w.tagDir(), onHead))
	}

	_, version, err := src.ParseTag(src.Tag)
	switch {
	case src.Tag == "":
		src.Version, err = w.untaggedVersion(ctx)
		ps.Keep("tag", err)
		if opts.Publish {
			ps.AddWith("tag", addTag(opts.TagPrefix, onHead),
				"publishing needs a tag, and none is on commit %.12s", src.Commit)
		}
	case err != nil:
		setting := "tag"
		if !strings.HasPrefix(src.Tag, opts.TagPrefix) {
			setting = "tag-prefix"
		}
		ps.AddWith(setting, fixTag(opts.TagPrefix, src.Tag), "%w", err)
	default:
		src.Version = version
		if opts.Publish {
			ps.Keep("tag", w.checkTag(ctx, src.Tag, opts.TagCommit))
		}
	}

	if src.Dirty {
		src.Version += dirtySuffix(src.Version)
	}
	return src, ps
}

// addTag returns what to do about a commit without a version tag. onHead are the tags that
// it has.
func addTag(prefix string, onHead []string) problem.Remedy {
	remedy := createTag(tagWith(prefix, "1.2.3"))

	for _, tag := range onHead {
		guess := guessPrefix(tag)
		if guess != "" && guess != prefix {
			return problem.Either(problem.Set("tag-prefix", guess).For("takes the tag "+tag), remedy)
		}
	}
	return remedy
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
		Remedy:  CheckOut(tag),
	}
}

// CheckOut is the remedy for a tag that names another commit than the one that is checked out.
func CheckOut(tag string) problem.Remedy {
	return problem.There(checkOutTag(tag), problem.Run("git checkout "+problem.ShellWord(tag)))
}

// checkOutTag is the remedy for a workflow that has checked out something else than the tag.
// actions/checkout fetches a tag only if it is the ref.
func checkOutTag(tag string) problem.Remedy {
	with := fmt.Sprintf("with: { ref: '%s' }", strings.ReplaceAll(tag, "'", "''"))
	return problem.Advise(with).For("of actions/checkout; ref: ${{ inputs.tag }} serves every tag")
}

// createTag is the remedy for a tag that does not exist: to make it.
func createTag(tag string) problem.Remedy {
	word := problem.ShellWord(tag)
	return problem.Run(fmt.Sprintf("git tag %s && git push origin %s", word, word))
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
