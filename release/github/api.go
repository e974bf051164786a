package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v92/github"
)

// All requests of this package. Each escapes what it puts into an address, which go-github
// does not, and returns only what can be believed (answers.go). None tries again.

func (c *Client) getRepository(ctx context.Context) (*github.Repository, error) {
	repo, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return nil, err
	}
	if repo.GetFullName() == "" { // of nil too
		return nil, &wrongAnswer{errEmpty}
	}
	return repo, nil
}

// commitOfTag returns the commit that a tag names, "" if there is no such tag.
func (c *Client) commitOfTag(ctx context.Context, tag string) (string, error) {
	commit, _, err := c.api.Repositories.GetCommit(ctx, c.owner, c.repo, "tags/"+escapeTag(tag), nil)
	if code := status(err); code == http.StatusNotFound || code == http.StatusUnprocessableEntity {
		return "", nil // GitHub answers with both that there is none
	}
	if err != nil {
		return "", err
	}
	if !commitName.MatchString(commit.GetSHA()) { // of nil too
		return "", wrong("the answer is no commit: %q", commit.GetSHA())
	}
	return commit.GetSHA(), nil
}

func (c *Client) generateNotes(ctx context.Context, tag, commit string) (string, error) {
	request := github.GenerateNotesRequest{TagName: tag, TargetCommitish: &commit}
	notes, _, err := c.api.Repositories.GenerateReleaseNotes(ctx, c.owner, c.repo, request)
	if err != nil {
		return "", err
	}
	if notes == nil || notes.Name == "" && notes.Body == "" {
		return "", &wrongAnswer{errEmpty}
	}
	return notes.Body, nil
}

// getRelease reads a release by its id. Its tag is for the caller to look at: it may have
// been edited.
func (c *Client) getRelease(ctx context.Context, id int64) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetRelease(ctx, c.owner, c.repo, id)
	if err != nil {
		return nil, err
	}
	if err := believeRelease(rel); err != nil {
		return nil, err
	}
	return rel, isRelease(rel, id)
}

// publicRelease reads the public release of a tag. GitHub finds no draft so
// (avibe-bot/avibe#1712).
func (c *Client) publicRelease(ctx context.Context, tag string) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetReleaseByTag(ctx, c.owner, c.repo, escapeTag(tag))
	if err != nil {
		return nil, err
	}
	if err := believeRelease(rel); err != nil {
		return nil, err
	}
	if err := isOfTag(rel, tag); err != nil {
		return nil, err
	}
	if rel.Draft {
		return nil, wrong("the answer to a question for the public release of %q is a draft", tag)
	}
	return rel, nil
}

func (c *Client) latestRelease(ctx context.Context) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetLatestRelease(ctx, c.owner, c.repo)
	if err != nil {
		return nil, err
	}
	if err := believeRelease(rel); err != nil {
		return nil, err
	}
	if rel.TagName == "" || rel.Draft {
		return nil, wrong("the latest release cannot be a draft, nor without a tag")
	}
	return rel, nil
}

func (c *Client) listReleases(ctx context.Context, opts *github.ListOptions) ([]*github.RepositoryRelease, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleases(ctx, c.owner, c.repo, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(believePage(page, believeRelease), believeNext(opts, resp))
}

// createDraft creates the draft of a tag.
func (c *Client) createDraft(ctx context.Context, request github.CreateReleaseRequest) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.CreateRelease(ctx, c.owner, c.repo, request)
	if err != nil {
		return nil, err
	}
	if err := believeRelease(rel); err != nil {
		return nil, err
	}
	if err := isOfTag(rel, request.TagName); err != nil {
		return nil, err
	}
	if !rel.Draft {
		return nil, wrong("a draft was to be created, and the answer is a public release")
	}
	return rel, nil
}

// updateRelease changes a release. The answer must be as it should be afterwards: of this
// tag, and a draft or not.
func (c *Client) updateRelease(ctx context.Context, id int64, tag string, request github.UpdateReleaseRequest) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.UpdateRelease(ctx, c.owner, c.repo, id, request)
	if err != nil {
		return nil, err
	}
	if err := believeRelease(rel); err != nil {
		return nil, err
	}
	if err := errors.Join(isRelease(rel, id), isOfTag(rel, tag)); err != nil {
		return nil, err
	}
	if rel.Draft != *request.Draft {
		return nil, wrong("the release was to be a draft: %v, and the answer says: %v", *request.Draft, rel.Draft)
	}
	return rel, nil
}

func (c *Client) removeRelease(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteRelease(ctx, c.owner, c.repo, id)
	return err
}

func (c *Client) listAssets(ctx context.Context, id int64, opts *github.ListOptions) ([]*github.ReleaseAsset, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleaseAssets(ctx, c.owner, c.repo, id, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(believePage(page, believeAsset), believeNext(opts, resp))
}

// uploadAsset sends a file to where the release says. That its name is as it was given is
// for the caller to look at.
func (c *Client) uploadAsset(ctx context.Context, rel *github.RepositoryRelease, name string, body io.Reader, size int64) (*github.ReleaseAsset, error) {
	if err := c.checkUploadURL(rel); err != nil {
		return nil, &Refusal{err}
	}
	options := &github.UploadOptions{Name: name, MediaType: mediaTypeBytes} // not by the machine's MIME table
	stored, _, err := c.api.Repositories.UploadReleaseAssetFromRelease(ctx, rel, options, body, size)
	if err != nil {
		return nil, err
	}
	return stored, believeAsset(stored)
}

// checkUploadURL makes sure that files go to this release, on a host of GitHub.
func (c *Client) checkUploadURL(rel *github.RepositoryRelease) error {
	address, _, _ := strings.Cut(rel.UploadURL, "{") // a template (RFC 6570)
	to, err := url.Parse(address)
	if err != nil || !trusted(c.home, to) {
		return fmt.Errorf("the release says to send its files to %q, which is not a host of %s", rel.UploadURL, c.home)
	}
	if !strings.HasSuffix(to.Path, fmt.Sprintf("/releases/%d/assets", rel.ID)) || to.RawQuery != "" || to.Fragment != "" {
		return fmt.Errorf("the release says to send its files to %q, which is not where the files of release %d go", rel.UploadURL, rel.ID)
	}
	return nil
}

func (c *Client) removeAsset(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteReleaseAsset(ctx, c.owner, c.repo, id)
	return err
}

// download returns the content of a file, which must be closed. It ends after one byte
// more than the file has, so that too much is noticed.
func (c *Client) download(ctx context.Context, a *github.ReleaseAsset) (io.ReadCloser, error) {
	body, _, err := c.api.Repositories.DownloadReleaseAsset(ctx, c.owner, c.repo, a.GetID(), c.plain)
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, &wrongAnswer{errEmpty}
	}
	limited := io.LimitReader(body, int64(a.GetSize())+1)
	return struct {
		io.Reader
		io.Closer
	}{limited, body}, nil
}
