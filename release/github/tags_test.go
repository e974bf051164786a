package github_test

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// Tags that git allows and that mean something else in an address.
var oddTags = []string{
	"a#/v1.0.0",
	"a%23/v1.0.0",
	"x/%2e%2e/v1.0.0",
	"x%2Fy/v1.0.0",
	"%2e%2e/v1.0.0",
	"a;b/v1.0.0",
	"a&b=c/v1.0.0",
	"a+b/v1.0.0",
	"größe/v1.0.0",
	"日本/v1.0.0",
	"a,b/v1.0.0",
	"a'b/v1.0.0",
	`a"b/v1.0.0`,
	"$(id)/v1.0.0",
	"a@b/v1.0.0",
	"a!b/v1.0.0",
	"v1.0.0#",
	"v1.0.0%00",
	"v1.0.0%3Fx=1",
	"cmd/tool/v1.0.0",
}

// Tags that git or GitHub does not allow.
var impossibleTags = []string{
	"",
	"/",
	"a?x=/v1.0.0",
	"x/../v1.0.0",
	"../v1.0.0",
	"x/./v1.0.0",
	".x/v1.0.0",
	"a b/v1.0.0",
	`a\b/v1.0.0`,
	"a\x00b",
	"a\nb",
	"a\rb",
	"a\tb",
	"a\x7fb",
	"a//v1.0.0",
	"/v1.0.0",
	"v1.0.0/",
	"a:b",
	"a^b",
	"a~b",
	"a*b",
	"a[b",
	"a@{b",
	"@",
	"v1.0.0.",
	"a.lock/v1.0.0",
	"v1.0.0.lock",
	"-v1.0.0",
	"a\xffb",
}

// A release with an odd tag is made, and the releases of all tags to which a careless address
// would lead are not touched.
func TestOddTags(t *testing.T) {
	confused := []string{"a", "v1.0.0", "x/y/v1.0.0", "a#/v1.0.0", "v1.0.0?x=1"}

	for _, tag := range oddTags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			tags := map[string]string{tag: githubtest.Head}
			for _, other := range confused {
				tags[other] = githubtest.Head
			}
			s := newShared(t, githubtest.Options{Tags: tags})
			for _, other := range confused {
				if other != tag && github.CheckTag(other) == nil {
					s.other.createRelease(`{"tag_name":"` + other + `"}`)
				}
			}
			others := s.gh.Releases()

			w := wanted
			w.Tag = tag
			w.Overwrite = true
			rel := s.open(w)
			s.publish(rel, files)

			all := s.gh.Releases()
			if len(all) != len(others)+1 {
				t.Fatalf("%+v", all)
			}
			ours := all[len(others)]
			if ours.Tag != tag || ours.Draft || len(ours.Assets) != len(files) {
				t.Errorf("%+v", ours)
			}
			for i, other := range others {
				if all[i].Tag != other.Tag || all[i].Draft || len(all[i].Assets) > 0 {
					t.Errorf("touched: %+v", all[i])
				}
			}

			found, err := s.client().Find(t.Context(), tag)
			if err != nil || found.ID() != rel.ID() {
				t.Errorf("found: %v", err)
			}
			checkRequests(t, s.gh)
		})
	}
}

// An impossible tag is refused without a request.
func TestImpossibleTags(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	mustRelease(t, client)
	requests := len(gh.Requests())

	for _, tag := range impossibleTags {
		w := wanted
		w.Tag = tag
		w.Overwrite = true
		_, err := client.Open(t.Context(), w)
		if !isRefusal(err) || !errorContains(err, "cannot be the name of a tag") {
			t.Errorf("%q was opened: %v", tag, err)
		}

		_, err = client.Find(t.Context(), tag)
		if !errorContains(err, "cannot be the name of a tag") {
			t.Errorf("%q was found: %v", tag, err)
		}
	}
	if n := len(gh.Requests()); n != requests {
		t.Errorf("%d requests", n-requests)
	}
}

// A hint can be pasted into a shell, whatever the tag and the files are called.
func TestHintsAreQuoted(t *testing.T) {
	const tag = "$(id)/it's/v1.0.0"
	s := newShared(t, githubtest.Options{Tags: map[string]string{tag: githubtest.Head}})
	w := wanted
	w.Tag = tag
	s.other.attach(s.open(w).ID(), "manual.pdf", "by hand")
	checkRefused(t, s.client(), w, "manual.pdf",
		`for f in manual.pdf; do gh release delete-asset '$(id)/it'\''s/v1.0.0' $f --repo octo/hello; done`)

	s.gh.MoveTag(tag, elsewhere)
	checkRefused(t, s.client(), w, "is at commit 7638417db6d5 on GitHub", `git checkout '$(id)/it'\''s/v1.0.0'`)
}

// CheckTag allows the tags that git allows, and no others.
func TestCheckTagAgreesWithGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skipf("git is not here: %v", err)
	}

	for _, tag := range slices.Concat(oddTags, impossibleTags) {
		switch {
		case strings.Contains(tag, "\x00"):
			continue // cannot be an argument of a command
		case !utf8.ValidString(tag):
			continue // cannot be a text in JSON, though git allows it
		case tag == "@" || strings.HasPrefix(tag, "-"):
			continue // refused by git tag, but not by git check-ref-format
		}

		allowed := exec.Command(git, "check-ref-format", "refs/tags/"+tag).Run() == nil
		err := github.CheckTag(tag)
		if (err == nil) != allowed {
			t.Errorf("%q: %v, and git allows it: %v", tag, err, allowed)
		}
	}
}

// If a server answers with the release of another tag, that is never used.
func TestReleaseOfAnotherTag(t *testing.T) {
	const want = `the answer is about the release of tag "v9.9.9", not of "v1.0.0"`
	s := newShared(t, githubtest.Options{})
	s.other.createRelease(`{"tag_name":"v9.9.9"}`)
	s.beforeRequest = func(r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "/releases/tags/v1.0.0", "/releases/tags/v9.9.9", 1)
	}

	w := wanted
	w.Overwrite = true
	_, err := s.client().Open(t.Context(), w)
	checkError(t, err, want)
	_, err = s.client().Find(t.Context(), "v1.0.0")
	checkError(t, err, want)

	all := s.gh.Releases()
	if len(all) != 1 || all[0].Draft {
		t.Errorf("%+v", all)
	}
}

func TestRepositoryNames(t *testing.T) {
	valid := []string{
		"octo/hello",
		"Octo-Org/hello.go_1",
		"octo_corp/.github",
	}
	invalid := []string{
		"",
		"octo",
		"octo/",
		"/hello",
		"octo/hello/x",
		"octo/..",
		"../hello",
		"octo/.",
		"octo/he#llo",
		"octo/he?llo",
		"octo/he%2fllo",
		"octo/he llo",
		"octo\\hello",
		"octo/hello\n",
		"öcto/hello",
	}

	check := func(name string) error {
		o := options("https://api.example.com")
		o.Repository = name
		_, err := github.NewClient(o)
		return err
	}
	for _, name := range valid {
		if err := check(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range invalid {
		if err := check(name); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}
