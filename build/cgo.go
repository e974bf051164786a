package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/static"
)

// A Compiler is a C compiler that was seen to make static programs for one target.
type Compiler struct {
	CC      string `json:"cc"`            // command line, as the go command takes it
	CXX     string `json:"cxx,omitempty"` // its sister for C++, "" if it has none by custom
	Version string `json:"version"`       // first line of what it says about itself
}

// A GivenCompiler is what the user says about the C compiler of some targets.
type GivenCompiler struct {
	Targets string // a pattern as in Spec.Targets
	CC      string
}

// env makes the go command use the compiler, and nothing else of the machine's settings
// for C: flags belong into the source (#cgo) or into CC. The flags are Go's own default,
// said against `go env -w`, without its -g: the debug information of C names the
// directory where the go command works, which has another name each time and is mapped
// to a fixed one only if it lies outside the module.
func (c *Compiler) env() []string {
	if c == nil {
		return []string{"CGO_ENABLED=0"}
	}
	env := []string{"CGO_ENABLED=1", "CC=" + c.CC}
	if c.CXX != "" {
		env = append(env, "CXX="+c.CXX)
	}
	for _, name := range []string{"CGO_CFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS"} {
		env = append(env, name+"=-O2")
	}
	return append(env, "CGO_CPPFLAGS=")
}

// cpus are the names that compilers have for a GOARCH, in what they call a triple.
var cpus = map[string]string{
	"386": "i686", "amd64": "x86_64", "arm": "arm", "arm64": "aarch64", "loong64": "loongarch64", "mips": "mips", "mipsle": "mipsel",
	"mips64": "mips64", "mips64le": "mips64el", "ppc64": "powerpc64", "ppc64le": "powerpc64le", "riscv64": "riscv64", "s390x": "s390x",
}

// abi is the end of a target's triple on Linux, for musl or gnu, and whether a compiler
// with that triple makes code for the target's level. Debian's gnueabihf is ARMv7, and
// nobody's default is soft floating point on MIPS.
func (t Target) abi(libc string) (suffix string, ok bool) {
	_, level := levelOf(t.Arch, t.Level)
	switch {
	case t.Arch == "arm" && level == "5":
		return libc + "eabi", true
	case t.Arch == "arm":
		return libc + "eabihf", level == "7" || libc == "musl"
	case strings.HasPrefix(t.Arch, "mips64") && libc == "gnu":
		return "gnuabi64", level != "softfloat"
	}
	return libc, level != "softfloat"
}

// candidates are the C compilers that could make static programs for t on the machine
// host, the best first: musl has no name service to load at run time. Each is tried.
func (t Target) candidates(host Target) (list []string) {
	cpu := cpus[t.Arch]
	zig := map[string]string{"i686": "x86"}[cpu]
	if zig == "" {
		zig = cpu
	}
	switch t.OS {
	case "linux":
		native := host.OS == "linux" && host.Arch == t.Arch
		if suffix, ok := t.abi("musl"); ok {
			list = append(list, cpu+"-linux-"+suffix+"-gcc")
			if native {
				list = append(list, "musl-gcc")
			}
			if _, level := levelOf(t.Arch, t.Level); t.Arch != "arm" || level == "7" { // for others zig wants a -mcpu
				list = append(list, "zig cc -target "+zig+"-linux-"+suffix)
			}
		}
		if suffix, ok := t.abi("gnu"); ok {
			list = append(list, cpu+"-linux-"+suffix+"-gcc")
			if native {
				list = append(list, "gcc") // on Alpine this is musl's
			}
		}
	case "windows":
		list = []string{cpu + "-w64-mingw32-gcc", "zig cc -target " + zig + "-windows-gnu"}
		if host.OS == t.OS && host.Arch == t.Arch {
			list = append(list, "gcc")
		}
	case "darwin":
		if host.OS == t.OS {
			arch := t.Arch
			if arch == "amd64" {
				arch = "x86_64"
			}
			list = []string{"clang -arch " + arch}
		}
	}
	return list
}

// A noCompiler is a target that needs a C compiler and has none.
type noCompiler struct {
	target   Target
	packages []string // that need it
	given    string   // the one that the user gave, ""
	reasons  []string // for each that was tried
}

func (e *noCompiler) Error() string {
	return fmt.Sprintf("%s: %s", e.target, strings.Join(e.reasons, "; "))
}

// compiler finds and tries a C compiler for t: the one given, else the first that works.
func (p *Plan) compiler(ctx context.Context, t Target, given string) (*Compiler, error) {
	list := t.candidates(Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	if given != "" {
		list = []string{given}
	}
	missing := &noCompiler{target: t, given: given}
	var absent []string
	for _, cc := range list {
		program := strings.Fields(cc)[0]
		if _, err := exec.LookPath(program); err != nil {
			absent = append(absent, program)
			continue
		}
		c, err := p.tryCompiler(ctx, t, cc)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		missing.reasons = append(missing.reasons, fmt.Sprintf("%s: %v", cc, err))
	}
	switch {
	case len(absent) > 0:
		missing.reasons = append(missing.reasons, "not installed: "+strings.Join(absent, ", "))
	case len(list) == 0 && t.OS == "darwin":
		missing.reasons = []string{"only macOS has a C compiler for it"}
	case len(list) == 0:
		missing.reasons = []string{"none is known for it"}
	}
	return nil, missing
}

// tryCompiler makes a C program and reads it back like any other: that says more about
// a compiler than its name. Among the many ways to be wrong are a missing libc.a and
// another machine's compiler.
func (p *Plan) tryCompiler(ctx context.Context, t Target, cc string) (_ *Compiler, err error) {
	dir, err := os.MkdirTemp("", "go-static-release-cc-")
	if err != nil {
		return nil, fmt.Errorf("making room to try it: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "main.c"), []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		return nil, fmt.Errorf("making room to try it: %w", err)
	}
	words := strings.Fields(cc)
	args := append(slices.Clone(words), strings.Fields(t.extLDFlags())...)
	if _, err := (Command{Args: append(args, "-o", "a.out", "main.c"), Dir: dir}).output(ctx, p.env); err != nil {
		text := shorten(err.Error(), map[string]string{dir: "."})
		return nil, errors.New(text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]) // the last line is the sum
	}
	file, err := static.Open(filepath.Join(dir, "a.out"))
	if err != nil {
		return nil, err
	}
	if file.Arch != t.Arch {
		return nil, fmt.Errorf("it makes programs for %s (%s)", file.Arch, file.Machine)
	}
	if v := static.Judge(t.OS, file); !v.OK {
		return nil, fmt.Errorf("what it makes is not static: %s", strings.Join(v.Reasons, ", "))
	}
	about, err := Command{Args: append(words, "--version"), Dir: dir}.output(ctx, p.env)
	if err != nil {
		return nil, err
	}
	about, _, _ = strings.Cut(about, "\n")
	return &Compiler{CC: cc, CXX: sister(cc), Version: strings.TrimSpace(about)}, nil
}

// extLDFlags are the flags by which a C compiler links a static program. macOS has no
// libc to link with statically, and its own is always there.
func (t Target) extLDFlags() string {
	if t.OS == "darwin" || t.OS == "ios" {
		return ""
	}
	return "-static"
}

// sister is the C++ compiler that goes with a C compiler.
func sister(cc string) string {
	words := strings.Fields(cc)
	if path.Base(filepath.ToSlash(words[0])) == "zig" && len(words) > 1 && words[1] == "cc" {
		words[1] = "c++"
		return strings.Join(words, " ")
	}
	for _, pair := range [][2]string{{"gcc", "g++"}, {"clang", "clang++"}} {
		if stem, ok := strings.CutSuffix(words[0], pair[0]); ok {
			words[0] = stem + pair[1]
			return strings.Join(words, " ")
		}
	}
	return ""
}

// givenFor is the C compiler that the user gave for t, "" if none. The last one counts.
func givenFor(t Target, given []GivenCompiler) (cc string) {
	for _, g := range given {
		if targetMatches(g.Targets, t) {
			cc = g.CC
		}
	}
	return cc
}

// targetMatches reports whether a pattern, with or without a level, means t.
func targetMatches(pattern string, t Target) bool {
	for _, name := range []string{t.String(), t.OS + "/" + t.Arch} {
		if ok, _ := path.Match(pattern, name); ok { // a bad pattern matches nothing, which is reported
			return true
		}
	}
	return false
}

// unusedCompilers finds what was given for no target at all: a mistyped target would
// otherwise be built with another compiler.
func unusedCompilers(given []GivenCompiler, targets []Target) (ps Problems) {
	for _, g := range given {
		if !slices.ContainsFunc(targets, func(t Target) bool { return targetMatches(g.Targets, t) }) {
			ps.add("cc", "", "%s=%s is for none of the targets", g.Targets, g.CC)
		}
	}
	return ps
}
