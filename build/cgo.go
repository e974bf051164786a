package build

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/problem"
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
// said against `go env -w`.
func (c *Compiler) env() []string {
	if c == nil {
		return []string{"CGO_ENABLED=0"}
	}
	env := []string{"CGO_ENABLED=1", "CC=" + c.CC}
	if c.CXX != "" {
		env = append(env, "CXX="+c.CXX)
	}
	for _, name := range []string{"CGO_CFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS"} {
		env = append(env, name+"=-O2 -g")
	}
	return append(env, "CGO_CPPFLAGS=")
}

// candidates are the C compilers that could make static programs for t on the machine
// host, the best first: musl has no name service to load at run time. Each is tried.
func candidates(t, host target.Target) (list []string) {
	cpu := target.ArchitectureOf(t.Arch).CPU
	zig := map[string]string{"i686": "x86"}[cpu]
	if zig == "" {
		zig = cpu
	}
	switch t.OS {
	case "linux":
		native := host.OS == "linux" && host.Arch == t.Arch
		if suffix, ok := t.ABI("musl"); ok {
			list = append(list, cpu+"-linux-"+suffix+"-gcc")
			if native {
				list = append(list, "musl-gcc")
			}
			if _, level := t.LevelVariable(); t.Arch != "arm" || level == "7" { // for others zig wants a -mcpu
				list = append(list, "zig cc -target "+zig+"-linux-"+suffix)
			}
		}
		if suffix, ok := t.ABI("gnu"); ok {
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
	target   target.Target
	packages []node   // that need it
	given    string   // the one that the user gave, ""
	reasons  []string // for each that was tried
}

func (e *noCompiler) Error() string {
	return fmt.Sprintf("%s: %s", e.target, strings.Join(e.reasons, "; "))
}

// cxx reports whether there is C++ in the packages.
func cxx(packages []node) bool {
	return slices.ContainsFunc(packages, func(n node) bool { return len(n.CXXFiles)+len(n.SwigCXXFiles) > 0 })
}

// compiler finds and tries a C compiler for the packages that need one for t: the one
// given, else the first that works.
func (p *Plan) compiler(ctx context.Context, t target.Target, given string, packages []node) (*Compiler, error) {
	list := candidates(t, target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	if given != "" {
		list = []string{given}
	}
	missing := &noCompiler{target: t, given: given, packages: packages}
	var absent []string
	for _, cc := range list {
		program := strings.Fields(cc)[0]
		if _, err := exec.LookPath(program); err != nil {
			absent = append(absent, program)
			continue
		}
		c := &Compiler{CC: cc, CXX: sister(cc)}
		err := p.tryCompiler(ctx, t, c, cxx(packages))
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

// extLDFlags are the flags by which a C compiler links a static program. macOS has no
// libc to link with statically, and its own is always there.
func extLDFlags(t target.Target) string {
	if t.OS == "darwin" || t.OS == "ios" {
		return ""
	}
	return "-static"
}

// compilerName ends the name of a C compiler, which may have a version: gcc-12.
var compilerName = regexp.MustCompile(`(gcc|clang)(-[0-9.]+)?(\.exe)?$`)

// sister is the C++ compiler that goes with a C compiler, "" if that is not known.
func sister(cc string) string {
	words := strings.Fields(cc)
	if path.Base(filepath.ToSlash(words[0])) == "zig" && len(words) > 1 && words[1] == "cc" {
		words[1] = "c++"
		return strings.Join(words, " ")
	}
	m := compilerName.FindStringSubmatchIndex(words[0])
	if m == nil {
		return ""
	}
	name := map[string]string{"gcc": "g++", "clang": "clang++"}[words[0][m[2]:m[3]]]
	words[0] = words[0][:m[2]] + name + words[0][m[3]:]
	return strings.Join(words, " ")
}

// givenFor is the C compiler that the user gave for t, "" if none. The last one counts.
func givenFor(t target.Target, given []GivenCompiler) (cc string) {
	for _, g := range given {
		if targetMatches(g.Targets, t) {
			cc = g.CC
		}
	}
	return cc
}

// targetMatches reports whether a pattern, with or without a level, means t.
func targetMatches(pattern string, t target.Target) bool {
	for _, name := range []string{t.String(), t.OS + "/" + t.Arch} {
		if ok, _ := path.Match(pattern, name); ok { // a bad pattern matches nothing, which is reported
			return true
		}
	}
	return false
}

// unusedCompilers finds what was given for no target at all: a mistyped target would
// otherwise be built with another compiler.
func unusedCompilers(given []GivenCompiler, targets []target.Target) (ps problem.List) {
	for _, g := range given {
		if !slices.ContainsFunc(targets, func(t target.Target) bool { return targetMatches(g.Targets, t) }) {
			ps.Add("cc", "%s=%s is for none of the targets", g.Targets, g.CC)
		}
	}
	return ps
}
