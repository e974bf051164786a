package static

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A claim says what a program may ask for if it is built for one system and runs there with
// nothing else installed.
type claim struct {
	// name is the claim in words.
	name string
	// format is the format of the system's executables.
	format string
	// systems lists the values of File.OS that stand for the system. A file that names no
	// system is accepted.
	systems []string
	// interpreters lists the loaders that a program may ask for. It need not ask for one.
	interpreters []string
	// libraries lists the libraries that a program may need, as patterns for [claim.allows].
	libraries []string
	// asItIs accepts shared libraries and search paths. It also accepts every library if there
	// are no patterns.
	asItIs bool
}

// The claims.
const (
	claimStatic    = "static"                // no loader and no libraries
	claimStaticPIE = "static-pie"            // the same, and runs at any address
	claimSystem    = "system libraries only" // only the loader and the libraries of the system
	claimHost      = "host imports only"     // only the imports that every wasm host of this kind provides
	claimAsItIs    = "as it is"              // nothing is claimed
)

// claims maps each GOOS to its claim. The loaders and libraries are those of programs that Go
// itself builds with CGO_ENABLED=0; TestGoTargets measures them.
var claims = map[string]claim{
	"linux": {
		name:    claimStatic,
		format:  ELF,
		systems: []string{"linux"},
	},
	"freebsd": {
		name:    claimStatic,
		format:  ELF,
		systems: []string{"freebsd"},
	},
	"netbsd": {
		name:    claimStatic,
		format:  ELF,
		systems: []string{"netbsd"},
	},
	"dragonfly": {
		name:    claimStatic,
		format:  ELF,
		systems: []string{"dragonfly"},
	},

	// These systems require programs to make system calls through libc.
	"openbsd": {
		name:         claimSystem,
		format:       ELF,
		systems:      []string{"openbsd"},
		interpreters: []string{"/usr/libexec/ld.so"},
		libraries:    []string{"libc.so", "libc.so.*", "libpthread.so", "libpthread.so.*"},
	},
	"solaris": {
		name:         claimSystem,
		format:       ELF,
		systems:      []string{"solaris"},
		interpreters: []string{"/lib/amd64/ld.so.1"},
		libraries:    solarisLibraries,
	},
	"illumos": {
		name:         claimSystem,
		format:       ELF,
		systems:      []string{"solaris"},
		interpreters: []string{"/lib/amd64/ld.so.1"},
		libraries:    solarisLibraries,
	},
	"darwin": {
		name:         claimSystem,
		format:       MachO,
		systems:      []string{"darwin"},
		interpreters: []string{"/usr/lib/dyld"},
		libraries:    []string{"/usr/lib/", "/System/Library/"},
	},
	"ios": {
		name:         claimSystem,
		format:       MachO,
		systems:      []string{"ios", "ios-simulator"},
		interpreters: []string{"/usr/lib/dyld"},
		libraries:    []string{"/usr/lib/", "/System/Library/"},
	},
	"windows": {
		name:      claimSystem,
		format:    PE,
		systems:   []string{"windows"},
		libraries: slices.Concat(windowsLibraries, windowsAssemblies),
	},

	"js": {
		name:      claimHost,
		format:    Wasm,
		libraries: []string{"gojs", "go"}, // Go up to 1.20 calls the module "go"
	},
	"wasip1": {
		name:      claimHost,
		format:    Wasm,
		libraries: []string{"wasi_snapshot_preview1"},
	},

	"android": {
		name:         claimAsItIs,
		format:       ELF,
		systems:      []string{"android"},
		interpreters: loadersOf("android"),
		libraries:    []string{"*.so"}, // Android's loader finds libraries by plain names without a version
		asItIs:       true,
	},
	"aix": {
		name:    claimAsItIs,
		format:  XCOFF,
		systems: []string{"aix"},
		asItIs:  true,
	},
	"plan9": {
		name:    claimAsItIs,
		format:  Plan9,
		systems: []string{"plan9"},
		asItIs:  true,
	},
}

// solarisLibraries lists the libraries that Go programs may need on Solaris and illumos.
var solarisLibraries = []string{
	"libc.so",
	"libc.so.1",
	"libsocket.so",
	"libsocket.so.1",
	"libsendfile.so",
	"libsendfile.so.1",
}

// Verdict is the result of [Judge].
type Verdict struct {
	OK bool `json:"ok"`
	// Claim is what was proved, or would have been: "static", "static-pie", "system libraries
	// only", "host imports only" or "as it is".
	Claim string `json:"claim"`
	// Reasons names every difference between the file and the claim. It is empty if OK.
	Reasons []string `json:"reasons,omitempty"`
	// Warnings names what the claim does not cover: things that the program does not need in
	// order to start but asks for later.
	Warnings []string `json:"warnings,omitempty"`
}

// System returns the GOOS to [Judge] f for.
//
// goos is the GOOS in the build info of the file, or "" if there is none. System returns it if
// it is set, and Judge fails if f contradicts it. Otherwise System returns the system that the
// header, the notes or the loader of f names, or else the usual system for files of its format.
//
// Only build info distinguishes illumos from Solaris, and Android from Linux in a program without
// a loader and libraries. Judging such an Android program as a Linux program is no less strict.
func System(f *File, goos string) string {
	switch {
	case goos != "":
		return goos
	case f.Format == Wasm:
		if slices.ContainsFunc(f.Needed, isWASI) {
			return "wasip1"
		}
		return "js"
	case len(f.Slices) > 0 && f.Slices[0].OS != "":
		return f.Slices[0].OS
	case f.Format == PE: // File.OS may be a subsystem of Windows
		return "windows"
	case f.OS != "":
		return f.OS
	case f.Format == MachO:
		return "darwin"
	}
	return "linux"
}

// isWASI reports whether a wasm import module belongs to WASI.
func isWASI(module string) bool {
	return strings.HasPrefix(module, "wasi_")
}

// Judge reports whether f, which was built for goos, runs with nothing else installed. It does
// not check that f.Arch is the architecture that was meant to be built.
func Judge(goos string, f *File) Verdict {
	c, known := claims[goos]
	if !known {
		return Verdict{Reasons: []string{fmt.Sprintf("unknown operating system %q", goos)}}
	}

	v := Verdict{
		Claim:   c.name,
		Reasons: c.differences(f),
	}
	v.OK = len(v.Reasons) == 0
	if f == nil {
		return v
	}

	if c.name == claimStatic && f.Kind == StaticPIE {
		v.Claim = claimStaticPIE
	}
	if f.NameService {
		v.Warnings = []string{
			"glibc's name service is linked in and loads the libnss_* libraries of the same glibc at run time",
		}
	}
	return v
}

// differences returns every reason why f does not meet the claim.
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
	return append(reasons, c.libraryDifferences(f)...)
}

// libraryDifferences returns a reason for each library that the claim does not allow, and for
// each directory from which another library could be loaded under an allowed name.
func (c claim) libraryDifferences(f *File) (reasons []string) {
	for _, name := range f.Needed {
		if !c.allows(name) {
			reasons = append(reasons, "needs "+displayName(name))
		}
	}
	for _, name := range f.Optional {
		if !c.allows(name) {
			reasons = append(reasons, "may need "+displayName(name))
		}
	}

	if len(c.libraries) > 0 && !c.asItIs {
		for _, dir := range f.RunPath {
			reasons = append(reasons, "searches for libraries in "+dir)
		}
	}
	return reasons
}

// displayName returns name, or a pair of quotes if it is empty.
func displayName(name string) string {
	if name == "" {
		return `""`
	}
	return name
}

// allows reports whether the claim allows a library. A pattern that ends in a slash matches
// everything below that directory. All other patterns are for [path.Match].
func (c claim) allows(name string) bool {
	if c.format == PE {
		name = strings.ToLower(name) // Windows ignores case
	}

	// A path with ".." in it may lead outside the directory it begins with: /usr/lib/../../opt/x.
	if name != path.Clean(name) || strings.ContainsAny(name, `\:`) {
		return false
	}

	for _, pattern := range c.libraries {
		if strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern) {
			return true
		}
	}
	return matchesAny(c.libraries, name)
}
