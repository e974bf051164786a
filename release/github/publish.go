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

// A differenceError names the files on the server that are not as they should be.
type differenceError struct{ files []string }

func (e *differenceError) Error() string {
	return "checking the files on the server:\n  " + strings.Join(e.files, "\n  ")
}

// differences says what is different about the file on the server.
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

// Publish checks that every file of want is on the server and whole, and no other, makes
// the release public, reads it again by its tag and checks it once more. Once it has begun
// to make it public it goes on to the end even when ctx is cancelled: what it is must be
// known. Whatever Publish returns, State says what is known then.
//
// A file that somebody adds in the moment between the check and the publication becomes
// public with the release. It is named in the error, and the release stays public: the
// file is not ours to delete, people who were told of the release may be downloading what
// is right in it, and the person who added the file may have meant to. To withdraw the
// release or the file is for a person to decide, and the hint says how.
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

// publishTime is the most that making a release public may take, beside the waiting that
// is left to the run.
const publishTime = 10 * time.Minute

// checkBefore looks at everything that becomes public, as the last thing before it does.
// It looks at nothing where somebody else has made the release public: that is read next.
func (r *Release) checkBefore(ctx context.Context, want []Asset) error {
	if err := r.c.pace(ctx); err != nil { // now, so that nothing is waited for after the check
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
	checked := true // a moment ago
	check := func() error {
		if checked {
			checked = false
			return nil
		}
		return r.checkBefore(ctx, want)
	}
	return r.change(ctx, "publishing the release", Public, check, github.UpdateReleaseRequest{
		Draft: new(false), Prerelease: &r.want.Prerelease, MakeLatest: new(fmt.Sprint(makeLatest)),
	})
}

// change makes the release public, or a draft again. Before each request check looks at the
// release as it is then, except where it has been looked at.
//
// What the answer to such a request says is not taken for what happened: a proxy may
// answer in its own words what GitHub has done. An answer that says no is followed by a
// look at the release.
func (r *Release) change(ctx context.Context, doing string, to State, check func() error, request github.UpdateReleaseRequest) error {
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

// settle finds out what the release is after a request to change it was answered with an
// error. What is read may lag behind what was done, so it is read a few times.
func (r *Release) settle(ctx context.Context, to State, refusal error) error {
	for attempt := 1; ; attempt++ {
		err := r.refresh(ctx)
		switch {
		case r.State() == Gone:
			return err
		case r.State() == Unknown:
			text := fmt.Errorf("%w\nand whether the release is public is not known: %v", refusal, err)
			return &hintError{text, "look at " + r.URL() + ", and run again: the next run goes on from there"}
		case err != nil:
			return fmt.Errorf("%w\nand then %v", refusal, err)
		case r.State() == to:
			r.Notices = append(r.Notices, fmt.Sprintf("GitHub did what was asked, and answered with an error: %v", refusal))
			return nil
		case attempt == fewAttempts:
			return refusal
		}
		if err := r.c.wait(ctx, backoff(r.c, nil, attempt), "whether it was done"); err != nil {
			return fmt.Errorf("%w\nand then %v", refusal, err)
		}
	}
}

// readPublic reads the release as everybody sees it, and compares its files and its tag
// once more.
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
		// What it is by its id counts. Where that cannot be read, the last answer does.
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
	r.tagSeen = true // publishing makes it where it was not
	if err := r.checkTag(ctx); err != nil {
		return fmt.Errorf("the release is public, and its tag is not as it should be: %w", err)
	}
	return nil
}

// notYetPublic is the error of a release that is not found by its tag: it may be gone, a
// draft, or public on a replica of GitHub's database that lags behind.
func (r *Release) notYetPublic(ctx context.Context, notFound error) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	if !r.Published() {
		return wrong("the release was made public, and is a draft: %w", notFound)
	}
	return &temporaryError{notFound}
}

// changedHint says what to do about a public release that is not as it was checked.
func (r *Release) changedHint() string {
	if r.current().GetImmutable() {
		return "look at " + r.URL() + "; the release is immutable, so what is right needs a new tag"
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
