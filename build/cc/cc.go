// Package cc finds C compilers that make static programs, and tries each of them on a small
// program before it is believed.
package cc

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

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
)

// A Compiler is a C compiler that was seen to make static programs for one target.
type Compiler struct {
	CC      string `json:"cc"`            // command line, as the go command expects it
	CXX     string `json:"cxx,omitempty"` // the C++ compiler that belongs to it, "" if none is known
	Version string `json:"version"`       // first line that it prints about itself
}

// Env returns the environment that makes the go command use the compiler, or none for nil.
// It overrides every setting of the machine for C: flags belong in the source (#cgo) or
// into CC. The flags are Go's own default, which overrides `go env -w` too.
func (c *Compiler) Env() []string {
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

// A Choice is the C compiler that the user chose for some targets.
type Choice struct {
	Targets string // a pattern of targets
	CC      string
}

// ChoiceFor returns the C compiler that the user chose for t, "" if none. The last choice
// counts.
func ChoiceFor(t target.Target, choices []Choice) (cc string) {
	for _, c := range choices {
		if matches(c.Targets, t) {
			cc = c.CC
		}
	}
	return cc
}

// matches reports whether a pattern, with or without a level, matches t.
func matches(pattern string, t target.Target) bool {
	for _, name := range []string{t.String(), t.OS + "/" + t.Arch} {
		ok, _ := path.Match(pattern, name) // a bad pattern matches nothing, which is reported
		if ok {
			return true
		}
	}
	return false
}

// CheckChoices returns a problem for each choice that is for none of the targets. Without
// it, a target that was mistyped would be built with another compiler.
func CheckChoices(choices []Choice, targets []target.Target) (ps problem.List) {
	for _, c := range choices {
		used := slices.ContainsFunc(targets, func(t target.Target) bool { return matches(c.Targets, t) })
		if !used {
			ps.Add("cc", "%s=%s is for none of the targets", c.Targets, c.CC)
		}
	}
	return ps
}

// A Request is a target for which a C compiler is needed.
type Request struct {
	Target   target.Target
	Choice   string   // the compiler that the user chose, "" if none
	Packages []string // import paths of the packages that need C
	CXX      bool     // there is C++ in them
	Environ  []string // of the compiler
}

// Find returns the compiler that the user chose, else the first that works. Its error is a
// *Missing if there is none.
func Find(ctx context.Context, r Request) (*Compiler, error) {
	list := candidates(r.Target, target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	if r.Choice != "" {
		list = []string{r.Choice}
	}

	missing := &Missing{Request: r}
	var absent []string
	for _, cc := range list {
		program := strings.Fields(cc)[0]
		if _, err := exec.LookPath(program); err != nil {
			absent = append(absent, program)
			continue
		}

		c := &Compiler{CC: cc, CXX: forCXX(cc)}
		err := try(ctx, r, c)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		missing.Reasons = append(missing.Reasons, fmt.Sprintf("%s: %v", cc, err))
	}

	switch {
	case len(absent) > 0:
		missing.Reasons = append(missing.Reasons, "not installed: "+strings.Join(absent, ", "))
	case len(list) == 0 && r.Target.OS == "darwin":
		missing.Reasons = []string{"only macOS has a C compiler for it"}
	case len(list) == 0:
		missing.Reasons = []string{"none is known for it"}
	}
	return nil, missing
}

// candidates returns the C compilers that could make static programs for t on the machine
// host, the best first: musl loads no name service at run time.
func candidates(t, host target.Target) (list []string) {
	native := host.OS == t.OS && host.Arch == t.Arch
	cpu := target.ArchitectureOf(t.Arch).CPU
	zig := cpu
	if cpu == "i686" {
		zig = "x86"
	}

	switch t.OS {
	case "linux":
		if suffix, ok := t.ABI("musl"); ok {
			list = append(list, cpu+"-linux-"+suffix+"-gcc")
			if native {
				list = append(list, "musl-gcc")
			}
			_, level := t.LevelVariable()
			if t.Arch != "arm" || level == "7" { // zig needs a -mcpu for other levels
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
		list = append(list, cpu+"-w64-mingw32-gcc", "zig cc -target "+zig+"-windows-gnu")
		if native {
			list = append(list, "gcc")
		}

	case "darwin":
		arch := t.Arch
		if arch == "amd64" {
			arch = "x86_64"
		}
		if host.OS == "darwin" {
			list = append(list, "clang -arch "+arch)
		}
	}
	return list
}

// compilerName matches the end of a C compiler's name, which may have a version: gcc-12.
var compilerName = regexp.MustCompile(`(gcc|clang)(-[0-9.]+)?(\.exe)?$`)

// forCXX returns the C++ compiler that belongs to a C compiler, "" if it is not known.
func forCXX(cc string) string {
	words := strings.Fields(cc)
	isZig := path.Base(filepath.ToSlash(words[0])) == "zig"
	if isZig && len(words) > 1 && words[1] == "cc" {
		words[1] = "c++"
		return strings.Join(words, " ")
	}

	m := compilerName.FindStringSubmatchIndex(words[0])
	if m == nil {
		return ""
	}
	before, name, after := words[0][:m[2]], words[0][m[2]:m[3]], words[0][m[3]:]
	if name == "gcc" {
		name = "g++"
	} else {
		name = "clang++"
	}
	words[0] = before + name + after
	return strings.Join(words, " ")
}

// LinkFlags returns the flags with which a C compiler links a static program. macOS has no
// libc to link with statically, and its own is always there.
func LinkFlags(t target.Target) string {
	if t.OS == "darwin" || t.OS == "ios" {
		return ""
	}
	return "-static"
}

// A linker prints this about a static program that calls certain functions of glibc:
// "Using 'getaddrinfo' in statically linked applications requires at runtime the shared
// libraries from the glibc version used for linking" (link_warning in glibc's nss and
// dlfcn). The go command prints it below the name of the package.
var glibcWarning = regexp.MustCompile(`(?m)^# (\S+)$|` +
	`Using '([^']+)' in statically linked applications requires at runtime the shared libraries`)

// GlibcLoads returns the functions of glibc in each main package that load libraries, from
// the output of go build.
func GlibcLoads(output string) map[string][]string {
	loads := map[string][]string{}
	pkg := ""
	for _, m := range glibcWarning.FindAllStringSubmatch(output, -1) {
		name, function := m[1], m[2]
		switch {
		case name != "":
			pkg = name
		case !slices.Contains(loads[pkg], function):
			loads[pkg] = append(loads[pkg], function)
		}
	}
	return loads
}

// Check fails unless the compiler is installed in the same version. It is for a plan that
// was made on another machine.
func (c *Compiler) Check(ctx context.Context, environ []string) error {
	version, err := versionOf(ctx, c.CC, "", environ)
	if err != nil {
		return fmt.Errorf("%s: %w", c.CC, err)
	}
	if version != c.Version {
		return fmt.Errorf("%s: expected %s, found %s", c.CC, c.Version, version)
	}
	return nil
}
