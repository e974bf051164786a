package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// A program whose module version is not the planned one is not proved.
func TestModuleVersionIsProved(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{"go.mod": goMod, "main.go": mainFile})
	gittest.Run(t, dir, "tag", "v1.2.3")
	ws := open(t, options(dir))
	p, err := NewPlan(t.Context(), ws, &Spec{Targets: []string{"linux/amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Stamps) != 1 || p.Stamps[0] != (workspace.Stamp{Module: "example.com/tool", Version: "v1.2.3"}) {
		t.Fatalf("%+v", p.Stamps)
	}

	verify := func() error {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		c, err := Compile(t.Context(), ws, p, p.Builds[0], out, limit.Share{Processes: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Verify(ws, p, p.Builds[0], c.Binaries[0])
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}

	// Somebody tags the commit while it is being released.
	gittest.Run(t, dir, "tag", "v1.3.0")
	err = verify()
	var failed *ProofError
	if !errors.As(err, &failed) || len(failed.Differences) != 1 ||
		failed.Differences[0] != "module version: expected v1.2.3, found v1.3.0" {
		t.Errorf("got %v", err)
	}
}

// A plan for one of two tags on a commit fits a checkout that knows which tag is released.
func TestCheckWorkspaceWithTwoTags(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{"go.mod": goMod, "main.go": mainFile})
	gittest.Run(t, dir, "tag", "v1.2.3")
	gittest.Run(t, dir, "tag", "v1.3.0")
	opts := options(dir)
	opts.Tag = "v1.2.3"
	p, err := NewPlan(t.Context(), open(t, opts), &Spec{Tag: "v1.2.3", Targets: []string{"linux/amd64"}})
	if err != nil {
		t.Fatal(err)
	}

	if err := p.CheckWorkspace(t.Context(), open(t, opts)); err != nil {
		t.Error(err)
	}
	err = p.CheckWorkspace(t.Context(), open(t, options(dir)))
	const want = "the plan is for version v1.2.3 of module example.com/tool, but in this checkout go stamps v1.3.0"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// If go stamps another version than the released one, publishing is refused, unless the linker
// flags set the right one.
func TestReleaseOfAnotherVersion(t *testing.T) {
	const stamped = "package main\n\nvar version string\n\nfunc main() { println(version) }\n"
	nested := map[string]string{
		"go.mod":      goMod,
		"main.go":     mainFile,
		"sub/go.mod":  "module example.com/tool/sub\n\ngo 1.24\n",
		"sub/main.go": mainFile,
	}

	for name, test := range map[string]struct {
		files     map[string]string
		dir       string
		tags      string // of git
		spec      Spec
		toolchain string
		refused   string // part of the problem, "" if there is none
		noted     string // part of the note, "" if there is none
	}{
		"the tag is missing": {
			spec:    Spec{Tag: "v1.2.3", TagCommit: "HEAD"},
			refused: "tag v1.2.3 is not on the commit of this checkout",
		},
		"the tag is missing, but the flags tell": {
			files: map[string]string{"go.mod": goMod, "main.go": stamped},
			spec:  Spec{Tag: "v1.2.3", TagCommit: "HEAD"},
			noted: "tag v1.2.3 is not on the commit of this checkout; the linker flags set 1.2.3",
		},
		"another module's tag": {
			files:   nested,
			dir:     "sub",
			tags:    "v1.2.3",
			spec:    Spec{Tag: "v1.2.3"},
			refused: "go takes sub/v1.2.3 for the tag of this version, not v1.2.3",
		},
		"a nested module": {
			files: nested,
			dir:   "sub",
			tags:  "sub/v1.2.3",
		},
		"a nested module with an old toolchain": {
			files:     nested,
			dir:       "sub",
			tags:      "sub/v1.2.3",
			toolchain: "go1.24.13",
			refused:   "go1.24.13 looks only at the tags of the root, also for nested modules",
		},
		"one of two programs tells its version": {
			files: map[string]string{
				"go.mod":        goMod,
				"cmd/a/main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
				"cmd/b/main.go": "package main\n\nfunc main() { println() }\n",
			},
			tags:  "v2.0.0",
			noted: "does not allow major version v2; the linker flags set 2.0.0, but not in b",
		},
		"a toolchain that stamps nothing": {
			files:     map[string]string{"go.mod": "module example.com/tool\n", "main.go": mainFile},
			tags:      "v1.2.3",
			toolchain: "go1.23.4",
			noted:     "only (devel), instead of v1.2.3: go1.23.4 stamps no version",
		},
		"a prefix": {
			tags:    "name-v1.2.3",
			spec:    Spec{TagPrefix: "name-"},
			refused: "go takes v1.2.3 for the tag of this version, not name-v1.2.3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.files == nil {
				test.files = map[string]string{"go.mod": goMod, "main.go": mainFile}
			}
			root := gittest.NewRepository(t, test.files)
			for _, tag := range strings.Fields(test.tags) {
				gittest.Run(t, root, "tag", tag)
			}
			opts := options(filepath.Join(root, test.dir))
			opts.Tag = test.spec.Tag
			ws := open(t, opts)
			if test.toolchain != "" {
				ws.Toolchain = test.toolchain
			}
			if test.spec.TagCommit != "" {
				test.spec.TagCommit = ws.Commit
			}

			for _, publish := range []bool{true, false} {
				spec := test.spec
				spec.Publish = publish
				spec.Targets = []string{"linux/amd64"}
				p, err := NewPlan(t.Context(), ws, &spec)

				want := test.refused
				if !publish && want != "" {
					want = "" // a dry run notes it
				}
				if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Fatalf("publish %v: got %v, expected %q", publish, err, want)
				}
				noted := test.noted
				if !publish && test.refused != "" {
					noted = test.refused
				}
				if err == nil {
					checkNote(t, p, noted)
				}
			}
		})
	}
}

// checkNote fails the test unless a plan has one note with a text in it, or none if the text
// is empty.
func checkNote(t *testing.T, p *Plan, text string) {
	t.Helper()
	if text == "" {
		if len(p.Notes) > 0 {
			t.Errorf("notes %+v", p.Notes)
		}
		return
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0].Text, text) {
		t.Errorf("notes %+v, expected %q", p.Notes, text)
	}
}

func TestVersionFlags(t *testing.T) {
	for flags, want := range map[string]bool{
		"-X main.version=1.2.3":                   true,
		"-X main.version=v1.2.3":                  true,
		"-s -w -X=main.version=1.2.3":             true,
		"--X main.version=1.2.3":                  true,
		"-X 'main.version=v1.2.3 of today'":       true,
		`-s "-X=main.version=1.2.3, today"`:       true,
		"-X main.commit=a -X main.version=1.2.3":  true,
		"-X main.version=tool-1.2.3-0123abc":      true,
		"-X main.version=11.2.3,1.2.3":            true,
		"-X main.min=dev -X main.min=v1.2.3":      true,
		"-X main.version=v1.2.3 -X main.version=": false,
		"-X main.min=11.2.3":                      false,
		"-X main.min=1.2.30":                      false,
		"-X main.file=0.1.2.3":                    false,
		"-X main.file=1.2.3.4":                    false,
		"-X main.commit=0123abc":                  false,
		"-X main.1.2.3=dev":                       false,
		"-s -w":                                   false,
		"":                                        false,
		"-X":                                      false,
		"-extldflags=-1.2.3":                      false,
		"-extldflags '-X main.version=1.2.3'":     false,
	} {
		for _, version := range []string{"1.2.3", "1.2.3+dirty"} {
			p := &Plan{Source: &workspace.Source{Version: version}}
			if got := len(p.versionFlags(flags)) > 0; got != want {
				t.Errorf("%s: got %v, expected %v", flags, got, want)
			}
		}
	}
}

func TestPathFor(t *testing.T) {
	for _, test := range []struct{ path, version, want string }{
		{"example.com/tool", "2.0.0", "example.com/tool/v2"},
		{"example.com/tool/v2", "3.1.0-rc.1", "example.com/tool/v3"},
		{"example.com/tool/v2", "1.9.0", "example.com/tool"},
		{"example.com/tool/v2", "0.9.0", "example.com/tool"},
		{"tool", "10.0.0", "tool/v10"},
	} {
		if got := pathFor(test.path, test.version); got != test.want {
			t.Errorf("%s, %s: got %s, expected %s", test.path, test.version, got, test.want)
		}
	}
}
