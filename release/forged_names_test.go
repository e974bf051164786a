package release

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Names of files that a directory or a pattern stands for cannot forge a workflow command or a
// line.
func TestForgedBySelectedFiles(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" +
		"4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	for _, mark := range hostileMarks {
		for _, command := range []string{"::add-mask::x", "ok forged"} {
			for _, name := range []string{"licence-", "LICENSE-"} {
				path := filepath.Join(w.dir, "docs", name+mark+command)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(pointer), 0o644); err != nil {
					t.Skipf("no such names here: %v", err)
				}
			}
			if err := os.Symlink(".", filepath.Join(w.dir, "docs", "link-"+mark+command)); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
		}
	}

	for _, setting := range []string{
		"FILES=docs",
		"FILES=docs/l*",
		"FILES=docs/l*=hello",
		"FILES=docs/l*=../x",
		"FILES=docs/l*=x docs/L*=x",
		"ATTACH=docs",
		"ATTACH=docs/L*",
		"ATTACH=docs/L*=x",
		"WRAP=a\n::add-mask::x",
		"PROGRAM_PATH=a\u2028::add-mask::x\u202e",
	} {
		w.run(t.Context(), exitInvalid, "INPUT_COMMAND=plan", "INPUT_"+setting)
		checkForged(t, w.out)
	}

	// The same where Git LFS knows the files, and where they are packed.
	w.write(".gitattributes", "docs/* filter=lfs\n")
	w.run(t.Context(), exitInvalid, "INPUT_COMMAND=plan", "INPUT_FILES=docs/L*")
	w.said("only a pointer to it would be packed")
	checkForged(t, w.out)
}
