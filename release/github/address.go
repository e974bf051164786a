package github

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// repositoryName matches OWNER/REPO as GitHub allows it. No character in it has a meaning in
// an address, so the two names need no escaping.
var repositoryName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)/([A-Za-z0-9._-]+)$`)

// splitRepository returns the two names in OWNER/REPO.
func splitRepository(name string) (owner, repo string, err error) {
	m := repositoryName.FindStringSubmatch(name)
	if m == nil || m[2] == "." || m[2] == ".." {
		return "", "", fmt.Errorf("repository %q is not of the form OWNER/REPO", name)
	}
	return m[1], m[2], nil
}

// forbiddenInTags matches what git check-ref-format forbids anywhere in a name.
var forbiddenInTags = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{`)

// CheckTag returns an error if git or GitHub does not allow a tag of that name
// (git-check-ref-format(1)).
func CheckTag(tag string) error {
	if err := checkRefName(tag); err != nil {
		return fmt.Errorf("%q cannot be the name of a tag: %w", tag, err)
	}
	return nil
}

// checkRefName returns what git does not allow in the name of a tag.
func checkRefName(name string) error {
	if !utf8.ValidString(name) {
		return errors.New("it is not UTF-8") // requests to GitHub are JSON, which is UTF-8
	}
	if found := forbiddenInTags.FindString(name); found != "" {
		return fmt.Errorf("git does not allow %q in it", found)
	}
	if name == "@" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") {
		return errors.New("git does not allow it to be @, to begin with - or to end in a full stop")
	}

	for part := range strings.SplitSeq(name, "/") {
		if part == "" {
			return errors.New("git does not allow an empty part between slashes")
		}
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("git does not allow %q between slashes", part)
		}
	}
	return nil
}

// escapeTag returns a tag escaped for use in the path of an address. go-github does not
// escape names: "#" or "?" would end the path, and "%2e%2e" would lead to another release.
// Slashes stay, because GitHub accepts a tag that spans several segments.
func escapeTag(tag string) string {
	parts := strings.Split(tag, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
