package cc

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
)

// Which C compilers are tried for a target, on which machine, the best first.
func TestCandidates(t *testing.T) {
	linux := target.Target{OS: "linux", Arch: "amd64"}
	mac := target.Target{OS: "darwin", Arch: "arm64"}
	windows := target.Target{OS: "windows", Arch: "amd64"}
	for _, test := range []struct {
		target, host target.Target
		want         string
	}{
		{
			target: target.Target{OS: "linux", Arch: "amd64"},
			host:   linux,
			want:   "x86_64-linux-musl-gcc, musl-gcc, zig cc -target x86_64-linux-musl, x86_64-linux-gnu-gcc, gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "amd64", Level: "v3"},
			host:   mac,
			want:   "x86_64-linux-musl-gcc, zig cc -target x86_64-linux-musl, x86_64-linux-gnu-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "386"},
			host:   linux,
			want:   "i686-linux-musl-gcc, zig cc -target x86-linux-musl, i686-linux-gnu-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "arm64"},
			host:   linux,
			want:   "aarch64-linux-musl-gcc, zig cc -target aarch64-linux-musl, aarch64-linux-gnu-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "arm"},
			host:   linux,
			want:   "arm-linux-musleabihf-gcc, zig cc -target arm-linux-musleabihf, arm-linux-gnueabihf-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "arm", Level: "6"},
			host:   linux,
			want:   "arm-linux-musleabihf-gcc", // gnueabihf would make ARMv7
		},
		{
			target: target.Target{OS: "linux", Arch: "arm", Level: "5"},
			host:   linux,
			want:   "arm-linux-musleabi-gcc, arm-linux-gnueabi-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "mips64le"},
			host:   linux,
			want:   "mips64el-linux-musl-gcc, zig cc -target mips64el-linux-musl, mips64el-linux-gnuabi64-gcc",
		},
		{
			target: target.Target{OS: "linux", Arch: "mips", Level: "softfloat"},
			host:   linux,
		},
		{
			target: target.Target{OS: "windows", Arch: "amd64"},
			host:   linux,
			want:   "x86_64-w64-mingw32-gcc, zig cc -target x86_64-windows-gnu",
		},
		{
			target: target.Target{OS: "windows", Arch: "amd64"},
			host:   windows,
			want:   "x86_64-w64-mingw32-gcc, zig cc -target x86_64-windows-gnu, gcc",
		},
		{
			target: target.Target{OS: "darwin", Arch: "amd64"},
			host:   mac,
			want:   "clang -arch x86_64",
		},
		{
			target: target.Target{OS: "darwin", Arch: "amd64"},
			host:   linux,
		},
		{
			target: target.Target{OS: "freebsd", Arch: "amd64"},
			host:   linux,
		},
	} {
		if got := strings.Join(candidates(test.target, test.host), ", "); got != test.want {
			t.Errorf("%s on %s: got %q, want %q", test.target, test.host, got, test.want)
		}
	}
}

func TestForCXX(t *testing.T) {
	for cc, want := range map[string]string{
		"musl-gcc":                          "musl-g++",
		"/opt/x/aarch64-linux-musl-gcc -O1": "/opt/x/aarch64-linux-musl-g++ -O1",
		"gcc-12":                            "g++-12",
		"clang-15 -O1":                      "clang++-15 -O1",
		"zig cc -target x86-linux-musl":     "zig c++ -target x86-linux-musl",
		"clang -arch arm64":                 "clang++ -arch arm64",
		"tcc":                               "",
		"cc":                                "",
	} {
		if got := forCXX(cc); got != want {
			t.Errorf("%s: got %q, want %q", cc, got, want)
		}
	}
}

// The last choice that matches a target counts. A pattern may leave out the level.
func TestChoices(t *testing.T) {
	choices := []Choice{{"linux/*", "a"}, {"linux/arm", "b"}, {"linux/arm/6", "c"}, {"windows/amd64", "d"}}
	for target, want := range map[target.Target]string{
		{OS: "linux", Arch: "amd64", Level: "v3"}: "a",
		{OS: "linux", Arch: "arm"}:                "b",
		{OS: "linux", Arch: "arm", Level: "7"}:    "b",
		{OS: "linux", Arch: "arm", Level: "6"}:    "c",
		{OS: "darwin", Arch: "arm64"}:             "",
	} {
		if got := ChoiceFor(target, choices); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	ps := CheckChoices(choices, []target.Target{{OS: "linux", Arch: "arm", Level: "7"}})
	want := "linux/arm/6=c is for none of the targets\nwindows/amd64=d is for none of the targets"
	if got := ps.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A compiler is judged by the program that it makes.
func TestCompilerIsTried(t *testing.T) {
	if _, err := exec.LookPath("musl-gcc"); err != nil {
		t.Skip("musl-gcc is not installed (musl-tools)")
	}
	amd64 := target.Target{OS: "linux", Arch: "amd64"}
	c, err := Find(t.Context(), Request{Target: amd64, Choice: "musl-gcc", Environ: os.Environ()})
	if err != nil || c.CXX != "musl-g++" || !strings.Contains(c.Version, "gcc") {
		t.Fatalf("got %+v, %v", c, err)
	}
	for _, test := range []struct{ target, cc, want string }{
		{"arm64", "musl-gcc", "it makes programs for amd64 (EM_X86_64)"},
		{"amd64", "musl-gcc -nostdlib -shared", "musl-gcc -nostdlib -shared: "},
		{"amd64", "musl-gcc -lnone", "musl-gcc -lnone: "},
		{"amd64", "true", "it exits 0 but writes no program"},
		{"amd64", "echo error: \x1b[31mbad", "it exits 0 but writes no program"},
		{"amd64", "../cgo/cc", "not installed: ../cgo/cc"},
		{"amd64", "gcc -Wl,--no-warnings", "without the warning about libraries that are loaded at run time"},
	} {
		_, err := Find(t.Context(), Request{
			Target:  target.Target{OS: "linux", Arch: test.target},
			Choice:  test.cc,
			Environ: os.Environ(),
		})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s for %s: %v", test.cc, test.target, err)
		}
	}
}

// The output of go build with a linker's warnings for two programs.
func TestGlibcLoads(t *testing.T) {
	const output = `# example.com/a
/usr/bin/ld: /tmp/go-link-1/000025.o: in function 'x':
/_/GOROOT/src/os/user/cgo_lookup_cgo.go:45: warning: Using 'getgrgid_r' in statically linked applications requires at runtime the shared libraries from the glibc version used for linking
main.c:3: warning: Using 'dlopen' in statically linked applications requires at runtime the shared libraries from the glibc version used for linking
main.c:9: warning: Using 'dlopen' in statically linked applications requires at runtime the shared libraries from the glibc version used for linking
# example.com/b
main.c:3: warning: unused variable
`
	want := map[string][]string{"example.com/a": {"getgrgid_r", "dlopen"}}
	if diff := cmp.Diff(want, GlibcLoads(output)); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// Missing compilers have one remedy for each system, for all targets together.
func TestExplain(t *testing.T) {
	var missing []*Missing
	for _, name := range []string{"linux/s390x", "linux/mips64le", "windows/386", "windows/arm64", "darwin/arm64"} {
		os, arch, _ := strings.Cut(name, "/")
		missing = append(missing, &Missing{
			Request: Request{
				Target:   target.Target{OS: os, Arch: arch},
				Packages: []string{"example.com/c"},
			},
			Reasons: []string{"no"},
		})
	}

	apt := "sudo apt-get install -y gcc-s390x-linux-gnu gcc-mips64el-linux-gnuabi64 gcc-mingw-w64-i686"
	want := problem.Lines(
		problem.On("Debian and Ubuntu", problem.There(
			problem.Step("- run: sudo apt-get update && "+apt),
			problem.Run(apt),
		)),
		problem.On("Alpine", problem.There(
			problem.Step("- run: apk add zig i686-mingw-w64-gcc"),
			problem.Run("apk add zig i686-mingw-w64-gcc"),
		)),
		problem.On("macOS", problem.There(
			problem.Step("- run: brew install zig mingw-w64"),
			problem.Run("brew install zig mingw-w64"),
		)),
		problem.There(
			problem.Advise("runs-on: macos-latest").For("for darwin; zig and mingw-w64 make the others there"),
			problem.Advise("build on macOS, for darwin; zig and mingw-w64 make the others there"),
		),
	)
	if diff := cmp.Diff(want, Explain(missing).Remedy); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}
