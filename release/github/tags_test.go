package github_test

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// Tags that git has and that mean something else in an address.
var oddTags = []string{
	"a#/v1.0.0", "a%23/v1.0.0", "x/%2e%2e/v1.0.0", "x%2Fy/v1.0.0", "%2e%2e/v1.0.0", "a;b/v1.0.0", "a&b=c/v1.0.0",
	"a+b/v1.0.0", "größe/v1.0.0", "日本/v1.0.0", "a,b/v1.0.0", "a'b/v1.0.0", `a"b/v1.0.0`, "$(id)/v1.0.0", "a@b/v1.0.0", "a!b/v1.0.0",
	"v1.0.0#", "v1.0.0%00", "v1.0.0%3Fx=1", "cmd/tool/v1.0.0",
}

// Tags that neither git nor GitHub can have.
var impossibleTags = []string{
	"", "/", "a?x=/v1.0.0", "x/../v1.0.0", "../v1.0.0", "x/./v1.0.0", ".x/v1.0.0", "a b/v1.0.0", `a\b/v1.0.0`, "a\x00b", "a\nb", "a\rb", "a\tb",
	"a\x7fb", "a//v1.0.0", "/v1.0.0", "v1.0.0/", "a:b", "a^b", "a~b", "a*b", "a[b", "a@{b", "@", "v1.0.0.", "a.lock/v1.0.0", "v1.0.0.lock", "-v1.0.0", "a\xffb",
}

// A release with such a tag is made beside the releases of all tags that a careless address
// would lead to, and no other is touched.
func TestOddTags(t *testing.T) {
	for _, tag := range oddTags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			opts := githubtest.Options{Tags: map[string]string{tag: githubtest.Head}}
			others := []string{"a", "v1.0.0", "x/y/v1.0.0", "a#/v1.0.0", "v1.0.0?x=1"}
			for _, other := range others {
				opts.Tags[other] = githubtest.Head
			}
			s := newShop(t, opts)
			made := 0
			for _, other := range others {
				if other != tag && github.CheckTag(other) == nil {
					s.hand.send(http.MethodPost, "/repos/octo/hello/releases", `{"tag_name":"`+other+`"}`)
					made++
				}
			}
			before := s.gh.Releases()

			w := wanted
			w.Tag, w.Overwrite = tag, true
			rel := s.open(w)
			s.publish(rel, files)
			all := s.gh.Releases()
			if len(all) != made+1 || all[made].Tag != tag || all[made].Draft || len(all[made].Assets) != len(files) {
				t.Errorf("%+v", all)
			}
			for i, other := range before {
				if all[i].Tag != other.Tag || all[i].Draft || len(all[i].Assets) > 0 {
					t.Errorf("touched: %+v", all[i])
				}
			}
			found, err := s.client().Find(t.Context(), tag)
			if err != nil || found.ID() != rel.ID() {
				t.Errorf("found: %v", err)
			}
			for _, violation := range s.gh.Invalid() {
				t.Errorf("against GitHub's description: %s", violation)
			}
		})
	}
}

func TestImpossibleTags(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	before := len(gh.Requests())
	for _, tag := range impossibleTags {
		w := wanted
		w.Tag, w.Overwrite = tag, true
		_, err := client.Open(t.Context(), w)
		var refusal *github.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "cannot be the name of a tag") {
			t.Errorf("%q was opened: %v", tag, err)
		}
		if _, err := client.Find(t.Context(), tag); err == nil || !strings.Contains(err.Error(), "cannot be the name of a tag") {
			t.Errorf("%q was found: %v", tag, err)
		}
	}
	if n := len(gh.Requests()); n != before {
		t.Errorf("%d requests", n-before)
	}
}

// A hint can be pasted whatever the tag and the files are called.
func TestHintsAreQuoted(t *testing.T) {
	const tag = "$(id)/it's/v1.0.0"
	s := newShop(t, githubtest.Options{Tags: map[string]string{tag: githubtest.Head}})
	w := wanted
	w.Tag = tag
	s.hand.attach(s.open(w).ID(), "manual.pdf", "by hand")
	refused(t, s.client(), w, "manual.pdf", `for f in manual.pdf; do gh release delete-asset '$(id)/it'\''s/v1.0.0' $f --repo octo/hello; done`)

	s.gh.MoveTag(tag, elsewhere)
	refused(t, s.client(), w, "is at commit 7638417db6d5 on GitHub", `git checkout '$(id)/it'\''s/v1.0.0'`)
}

// What is called impossible is so for git, and what is called possible is not.
func TestCheckTagAgreesWithGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skipf("git is not here: %v", err)
	}
	allowed := func(tag string) bool {
		return exec.Command(git, "check-ref-format", "refs/tags/"+tag).Run() == nil
	}
	for _, tag := range append(oddTags, impossibleTags...) {
		if strings.Contains(tag, "\x00") || !utf8.ValidString(tag) || tag == "@" || strings.HasPrefix(tag, "-") {
			continue // no argument of a command, no text in JSON, or refused by git tag itself
		}
		if err := github.CheckTag(tag); (err == nil) != allowed(tag) {
			t.Errorf("%q: %v, and git says %v", tag, err, allowed(tag))
		}
	}
}

// Where a server answers with the release of another tag all the same, that is never taken.
func TestReleaseOfAnotherTag(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	s.hand.send(http.MethodPost, "/repos/octo/hello/releases", `{"tag_name":"v9.9.9"}`)
	s.meddle = func(r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "/releases/tags/v1.0.0", "/releases/tags/v9.9.9", 1)
	}
	w := wanted
	w.Overwrite = true
	_, err := s.client().Open(t.Context(), w)
	s.refused(err, `the answer is about the release of tag "v9.9.9", not of "v1.0.0"`)
	_, err = s.client().Find(t.Context(), "v1.0.0")
	s.refused(err, `the answer is about the release of tag "v9.9.9", not of "v1.0.0"`)
	if all := s.gh.Releases(); len(all) != 1 || all[0].Draft {
		t.Errorf("%+v", all)
	}
}

func TestRepositoryNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"octo/hello": true, "Octo-Org/hello.go_1": true, "octo_corp/.github": true,
		"": false, "octo": false, "octo/": false, "/hello": false, "octo/hello/x": false, "octo/..": false, "../hello": false, "octo/.": false,
		"octo/he#llo": false, "octo/he?llo": false, "octo/he%2fllo": false, "octo/he llo": false, "octo\\hello": false, "octo/hello\n": false, "öcto/hello": false,
	} {
		_, err := github.NewClient(github.Options{APIURL: "https://api.example.com", Repository: name, Token: "t"})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
