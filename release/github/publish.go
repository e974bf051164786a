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
	if err := r.checkTag(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTime)
	defer cancel()
	if err := r.removeTwins(ctx); err != nil {
		return err
	}
	err := r.makePublic(ctx, makeLatest)
	if codeOf(err, "already_exists", "tag_name") {
		return r.yield(ctx, want, err)
	}
	if err != nil {
		return err
	}
	return r.readPublic(ctx, want)
}

// makePublic sends the one request that does it, with as little in it as possible: more
// fields can disturb a draft's pending tag (tauri-apps/tauri-action#914).
func (r *Release) makePublic(ctx context.Context, makeLatest bool) error {
	request := github.UpdateReleaseRequest{
		Draft: new(false), Prerelease: &r.want.Prerelease, MakeLatest: new(fmt.Sprint(makeLatest)),
	}
	first := true
	return r.c.retry(ctx, "publishing the release", func() error {
		if !first { // the attempt that failed may have done it
			if err := r.refresh(ctx); err != nil || r.Published() {
				return err
			}
		}
		first = false
		if err := r.c.pace(ctx); err != nil {
			return err
		}
		rel, _, err := r.c.api.Repositories.UpdateRelease(ctx, r.c.owner, r.c.repo, r.ID(), request)
		if err == nil {
			r.set(rel)
		}
		return err
	})
}

// readPublic reads the release as everybody sees it.
func (r *Release) readPublic(ctx context.Context, want []Asset) error {
	tag := r.want.Tag
	return r.c.retry(ctx, "reading the published release", func() error {
		rel, _, err := r.c.api.Repositories.GetReleaseByTag(ctx, r.c.owner, r.c.repo, tag)
		switch {
		case status(err) == http.StatusNotFound: // replicas of GitHub's database lag behind
			return &temporaryError{err}
		case err != nil:
			return err
		case rel.ID != r.ID():
			return fmt.Errorf("the public release of %s is %d, not %d", tag, rel.ID, r.ID())
		case len(rel.Assets) < len(want):
			return &temporaryError{fmt.Errorf("the public release of %s has %d files, expected %d", tag, len(rel.Assets), len(want))}
		}
		r.set(rel)
		return nil
	})
}

// yield is for a run that was second: another one has published the tag meanwhile, from a
// draft of its own. If that release has the same files, all is well, and the draft of this
// run goes.
func (r *Release) yield(ctx context.Context, want []Asset, refusal error) error {
	other := &Release{c: r.c, want: r.want}
	if err := other.findPublished(ctx); err != nil || other.rel == nil {
		return errors.Join(refusal, err)
	}
	if err := other.Check(ctx, want); err != nil {
		return errors.Join(refusal, err)
	}
	var err error
	if r.Created {
		err = r.deleteRelease(ctx, r.ID())
	}
	r.Created = false
	r.Notices = append(r.Notices, "another run has published the same files meanwhile; the draft of this one was removed")
	r.set(other.rel)
	return err
}

// publishTime is the most that making a release public may take, retries included.
const publishTime = 2 * time.Minute

// sentCount is how many uploads this process has begun.
func (r *Release) sentCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent
}
