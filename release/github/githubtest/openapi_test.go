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

// ask sends one request to a server with one draft, and returns the status and
// the violations of that request.
func ask(t *testing.T, s *Server, method, path string, body string, header ...string) (int, []string) {
	t.Helper()

	before := len(s.Invalid())
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}

	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}

	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)

	return w.Code, s.Invalid()[before:]
}

// TestBadRequests sends what GitHub's description does not allow.
func TestBadRequests(t *testing.T) {
	const repo = "/repos/octo/hello"
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		invalid                  []string
	}{
		{"types", "POST", repo + "/releases", `{"draft":"yes"}`, 422, []string{
			"body: /draft: value must be a boolean", `body: /tag_name: property "tag_name" is missing`}},
		{"enum", "PATCH", repo + "/releases/1", `{"make_latest":"yes"}`, 422, []string{
			`body: /make_latest: value is not one of the allowed values ["true","false","legacy"]`}},
		{"no body", "POST", repo + "/releases", "", 422, []string{"body: value is required but missing"}},
		{"not JSON", "POST", repo + "/releases", "{", 400, []string{"body: unexpected EOF"}},
		{"spelling", "PATCH", repo + "/releases/1", `{"drafts":false,"tag_name":"v1"}`, 200, []string{"body: /drafts: is not described"}},
		{"query", "GET", repo + "/releases?perpage=100", "", 200, []string{`parameter "perpage" in query: is not described`}},
		{"page", "GET", repo + "/releases?page=two", "", 200, []string{`parameter "page" in query: value two: an invalid integer: invalid syntax`}},
		{"number", "GET", repo + "/releases/one", "", 404, []string{`parameter "release_id" in path: value one: an invalid integer: invalid syntax`}},
		{"no name", "POST", "/uploads" + repo + "/releases/1/assets", "content", 422, []string{`parameter "name" in query: value is required but missing`}},
		{"wrong host", "POST", repo + "/releases/1/assets?name=a", "content", 404, []string{
			"there is no such operation in GitHub's description, or it is not served here"}},
		{"unknown", "GET", repo + "/issues", "", 404, []string{"there is no such operation in GitHub's description, or it is not served here"}},
		{"method", "PUT", repo + "/releases/1", "{}", 404, []string{"there is no such operation in GitHub's description, or it is not served here"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Options{Token: "t"})
			if status, invalid := ask(t, s, "POST", repo+"/releases", `{"tag_name":"v1","draft":true}`); status != 201 || len(invalid) > 0 {
				t.Fatal(status, invalid)
			}

			status, invalid := ask(t, s, test.method, test.path, test.body)
			path, _, _ := strings.Cut(test.path, "?")

			for i := range test.invalid {
				test.invalid[i] = "request 2, " + test.method + " " + path + ": " + test.invalid[i]
			}

			slices.Sort(invalid)
			if diff := cmp.Diff(test.invalid, invalid); status != test.status || diff != "" {
				t.Errorf("status %d, want %d; violations (-want +got):\n%s", status, test.status, diff)
			}
		})
	}
}

// TestMediaTypes: GitHub is generous about them, but they are required.
func TestMediaTypes(t *testing.T) {
	s := New(Options{Token: "t"})
	status, invalid := ask(t, s, "POST", "/repos/octo/hello/releases", `{"tag_name":"v1"}`, "Content-Type", "text/plain")
	if status != 201 || len(invalid) != 1 || !strings.HasSuffix(invalid[0], "body: is not application/json") {
		t.Error(status, invalid)
	}

	status, invalid = ask(t, s, "POST", "/uploads/repos/octo/hello/releases/1/assets?name=a", "content", "Content-Type", "", "Content-Length", "7")
	if status != 201 || len(invalid) != 1 || !strings.Contains(invalid[0], "required Content-Type") {
		t.Error(status, invalid)
	}
}

// TestBadAnswers makes the fake answer what GitHub never would.
func TestBadAnswers(t *testing.T) {
	right := func(s *Server, c *call) map[string]any {
		return s.releaseJSON(c, &release{Release: Release{ID: 1, Tag: "v1"}})
	}
	for _, test := range []struct {
		name   string
		answer func(*Server, *call) answer
		want   []string
	}{
		{"right", func(s *Server, c *call) answer { return reply(200, right(s, c)) }, nil},
		{"type", func(s *Server, c *call) answer {
			v := right(s, c)
			v["id"] = "one"
			return reply(200, v)
		}, []string{"status 200: /id: value must be an integer"}},
		{"missing", func(s *Server, c *call) answer {
			v := right(s, c)
			delete(v, "upload_url")
			return reply(200, v)
		}, []string{`status 200: /upload_url: property "upload_url" is missing`}},
		{"deep", func(s *Server, c *call) answer {
			v := right(s, c)
			v["assets"] = []any{s.assetJSON(c, &release{}, &asset{Asset: Asset{ID: 1, Name: "a", State: "done"}})}
			return reply(200, v)
		}, []string{`status 200: /assets/0/state: value is not one of the allowed values ["uploaded","open","starter"]`}},
		{"status", func(s *Server, c *call) answer { return reply(418, right(s, c)) }, []string{"status 418: status is not supported"}},
		{"error", func(s *Server, c *call) answer { return reply(404, map[string]any{"message": 7}) }, []string{"status 404: /message: value must be a string"}},
		{"media type", func(s *Server, c *call) answer {
			a := reply(200, right(s, c))
			a.header.Set("Content-Type", "text/html")
			return a
		}, []string{`status 200: response header Content-Type has unexpected value: "text/html"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Options{Token: "t"})
			for i, op := range s.operations {
				if op.route.Operation.OperationID == "repos/get-release" {
					s.operations[i].handle = test.answer
				}
			}

			_, invalid := ask(t, s, "GET", "/repos/octo/hello/releases/1", "")
			for i := range test.want {
				test.want[i] = "answer 1, GET /repos/octo/hello/releases/1: " + test.want[i]
			}

			if diff := cmp.Diff(test.want, invalid, cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryOperation: what is described is served, and nothing else.
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
	if source := description().Info.Extensions["x-source"]; source != "@octokit/openapi@23.0.2 MIT" {
		t.Errorf("the description is from %v", source)
	}
}

// TestUnescaped: what looks like a path to something may be the name of a tag.
func TestUnescaped(t *testing.T) {
	s := New(Options{Token: "t"})
	for _, tag := range []string{"assets", "a/assets", "latest"} {
		if status, invalid := ask(t, s, "POST", "/repos/octo/hello/releases", `{"tag_name":"`+tag+`"}`); status != http.StatusCreated {
			t.Error(tag, status, invalid)
		}
		for _, path := range []string{tag, strings.ReplaceAll(tag, "/", "%2F")} {
			if status, invalid := ask(t, s, "GET", "/repos/octo/hello/releases/tags/"+path, ""); status != http.StatusOK || len(invalid) > 0 {
				t.Error(path, status, invalid)
			}
		}
	}
}

// TestAssetLimit fills a release.
func TestAssetLimit(t *testing.T) {
	s := New(Options{Token: "t"})
	ask(t, s, "POST", "/repos/octo/hello/releases", `{"tag_name":"v1","draft":true}`)
	for range maxAssets - 1 { // without a thousand requests
		s.releases[0].assets = append(s.releases[0].assets, &asset{Asset: Asset{State: "uploaded"}})
	}

	for n, want := range []int{http.StatusCreated, http.StatusUnprocessableEntity} {
		path := fmt.Sprintf("/uploads/repos/octo/hello/releases/1/assets?name=last-%d", n)
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader("content"))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "text/plain")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want || n == 1 && !strings.Contains(w.Body.String(), `"message":"file_count limited to 1000 assets per release"`) {
			t.Errorf("uploading asset %d: %d %s", maxAssets+n, w.Code, w.Body)
		}
	}

	r := httptest.NewRequestWithContext(t.Context(), "GET", "/repos/octo/hello/releases/1/assets?per_page=1000", nil)
	r.Header.Set("Authorization", "token t")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); !strings.Contains(w.Header().Get("Link"), `page=10&per_page=1000>; rel="last"`) { // 100 is the most
		t.Errorf("the list of 1000 assets has the links %s", w.Header().Get("Link"))
	}
}
