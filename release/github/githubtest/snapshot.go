package githubtest

import (
	"reflect"
	"slices"
	"time"
)

// A Release is the state of a release at one moment.
//
// The JSON of the types in this file is not GitHub's. It is the format of the state file
// of fakegithub.
type Release struct {
	ID         int64     `json:"id"`
	Tag        string    `json:"tag"`    // for a draft, the tag that it will have
	Target     string    `json:"target"` // target_commitish, as the request gave it
	Name       string    `json:"name"`
	Body       string    `json:"body"`
	Draft      bool      `json:"draft"`
	Prerelease bool      `json:"prerelease"`
	Immutable  bool      `json:"immutable"`
	Latest     bool      `json:"latest"` // it is the answer to GET .../releases/latest
	Created    time.Time `json:"created"`
	Published  time.Time `json:"published,omitzero"` // zero if it was never published
	Assets     []Asset   `json:"assets"`             // in the order of upload
}

// Asset returns the asset with a name, and reports whether it exists.
func (r Release) Asset(name string) (Asset, bool) {
	i := slices.IndexFunc(r.Assets, func(a Asset) bool { return a.Name == name })
	if i < 0 {
		return Asset{}, false
	}
	return r.Assets[i], true
}

// An Asset is the state of an asset at one moment.
type Asset struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"` // as GitHub renamed it
	Label       string `json:"label"`
	State       string `json:"state"` // "uploaded", or "starter" until the upload has succeeded
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Digest      string `json:"digest"` // "sha256:" and 64 hex digits; "" for a starter
	Content     []byte `json:"-"`      // read-only; nil for a starter, or with Options.Discard
}

// A Request is an entry in the log of requests.
type Request struct {
	Number int    `json:"number"` // counted from 1
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	Status int    `json:"status"` // 0 if there is no answer
}

// An Appearance is a release as the public could see it between one request and the
// next Appearance of the release.
type Appearance struct {
	Request int     `json:"request"` // the number of the request that changed the release
	Gone    bool    `json:"gone"`    // it was deleted or made a draft; Release is its last state
	Release Release `json:"release"`
}

// Releases returns all releases and drafts, in the order of their creation.
func (s *Server) Releases() []Release {
	s.mu.Lock()
	defer s.mu.Unlock()

	all := make([]Release, 0, len(s.releases))
	for _, r := range s.releases {
		all = append(all, s.snapshot(r))
	}

	return all
}

// Requests returns the log of all requests, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Invalid returns every violation of GitHub's description by a request or an answer.
// Tests assert that there is none.
func (s *Server) Invalid() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.invalid)
}

// History returns every state in which the public could see a release, in order. A
// release that is complete in all of them was never visible while incomplete.
func (s *Server) History() []Appearance {
	s.mu.Lock()
	defer s.mu.Unlock()

	all := slices.Clone(s.history)
	for i := range all {
		all[i].Release.Assets = slices.Clone(all[i].Release.Assets)
	}

	return all
}

// MoveTag sets the commit of a tag, as a push does, or deletes the tag if commit is "".
func (s *Server) MoveTag(tag, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.tags, tag)
	if commit != "" {
		s.tags[tag] = commit
	}
}

// Tag returns the commit of a tag, or "" if the tag does not exist.
func (s *Server) Tag(tag string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tags[tag]
}

// snapshot returns the present state of a release.
func (s *Server) snapshot(r *release) Release {
	shot := r.Release
	shot.Latest = s.latest() == r
	shot.Assets = make([]Asset, 0, len(r.assets))
	for _, a := range r.assets {
		shot.Assets = append(shot.Assets, a.Asset)
	}

	return shot
}

// recordHistory adds to the history what request number n has changed for the public. It
// is called after everything that can change something.
func (s *Server) recordHistory(n int) {
	// What the public saw before the request, by the ID of the release.
	before := map[int64]Release{}
	for _, a := range s.history {
		if a.Gone {
			delete(before, a.Release.ID)
		} else {
			before[a.Release.ID] = a.Release
		}
	}

	for _, r := range s.releases {
		old, seen := before[r.ID]
		delete(before, r.ID)

		switch {
		case r.Draft && seen:
			s.history = append(s.history, Appearance{Request: n, Gone: true, Release: old})
		case r.Draft:
			// The public sees no drafts.
		default:
			shot := s.snapshot(r)
			if !seen || !reflect.DeepEqual(old, shot) {
				s.history = append(s.history, Appearance{Request: n, Release: shot})
			}
		}
	}

	// The releases that are left were deleted. Add them in the order of their first
	// appearance.
	for _, a := range s.history {
		if old, deleted := before[a.Release.ID]; deleted {
			delete(before, a.Release.ID)
			s.history = append(s.history, Appearance{Request: n, Gone: true, Release: old})
		}
	}
}
