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

// This file has all requests of the package. Each escapes the names in its address, which
// go-github does not, and checks the answer (answers.go). None retries.

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
		return "", nil // GitHub answers with either if there is no such tag
	}
	if err != nil {
		return "", err
	}
	if !commitName.MatchString(commit.GetSHA()) { // of nil too
		return "", wrong("the answer is not a commit: %q", commit.GetSHA())
	}
	return commit.GetSHA(), nil
}

func (c *Client) generateNotes(ctx context.Context, tag, commit string) (string, error) {
	request := github.GenerateNotesRequest{
		TagName:         tag,
		TargetCommitish: &commit,
	}
	notes, _, err := c.api.Repositories.GenerateReleaseNotes(ctx, c.owner, c.repo, request)
	if err != nil {
		return "", err
	}
	if notes == nil || notes.Name == "" && notes.Body == "" {
		return "", &wrongAnswer{errEmpty}
	}
	return notes.Body, nil
}

// getRelease reads a release by its id. The caller must check the tag, which may have been
// edited.
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

// publicRelease reads the public release of a tag. GitHub never finds a draft by its tag
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
		return nil, wrong("asked for the public release of %q, GitHub answered with a draft", tag)
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
		return nil, wrong("the latest release is a draft or has no tag, which cannot be")
	}
	return rel, nil
}

func (c *Client) listReleases(
	ctx context.Context, opts *github.ListOptions,
) ([]*github.RepositoryRelease, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleases(ctx, c.owner, c.repo, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(believePage(page, believeRelease), believeNext(opts, resp))
}

// createDraft creates the draft of a tag.
func (c *Client) createDraft(
	ctx context.Context, request github.CreateReleaseRequest,
) (*github.RepositoryRelease, error) {
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
		return nil, wrong("asked to create a draft, GitHub answered with a public release")
	}
	return rel, nil
}

// updateRelease changes a release. The answer must be the release of the tag, and be a
// draft or not as the request says.
func (c *Client) updateRelease(
	ctx context.Context, id int64, tag string, request github.UpdateReleaseRequest,
) (*github.RepositoryRelease, error) {
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
		return nil, wrong("asked to set draft to %v, GitHub answered that it is %v", *request.Draft, rel.Draft)
	}
	return rel, nil
}

func (c *Client) removeRelease(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteRelease(ctx, c.owner, c.repo, id)
	return err
}

func (c *Client) listAssets(
	ctx context.Context, id int64, opts *github.ListOptions,
) ([]*github.ReleaseAsset, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleaseAssets(ctx, c.owner, c.repo, id, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(believePage(page, believeAsset), believeNext(opts, resp))
}

// uploadAsset sends a file to the upload address of the release. The caller must check the
// name that the server stored it under.
func (c *Client) uploadAsset(
	ctx context.Context, rel *github.RepositoryRelease, name string, body io.Reader, size int64,
) (*github.ReleaseAsset, error) {
	if err := c.checkUploadURL(rel); err != nil {
		return nil, &Refusal{err}
	}

	options := &github.UploadOptions{
		Name:      name,
		MediaType: mediaTypeBytes, // else go-github asks the machine's MIME table
	}
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

	path := fmt.Sprintf("/releases/%d/assets", rel.ID)
	if !strings.HasSuffix(to.Path, path) || to.RawQuery != "" || to.Fragment != "" {
		return fmt.Errorf("the release says to send its files to %q, which is not where the files of release %d go",
			rel.UploadURL, rel.ID)
	}

	return nil
}

func (c *Client) removeAsset(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteReleaseAsset(ctx, c.owner, c.repo, id)
	return err
}

// download returns the content of a file, which the caller must close. It ends one byte
// after the size of the file, so that the caller notices a longer one.
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
