package githubtest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An asset is an Asset with the state that tests do not see.
type asset struct {
	Asset
	created   time.Time
	updated   time.Time
	downloads int
}

// Limits of a release: "Up to 1000 release assets may be associated with a
// single release", "Each file included in a release must be under 2 GiB"
// (github/docs, about releases). The exact size is in GitHub's error (cli/cli#10182).
const (
	maxAssets    = 1000
	maxAssetSize = 1 << 31
)

// listAssets answers GET .../releases/{release_id}/assets.
func (s *Server) listAssets(c *call) answer {
	r := s.release(c)
	if r == nil {
		return c.notFound()
	}

	part, links := paginate(c, r.assets)
	list := make([]any, 0, len(part))
	for _, a := range part {
		list = append(list, s.assetJSON(c, r, a))
	}

	return pageOf(list, links)
}

// asset returns the asset whose ID is in the path, and its release. Both are nil if
// there is none or the sender may not see it.
func (s *Server) asset(c *call) (*release, *asset) {
	id := c.id("asset_id")
	for _, r := range s.releases {
		for _, a := range r.assets {
			if a.ID == id && s.visible(c, r) {
				return r, a
			}
		}
	}
	return nil, nil
}

// getAsset answers GET .../releases/assets/{asset_id} with the description of the asset
// or, for "Accept: application/octet-stream", with a redirect to its content.
func (s *Server) getAsset(c *call) answer {
	r, a := s.asset(c)
	switch {
	case a == nil:
		return c.notFound()
	case !strings.Contains(c.Header.Get("Accept"), "application/octet-stream"):
		return reply(http.StatusOK, s.assetJSON(c, r, a))
	case a.State != "uploaded":
		return c.notFound()
	}

	return redirect(c.site.web + storagePath(a))
}

// storagePath returns the path of an asset's content. It needs no token, like the signed
// addresses to which GitHub redirects.
func storagePath(a *asset) string {
	signature := sha256.Sum256(fmt.Appendf(nil, "asset %d %s", a.ID, a.Digest))
	return fmt.Sprintf("/storage/%d/%x", a.ID, signature[:16])
}

// updateAsset answers PATCH .../releases/assets/{asset_id}.
func (s *Server) updateAsset(c *call) answer {
	r, a := s.asset(c)
	if a == nil {
		return c.notFound()
	}

	var req struct{ Name, Label *string }
	if refusal, ok := c.decode(&req); !ok {
		return refusal
	}
	if r.Immutable {
		return c.invalid(assetError("custom", "", "Cannot update asset of an immutable release"))
	}

	if req.Name != nil {
		name := rename(*req.Name)
		if other := r.assetNamed(name); other != nil && other != a {
			return c.invalid(assetError("already_exists", "name", ""))
		}
		a.Name = name
	}

	set(&a.Label, req.Label)
	a.updated = s.now()

	return reply(http.StatusOK, s.assetJSON(c, r, a))
}

// deleteAsset answers DELETE .../releases/assets/{asset_id}.
func (s *Server) deleteAsset(c *call) answer {
	r, a := s.asset(c)
	if a == nil {
		return c.notFound()
	}
	if r.Immutable { // uutils/coreutils#13839
		return c.invalid(assetError("custom", "", "Cannot delete asset from an immutable release"))
	}

	r.assets = slices.DeleteFunc(slices.Clone(r.assets), func(other *asset) bool { return other == a })
	return answer{status: http.StatusNoContent}
}

// assetError returns a reason about an asset.
func assetError(code, field, message string) fieldError {
	return fieldError{Resource: "ReleaseAsset", Code: code, Field: field, Message: message}
}

// assetNamed returns the asset of that name, or nil.
func (r *release) assetNamed(name string) *asset {
	for _, a := range r.assets {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// rename returns the name under which GitHub stores an asset: "GitHub renames asset
// filenames that have special characters, non-alphanumeric characters, and leading or
// trailing periods." A run of characters other than letters, digits and -_+@ becomes one
// period (softprops/action-gh-release#159, actions/upload-release-asset#57,
// electron/forge#1761). A name that begins with a period, or of which that leaves only one
// part, gets the prefix "default." (softprops/action-gh-release#741).
func rename(name string) string {
	special := func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("-_+@", r)
	}
	parts := strings.FieldsFunc(name, special)

	renamed := strings.Join(parts, ".")
	if strings.HasPrefix(name, ".") || renamed != name && len(parts) < 2 {
		return strings.TrimSuffix("default."+renamed, ".")
	}

	return renamed
}
