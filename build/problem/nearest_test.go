package problem

import (
	"errors"
	"testing"
)

var errTest = errors.New("test")

var platforms = []string{
	"aix/ppc64", "darwin/amd64", "darwin/arm64", "freebsd/amd64", "ios/arm64", "js/wasm", "linux/386",
	"linux/amd64", "linux/arm", "linux/arm64", "linux/mips64le", "linux/riscv64", "linux/s390x",
	"plan9/386", "wasip1/wasm", "windows/amd64",
}

// Of several candidates at the same distance, the first one is returned. A word that is like none
// of them gets none.
func TestNearest(t *testing.T) {
	settings := []string{
		"targets", "name", "tag", "tags", "cc", "cgo", "archive", "archive-name", "files", "checksums",
		"checksums-name", "notes", "notes-file", "dry-run", "make-latest", "fail-fast", "parallelism", "go",
	}
	variables := []string{"GITHUB_ACTOR", "GITHUB_REF_NAME", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_NUMBER"}
	functions := []string{"and", "eq", "len", "lower", "not", "print", "replace", "title", "trimprefix", "upper"}

	for _, test := range []struct {
		candidates []string
		words      map[string]string
	}{
		{platforms, map[string]string{
			"linux/adm64":   "linux/amd64",
			"linux/amd46":   "linux/amd64",
			"linux/amd":     "linux/amd64",
			"linux/amr":     "linux/arm",
			"linux/arm":     "linux/arm",
			"linux/AMD64":   "linux/amd64",
			"linux-amd64":   "linux/amd64",
			"linux/s390":    "linux/s390x",
			"linux/ricsv64": "linux/riscv64",
			"linx/amd64":    "linux/amd64",
			"liunx/amd46":   "linux/amd64",
			"lniux/386":     "linux/386",
			"darwn/arm64":   "darwin/arm64",
			"plan8/386":     "plan9/386",

			"linux":       "",
			"linux/":      "",
			"linux/a":     "",
			"linux/foo":   "",
			"linux/sparc": "",
			"linux/arm86": "",
			"darwin/386":  "",
			"beos/ppc":    "",
			"foo/arm64":   "",
			"foo/bar":     "",
			"a/b":         "",
			"/":           "",
			"":            "",
		}},
		{settings, map[string]string{
			"note":          "notes",
			"nam":           "name",
			"nmae":          "name",
			"target":        "targets",
			"tragets":       "targets",
			"arch":          "archive",
			"archiv-name":   "archive-name",
			"archive_name":  "archive-name",
			"ArchiveName":   "archive-name",
			"notes-flie":    "notes-file",
			"notesfile":     "notes-file",
			"dryrun":        "dry-run",
			"dry":           "dry-run",
			"make-lastest":  "make-latest",
			"paralelism":    "parallelism",
			"checksum":      "checksums",
			"checksum-name": "checksums-name",

			"bogus":          "",
			"xy":             "",
			"gx":             "",
			"ld":             "",
			"foo":            "",
			"skip-test":      "",
			"notes-text":     "",
			"archive-format": "",
			"release":        "",
			"verbose":        "",
		}},
		{[]string{"--notes", "--name", "--go"}, map[string]string{
			"--note": "--notes", "--nmae": "--name", "--NAME": "--name", "--bogus": "", "--xy": "", "--": "",
		}},
		{variables, map[string]string{
			"GITHUB_REPO":       "GITHUB_REPOSITORY",
			"GITHUB_RUN_NUBMER": "GITHUB_RUN_NUMBER",
			"github_actor":      "GITHUB_ACTOR",
			"GITHUB":            "",
			"GITHUB_RUN":        "",
			"GITHUB_SHA":        "",
			"GITHUB_TOKEN":      "",
			"HOME":              "",
		}},
		{functions, map[string]string{
			"Title": "title", "trimPrefix": "trimprefix", "repalce": "replace", "low": "lower",
			"now": "", "add": "", "env": "", "split": "", "time": "", "join": "",
		}},
	} {
		for word, want := range test.words {
			if got := Nearest(word, test.candidates); got != want {
				t.Errorf("%q: got %q, want %q", word, got, want)
			}
		}
	}
}

func TestEditDistance(t *testing.T) {
	if n := editDistance("abcd", "badc", 1); n != 2 {
		t.Errorf("two swaps: %d", n)
	}
	if n := editDistance("abc", "abd", 2); n != 2 {
		t.Errorf("one replacement: %d", n)
	}
}

// A remedy is found behind a problem that has none.
func TestRemedyOf(t *testing.T) {
	inner := With(Guess("x"), errTest)
	outer := &Problem{Setting: "name", Err: inner}
	if got := RemedyOf(outer); got.Text != "x" {
		t.Errorf("got %+v", got)
	}

	outer.Remedy = Guess("y")
	if got := RemedyOf(outer); got.Text != "y" {
		t.Errorf("got %+v", got)
	}
	if got := RemedyOf(errTest); got.Kind != "" {
		t.Errorf("got %+v", got)
	}
}
