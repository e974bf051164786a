package static

import (
	"cmp"
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

// programs holds the source of the programs that the tests build. Two of them use the packages
// for which Go needs libraries on some systems.
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
	builtFile = map[string]string{} // the paths of the programs that are built
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

// build builds a program for a target and returns its path. env is added to the environment and
// args to the arguments of go build. Every program is built only once.
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
	files := map[string]string{
		"main.go": programs[program],
		"go.mod":  "module example.org/" + program + "\n\ngo 1.26\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	name := fmt.Sprintf("%d_%s_%s", len(builtFile), program, strings.ReplaceAll(target, "/", "_"))
	path := filepath.Join(buildDir, name)
	goos, goarch, _ := strings.Cut(target, "/")
	argv := slices.Concat([]string{"build", "-buildvcs=false", "-o", path}, args, []string{"."})
	cmd := exec.Command("go", argv...)
	cmd.Dir = source
	cmd.Env = slices.Concat(os.Environ(), []string{
		"GOFLAGS=",
		"GOWORK=off",
		"GOOS=" + goos,
		"GOARCH=" + goarch,
		"CGO_ENABLED=0",
	}, env)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", key, err, out)
	}
	builtFile[key] = path
	return path
}

// target is what a program must look like that Go builds with CGO_ENABLED=0.
type target struct {
	name        string // GOOS/GOARCH
	claim       string
	interpreter string
	needed      []string
}

// Libraries that Go 1.26.8 needs for net and os/user, as measured. The table of claims allows them.
var (
	windowsNeeds = []string{"kernel32.dll"}
	darwinNeeds  = []string{"/usr/lib/libSystem.B.dylib", "/usr/lib/libresolv.9.dylib"}
	openbsdNeeds = []string{"libc.so", "libpthread.so"}
	solarisNeeds = []string{"libsendfile.so", "libsocket.so", "libc.so"}
	aixNeeds     = []string{"libc.a(shr_64.o)", "libpthread.a(shr_xpg5_64.o)"}
)

// targets lists what Go builds for each target. See someTargets.
var targets = []target{
	{"linux/amd64", "static", "", nil},
	{"windows/amd64", "system libraries only", "", windowsNeeds},
	{"darwin/arm64", "system libraries only", "/usr/lib/dyld", darwinNeeds},
	{"openbsd/amd64", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"wasip1/wasm", "host imports only", "", []string{"wasi_snapshot_preview1"}},

	{"aix/ppc64", "as it is", "", aixNeeds},
	{"android/arm64", "as it is", "/system/bin/linker64", nil},
	{"darwin/amd64", "system libraries only", "/usr/lib/dyld", darwinNeeds},
	{"dragonfly/amd64", "static", "", nil},
	{"freebsd/386", "static", "", nil},
	{"freebsd/amd64", "static", "", nil},
	{"freebsd/arm", "static", "", nil},
	{"freebsd/arm64", "static", "", nil},
	{"illumos/amd64", "system libraries only", "/lib/amd64/ld.so.1", solarisNeeds},
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
	{"openbsd/386", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"openbsd/arm", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"openbsd/arm64", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"openbsd/ppc64", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"openbsd/riscv64", "system libraries only", "/usr/libexec/ld.so", openbsdNeeds},
	{"plan9/386", "as it is", "", nil},
	{"plan9/amd64", "as it is", "", nil},
	{"plan9/arm", "as it is", "", nil},
	{"solaris/amd64", "system libraries only", "/lib/amd64/ld.so.1", solarisNeeds},
	{"windows/386", "system libraries only", "", windowsNeeds},
	{"windows/arm64", "system libraries only", "", windowsNeeds},
}

// someTargets returns the first five targets. With GSR_ALL_TARGETS=1 it returns all of them,
// which take 15 s each to build with an empty build cache: pass -timeout 30m to go test.
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
			if f.Arch != goarch || f.Interpreter != want.interpreter || f.Stripped {
				t.Errorf("read %+v, want %+v", *f, want)
			}
			if !slices.Equal(f.Needed, want.needed) || f.Optional != nil {
				t.Errorf("read %+v, want %+v", *f, want)
			}
			if f.WriteExec || f.ExecStack {
				t.Errorf("writable and executable %v, executable stack %v", f.WriteExec, f.ExecStack)
			}

			v := Judge(goos, f)
			if !v.OK || v.Claim != want.claim {
				t.Errorf("verdict %+v, want %q", v, want.claim)
			}
			for other, claim := range claims {
				if claim.format != f.Format && Judge(other, f).OK {
					t.Errorf("runs on %s, too", other)
				}
			}

			stripped, err := Open(build(t, "net", want.name, nil, "-ldflags=-s -w"))
			if err != nil || !stripped.Stripped {
				t.Errorf("with -s -w: %+v, %v", stripped, err)
			}
			measureReads(t, path)
		})
	}
}

// measureReads checks that little of a file is read.
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

// TestGoVariants reads what Go builds for linux/amd64 in the ways that release workflows use.
// The verdicts were found by starting the programs on other systems.
func TestGoVariants(t *testing.T) {
	const (
		pureGo           = "-tags=netgo,osusergo"
		linkStatic       = "-ldflags=-linkmode external -extldflags -static"
		linkStaticPIE    = "-ldflags=-linkmode external -extldflags -static-pie"
		glibcInterpreter = "interpreter /lib64/ld-linux-x86-64.so.2"
	)
	cgo := []string{"CGO_ENABLED=1"}
	musl := []string{"CGO_ENABLED=1", "CC=musl-gcc"}
	needsGlibc := []string{glibcInterpreter, "needs libc.so.6"}

	tests := []struct {
		name     string
		compiler string // skip the test without it
		program  string
		env      []string
		args     []string
		ok       bool
		claim    string   // claimStatic if empty
		kind     string   // Executable if empty
		reasons  []string // the beginning of each
		warns    bool     // about glibc's name service
	}{
		{
			name:    "without cgo",
			program: "net",
			ok:      true,
		},
		{
			name:    "pie without cgo",
			program: "net",
			args:    []string{"-buildmode=pie"},
			kind:    PIE,
			reasons: []string{glibcInterpreter},
		},
		{
			name:     "cgo is on",
			compiler: "gcc",
			program:  "net",
			env:      cgo,
			reasons:  needsGlibc,
		},
		{
			name:     "cgo",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			reasons:  needsGlibc,
		},
		{
			name:     "cgo is on, -extldflags without -linkmode",
			compiler: "gcc",
			program:  "net",
			env:      cgo,
			args:     []string{"-ldflags=-extldflags=-static"},
			reasons:  needsGlibc,
		},
		{
			name:     "cgo is on, netgo",
			compiler: "gcc",
			program:  "net",
			env:      cgo,
			args:     []string{"-tags=netgo"},
			reasons:  needsGlibc,
		},
		{
			name:     "cgo is on, netgo and osusergo",
			compiler: "gcc",
			program:  "net",
			env:      cgo,
			args:     []string{pureGo},
			ok:       true,
		},
		{
			name:     "cgo, netgo and osusergo",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			args:     []string{pureGo},
			reasons:  needsGlibc,
		},
		{
			name:     "cgo, static",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			args:     []string{linkStatic},
			ok:       true,
			warns:    true,
		},
		{
			name:     "cgo, static, netgo and osusergo",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			args:     []string{pureGo, linkStatic},
			ok:       true,
		},
		{
			name:     "cgo, static-pie",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			args:     []string{"-buildmode=pie", pureGo, linkStaticPIE},
			ok:       true,
			claim:    claimStaticPIE,
			kind:     StaticPIE,
		},
		{
			name:     "c-shared",
			compiler: "gcc",
			program:  "cgo",
			env:      cgo,
			args:     []string{"-buildmode=c-shared"},
			kind:     Library,
			reasons:  []string{"shared library, not a program", "needs libc.so.6"},
		},
		{
			name:     "musl",
			compiler: "musl-gcc",
			program:  "cgo",
			env:      musl,
			reasons:  []string{"interpreter /lib/ld-musl-", "needs libc.so"},
		},
		{
			name:     "musl, static",
			compiler: "musl-gcc",
			program:  "cgo",
			env:      musl,
			args:     []string{linkStatic},
			ok:       true,
		},
		{
			name:     "musl, static-pie",
			compiler: "musl-gcc",
			program:  "cgo",
			env:      musl,
			args:     []string{"-buildmode=pie", linkStaticPIE},
			kind:     PIE,
			reasons:  []string{"interpreter /lib/ld-musl-"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			needCompiler(t, test.compiler)
			path := build(t, test.program, "linux/amd64", test.env, test.args...)
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}

			if kind := cmp.Or(test.kind, Executable); f.Kind != kind {
				t.Errorf("kind %q, want %q", f.Kind, kind)
			}
			v := Judge("linux", f)
			claim := cmp.Or(test.claim, claimStatic)
			if v.OK != test.ok || v.Claim != claim || (len(v.Warnings) > 0) != test.warns {
				t.Errorf("verdict %+v of %+v", v, *f)
			}
			if len(v.Reasons) < len(test.reasons) {
				t.Fatalf("reasons %q, want %q", v.Reasons, test.reasons)
			}
			for i, reason := range test.reasons {
				if !strings.HasPrefix(v.Reasons[i], reason) {
					t.Errorf("reason %q, want %q", v.Reasons[i], reason)
				}
			}
			testTruncations(t, path, "linux")
		})
	}
}

// needCompiler skips a test unless there is a C compiler for linux/amd64, which builds for
// glibc or musl, and a glibc to link statically.
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

	machine, err := exec.Command("gcc", "-dumpmachine").Output()
	if err != nil || strings.Contains(string(machine), "musl") {
		t.Skipf("gcc is not for glibc: %s %v", machine, err)
	}
	libc, err := exec.Command("gcc", "-print-file-name=libc.a").Output()
	if err != nil || !filepath.IsAbs(strings.TrimSpace(string(libc))) {
		t.Skip("no static glibc (libc.a) is installed")
	}
}

// TestForeignHostImport builds a wasm program that imports more than its platform provides.
func TestForeignHostImport(t *testing.T) {
	path := build(t, "env", "wasip1/wasm", nil)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	v := Judge("wasip1", f)
	if v.OK || !slices.Equal(v.Reasons, []string{"needs env"}) {
		t.Errorf("verdict %+v", v)
	}
	testTruncations(t, path, "wasip1")
}

// TestFloat checks how 32-bit MIPS programs compute with floating-point numbers. The kernel or
// the emulator must support it.
func TestFloat(t *testing.T) {
	for _, float := range []string{"hardfloat", "softfloat"} {
		f, err := Open(build(t, "empty", "linux/mipsle", []string{"GOMIPS=" + float}))
		if err != nil || f.Float != float {
			t.Errorf("%s: %+v, %v", float, f, err)
		}
	}
}
