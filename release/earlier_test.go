package release

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
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
		"there is no report":         {func() { remove(t, at(reportJSON)) }, nil, earlierFiles},
		"the report is of another":   {func() { replace(t, at(reportJSON), `"schema": 1`, `"schema": 99`) }, nil, earlierFiles},
		"the report is no report":    {func() { replace(t, at(reportJSON), `"schema"`, `schema`) }, nil, earlierFiles},
		"made of something else":     {func() { replace(t, at(reportJSON), `"inputs": "`, `"inputs": "0`) }, nil, earlierFiles[:2]},
		"another size":               {func() { replace(t, at(reportJSON), `"size": `, `"size": 1`) }, nil, earlierFiles[:2]},
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

// Targets of which nothing is known come first, then the longest.
func TestOrder(t *testing.T) {
	targets := func(seconds ...float64) (all []report.Target) {
		for i, s := range seconds {
			all = append(all, report.Target{Target: string(rune('a' + i)), Status: report.OK, Seconds: report.Seconds{CPU: s}})
		}
		return all
	}
	known := earlier{targets: map[string]*report.Target{}}
	for i, was := range targets(3, 5, 4, 9, 5) {
		if i == 3 {
			was.Status = report.Failed
		}
		known.targets[was.Target] = &was
	}
	for _, test := range []struct {
		earlier earlier
		now     []report.Target
		want    []int
	}{
		{earlier{}, targets(0, 0, 0), []int{0, 1, 2}},
		{known, targets(0, 0, 0, 0, 0, 0), []int{3, 5, 1, 4, 2, 0}},
	} {
		if got := test.earlier.order(test.now); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}

// Whatever a report names, nothing is taken but a regular file below the earlier files,
// with the very digest.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"earlier", "earlier/bin", "outside"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"victim", "outside/file", "earlier/file", "earlier/bin/file"} {
		write(name, "text")
	}
	for link, to := range map[string]string{"earlier/link": "../victim", "earlier/away": "../outside", "earlier/near": "bin"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(dir, "earlier"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sums := map[string]string{"sha256": "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"} // of "text"
	to := filepath.Join(dir, "taken")
	for name, sums := range map[string]map[string]string{
		"../victim": sums, "bin/../../victim": sums, dir + "/victim": sums, "link": sums, "away/file": sums, "near/file": sums,
		"bin": sums, ".": sums, "": sums, "none": sums, "file": {"sha256": strings.Repeat("0", 64)}, "bin/file": {"md5": "1"},
	} {
		if (earlier{files: root}).take(name, sums, to, 0o644) {
			t.Errorf("%q was taken", name)
		}
	}
	for _, name := range []string{"file", "bin/file"} {
		if !(earlier{files: root}).take(name, sums, to, 0o644) {
			t.Errorf("%q was not taken", name)
		}
	}
	for _, name := range []string{"victim", "outside/file"} {
		stat(t, filepath.Join(dir, name))
	}
}

// Everything that decides the bytes of an archive changes the digest of its inputs.
func TestInputs(t *testing.T) {
	content := func() pack.Archive {
		return pack.Archive{Time: time.Unix(1, 0), Files: []pack.File{{Name: "a", SHA256: "1"}, {Name: "b", Executable: true, SHA256: "2"}}}
	}
	format := "zip"
	by := func(self string, change func(*pack.Archive)) string {
		r := &run{self: func() (string, error) { return self, nil }}
		a := content()
		change(&a)
		return r.inputs(a, format)
	}
	nothing := func(*pack.Archive) {}
	same := by("program", nothing)
	if len(same) != 64 || same != by("program", nothing) {
		t.Fatalf("%q is not the same twice", same)
	}
	for name, other := range map[string]string{
		"another program": by("other", nothing),
		"another time":    by("program", func(a *pack.Archive) { a.Time = time.Unix(2, 0) }),
		"another mode":    by("program", func(a *pack.Archive) { a.Files[0].Executable = true }),
		"another name":    by("program", func(a *pack.Archive) { a.Files[0].Name = "c" }),
		"other bytes":     by("program", func(a *pack.Archive) { a.Files[1].SHA256 = "3" }),
		"a file less":     by("program", func(a *pack.Archive) { a.Files = a.Files[:1] }),
	} {
		if other == same || len(other) != 64 {
			t.Errorf("%s: %q", name, other)
		}
	}
	format = "tar.gz"
	if other := by("program", nothing); other == same {
		t.Error("another format has the same")
	}
	if unknown := by("program", func(a *pack.Archive) { a.Files[0].SHA256 = "" }); unknown != "" {
		t.Errorf("bytes that are not known: %q", unknown)
	}
	digest, err := digestOfSelf()
	if err != nil || len(digest) != 64 {
		t.Errorf("%s: %q, %v", runtime.GOOS, digest, err)
	}
}
