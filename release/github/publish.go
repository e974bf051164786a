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
		for _, name := range r.others(names) {
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
	// The smallest PATCH: more fields can disturb a draft's pending tag (tauri-apps/tauri-action#914).
	request := github.UpdateReleaseRequest{
		Draft: new(false), Prerelease: &r.want.Prerelease, MakeLatest: new(fmt.Sprint(makeLatest)),
	}
	tag := r.rel.TagName
	err := r.c.retry(ctx, "publishing the release", func() error {
		rel, _, err := r.c.api.Repositories.UpdateRelease(ctx, r.c.owner, r.c.repo, r.rel.ID, request)
		if err == nil {
			r.rel = rel // all uploads are over: nobody else reads it now
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.c.retry(ctx, "reading the published release", func() error {
		rel, _, err := r.c.api.Repositories.GetReleaseByTag(ctx, r.c.owner, r.c.repo, tag)
		switch {
		case status(err) == http.StatusNotFound: // replicas of GitHub's database lag behind
			return &temporaryError{err}
		case err != nil:
			return err
		case rel.ID != r.rel.ID:
			return fmt.Errorf("the public release of %s is %d, not %d", tag, rel.ID, r.rel.ID)
		case len(rel.Assets) < len(want):
			return fmt.Errorf("the public release of %s has %d files, expected %d", tag, len(rel.Assets), len(want))
		}
		r.rel = rel
		return nil
	})
}

// publishTime is the most that making a release public may take, retries included.
const publishTime = 2 * time.Minute

// Delete removes a draft that this process created. It never touches another one, nor
// one that another run has published or added files to meanwhile.
func (r *Release) Delete(ctx context.Context) error {
	if !r.Created {
		return errors.New("deleting the draft release: it is not of this run")
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	if r.Published() {
		return errors.New("deleting the draft release: another run has published it")
	}
	if len(r.current().Assets) > r.sentCount() {
		return errors.New("deleting the draft release: another run has added files to it")
	}
	return r.c.retry(ctx, "deleting the draft release", func() error {
		_, err := r.c.api.Repositories.DeleteRelease(ctx, r.c.owner, r.c.repo, r.ID())
		if status(err) == http.StatusNotFound {
			return nil
		}
		return err
	})
}

// sentCount is how many uploads this process has begun.
func (r *Release) sentCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent
}
