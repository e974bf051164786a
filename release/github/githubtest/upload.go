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

// uploadAsset answers POST {upload_url}?name=&label=. GitHub creates an asset before it
// has the content. Until then, and for ever if the upload breaks off, the asset is in the
// state "starter".
func (s *Server) uploadAsset(c *call) answer {
	r, a, refusal := s.addStarter(c)
	if a == nil {
		return refusal
	}
	if c.fault.applies(c) && c.fault.Starter {
		return c.fail(http.StatusBadGateway, "Server Error")
	}

	body, err := s.readUpload(c)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone; the starter stays
	}

	return s.finishUpload(c, r, a, body)
}

// addStarter checks an upload and creates its asset, in the state "starter". If it refuses
// the upload, the asset is nil and the answer says why.
func (s *Server) addStarter(c *call) (*release, *asset, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.recordHistory(c.number)

	r := s.release(c)
	if r == nil {
		return nil, nil, c.notFound()
	}

	requested := c.URL.Query().Get("name")
	name := rename(requested)
	if c.fault.applies(c) {
		name = cmp.Or(c.fault.Rename, name)
	}

	refuse := func(code, field, message string) (*release, *asset, answer) {
		return nil, nil, c.invalid(assetError(code, field, message))
	}
	unknownLength := c.ContentLength < 0 ||
		c.ContentLength == 0 && c.Header.Get("Content-Length") == ""

	switch {
	case unknownLength: // skx/github-action-publish-binaries#19
		return nil, nil, c.fail(http.StatusBadRequest, "Bad Content-Length: ")
	case requested == "":
		return refuse("missing_field", "name", "")
	case r.Immutable: // softprops/action-gh-release#653
		return nil, nil, c.fail(http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	case r.assetNamed(name) != nil:
		return refuse("already_exists", "name", "")
	case c.ContentLength == 0: // svenstaro/upload-release-action#94
		return refuse("custom", "size", "size must be greater than or equal to 1")
	case c.ContentLength > maxAssetSize: // bluerobotics/BlueOS#3683
		message := fmt.Sprintf("size must be less than or equal to %d", int64(maxAssetSize))
		return refuse("custom", "size", message)
	case len(r.assets) >= maxAssets: // gardenlinux/gardenlinux#4523
		message := fmt.Sprintf("file_count limited to %d assets per release", maxAssets)
		return refuse("custom", "file_count", message)
	}

	contentType := cmp.Or(c.Header.Get("Content-Type"), "application/octet-stream")
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil {
		contentType = mediaType
	}

	now := s.now()
	a := &asset{
		created: now,
		updated: now,
		Asset: Asset{
			ID:          s.newID(),
			Name:        name,
			Label:       c.URL.Query().Get("label"),
			State:       "starter",
			ContentType: contentType,
		},
	}
	r.assets = append(slices.Clip(r.assets), a)

	return r, a, answer{}
}

// An uploadBody is the body of an upload.
type uploadBody struct {
	content []byte // nil with Options.Discard
	size    int64
	digest  string
}

// readUpload reads the body of an upload without holding the lock. With the fault
// Truncate it keeps half of the body.
func (s *Server) readUpload(c *call) (uploadBody, error) {
	body := uploadBody{size: c.ContentLength}
	if c.fault.applies(c) && c.fault.Truncate {
		body.size /= 2
	}

	hash := sha256.New()
	if s.opts.Discard {
		if _, err := io.CopyN(hash, c.Body, body.size); err != nil {
			return uploadBody{}, err
		}
	} else {
		body.content = make([]byte, body.size) // allocated once, at its full size
		if _, err := io.ReadFull(io.TeeReader(c.Body, hash), body.content); err != nil {
			return uploadBody{}, err
		}
	}
	body.digest = fmt.Sprintf("sha256:%x", hash.Sum(nil))

	// Read the half that Truncate drops.
	if _, err := io.Copy(io.Discard, c.Body); err != nil {
		return uploadBody{}, err
	}

	return body, nil
}

// finishUpload gives an asset its content, unless the asset was deleted or its release
// became immutable in the meantime.
func (s *Server) finishUpload(c *call, r *release, a *asset, body uploadBody) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.recordHistory(c.number)

	switch {
	case !slices.Contains(s.releases, r) || !slices.Contains(r.assets, a):
		return c.notFound()
	case r.Immutable:
		return c.fail(http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	}

	a.State = "uploaded"
	a.Size = body.size
	a.Digest = body.digest
	a.Content = body.content
	a.updated = s.now()

	return reply(http.StatusCreated, s.assetJSON(c, r, a))
}
