package githubtest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// A release is a Release with what is not for the eyes of tests. The assets of
// its Release are not used.
type release struct {
	Release
	updated time.Time
	slug    string // stands for the tag in the addresses of a draft: "untagged-" and hex digits
	demoted bool   // make_latest was "false"
	hidden  int    // how many times the list is still to leave it out
	assets  []*asset
}

// maxBody is the limit of a release's body, in characters (softprops/action-gh-release#374).
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
	var seen []*release
	for _, r := range slices.Backward(s.releases) {
		if !s.visible(c, r) {
			continue
		}
		if r.hidden > 0 {
			r.hidden--
			continue
		}

		seen = append(seen, r)
	}

	part, links := paginate(c, seen)
	list := make([]any, 0, len(part))

	for _, r := range part {
		list = append(list, s.releaseJSON(c, r))
	}

	return pageOf(list, links)
}

// visible: "Only users with push access will receive listings for draft releases."
func (s *Server) visible(c *call, r *release) bool {
	return !r.Draft || s.access(c) >= writer
}

// release returns the release that the path names by its number, if the sender may see it.
func (s *Server) release(c *call) *release {
	for _, r := range s.releases {
		if r.ID == c.id("release_id") && s.visible(c, r) {
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
	r := &release{slug: slug(id), hidden: s.opts.ListDelay, updated: now}
	r.Release = Release{ID: id, Target: "main", Draft: true, Created: now}
	if deref(req.Notes) {
		notes := s.notes(c, deref(req.Tag), "")
		r.Name, r.Body = deref(req.Tag), notes
		if b := deref(req.Body); b != "" { // "the body will be pre-pended to the automatically generated notes"
			joined := b + "\n\n" + notes
			req.Body = &joined
		}
	}
	if refusal, ok := s.change(c, r, req, deref(req.Draft)); !ok {
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
	// make_latest on what stays a draft is refused for an existing release, but
	// not when one is created (openclaw/openclaw#139297).
	if deref(req.MakeLatest) == "true" && draft {
		return c.invalid(cannotBeLatest)
	}
	if reasons := frozen(r, req); len(reasons) > 0 {
		return c.invalid(reasons...)
	}

	next := *r
	next.updated = s.now()
	if r.Draft && draft && req.Tag == nil {
		next.Tag = r.slug // see the package's known differences
	}
	if refusal, ok := s.change(c, &next, req, draft); !ok {
		return refusal
	}

	*r = next

	return reply(http.StatusOK, s.releaseJSON(c, r))
}

// frozen says what of a request an immutable release does not allow. Its title,
// notes, prerelease and make_latest can be changed (github/docs#45718); the
// wording for "draft" is from cameronrye/openzim-mcp#215, for the tag by analogy.
func frozen(r *release, req releaseRequest) (reasons []fieldError) {
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

// change applies a request to a release that nobody else has yet, and publishes
// it or makes it a draft. If it tells a refusal, nothing else has changed.
func (s *Server) change(c *call, r *release, req releaseRequest, draft bool) (answer, bool) {
	if deref(req.Discussion) != "" { // "Not Found if the discussion category name is invalid": there is none
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
		reasons = append(reasons, custom("body", fmt.Sprintf("body is too long (maximum is %d characters)", maxBody)))
	}
	if _, ok := s.resolve(r.Target); !ok {
		reasons = append(reasons, fieldError{Resource: "Release", Code: "invalid", Field: "target_commitish"})
	}
	if !draft {
		reasons = append(reasons, s.unpublishable(r, req.MakeLatest)...)
	}
	if len(reasons) > 0 {
		return c.invalid(reasons...), false
	}

	s.settle(r, draft, req.MakeLatest)

	return answer{}, true
}

// deleteRelease answers DELETE .../releases/{release_id}. The tag stays; that of
// an immutable release can never be used again (github/docs, immutable releases).
func (s *Server) deleteRelease(c *call) answer {
	r := s.release(c)
	if r == nil {
		return c.notFound()
	}
	if r.Immutable {
		s.burned[r.Tag] = true
	}

	s.releases = slices.DeleteFunc(s.releases, func(other *release) bool { return other == r })

	return answer{status: http.StatusNoContent}
}

// slug makes the name that stands for the tag of a draft.
func slug(id int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "release %d", id))
	return fmt.Sprintf("untagged-%x", sum[:10])
}

// custom is a reason in words, about a release.
func custom(field, message string) fieldError {
	return fieldError{Resource: "Release", Code: "custom", Field: field, Message: message}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
