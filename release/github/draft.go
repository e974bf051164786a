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
)

// drafts lists the drafts of the tag, the oldest first. A new one may be missing for a
// while (softprops/action-gh-release#705).
func (r *Release) drafts(ctx context.Context) (drafts []*github.RepositoryRelease, err error) {
	err = eachPage(maxReleasePages, func(opts *github.ListOptions) (*github.Response, error) {
		var resp *github.Response
		var page []*github.RepositoryRelease
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
	slices.SortFunc(drafts, func(a, b *github.RepositoryRelease) int { return cmp.Compare(a.ID, b.ID) })
	return drafts, err
}

// patientDrafts lists the drafts of the tag once the list shows that of this run: then it
// shows older ones too. A list that lags for longer than some seconds is taken as it is.
func (r *Release) patientDrafts(ctx context.Context) ([]*github.RepositoryRelease, error) {
	for attempt := 1; ; attempt++ {
		drafts, err := r.drafts(ctx)
		if err != nil || attempt == 5 || slices.ContainsFunc(drafts, func(d *github.RepositoryRelease) bool { return d.ID == r.rel.ID }) {
			return drafts, err
		}
		if err := r.c.wait(ctx, backoff(r.c, nil, attempt), "the list of releases lags"); err != nil {
			return nil, err
		}
	}
}

// findDraft adopts the oldest draft of the tag, if there is one and no public release.
func (r *Release) findDraft(ctx context.Context) error {
	if r.rel != nil {
		return nil
	}
	drafts, err := r.drafts(ctx)
	if err != nil || len(drafts) == 0 {
		return err
	}
	r.adopt(drafts)
	return nil
}

func (r *Release) adopt(drafts []*github.RepositoryRelease) {
	r.rel = drafts[0]
	r.Notices = append(r.Notices, fmt.Sprintf("continuing draft %d of %s, with the title and notes it has", r.rel.ID, r.want.Tag))
	for _, other := range drafts[1:] {
		if r.twin(other) {
			r.twins = true
			continue
		}
		r.Notices = append(r.Notices, fmt.Sprintf("another draft of %s is left alone: %s", r.want.Tag, other.HTMLURL))
	}
}

// create makes the draft, unless there is a release already.
func (r *Release) create(ctx context.Context) error {
	if r.rel != nil {
		return nil
	}
	w := r.want
	body, err := r.notes(ctx)
	if err != nil {
		return err
	}
	request := github.CreateReleaseRequest{
		TagName: w.Tag, TargetCommitish: &w.Commit, Name: new(cmp.Or(w.Title, w.Tag)), Body: &body,
		Draft: new(true), Prerelease: &w.Prerelease,
	}
	err = r.c.retry(ctx, "creating the draft release", func() (err error) {
		if r.tries++; r.tries > 1 { // the attempt that failed may have created it all the same
			found, err := r.takeCreated(ctx, request)
			if err != nil || found {
				return err
			}
		}
		if err := r.c.pace(ctx); err != nil {
			return err
		}
		r.created = true
		rel, err := r.c.createDraft(ctx, request)
		if err != nil {
			return err
		}
		r.rel = rel
		r.Created = true
		return nil
	})
	if err != nil && r.rel == nil {
		if err := r.findCreated(ctx, request, err); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("creating the draft release: %w", context.Cause(ctx))
	}
	return r.giveWay(ctx)
}

// lookTime is how long the last look at a release may take when the run is over.
const lookTime = 20 * time.Second

// findCreated looks for the draft when creating it was answered with err: whatever was
// answered, it may be there. If it is not, or that cannot be found out, err is the reason to
// give. A run that was cancelled looks, too, so that it leaves nothing.
func (r *Release) findCreated(ctx context.Context, sent github.CreateReleaseRequest, err error) error {
	if !r.created {
		return err
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
	}

	found, findErr := r.takeCreated(ctx, sent)
	if findErr != nil {
		text := fmt.Errorf("%w\nand whether the draft is there is not known: %v", err, findErr)
		return &hintError{text, fmt.Sprintf("gh release list --repo %s/%s; the next run continues a draft that is there", r.c.owner, r.c.repo)}
	}
	if !found {
		r.created = false
		return err
	}
	return nil
}

// hasForeign reports whether a release has a file that is not one of ours.
func (r *Release) hasForeign(rel *github.RepositoryRelease) bool {
	return slices.ContainsFunc(rel.Assets, func(a *github.ReleaseAsset) bool {
		return !slices.Contains(r.want.Files, a.GetName())
	})
}

// takeCreated looks for the draft after an attempt to create it has failed. There was no
// draft before the attempt: one with the text that was sent is ours, and another one is
// adopted.
func (r *Release) takeCreated(ctx context.Context, sent github.CreateReleaseRequest) (found bool, err error) {
	drafts, err := r.drafts(ctx)
	if err != nil || len(drafts) == 0 {
		return false, err
	}

	d := drafts[0]
	r.Created = d.GetBody() == *sent.Body && d.GetName() == *sent.Name && d.TargetCommitish == *sent.TargetCommitish
	if !r.Created {
		r.adopt(drafts)
		return true, nil
	}

	r.rel = d
	return true, nil
}

// giveWay looks whether another run made a release of the tag while this one did. The
// older draft, or the one that is public already, is everybody's; ours is deleted, unless
// somebody has published it or put a file of their own into it. A third run that found it
// has to be run again.
func (r *Release) giveWay(ctx context.Context) error {
	if !r.Created { // adopted
		return nil
	}
	drafts, err := r.patientDrafts(ctx)
	if err != nil {
		return err
	}
	own := r.rel
	if len(drafts) > 0 && drafts[0].ID < own.ID {
		r.adopt(slices.DeleteFunc(drafts, func(d *github.RepositoryRelease) bool { return d.ID == own.ID }))
	} else if err := r.findPublished(ctx); err != nil || r.rel == nil {
		r.rel = own
		return err
	} else if r.rel.ID == own.ID {
		return nil
	}
	r.Created = false
	if err := r.withdraw(ctx, own); err != nil {
		return fmt.Errorf("%w\nthe draft of this run is left: %s", err, own.HTMLURL)
	}
	return nil
}

// withdraw deletes the draft that this run created, unless somebody uses it.
func (r *Release) withdraw(ctx context.Context, own *github.RepositoryRelease) error {
	var now *github.RepositoryRelease
	err := r.c.retry(ctx, "reading the draft release", func() (err error) {
		now, err = r.c.getRelease(ctx, own.ID)
		if status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
	switch {
	case err != nil || now == nil:
		return err
	case !now.Draft || now.TagName != r.want.Tag || r.hasForeign(now):
		r.Notices = append(r.Notices, fmt.Sprintf("another release of %s, which somebody uses, is left alone: %s", r.want.Tag, now.HTMLURL))
		return nil
	}
	return r.deleteRelease(ctx, own.ID)
}

// maxNotes is the most characters that GitHub takes for the text of a release.
const maxNotes = 125000

const cutNotes = "\n\n*(cut: GitHub takes no longer text)*"

// notes is the text of a new release: what was asked for, or what GitHub generates from
// the changes, and the footer. They are generated apart from the release because GitHub
// puts a text that is given with the release before them.
func (r *Release) notes(ctx context.Context) (string, error) {
	notes := r.want.Notes
	if notes == "" {
		err := r.c.retry(ctx, "generating the notes of the release", func() error {
			generated, err := r.c.generateNotes(ctx, r.want.Tag, r.want.Commit)
			notes = generated
			return err
		})
		if err != nil {
			return "", err
		}
	}
	text, cut := fit(notes, r.want.Footer)
	if cut {
		r.Notices = append(r.Notices, fmt.Sprintf("the notes were cut: GitHub takes %d characters", maxNotes))
	}
	return text, nil
}

// fit puts notes and footer together, and cuts the notes where it would be too long.
func fit(notes, footer string) (text string, cut bool) {
	if footer != "" {
		footer = "\n\n" + footer
	}
	notes = strings.TrimRight(notes, "\n")
	if utf8.RuneCountInString(notes)+utf8.RuneCountInString(footer) <= maxNotes {
		return strings.TrimLeft(notes+footer, "\n"), false
	}
	room := max(0, maxNotes-utf8.RuneCountInString(cutNotes)-utf8.RuneCountInString(footer))
	return string([]rune(notes)[:room]) + cutNotes + footer, true
}

// reopen makes a public release a draft again, so that nobody sees it half replaced.
func (r *Release) reopen(ctx context.Context) error {
	r.reopening.Lock()
	defer r.reopening.Unlock()
	if !r.Published() {
		return nil
	}
	request := github.UpdateReleaseRequest{Draft: new(true), TagName: &r.want.Tag} // without its tag a draft would lose it
	checked := true
	check := func() error {
		if err := r.c.pace(ctx); err != nil || checked {
			checked = false
			return err
		}
		return r.refresh(ctx)
	}
	if err := r.change(ctx, "making the public release a draft again", Draft, check, request); err != nil {
		return err
	}
	r.publishing = true
	r.c.say("release " + r.want.Tag + " was public with other files: it is a draft until all of them are replaced")
	return nil
}

// Delete removes a draft that this process created. It never touches another one, nor
// one that another run has published or added files to meanwhile.
func (r *Release) Delete(ctx context.Context) error {
	if !r.Created {
		return errors.New("deleting the draft release: it is not of this run")
	}
	err := r.refresh(ctx)
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
		if a.GetState() == stateUploaded && !r.own[a.GetID()] {
			return fmt.Errorf("deleting the draft release: somebody else has added %s to it", a.GetName())
		}
	}
	return r.deleteRelease(ctx, r.ID())
}

func (r *Release) deleteRelease(ctx context.Context, id int64) error {
	return r.c.retry(ctx, "deleting the draft release", func() error {
		if err := r.c.pace(ctx); err != nil {
			return err
		}
		err := r.c.removeRelease(ctx, id)
		if status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
}

// twin reports whether d is what a failed attempt to create the draft left: an empty draft
// of the same commit with the very same text.
func (r *Release) twin(d *github.RepositoryRelease) bool {
	own := r.current()
	return d.ID != own.ID && len(d.Assets) == 0 && d.TargetCommitish == own.TargetCommitish &&
		d.GetBody() == own.GetBody() && d.GetName() == own.GetName()
}

// removeTwins deletes what attempts to create the draft left, of this run or of one that
// was killed.
func (r *Release) removeTwins(ctx context.Context) error {
	if r.tries < 2 && !r.twins {
		return nil
	}
	drafts, err := r.patientDrafts(ctx)
	for _, d := range drafts {
		if r.twin(d) {
			err = errors.Join(err, r.deleteRelease(ctx, d.ID))
		}
	}
	return err
}
