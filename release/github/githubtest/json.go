package githubtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// path returns the path of something in the repository, below the base address of the
// API.
func (s *Server) path(segments ...any) string {
	path := "/repos/" + s.opts.Repo
	for _, segment := range segments {
		path += "/" + fmt.Sprint(segment)
	}

	return path
}

// releaseJSON returns a release as GitHub encodes it.
func (s *Server) releaseJSON(c *call, r *release) map[string]any {
	self := c.site.api + s.path("releases", r.ID)
	assets := make([]any, 0, len(r.assets))
	for _, a := range r.assets {
		assets = append(assets, s.assetJSON(c, r, a))
	}

	v := map[string]any{
		"id":               r.ID,
		"node_id":          nodeID("RE", r.ID),
		"url":              self,
		"html_url":         c.site.web + "/" + s.opts.Repo + "/releases/tag/" + r.address(),
		"assets_url":       self + "/assets",
		"upload_url":       c.site.uploads + s.path("releases", r.ID, "assets") + "{?name,label}", // RFC 6570
		"tarball_url":      nil,
		"zipball_url":      nil,
		"tag_name":         r.Tag,
		"target_commitish": r.Target,
		"name":             nullable(r.Name),
		"body":             nullable(r.Body),
		"draft":            r.Draft,
		"prerelease":       r.Prerelease,
		"immutable":        r.Immutable,
		"created_at":       timestamp(r.Created),
		"updated_at":       timestamp(r.updated),
		"published_at":     nil,
		"author":           bot(c),
		"assets":           assets,
	}

	if !r.Draft {
		v["published_at"] = timestamp(r.Published)
		v["tarball_url"] = c.site.api + s.path("tarball", r.address())
		v["zipball_url"] = c.site.api + s.path("zipball", r.address())
	}

	return v
}

// assetJSON returns an asset as GitHub encodes it.
func (s *Server) assetJSON(c *call, r *release, a *asset) map[string]any {
	return map[string]any{
		"id":                   a.ID,
		"node_id":              nodeID("RA", a.ID),
		"url":                  c.site.api + s.path("releases", "assets", a.ID),
		"browser_download_url": c.site.web + s.downloadPath(r, a),
		"name":                 a.Name,
		"label":                a.Label,
		"state":                a.State,
		"content_type":         a.ContentType,
		"size":                 a.Size,
		"digest":               nullable(a.Digest),
		"download_count":       a.downloads,
		"created_at":           timestamp(a.created),
		"updated_at":           timestamp(a.updated),
		"uploader":             bot(c),
	}
}

// address returns the path segment for a release in the addresses of its page and its
// files. The one of a draft is temporary (softprops/action-gh-release#14).
func (r *release) address() string {
	if r.Draft {
		return r.slug
	}
	return url.PathEscape(r.Tag)
}

// downloadPath returns the path at which a browser downloads an asset.
func (s *Server) downloadPath(r *release, a *asset) string {
	return "/" + s.opts.Repo + "/releases/download/" + r.address() + "/" + url.PathEscape(a.Name)
}

// bot returns the user that acts with a workflow's token.
func bot(c *call) map[string]any {
	v := user(c, "github-actions[bot]", 41898282)
	v["type"] = "Bot"
	v["html_url"] = c.site.web + "/apps/github-actions"
	return v
}

// user returns a user in the form that the description calls "simple user".
func user(c *call, login string, id int64) map[string]any {
	self := c.site.api + "/users/" + url.PathEscape(login)
	return map[string]any{
		"login":               login,
		"id":                  id,
		"node_id":             nodeID("U", id),
		"type":                "User",
		"site_admin":          false,
		"gravatar_id":         "",
		"avatar_url":          c.site.web + "/avatars/" + strconv.FormatInt(id, 10),
		"html_url":            c.site.web + "/" + login,
		"url":                 self,
		"events_url":          self + "/events{/privacy}",
		"followers_url":       self + "/followers",
		"following_url":       self + "/following{/other_user}",
		"gists_url":           self + "/gists{/gist_id}",
		"organizations_url":   self + "/orgs",
		"received_events_url": self + "/received_events",
		"repos_url":           self + "/repos",
		"starred_url":         self + "/starred{/owner}{/repo}",
		"subscriptions_url":   self + "/subscriptions",
	}
}

// nodeID returns an ID in the form of GitHub's GraphQL API.
func nodeID(kind string, id int64) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(id, 10)))
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// nullable returns nil for the empty string, which becomes null in JSON.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// paginate returns the page of a list that the request asks for, and its Link header.
// Source: "Using pagination in the REST API": 30 a page, at most 100.
func paginate[T any](c *call, all []T) ([]T, string) {
	query := c.URL.Query()
	number := func(name string, byDefault, limit int) int {
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 1 {
			return byDefault
		}
		return min(n, limit)
	}

	size := number("per_page", 30, 100)
	page := number("page", 1, 1<<20)
	last := max(1, (len(all)+size-1)/size)

	var links []string
	link := func(rel string, n int) {
		query.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", c.site.api, c.path, query.Encode(), rel))
	}
	if page > 1 {
		link("prev", min(page-1, last))
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	if page > 1 {
		link("first", 1)
	}

	start := min((page-1)*size, len(all))
	end := min(start+size, len(all))
	return all[start:end], strings.Join(links, ", ")
}

// pageOf returns the answer with one page of a list.
func pageOf(list []any, links string) answer {
	a := reply(http.StatusOK, list)
	if links != "" {
		a.header.Set("Link", links)
	}
	return a
}
