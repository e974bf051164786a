package githubtest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
)

// uploadAsset answers POST {upload_url}?name=&label=. GitHub takes note of an
// asset before it has its content: until then, and for ever if the upload breaks
// off, it is in the state "starter".
func (s *Server) uploadAsset(c *call) answer {
	r, a, refusal := s.register(c)
	if a == nil {
		return refusal
	}
	if c.fault.concerns(c) && c.fault.Starter {
		return c.fail(http.StatusBadGateway, "Server Error")
	}

	got, err := s.receive(c)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone; the starter stays
	}

	return s.store(c, r, a, got)
}

// register checks an upload and makes its asset.
func (s *Server) register(c *call) (*release, *asset, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.observe(c.number)

	r := s.release(c)
	if r == nil {
		return nil, nil, c.notFound()
	}

	reason := func(code, field, message string) answer {
		return c.invalid(fieldError{Resource: "ReleaseAsset", Code: code, Field: field, Message: message})
	}
	given := c.URL.Query().Get("name")
	name := rename(given)
	if c.fault.concerns(c) {
		name = cmp.Or(c.fault.Rename, name)
	}

	switch {
	case c.ContentLength < 0 || c.ContentLength == 0 && c.Header.Get("Content-Length") == "": // skx/github-action-publish-binaries#19
		return nil, nil, c.fail(http.StatusBadRequest, "Bad Content-Length: ")
	case given == "":
		return nil, nil, reason("missing_field", "name", "")
	case r.Immutable: // softprops/action-gh-release#653
		return nil, nil, c.fail(http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	case r.named(name) != nil:
		return nil, nil, reason("already_exists", "name", "")
	case c.ContentLength == 0: // svenstaro/upload-release-action#94
		return nil, nil, reason("custom", "size", "size must be greater than or equal to 1")
	case c.ContentLength > maxAssetSize: // bluerobotics/BlueOS#3683
		return nil, nil, reason("custom", "size", fmt.Sprintf("size must be less than or equal to %d", int64(maxAssetSize)))
	case len(r.assets) >= maxAssets: // gardenlinux/gardenlinux#4523
		return nil, nil, reason("custom", "file_count", fmt.Sprintf("file_count limited to %d assets per release", maxAssets))
	}

	now := s.now()
	a := &asset{created: now, updated: now, Asset: Asset{ID: s.newID(), Name: name, Label: c.URL.Query().Get("label"), State: "starter"}}
	a.ContentType = cmp.Or(c.Header.Get("Content-Type"), "application/octet-stream")
	if mediaType, _, err := mime.ParseMediaType(a.ContentType); err == nil {
		a.ContentType = mediaType
	}

	r.assets = append(slices.Clip(r.assets), a)

	return r, a, answer{}
}

// A received is the body of an upload.
type received struct {
	content []byte // nil if it is discarded
	size    int64
	digest  string
}

// receive reads the body of an upload, or half of it, without holding the lock.
func (s *Server) receive(c *call) (received, error) {
	got := received{size: c.ContentLength}
	if c.fault.concerns(c) && c.fault.Truncate {
		got.size /= 2
	}

	hash := sha256.New()
	if s.opts.Discard {
		if _, err := io.CopyN(hash, c.Body, got.size); err != nil {
			return received{}, err
		}
	} else {
		got.content = make([]byte, got.size) // once, at its full size
		if _, err := io.ReadFull(io.TeeReader(c.Body, hash), got.content); err != nil {
			return received{}, err
		}
	}
	if _, err := io.Copy(io.Discard, c.Body); err != nil { // the other half
		return received{}, err
	}

	got.digest = fmt.Sprintf("sha256:%x", hash.Sum(nil))

	return got, nil
}

// store completes an asset, unless it was deleted or its release became
// immutable in the meantime.
func (s *Server) store(c *call, r *release, a *asset, got received) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.observe(c.number)

	switch {
	case !slices.Contains(s.releases, r) || !slices.Contains(r.assets, a):
		return c.notFound()
	case r.Immutable:
		return c.fail(http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	}

	a.State, a.Size, a.Digest, a.Content = "uploaded", got.size, got.digest, got.content
	a.updated = s.now()

	return reply(http.StatusCreated, s.assetJSON(c, r, a))
}
