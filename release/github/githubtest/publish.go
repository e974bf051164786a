package githubtest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

var cannotBeLatest = custom("", "Latest release cannot be draft or prerelease.")

// published returns the published release of a tag, or nil.
func (s *Server) published(tag string) *release {
	for _, r := range s.releases {
		if !r.Draft && r.Tag == tag {
			return r
		}
	}
	return nil
}

// publishRefusals returns the reasons for which GitHub refuses to make r public.
func (s *Server) publishRefusals(r *release, makeLatest *string) []fieldError {
	other := s.published(r.Tag)

	switch {
	case !validTag(r.Tag): // yegor256/rultor#856
		return []fieldError{
			custom("tag_name", "tag_name is not a valid tag"),
			custom("tag_name", "tag_name is not well-formed"),
			custom("", "Published releases must have a valid tag"),
		}
	case other != nil && other.ID != r.ID: // manufosela/karajan-code#774
		return []fieldError{{Resource: "Release", Code: "already_exists", Field: "tag_name"}}
	case s.burnedTags[r.Tag]: // github-community-projects/ospo-reusable-workflows#83
		return []fieldError{
			custom("tag_name", "tag_name was used by an immutable release"),
			custom("", "Published releases must have a valid tag"),
		}
	case r.Prerelease && deref(makeLatest) == "true": // kaito-project/kaito#1680
		return []fieldError{cannotBeLatest}
	}
	return nil
}

// setDraft makes r a draft or public, after all checks.
func (s *Server) setDraft(r *release, draft bool, makeLatest *string) {
	if draft {
		r.Draft = true
		return
	}

	if r.Draft {
		r.Draft = false
		r.Immutable = s.opts.Immutable
		r.Published = s.now()
		if makeLatest == nil && !r.Prerelease { // "Defaults to true for newly published releases."
			s.latestID = r.ID
		}
	}

	// A release that has lost its tag is published without one (esphome/esphome-desktop#81).
	if _, exists := s.tags[r.Tag]; !exists && r.Tag != r.slug {
		s.tags[r.Tag], _ = s.targetCommit(r.Target) // "Unused if the Git tag already exists."
	}

	switch deref(makeLatest) {
	case "true":
		s.latestID = r.ID
		r.notLatest = false
	case "false":
		r.notLatest = true
		if s.latestID == r.ID {
			s.latestID = 0
		}
	case "legacy":
		s.latestID = 0
		r.notLatest = false
	}
}

// latest returns the latest release, or nil. That is the release that was made latest,
// if any, or else the one chosen by "the release creation date and higher semantic
// version" (the description of make_latest). A release with make_latest false is chosen
// only if there is no other (cli/cli#6963, cli/cli#10695).
func (s *Server) latest() *release {
	var best *release
	for _, r := range s.releases {
		if r.Draft || r.Prerelease {
			continue
		}
		if r.ID == s.latestID {
			return r
		}
		if best == nil || betterLatest(r, best) {
			best = r
		}
	}

	return best
}

// betterLatest reports whether a is chosen as the latest release rather than b.
func betterLatest(a, b *release) bool {
	if a.notLatest != b.notLatest {
		return b.notLatest
	}
	return sortsLater(a, b)
}

// sortsLater reports whether a has a higher version than b or, where a tag is no version,
// was created later.
func sortsLater(a, b *release) bool {
	if semver.IsValid(a.Tag) && semver.IsValid(b.Tag) {
		return semver.Compare(a.Tag, b.Tag) > 0
	}
	return a.Created.After(b.Created)
}

// targetCommit returns the commit of a target_commitish, and reports whether it exists. A
// target_commitish is a branch or a full SHA, not a tag or the beginning of a SHA
// (softprops/action-gh-release#214, github-release/github-release#12).
func (s *Server) targetCommit(commitish string) (string, bool) {
	if commitish == "main" || commitish == s.opts.Head {
		return s.opts.Head, true
	}
	return commitish, s.commitExists(commitish)
}

// commitExists reports whether a commit exists.
func (s *Server) commitExists(sha string) bool {
	if sha == s.opts.Head || slices.Contains(s.opts.Commits, sha) {
		return true
	}

	for _, tagged := range s.tags {
		if sha == tagged {
			return true
		}
	}

	return false
}

// notInTags matches what git check-ref-format forbids in a name.
var notInTags = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|\.$|^@$|^-`)

// validTag reports whether git check-ref-format accepts the tag.
func validTag(tag string) bool {
	for part := range strings.SplitSeq(tag, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !notInTags.MatchString(tag)
}

// generateNotes answers POST .../releases/generate-notes.
func (s *Server) generateNotes(c *call) answer {
	var req struct {
		Tag      string `json:"tag_name"`
		Target   string `json:"target_commitish"`
		Previous string `json:"previous_tag_name"`
	}
	if refusal, ok := c.decode(&req); !ok {
		return refusal
	}
	if req.Target != "" {
		if _, ok := s.targetCommit(req.Target); !ok {
			return c.invalid(fieldError{Resource: "Release", Code: "invalid", Field: "target_commitish"})
		}
	}

	if _, exists := s.tags[req.Previous]; req.Previous != "" && !exists {
		// googleapis/release-please#1787
		return c.fail(http.StatusBadRequest, "Invalid previous_tag parameter")
	}

	return reply(http.StatusOK, map[string]any{
		"name": req.Tag,
		"body": s.notes(c, req.Tag, req.Previous),
	})
}

// notes returns the generated notes of a release, which list no changes. Without a
// previous tag they compare with the latest release.
func (s *Server) notes(c *call, tag, previous string) string {
	if previous == "" {
		if latest := s.latest(); latest != nil && latest.Tag != tag {
			previous = latest.Tag
		}
	}

	page := c.site.web + "/" + s.opts.Repo
	if previous == "" {
		return "**Full Changelog**: " + page + "/commits/" + tag
	}
	return "**Full Changelog**: " + page + "/compare/" + previous + "..." + tag
}
