package build

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
)

// A stub is found wherever in a file its text and the name of its source are, and only if both
// are there.
func TestFindStubs(t *testing.T) {
	text := stubKinds[0].needle()
	name := []byte("\x00example.com/fork@v1.2.3/sqlite/static_mock.go\x00")

	for _, at := range []int{
		0,
		scanChunk - 200,
		scanChunk - len(name),
		scanChunk - 20,
		scanChunk,
		scanChunk + 500,
		2*scanChunk - 3,
	} {
		for _, gap := range []int{0, 1000, scanChunk} {
			var data []byte
			data = append(data, make([]byte, at)...)
			data = append(data, name...)
			data = append(data, make([]byte, gap)...)
			data = append(data, text...)

			found, err := findStubs(bytes.NewReader(data), int64(len(data)))
			if err != nil || len(found) != 1 || found[0].pkg != "example.com/fork/sqlite" {
				t.Errorf("at %d with a gap of %d: %+v, %v", at, gap, found, err)
			}
		}
	}

	for what, data := range map[string]string{
		"only the text":            string(text),
		"only the name":            string(name),
		"the text and other files": string(text) + "\x00a/other_mock.go\x00x/static_mock.go.txt\x00",
	} {
		found, err := findStubs(strings.NewReader(data), int64(len(data)))
		if err != nil || len(found) != 0 {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
	}
}

// The names of files in a program give the import paths of their packages.
func TestPackageOfFile(t *testing.T) {
	for name, want := range map[string]string{
		"\x00github.com/mattn/go-sqlite3@v1.14.53":         "github.com/mattn/go-sqlite3",
		"\x00github.com/mutecomm/go-sqlcipher/v4@v4.4.2":   "github.com/mutecomm/go-sqlcipher/v4",
		"x\x00example.com/a@v1.0.0-20250101000000-abc/b/c": "example.com/a/b/c",
		"\x00github.com/mattn/go-sqlite3":                  "github.com/mattn/go-sqlite3", // vendored
		"\x00with blank/x":                                 "",
	} {
		if got := packageOfFile([]byte(name)); got != want {
			t.Errorf("%q: got %q, expected %q", name, got, want)
		}
	}
}

// What replaces the original replaces its forks.
func TestStubRemedies(t *testing.T) {
	const instead = " by modernc.org/sqlite or github.com/ncruces/go-sqlite3"
	for pkg, want := range map[string]problem.Remedy{
		"github.com/mattn/go-sqlite3": problem.Either(
			problem.Advise("replace github.com/mattn/go-sqlite3"+instead),
			problem.Set("cgo", "static"),
		),
		"example.com/fork/sqlite": problem.Either(
			problem.Advise("replace example.com/fork/sqlite"+instead),
			problem.Set("cgo", "static"),
		),
		"github.com/mutecomm/go-sqlcipher/v4": problem.Either(
			problem.Advise("replace github.com/mutecomm/go-sqlcipher by github.com/ncruces/go-sqlite3 with its adiantum or xts"),
			problem.Set("cgo", "static"),
		),
	} {
		got := stub{pkg: pkg, kind: stubKinds[0]}.remedy()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +have):\n%s", pkg, diff)
		}
	}
}
