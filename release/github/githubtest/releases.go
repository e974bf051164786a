package githubtest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// A release is a Release with the state that tests do not see. The field Assets of its
// Release is not used.
type release struct {
	Release
	updated   time.Time
	slug      string // replaces the tag in the addresses of a draft: "untagged-" and hex digits
	notLatest bool   // make_latest was "false"
	listDelay int    // how many more times the list leaves it out
	assets    []*asset
}

// maxBody is the greatest length of a release's body, in characters
// (softprops/action-gh-release#374).
const maxBody = 125_000

// A releaseRequest is the body of a request to create or update a release.
type releaseRequest struct {
	Tag        *string `json:"tag_name"`
	Target     *string `json:"target_commitish"`
	Name       *string `json:"name"`
	Body       *string `json:"body"`
	Draft      *bool   `json:"draft"`
	Prerelease *bool   `json:"prerelease"`
	MakeLatest *string `json:"make_latest"`
	Notes      *bool   `json:"generate_release_notes"`
	Discussion *string `json:"discussion_category_name"`
}

// listReleases answers GET .../releases: newest first, drafts only for writers.
func (s *Server) listReleases(c *call) answer {
	var listed []*release
	for _, r := range slices.Backward(s.releases) {
		if !s.visible(c, r) {
			continue
		}
		if r.listDelay > 0 {
			r.listDelay--
			continue
		}

		listed = append(listed, r)
	}

	part, links := paginate(c, listed)
	list := make([]any, 0, len(part))
	for _, r := range part {
		list = append(list, s.releaseJSON(c, r))
	}

	return pageOf(list, links)
}

// visible reports whether the sender may see the release: "Only users with push access
// will receive listings for draft releases."
func (s *Server) visible(c *call, r *release) bool {
	return !r.Draft || s.access(c) >= writer
}

// release returns the release whose ID is in the path, or nil if there is none or the
// sender may not see it.
func (s *Server) release(c *call) *release {
	id := c.id("release_id")
	for _, r := range s.releases {
		if r.ID == id && s.visible(c, r) {
			return r
		}
	}
	return nil
}

// getRelease answers GET .../releases/{release_id}.
func (s *Server) getRelease(c *call) answer {
	return s.show(c, s.release(c))
}

// getLatest answers GET .../releases/latest.
func (s *Server) getLatest(c *call) answer {
	return s.show(c, s.latest())
}

// getByTag answers GET .../releases/tags/{tag}: "a published release with the
// specified tag". Drafts are not found (softprops/action-gh-release#801, avibe-bot/avibe#1712).
func (s *Server) getByTag(c *call) answer {
	return s.show(c, s.published(c.params["tag"]))
}

// show answers with a release, which may be nil.
func (s *Server) show(c *call, r *release) answer {
	if r == nil {
		return c.notFound()
	}
	return reply(http.StatusOK, s.releaseJSON(c, r))
}

// createRelease answers POST .../releases.
func (s *Server) createRelease(c *call) answer {
	var req releaseRequest
	if refusal, ok := c.decode(&req); !ok {
		return refusal
	}

	now := s.now()
	id := s.newID()
	r := &release{
		Release: Release{
			ID:      id,
			Target:  "main",
			Draft:   true,
			Created: now,
		},
		updated:   now,
		slug:      slug(id),
		listDelay: s.opts.ListDelay,
	}

	if deref(req.Notes) {
		notes := s.notes(c, deref(req.Tag), "")
		r.Name = deref(req.Tag)
		r.Body = notes

		// "the body will be pre-pended to the automatically generated notes"
		if body := deref(req.Body); body != "" {
			joined := body + "\n\n" + notes
			req.Body = &joined
		}
	}

	if refusal, ok := s.apply(c, r, req, deref(req.Draft)); !ok {
		return refusal
	}

	s.releases = append(s.releases, r)

	a := reply(http.StatusCreated, s.releaseJSON(c, r))
	a.header.Set("Location", c.site.api+s.path("releases", r.ID))
	return a
}

// updateRelease answers PATCH .../releases/{release_id}.
func (s *Server) updateRelease(c *call) answer {
	r := s.release(c)
	if r == nil {
		return c.notFound()
	}

	var req releaseRequest
	if refusal, ok := c.decode(&req); !ok {
		return refusal
	}

	draft := r.Draft
	if req.Draft != nil {
		draft = *req.Draft
	}

	// GitHub refuses make_latest when it updates a release that stays a draft, but not
	// when it creates a draft (openclaw/openclaw#139297).
	if deref(req.MakeLatest) == "true" && draft {
		return c.invalid(cannotBeLatest)
	}
	if reasons := immutableRefusals(r, req); len(reasons) > 0 {
		return c.invalid(reasons...)
	}

	// Change a copy, because the request may still be refused.
	next := *r
	next.updated = s.now()
	if r.Draft && draft && req.Tag == nil {
		next.Tag = r.slug // see the known differences in the package documentation
	}
	if refusal, ok := s.apply(c, &next, req, draft); !ok {
		return refusal
	}

	*r = next
	return reply(http.StatusOK, s.releaseJSON(c, r))
}

// immutableRefusals returns the parts of a request that an immutable release does not
// allow. Its title, notes, prerelease and make_latest can be changed
// (github/docs#45718). The message for "draft" is from cameronrye/openzim-mcp#215, the
// message for the tag is written by analogy.
func immutableRefusals(r *release, req releaseRequest) (reasons []fieldError) {
	if !r.Immutable {
		return nil
	}

	if deref(req.Draft) {
		reasons = append(reasons, custom("state", "state cannot be changed when release is immutable"))
	}
	if req.Tag != nil && *req.Tag != r.Tag {
		reasons = append(reasons, custom("tag_name", "tag_name cannot be changed when release is immutable"))
	}

	return reasons
}

// apply applies a request to a release that is not yet shared, and publishes it or makes
// it a draft. If it returns a refusal and false, the state of the server is unchanged.
func (s *Server) apply(c *call, r *release, req releaseRequest, draft bool) (answer, bool) {
	// "Not Found if the discussion category name is invalid": there are no categories.
	if deref(req.Discussion) != "" {
		return c.notFound(), false
	}

	set(&r.Tag, req.Tag)
	set(&r.Target, req.Target)
	set(&r.Name, req.Name)
	set(&r.Body, req.Body)
	set(&r.Prerelease, req.Prerelease)
	if draft && r.Tag == "" {
		r.Tag = r.slug
	}

	var reasons []fieldError
	if utf8.RuneCountInString(r.Body) > maxBody {
		message := fmt.Sprintf("body is too long (maximum is %d characters)", maxBody)
		reasons = append(reasons, custom("body", message))
	}
	if _, ok := s.targetCommit(r.Target); !ok {
		reasons = append(reasons, fieldError{Resource: "Release", Code: "invalid", Field: "target_commitish"})
	}
	if !draft {
		reasons = append(reasons, s.publishRefusals(r, req.MakeLatest)...)
	}
	if len(reasons) > 0 {
		return c.invalid(reasons...), false
	}

	s.setDraft(r, draft, req.MakeLatest)
	return answer{}, true
}

// deleteRelease answers DELETE .../releases/{release_id}. The tag stays. The tag of an
// immutable release can never be used for a release again (github/docs, immutable
// releases).
func (s *Server) deleteRelease(c *call) answer {
	r := s.release(c)
	if r == nil {
		return c.notFound()
	}
	if r.Immutable {
		s.burnedTags[r.Tag] = true
	}

	s.releases = slices.DeleteFunc(s.releases, func(other *release) bool { return other == r })
	return answer{status: http.StatusNoContent}
}

// slug returns the name that replaces the tag of a draft.
func slug(id int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "release %d", id))
	return fmt.Sprintf("untagged-%x", sum[:10])
}

// custom returns a reason about a release that consists of a message.
func custom(field, message string) fieldError {
	return fieldError{Resource: "Release", Code: "custom", Field: field, Message: message}
}

// deref returns *p, or the zero value if p is nil.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// set assigns *value to *field, unless value is nil.
func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
