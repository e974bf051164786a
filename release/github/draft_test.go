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

// The text of a release is its notes, given or generated, and the footer. Notes that GitHub
// would refuse are cut.
func TestNotes(t *testing.T) {
	const cut = "\n\n*(cut here: GitHub does not accept longer notes)*"
	longest := strings.Repeat("x", 125000)

	for _, test := range []struct {
		name   string
		notes  string
		footer string
		want   func(body string) bool
		isCut  bool
	}{
		{
			name:   "given",
			notes:  "mine\n",
			footer: "footer\n",
			want:   func(body string) bool { return body == "mine\n\nfooter\n" },
		},
		{
			name:   "generated",
			footer: "footer\n",
			want: func(body string) bool {
				return strings.HasPrefix(body, "**Full Changelog**: http") &&
					strings.HasSuffix(body, "/v1.0.0\n\nfooter\n")
			},
		},
		{
			name:  "no footer",
			notes: "mine",
			want:  func(body string) bool { return body == "mine" },
		},
		{
			name:   "too long",
			notes:  strings.Repeat("größer ", 20000),
			footer: "footer\n",
			want: func(body string) bool {
				return utf8.RuneCountInString(body) == 125000 &&
					strings.HasPrefix(body, "größer ") &&
					strings.HasSuffix(body, cut+"\n\nfooter\n")
			},
			isCut: true,
		},
		{
			name:  "as long as possible",
			notes: longest,
			want:  func(body string) bool { return body == longest },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			gh, client := start(t, githubtest.Options{})
			w := wanted
			w.Notes = test.notes
			w.Footer = test.footer
			rel := open(t, client, w)

			body := gh.Releases()[0].Body
			if !test.want(body) {
				end := body[max(0, len(body)-100):]
				t.Errorf("%d characters: %.100q ... %q", utf8.RuneCountInString(body), body, end)
			}
			if isCut := strings.Contains(notices(rel), "the notes were cut"); isCut != test.isCut {
				t.Errorf("notices: %q", rel.Notices)
			}
		})
	}
}

// With Overwrite, the files of a public release are replaced while it is a draft, so that
// nobody ever sees it with only some of them replaced.
func TestOverwrite(t *testing.T) {
	old := []github.Asset{
		file("a.tar.gz", "old a"),
		file("b.zip", "old b"),
		files[2],
		file("extra.txt", "by a person"),
	}
	gh, client := start(t, githubtest.Options{})
	w := wanted
	w.Files = append([]string{"extra.txt"}, wanted.Files...)
	rel := open(t, client, w)
	attachAll(t, rel, old)
	if err := rel.Publish(t.Context(), old, true); err != nil {
		t.Fatal(err)
	}

	w = wanted
	w.Overwrite = true
	rel = open(t, client, w)
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
	for _, seen := range gh.History() {
		a, _ := seen.Release.Asset("a.tar.gz")
		b, _ := seen.Release.Asset("b.zip")
		allOld := a.Digest == "sha256:"+old[0].SHA256 && b.Digest == "sha256:"+old[1].SHA256
		allNew := a.Digest == "sha256:"+files[0].SHA256 && b.Digest == "sha256:"+files[1].SHA256
		if !allOld && !allNew {
			t.Errorf("seen at request %d: a %s, b %s", seen.Request, a.Digest, b.Digest)
		}
	}
}

// An immutable release is never overwritten.
func TestOverwriteImmutable(t *testing.T) {
	gh, client := start(t, githubtest.Options{Immutable: true})
	mustRelease(t, client)

	w := wanted
	w.Overwrite = true
	rel := open(t, client, w)
	_, err := rel.Attach(t.Context(), file("a.tar.gz", "old a"))
	if !errorContains(err, "it is immutable: nothing can change it") {
		t.Errorf("immutable: %v", err)
	}
	checkComplete(t, gh)
}

// Several runs that create a draft for one tag at the same time end with one release.
func TestTwoCreatorsAtOnce(t *testing.T) {
	for delay := range 4 {
		gh, client := start(t, githubtest.Options{ListDelay: delay})

		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() { errs[i] = release(t, client) })
		}
		wg.Wait()

		succeeded := 0
		for _, err := range errs {
			if err == nil {
				succeeded++
			}
		}
		if succeeded == 0 {
			t.Fatalf("list delay %d: %v", delay, errors.Join(errs...))
		}

		// A run that failed is run again.
		if err := release(t, client); err != nil {
			t.Errorf("list delay %d: %v", delay, err)
		}
		checkComplete(t, gh)
	}
}

// apiError returns an answer with an error as GitHub's API writes it.
func apiError(t *testing.T, status int, message string, reasons ...map[string]string) *githubtest.Fault {
	t.Helper()
	body := map[string]any{
		"message":           message,
		"documentation_url": "https://docs.github.com/rest",
		"status":            fmt.Sprint(status),
	}
	if len(reasons) > 0 {
		body["errors"] = reasons
	}

	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return &githubtest.Fault{Status: status, Body: string(data)}
}

// The error for an answer that we know has a hint, and names the request.
func TestHints(t *testing.T) {
	tests := []struct {
		method  string // of the request that is refused
		suffix  string // of its path
		status  int
		message string
		reason  map[string]string
		text    string // in the error
		hint    string
	}{
		{
			method:  "GET",
			suffix:  "/octo/hello",
			status:  401,
			message: "Bad credentials",
			text:    "Bad credentials",
			hint:    "the token is wrong or has expired",
		},
		{
			method:  "POST",
			suffix:  "/releases",
			status:  403,
			message: "Resource not accessible by integration",
			text:    "not accessible by integration",
			hint:    "permissions: # in the workflow, at its top or in the job\n  contents: write",
		},
		{
			method:  "POST",
			suffix:  "/releases",
			status:  403,
			message: "Resource not accessible by personal access token",
			text:    "personal access token",
			hint:    `"Contents: Read and write"`,
		},
		{
			method: "POST",
			suffix: "/releases",
			status: 403,
			message: "Resource protected by organization SAML enforcement. " +
				"You must grant your OAuth token access to this organization.",
			text: "SAML",
			hint: "authorize the token",
		},
		{
			method:  "POST",
			suffix:  "/releases",
			status:  403,
			message: "Repository was archived so is read-only.",
			text:    "archived",
			hint:    "gh repo unarchive",
		},
		{
			method:  "GET",
			suffix:  "/octo/hello",
			status:  404,
			message: "Not Found",
			text:    "404",
			hint:    "check GITHUB_REPOSITORY, GITHUB_API_URL",
		},
		{
			method:  "PATCH",
			status:  422,
			message: "Validation Failed",
			reason: map[string]string{
				"resource": "Release",
				"code":     "custom",
				"field":    "tag_name",
				"message":  "tag_name was used by an immutable release",
			},
			text: "used by an immutable release",
			hint: "use a new tag",
		},
		{
			method:  "PATCH",
			status:  422,
			message: "Validation Failed",
			reason: map[string]string{
				"resource": "Release",
				"code":     "custom",
				"field":    "pre_receive",
				"message": "pre_receive Repository rule violations found\n\n" +
					"Cannot create ref due to creations being restricted.",
			},
			text: "creations being restricted",
			hint: "a ruleset forbids creating this tag",
		},
		{
			method:  "POST",
			suffix:  "/releases",
			status:  422,
			message: "Repository is empty.",
			text:    "is empty",
			hint:    "git push origin HEAD",
		},
		{
			method:  "POST",
			suffix:  "/releases",
			status:  451,
			message: "Repository access blocked",
			text:    "451",
			hint:    "GitHub has blocked",
		},
	}

	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			var reasons []map[string]string
			if test.reason != nil {
				reasons = append(reasons, test.reason)
			}
			fault := apiError(t, test.status, test.message, reasons...)
			gh, client := start(t, githubtest.Options{Fault: always(fault, func(r *http.Request) bool {
				return r.Method == test.method && strings.HasSuffix(r.URL.Path, test.suffix)
			})})

			err := release(t, client)
			if !isRefusal(err) || !errorContains(err, test.text) || !errorContains(err, "(request FA4E:") {
				t.Errorf("%v", err)
			}
			if hint := hintOf(err); !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, expected %q", hint, test.hint)
			}

			refusals := 0
			for _, r := range gh.Requests() {
				if r.Status >= 400 && r.Method == test.method && strings.HasSuffix(r.Path, test.suffix) {
					refusals++
				}
			}
			if refusals != 1 {
				t.Errorf("requested %d times", refusals)
			}
		})
	}
}

// An archived repository is recognized before anything is created.
func TestArchived(t *testing.T) {
	_, client := start(t, githubtest.Options{Archived: true})
	checkRefused(t, client, wanted,
		"repository octo/hello is archived and accepts no releases",
		"gh repo unarchive octo/hello")
}

// A run waits no longer than it may, and says so while it waits.
func TestWaitBudget(t *testing.T) {
	_, client, said := startSaying(t, githubtest.Options{
		Fault: always(githubtest.SecondaryLimit(0), func(r *http.Request) bool {
			return r.Method == http.MethodPost
		}),
	})

	_, err := client.Open(t.Context(), wanted)
	checkError(t, err, "the next attempt is due in ")
	if hint := hintOf(err); !strings.Contains(hint, "run again later") {
		t.Errorf("hint %q", hint)
	}
	for _, want := range []string{
		"creating the draft release: secondary rate limit; retrying in 1m",
		"retrying in 8m",
		"giving up after 30m of waiting (",
	} {
		if !strings.Contains(said(), want) {
			t.Errorf("%q was not said:\n%s", want, said())
		}
	}
}

// If the requests that the token has left do not suffice, there is a notice.
func TestFewRequestsLeft(t *testing.T) {
	for limit, want := range map[int]bool{
		25:   true,
		5000: false,
	} {
		_, client := start(t, githubtest.Options{RateLimit: limit})
		rel := open(t, client, wanted)
		if got := strings.Contains(notices(rel), "requests left until"); got != want {
			t.Errorf("%d requests an hour: %q", limit, rel.Notices)
		}
	}
}
