package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
)

// listDrafts returns the drafts of the tag, the oldest first. A new draft may be missing
// from the list for a while (softprops/action-gh-release#705).
func (r *Release) listDrafts(ctx context.Context) ([]*github.RepositoryRelease, error) {
	var drafts []*github.RepositoryRelease
	err := eachPage(maxReleasePages, func(opts *github.ListOptions) (*github.Response, error) {
		var page []*github.RepositoryRelease
		var resp *github.Response
		err := r.c.retry(ctx, "listing releases", func() (err error) {
			page, resp, err = r.c.listReleases(ctx, opts)
			return err
		})
		if err != nil {
			return nil, err
		}

		for _, rel := range page {
			if rel.Draft && rel.TagName == r.want.Tag {
				drafts = append(drafts, rel)
			}
		}
		return resp, nil
	})

	slices.SortFunc(drafts, func(a, b *github.RepositoryRelease) int {
		return cmp.Compare(a.ID, b.ID)
	})
	return drafts, err
}

// maxListReads is how often the list of releases is read until it has our draft.
const maxListReads = 5

// listDraftsWithOurs returns the drafts of the tag once the list includes the draft of this
// run, because it then includes older drafts too. If the list lags behind for more than a
// few seconds, the last one is returned.
func (r *Release) listDraftsWithOurs(ctx context.Context) ([]*github.RepositoryRelease, error) {
	for attempt := 1; ; attempt++ {
		drafts, err := r.listDrafts(ctx)
		if err != nil {
			return drafts, err
		}

		listed := slices.ContainsFunc(drafts, func(d *github.RepositoryRelease) bool {
			return d.ID == r.rel.ID
		})
		if listed || attempt == maxListReads {
			return drafts, nil
		}

		err = r.c.wait(ctx, backoff(r.c, nil, attempt), "the list of releases lacks the draft of this run")
		if err != nil {
			return nil, err
		}
	}
}

// findDraft adopts the oldest draft of the tag, unless there is a public release or no draft.
func (r *Release) findDraft(ctx context.Context) error {
	if r.rel != nil {
		return nil
	}

	drafts, err := r.listDrafts(ctx)
	if err != nil || len(drafts) == 0 {
		return err
	}
	r.adoptFirst(drafts)
	return nil
}

// adoptFirst makes the first of drafts the release of this run.
func (r *Release) adoptFirst(drafts []*github.RepositoryRelease) {
	r.rel = drafts[0]
	r.notice("continuing draft %d of %s, keeping its title and notes", r.rel.ID, r.want.Tag)

	for _, other := range drafts[1:] {
		if r.isLeftover(other) {
			r.hasLeftovers = true
			continue
		}
		r.notice("ignoring a second draft release of %s: %s", r.want.Tag, other.HTMLURL)
	}
}

// notice adds to the Notices of the release.
func (r *Release) notice(format string, args ...any) {
	r.Notices = append(r.Notices, fmt.Sprintf(format, args...))
}

// create creates the draft, unless there is a release already.
func (r *Release) create(ctx context.Context) error {
	if r.rel != nil {
		return nil
	}

	body, err := r.releaseNotes(ctx)
	if err != nil {
		return err
	}
	request := github.CreateReleaseRequest{
		TagName:         r.want.Tag,
		TargetCommitish: &r.want.Commit,
		Name:            new(cmp.Or(r.want.Title, r.want.Tag)),
		Body:            &body,
		Draft:           new(true),
		Prerelease:      &r.want.Prerelease,
	}

	err = r.c.retry(ctx, "creating the draft release", func() error {
		return r.tryCreate(ctx, request)
	})
	if err != nil {
		err = r.recoverCreated(ctx, request, err)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("creating the draft release: %w", context.Cause(ctx))
	}

	return r.yieldToOtherRun(ctx)
}

// tryCreate makes one attempt to create the draft.
func (r *Release) tryCreate(ctx context.Context, request github.CreateReleaseRequest) error {
	r.createAttempts++
	if r.createAttempts > 1 {
		// The attempt before this one may have created the draft although it failed.
		found, err := r.findCreated(ctx, request)
		if err != nil || found {
			return err
		}
	}

	if err := r.c.waitForTurn(ctx); err != nil {
		return err
	}

	r.mayHaveCreated = true
	rel, err := r.c.createDraft(ctx, request)
	if err != nil {
		return err
	}

	r.rel = rel
	r.Created = true
	return nil
}

// recoverTime is how long a cancelled run looks for a draft that it may have created.
const recoverTime = 20 * time.Second

// recoverCreated looks for the draft after creating it has ended with createErr, because the
// draft may exist nevertheless. It returns the error to report if there is no draft or if it
// cannot find out. It also looks if the run was cancelled, so that no draft is left behind.
func (r *Release) recoverCreated(
	ctx context.Context, sent github.CreateReleaseRequest, createErr error,
) error {
	if !r.mayHaveCreated {
		return createErr
	}

	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), recoverTime)
		defer cancel()
	}

	found, err := r.findCreated(ctx, sent)
	if err != nil {
		text := fmt.Errorf("%w\nand it is not known whether the draft was created: %v", createErr, err)
		list := problem.Run(fmt.Sprintf("gh release list --repo %s/%s", r.c.owner, r.c.repo))
		return problem.With(list.For("if the draft is there, the next run continues it"), text)
	}
	if !found {
		r.mayHaveCreated = false
		return createErr
	}
	return nil
}

// findCreated looks for the draft after an attempt to create it has failed, and reports
// whether it found one. There was no draft before the attempt. A draft with the text that was
// sent is therefore ours. Any other draft is adopted.
func (r *Release) findCreated(
	ctx context.Context, sent github.CreateReleaseRequest,
) (found bool, err error) {
	drafts, err := r.listDrafts(ctx)
	if err != nil || len(drafts) == 0 {
		return false, err
	}

	oldest := drafts[0]
	r.Created = oldest.GetBody() == *sent.Body &&
		oldest.GetName() == *sent.Name &&
		oldest.TargetCommitish == *sent.TargetCommitish
	if r.Created {
		r.rel = oldest
	} else {
		r.adoptFirst(drafts)
	}
	return true, nil
}

// yieldToOtherRun resolves a race between two runs that created a release for the same tag.
// An older draft wins over ours, and so does a public release. If ours loses it is deleted,
// unless somebody has published it or added files to it. A third run that adopted it has to
// be run again.
func (r *Release) yieldToOtherRun(ctx context.Context) error {
	if !r.Created {
		return nil // we adopted the release, so there is nothing of ours to delete
	}

	ours := r.rel
	lost, err := r.adoptWinner(ctx)
	if err != nil || !lost {
		return err
	}

	r.Created = false
	if err := r.deleteUnlessInUse(ctx, ours.ID); err != nil {
		return fmt.Errorf("%w\nthe draft of this run is left: %s", err, ours.HTMLURL)
	}
	return nil
}

// adoptWinner makes the release of another run the release of this run if it takes
// precedence over ours, and reports whether it does.
func (r *Release) adoptWinner(ctx context.Context) (lost bool, err error) {
	ours := r.rel

	drafts, err := r.listDraftsWithOurs(ctx)
	if err != nil {
		return false, err
	}
	if len(drafts) > 0 && drafts[0].ID < ours.ID {
		others := slices.DeleteFunc(drafts, func(d *github.RepositoryRelease) bool {
			return d.ID == ours.ID
		})
		r.adoptFirst(others)
		return true, nil
	}

	public, err := r.publicRelease(ctx)
	if err != nil || public == nil {
		return false, err
	}
	r.rel = public
	return public.ID != ours.ID, nil
}

// deleteUnlessInUse deletes a draft that this run created, unless somebody uses it.
func (r *Release) deleteUnlessInUse(ctx context.Context, id int64) error {
	var draft *github.RepositoryRelease
	err := r.c.retry(ctx, "reading the draft release", func() (err error) {
		draft, err = r.c.getRelease(ctx, id)
		if status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
	if err != nil || draft == nil {
		return err
	}

	if !draft.Draft || draft.TagName != r.want.Tag || r.hasExtraFiles(draft) {
		r.notice("left another release of %s in place because it is in use: %s", r.want.Tag, draft.HTMLURL)
		return nil
	}
	return r.deleteRelease(ctx, id)
}

// hasExtraFiles reports whether a release has a file that this run does not upload.
func (r *Release) hasExtraFiles(rel *github.RepositoryRelease) bool {
	return slices.ContainsFunc(rel.Assets, func(a *github.ReleaseAsset) bool {
		return !slices.Contains(r.want.Files, a.GetName())
	})
}

// maxNotes is the number of characters that GitHub accepts as the text of a release.
const maxNotes = 125000

const cutNotes = "\n\n*(cut here: GitHub does not accept longer notes)*"

// releaseNotes returns the text of a new release: the notes that were asked for, or those
// that GitHub generates from the changes, and the footer. The notes are generated before the
// release is created, because GitHub would put generated notes after the footer.
func (r *Release) releaseNotes(ctx context.Context) (string, error) {
	notes := r.want.Notes
	if notes == "" {
		var err error
		notes, err = r.generateNotes(ctx)
		if err != nil {
			return "", err
		}
	}

	text, cut := joinNotes(notes, r.want.Footer)
	if cut {
		r.notice("the notes were cut to %d characters, the most that GitHub accepts", maxNotes)
	}
	return text, nil
}

// generateNotes returns the notes that GitHub generates from the changes since the previous
// release of the same module.
func (r *Release) generateNotes(ctx context.Context) (notes string, err error) {
	previous, err := r.previousTag(ctx)
	if err != nil {
		return "", err
	}

	err = r.c.retry(ctx, "generating the release notes", func() (err error) {
		notes, err = r.c.generateNotes(ctx, r.want.Tag, r.want.Commit, previous)
		if previous != "" && isWrongPreviousTag(err) {
			r.notice("GitHub does not compare %s with %s, and chose the tag to compare with", r.want.Tag, previous)
			previous = ""
			notes, err = r.c.generateNotes(ctx, r.want.Tag, r.want.Commit, previous)
		}
		return err
	})
	return notes, err
}

// isWrongPreviousTag reports whether GitHub refused the previous tag ("Invalid previous_tag
// parameter"): somebody has just deleted it, for instance.
func isWrongPreviousTag(err error) bool {
	return err != nil && isClientError(status(err)) && strings.Contains(err.Error(), "previous_tag")
}

// joinNotes returns the notes followed by the footer. If the text would be too long, it cuts
// the notes and reports that.
func joinNotes(notes, footer string) (text string, cut bool) {
	notes = strings.TrimRight(notes, "\n")
	if footer != "" {
		footer = "\n\n" + footer
	}
	footerLength := utf8.RuneCountInString(footer)

	if utf8.RuneCountInString(notes)+footerLength <= maxNotes {
		return strings.TrimLeft(notes+footer, "\n"), false
	}

	room := max(0, maxNotes-utf8.RuneCountInString(cutNotes)-footerLength)
	return string([]rune(notes)[:room]) + cutNotes + footer, true
}

// makeDraft makes a public release a draft again, so that nobody sees it with only some of
// its files replaced. If another upload is already doing so, it waits for the result.
func (r *Release) makeDraft(ctx context.Context) error {
	r.toDraft.Lock()
	defer r.toDraft.Unlock()

	if !r.mayBePublic() {
		return nil // another upload has done it
	}

	checked := true // by the caller
	check := func() error {
		if err := r.c.waitForTurn(ctx); err != nil {
			return err
		}
		if checked {
			checked = false
			return nil
		}
		return r.Refresh(ctx)
	}
	request := github.UpdateReleaseRequest{
		Draft:   new(true),
		TagName: &r.want.Tag, // without it, a draft would lose its tag
	}
	err := r.changeState(ctx, "making the public release a draft again", Draft, check, request)
	if err != nil {
		return err
	}

	r.publishing = true
	r.c.say(fmt.Sprintf("release %s was public with different files; "+
		"it is a draft until all of them are replaced", r.want.Tag))
	return nil
}

// Delete deletes a draft that this process created. It returns an error if another run has
// published the draft or added files to it, or if this process did not create it.
func (r *Release) Delete(ctx context.Context) error {
	if !r.Created {
		return errors.New("deleting the draft release: this run did not create it")
	}

	err := r.Refresh(ctx)
	if r.State() == Gone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting the draft release: %w", err)
	}

	if r.Published() {
		return errors.New("deleting the draft release: another run has published it")
	}
	for _, a := range r.current().Assets {
		if a.GetState() == stateUploaded && !r.uploadedByUs[a.GetID()] {
			return fmt.Errorf("deleting the draft release: somebody else has added %s to it", a.GetName())
		}
	}
	return r.deleteRelease(ctx, r.ID())
}

// deleteRelease deletes a draft. It succeeds if there is none.
func (r *Release) deleteRelease(ctx context.Context, id int64) error {
	return r.c.retry(ctx, "deleting the draft release", func() error {
		if err := r.c.waitForTurn(ctx); err != nil {
			return err
		}

		err := r.c.deleteRelease(ctx, id)
		if status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
}

// isLeftover reports whether a draft was left behind by a failed attempt to create the
// release: it is empty, and has the same commit and the very same text.
func (r *Release) isLeftover(draft *github.RepositoryRelease) bool {
	rel := r.current()
	return draft.ID != rel.ID &&
		len(draft.Assets) == 0 &&
		draft.TargetCommitish == rel.TargetCommitish &&
		draft.GetBody() == rel.GetBody() &&
		draft.GetName() == rel.GetName()
}

// deleteLeftovers deletes the drafts that failed attempts to create the release left behind,
// in this run or in one that was killed.
func (r *Release) deleteLeftovers(ctx context.Context) error {
	if r.createAttempts < 2 && !r.hasLeftovers {
		return nil
	}

	drafts, err := r.listDraftsWithOurs(ctx)
	for _, d := range drafts {
		if r.isLeftover(d) {
			err = errors.Join(err, r.deleteRelease(ctx, d.ID))
		}
	}
	return err
}
