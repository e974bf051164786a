package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// TestMain makes the test binary the other job of TestPlanInAnotherProcess.
func TestMain(m *testing.M) {
	if file := os.Getenv("BUILD_TEST_PLAN"); file != "" {
		err := buildPlan(context.Background(), file, os.Getenv("BUILD_TEST_DIR"), os.Stdout)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// buildPlan reads a plan from a file, and compiles and verifies it in the checkout in dir. It
// writes the digest of each binary.
func buildPlan(ctx context.Context, file, dir string, w io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}

	ws, err := workspace.Open(ctx, workspace.Options{
		Dir:       filepath.Join(dir, filepath.FromSlash(p.Source.Dir)),
		Generated: p.GeneratedPatterns,
		Environ:   os.Environ(),
	})
	if err != nil {
		return err
	}
	if err := p.CheckWorkspace(ctx, ws); err != nil {
		return err
	}
	return compileAll(ctx, ws, &p, w)
}

// compileAll compiles and verifies every build of a plan, and writes the digest of each binary.
func compileAll(ctx context.Context, ws *workspace.Workspace, p *Plan, w io.Writer) (err error) {
	temp, err := os.MkdirTemp("", "build-test-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()

	for _, b := range p.Builds {
		out := filepath.Join(temp, b.Target.Dir())
		if err := os.Mkdir(out, 0o755); err != nil {
			return err
		}
		compiled, err := Compile(ctx, ws, p, b, out, limit.Share{Processes: 2})
		if err != nil {
			return err
		}
		for _, bin := range compiled.Binaries {
			proof, err := Verify(ws, p, b, bin)
			if err != nil {
				return err
			}
			fmt.Fprintln(w, bin.Target, bin.Exe(), proof.SHA256)
		}
	}
	return nil
}

// A plan that was made here is carried out by another process, in another clone, with
// another home directory. The bytes are the same.
func TestPlanInAnotherProcess(t *testing.T) {
	files := map[string]string{
		".gitignore":       "gen.go\n",
		"sub/go.mod":       "module example.com/tool/v2\n\ngo 1.24\n",
		"sub/main.go":      "package main\n\nvar version, commit string\n\nfunc main() { println(version, commit, gen) }\n",
		"sub/cmd/d/d.go":   "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
		"sub/cmd/d/big.go": "//go:build !windows\n\npackage main\n",
		"sub/LICENSE":      "everything goes\n",
	}
	generated := map[string]string{"sub/gen.go": "package main\n\nconst gen = 1\n"}
	here := gittest.NewRepository(t, files)
	gittest.Run(t, here, "tag", "sub/v2.1.0")
	gittest.WriteFiles(t, here, generated)

	spec := &Spec{
		Targets:   []string{"linux/amd64", "linux/arm/6"},
		LDFlags:   "-s -w -X main.version={{.Version}} -X main.commit={{.Commit}}",
		Generated: []string{"gen.go"},
		Publish:   true,
	}
	checkElsewhere(t, here, "sub", generated, spec)
}

// The same with C.
func TestPlanWithCInAnotherProcess(t *testing.T) {
	if _, err := exec.LookPath("musl-gcc"); err != nil {
		t.Skip("musl-gcc is not installed (musl-tools)")
	}
	here := gittest.NewRepository(t, map[string]string{
		"go.mod":  goMod,
		"main.go": "package main\n\n// int two(void) { return 2; }\nimport \"C\"\n\nfunc main() { println(C.two()) }\n",
	})
	gittest.Run(t, here, "tag", "v1.0.0")

	spec := &Spec{
		Targets: []string{"linux/amd64"},
		Cgo:     true,
		CC:      []cc.Choice{{Targets: "linux/amd64", CC: "musl-gcc"}},
	}
	checkElsewhere(t, here, ".", nil, spec)
}

// checkElsewhere plans a release of the module in dir of a repository and compiles it here,
// and in another clone by another process.
func checkElsewhere(t *testing.T, repo, dir string, generated map[string]string, spec *Spec) {
	t.Helper()
	opts := options(filepath.Join(repo, dir))
	opts.Generated = spec.Generated
	ws := open(t, opts)
	p, err := NewPlan(t.Context(), ws, spec)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	if err := compileAll(t.Context(), ws, p, &want); err != nil {
		t.Fatal(err)
	}

	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, &back); diff != "" {
		t.Errorf("the plan from its JSON (-want +have):\n%s", diff)
	}
	for _, local := range append(ws.LocalDirs, os.TempDir()) {
		if strings.Contains(string(data), local) {
			t.Errorf("%s is in the plan: %s", local, data)
		}
	}

	other := filepath.Join(t.TempDir(), "another", "clone")
	gittest.Run(t, repo, "clone", "--quiet", repo, other)
	gittest.WriteFiles(t, other, generated)
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(os.Args[0])
	home := t.TempDir()
	cmd.Dir = home
	cmd.Env = append(gittest.Environ(), "BUILD_TEST_PLAN="+file, "BUILD_TEST_DIR="+other,
		"HOME="+home, "GOCACHE="+filepath.Join(home, "cache"), "GOPATH="+filepath.Join(home, "go"), "GOMODCACHE=")
	cmd.Stderr = os.Stderr
	have, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(have)); diff != "" {
		t.Errorf("binaries (-here +there):\n%s", diff)
	}
}

// Everything that a lane needs from a plan is in its exported data.
func TestPlanIsData(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if seen[typ] || typ == reflect.TypeFor[time.Time]() {
			return
		}
		seen[typ] = true

		switch typ.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer, reflect.Uintptr:
			t.Errorf("%s is a %s", path, typ.Kind())
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(path, typ.Elem())
		case reflect.Map:
			walk(path+" key", typ.Key())
			walk(path, typ.Elem())
		case reflect.Struct:
			if strings.HasPrefix(typ.PkgPath(), "sync") {
				t.Errorf("%s is a %s", path, typ)
			}
			for i := range typ.NumField() {
				f := typ.Field(i)
				if !f.IsExported() {
					t.Errorf("%s.%s is not exported", path, f.Name)
				}
				if tag := f.Tag.Get("json"); tag == "" || tag == "-" {
					t.Errorf("%s.%s has no JSON name", path, f.Name)
				}
				walk(path+"."+f.Name, f.Type)
			}
		}
	}
	walk("Plan", reflect.TypeFor[Plan]())
	if len(seen) < 10 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

// A workspace that does not fit a plan is refused, with each difference.
func TestCheckWorkspace(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		".gitignore": "gen*.go\n",
		"go.mod":     goMod,
		"main.go":    mainFile,
	})
	gittest.WriteFiles(t, dir, map[string]string{"gen.go": "package main\n"})
	opts := options(dir)
	opts.Generated = []string{"gen*.go"}
	ws := open(t, opts)
	p, err := NewPlan(t.Context(), ws, &Spec{Targets: []string{"linux/amd64"}, Generated: opts.Generated})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckWorkspace(t.Context(), ws); err != nil {
		t.Errorf("its own workspace: %v", err)
	}

	for name, test := range map[string]struct {
		files  map[string]string
		change func(*Plan)
		want   []string
	}{
		"a change": {
			files: map[string]string{"main.go": mainFile + "// changed\n"},
			want:  []string{"this one has changes:\n   M main.go"},
		},
		"another generated file": {
			files: map[string]string{"gen.go": "package main // changed\n"},
			want:  []string{"gen.go is not the file with which the plan was made"},
		},
		"one more generated file": {
			files: map[string]string{"gen2.go": "package main\n"},
			want:  []string{"gen2.go is neither in the commit nor in the plan"},
		},
		"a missing file": {
			change: func(p *Plan) { p.Generated = append(p.Generated, workspace.Generated{Path: "gen3.go"}) },
			want:   []string{"gen3.go is missing, which was generated when the plan was made"},
		},
		"no changes": {
			change: func(p *Plan) { p.Source.Dirty = true },
			want:   []string{"was made with uncommitted changes, which this checkout does not have"},
		},
		"a tag": {
			change: func(p *Plan) { p.Stamps[0].Version = "v1.2.3" },
			want: []string{
				"the plan is for version v1.2.3 of module example.com/tool, " +
					"but in this checkout go stamps v0.0.0-20260102010405-",
			},
		},
		"everything": {
			change: func(p *Plan) {
				p.Source.Commit = "0123456789012345678901234567890123456789"
				p.Module = "example.com/other"
				p.Go = "go1.99.0"
				p.Experiments = "jsonv2"
				p.FIPS140 = "v1.0.0"
				p.Mod = "vendor"
				p.Work = "go.work"
			},
			want: []string{
				"the plan is for commit 012345678901, but ",
				"the plan is for module example.com/other in ., but this is module example.com/tool in .",
				"the plan is for go1.99.0, but this is go",
				`the plan is for GOEXPERIMENT="jsonv2", but here it is ""`,
				`the plan is for GOFIPS140="v1.0.0", but here it is ""`,
				"the plan is for -mod=vendor, but this checkout needs -mod=readonly",
				`the plan is for the workspace file "go.work", but this checkout uses ""`,
			},
		},
		"another compiler": {
			change: func(p *Plan) { p.Builds[0].CC = &cc.Compiler{CC: "true", Version: "cc 1"} },
			want:   []string{"true: expected cc 1, found "},
		},
	} {
		var other Plan
		data, err := json.Marshal(p)
		if err == nil {
			err = json.Unmarshal(data, &other)
		}
		if err != nil {
			t.Fatal(err)
		}
		if test.change != nil {
			test.change(&other)
		}
		gittest.WriteFiles(t, dir, test.files)
		err = other.CheckWorkspace(t.Context(), open(t, opts))
		lines := strings.Split(fmt.Sprint(err), "\n")
		for _, want := range test.want {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%s: %v, expected %q", name, err, want)
			}
		}
		if len(test.want) > 1 && len(lines) != len(test.want) {
			t.Errorf("%s: %q", name, lines)
		}

		// Back to what was planned.
		gittest.WriteFiles(t, dir, map[string]string{"main.go": mainFile, "gen.go": "package main\n"})
		if err := os.RemoveAll(filepath.Join(dir, "gen2.go")); err != nil {
			t.Fatal(err)
		}
	}
}
