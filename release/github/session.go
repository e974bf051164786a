package github

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/publish"
)

// A session publishes one release on GitHub.
type session struct {
	client     *Client
	want       Wanted
	makeLatest *bool
	supersedes func(tag string) bool

	rel      *Release // nil until Open has found or created one
	deferred bool     // the release was public when Open found it
	adding   int      // how many files it lacked, which are added
	undone   bool     // Undo has deleted the draft
	notices  []string // in addition to those of rel
}

// Session returns a session that publishes a release.
//
// makeLatest says whether the repository shows it as its latest release. If makeLatest is nil, a
// prerelease is not the latest, and for other releases supersedes decides. It reports whether the
// release takes the place of the one with the given tag, which is "" if there is none.
func (c *Client) Session(want Wanted, makeLatest *bool, supersedes func(tag string) bool) *publish.Session {
	s := &session{
		client:     c,
		want:       want,
		makeLatest: makeLatest,
		supersedes: supersedes,
	}

	return &publish.Session{
		Takes:    s.takes,
		Open:     s.open,
		Deferred: s.isDeferred,
		Review:   s.review,
		Put:      s.put,
		Check:    s.check,
		Commit:   s.commit,
		Refresh:  s.refresh,
		Undo:     s.undo,
		Status:   s.status,
	}
}

// takes returns true: every file can be attached to a release.
func (s *session) takes(output.Output) bool { return true }

// open finds or creates the draft. If the token may not write, this fails in seconds instead of
// after minutes of compiling.
func (s *session) open(ctx context.Context) (err error) {
	s.rel, err = s.client.Open(ctx, s.want)
	if err != nil {
		return err
	}

	s.deferred = s.rel.Published()
	switch {
	case s.deferred && s.want.Overwrite:
		s.notices = append(s.notices,
			"the release was public already: files that differ are replaced (overwrite)")
	case s.deferred && s.rel.mayAddFiles() && len(s.rel.missing()) > 0:
		s.adding = len(s.rel.missing())
	case s.deferred:
		s.notices = append(s.notices,
			"the release is public already: its files are compared, and nothing is changed")
	}

	return nil
}

// isDeferred reports whether the release was public when it was opened.
func (s *session) isDeferred() bool { return s.deferred }

// review fails if this run adds files to a public release that has other files with their names.
func (s *session) review(ctx context.Context, want []output.Artifact) error {
	return s.rel.CheckConflicts(ctx, assets(want))
}

// put attaches a file to the release.
func (s *session) put(ctx context.Context, a output.Artifact) (publish.Outcome, error) {
	outcome, err := s.rel.Attach(ctx, asset(a))
	return publish.Outcome(outcome), err
}

// asset describes a file on disk. Each attempt to send it opens it again.
func asset(a output.Artifact) Asset {
	return Asset{
		Name:   a.Name,
		Size:   a.Size,
		SHA256: a.SHA256(),
		Open:   func() (io.ReadSeekCloser, error) { return os.Open(a.Path) },
	}
}

// assets describes files on disk.
func assets(artifacts []output.Artifact) []Asset {
	all := make([]Asset, len(artifacts))
	for i, a := range artifacts {
		all[i] = asset(a)
	}

	return all
}

// check compares the files of the release with want.
func (s *session) check(ctx context.Context, want []output.Artifact) error {
	return s.rel.Check(ctx, assets(want))
}

// commit makes the release public. It checks the files before and after.
func (s *session) commit(ctx context.Context, want []output.Artifact) error {
	latest, err := s.isLatest(ctx)
	if err != nil {
		return err
	}
	if err := s.rel.Publish(ctx, assets(want), latest); err != nil {
		return err
	}
	if !s.rel.Published() {
		return fmt.Errorf("publishing the release: it should be public, but its state is %q", s.rel.State())
	}

	return nil
}

// isLatest decides whether the repository shows the release as its latest.
func (s *session) isLatest(ctx context.Context) (bool, error) {
	if s.makeLatest != nil {
		return *s.makeLatest, nil
	}
	if s.want.Prerelease {
		return false, nil
	}

	tag, err := s.client.Latest(ctx)
	if err != nil {
		return false, err
	}

	return s.supersedes(tag), nil
}

// finalTime limits how long Refresh and Undo may take. They are called at the end of a run and
// go on even if it was cancelled.
const finalTime = 20 * time.Second

// refresh reads the state of the release again, so that the report is right. Somebody may have
// published or deleted the release, or GitHub may have carried out a request to publish it that
// seemed to fail.
func (s *session) refresh(ctx context.Context) error {
	if s.rel == nil || s.rel.current() == nil || s.rel.State() == Gone {
		return nil
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTime)
	defer cancel()

	// If the state is known, an error here adds nothing to the reason why the run failed.
	err := s.rel.Refresh(ctx)
	if err != nil && s.rel.State() == Unknown {
		return fmt.Errorf("finding out whether the release is public: %w", err)
	}

	return nil
}

// undo deletes the draft if this run created it. If that fails, the error says where the draft
// is.
func (s *session) undo(ctx context.Context) error {
	if s.rel == nil || !s.rel.Created {
		return nil
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalTime)
	defer cancel()

	if err := s.rel.Delete(ctx); err != nil {
		return fmt.Errorf("%w\nthe release that this run created is left: %s", err, s.rel.URL())
	}

	s.undone = true
	return nil
}

// status returns what is known about the release.
func (s *session) status() publish.Status {
	if s.rel == nil || s.undone {
		return publish.Status{Notices: s.notices}
	}
	if s.rel.current() == nil {
		return publish.Status{State: publish.Unknown} // Open failed, but may have created it
	}

	status := publish.Status{
		State:   publish.State(s.rel.State()),
		ID:      s.rel.ID(),
		URL:     s.rel.URL(),
		Created: s.rel.Created,
		Notices: slices.Concat(s.rel.Notices, s.notices),
	}
	if status.State == publish.Public {
		status.URLs = s.rel.Downloads()
	}
	if s.adding > 0 && status.State == publish.Public {
		status.Notices = append(status.Notices, s.addedNotice())
	}

	return status
}

// addedNotice says which of its files a public release had, and has.
func (s *session) addedNotice() string {
	missing := len(s.rel.missing())
	total := len(s.want.Files)
	if missing > 0 {
		return fmt.Sprintf("the release is public and lacks %d of its %d files; the next run that succeeds adds them",
			missing, total)
	}
	return fmt.Sprintf("the release was public already: %d of its %d files were added, and nothing else was changed",
		s.adding, total)
}
