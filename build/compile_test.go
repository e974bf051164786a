package build

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// The whole command line and environment of a build, for each kind of target.
func TestCommand(t *testing.T) {
	tool := []Main{{Name: "tool", ImportPath: "example.com/tool"}}
	for _, test := range []struct {
		name  string
		plan  Plan
		build Build
		args  []string
		env   []string
	}{
		{
			name:  "linux_amd64_plain",
			plan:  Plan{Mod: "readonly"},
			build: Build{Target: target.Target{OS: "linux", Arch: "amd64"}, Mains: tool, LDFlags: "-s -w"},
			args: []string{
				"go",
				"build",
				"-trimpath",
				"-mod=readonly",
				"-buildvcs=true",
				"-ldflags=-s -w",
				"-o",
				"/out/",
				"example.com/tool",
			},
			env: []string{"GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0"},
		},
		{
			name:  "linux_arm_6_level",
			plan:  Plan{Mod: "readonly"},
			build: Build{Target: target.Target{OS: "linux", Arch: "arm", Level: "6"}, Mains: tool},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-ldflags=", "-o", "/out/",
				"example.com/tool"},
			env: []string{"GOOS=linux", "GOARCH=arm", "GOARM=6", "CGO_ENABLED=0"},
		},
		{
			name: "linux_s390x_no_levels_vendor_all_flags_two_programs",
			plan: Plan{Mod: "vendor", GCFlags: "-l"},
			build: Build{
				Target:  target.Target{OS: "linux", Arch: "s390x"},
				Mains:   append(tool, Main{Name: "d", ImportPath: "example.com/tool/cmd/d"}),
				Tags:    "a,b",
				LDFlags: "-X main.v=a b",
			},
			args: []string{
				"go",
				"build",
				"-trimpath",
				"-mod=vendor",
				"-buildvcs=true",
				"-tags=a,b",
				"-gcflags=-l",
				"-ldflags=-X main.v=a b",
				"-o",
				"/out/",
				"example.com/tool",
				"example.com/tool/cmd/d",
			},
			env: []string{"GOOS=linux", "GOARCH=s390x", "CGO_ENABLED=0"},
		},
		{
			name: "linux_s390x_other_flags_for_one_program",
			plan: Plan{Mod: "readonly"},
			build: Build{
				Target:     target.Target{OS: "linux", Arch: "s390x"},
				Mains:      append(tool, Main{Name: "d", ImportPath: "example.com/tool/cmd/d"}),
				LDFlags:    "-s -X main.v=1",
				OwnLDFlags: map[string]string{"example.com/tool/cmd/d": ""},
			},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-ldflags=-s -X main.v=1",
				"-ldflags=example.com/tool/cmd/d=", "-o", "/out/", "example.com/tool", "example.com/tool/cmd/d"},
			env: []string{"GOOS=linux", "GOARCH=s390x", "CGO_ENABLED=0"},
		},
		{
			name: "linux_arm64_cgo",
			plan: Plan{Mod: "readonly"},
			build: Build{
				Target:  target.Target{OS: "linux", Arch: "arm64"},
				Mains:   tool,
				Tags:    "netgo,osusergo",
				LDFlags: "-linkmode=external -extldflags=-static",
				CC: &cc.Compiler{
					CC:  "zig cc -target aarch64-linux-musl",
					CXX: "zig c++ -target aarch64-linux-musl",
				},
			},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-tags=netgo,osusergo",
				"-ldflags=-linkmode=external -extldflags=-static", "-o", "/out/", "example.com/tool"},
			env: []string{"GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0", "CGO_ENABLED=1",
				"CC=zig cc -target aarch64-linux-musl", "CXX=zig c++ -target aarch64-linux-musl",
				"CGO_CFLAGS=-O2 -g", "CGO_CXXFLAGS=-O2 -g", "CGO_FFLAGS=-O2 -g", "CGO_LDFLAGS=-O2 -g", "CGO_CPPFLAGS="},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			commands := test.plan.Commands(test.build, "/out")
			if len(commands) != 1 {
				t.Fatalf("got %d commands", len(commands))
			}
			cmd := commands[0]
			args := slices.Clone(cmd.Args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], `\`, "/")
			}
			if diff := cmp.Diff(test.args, args); diff != "" {
				t.Errorf("arguments (-want +have):\n%s", diff)
			}
			if diff := cmp.Diff(test.env, cmd.Env); diff != "" {
				t.Errorf("environment (-want +have):\n%s", diff)
			}
		})
	}
}

// Compilers and linkers report in several ways that they got no memory.
func TestShortOfMemory(t *testing.T) {
	for output, want := range map[string]bool{
		"# example.com/x\n/usr/local/go/pkg/tool/linux_amd64/link: signal: killed":                           true,
		"runtime: VirtualAlloc of 65536 bytes failed with errno=1455\nfatal error: out of memory":            true,
		"fatal error: runtime: out of memory":                                                                true,
		"fork/exec /usr/local/go/pkg/tool/linux_amd64/compile: cannot allocate memory":                       true,
		`fork/exec C:\go\pkg\tool\compile.exe: The paging file is too small for this operation to complete.`: true,
		"gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.":                    true,
		"collect2: fatal error: ld terminated with signal 9 [Killed]":                                        true,
		"cc1: out of memory allocating 65536 bytes after a total of 1 bytes":                                 true,
		"./main.go:3:2: undefined: killed":                                                                   false,
	} {
		if got := ShortOfMemory(&process.CommandError{
			Args:   []string{"go", "build"},
			Output: output,
			Err:    errors.New("exit status 1"),
		}); got != want {
			t.Errorf("%q: %v", output, got)
		}
	}
}

func TestShorten(t *testing.T) {
	dirs := map[string]string{"/tmp/b": "$OUT", "/src": "."}
	got := shorten("/tmp/b/x.go:1: a\n/src/y.go:2: b\n", dirs)
	if strings.Contains(got, "/tmp") || !strings.Contains(got, "./y.go:2: b") && !strings.Contains(got, `.\y.go`) {
		t.Errorf("got %q", got)
	}
}

// An import of a module that go.mod does not require is one short error, in the go command's
// own words. The plan finds it for the first target, and the compiler for the others.
func TestMissingRequirement(t *testing.T) {
	const where = ":3:8: cannot find module providing package example.org/missing: " +
		"import lookup disabled by -mod=readonly"
	tidy := problem.Run("go mod tidy").For("then commit go.mod and go.sum")
	missing := "package main\n\nimport _ \"example.org/missing\"\n"

	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":             goMod,
		"main.go":            mainFile,
		"windows_windows.go": missing,
	})
	ws := open(t, options(dir))
	spec := &Spec{Targets: []string{"linux/amd64", "windows/amd64"}}
	p, err := NewPlan(t.Context(), ws, spec)
	if err != nil {
		t.Fatal(err)
	}

	out := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Compile(t.Context(), ws, p, p.Builds[1], out, limit.Share{Processes: 1})
	if err == nil {
		t.Fatal("it was compiled")
	}
	check := func(file string, err error) {
		t.Helper()
		if err == nil || err.Error() != file+where {
			t.Errorf("got %v, expected %s%s", err, file, where)
		}
		if got := problem.RemedyOf(err); !cmp.Equal(got, tidy) {
			t.Errorf("got %+v", got)
		}
		if at := problem.PositionOf(err); at.File != file || at.Line != 3 || at.Column != 8 {
			t.Errorf("got %+v", at)
		}
	}
	check("windows_windows.go", err)

	// The plan finds it where it has to ask for the imports of all targets anyway.
	gittest.WriteFiles(t, dir, map[string]string{".git/info/exclude": "ignored\n", "ignored": ""})
	_, err = NewPlan(t.Context(), ws, spec)
	check("windows_windows.go", err)

	// It says the same there as for the first target.
	gittest.WriteFiles(t, dir, map[string]string{
		"windows_windows.go": "package main\n\nimport _ \"example.com/tool/gen\"\n",
	})
	_, err = NewPlan(t.Context(), ws, spec)
	const gone = "windows_windows.go:3:8: package example.com/tool/gen is missing: gen does not exist"
	if err == nil || err.Error() != gone {
		t.Errorf("got %v, expected %s", err, gone)
	}

	gittest.WriteFiles(t, dir, map[string]string{"windows_windows.go": missing, "main.go": missing + "\nfunc main() {}\n"})
	gittest.Run(t, dir, "commit", "--quiet", "--all", "--message=second")
	_, err = NewPlan(t.Context(), open(t, options(dir)), spec)
	check("main.go", err)
}
