package build

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build/problem"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A Source is what is being released: one commit under one version.
type Source struct {
	Version string    `json:"version"`         // semantic version without v: of the tag, else a Go pseudo-version
	Tag     string    `json:"tag,omitempty"`   // as git knows it: "v1.2.3", "tools/x/v1.2.3"; "" if there is none
	Commit  string    `json:"commit"`          // full hash
	Time    time.Time `json:"time"`            // the commit's, UTC: the only clock that files see
	Dirty   bool      `json:"dirty,omitempty"` // the working tree differs from the commit
	Dir     string    `json:"dir"`             // the module's directory in the repository, slashes, "." for its root
	top     string    // the repository's root on disk
}

// ParseTag splits a tag into the directory of the module it names ("" for the
// root), as Go does for nested modules, and the semantic version without v.
// Sources: go.dev/ref/mod "Mapping versions to commits"; semver.org for the rest.
func ParseTag(tag string) (dir, version string, err error) {
	dir, base := path.Split(tag)
	dir = strings.TrimSuffix(dir, "/")
	if dir == "." || dir != "" && !fs.ValidPath(dir) || strings.HasPrefix(tag, "/") {
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
		if d, _, err := ParseTag(tag); err == nil && d == dir {
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b string) int {
		_, va, _ := ParseTag(a)
		_, vb, _ := ParseTag(b)
		return semver.Compare("v"+vb, "v"+va)
	})
	return tags, nil
}

// pseudoVersion is the version that Go gives a commit without a tag, without v.
func (r repo) pseudoVersion(ctx context.Context, src *Source, modulePath string) string {
	prefix := ""
	if src.Dir != "." {
		prefix = src.Dir + "/"
	}
	older := ""
	// An error means that no tag is reachable, which is an answer.
	if tag, err := r.git(ctx, "describe", "--tags", "--abbrev=0", "--match", prefix+"v[0-9]*"); err == nil {
		if _, v, err := ParseTag(tag); err == nil {
			older = semver.Canonical("v" + v)
		}
	}
	_, major, _ := module.SplitPathVersion(modulePath)
	major = module.PathMajorPrefix(major)
	if older != "" && major != "" && semver.Major(older) != major {
		older = ""
	}
	return strings.TrimPrefix(module.PseudoVersion(major, older, src.Time, src.Commit[:12]), "v")
}

// setVersion decides tag and version. When publishing, the tag must exist and name
// HEAD; a dry run takes any semantic version.
func (r repo) setVersion(ctx context.Context, src *Source, spec *Spec, modulePath string) (ps problem.List) {
	src.Tag = spec.Tag
	if src.Tag == "" {
		dir := src.Dir
		if dir == "." {
			dir = ""
		}
		tags, err := r.headTags(ctx, dir)
		ps.Keep("tag", err)
		if len(tags) > 0 {
			src.Tag = tags[0]
		}
	}
	if src.Tag == "" {
		src.Version = r.pseudoVersion(ctx, src, modulePath)
		if spec.Publish {
			ps.AddWith("tag", problem.Run("git tag v1.2.3 && git push origin v1.2.3"), "publishing needs a tag, and none is on commit %.12s", src.Commit)
		}
	} else if _, version, err := ParseTag(src.Tag); err != nil {
		ps.AddWith("tag", problem.Run("git tag v1.2.3"), "%w", err)
	} else {
		src.Version = version
		if spec.Publish {
			ps.Keep("tag", r.checkTag(ctx, src, spec.TagCommit))
		}
	}
	if src.Dirty {
		separator := "+" // as go itself marks such a build
		if strings.Contains(src.Version, "+") {
			separator = "."
		}
		src.Version += separator + "dirty"
	}
	return ps
}

// checkTag makes sure that the tag names HEAD. known is the commit that the event
// says the tag has, for a checkout that did not fetch the tag itself.
func (r repo) checkTag(ctx context.Context, src *Source, known string) error {
	commit, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "refs/tags/"+src.Tag+"^{commit}")
	if err != nil {
		commit = known
	}
	switch commit {
	case src.Commit:
		return nil
	case "":
		return &problem.Problem{Setting: "tag", Err: fmt.Errorf("tag %s does not exist", src.Tag),
			Remedy: problem.Run(fmt.Sprintf("git tag %s && git push origin %s", src.Tag, src.Tag))}
	}
	return &problem.Problem{Setting: "tag", Err: fmt.Errorf("tag %s names commit %.12s, but %.12s is checked out", src.Tag, commit, src.Commit),
		Remedy: problem.Run("git checkout " + src.Tag)}
}

// describeChanges is the text of a dirty tree: the first few entries of git status.
func describeChanges(changes []string) string {
	const most = 5
	text := strings.Join(changes[:min(most, len(changes))], "\n  ")
	if more := len(changes) - most; more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	return text
}
