package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// Notes that are given or generated, with the footer behind, cut where GitHub would refuse.
func TestNotes(t *testing.T) {
	long := strings.Repeat("größer ", 20000)
	for name, test := range map[string]struct {
		notes, footer string
		want          func(body string) bool
	}{
		"given": {"mine\n", "footer\n", func(b string) bool { return b == "mine\n\nfooter\n" }},
		"generated": {"", "footer\n", func(b string) bool {
			return strings.HasPrefix(b, "**Full Changelog**: http") && strings.HasSuffix(b, "/v1.0.0\n\nfooter\n")
		}},
		"no footer": {"mine", "", func(b string) bool { return b == "mine" }},
		"too long": {long, "footer\n", func(b string) bool {
			return utf8.RuneCountInString(b) == 125000 && strings.HasPrefix(b, "größer ") && strings.HasSuffix(b, "(cut here: GitHub does not accept longer notes)*\n\nfooter\n")
		}},
		"as long as can be": {strings.Repeat("x", 125000), "", func(b string) bool { return b == strings.Repeat("x", 125000) }},
	} {
		t.Run(name, func(t *testing.T) {
			gh, client := start(t, githubtest.Options{})
			w := wanted
			w.Notes, w.Footer = test.notes, test.footer
			rel, err := client.Open(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if body := gh.Releases()[0].Body; !test.want(body) {
				t.Errorf("%d characters: %.100q ... %q", utf8.RuneCountInString(body), body, body[max(0, len(body)-100):])
			}
			if cut := strings.Contains(strings.Join(rel.Notices, "\n"), "the notes were cut"); cut != (name == "too long") {
				t.Errorf("notices: %q", rel.Notices)
			}
		})
	}
}

// A public release is made anew only if that was asked for: as a draft meanwhile, so that
// nobody ever sees it half replaced, and never an immutable one.
func TestOverwrite(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	old := []github.Asset{file("a.tar.gz", "old a"), file("b.zip", "old b"), files[2], file("extra.txt", "by a person")}
	w := wanted
	w.Files = append([]string{"extra.txt"}, wanted.Files...)
	rel, err := client.Open(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range old {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := rel.Publish(t.Context(), old, true); err != nil {
		t.Fatal(err)
	}
	w = wanted
	w.Overwrite = true
	if rel, err = client.Open(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	outcomes := make([]string, len(files))
	for i, f := range files {
		wg.Go(func() {
			outcome, err := rel.Attach(t.Context(), f)
			if err != nil {
				t.Error(err)
			}
			outcomes[i] = outcome
		})
	}
	wg.Wait()
	if got := fmt.Sprint(outcomes); got != "[replaced replaced already there]" {
		t.Errorf("outcomes %s", got)
	}
	if err := rel.Publish(t.Context(), files, true); err != nil {
		t.Fatal(err)
	}
	all := gh.Releases()
	if len(all) != 1 || all[0].Draft || len(all[0].Assets) != 4 || all[0].Tag != "v1.0.0" {
		t.Fatalf("%+v", all)
	}
	for _, seen := range gh.History() { // all of one, or all of the other
		a, _ := seen.Release.Asset("a.tar.gz")
		b, _ := seen.Release.Asset("b.zip")
		isOld := a.Digest == "sha256:"+old[0].SHA256 && b.Digest == "sha256:"+old[1].SHA256
		isNew := a.Digest == "sha256:"+files[0].SHA256 && b.Digest == "sha256:"+files[1].SHA256
		if !isOld && !isNew {
			t.Errorf("seen at request %d: a %s, b %s", seen.Request, a.Digest, b.Digest)
		}
	}

	gh, client = start(t, githubtest.Options{Immutable: true})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	if rel, err = client.Open(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if _, err = rel.Attach(t.Context(), old[0]); err == nil || !strings.Contains(err.Error(), "it is immutable: nothing can change it") {
		t.Errorf("immutable: %v", err)
	}
	whole(t, gh)
}

// Two runs of one tag that make a draft at the same time end with one release.
func TestTwoCreatorsAtOnce(t *testing.T) {
	for delay := range 4 {
		gh, client := start(t, githubtest.Options{ListDelay: delay})
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() { errs[i] = release(t, client) })
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			}
		}
		if done == 0 {
			t.Fatalf("list delay %d: %v", delay, errors.Join(errs...))
		}
		if err := release(t, client); err != nil { // whoever failed is run again
			t.Errorf("list delay %d: %v", delay, err)
		}
		whole(t, gh)
	}
}

// Every refusal that is known by name says what to do, and names the request.
func TestHints(t *testing.T) {
	message := func(code int, text string, more ...map[string]string) *githubtest.Fault {
		body := map[string]any{"message": text, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(code)}
		if len(more) > 0 {
			body["errors"] = more
		}
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return &githubtest.Fault{Status: code, Body: string(data)}
	}
	const validation = "Validation Failed"
	for _, test := range []struct {
		method, suffix string // of the request that is refused
		fault          *githubtest.Fault
		text, hint     string
	}{
		{"GET", "/octo/hello", message(401, "Bad credentials"), "Bad credentials", "the token is wrong or has expired"},
		{"POST", "/releases", message(403, "Resource not accessible by integration"), "not accessible by integration", "permissions: # in the workflow, at its top or in the job\n  contents: write"},
		{"POST", "/releases", message(403, "Resource not accessible by personal access token"), "personal access token", `"Contents: Read and write"`},
		{"POST", "/releases", message(403, "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization."), "SAML", "authorize the token"},
		{"POST", "/releases", message(403, "Repository was archived so is read-only."), "archived", "gh repo unarchive"},
		{"GET", "/octo/hello", message(404, "Not Found"), "404", "check GITHUB_REPOSITORY, GITHUB_API_URL"},
		{"PATCH", "", message(422, validation, map[string]string{"resource": "Release", "code": "custom", "field": "tag_name", "message": "tag_name was used by an immutable release"}),
			"used by an immutable release", "use a new tag"},
		{"PATCH", "", message(422, validation, map[string]string{"resource": "Release", "code": "custom", "field": "pre_receive", "message": "pre_receive Repository rule violations found\n\nCannot create ref due to creations being restricted."}),
			"creations being restricted", "a ruleset forbids creating this tag"},
		{"POST", "/releases", message(422, "Repository is empty."), "is empty", "git push origin HEAD"},
		{"POST", "/releases", message(451, "Repository access blocked"), "451", "GitHub has blocked"},
	} {
		t.Run(test.text, func(t *testing.T) {
			gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if r.Method == test.method && strings.HasSuffix(r.URL.Path, test.suffix) {
					return test.fault
				}
				return nil
			}})
			err := release(t, client)
			var hint interface{ Hint() string }
			var refusal *github.Refusal
			if !errors.As(err, &refusal) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), test.hint) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "(request FA4E:") {
				t.Errorf("%v, %+v", err, hint)
			}
			refused := 0
			for _, r := range gh.Requests() {
				if r.Status >= 400 && r.Method == test.method && strings.HasSuffix(r.Path, test.suffix) {
					refused++
				}
			}
			if refused != 1 {
				t.Errorf("asked %d times", refused)
			}
		})
	}
	_, client := start(t, githubtest.Options{Archived: true})
	refused(t, client, wanted, "repository octo/hello is archived and accepts no releases", "gh repo unarchive octo/hello")
}

// A run waits no longer than it may, says so while it waits, and that is counted once
// however many requests wait.
func TestPatience(t *testing.T) {
	limit := githubtest.SecondaryLimit(0)
	_, client, said := startSaying(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPost {
			return limit
		}
		return nil
	}})
	_, err := client.Open(t.Context(), wanted)
	var hint interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), "the next attempt is due in ") || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "run again later") {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"retrying in 1m", "creating the draft release: secondary rate limit; retrying in ", "giving up after 30m of waiting (", "retrying in 8m",
	} {
		if !strings.Contains(said(), want) {
			t.Errorf("%q was not said:\n%s", want, said())
		}
	}
}

// An hour's requests that will not do are told beforehand.
func TestFewRequestsLeft(t *testing.T) {
	for limit, told := range map[int]bool{25: true, 5000: false} {
		_, client := start(t, githubtest.Options{RateLimit: limit})
		rel, err := client.Open(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(rel.Notices, "\n"), "requests left until"); got != told {
			t.Errorf("%d requests an hour: %q", limit, rel.Notices)
		}
	}
}
