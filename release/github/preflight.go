package github

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkRepository looks whether the repository takes releases at all.
func (r *Release) checkRepository(ctx context.Context) error {
	return r.c.retry(ctx, "looking at the repository", func() error {
		repo, err := r.c.getRepository(ctx)
		switch name := r.c.owner + "/" + r.c.repo; {
		case err != nil:
			return err
		case repo.GetArchived():
			return &Refusal{&hintError{fmt.Errorf("repository %s is archived, and takes no release", name), "gh repo unarchive " + name}}
		case repo.GetDisabled():
			return &Refusal{fmt.Errorf("repository %s is disabled by GitHub", name)}
		case !strings.EqualFold(repo.GetFullName(), name):
			r.Notices = append(r.Notices, fmt.Sprintf("repository %s is called %s now", name, repo.GetFullName()))
		}
		return nil
	})
}

// checkTag makes sure that the tag on the server names the commit that is released: it may
// have been moved or deleted since it was pushed. If there is no tag, GitHub creates it when
// the release becomes public, at the commit that the draft names. That is allowed for a tag
// that did not exist when the run began, but not for one that somebody has deleted since.
func (r *Release) checkTag(ctx context.Context) error {
	tag := r.want.Tag
	push := "git push origin " + shellQuote(tag)

	at := ""
	err := r.c.retry(ctx, "looking for tag "+tag, func() (err error) {
		at, err = r.c.commitOfTag(ctx, tag)
		if err == nil && at == "" && r.tagSeen {
			return wrong("GitHub does not have it: somebody has deleted it")
		}
		return err
	})
	if err != nil && r.tagSeen && at == "" && isWrongAnswer(err) {
		return &Refusal{&hintError{err, push}}
	}
	if err != nil {
		return err
	}

	switch {
	case at == r.want.Commit:
		r.tagSeen = true
		return nil
	case at != "":
		return &Refusal{&hintError{fmt.Errorf("tag %s is at commit %.12s on GitHub, and %.12s was to be released", tag, at, r.want.Commit),
			"git fetch --force --tags && git checkout " + shellQuote(tag)}}
	case r.rel != nil && r.current().TargetCommitish != r.want.Commit:
		return &Refusal{&hintError{fmt.Errorf("tag %s is not on GitHub, and the draft would make it at %s instead of %.12s", tag, r.current().TargetCommitish, r.want.Commit),
			push}}
	}
	return nil
}

// checkNames refuses at once what could only fail later: a public release without some
// of the files, and a draft with files that are not of this release and would become
// public with it.
func (r *Release) checkNames(context.Context) error {
	if r.Published() && r.want.Overwrite && !r.current().GetImmutable() {
		r.foreign = r.others(r.want.Files) // they were public before
		return nil
	}
	if r.Published() {
		for _, name := range r.want.Files {
			if r.asset(name) == nil {
				hint := "let this program make the release: run again with --overwrite, or take a new tag"
				if r.current().GetImmutable() {
					hint = "take a new tag: the name of this one is used up, even if the release is deleted"
				}
				return &Refusal{&hintError{fmt.Errorf("release %s is public already and has no %s; %s", r.want.Tag, name, r.unchangeable()), hint}}
			}
		}
		return nil
	}
	others := r.others(r.want.Files)
	if len(others) > 0 && r.want.Overwrite { // it may have been public with them
		r.foreign = others
		r.Notices = append(r.Notices, "the draft keeps files that are not of this release, because overwrite is true: "+strings.Join(others, ", "))
	} else if len(others) > 0 {
		return &Refusal{&hintError{fmt.Errorf("draft %s has files that are not of this release: %s", r.want.Tag, strings.Join(others, ", ")),
			r.deleteAssetsHint(others)}}
	}
	r.checkRate()
	return nil
}

// deleteAssetsHint returns the command that deletes files of the release.
func (r *Release) deleteAssetsHint(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = shellQuote(name)
	}

	return fmt.Sprintf("for f in %s; do gh release delete-asset %s $f --repo %s/%s; done",
		strings.Join(words, " "), shellQuote(r.want.Tag), r.c.owner, r.c.repo)
}

// unchangeable says why a public release stays as it is.
func (r *Release) unchangeable() string {
	if r.current().GetImmutable() {
		return "it is immutable: nothing can change it"
	}
	return "a public release is never changed unless overwrite is true"
}

// checkRate tells beforehand that the hour's requests will not do. A file takes two for
// its upload (softprops/action-gh-release#261) and some are needed around them.
func (r *Release) checkRate() {
	rate, need := r.c.rate.Load(), 2*len(r.want.Files)+len(r.want.Files)/100+20
	if rate != nil && rate.Limit > 0 && rate.Remaining < need {
		r.Notices = append(r.Notices, fmt.Sprintf("GitHub takes %d more requests of this token until %s, and the release needs about %d: it may have to wait",
			rate.Remaining, rate.Reset.UTC().Format(time.RFC3339), need))
	}
}

// others lists the whole files on the server that are not among names, sorted.
func (r *Release) others(names []string) (others []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, a := range r.assets {
		if !slices.Contains(names, name) && a.GetState() == stateUploaded {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}
