package github

import (
	"context"
	"strings"

	"golang.org/x/mod/semver"
)

// previousTag returns the tag on GitHub with which the notes of the release are compared, "" if
// there is none: the first release of a module, for instance.
//
// GitHub would choose the nearest tag of any kind in the history of the commit: one of another
// module (helm/chart-releaser#648), a moving one such as v1, or a release of long ago if releases
// are made from branches (openchoreo/openchoreo#4783).
func (r *Release) previousTag(ctx context.Context) (string, error) {
	prefix, ok := strings.CutSuffix(r.want.Tag, r.want.Version)
	if !ok || r.want.Version == "" {
		return "", nil
	}

	var tags []string
	err := r.c.retry(ctx, "listing the tags", func() (err error) {
		tags, err = r.c.tagsWithPrefix(ctx, prefix)
		return err
	})
	if err != nil {
		return "", err
	}

	return previousVersion(prefix, r.want.Version, tags), nil
}

// previousVersion returns the one of tags that consists of prefix and the highest version below
// version, "" if there is none. The prefix is "v", "sub/v" or "name-", for instance.
//
// What users had before a release is a release, so prereleases do not count, except those of
// the same version for another prerelease of it: v1.3.0 follows v1.2.0, and v1.3.0-rc.2 follows
// v1.3.0-rc.1.
func previousVersion(prefix, version string, tags []string) (previous string) {
	version = "v" + version
	highest := ""

	for _, tag := range tags {
		v, ok := versionOfTag(prefix, tag)
		if !ok || semver.Compare(v, version) >= 0 {
			continue
		}

		isFinal := semver.Prerelease(v) == ""
		samePrerelease := semver.Prerelease(version) != "" && coreOf(v) == coreOf(version)
		if !isFinal && !samePrerelease {
			continue
		}

		if highest == "" || semver.Compare(v, highest) > 0 {
			highest = v
			previous = tag
		}
	}
	return previous
}

// versionOfTag returns the semantic version after the prefix of a tag, with a v. It reports false
// if there is none, as in a moving tag such as v1.
func versionOfTag(prefix, tag string) (version string, ok bool) {
	version, ok = strings.CutPrefix(tag, prefix)
	if !ok {
		return "", false
	}

	version = "v" + version
	isComplete := strings.Count(coreOf(version), ".") == 2
	return version, semver.IsValid(version) && isComplete
}

// coreOf returns a version without prerelease and build: v1.2.3 for v1.2.3-rc.1+x.
func coreOf(version string) string {
	version, _, _ = strings.Cut(version, "+")
	version, _, _ = strings.Cut(version, "-")
	return version
}

// tagsWithPrefix returns the tags that begin with prefix, and maybe others. GitHub returns them
// on one page.
func (c *Client) tagsWithPrefix(ctx context.Context, prefix string) ([]string, error) {
	start := strings.TrimSuffix("tags/"+prefix, "/")
	refs, _, err := c.api.Git.ListMatchingRefs(ctx, c.owner, c.repo, start)
	if err != nil {
		return nil, err
	}
	if refs == nil {
		return nil, &wrongAnswer{errEmpty}
	}

	var tags []string
	for _, ref := range refs {
		tag, ok := strings.CutPrefix(ref.GetRef(), "refs/tags/")
		if !ok {
			return nil, wrongAnswerf("asked for tags that begin with %q, GitHub answered with the ref %q",
				prefix, ref.GetRef())
		}
		tags = append(tags, tag)
	}
	return tags, nil
}
