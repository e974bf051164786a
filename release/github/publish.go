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
)

// Check reads the release back and compares every file on the server with want:
// name, state, size and digest. It names each difference.
func (r *Release) Check(ctx context.Context, want []Asset) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	return r.compare(ctx, want)
}

// compare lists the files on the server and compares them with want.
func (r *Release) compare(ctx context.Context, want []Asset) error {
	if err := r.list(ctx); err != nil {
		return err
	}

	var wrong, names []string
	for _, a := range want {
		names = append(names, a.Name)
		differences, err := r.differences(ctx, a)
		if err != nil {
			return err
		}
		wrong = append(wrong, differences...)
	}
	if r.publishing {
		for _, name := range r.others(append(names, r.foreign...)) {
			wrong = append(wrong, fmt.Sprintf("%q: not of this release", name))
		}
	}

	if len(wrong) > 0 {
		return &differenceError{wrong}
	}
	return nil
}

// A differenceError says which files on the server are not as they should be.
type differenceError struct{ files []string }

func (e *differenceError) Error() string {
	return "checking the files on the server:\n  " + strings.Join(e.files, "\n  ")
}

// differences returns the differences between a file and the one on the server.
func (r *Release) differences(ctx context.Context, a Asset) (differences []string, err error) {
	have := r.asset(a.Name)
	if have == nil {
		return []string{a.Name + ": not on the server"}, nil
	}

	if have.GetState() != stateUploaded {
		differences = append(differences, fmt.Sprintf("%s: state %q, expected %q", a.Name, have.GetState(), stateUploaded))
	}
	if int64(have.GetSize()) != a.Size {
		differences = append(differences, fmt.Sprintf("%s: %d bytes, expected %d", a.Name, have.GetSize(), a.Size))
	}

	digest, err := r.digest(ctx, have)
	if err != nil {
		return nil, err
	}
	if digest != a.digest() {
		differences = append(differences, fmt.Sprintf("%s: digest %s, expected %s", a.Name, digest, a.digest()))
	}
	return differences, nil
}

// Publish checks that the files of want and no others are on the server, makes the release
// public, reads it again by its tag and checks it once more. Once it has begun to make the
// release public it does not stop when ctx is cancelled, because it has to know the result.
// Whatever Publish returns, State says what is known.
//
// A file that somebody adds between the check and the publication becomes public with the
// release. The error names it, and the release stays public: the file is not ours to
// delete, somebody may have added it on purpose, and others may be downloading the right
// files already. A person has to decide whether to withdraw the release or the file, and
// the hint says how.
func (r *Release) Publish(ctx context.Context, want []Asset, makeLatest bool) error {
	if r.Published() {
		return r.readPublic(ctx, want)
	}
	if err := r.removeTwins(ctx); err != nil {
		return err
	}
	if err := r.checkBefore(ctx, want); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("publishing the release: %w", context.Cause(ctx))
	}

	most := r.c.patience.left() + publishTime
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), most, fmt.Errorf("it took longer than %s", most))
	defer cancel()
	err := r.makePublic(ctx, want, makeLatest)
	if codeOf(err, "already_exists", "tag_name") {
		return r.yield(ctx, want, err)
	}
	if err != nil {
		return err
	}
	return r.readPublic(ctx, want)
}

// publishTime limits how long making a release public may take, in addition to the waiting
// time that is left to the run.
const publishTime = 10 * time.Minute

// checkBefore checks everything that becomes public, immediately before it does. It checks
// nothing if somebody else has made the release public, because Publish reads that next.
func (r *Release) checkBefore(ctx context.Context, want []Asset) error {
	if err := r.c.pace(ctx); err != nil { // here, so that there is no wait after the check
		return err
	}
	if err := r.refresh(ctx); err != nil || r.Published() {
		return err
	}
	if err := r.compare(ctx, want); err != nil {
		return err
	}
	return r.checkTag(ctx)
}

// makePublic sends the one request that does it, with as little in it as possible: more
// fields can disturb a draft's pending tag (tauri-apps/tauri-action#914).
func (r *Release) makePublic(ctx context.Context, want []Asset, makeLatest bool) error {
	if r.Published() { // by somebody else
		return nil
	}
	checked := true // by Publish, a moment ago
	check := func() error {
		if checked {
			checked = false
			return nil
		}
		return r.checkBefore(ctx, want)
	}
	return r.change(ctx, "publishing the release", Public, check, github.UpdateReleaseRequest{
		Draft:      new(false),
		Prerelease: &r.want.Prerelease,
		MakeLatest: new(fmt.Sprint(makeLatest)),
	})
}

// change makes the release public, or a draft again. It calls check before each request.
//
// An error does not mean that nothing happened: GitHub may have done what was asked, and a
// proxy may have answered in its own words. After an error the release is read again.
func (r *Release) change(
	ctx context.Context, doing string, to State, check func() error, request github.UpdateReleaseRequest,
) error {
	err := r.c.retry(ctx, doing, func() error {
		if err := check(); err != nil || r.State() == to {
			return err
		}
		r.doubt()
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
	return r.settle(ctx, to, err)
}

// settle finds out the state of the release after a request to change it was answered with
// an error. Reads may lag behind the change, so it reads a few times.
func (r *Release) settle(ctx context.Context, to State, refusal error) error {
	for attempt := 1; ; attempt++ {
		err := r.refresh(ctx)
		switch {
		case r.State() == Gone:
			return err
		case r.State() == Unknown:
			text := fmt.Errorf("%w\nand it is not known whether the release is public: %v", refusal, err)
			return &hintError{text, "look at " + r.URL() + ", and run again: the next run goes on from there"}
		case err != nil:
			return fmt.Errorf("%w\nand then %v", refusal, err)
		case r.State() == to:
			r.Notices = append(r.Notices,
				fmt.Sprintf("GitHub did what was asked, but answered with an error: %v", refusal))
			return nil
		case attempt == fewAttempts:
			return refusal
		}
		if err := r.c.wait(ctx, backoff(r.c, nil, attempt), "whether it was done"); err != nil {
			return fmt.Errorf("%w\nand then %v", refusal, err)
		}
	}
}

// readPublic reads the release as everybody sees it, and checks its files and its tag once
// more.
func (r *Release) readPublic(ctx context.Context, want []Asset) error {
	err := r.c.retry(ctx, "reading the published release", func() error {
		rel, err := r.c.publicRelease(ctx, r.want.Tag)
		switch {
		case status(err) == http.StatusNotFound:
			return r.notYetPublic(ctx, err)
		case err != nil:
			return err
		case rel.ID != r.ID():
			return fmt.Errorf("the public release of %s is %d, not %d", r.want.Tag, rel.ID, r.ID())
		}
		r.set(rel)
		return nil
	})
	if err != nil {
		// The state read by id counts. If that cannot be read, the last known state does.
		if readErr := r.refresh(ctx); readErr != nil {
			return fmt.Errorf("%w\nand then %v", err, readErr)
		}
		return err
	}

	if err := r.compare(ctx, want); err != nil {
		return &hintError{fmt.Errorf("the release is public, and somebody has changed it meanwhile: %w", err), r.changedHint()}
	}
	if !r.publishing {
		return nil
	}
	r.tagSeen = true // publishing has created it, if it did not exist
	if err := r.checkTag(ctx); err != nil {
		return fmt.Errorf("the release is public, and its tag is not as it should be: %w", err)
	}
	return nil
}

// notYetPublic returns the error for a release that is not found by its tag. It may be
// deleted, or a draft, or a replica of GitHub's database may lag behind.
func (r *Release) notYetPublic(ctx context.Context, notFound error) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	if !r.Published() {
		return wrong("the release was made public, but is a draft: %w", notFound)
	}
	return &temporaryError{notFound}
}

// changedHint says what to do about a public release that is not as it was checked.
func (r *Release) changedHint() string {
	if r.current().GetImmutable() {
		return "look at " + r.URL() + "; the release is immutable, so a correct one needs a new tag"
	}

	unexpected := r.others(slices.Concat(r.want.Files, r.foreign))
	withdraw := fmt.Sprintf("gh release edit %s --draft --repo %s/%s", shellQuote(r.want.Tag), r.c.owner, r.c.repo)
	if len(unexpected) > 0 {
		return "to withdraw the release: " + withdraw + "\nto delete what was added: " + r.deleteAssetsHint(unexpected)
	}
	return "look at " + r.URL() + ", and run again with --overwrite; to withdraw it until then: " + withdraw
}

// yield is for a run that was second: another one has published the tag meanwhile, from a
// draft of its own. If that release has the same files, all is well, and the draft of this
// run goes.
func (r *Release) yield(ctx context.Context, want []Asset, refusal error) error {
	other := newRelease(r.c, r.want)
	other.publishing = true
	if err := other.findPublished(ctx); err != nil || other.rel == nil {
		return errors.Join(refusal, err)
	}
	if err := other.Check(ctx, want); err != nil {
		return errors.Join(refusal, err)
	}

	own := r.current()
	what := "its draft is left: " + own.HTMLURL // it was there before this run
	var err error
	if r.Created {
		what, err = "the draft of this one was removed", r.Delete(ctx)
	}
	r.Created = false
	r.Notices = append(r.Notices, "another run has published the same files meanwhile; "+what)
	r.set(other.rel)
	return err
}
