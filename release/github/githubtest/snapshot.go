package githubtest

import (
	"reflect"
	"slices"
	"time"
)

// A Release is the state of a release at one moment. Its JSON, and that of the
// other types here, is this package's own; it is in the state file of fakegithub.
type Release struct {
	ID         int64     `json:"id"`
	Tag        string    `json:"tag"`    // of a draft: the tag it is meant for
	Target     string    `json:"target"` // target_commitish, as it was given
	Name       string    `json:"name"`
	Body       string    `json:"body"`
	Draft      bool      `json:"draft"`
	Prerelease bool      `json:"prerelease"`
	Immutable  bool      `json:"immutable"`
	Latest     bool      `json:"latest"` // GET .../releases/latest answers with it
	Created    time.Time `json:"created"`
	Published  time.Time `json:"published,omitzero"` // zero while it never was
	Assets     []Asset   `json:"assets"`             // in the order of upload
}

// Asset returns the asset of that name.
func (r Release) Asset(name string) (Asset, bool) {
	i := slices.IndexFunc(r.Assets, func(a Asset) bool { return a.Name == name })
	if i < 0 {
		return Asset{}, false
	}
	return r.Assets[i], true
}

// An Asset is the state of a release's file at one moment.
type Asset struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"` // as GitHub renamed it
	Label       string `json:"label"`
	State       string `json:"state"` // "uploaded", or "starter" for what an upload left that did not succeed
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Digest      string `json:"digest"` // "sha256:" and 64 hex digits; "" for a starter
	Content     []byte `json:"-"`      // shared, not to be changed; nil for a starter, or with Options.Discard
}

// A Request is an entry in the log of requests.
type Request struct {
	Number int    `json:"number"` // counted from 1
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	Status int    `json:"status"` // 0 if there was no answer, or not yet
}

// An Appearance is a release as the public could see it from one request until
// its next Appearance.
type Appearance struct {
	Request int     `json:"request"` // the number of the request that made it so
	Gone    bool    `json:"gone"`    // it was deleted, or made a draft again; Release is its last state
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

// Invalid returns every violation of GitHub's description, in requests and in
// answers. Tests assert that there is none.
func (s *Server) Invalid() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.invalid)
}

// History returns every state in which a release was ever publicly visible, in
// order. A release that is complete in all of them was never seen incomplete.
func (s *Server) History() []Appearance {
	s.mu.Lock()
	defer s.mu.Unlock()

	all := slices.Clone(s.history)
	for i := range all {
		all[i].Release.Assets = slices.Clone(all[i].Release.Assets)
	}

	return all
}

// MoveTag is somebody's push: the tag is at the commit then, or gone if commit is "".
func (s *Server) MoveTag(tag, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.tags, tag)
	if commit != "" {
		s.tags[tag] = commit
	}
}

// Tag returns the commit of a tag, "" if there is none.
func (s *Server) Tag(tag string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tags[tag]
}

func (s *Server) snapshot(r *release) Release {
	shot := r.Release
	shot.Latest = s.latest() == r
	shot.Assets = make([]Asset, 0, len(r.assets))
	for _, a := range r.assets {
		shot.Assets = append(shot.Assets, a.Asset)
	}

	return shot
}

// observe adds to the history what request number n has changed for the public.
// It is called after everything that may have changed something.
func (s *Server) recordHistory(n int) {
	last := map[int64]Appearance{}
	for _, a := range s.history {
		last[a.Release.ID] = a
	}

	for _, r := range s.releases {
		before, seen := last[r.ID]
		delete(last, r.ID)
		seen = seen && !before.Gone
		if r.Draft && seen {
			s.history = append(s.history, Appearance{Request: n, Gone: true, Release: before.Release})
		}
		if r.Draft {
			continue
		}
		if now := s.snapshot(r); !seen || !reflect.DeepEqual(before.Release, now) {
			s.history = append(s.history, Appearance{Request: n, Release: now})
		}
	}

	for _, a := range s.history { // what is left in last was deleted; in the order of its first appearance
		if before, deleted := last[a.Release.ID]; deleted && !before.Gone {
			delete(last, a.Release.ID)
			s.history = append(s.history, Appearance{Request: n, Gone: true, Release: before.Release})
		}
	}
}
