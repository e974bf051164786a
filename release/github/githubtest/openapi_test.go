package githubtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testRepo     = "/repos/octo/hello"
	testReleases = testRepo + "/releases"
	testUploads  = "/uploads" + testReleases + "/1/assets"
)

// newRequest returns a request by a writer. A body is JSON, unless the caller sets another
// Content-Type.
func newRequest(t *testing.T, method, path, body string) *http.Request {
	t.Helper()

	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// send sends a request, and returns the response and the violations of that request.
func send(s *Server, r *http.Request) (*httptest.ResponseRecorder, []string) {
	before := len(s.Invalid())
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w, s.Invalid()[before:]
}

// mustCreate creates a release from JSON.
func mustCreate(t *testing.T, s *Server, body string) {
	t.Helper()

	w, invalid := send(s, newRequest(t, "POST", testReleases, body))
	if w.Code != http.StatusCreated || len(invalid) > 0 {
		t.Fatalf("creating %s: %d %s, invalid: %q", body, w.Code, w.Body, invalid)
	}
}

// TestBadRequests sends requests that GitHub's description does not allow.
func TestBadRequests(t *testing.T) {
	const notServed = "there is no such operation in GitHub's description, or it is not served here"

	for _, test := range []struct {
		name    string
		method  string
		path    string
		body    string
		status  int
		invalid []string
	}{
		{
			"types", "POST", testReleases, `{"draft":"yes"}`, 422,
			[]string{
				"body: /draft: value must be a boolean",
				`body: /tag_name: property "tag_name" is missing`,
			},
		},
		{
			"enum", "PATCH", testReleases + "/1", `{"make_latest":"yes"}`, 422,
			[]string{`body: /make_latest: value is not one of the allowed values ["true","false","legacy"]`},
		},
		{
			"no body", "POST", testReleases, "", 422,
			[]string{"body: value is required but missing"},
		},
		{
			"not JSON", "POST", testReleases, "{", 400,
			[]string{"body: unexpected EOF"},
		},
		{
			"misspelled property", "PATCH", testReleases + "/1", `{"drafts":false,"tag_name":"v1"}`, 200,
			[]string{"body: /drafts: is not described"},
		},
		{
			"misspelled parameter", "GET", testReleases + "?perpage=100", "", 200,
			[]string{`parameter "perpage" in query: is not described`},
		},
		{
			"page is a word", "GET", testReleases + "?page=two", "", 200,
			[]string{`parameter "page" in query: value two: an invalid integer: invalid syntax`},
		},
		{
			"ID is a word", "GET", testReleases + "/one", "", 404,
			[]string{`parameter "release_id" in path: value one: an invalid integer: invalid syntax`},
		},
		{
			"no name", "POST", testUploads, "content", 422,
			[]string{`parameter "name" in query: value is required but missing`},
		},
		{
			"wrong host", "POST", testReleases + "/1/assets?name=a", "content", 404,
			[]string{notServed},
		},
		{
			"unknown path", "GET", testRepo + "/issues", "", 404,
			[]string{notServed},
		},
		{
			"unknown method", "PUT", testReleases + "/1", "{}", 404,
			[]string{notServed},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Options{Token: "t"})
			mustCreate(t, s, `{"tag_name":"v1","draft":true}`)

			w, invalid := send(s, newRequest(t, test.method, test.path, test.body))
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}

			path, _, _ := strings.Cut(test.path, "?")
			var want []string
			for _, violation := range test.invalid {
				want = append(want, "request 2, "+test.method+" "+path+": "+violation)
			}
			slices.Sort(invalid)
			if diff := cmp.Diff(want, invalid); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMediaTypes sends requests without their media types. GitHub accepts them, but the
// description requires the types.
func TestMediaTypes(t *testing.T) {
	s := New(Options{Token: "t"})

	r := newRequest(t, "POST", testReleases, `{"tag_name":"v1"}`)
	r.Header.Set("Content-Type", "text/plain")
	w, invalid := send(s, r)
	if w.Code != 201 || len(invalid) != 1 || !strings.HasSuffix(invalid[0], "body: is not application/json") {
		t.Errorf("JSON as text: %d, %q", w.Code, invalid)
	}

	r = newRequest(t, "POST", testUploads+"?name=a", "content")
	r.Header.Set("Content-Type", "")
	r.Header.Set("Content-Length", "7")
	w, invalid = send(s, r)
	if w.Code != 201 || len(invalid) != 1 || !strings.Contains(invalid[0], "required Content-Type") {
		t.Errorf("an upload without a type: %d, %q", w.Code, invalid)
	}
}

// TestBadAnswers makes the fake give answers that the description does not allow.
func TestBadAnswers(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(a *answer, v map[string]any) // changes the answer or its JSON
		want  string
	}{
		{
			"nothing",
			func(a *answer, v map[string]any) {},
			"",
		},
		{
			"type",
			func(a *answer, v map[string]any) { v["id"] = "one" },
			"status 200: /id: value must be an integer",
		},
		{
			"missing",
			func(a *answer, v map[string]any) { delete(v, "upload_url") },
			`status 200: /upload_url: property "upload_url" is missing`,
		},
		{
			"deep",
			func(a *answer, v map[string]any) {
				v["assets"].([]any)[0].(map[string]any)["state"] = "done"
			},
			`status 200: /assets/0/state: value is not one of the allowed values ["uploaded","open","starter"]`,
		},
		{
			"status",
			func(a *answer, v map[string]any) { a.status = 418 },
			"status 418: status is not supported",
		},
		{
			"error",
			func(a *answer, v map[string]any) {
				a.status = 404
				clear(v)
				v["message"] = 7
			},
			"status 404: /message: value must be a string",
		},
		{
			"media type",
			func(a *answer, v map[string]any) { a.header.Set("Content-Type", "text/html") },
			`status 200: response header Content-Type has unexpected value: "text/html"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Options{Token: "t"})
			handle := func(s *Server, c *call) answer {
				a := reply(200, nil)
				v := s.releaseJSON(c, &release{
					Release: Release{ID: 1, Tag: "v1"},
					assets:  []*asset{{Asset: Asset{ID: 1, Name: "a", State: "uploaded"}}},
				})
				test.spoil(&a, v)
				a.body = reply(200, v).body
				return a
			}
			for i, op := range s.operations {
				if op.route.Operation.OperationID == "repos/get-release" {
					s.operations[i].handle = handle
				}
			}

			_, invalid := send(s, newRequest(t, "GET", testReleases+"/1", ""))
			var want []string
			if test.want != "" {
				want = []string{"answer 1, GET " + testReleases + "/1: " + test.want}
			}
			if !slices.Equal(invalid, want) {
				t.Errorf("violations: %q, want %q", invalid, want)
			}
		})
	}
}

// TestEveryOperation checks that the operations of the description are those that are
// served.
func TestEveryOperation(t *testing.T) {
	served := map[string]bool{}
	for _, op := range New(Options{}).operations {
		served[op.method+" "+op.path] = true
		if op.route.Operation == nil {
			t.Errorf("%s %s is not described", op.method, op.path)
		}
	}

	for path, item := range description().Paths.Map() {
		for method := range item.Operations() {
			if !served[method+" "+path] {
				t.Errorf("%s %s is not served", method, path)
			}
			delete(served, method+" "+path)
		}
	}
	if len(served) > 0 {
		t.Errorf("served without a description: %v", served)
	}

	source := description().Info.Extensions["x-source"]
	if source != "@octokit/openapi@23.0.2 MIT" {
		t.Errorf("the description is from %v", source)
	}
}

// TestTagsLikePaths creates releases whose tags are also parts of other paths.
func TestTagsLikePaths(t *testing.T) {
	s := New(Options{Token: "t"})
	for _, tag := range []string{"assets", "a/assets", "latest"} {
		mustCreate(t, s, `{"tag_name":"`+tag+`"}`)

		for _, path := range []string{tag, strings.ReplaceAll(tag, "/", "%2F")} {
			w, invalid := send(s, newRequest(t, "GET", testReleases+"/tags/"+path, ""))
			if w.Code != http.StatusOK || len(invalid) > 0 {
				t.Errorf("%s: %d, %q", path, w.Code, invalid)
			}
		}
	}
}

// TestAssetLimit fills a release with assets.
func TestAssetLimit(t *testing.T) {
	s := New(Options{Token: "t"})
	mustCreate(t, s, `{"tag_name":"v1","draft":true}`)
	for range maxAssets - 1 { // without sending a thousand requests
		s.releases[0].assets = append(s.releases[0].assets, &asset{Asset: Asset{State: "uploaded"}})
	}

	upload := func(name string) *httptest.ResponseRecorder {
		r := newRequest(t, "POST", testUploads+"?name="+name, "content")
		r.Header.Set("Content-Type", "text/plain")
		w, _ := send(s, r)
		return w
	}
	if w := upload("last"); w.Code != http.StatusCreated {
		t.Errorf("uploading asset %d: %d %s", maxAssets, w.Code, w.Body)
	}
	w := upload("another")
	const message = `"message":"file_count limited to 1000 assets per release"`
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), message) {
		t.Errorf("uploading asset %d: %d %s", maxAssets+1, w.Code, w.Body)
	}

	// A page has at most 100 of them, whatever per_page says.
	w, _ = send(s, newRequest(t, "GET", testReleases+"/1/assets?per_page=1000", ""))
	links := w.Header().Get("Link")
	if !strings.Contains(links, fmt.Sprintf(`page=%d&per_page=1000>; rel="last"`, maxAssets/100)) {
		t.Errorf("the list of 1000 assets has the links %s", links)
	}
}
