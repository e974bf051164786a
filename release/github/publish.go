package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/quote"
)

// Check reads the release and its files back from the server and compares each file with
// want: its name, state, size and digest. The error names every difference.
func (r *Release) Check(ctx context.Context, want []Asset) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	return r.compareFiles(ctx, want)
}

// compareFiles lists the files on the server and compares them with want.
func (r *Release) compareFiles(ctx context.Context, want []Asset) error {
	if err := r.listAssets(ctx); err != nil {
		return err
	}

	var differences []string
	var names []string
	for _, a := range want {
		found, err := r.compareFile(ctx, a)
		if err != nil {
			return err
		}
		differences = append(differences, found...)
		names = append(names, a.Name)
	}

	if r.publishing {
		for _, name := range r.extraFiles(slices.Concat(names, r.allowedExtras)) {
			differences = append(differences, fmt.Sprintf("%q: does not belong to this release", name))
		}
	}

	if len(differences) > 0 {
		return &differenceError{differences}
	}
	return nil
}

// A differenceError says how the files on the server differ from what they should be.
type differenceError struct{ differences []string }

func (e *differenceError) Error() string {
	return "checking the files on the server:\n  " + strings.Join(e.differences, "\n  ")
}

// compareFile returns the differences between a and the file on the server.
func (r *Release) compareFile(ctx context.Context, a Asset) (differences []string, err error) {
	have := r.asset(a.Name)
	if have == nil {
		return []string{a.Name + ": not on the server"}, nil
	}

	differ := func(format string, args ...any) {
		differences = append(differences, a.Name+": "+fmt.Sprintf(format, args...))
	}
	if have.GetState() != stateUploaded {
		differ("state %q, expected %q", have.GetState(), stateUploaded)
	}
	if int64(have.GetSize()) != a.Size {
		differ("%d bytes, expected %d", have.GetSize(), a.Size)
	}

	digest, err := r.digest(ctx, have)
	if err != nil {
		return nil, err
	}
	if digest != a.digest() {
		differ("digest %s, expected %s", digest, a.digest())
	}
	return differences, nil
}

// publishTime limits how long making a release public may take, in addition to the waiting
// time that the run has left.
const publishTime = 10 * time.Minute

// Publish checks that the server has the files of want and no others, makes the release
// public, reads it again by its tag, and checks it once more. Once Publish has begun to make
// the release public, it does not stop when ctx is cancelled, because it has to find out the
// result. Whatever Publish returns, State returns what is known.
//
// A file that somebody adds between the check and the publication becomes public with the
// release. The error names it, and the release stays public: we must not delete a file that
// is not ours, since somebody may have added it on purpose, and others may already be
// downloading the right files. A person has to decide whether to withdraw the release or the
// file, and the hint says how.
func (r *Release) Publish(ctx context.Context, want []Asset, makeLatest bool) error {
	if r.Published() {
		return r.checkPublished(ctx, want)
	}
	if !r.publishing {
		return &Refusal{fmt.Errorf("publishing the release: it was public when this run began, "+
			"and somebody has made it a draft: %s", r.URL())}
	}

	if err := r.deleteLeftovers(ctx); err != nil {
		return err
	}
	if err := r.checkDraft(ctx, want); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("publishing the release: %w", context.Cause(ctx))
	}

	timeout := r.c.waitBudget.left() + publishTime
	tooLong := fmt.Errorf("it took longer than %s", r.c.format(timeout))
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), timeout, tooLong)
	defer cancel()

	err := r.makePublic(ctx, want, makeLatest)
	if hasErrorCode(err, "already_exists", "tag_name") {
		return r.acceptOtherRelease(ctx, want, err)
	}
	if err != nil {
		return err
	}
	return r.checkPublished(ctx, want)
}

// checkDraft checks everything that will become public. It is called immediately before
// that. If somebody else has made the release public it checks nothing, because Publish then
// calls checkPublished.
func (r *Release) checkDraft(ctx context.Context, want []Asset) error {
	// Wait for our turn first, so that no time passes between the check and the publication.
	if err := r.c.waitForTurn(ctx); err != nil {
		return err
	}

	if err := r.Refresh(ctx); err != nil {
		return err
	}
	if r.Published() {
		return nil
	}

	if err := r.compareFiles(ctx, want); err != nil {
		return err
	}
	return r.checkTag(ctx)
}

// makePublic sends the one request that makes the release public. The request has as few
// fields as possible, because more of them can disturb a draft's pending tag
// (tauri-apps/tauri-action#914).
func (r *Release) makePublic(ctx context.Context, want []Asset, makeLatest bool) error {
	if r.Published() {
		return nil // somebody else has done it
	}

	checked := true // by Publish, a moment ago
	check := func() error {
		if checked {
			checked = false
			return nil
		}
		return r.checkDraft(ctx, want)
	}
	request := github.UpdateReleaseRequest{
		Draft:      new(false),
		Prerelease: &r.want.Prerelease,
		MakeLatest: new(fmt.Sprint(makeLatest)),
	}
	return r.changeState(ctx, "publishing the release", Public, check, request)
}

// changeState makes the release public, or a draft again. It calls check before each attempt.
//
// An error does not mean that nothing happened: GitHub may have made the change, and a proxy
// may have replaced the answer. After an error the release is therefore read again.
func (r *Release) changeState(
	ctx context.Context, doing string, to State, check func() error, request github.UpdateReleaseRequest,
) error {
	err := r.c.retry(ctx, doing, func() error {
		if err := check(); err != nil {
			return err
		}
		if r.State() == to {
			return nil
		}

		r.markUnknown()
		rel, err := r.c.updateRelease(ctx, r.ID(), r.want.Tag, request)
		if err != nil {
			return err
		}
		r.set(rel)
		return nil
	})
	if err == nil || r.State() != Unknown {
		return err
	}
	return r.confirmState(ctx, to, err)
}

// confirmState finds out whether a change was made although its request was answered with
// requestErr. It returns nil if the state of the release is to. Reads may lag behind the
// change, so it reads the release several times.
func (r *Release) confirmState(ctx context.Context, to State, requestErr error) error {
	for attempt := 1; ; attempt++ {
		err := r.Refresh(ctx)

		switch {
		case r.State() == Gone:
			return err

		case r.State() == Unknown:
			text := fmt.Errorf("%w\nand it is not known whether the release is public: %v", requestErr, err)
			advice := "look at " + r.URL() + ", and run again: the next run continues from there"
			return problem.With(problem.Advise(advice), text)

		case err != nil:
			return fmt.Errorf("%w\nreading the release again: %v", requestErr, err)

		case r.State() == to:
			r.notice("GitHub made the change, but answered with an error: %v", requestErr)
			return nil

		case attempt == fewAttempts:
			return requestErr
		}

		err = r.c.wait(ctx, backoff(r.c, nil, attempt), "GitHub does not show the change yet")
		if err != nil {
			return fmt.Errorf("%w\nreading the release again: %v", requestErr, err)
		}
	}
}

// checkPublished reads the release as everybody sees it, and checks its files and its tag
// once more.
func (r *Release) checkPublished(ctx context.Context, want []Asset) error {
	err := r.c.retry(ctx, "reading the published release", func() error {
		return r.readPublished(ctx)
	})
	if err != nil {
		// The state of the release when read by its id counts. If it cannot be read, the last
		// known state does.
		if readErr := r.Refresh(ctx); readErr != nil {
			return fmt.Errorf("%w\nreading the release again: %v", err, readErr)
		}
		return err
	}

	if err := r.compareFiles(ctx, want); err != nil {
		changed := fmt.Errorf("the release is public, and somebody has changed it meanwhile: %w", err)
		return problem.With(r.afterChange(), changed)
	}

	if !r.publishing {
		return nil
	}
	r.tagSeen = true // if it did not exist, the publication has created it
	if err := r.checkTag(ctx); err != nil {
		return fmt.Errorf("the release is public, but its tag is wrong: %w", err)
	}
	return nil
}

// readPublished reads the release by its tag, which finds public releases only.
func (r *Release) readPublished(ctx context.Context) error {
	rel, err := r.c.publicRelease(ctx, r.want.Tag)
	if status(err) == http.StatusNotFound {
		return r.notPublishedError(ctx, err)
	}
	if err != nil {
		return err
	}
	if rel.ID != r.ID() {
		return fmt.Errorf("the public release of %s has the id %d, expected %d", r.want.Tag, rel.ID, r.ID())
	}

	r.set(rel)
	return nil
}

// notPublishedError returns the error for a release that is not found by its tag. It may
// have been deleted, it may be a draft, or a replica of GitHub's database may lag behind.
func (r *Release) notPublishedError(ctx context.Context, notFound error) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	if !r.Published() {
		return wrongAnswerf("the release was made public, but is a draft: %w", notFound)
	}
	return &temporaryError{notFound}
}

// afterChange returns what to do about a public release that was changed after its check.
func (r *Release) afterChange() problem.Remedy {
	look := "look at " + r.URL()
	if r.current().GetImmutable() {
		return problem.Advise(look + "; the release is immutable, so a correct one needs a new tag")
	}

	edit := fmt.Sprintf("gh release edit %s --draft --repo %s/%s", quote.ShellWord(r.want.Tag), r.c.owner, r.c.repo)
	withdraw := problem.Run(edit).For("withdraws the release")

	added := r.extraFiles(slices.Concat(r.want.Files, r.allowedExtras))
	if len(added) > 0 {
		remove := problem.Run(r.deleteAssetsCommand(added)).For("deletes what was added")
		return problem.Lines(withdraw, remove)
	}

	return problem.Lines(problem.Advise(look), overwrite, withdraw)
}

// acceptOtherRelease is called when another run has published a release of the tag from a
// draft of its own, and publishing ours was therefore refused. If that release has the same
// files, it becomes the release of this run, and our draft is deleted.
func (r *Release) acceptOtherRelease(ctx context.Context, want []Asset, refusal error) error {
	other := newRelease(r.c, r.want)
	other.publishing = true
	if err := other.findPublished(ctx); err != nil || other.rel == nil {
		return errors.Join(refusal, err)
	}
	if err := other.Check(ctx, want); err != nil {
		return errors.Join(refusal, err)
	}

	var err error
	if r.Created {
		err = r.Delete(ctx)
	}
	if r.Created && err == nil {
		r.notice("another run has already published the same files; the draft of this run was deleted")
	} else {
		r.notice("another run has already published the same files; the unused draft is left: %s", r.URL())
	}
	r.Created = false
	r.set(other.rel)
	return err
}
