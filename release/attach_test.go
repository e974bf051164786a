package release

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/report"
	"github.com/org/go-static-release/release/term"
)

// made writes a file that is not part of the commit, as an earlier step of the job does, and
// returns its path.
func (w *workshop) made(name, content string) string {
	w.t.Helper()
	w.write("made/"+name, content)
	w.write("made/.gitignore", "*\n")
	return filepath.Join(w.dir, "made", name)
}

// Attached files become public together with the others.
func TestPublishAttached(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.attach = []string{"manual.pdf", "tool"}
	files := map[string]string{"manual.pdf": "read this", "tool": "run this"}
	for name, content := range files {
		w.made(name, content)
	}

	w.run(t.Context(), exitOK, "INPUT_ATTACH=made/manual.pdf made/to*")
	rel := w.published()
	list, _ := rel.Asset("checksums.txt")
	for _, name := range w.attach {
		if asset, _ := rel.Asset(name); string(asset.Content) != files[name] {
			t.Errorf("%s has the content %q", name, asset.Content)
		}
		if !strings.Contains(string(list.Content), "  "+name+"\n") {
			t.Errorf("checksums.txt does not list %s:\n%s", name, list.Content)
		}
	}
	w.said("published hello 1.2.3: 5 files")
	if summary := w.file("GITHUB_STEP_SUMMARY"); !strings.Contains(summary, "[`manual.pdf`](http") {
		t.Errorf("manual.pdf is not in the summary:\n%s", summary)
	}

	// A second run with another file of the same name does not change a public release.
	w.made("tool", "changed")
	w.run(t.Context(), exitFailed, "INPUT_ATTACH=made/manual.pdf made/to*")
	w.said("release v1.2.3 is public and has a different tool")
}

// A file that GitHub never accepts, or that cannot be read, is an error before anything is
// sent.
func TestAttachedCannotBeSent(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.made("empty", "")
	large := w.made("large", "x")
	if err := os.Truncate(large, github.MaxAssetSize+1); err != nil { // a sparse file
		t.Fatal(err)
	}
	secret := w.made("secret", "x")
	chmod(t, secret, 0)

	w.run(t.Context(), exitInvalid, "INPUT_ATTACH=made/*")
	w.said(
		"made/empty is empty, and GitHub accepts no empty files",
		"made/large has 2147483648 bytes, and GitHub accepts files below 2 GiB",
	)
	if f, err := os.Open(secret); err == nil {
		f.Close() // root can read every file, and Windows has no such mode
	} else {
		w.said("reading made/secret: ")
	}
	if sent := w.gh.Requests(); len(sent) > 0 {
		t.Errorf("sent: %+v", sent)
	}
}

// If a file disappears after the plan was made, nothing is left in dist or on GitHub.
func TestAttachedDisappears(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	manual := w.made("manual.pdf", "read this")
	w.before = func(*http.Request) { os.Remove(manual) }

	w.run(t.Context(), exitFailed, "INPUT_ATTACH=made/manual.pdf")
	left, err := filepath.Glob(filepath.Join(w.dist, output.TempPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in dist: %q, %v", left, err)
	}
	if all := w.gh.Releases(); len(all) > 0 {
		t.Errorf("left on GitHub: %+v", all)
	}
}

// If a file grows after its size was checked, it is not sent.
func TestAttachedGrows(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	manual := w.made("manual.pdf", "read this")
	w.before = func(*http.Request) {
		if err := os.Truncate(manual, 3<<30); err != nil {
			t.Error(err)
		}
	}

	w.run(t.Context(), exitFailed, "INPUT_ATTACH=made/manual.pdf")
	w.said("reading made/manual.pdf: it had 9 bytes when the plan was made, and has another size")
	if all := w.gh.Releases(); len(all) > 0 {
		t.Errorf("left on GitHub: %+v", all)
	}
}

// An attached file need not be static, but the published one must have the bytes that were
// attached.
func TestVerifyPublishedAttached(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.attach = []string{"tool"}
	w.made("tool", "\x7fELF, of which nobody can tell what it needs")
	w.run(t.Context(), exitOK, "INPUT_ATTACH=made/tool", "INPUT_VERIFY=true")
	w.published()
	w.said("verified as published: 2 executables\n")

	p := &program{
		log:   io.Discard,
		lines: term.NewLines(io.Discard, nil),
		event: &githubactions.GitHubContext{
			APIURL:     getenvOf(w.env)("GITHUB_API_URL"),
			Repository: "octo/hello",
		},
	}
	other := []report.File{{
		Artifact: output.Artifact{
			Output: output.Output{Name: "tool", Kind: output.Attached},
			Sums:   map[string]string{"sha256": strings.Repeat("0", 64)},
		},
	}}
	err := p.verifyPublished(t.Context(), &config.Config{Token: testToken}, "v1.2.3", other)
	if err == nil || !strings.Contains(err.Error(), "and the attached file has 000") {
		t.Errorf("another file than was attached: %v", err)
	}
}
