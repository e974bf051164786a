package githubtest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

var cannotBeLatest = fieldError{Resource: "Release", Code: "custom", Message: "Latest release cannot be draft or prerelease."}

// published returns the published release of a tag, or nil.
func (s *Server) published(tag string) *release {
	for _, r := range s.releases {
		if !r.Draft && r.Tag == tag {
			return r
		}
	}
	return nil
}

// unpublishable says what GitHub has against making r public.
func (s *Server) unpublishable(r *release, makeLatest *string) []fieldError {
	switch other := s.published(r.Tag); {
	case !validTag(r.Tag): // yegor256/rultor#856
		return []fieldError{
			custom("tag_name", "tag_name is not a valid tag"),
			custom("tag_name", "tag_name is not well-formed"),
			custom("", "Published releases must have a valid tag"),
		}
	case other != nil && other.ID != r.ID: // manufosela/karajan-code#774
		return []fieldError{{Resource: "Release", Code: "already_exists", Field: "tag_name"}}
	case s.burned[r.Tag]: // github-community-projects/ospo-reusable-workflows#83
		return []fieldError{
			custom("tag_name", "tag_name was used by an immutable release"),
			custom("", "Published releases must have a valid tag"),
		}
	case r.Prerelease && deref(makeLatest) == "true": // kaito-project/kaito#1680
		return []fieldError{cannotBeLatest}
	}
	return nil
}

// settle makes r public, or a draft, after all checks.
func (s *Server) settle(r *release, draft bool, makeLatest *string) {
	if draft {
		r.Draft = true
		return
	}
	if r.Draft {
		r.Draft, r.Immutable = false, s.opts.Immutable
		r.Published = s.now()
		if makeLatest == nil && !r.Prerelease { // "Defaults to true for newly published releases."
			s.latestID = r.ID
		}
	}
	// A release that has lost its tag is published without one (esphome/esphome-desktop#81).
	if _, exists := s.tags[r.Tag]; !exists && r.Tag != r.slug {
		s.tags[r.Tag], _ = s.resolve(r.Target) // "Unused if the Git tag already exists."
	}

	switch deref(makeLatest) {
	case "true":
		s.latestID, r.demoted = r.ID, false
	case "false":
		if r.demoted = true; s.latestID == r.ID {
			s.latestID = 0
		}
	case "legacy":
		s.latestID, r.demoted = 0, false
	}
}

// latest returns the release that is latest: the one that was made so, or else by
// "the release creation date and higher semantic version" (the description of
// make_latest). One with make_latest false is chosen only if there is no other
// (cli/cli#6963, cli/cli#10695).
func (s *Server) latest() *release {
	var best *release
	for _, r := range s.releases {
		switch {
		case r.Draft || r.Prerelease:
		case r.ID == s.latestID:
			return r
		case best == nil, best.demoted && !r.demoted, best.demoted == r.demoted && later(r, best):
			best = r
		}
	}

	return best
}

func later(a, b *release) bool {
	if semver.IsValid(a.Tag) && semver.IsValid(b.Tag) {
		return semver.Compare(a.Tag, b.Tag) > 0
	}
	return a.Created.After(b.Created)
}

// resolve finds the commit of a target_commitish: a branch or a full SHA, not a
// tag and not part of a SHA (softprops/action-gh-release#214, github-release/github-release#12).
func (s *Server) resolve(commitish string) (string, bool) {
	if commitish == "main" || commitish == s.opts.Head {
		return s.opts.Head, true
	}
	return commitish, s.commit(commitish)
}

// commit says whether a commit exists.
func (s *Server) commit(sha string) bool {
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

// notInTags is what git check-ref-format forbids anywhere in a name.
var notInTags = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|\.$|^@$|^-`)

// validTag follows git check-ref-format.
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
	if _, ok := s.resolve(req.Target); !ok && req.Target != "" {
		return c.invalid(fieldError{Resource: "Release", Code: "invalid", Field: "target_commitish"})
	}

	return reply(http.StatusOK, map[string]any{"name": req.Tag, "body": s.notes(c, req.Tag, req.Previous)})
}

// notes generates the notes of a release in GitHub's form, without changes.
func (s *Server) notes(c *call, tag, previous string) string {
	if latest := s.latest(); previous == "" && latest != nil && latest.Tag != tag {
		previous = latest.Tag
	}
	if previous == "" {
		return "**Full Changelog**: " + c.site.web + "/" + s.opts.Repo + "/commits/" + tag
	}
	return "**Full Changelog**: " + c.site.web + "/" + s.opts.Repo + "/compare/" + previous + "..." + tag
}
