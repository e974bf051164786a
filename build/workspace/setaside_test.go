package workspace

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Variables that were saved with go env -w count unless the environment has them.
func TestAddSaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	text := "GOFLAGS=-tags=x\nGOAMD64=v3\nGOPROXY=off\nGOOS=\n# GOARM=5\nnonsense\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	w := &Workspace{SetAside: []Variable{{Name: "GOAMD64", Value: "v2"}}}
	w.addSaved(file)
	want := []Variable{
		{Name: "GOAMD64", Value: "v2"},
		{Name: "GOFLAGS", Value: "-tags=x", Saved: true},
	}
	if diff := cmp.Diff(want, w.SetAside); diff != "" {
		t.Errorf("set aside (-want +have):\n%s", diff)
	}

	w = &Workspace{}
	for _, none := range []string{"", "off", file + "2", t.TempDir()} {
		w.addSaved(none)
	}
	if len(w.SetAside) > 0 {
		t.Errorf("set aside: %v", w.SetAside)
	}
}

func TestHelperName(t *testing.T) {
	for value, want := range map[string]string{
		"":                    "",
		"store":               "store",
		"store --file /x/y z": "store",
		"manager":             "manager",
		"!gh auth login":      "!gh",
		"/usr/bin/gh auth x":  "gh",
		"osxkeychain":         "osxkeychain",
		"/opt/own-helper --x": "own-helper",
		"/usr/libexec/git-core/git-credential-libsecret":               "libsecret",
		`C:/Program\ Files/Git/mingw64/bin/git-credential-manager.exe`: "manager",
		`!C:/Program\ Files/GitHub\ CLI/gh.exe auth git-credential`:    "gh",
	} {
		if got := helperName(value); got != want {
			t.Errorf("%q: %q, expected %q", value, got, want)
		}
	}
}
