package static

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The programs that the tests build. Each uses the packages for which Go needs libraries on some systems.
var programs = map[string]string{
	"net": `package main

import (
	"fmt"
	"net"
	"os/user"
)

func main() {
	fmt.Println(user.Current())
	fmt.Println(net.LookupHost("localhost"))
}
`,
	"cgo": `package main

// static int answer(void) { return 42; }
import "C"

import (
	"fmt"
	"net"
	"os/user"
)

//export Answer
func Answer() int { return int(C.answer()) }

func main() {
	fmt.Println(Answer())
	fmt.Println(user.Current())
	fmt.Println(net.LookupHost("localhost"))
}
`,
	"empty": `package main

func main() {}
`,
	"env": `package main

//go:wasmimport env answer
func answer() int32

func main() { println(answer()) }
`,
}

var (
	buildDir  string // where programs are built; TestMain removes it
	builtMu   sync.Mutex
	builtFile = map[string]string{}
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "static-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds a program for a target, with arguments for go build and settings for its environment,
// and returns its path. What was built before is not built again.
func build(t *testing.T, program, target string, env []string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: nothing is built")
	}
	builtMu.Lock()
	defer builtMu.Unlock()
	key := strings.Join(slices.Concat([]string{program, target}, env, args), " ")
	if path, ok := builtFile[key]; ok {
		return path
	}
	source := filepath.Join(buildDir, program)
	if err := os.MkdirAll(source, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"main.go": programs[program], "go.mod": "module example.org/" + program + "\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	goos, goarch, _ := strings.Cut(target, "/")
	path := filepath.Join(buildDir, fmt.Sprintf("%d_%s_%s", len(builtFile), program, strings.ReplaceAll(target, "/", "_")))
	cmd := exec.Command("go", slices.Concat([]string{"build", "-buildvcs=false", "-o", path}, args, []string{"."})...)
	cmd.Dir = source
	cmd.Env = slices.Concat(os.Environ(), []string{"GOFLAGS=", "GOWORK=off", "GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"}, env)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", key, err, out)
	}
	builtFile[key] = path
	return path
}

// target is what is expected of a program that Go builds with CGO_ENABLED=0.
type target struct {
	name        string // GOOS/GOARCH
	claim       string
	interpreter string
	needed      []string
}

// targets is the measured table, for Go 1.26.8: what net and os/user need. The table of claims allows this.
// TestGoTargets builds the first five. GSR_ALL_TARGETS=1 builds all, 15 s each where nothing is cached: for
// that, go test wants -timeout 30m.
var targets = []target{
	{"linux/amd64", "static", "", nil},
	{"windows/amd64", "system libraries only", "", []string{"kernel32.dll"}},
	{"darwin/arm64", "system libraries only", "/usr/lib/dyld", []string{"/usr/lib/libSystem.B.dylib", "/usr/lib/libresolv.9.dylib"}},
	{"openbsd/amd64", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"wasip1/wasm", "host imports only", "", []string{"wasi_snapshot_preview1"}},

	{"aix/ppc64", "as it is", "", []string{"libc.a(shr_64.o)", "libpthread.a(shr_xpg5_64.o)"}},
	{"android/arm64", "as it is", "/system/bin/linker64", nil},
	{"darwin/amd64", "system libraries only", "/usr/lib/dyld", []string{"/usr/lib/libSystem.B.dylib", "/usr/lib/libresolv.9.dylib"}},
	{"dragonfly/amd64", "static", "", nil},
	{"freebsd/386", "static", "", nil},
	{"freebsd/amd64", "static", "", nil},
	{"freebsd/arm", "static", "", nil},
	{"freebsd/arm64", "static", "", nil},
	{"illumos/amd64", "system libraries only", "/lib/amd64/ld.so.1", []string{"libsendfile.so", "libsocket.so", "libc.so"}},
	{"js/wasm", "host imports only", "", []string{"gojs"}},
	{"linux/386", "static", "", nil},
	{"linux/arm", "static", "", nil},
	{"linux/arm64", "static", "", nil},
	{"linux/loong64", "static", "", nil},
	{"linux/mips", "static", "", nil},
	{"linux/mips64", "static", "", nil},
	{"linux/mips64le", "static", "", nil},
	{"linux/mipsle", "static", "", nil},
	{"linux/ppc64", "static", "", nil},
	{"linux/ppc64le", "static", "", nil},
	{"linux/riscv64", "static", "", nil},
	{"linux/s390x", "static", "", nil},
	{"netbsd/386", "static", "", nil},
	{"netbsd/amd64", "static", "", nil},
	{"netbsd/arm", "static", "", nil},
	{"netbsd/arm64", "static", "", nil},
	{"openbsd/386", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"openbsd/arm", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"openbsd/arm64", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"openbsd/ppc64", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"openbsd/riscv64", "system libraries only", "/usr/libexec/ld.so", []string{"libc.so", "libpthread.so"}},
	{"plan9/386", "as it is", "", nil},
	{"plan9/amd64", "as it is", "", nil},
	{"plan9/arm", "as it is", "", nil},
	{"solaris/amd64", "system libraries only", "/lib/amd64/ld.so.1", []string{"libsendfile.so", "libsocket.so", "libc.so"}},
	{"windows/386", "system libraries only", "", []string{"kernel32.dll"}},
	{"windows/arm64", "system libraries only", "", []string{"kernel32.dll"}},
}

// someTargets is the targets to be built: five, or all.
func someTargets() []target {
	if os.Getenv("GSR_ALL_TARGETS") != "" {
		return targets
	}
	return targets[:5]
}

// TestGoTargets reads what Go builds for other systems.
func TestGoTargets(t *testing.T) {
	for _, want := range someTargets() {
		t.Run(want.name, func(t *testing.T) {
			path := build(t, "net", want.name, nil)
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			goos, goarch, _ := strings.Cut(want.name, "/")
			if f.Arch != goarch || f.Interpreter != want.interpreter || !slices.Equal(f.Needed, want.needed) || f.Optional != nil || f.Stripped {
				t.Errorf("read %+v, want %+v", *f, want)
			}
			if f.WriteExec || f.ExecStack {
				t.Errorf("writable and executable %v, executable stack %v", f.WriteExec, f.ExecStack)
			}
			v := Judge(goos, f)
			if !v.OK || v.Claim != want.claim {
				t.Errorf("verdict %+v, want %q", v, want.claim)
			}
			for other := range claims {
				if claims[other].format != f.Format && Judge(other, f).OK {
					t.Errorf("runs on %s too", other)
				}
			}
			if f, err := Open(build(t, "net", want.name, nil, "-ldflags=-s -w")); err != nil || !f.Stripped {
				t.Errorf("with -s -w: %+v, %v", f, err)
			}
			measureReads(t, path)
		})
	}
}

// measureReads wants little of a file to be read.
func measureReads(t *testing.T, path string) {
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	count := &countingReader{r: r}
	if _, err := Read(count, size); err != nil {
		t.Fatal(err)
	}
	t.Logf("read %d of %d bytes in %d reads", count.bytes, size, count.reads)
	if count.bytes > 100<<10 || count.reads > 1000 {
		t.Errorf("read %d bytes in %d reads", count.bytes, count.reads)
	}
}

// TestGoVariants reads what Go builds for linux/amd64, in each of the ways that release workflows have
// been seen to use, with the verdict that was found by starting the result on other systems.
func TestGoVariants(t *testing.T) {
	cgo := []string{"CGO_ENABLED=1"}
	musl := []string{"CGO_ENABLED=1", "CC=musl-gcc"}
	glibc := []string{"interpreter /lib64/ld-linux-x86-64.so.2", "needs libc.so.6"}
	tests := []struct {
		name     string
		compiler string // has to be there
		program  string
		env      []string
		args     []string
		ok       bool
		claim    string
		kind     string
		reasons  []string // the beginning of each
		warns    bool     // of glibc's name service
	}{
		{"without cgo", "", "net", nil, nil, true, "static", Executable, nil, false},
		{"pie without cgo", "", "net", nil, []string{"-buildmode=pie"}, false, "static", PIE, []string{"interpreter /lib64/ld-linux-x86-64.so.2"}, false},
		{"cgo is on", "gcc", "net", cgo, nil, false, "static", Executable, glibc, false},
		{"cgo", "gcc", "cgo", cgo, nil, false, "static", Executable, glibc, false},
		{"cgo is on, -extldflags without -linkmode", "gcc", "net", cgo, []string{"-ldflags=-extldflags=-static"}, false, "static", Executable, glibc, false},
		{"cgo is on, netgo", "gcc", "net", cgo, []string{"-tags=netgo"}, false, "static", Executable, glibc, false},
		{"cgo is on, netgo and osusergo", "gcc", "net", cgo, []string{"-tags=netgo,osusergo"}, true, "static", Executable, nil, false},
		{"cgo, netgo and osusergo", "gcc", "cgo", cgo, []string{"-tags=netgo,osusergo"}, false, "static", Executable, glibc, false},
		{"cgo, static", "gcc", "cgo", cgo, []string{"-ldflags=-linkmode external -extldflags -static"}, true, "static", Executable, nil, true},
		{"cgo, static, netgo and osusergo", "gcc", "cgo", cgo, []string{"-tags=netgo,osusergo", "-ldflags=-linkmode external -extldflags -static"}, true, "static", Executable, nil, false},
		{"cgo, static-pie", "gcc", "cgo", cgo, []string{"-buildmode=pie", "-tags=netgo,osusergo", "-ldflags=-linkmode external -extldflags -static-pie"}, true, "static-pie", StaticPIE, nil, false},
		{"c-shared", "gcc", "cgo", cgo, []string{"-buildmode=c-shared"}, false, "static", Library, []string{"shared library, not a program", "needs libc.so.6"}, false},
		{"musl", "musl-gcc", "cgo", musl, nil, false, "static", Executable, []string{"interpreter /lib/ld-musl-", "needs libc.so"}, false},
		{"musl, static", "musl-gcc", "cgo", musl, []string{"-ldflags=-linkmode external -extldflags -static"}, true, "static", Executable, nil, false},
		{"musl, static-pie", "musl-gcc", "cgo", musl, []string{"-buildmode=pie", "-ldflags=-linkmode external -extldflags -static-pie"}, false, "static", PIE,
			[]string{"interpreter /lib/ld-musl-"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			needCompiler(t, test.compiler)
			path := build(t, test.program, "linux/amd64", test.env, test.args...)
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			v := Judge("linux", f)
			if v.OK != test.ok || v.Claim != test.claim || f.Kind != test.kind || len(v.Reasons) < len(test.reasons) || (len(v.Warnings) > 0) != test.warns {
				t.Fatalf("verdict %+v of %+v", v, *f)
			}
			for i, reason := range test.reasons {
				if !strings.HasPrefix(v.Reasons[i], reason) {
					t.Errorf("reason %q, want %q", v.Reasons[i], reason)
				}
			}
			truncations(t, path, "linux")
		})
	}
}

// needCompiler skips a test that needs a C compiler for glibc or musl on linux/amd64, and a libc to link statically.
func needCompiler(t *testing.T, compiler string) {
	if compiler == "" {
		return
	}
	if host := runtime.GOOS + "/" + runtime.GOARCH; host != "linux/amd64" {
		t.Skipf("%s builds for %s", compiler, host)
	}
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not installed", compiler)
	}
	if out, err := exec.Command("gcc", "-dumpmachine").Output(); err != nil || strings.Contains(string(out), "musl") {
		t.Skipf("gcc is not for glibc: %s %v", out, err)
	}
	if out, err := exec.Command("gcc", "-print-file-name=libc.a").Output(); err != nil || !filepath.IsAbs(strings.TrimSpace(string(out))) {
		t.Skip("no static glibc (libc.a) is installed")
	}
}

// TestForeignHostImport builds a wasm program that wants more than its platform gives.
func TestForeignHostImport(t *testing.T) {
	path := build(t, "env", "wasip1/wasm", nil)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if v := Judge("wasip1", f); v.OK || !slices.Equal(v.Reasons, []string{"needs env"}) {
		t.Errorf("verdict %+v", v)
	}
	truncations(t, path, "wasip1")
}

// TestFloat reads how 32-bit MIPS programs do floating point, which the kernel or the emulator decides by.
func TestFloat(t *testing.T) {
	for _, float := range []string{"hardfloat", "softfloat"} {
		f, err := Open(build(t, "empty", "linux/mipsle", []string{"GOMIPS=" + float}))
		if err != nil || f.Float != float {
			t.Errorf("%s: %+v, %v", float, f, err)
		}
	}
}
