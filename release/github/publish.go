package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v92/github"
)

// Check reads the release back and compares every file on the server with want:
// name, state, size and digest. It names each difference.
func (r *Release) Check(ctx context.Context, want []Asset) error {
	if err := r.list(ctx); err != nil {
		return err
	}
	var wrong, names []string
	for _, a := range want {
		names = append(names, a.Name)
		have := r.asset(a.Name)
		if have == nil {
			wrong = append(wrong, a.Name+": not on the server")
			continue
		}
		if have.GetState() != stateUploaded {
			wrong = append(wrong, fmt.Sprintf("%s: state %q, expected %q", a.Name, have.GetState(), stateUploaded))
		}
		if int64(have.GetSize()) != a.Size {
			wrong = append(wrong, fmt.Sprintf("%s: %d bytes, expected %d", a.Name, have.GetSize(), a.Size))
		}
		digest, err := r.digest(ctx, have)
		if err != nil {
			return err
		}
		if digest != a.digest() {
			wrong = append(wrong, fmt.Sprintf("%s: digest %s, expected %s", a.Name, digest, a.digest()))
		}
	}
	if !r.Published() {
		for _, name := range r.others(append(names, r.foreign...)) {
			wrong = append(wrong, name+": not of this release")
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("checking the files on the server:\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

// Publish checks that every file of want is on the server and whole, makes the
// release public, and reads it again by its tag. Once it has begun to make it public
// it goes on to the end even when ctx is cancelled: what it is must be known.
func (r *Release) Publish(ctx context.Context, want []Asset, makeLatest bool) error {
	if err := r.Check(ctx, want); err != nil {
		return err
	}
	if r.Published() {
		return nil
	}
	if err := r.removeTwins(ctx); err != nil {
		return err
	}
	if err := r.c.pace(ctx); err != nil {
		return err
	}
	if err := r.checkDraft(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("publishing the release: %w", context.Cause(ctx))
	}
	most := r.c.patience.left() + publishTime
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), most, fmt.Errorf("it took longer than %s", most))
	defer cancel()
	err := r.makePublic(ctx, makeLatest)
	if codeOf(err, "already_exists", "tag_name") {
		return r.yield(ctx, want, err)
	}
	if err != nil {
		return err
	}
	return r.readPublic(ctx, want)
}

// checkDraft reads the draft again before it becomes public: somebody may have edited it,
// and a draft that is edited may lose its tag.
func (r *Release) checkDraft(ctx context.Context) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	switch rel := r.current(); {
	case !rel.Draft:
		return nil // by somebody else; what is public is looked at next
	case rel.TagName != r.want.Tag:
		return &Refusal{&hintError{fmt.Errorf("draft %d was made for tag %s, and is for %q now: somebody has edited it", rel.ID, r.want.Tag, rel.TagName),
			fmt.Sprintf("set its tag to %s again on %s, or delete it, and run again", r.want.Tag, rel.HTMLURL)}}
	}
	return r.checkTag(ctx)
}

// makePublic sends the one request that does it, with as little in it as possible: more
// fields can disturb a draft's pending tag (tauri-apps/tauri-action#914).
func (r *Release) makePublic(ctx context.Context, makeLatest bool) error {
	request := github.UpdateReleaseRequest{
		Draft: new(false), Prerelease: &r.want.Prerelease, MakeLatest: new(fmt.Sprint(makeLatest)),
	}
	first := !r.Published() // somebody else may have done it
	return r.c.retry(ctx, "publishing the release", func() error {
		if !first { // the attempt that failed may have done it
			if err := r.refresh(ctx); err != nil || r.Published() {
				return err
			}
		}
		first = false
		rel, _, err := r.c.api.Repositories.UpdateRelease(ctx, r.c.owner, r.c.repo, r.ID(), request)
		if err = given(rel, err); err == nil {
			r.set(rel)
		}
		return err
	})
}

// readPublic reads the release as everybody sees it, and compares its files once more.
func (r *Release) readPublic(ctx context.Context, want []Asset) error {
	err := r.c.retry(ctx, "reading the published release", func() error {
		rel, _, err := r.c.api.Repositories.GetReleaseByTag(ctx, r.c.owner, r.c.repo, r.want.Tag)
		switch {
		case status(err) == http.StatusNotFound: // replicas of GitHub's database lag behind
			return &temporaryError{err}
		case given(rel, err) != nil:
			return given(rel, err)
		case rel.ID != r.ID():
			return fmt.Errorf("the public release of %s is %d, not %d", r.want.Tag, rel.ID, r.ID())
		}
		r.set(rel)
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.Check(ctx, want); err != nil {
		return &hintError{fmt.Errorf("the release is public, and somebody has changed it meanwhile: %w", err), "look at " + r.URL() + ", and run again with --overwrite"}
	}
	return nil
}

// yield is for a run that was second: another one has published the tag meanwhile, from a
// draft of its own. If that release has the same files, all is well, and the draft of this
// run goes.
func (r *Release) yield(ctx context.Context, want []Asset, refusal error) error {
	other := newRelease(r.c, r.want)
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

// publishTime is the most that making a release public may take, beside the waiting that
// is left to the run.
const publishTime = 10 * time.Minute
