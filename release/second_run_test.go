package release

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/dist"

	"github.com/org/go-static-release/release/github/githubtest"
)

const earlierSource = "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n"

// earlierFiles are files of a run of newWorkshop for linux/amd64, in dist.
var earlierFiles = []string{"hello_1.2.3_linux_amd64.tar.gz", "hello_1.2.3_windows_amd64.zip", "bin/linux_amd64/hello", "bin/windows_amd64/hello.exe"}

// flip changes a byte in the middle of a file, and neither its size nor its time.
func flip(t *testing.T, path string) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(path, data, fi.Mode()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// A second run makes nothing again that it need not, whatever happened to the files of the
// first, and ends with the same bytes as a run from nothing.
func TestSecondRun(t *testing.T) {
	w := newWorkshop(t, earlierSource, githubtest.Options{})
	at := func(name string) string { return filepath.Join(w.dist, filepath.FromSlash(name)) }
	elsewhere := filepath.Join(t.TempDir(), "victim")
	for name, test := range map[string]struct {
		change func()
		env    []string
		made   []string // files that are new; nil: none
	}{
		"nothing changed":            {func() {}, nil, nil},
		"an archive is damaged":      {func() { flip(t, at(earlierFiles[0])) }, nil, earlierFiles[:1]},
		"an archive is gone":         {func() { remove(t, at(earlierFiles[1])) }, nil, earlierFiles[1:2]},
		"a program is damaged":       {func() { flip(t, at(earlierFiles[2])) }, nil, earlierFiles[2:3]},
		"a program is gone":          {func() { remove(t, at(earlierFiles[3])) }, nil, earlierFiles[3:]},
		"there is no report":         {func() { remove(t, at(dist.ReportJSON)) }, nil, earlierFiles},
		"the report is of another":   {func() { replace(t, at(dist.ReportJSON), `"schema": 2`, `"schema": 99`) }, nil, earlierFiles},
		"the report is no report":    {func() { replace(t, at(dist.ReportJSON), `"schema"`, `schema`) }, nil, earlierFiles},
		"made of something else":     {func() { replace(t, at(dist.ReportJSON), `"inputs": "`, `"inputs": "0`) }, nil, earlierFiles[:2]},
		"another size":               {func() { replace(t, at(dist.ReportJSON), `"size": `, `"size": 1`) }, nil, earlierFiles[:2]},
		"other digests are asked":    {func() {}, []string{"INPUT_CHECKSUMS=sha256 sha512"}, earlierFiles[:2]},
		"no file beside the program": {func() {}, []string{"INPUT_FILES=go.mod"}, earlierFiles[:2]},
		"a target is left out":       {func() {}, []string{"INPUT_TARGETS=linux/amd64 windows/amd64 ios/*"}, nil},
		"another mode":               {func() { chmod(t, at(earlierFiles[0]), 0o600) }, nil, nil},
		"other flags of the linker":  {func() {}, []string{"INPUT_LDFLAGS=-s -w -X main.version=x"}, earlierFiles},
		"a program is a link": {func() {
			if err := os.Rename(at(earlierFiles[2]), elsewhere); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(elsewhere, at(earlierFiles[2])); err != nil {
				t.Fatal(err)
			}
		}, nil, earlierFiles[2:3]},
		"the programs are behind a link": {func() {
			if err := os.Rename(at("bin"), elsewhere+"-bin"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(elsewhere+"-bin", at("bin")); err != nil {
				t.Fatal(err)
			}
		}, nil, earlierFiles[2:]},
	} {
		dry := []string{"INPUT_DRY_RUN=true"}
		w.run(t.Context(), exitOK, append(dry, "INPUT_DIST="+w.dist)...)
		before := map[string]os.FileInfo{}
		for _, file := range earlierFiles {
			before[file] = stat(t, at(file))
			if err := os.Link(at(file), filepath.Join(t.TempDir(), "held")); err != nil { // its inode is not given to a new file
				t.Fatal(err)
			}
		}
		test.change()
		if name == "a target is left out" { // in both runs
			w.run(t.Context(), exitOK, append(dry, test.env...)...)
		}
		w.run(t.Context(), exitOK, append(dry, test.env...)...)
		for _, file := range earlierFiles {
			if same := os.SameFile(before[file], stat(t, at(file))); same == slices.Contains(test.made, file) {
				t.Errorf("%s: %s is the earlier file: %v", name, file, same)
			}
		}
		have := w.dist
		w.dist = filepath.Join(t.TempDir(), "dist")
		w.run(t.Context(), exitOK, slices.Concat(dry, test.env, []string{"INPUT_DIST=" + w.dist})...)
		if diff := diffTrees(have, w.dist); diff != "" {
			t.Errorf("%s: against a run from nothing: %s", name, diff)
		}
		w.dist = have
	}
}

// What is published is made anew, whatever lies in dist.
func TestPublishedIsMadeAnew(t *testing.T) {
	w := newWorkshop(t, earlierSource, githubtest.Options{})
	w.run(t.Context(), exitOK, "INPUT_DRY_RUN=true")
	var held []os.FileInfo
	for _, file := range earlierFiles {
		path := filepath.Join(w.dist, filepath.FromSlash(file))
		held = append(held, stat(t, path))
		if err := os.Link(path, filepath.Join(t.TempDir(), "held")); err != nil {
			t.Fatal(err)
		}
	}
	w.run(t.Context(), exitOK)
	for i, file := range earlierFiles {
		if os.SameFile(held[i], stat(t, filepath.Join(w.dist, filepath.FromSlash(file)))) {
			t.Errorf("%s is the file of an earlier run", file)
		}
	}
	w.published()
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path, old, new string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s: %v, without %s", path, err, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o644); err != nil {
		t.Fatal(err)
	}
}
