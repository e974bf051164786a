package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is generated is committed, so that readers and GitHub find it.
func TestGeneratedFilesAreFresh(t *testing.T) {
	root, err := repositoryRoot()
	if err != nil {
		t.Fatal(err)
	}

	for _, f := range generatedFiles {
		old, new, err := f.generate(root)
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(old, new) {
			t.Errorf("%s is stale; run: go run ./docs/gen", f.name)
		}
	}
}

// A file without its marks is refused rather than left as it is.
func TestUpdateNeedsItsMarks(t *testing.T) {
	for name, update := range map[string]func(string) (string, error){
		"action.yml": updateAction,
		"README.md":  updateReadme,
	} {
		if text, err := update("name: other\n"); err == nil {
			t.Errorf("%s: got %q", name, text)
		}
	}
}

// man shows every page without a warning, and the page of a command has its flags.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if err := writeManualPages(dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 5 {
		t.Fatal(pages, err)
	}

	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("there is no man (package man-db)")
	}
	show := func(page string) (text, warnings string) {
		cmd := exec.Command(man, "--local-file", "--warnings", page)
		cmd.Env = append(os.Environ(), "MANWIDTH=1000", "MANPAGER=cat", "LC_ALL=C.UTF-8")
		var stdout, stderr bytes.Buffer
		cmd.Stdout = &stdout
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", filepath.Base(page), err)
		}
		text = regexp.MustCompile(`.\x08`).ReplaceAllString(stdout.String(), "")
		return text, stderr.String()
	}

	for _, page := range pages {
		if _, warnings := show(page); warnings != "" {
			t.Errorf("%s: %s", filepath.Base(page), warnings)
		}
	}

	text, _ := show(filepath.Join(dir, "go-static-release-plan.1"))
	for _, want := range []string{
		"--targets=PATTERNS",
		"Wildcards (linux/*), all and first-class",
		"Default: {{.Name}}_{{.Version}}_{{.OS}}_{{.Arch}}",
		"--draft[=true|false]",
		"go-static-release plan --json",
		"docs/ldflags.md has all names", // whose link leads nowhere here
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "](") {
		t.Errorf("a link is left in:\n%s", text)
	}
}
