package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/quote"
)

// checkRepository returns a Refusal if the repository accepts no releases.
func (r *Release) checkRepository(ctx context.Context) error {
	return r.c.retry(ctx, "looking at the repository", func() error {
		repo, err := r.c.getRepository(ctx)
		if err != nil {
			return err
		}

		name := r.c.owner + "/" + r.c.repo
		switch {
		case repo.GetArchived():
			return &Refusal{problem.With(
				problem.Run("gh repo unarchive "+name),
				fmt.Errorf("repository %s is archived and accepts no releases", name),
			)}
		case repo.GetDisabled():
			return &Refusal{fmt.Errorf("repository %s is disabled by GitHub", name)}
		case !strings.EqualFold(repo.GetFullName(), name):
			r.notice("repository %s has been renamed to %s", name, repo.GetFullName())
		}
		return nil
	})
}

// checkTag returns an error unless the tag on the server points to the commit of the release.
// The tag may have been moved or deleted since it was pushed.
//
// If there is no tag, GitHub creates it when the release becomes public, at the commit that
// the draft names. That is allowed if the tag did not exist when the run began, but not if
// somebody has deleted it since. A workflow that runs for a tag may begin, or be run again, long
// after that.
func (r *Release) checkTag(ctx context.Context) error {
	tag := r.want.Tag
	push := problem.Run("git push origin " + quote.ShellWord(tag))

	commit := ""
	err := r.c.retry(ctx, "looking for tag "+tag, func() (err error) {
		commit, err = r.c.commitOfTag(ctx, tag)
		if err == nil && commit == "" && r.tagSeen {
			return wrongAnswerf("it is not on GitHub; somebody has deleted it")
		}
		return err
	})
	if err != nil && commit == "" && r.tagSeen && isWrongAnswer(err) {
		return &Refusal{problem.With(push, err)}
	}
	if err != nil {
		return err
	}

	if commit == r.want.Commit {
		r.tagSeen = true
		return nil
	}
	if commit != "" {
		return &Refusal{problem.With(
			problem.Run("git fetch --force --tags && git checkout "+quote.ShellWord(tag)),
			fmt.Errorf("tag %s is at commit %.12s on GitHub, but the release is for %.12s",
				tag, commit, r.want.Commit),
		)}
	}

	// There is no tag. If there is a draft, it must name the right commit.
	if r.rel != nil && r.current().TargetCommitish != r.want.Commit {
		return &Refusal{problem.With(
			push,
			fmt.Errorf("tag %s is not on GitHub, and publishing the draft would create it "+
				"at %s instead of %.12s", tag, r.current().TargetCommitish, r.want.Commit),
		)}
	}
	return nil
}

// checkFiles compares the names of the files on the server with those of the release, and
// returns a Refusal for what would otherwise fail later: a public release without some of the
// files, or a draft with files of another release, which would become public with it.
func (r *Release) checkFiles(context.Context) error {
	if !r.Published() {
		return r.checkDraftFiles()
	}

	if r.want.Overwrite && !r.current().GetImmutable() {
		r.keepExtraFiles(r.extraFiles(r.want.Files)) // they were public before
		return nil
	}

	if r.mayAddFiles() {
		r.checkRateLimit()
		return nil
	}

	for _, name := range r.want.Files {
		if r.asset(name) != nil {
			continue
		}

		return &Refusal{problem.With(
			r.toAddFiles(),
			fmt.Errorf("release %s is already public and has no %s; %s",
				r.want.Tag, name, r.whyUnchangeable()),
		)}
	}
	return nil
}

// mayAddFiles reports whether files that a public release lacks are added to it. With the
// setting overwrite it becomes a draft until it has all of them instead.
func (r *Release) mayAddFiles() bool {
	return r.want.AddFiles && !r.want.Overwrite && !r.current().GetImmutable()
}

// mayAdd reports whether a file may be added to a public release. have is what the release has
// of that name: nothing, remains of an upload that broke off, or a file that this run has
// uploaded and that GitHub has stored wrongly.
func (r *Release) mayAdd(have *github.ReleaseAsset) bool {
	if !r.mayAddFiles() || r.State() != Public {
		return false
	}
	if have == nil || have.GetState() != stateUploaded {
		return true
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	return r.uploadedByUs[have.GetID()]
}

// missing returns the names of the files that the release lacks, as far as is known.
func (r *Release) missing() (names []string) {
	for _, name := range r.want.Files {
		have := r.asset(name)
		if have == nil || have.GetState() != stateUploaded {
			names = append(names, name)
		}
	}
	return names
}

// CheckConflicts returns an error if this run adds files to a public release, and the release has
// other files with the same names. It is called before the first file is sent, so the release
// never has files of two builds.
func (r *Release) CheckConflicts(ctx context.Context, want []Asset) error {
	if !r.mayAddFiles() || !r.Published() {
		return nil
	}

	if err := r.Refresh(ctx); err != nil {
		return err
	}
	if err := r.listAssets(ctx); err != nil {
		return err
	}

	var errs []error
	for _, a := range want {
		have := r.asset(a.Name)
		if have == nil || have.GetState() != stateUploaded {
			continue
		}

		same, err := r.hasContent(ctx, have, a)
		if err != nil {
			return err
		}
		if !same {
			errs = append(errs, r.checkMayChange(a, have))
		}
	}
	return errors.Join(errs...)
}

// checkDraftFiles is checkFiles for a draft.
func (r *Release) checkDraftFiles() error {
	extras := r.extraFiles(r.want.Files)

	if len(extras) > 0 && !r.want.Overwrite {
		return &Refusal{problem.With(
			problem.Run(r.deleteAssetsCommand(extras)),
			fmt.Errorf("draft %s has files that do not belong to this release: %s",
				r.want.Tag, strings.Join(extras, ", ")),
		)}
	}

	// The release may have been public with these files before a run made it a draft again.
	r.keepExtraFiles(extras)
	r.checkRateLimit()
	return nil
}

// keepExtraFiles leaves files in the release that no list of checksums has. They may be those of
// an earlier run with other settings.
func (r *Release) keepExtraFiles(names []string) {
	r.allowedExtras = names
	if len(names) > 0 {
		r.notice("%s keeps files that do not belong to this release, because overwrite is true: %s",
			r.want.Tag, strings.Join(names, ", "))
	}
}

// deleteAssetsCommand returns the command that deletes files of the release.
func (r *Release) deleteAssetsCommand(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = quote.ShellWord(name)
	}

	return fmt.Sprintf("for f in %s; do gh release delete-asset %s $f --repo %s/%s; done",
		strings.Join(words, " "), quote.ShellWord(r.want.Tag), r.c.owner, r.c.repo)
}

// toReplaceFiles returns what to do to replace the files of a public release.
func (r *Release) toReplaceFiles() problem.Remedy {
	if r.current().GetImmutable() {
		return problem.Advise("use a new tag: this one cannot be used again, even if the release is deleted")
	}

	return problem.Either(overwrite, problem.Advise("use a new tag"))
}

// toAddFiles returns what to do to add files to a public release.
func (r *Release) toAddFiles() problem.Remedy {
	if !r.current().GetImmutable() {
		return problem.Either(overwrite, onRelease, problem.Advise("use a new tag"))
	}
	if r.want.AddFiles {
		return problem.Lines(onTag, r.toReplaceFiles())
	}
	return r.toReplaceFiles()
}

// The events of a workflow that releases.
var (
	onTag = problem.Advise("on: { push: { tags: ['v*.*.*'] } }").
		For("instead of release: the release is made with its files, and only then becomes public")

	onRelease = problem.There(
		problem.Advise("on: { release: { types: [published] } }").For("adds the files to a release that somebody made"),
		problem.Remedy{},
	)
)

// overwrite is the remedy of replacing the files of a public release.
var overwrite = problem.Set("overwrite", "true").For("makes the release a draft until all its files are replaced")

// whyUnchangeable returns the reason why a public release is not changed.
func (r *Release) whyUnchangeable() string {
	if r.current().GetImmutable() {
		return "it is immutable: nothing can change it"
	}
	return "a public release is never changed unless overwrite is true"
}

// checkRateLimit adds a notice if the requests that the token has left in this hour may not
// suffice. An upload counts as two requests (softprops/action-gh-release#261), each page of a
// list as one, and a few more are needed.
func (r *Release) checkRateLimit() {
	files := len(r.want.Files)
	need := 2*files + files/perPage + 20

	rate := r.c.rate.Load()
	if rate == nil || rate.Limit <= 0 || rate.Remaining >= need {
		return
	}
	r.notice("this token has %d requests left until %s, and the release needs about %d: "+
		"it may have to wait", rate.Remaining, rate.Reset.UTC().Format(time.RFC3339), need)
}

// extraFiles returns the complete files on the server that are not among names, sorted.
func (r *Release) extraFiles(names []string) (extras []string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for name, a := range r.assets {
		if a.GetState() == stateUploaded && !slices.Contains(names, name) {
			extras = append(extras, name)
		}
	}
	slices.Sort(extras)
	return extras
}
