package release

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/term"

	"github.com/org/go-static-release/release/output"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/report"
)

// made writes a file that is not of the commit, and returns its path.
func (w *workshop) made(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, "made", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	for path, content := range map[string]string{path: content, filepath.Join(w.dir, "made", ".gitignore"): "*\n"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return path
}

// Files that were made before the run become public with the rest, in one transaction.
func TestPublishAttached(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.attach = []string{"manual.pdf", "tool"}
	files := map[string]string{"manual.pdf": "read this", "tool": "run this"}
	for name, content := range files {
		w.made(name, content)
	}
	w.run(t.Context(), 0, "INPUT_ATTACH=made/manual.pdf made/to*")
	rel := w.published()
	for _, name := range w.attach {
		if asset, _ := rel.Asset(name); string(asset.Content) != files[name] {
			t.Errorf("%s has the content %q", name, asset.Content)
		}
		if list, _ := rel.Asset("checksums.txt"); !strings.Contains(string(list.Content), "  "+name+"\n") {
			t.Errorf("checksums.txt does not list %s:\n%s", name, list.Content)
		}
	}
	w.said("published hello 1.2.3: 5 files")
	if summary := w.file("GITHUB_STEP_SUMMARY"); !strings.Contains(summary, "[`manual.pdf`](http") {
		t.Errorf("manual.pdf is not in the summary:\n%s", summary)
	}

	// Again, with another file of that name: a public release is not changed.
	w.made("tool", "changed")
	w.run(t.Context(), 1, "INPUT_ATTACH=made/manual.pdf made/to*")
	w.said("release v1.2.3 is public and has a different tool")
}

// What GitHub always refuses, and what cannot be read, is found before anything is sent.
func TestAttachedCannotBeSent(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.made("empty", "")
	if err := os.Truncate(w.made("large", "x"), github.MaxAssetSize+1); err != nil { // takes no room
		t.Fatal(err)
	}
	secret := w.made("secret", "x")
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), 2, "INPUT_ATTACH=made/*")
	w.said("made/empty is empty, and GitHub accepts no empty files", "made/large has 2147483648 bytes, and GitHub accepts files below 2 GiB")
	if f, err := os.Open(secret); err == nil {
		f.Close() // root reads everything, and Windows has no such mode
	} else {
		w.said("reading made/secret: ")
	}
	if sent := w.gh.Requests(); len(sent) > 0 {
		t.Errorf("sent: %+v", sent)
	}
}

// A file that vanishes after the plan was made leaves nothing behind.
func TestAttachedVanishes(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	manual := w.made("manual.pdf", "read this")
	w.before = func(*http.Request) { os.Remove(manual) }
	w.run(t.Context(), 1, "INPUT_ATTACH=made/manual.pdf")
	if left, err := filepath.Glob(filepath.Join(w.dist, output.TempPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left in dist: %q, %v", left, err)
	}
	if all := w.gh.Releases(); len(all) > 0 {
		t.Errorf("left on GitHub: %+v", all)
	}
}

// The size that was checked is the one that is sent.
func TestAttachedGrows(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	manual := w.made("manual.pdf", "read this")
	w.before = func(*http.Request) {
		if err := os.Truncate(manual, 3<<30); err != nil {
			t.Error(err)
		}
	}
	w.run(t.Context(), 1, "INPUT_ATTACH=made/manual.pdf")
	w.said("reading made/manual.pdf: it had 9 bytes when the plan was made, and has another size")
	if all := w.gh.Releases(); len(all) > 0 {
		t.Errorf("left on GitHub: %+v", all)
	}
}

// What is attached need not be static. It is what was attached, or the release is wrong.
func TestVerifyPublishedAttached(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.attach = []string{"tool"}
	w.made("tool", "\x7fELF, of which nobody can tell what it needs")
	w.run(t.Context(), 0, "INPUT_ATTACH=made/tool", "INPUT_VERIFY=true")
	w.published()
	w.said("verified as published: 2 executables\n")

	getenv := getenvOf(w.env)
	p := &program{log: &bytes.Buffer{}, lines: term.NewLines(&bytes.Buffer{}, nil), event: &githubactions.GitHubContext{APIURL: getenv("GITHUB_API_URL"), Repository: "octo/hello"}}
	other := []report.File{{Artifact: output.Artifact{Output: output.Output{Name: "tool", Kind: output.Attached}, Sums: map[string]string{"sha256": strings.Repeat("0", 64)}}}}
	err := p.verifyPublished(t.Context(), &config.Config{Token: testToken}, "v1.2.3", other)
	if err == nil || !strings.Contains(err.Error(), "and the attached file has 000") {
		t.Errorf("another file than was attached: %v", err)
	}
}
