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

// This file contains all requests of the package. Each of them escapes the names in its
// address, which go-github does not do, and checks the answer (answers.go). None of them
// retries.

// getRepository reads what GitHub says about the repository.
func (c *Client) getRepository(ctx context.Context) (*github.Repository, error) {
	repo, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	if err != nil {
		return nil, err
	}
	if repo.GetFullName() == "" { // repo may be nil
		return nil, &wrongAnswer{errEmpty}
	}
	return repo, nil
}

// commitOfTag returns the commit that a tag points to, or "" if there is no such tag.
func (c *Client) commitOfTag(ctx context.Context, tag string) (string, error) {
	commit, _, err := c.api.Repositories.GetCommit(ctx, c.owner, c.repo, "tags/"+escapeTag(tag), nil)
	switch status(err) {
	case http.StatusNotFound, http.StatusUnprocessableEntity:
		return "", nil // GitHub answers with either if there is no such tag
	}
	if err != nil {
		return "", err
	}
	if !commitName.MatchString(commit.GetSHA()) { // commit may be nil
		return "", wrongAnswerf("the answer is not a commit: %q", commit.GetSHA())
	}
	return commit.GetSHA(), nil
}

// generateNotes returns the notes that GitHub generates for a release of the tag: the changes
// since the tag previous, or since one that GitHub chooses if previous is "".
func (c *Client) generateNotes(ctx context.Context, tag, commit, previous string) (string, error) {
	request := github.GenerateNotesRequest{
		TagName:         tag,
		TargetCommitish: &commit,
	}
	if previous != "" {
		request.PreviousTagName = &previous
	}
	notes, _, err := c.api.Repositories.GenerateReleaseNotes(ctx, c.owner, c.repo, request)
	if err != nil {
		return "", err
	}
	if notes == nil || (notes.Name == "" && notes.Body == "") {
		return "", &wrongAnswer{errEmpty}
	}
	return notes.Body, nil
}

// getRelease reads a release by its id. The caller must check its tag, which somebody may
// have edited.
func (c *Client) getRelease(ctx context.Context, id int64) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetRelease(ctx, c.owner, c.repo, id)
	if err != nil {
		return nil, err
	}
	if err := validateRelease(rel); err != nil {
		return nil, err
	}
	return rel, expectID(rel, id)
}

// publicRelease reads the public release of a tag. GitHub never finds a draft by its tag
// (avibe-bot/avibe#1712).
func (c *Client) publicRelease(ctx context.Context, tag string) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetReleaseByTag(ctx, c.owner, c.repo, escapeTag(tag))
	if err != nil {
		return nil, err
	}
	if err := validateRelease(rel); err != nil {
		return nil, err
	}
	if err := expectTag(rel, tag); err != nil {
		return nil, err
	}
	if rel.Draft {
		return nil, wrongAnswerf("asked for the public release of %q, GitHub answered with a draft", tag)
	}
	return rel, nil
}

// latestRelease reads the release that the repository shows as its latest.
func (c *Client) latestRelease(ctx context.Context) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.GetLatestRelease(ctx, c.owner, c.repo)
	if err != nil {
		return nil, err
	}
	if err := validateRelease(rel); err != nil {
		return nil, err
	}
	if rel.TagName == "" || rel.Draft {
		return nil, wrongAnswerf("the latest release is a draft or has no tag")
	}
	return rel, nil
}

// listReleases reads one page of the list of releases, drafts included.
func (c *Client) listReleases(
	ctx context.Context, opts *github.ListOptions,
) ([]*github.RepositoryRelease, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleases(ctx, c.owner, c.repo, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(validatePage(page, validateRelease), validateNextPage(opts, resp))
}

// createDraft creates a draft release.
func (c *Client) createDraft(
	ctx context.Context, request github.CreateReleaseRequest,
) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.CreateRelease(ctx, c.owner, c.repo, request)
	if err != nil {
		return nil, err
	}
	if err := validateRelease(rel); err != nil {
		return nil, err
	}
	if err := expectTag(rel, request.TagName); err != nil {
		return nil, err
	}
	if !rel.Draft {
		return nil, wrongAnswerf("asked to create a draft, GitHub answered with a public release")
	}
	return rel, nil
}

// updateRelease changes a release. The answer must be the release of the tag, and a draft
// or public as the request says.
func (c *Client) updateRelease(
	ctx context.Context, id int64, tag string, request github.UpdateReleaseRequest,
) (*github.RepositoryRelease, error) {
	rel, _, err := c.api.Repositories.UpdateRelease(ctx, c.owner, c.repo, id, request)
	if err != nil {
		return nil, err
	}
	if err := validateRelease(rel); err != nil {
		return nil, err
	}
	if err := errors.Join(expectID(rel, id), expectTag(rel, tag)); err != nil {
		return nil, err
	}
	if rel.Draft != *request.Draft {
		return nil, wrongAnswerf("asked to set draft to %v, GitHub answered that it is %v",
			*request.Draft, rel.Draft)
	}
	return rel, nil
}

// deleteRelease deletes a release, or a draft.
func (c *Client) deleteRelease(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteRelease(ctx, c.owner, c.repo, id)
	return err
}

// listAssets reads one page of the list of files of a release.
func (c *Client) listAssets(
	ctx context.Context, id int64, opts *github.ListOptions,
) ([]*github.ReleaseAsset, *github.Response, error) {
	page, resp, err := c.api.Repositories.ListReleaseAssets(ctx, c.owner, c.repo, id, opts)
	if err != nil {
		return nil, resp, err
	}
	return page, resp, errors.Join(validatePage(page, validateAsset), validateNextPage(opts, resp))
}

// uploadAsset sends a file to the upload address of the release. The caller must check under
// which name the server stored it.
func (c *Client) uploadAsset(
	ctx context.Context, rel *github.RepositoryRelease, name string, body io.Reader, size int64,
) (*github.ReleaseAsset, error) {
	if err := c.checkUploadURL(rel); err != nil {
		return nil, &Refusal{err}
	}

	options := &github.UploadOptions{
		Name:      name,
		MediaType: mediaTypeBytes, // otherwise go-github asks the machine's MIME table
	}
	stored, _, err := c.api.Repositories.UploadReleaseAssetFromRelease(ctx, rel, options, body, size)
	if err != nil {
		return nil, err
	}
	return stored, validateAsset(stored)
}

// checkUploadURL returns an error unless the upload address of the release belongs to this
// release, and to a host of GitHub.
func (c *Client) checkUploadURL(rel *github.RepositoryRelease) error {
	address, _, _ := strings.Cut(rel.UploadURL, "{") // it is a template (RFC 6570)
	upload, err := url.Parse(address)
	if err != nil || !isGitHubHost(c.apiURL, upload) {
		return fmt.Errorf("the upload address %q of the release is not on a host of %s",
			rel.UploadURL, c.apiURL)
	}

	path := fmt.Sprintf("/releases/%d/assets", rel.ID)
	if !strings.HasSuffix(upload.Path, path) || upload.RawQuery != "" || upload.Fragment != "" {
		return fmt.Errorf("the upload address %q is not the one of release %d", rel.UploadURL, rel.ID)
	}

	return nil
}

// deleteAsset deletes a file of a release.
func (c *Client) deleteAsset(ctx context.Context, id int64) error {
	_, err := c.api.Repositories.DeleteReleaseAsset(ctx, c.owner, c.repo, id)
	return err
}

// download returns the content of a file, which the caller must close. It returns at most
// one byte more than the size of the file, which lets the caller notice a longer one.
func (c *Client) download(ctx context.Context, a *github.ReleaseAsset) (io.ReadCloser, error) {
	body, _, err := c.api.Repositories.DownloadReleaseAsset(ctx, c.owner, c.repo, a.GetID(), c.anonymous)
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
