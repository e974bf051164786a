package github

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
)

// Find returns the published release of a tag.
func (c *Client) Find(ctx context.Context, tag string) (*Release, error) {
	if err := CheckTag(tag); err != nil {
		return nil, err
	}

	r := newRelease(c, Wanted{Tag: tag})
	doing := fmt.Sprintf("looking for the release %s of %s/%s", tag, c.owner, c.repo)
	err := c.retry(ctx, doing, func() (err error) {
		r.rel, err = c.publicRelease(ctx, tag)
		return err
	})
	if status(err) == http.StatusNotFound {
		list := problem.Run(fmt.Sprintf("gh release list --repo %s/%s", c.owner, c.repo))
		return nil, &Refusal{problem.With(list.For("shows the releases that your token may see"), err)}
	}
	if err != nil {
		return nil, err
	}

	if err := r.listAssets(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Names returns the names of the files of the release, sorted.
func (r *Release) Names() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for name := range r.assets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Download writes a file of the release to f, which must be empty, and returns its SHA-256 in
// hex. The content must have the size and the digest that the server gives.
func (r *Release) Download(ctx context.Context, name string, f *os.File) (sum string, err error) {
	a := r.asset(name)
	if a == nil || a.GetState() != stateUploaded {
		return "", fmt.Errorf("downloading %s: it is not complete on the server", name)
	}

	err = r.c.retry(ctx, "downloading "+name, func() (err error) {
		sum, err = r.c.downloadTo(ctx, f, a)
		return err
	})
	return sum, err
}

// downloadTo makes one attempt to download a file, replacing the content of f.
func (c *Client) downloadTo(
	ctx context.Context, f *os.File, a *github.ReleaseAsset,
) (sum string, err error) {
	// An earlier attempt may have written a part of the file.
	if err := f.Truncate(0); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}

	body, err := c.download(ctx, a)
	if err != nil {
		return "", err
	}
	defer body.Close()

	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), body)
	if err != nil {
		return "", &temporaryError{err}
	}
	sum = fmt.Sprintf("%x", h.Sum(nil))

	// An empty digest, or one of another algorithm, says nothing about the SHA-256.
	digest := "sha256:" + sum
	expected := strings.ToLower(a.GetDigest())
	differs := strings.HasPrefix(expected, "sha256:") && expected != digest
	if differs || n != int64(a.GetSize()) {
		return "", &temporaryError{fmt.Errorf("got %d bytes with %s, expected %d with %q",
			n, digest, a.GetSize(), a.GetDigest())}
	}
	return sum, nil
}
