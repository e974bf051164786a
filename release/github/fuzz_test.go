package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// FuzzAnswers falsifies one answer of a whole run, in any way. Whatever is answered, the run
// ends, and what it says of the release in the end is so.
func FuzzAnswers(f *testing.F) {
	for request := range uint8(24) {
		for kind := range uint8(len(falsehoods)) {
			f.Add(request, kind, uint64(request)*7+uint64(kind), false, "null")
		}
	}
	for seed := range uint64(10) {
		f.Add(uint8(18), uint8(falsifyStatus), seed, false, "") // the answer to the publication
	}
	for _, text := range []string{"", "[]", "[null]", "{}", "<html>", `"`, `{"id":1}`, `{"message":"no"}`, `{"id":1,"tag_name":"v1.0.0","draft":false}`} {
		f.Add(uint8(18), uint8(falsifyBody), uint64(1), true, text)
		f.Add(uint8(18), uint8(falsifyBody), uint64(1), false, text)
	}
	f.Fuzz(func(t *testing.T, request, kind uint8, seed uint64, undone bool, text string) {
		t.Parallel()
		draw := rand.New(rand.NewPCG(seed, uint64(kind)))
		falsify := falsehoods[int(kind)%len(falsehoods)]
		at := 1 + int(request)%40
		fault := &githubtest.Fault{Alter: func(a *githubtest.Answer) { falsify(a, draw, text) }}
		if undone {
			fault = &githubtest.Fault{Status: statuses[draw.IntN(len(statuses))], Body: text}
		}
		gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head},
			Fault: func(n int, _ *http.Request) *githubtest.Fault {
				if n == at {
					return fault
				}
				return nil
			}})
		srv := httptest.NewServer(gh)
		defer srv.Close()
		client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: 50 * time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		judge(t, gh, client, at)
	})
}

// judge releases, downloads what is released, and compares what is said with what is.
func judge(t *testing.T, gh *githubtest.Server, client *github.Client, at int) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rel, err := runWhole(ctx, client)
	said, first, last := github.Draft, github.Draft, 0
	if rel != nil {
		first = rel.State()
		if err != nil {
			_ = rel.Refresh(ctx) // as a run does that fell short; State says what came of it
		}
		said = rel.State()
		last = len(gh.Requests())
	}
	if ctx.Err() != nil {
		t.Errorf("it did not end: %v", err)
	}
	if n := len(gh.Requests()); n > 150 {
		t.Errorf("%d requests", n)
	}

	public := slices.DeleteFunc(gh.Releases(), func(r githubtest.Release) bool { return r.Draft })
	if len(public) > 1 {
		t.Errorf("%d public releases", len(public))
	}
	for _, seen := range gh.History() {
		for _, file := range files {
			if a, ok := seen.Release.Asset(file.Name); !ok || a.State != "uploaded" || a.Digest != "sha256:"+file.SHA256 {
				t.Errorf("public with %s: %v, %s, %s", file.Name, ok, a.State, a.Digest)
			}
		}
	}
	switch {
	case err == nil && (len(public) != 1 || said != github.Public):
		t.Errorf("a success, state %s, with %d public releases", said, len(public))
	case len(public) > 0 && slices.ContainsFunc([]github.State{first, said}, isNotPublic):
		t.Errorf("it is public, and was said to be %s, then %s: %v", first, said, err)
	case len(public) == 0 && said == github.Public && at != last: // where the last answer lies, nobody can know
		t.Errorf("it is not public, and was said to be: %v", err)
	}

	download(t, client)
	if n := len(gh.Requests()); n > 250 {
		t.Errorf("%d requests", n)
	}
}

// isNotPublic reports whether a run that ends so says that nothing was published.
func isNotPublic(s github.State) bool { return s == github.Draft || s == github.Gone }

// runWhole does what a run does.
func runWhole(ctx context.Context, client *github.Client) (*github.Release, error) {
	want := wanted
	want.Notes = "" // generated
	rel, err := client.Open(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if _, err := rel.Attach(ctx, f); err != nil {
			return rel, err
		}
	}
	if err := rel.Check(ctx, files); err != nil {
		return rel, err
	}
	if _, err := client.Latest(ctx); err != nil {
		return rel, err
	}
	return rel, rel.Publish(ctx, files, true)
}

// download does what verify does. A file is what it should be, or an error.
func download(t *testing.T, client *github.Client) {
	rel, err := client.Find(t.Context(), "v1.0.0")
	if err != nil {
		return
	}
	f := tempFile(t)
	for _, name := range rel.Names() {
		i := slices.IndexFunc(files, func(a github.Asset) bool { return a.Name == name })
		if sum, err := rel.Download(t.Context(), name, f); err == nil && i >= 0 && sum != files[i].SHA256 {
			t.Errorf("%s was downloaded with SHA-256 %s", name, sum)
		}
	}
}

// falsehoods are ways to falsify an answer.
var falsehoods = []func(a *githubtest.Answer, draw *rand.Rand, text string){
	falsifyStatus: func(a *githubtest.Answer, draw *rand.Rand, _ string) { a.Status = statuses[draw.IntN(len(statuses))] },
	falsifyBody:   func(a *githubtest.Answer, _ *rand.Rand, text string) { a.Body = []byte(text) },
	falsifyBoth: func(a *githubtest.Answer, draw *rand.Rand, text string) {
		a.Status, a.Body = statuses[draw.IntN(len(statuses))], []byte(text)
	},
	falsifyEnd:    func(a *githubtest.Answer, draw *rand.Rand, _ string) { a.Body = a.Body[:draw.IntN(len(a.Body)+1)] },
	falsifyHeader: falsifyOneHeader,
	falsifyByte: func(a *githubtest.Answer, draw *rand.Rand, text string) {
		if len(a.Body) > 0 {
			at := draw.IntN(len(a.Body))
			a.Body = slices.Concat(a.Body[:at], []byte(text[:min(1, len(text))]), a.Body[at+1:])
		}
	},
	falsifyValue:   func(a *githubtest.Answer, draw *rand.Rand, text string) { falsifyJSON(a, draw, text, replaceValue) },
	falsifyMissing: func(a *githubtest.Answer, draw *rand.Rand, text string) { falsifyJSON(a, draw, text, removeValue) },
	falsifyList:    func(a *githubtest.Answer, draw *rand.Rand, text string) { falsifyJSON(a, draw, text, repeatValue) },
}

const (
	falsifyStatus = iota
	falsifyBody
	falsifyBoth
	falsifyEnd
	falsifyHeader
	falsifyByte
	falsifyValue
	falsifyMissing
	falsifyList
)

var statuses = []int{200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 408, 409, 410, 422, 423, 429, 451, 500, 502, 503, 504, 599}

func falsifyOneHeader(a *githubtest.Answer, draw *rand.Rand, text string) {
	values := []string{"", "0", "1", "2", "-1", "3600", "99999999999999999999", "4611686018427387904", text,
		`<http://127.0.0.1:1/x?page=2>; rel="next"`, `<?page=1>; rel="next"`, `<?page=x>; rel="next"`, `<?page=-5>; rel="next"`, "/", "http://127.0.0.1:1/", "gzip", "text/html"}
	names := []string{"Link", "Retry-After", "Location", "X-RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Reset", "Content-Type",
		"Content-Encoding", "X-GitHub-Request-Id", "ETag", "X-GitHub-OTP", "Deprecation", "Sunset"}
	a.Header.Set(names[draw.IntN(len(names))], values[draw.IntN(len(values))])
	if draw.IntN(2) == 0 {
		a.Status = statuses[draw.IntN(len(statuses))]
	}
}

// falsifyJSON changes one value of the answer, wherever it is. Two times out of three it is
// one of those that this program reads.
func falsifyJSON(a *githubtest.Answer, draw *rand.Rand, text string, change func(parent any, key any, draw *rand.Rand, text string)) {
	var root any
	if json.Unmarshal(a.Body, &root) != nil {
		return
	}
	type place struct{ parent, key any }
	var all, read []place
	var walk func(v any)
	visit := func(parent, key, v any) {
		all = append(all, place{parent, key})
		if name, ok := key.(string); ok && slices.Contains(readFields, name) {
			read = append(read, place{parent, key})
		}
		walk(v)
	}
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range sortedKeys(v) {
				visit(v, key, v[key])
			}
		case []any:
			for i := range v {
				visit(v, i, v[i])
			}
		}
	}
	answer := []any{root}
	walk(answer)
	if len(read) > 0 && draw.IntN(3) > 0 {
		all = read
	}
	at := all[draw.IntN(len(all))]
	change(at.parent, at.key, draw, text)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer[0]); err == nil {
		a.Body = b.Bytes()
	}
}

var readFields = []string{"id", "tag_name", "target_commitish", "draft", "immutable", "assets", "upload_url", "html_url", "name", "body", "state", "size", "digest",
	"sha", "full_name", "archived", "disabled", "browser_download_url", "created_at"}

func sortedKeys(m map[string]any) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func setValue(parent, key, v any) {
	switch parent := parent.(type) {
	case map[string]any:
		parent[key.(string)] = v
	case []any:
		parent[key.(int)] = v
	}
}

func valueOf(parent, key any) any {
	if m, ok := parent.(map[string]any); ok {
		return m[key.(string)]
	}
	return parent.([]any)[key.(int)]
}

func replaceValue(parent, key any, draw *rand.Rand, text string) {
	values := []any{nil, true, false, 0, -1, 1, 2, 1.5, 1e99, text, "", "v1.0.0", "v9.9.9", "uploaded", "starter", []any{}, []any{nil}, map[string]any{}, fmt.Sprint(valueOf(parent, key))}
	setValue(parent, key, values[draw.IntN(len(values))])
}

func removeValue(parent, key any, _ *rand.Rand, _ string) {
	if m, ok := parent.(map[string]any); ok {
		delete(m, key.(string))
		return
	}
	setValue(parent, key, nil)
}

// repeatValue makes a list of a value, or a longer list of a list.
func repeatValue(parent, key any, draw *rand.Rand, _ string) {
	v := valueOf(parent, key)
	list, ok := v.([]any)
	if !ok {
		setValue(parent, key, []any{v})
		return
	}
	if len(list) > 0 {
		list = append(list, list[draw.IntN(len(list))])
	}
	setValue(parent, key, append(list, nil)[:len(list)+draw.IntN(2)])
}
