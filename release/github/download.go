package github

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Find returns the published release of a tag.
func (c *Client) Find(ctx context.Context, tag string) (*Release, error) {
	if err := CheckTag(tag); err != nil {
		return nil, err
	}

	r := newRelease(c, Wanted{Tag: tag})
	err := c.retry(ctx, "looking for the release of "+tag, func() (err error) {
		r.rel, err = c.publicRelease(ctx, tag)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.list(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Names lists the files of the release, sorted.
func (r *Release) Names() (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.assets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Download writes a file of the release to f, which must be empty, and returns its
// SHA-256 in hex. What arrives must have the size and the digest that the server says.
func (r *Release) Download(ctx context.Context, name string, f *os.File) (sum string, err error) {
	a := r.asset(name)
	if a == nil || a.GetState() != stateUploaded {
		return "", fmt.Errorf("downloading %s: it is not complete on the server", name)
	}
	err = r.c.retry(ctx, "downloading "+name, func() error {
		if err := f.Truncate(0); err != nil { // of an attempt that broke off
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		body, err := r.c.download(ctx, a)
		if err != nil {
			return err
		}
		defer body.Close()
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, h), body)
		if err != nil {
			return &temporaryError{err}
		}
		sum = fmt.Sprintf("%x", h.Sum(nil))
		digest := "sha256:" + sum
		said := strings.ToLower(a.GetDigest())
		other := strings.HasPrefix(said, "sha256:") && said != digest // "" and other algorithms say nothing about it
		if n != int64(a.GetSize()) || other {
			return &temporaryError{fmt.Errorf("got %d bytes with %s, expected %d with %q", n, digest, a.GetSize(), a.GetDigest())}
		}
		return nil
	})
	return sum, err
}
