package githubtest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// An operation is one method of one path of the API.
type operation struct {
	method string
	path   string // as GitHub's description spells it
	host   string // "/uploads" for what GitHub serves on the host of uploads
	handle func(*Server, *call) answer
	stream bool // the body is not JSON and may be large; handle takes the lock itself

	pattern *regexp.Regexp
	route   *routers.Route
}

// serve returns all operations, in the order in which they are tried.
// openapi/trim.mjs lists the same.
func serve(doc *openapi3.T) []operation {
	const repo = "/repos/{owner}/{repo}"
	operations := []operation{
		{method: "GET", path: "/rate_limit", handle: (*Server).getRateLimit},
		{method: "GET", path: repo, handle: (*Server).getRepository},
		{method: "GET", path: repo + "/commits/{ref}", handle: (*Server).getCommit},
		{method: "GET", path: repo + "/git/ref/{ref}", handle: (*Server).getRef},
		{method: "GET", path: repo + "/immutable-releases", handle: (*Server).getImmutableReleases},
		{method: "GET", path: repo + "/releases", handle: (*Server).listReleases},
		{method: "POST", path: repo + "/releases", handle: (*Server).createRelease},
		{method: "POST", path: repo + "/releases/generate-notes", handle: (*Server).generateNotes},
		{method: "GET", path: repo + "/releases/latest", handle: (*Server).getLatest},
		{method: "GET", path: repo + "/releases/tags/{tag}", handle: (*Server).getByTag},
		{method: "GET", path: repo + "/releases/assets/{asset_id}", handle: (*Server).getAsset},
		{method: "PATCH", path: repo + "/releases/assets/{asset_id}", handle: (*Server).updateAsset},
		{method: "DELETE", path: repo + "/releases/assets/{asset_id}", handle: (*Server).deleteAsset},
		{method: "GET", path: repo + "/releases/{release_id}", handle: (*Server).getRelease},
		{method: "PATCH", path: repo + "/releases/{release_id}", handle: (*Server).updateRelease},
		{method: "DELETE", path: repo + "/releases/{release_id}", handle: (*Server).deleteRelease},
		{method: "GET", path: repo + "/releases/{release_id}/assets", handle: (*Server).listAssets},
		{method: "POST", path: repo + "/releases/{release_id}/assets", host: "/uploads", stream: true, handle: (*Server).uploadAsset},
	}

	for i := range operations {
		operations[i].describe(doc)
	}

	return operations
}

// braces is a parameter in a path, after regexp.QuoteMeta.
var braces = regexp.MustCompile(`\\\{\w+\\\}`)

// describe connects an operation with its description.
func (op *operation) describe(doc *openapi3.T) {
	item := doc.Paths.Value(op.path)
	described := item.GetOperation(op.method)
	op.route = &routers.Route{Spec: doc, Path: op.path, PathItem: item, Method: op.method, Operation: described}

	pattern := braces.ReplaceAllStringFunc(regexp.QuoteMeta(op.host+op.path), func(braced string) string {
		name := strings.Trim(braced, `\{}`)
		segment := `[^/]+`
		if p := described.Parameters.GetByInAndName("path", name); p != nil && p.Extensions["x-multi-segment"] == true {
			segment = `.+` // a tag or another ref, which may have slashes
		}
		return `(?P<` + name + `>` + segment + `)`
	})

	op.pattern = regexp.MustCompile("^" + pattern + "$")
}

// match returns the parameters in an escaped path, if it is the operation's.
// Like GitHub it answers HEAD where it answers GET.
func (op *operation) match(method, path string) (map[string]string, bool) {
	if method != op.method && (method != http.MethodHead || op.method != http.MethodGet) {
		return nil, false
	}

	found := op.pattern.FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}

	params := map[string]string{}
	for i, name := range op.pattern.SubexpNames()[1:] {
		value, err := url.PathUnescape(found[i+1])
		if err != nil {
			return nil, false
		}
		params[name] = value
	}

	return params, true
}
