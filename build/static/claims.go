package static

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// claim is what can be said of a program that is built for one system and runs with nothing installed.
type claim struct {
	name         string   // the claim in words
	format       string   // the format of the system's executables
	systems      []string // the values of File.OS that are the system; a file that does not say is taken for one
	interpreters []string // the loaders it may ask for; it need not ask for any
	libraries    []string // the libraries it may need, as patterns: see allowed
	asItIs       bool     // only that the file is for this system is judged
}

// The claims.
const (
	claimStatic    = "static"                // no loader, no libraries
	claimStaticPIE = "static-pie"            // the same, at any address
	claimSystem    = "system libraries only" // nothing that is not part of the system
	claimHost      = "host imports only"     // nothing that is not part of the host of this kind of wasm
	claimAsItIs    = "as it is"              // nothing
)

// claims is the claim for each GOOS. The loaders and libraries are those found in programs that Go
// itself builds with CGO_ENABLED=0 (TestGoTargets measures them again).
var claims = map[string]claim{
	"linux":     {name: claimStatic, format: ELF, systems: []string{"linux"}},
	"freebsd":   {name: claimStatic, format: ELF, systems: []string{"freebsd"}},
	"netbsd":    {name: claimStatic, format: ELF, systems: []string{"netbsd"}},
	"dragonfly": {name: claimStatic, format: ELF, systems: []string{"dragonfly"}},

	// These systems want their system calls to be made through libc.
	"openbsd": {
		name: claimSystem, format: ELF, systems: []string{"openbsd"},
		interpreters: []string{"/usr/libexec/ld.so"},
		libraries:    []string{"libc.so", "libc.so.*", "libpthread.so", "libpthread.so.*"},
	},
	"solaris": {
		name: claimSystem, format: ELF, systems: []string{"solaris"},
		interpreters: []string{"/lib/amd64/ld.so.1"},
		libraries:    []string{"libc.so", "libc.so.1", "libsocket.so", "libsocket.so.1", "libsendfile.so", "libsendfile.so.1"},
	},
	"illumos": {
		name: claimSystem, format: ELF, systems: []string{"solaris"},
		interpreters: []string{"/lib/amd64/ld.so.1"},
		libraries:    []string{"libc.so", "libc.so.1", "libsocket.so", "libsocket.so.1", "libsendfile.so", "libsendfile.so.1"},
	},
	"darwin": {
		name: claimSystem, format: MachO, systems: []string{"darwin"},
		interpreters: []string{"/usr/lib/dyld"},
		libraries:    []string{"/usr/lib/", "/System/Library/"},
	},
	"ios": {
		name: claimSystem, format: MachO, systems: []string{"ios", "ios-simulator"},
		interpreters: []string{"/usr/lib/dyld"},
		libraries:    []string{"/usr/lib/", "/System/Library/"},
	},
	"windows": {
		name: claimSystem, format: PE, systems: []string{"windows"},
		libraries: slices.Concat(windowsLibraries, windowsAssemblies),
	},

	"js":     {name: claimHost, format: Wasm, libraries: []string{"gojs", "go"}}, // "go" until Go 1.20
	"wasip1": {name: claimHost, format: Wasm, libraries: []string{"wasi_snapshot_preview1"}},

	// Android's loader finds libraries by plain names, which have no version.
	"android": {
		name: claimAsItIs, format: ELF, systems: []string{"android"}, asItIs: true,
		interpreters: loadersOf("android"),
		libraries:    []string{"*.so"},
	},
	"aix":   {name: claimAsItIs, format: XCOFF, systems: []string{"aix"}, asItIs: true},
	"plan9": {name: claimAsItIs, format: Plan9, systems: []string{"plan9"}, asItIs: true},
}

// Verdict is the answer of [Judge].
type Verdict struct {
	OK bool `json:"ok"`
	// Claim is what was proved, or what should have been: "static", "static-pie", "system libraries
	// only", "host imports only" or "as it is".
	Claim string `json:"claim"`
	// Reasons names every difference between the file and the claim; there is none if OK.
	Reasons []string `json:"reasons,omitempty"`
	// Warnings names what the claim does not cover: it starts with nothing installed, and later wants
	// something all the same.
	Warnings []string `json:"warnings,omitempty"`
}

// System returns the GOOS to [Judge] f for. goos comes from the build info of the file and is "" if there
// is none; Judge fails if f contradicts it. Without it, System returns the system that the header, the
// notes and the loader of f name, or else the usual one for such files.
//
// Only build info distinguishes illumos from Solaris, and Android from Linux in a program without loader
// and libraries. Judging such a program as one of Linux is no less strict.
func System(f *File, goos string) string {
	switch {
	case goos != "":
		return goos
	case f.Format == Wasm:
		if slices.ContainsFunc(f.Needed, func(module string) bool { return strings.HasPrefix(module, "wasi_") }) {
			return "wasip1"
		}
		return "js"
	case len(f.Slices) > 0 && f.Slices[0].OS != "":
		return f.Slices[0].OS
	case f.Format == PE: // here OS may be a subsystem of Windows
		return "windows"
	case f.OS != "":
		return f.OS
	case f.Format == MachO:
		return "darwin"
	}
	return "linux"
}

// Judge says whether f, built for goos, runs with nothing installed. It does not compare f.Arch with
// what was to be built.
func Judge(goos string, f *File) Verdict {
	c, known := claims[goos]
	if !known {
		return Verdict{Reasons: []string{fmt.Sprintf("unknown operating system %q", goos)}}
	}
	v := Verdict{Claim: c.name, Reasons: c.differences(f)}
	v.OK = len(v.Reasons) == 0
	if c.name == claimStatic && f != nil && f.Kind == StaticPIE {
		v.Claim = claimStaticPIE
	}
	if f != nil && f.NameService {
		v.Warnings = []string{"glibc's name service is linked in, which loads libnss_* libraries of that glibc at run time"}
	}
	return v
}

// differences names all that keeps f from what c claims.
func (c claim) differences(f *File) (reasons []string) {
	if f == nil || f.Format == "" {
		return []string{"no executable was read"}
	}
	if f.Format != c.format {
		return []string{fmt.Sprintf("%s where %s was expected", f.Format, c.format)}
	}
	if len(f.Slices) > 0 {
		for _, slice := range f.Slices {
			for _, reason := range c.differences(&slice) {
				reasons = append(reasons, fmt.Sprintf("%s: %s", slice.Machine, reason))
			}
		}
		return reasons
	}
	if f.OS != "" && !slices.Contains(c.systems, f.OS) {
		reasons = append(reasons, fmt.Sprintf("made for %s", f.OS))
	}
	if f.Kind == Library && !c.asItIs {
		reasons = append(reasons, "shared library, not a program")
	}
	if f.Packer != "" {
		reasons = append(reasons, fmt.Sprintf("packed by %s: what it needs cannot be seen", f.Packer))
	}
	if f.Interpreter != "" && !slices.Contains(c.interpreters, f.Interpreter) {
		reasons = append(reasons, "interpreter "+f.Interpreter)
	}
	if c.asItIs && len(c.libraries) == 0 {
		return reasons
	}
	return append(reasons, c.foreign(f)...)
}

// foreign names the libraries that c does not allow, and the directories from which others could be
// loaded under an allowed name.
func (c claim) foreign(f *File) (reasons []string) {
	for _, name := range f.Needed {
		if !c.allowed(name) {
			reasons = append(reasons, "needs "+shown(name))
		}
	}
	for _, name := range f.Optional {
		if !c.allowed(name) {
			reasons = append(reasons, "may need "+shown(name))
		}
	}
	if len(c.libraries) > 0 && !c.asItIs {
		for _, dir := range f.RunPath {
			reasons = append(reasons, "searches libraries in "+dir)
		}
	}
	return reasons
}

// shown is a name that can be seen even if it is empty.
func shown(name string) string {
	if name == "" {
		return `""`
	}
	return name
}

// allowed says whether c allows a library. A pattern that ends in a slash is a directory with all
// below it; another one is for [path.Match].
func (c claim) allowed(name string) bool {
	if c.format == PE {
		name = strings.ToLower(name) // as Windows does
	}
	// A path with a detour leads somewhere else than it seems: /usr/lib/../../opt/x.
	if name != path.Clean(name) || strings.ContainsAny(name, `\:`) {
		return false
	}
	for _, pattern := range c.libraries {
		if strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern) {
			return true
		}
		if match, err := path.Match(pattern, name); err == nil && match {
			return true
		}
	}
	return false
}
