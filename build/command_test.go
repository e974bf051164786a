package build

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The whole command line and environment of a build, for each kind of target. The
// name says what is particular.
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
			build: Build{Target: Target{"linux", "amd64", ""}, Mains: tool, LDFlags: "-s -w"},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-ldflags=-s -w", "-o", "/out/",
				"example.com/tool"},
			env: []string{"GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0"},
		},
		{
			name:  "linux_arm_6_level",
			plan:  Plan{Mod: "readonly"},
			build: Build{Target: Target{"linux", "arm", "6"}, Mains: tool},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-ldflags=", "-o", "/out/",
				"example.com/tool"},
			env: []string{"GOOS=linux", "GOARCH=arm", "GOARM=6", "CGO_ENABLED=0"},
		},
		{
			name: "linux_s390x_no_levels_vendor_all_flags_two_programs",
			plan: Plan{Mod: "vendor", GCFlags: "-l"},
			build: Build{Target: Target{"linux", "s390x", ""}, Mains: append(tool, Main{Name: "d", ImportPath: "example.com/tool/cmd/d"}),
				Tags: "a,b", LDFlags: "-X main.v=a b"},
			args: []string{"go", "build", "-trimpath", "-mod=vendor", "-buildvcs=true", "-tags=a,b", "-gcflags=-l", "-ldflags=-X main.v=a b",
				"-o", "/out/", "example.com/tool", "example.com/tool/cmd/d"},
			env: []string{"GOOS=linux", "GOARCH=s390x", "CGO_ENABLED=0"},
		},
		{
			name: "linux_arm64_cgo",
			plan: Plan{Mod: "readonly"},
			build: Build{Target: Target{"linux", "arm64", ""}, Mains: tool, Tags: "netgo,osusergo", LDFlags: "-linkmode=external -extldflags=-static",
				CC: &Compiler{CC: "zig cc -target aarch64-linux-musl", CXX: "zig c++ -target aarch64-linux-musl"}},
			args: []string{"go", "build", "-trimpath", "-mod=readonly", "-buildvcs=true", "-tags=netgo,osusergo",
				"-ldflags=-linkmode=external -extldflags=-static", "-o", "/out/", "example.com/tool"},
			env: []string{"GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0", "CGO_ENABLED=1",
				"CC=zig cc -target aarch64-linux-musl", "CXX=zig c++ -target aarch64-linux-musl",
				"CGO_CFLAGS=-O2 -g", "CGO_CXXFLAGS=-O2 -g", "CGO_FFLAGS=-O2 -g", "CGO_LDFLAGS=-O2 -g", "CGO_CPPFLAGS="},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := test.plan.Command(test.build, "/out")
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

// Every architecture that has levels gets an explicit one, so that neither the
// environment nor `go env -w` decides.
func TestLevelIsAlwaysExplicit(t *testing.T) {
	for arch, v := range levelVars {
		env := Target{OS: "linux", Arch: arch}.env()
		if want := v.name + "=" + v.def; !slices.Contains(env, want) {
			t.Errorf("%s: no %s in %q", arch, want, env)
		}
		if err := checkLevel(arch, v.def); err != nil {
			t.Errorf("%s: the default is refused: %v", arch, err)
		}
	}
}

func TestCommandErrorIsItsOutput(t *testing.T) {
	err := &CommandError{Args: []string{"go", "build", "x"}, Output: "main.go:1:1: oops"}
	if got := err.Error(); got != "main.go:1:1: oops" {
		t.Errorf("got %q", got)
	}
	if got := shorten("/tmp/b/x.go:1: a\n/src/y.go:2: b\n", map[string]string{"/tmp/b": "$OUT", "/src": "."}); strings.Contains(got, "/tmp") || !strings.Contains(got, "./y.go:2: b") && !strings.Contains(got, `.\y.go`) {
		t.Errorf("got %q", got)
	}
}

// What a command writes is held in memory, so that there is an end to it.
func TestOutputIsBounded(t *testing.T) {
	b := bounded{left: 10}
	if n, err := b.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("10 bytes: %d, %v", n, err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, errTooMuch) {
		t.Errorf("one more: %v", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("there is no yes command")
	}
	_, _, err := Command{Args: []string{"yes", strings.Repeat("x", 4096)}}.run(t.Context(), os.Environ())
	if !errors.Is(err, errTooMuch) {
		t.Errorf("endless output: %.100q", fmt.Sprint(err))
	}
}
