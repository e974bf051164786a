package build

import (
	"context"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"

	"github.com/google/go-cmp/cmp"
)

// Which C compilers are tried for a target, on which machine, the best first.
func TestCandidates(t *testing.T) {
	linux, mac, windows := target.Target{OS: "linux", Arch: "amd64"}, target.Target{OS: "darwin", Arch: "arm64"}, target.Target{OS: "windows", Arch: "amd64"}
	for _, test := range []struct {
		target, host target.Target
		want         string
	}{
		{target.Target{OS: "linux", Arch: "amd64"}, linux, "x86_64-linux-musl-gcc, musl-gcc, zig cc -target x86_64-linux-musl, x86_64-linux-gnu-gcc, gcc"},
		{target.Target{OS: "linux", Arch: "amd64", Level: "v3"}, mac, "x86_64-linux-musl-gcc, zig cc -target x86_64-linux-musl, x86_64-linux-gnu-gcc"},
		{target.Target{OS: "linux", Arch: "386"}, linux, "i686-linux-musl-gcc, zig cc -target x86-linux-musl, i686-linux-gnu-gcc"},
		{target.Target{OS: "linux", Arch: "arm64"}, linux, "aarch64-linux-musl-gcc, zig cc -target aarch64-linux-musl, aarch64-linux-gnu-gcc"},
		{target.Target{OS: "linux", Arch: "arm"}, linux, "arm-linux-musleabihf-gcc, zig cc -target arm-linux-musleabihf, arm-linux-gnueabihf-gcc"},
		{target.Target{OS: "linux", Arch: "arm", Level: "6"}, linux, "arm-linux-musleabihf-gcc"}, // gnueabihf would make ARMv7
		{target.Target{OS: "linux", Arch: "arm", Level: "5"}, linux, "arm-linux-musleabi-gcc, arm-linux-gnueabi-gcc"},
		{target.Target{OS: "linux", Arch: "mips64le"}, linux, "mips64el-linux-musl-gcc, zig cc -target mips64el-linux-musl, mips64el-linux-gnuabi64-gcc"},
		{target.Target{OS: "linux", Arch: "mips", Level: "softfloat"}, linux, ""},
		{target.Target{OS: "windows", Arch: "amd64"}, linux, "x86_64-w64-mingw32-gcc, zig cc -target x86_64-windows-gnu"},
		{target.Target{OS: "windows", Arch: "amd64"}, windows, "x86_64-w64-mingw32-gcc, zig cc -target x86_64-windows-gnu, gcc"},
		{target.Target{OS: "darwin", Arch: "amd64"}, mac, "clang -arch x86_64"},
		{target.Target{OS: "darwin", Arch: "amd64"}, linux, ""},
		{target.Target{OS: "freebsd", Arch: "amd64"}, linux, ""},
	} {
		if got := strings.Join(candidates(test.target, test.host), ", "); got != test.want {
			t.Errorf("%s on %s: got %q, want %q", test.target, test.host, got, test.want)
		}
	}
}

func TestSister(t *testing.T) {
	for cc, want := range map[string]string{
		"musl-gcc": "musl-g++", "/opt/x/aarch64-linux-musl-gcc -O1": "/opt/x/aarch64-linux-musl-g++ -O1",
		"gcc-12": "g++-12", "clang-15 -O1": "clang++-15 -O1",
		"zig cc -target x86-linux-musl": "zig c++ -target x86-linux-musl", "clang -arch arm64": "clang++ -arch arm64", "tcc": "", "cc": "",
	} {
		if got := sister(cc); got != want {
			t.Errorf("%s: got %q, want %q", cc, got, want)
		}
	}
}

// What is given for a target wins, the last first; a pattern may leave the level out.
func TestGivenCompiler(t *testing.T) {
	given := []GivenCompiler{{"linux/*", "a"}, {"linux/arm", "b"}, {"linux/arm/6", "c"}, {"windows/amd64", "d"}}
	for target, want := range map[target.Target]string{
		{OS: "linux", Arch: "amd64", Level: "v3"}: "a", {OS: "linux", Arch: "arm"}: "b", {OS: "linux", Arch: "arm", Level: "7"}: "b", {OS: "linux", Arch: "arm", Level: "6"}: "c", {OS: "darwin", Arch: "arm64"}: "",
	} {
		if got := givenFor(target, given); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	ps := unusedCompilers(given, []target.Target{{OS: "linux", Arch: "arm", Level: "7"}})
	if len(ps) != 2 || !strings.HasPrefix(ps[0].Error(), "linux/arm/6=c is for none") || !strings.HasPrefix(ps[1].Error(), "windows/amd64=d is for none") {
		t.Errorf("got %v", ps)
	}
}

// A compiler is believed for what it makes.
func TestCompilerIsTried(t *testing.T) {
	if _, err := exec.LookPath("musl-gcc"); err != nil {
		t.Skip("musl-gcc is not installed (musl-tools)")
	}
	p := &Plan{}
	amd64 := target.Target{OS: "linux", Arch: "amd64"}
	c, err := p.compiler(context.Background(), amd64, "musl-gcc", nil)
	if err != nil || c.CXX != "musl-g++" || !strings.Contains(c.Version, "gcc") {
		t.Fatalf("got %+v, %v", c, err)
	}
	for _, test := range []struct{ target, cc, want string }{
		{"arm64", "musl-gcc", "it makes programs for amd64 (EM_X86_64)"},
		{"amd64", "musl-gcc -nostdlib -shared", "musl-gcc -nostdlib -shared: "},
		{"amd64", "musl-gcc -lnone", "musl-gcc -lnone: "},
		{"amd64", "true", "it ends well and makes no program"},
		{"amd64", "echo error: \x1b[31mbad", "it ends well and makes no program"},
		{"amd64", "../cgo/cc", "not installed: ../cgo/cc"},
		{"amd64", "gcc -Wl,--no-warnings", "without its warning of what that loads at run time"},
	} {
		_, err := p.compiler(context.Background(), target.Target{OS: "linux", Arch: test.target}, test.cc, nil)
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
	if diff := cmp.Diff(want, glibcLoads(output)); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// What users are told to do, in each case.
func TestRemedies(t *testing.T) {
	for _, test := range []struct {
		pkg  string
		cgo  bool
		want problem.Remedy
	}{
		{"github.com/mattn/go-sqlite3", false, problem.Either(
			problem.Advise("replace github.com/mattn/go-sqlite3 by modernc.org/sqlite or github.com/ncruces/go-sqlite3"),
			problem.Set("cgo", "static"),
		)},
		{"github.com/confluentinc/confluent-kafka-go/v2/kafka", true, problem.Either(
			problem.Advise("replace github.com/confluentinc/confluent-kafka-go by github.com/twmb/franz-go"),
		)},
		{"github.com/mattn/go-sqlite3x", true, problem.Either(problem.Advise("replace github.com/mattn/go-sqlite3x"))},
		{"example.com/x", false, problem.Either(problem.Set("cgo", "static"))},
		{"net", true, problem.Either(problem.Set("tags", "netgo"))},
	} {
		got := remedy(test.pkg, test.cgo)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +have):\n%s", test.pkg, diff)
		}
	}
	sqlite := &debug.BuildInfo{Deps: []*debug.Module{{Path: "example.com/y"}, {Path: "github.com/mattn/go-sqlite3"}}}
	if got := stubs(sqlite); len(got) != 1 || !strings.Contains(got[0].Remedy.Of[0].Text, "modernc.org/sqlite") {
		t.Errorf("got %+v", got)
	}
	arm := Binary{Target: target.Target{OS: "linux", Arch: "arm64"}, Loads: []string{"dlopen"}}
	if got := adviceForLoads(arm, sqlite); !cmp.Equal(got, problem.Set("tags", "sqlite_omit_load_extension")) {
		t.Errorf("got %+v", got)
	}
	arm.Loads = append(arm.Loads, "getaddrinfo") // which the tag does not help against
	if got := adviceForLoads(arm, sqlite); !cmp.Equal(got, problem.Set("cc", "linux/arm64=aarch64-linux-musl-gcc")) {
		t.Errorf("got %+v", got)
	}
}

// For all targets that lack a compiler, one line for each system says what to install.
func TestNoCompilers(t *testing.T) {
	var missing []*noCompiler
	for _, name := range []string{"linux/s390x", "linux/mips64le", "windows/386", "windows/arm64", "darwin/arm64"} {
		os, arch, _ := strings.Cut(name, "/")
		missing = append(missing, &noCompiler{target: target.Target{OS: os, Arch: arch}, packages: []node{{ImportPath: "example.com/c"}}, reasons: []string{"no"}})
	}
	ps := noCompilers(missing)
	want := []string{
		"sudo apt-get install -y gcc-s390x-linux-gnu gcc-mips64el-linux-gnuabi64 gcc-mingw-w64-i686 # on Debian and Ubuntu",
		"- run: sudo apt-get update && sudo apt-get install -y gcc-s390x-linux-gnu gcc-mips64el-linux-gnuabi64 gcc-mingw-w64-i686 # in a workflow, before this action",
		"apk add zig i686-mingw-w64-gcc # on Alpine",
		"brew install zig mingw-w64 # on macOS",
		"runs-on: macos-latest # in a workflow, for darwin; zig and mingw-w64 make the others there",
	}
	if len(ps) != 1 || !slices.Equal(strings.Split(ps[0].Remedy.Text, "\n"), want) {
		t.Errorf("got %v\n%s", ps, ps[0].Remedy.Text)
	}
}
