package release

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Files that were made before the run become public with the rest, in one transaction.
func TestPublishAttached(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.attach = []string{"manual.pdf", "tool"}
	made := filepath.Join(w.dir, "made")
	files := map[string]string{"manual.pdf": "read this", "tool": "run this", ".gitignore": "*\n"}
	if err := os.Mkdir(made, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(made, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
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
	if summary := w.file("GITHUB_STEP_SUMMARY"); !strings.Contains(summary, "[manual.pdf](http") {
		t.Errorf("manual.pdf is not in the summary:\n%s", summary)
	}

	// Again, with another file of that name: a public release is not changed.
	if err := os.WriteFile(filepath.Join(made, "tool"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), 1, "INPUT_ATTACH=made/manual.pdf made/to*")
	w.said("release v1.2.3 is public and has a different tool")
}
