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
	path   string // as in GitHub's description
	host   string // "/uploads" for operations on the host for uploads, else ""
	handle func(*Server, *call) answer
	stream bool // the body is not JSON and may be large; handle takes the lock itself

	pattern *regexp.Regexp // matches the path, with a group for each parameter
	route   *routers.Route // the description of the operation
}

// servedOperations returns all operations, in the order in which a request is matched
// against them. openapi/trim.mjs lists the same operations.
func servedOperations(doc *openapi3.T) []operation {
	const repo = "/repos/{owner}/{repo}"
	operations := []operation{
		{method: "GET", path: "/rate_limit", handle: (*Server).getRateLimit},
		{method: "GET", path: repo, handle: (*Server).getRepository},
		{method: "GET", path: repo + "/commits/{ref}", handle: (*Server).getCommit},
		{method: "GET", path: repo + "/git/matching-refs/{ref}", handle: (*Server).listMatchingRefs},
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
		{
			method: "POST",
			path:   repo + "/releases/{release_id}/assets",
			host:   "/uploads",
			stream: true,
			handle: (*Server).uploadAsset,
		},
	}

	for i := range operations {
		operations[i].describe(doc)
	}

	return operations
}

// pathParameter matches a parameter in a path that regexp.QuoteMeta has escaped.
var pathParameter = regexp.MustCompile(`\\\{\w+\\\}`)

// describe sets the operation's description and pattern.
func (op *operation) describe(doc *openapi3.T) {
	item := doc.Paths.Value(op.path)
	described := item.GetOperation(op.method)
	op.route = &routers.Route{
		Spec:      doc,
		Path:      op.path,
		PathItem:  item,
		Method:    op.method,
		Operation: described,
	}

	group := func(braced string) string {
		name := strings.Trim(braced, `\{}`)
		parameter := described.Parameters.GetByInAndName("path", name)
		if parameter != nil && parameter.Extensions["x-multi-segment"] == true {
			return `(?P<` + name + `>.+)` // a tag or another ref, which may have slashes
		}
		return `(?P<` + name + `>[^/]+)`
	}
	pattern := pathParameter.ReplaceAllStringFunc(regexp.QuoteMeta(op.host+op.path), group)
	op.pattern = regexp.MustCompile("^" + pattern + "$")
}

// match returns the parameters in an escaped path, and reports whether the request is
// for the operation. As on GitHub, an operation with GET is there for HEAD too.
func (op *operation) match(method, path string) (map[string]string, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if method != op.method {
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
