package static

import (
	"debug/elf"
	"path"
	"slices"
	"strings"
)

// systemEvidence is something in an ELF file that only programs of one system have.
type systemEvidence struct {
	system string // the GOOS, if the system has one
	source string // what names the system, for messages
}

// elfSystems maps EI_OSABI to systems. Most linkers leave it at ELFOSABI_NONE, which says
// nothing about the system.
var elfSystems = map[elf.OSABI]string{
	elf.ELFOSABI_NONE:    "",
	elf.ELFOSABI_NETBSD:  "netbsd",
	elf.ELFOSABI_LINUX:   "linux",
	elf.ELFOSABI_SOLARIS: "solaris",
	elf.ELFOSABI_FREEBSD: "freebsd",
	elf.ELFOSABI_OPENBSD: "openbsd",
	elf.ELFOSABI_ARM:     "", // the old ARM ABI of several systems
}

// elfLoaders maps the paths of loaders to systems. illumos has the paths of Solaris.
var elfLoaders = map[string]string{
	"/system/bin/linker":                     "android",
	"/system/bin/linker64":                   "android",
	"/system/bin/linker_asan":                "android",
	"/system/bin/linker_asan64":              "android",
	"/system/bin/bootstrap/linker":           "android",
	"/system/bin/bootstrap/linker64":         "android",
	"/apex/com.android.runtime/bin/linker":   "android",
	"/apex/com.android.runtime/bin/linker64": "android",
	"/libexec/ld-elf.so.1":                   "freebsd",
	"/libexec/ld-elf32.so.1":                 "freebsd",
	"/usr/libexec/ld-elf.so.1":               "freebsd",
	"/usr/libexec/ld-elf.so.2":               "dragonfly",
	"/libexec/ld-elf.so.2":                   "dragonfly",
	"/libexec/ld.elf_so":                     "netbsd",
	"/usr/libexec/ld.elf_so":                 "netbsd",
	"/usr/libexec/ld.so":                     "openbsd",
	"/lib/amd64/ld.so.1":                     "solaris",
	"/usr/lib/amd64/ld.so.1":                 "solaris",
	"/lib/sparcv9/ld.so.1":                   "solaris",
	"/usr/lib/sparcv9/ld.so.1":               "solaris",
	"/lib/64/ld.so.1":                        "solaris",
	"/usr/lib/64/ld.so.1":                    "solaris",
	"/system/runtime_loader":                 "haiku",
}

// loadersOf returns the sorted paths of the loaders of a system.
func loadersOf(system string) (paths []string) {
	for loader, loaderSystem := range elfLoaders {
		if loaderSystem == system {
			paths = append(paths, loader)
		}
	}
	slices.Sort(paths)
	return paths
}

// elfLinuxLoaders lists the file names of Linux loaders as patterns for [path.Match]: those of
// glibc, the Linux Standard Base, musl and uClibc. They may be in any directory.
var elfLinuxLoaders = []string{
	"ld-linux.so.*",
	"ld-linux-*.so.*",
	"ld64.so.[12]",
	"ld-lsb*.so.*",
	"ld-musl-*.so.1",
	"ld-uClibc.so.*",
	"ld64-uClibc.so.*",
}

// loaderSystem returns the system of a loader, or "" if it is not known.
func loaderSystem(loader string, machine elf.Machine) string {
	if system, ok := elfLoaders[loader]; ok {
		return system
	}

	name := path.Base(loader)
	if matchesAny(elfLinuxLoaders, name) {
		return "linux"
	}

	// Solaris calls its loader ld.so.1, and so does glibc on machines that Solaris does not run on.
	if name == "ld.so.1" {
		switch machine {
		case elf.EM_MIPS, elf.EM_PPC, elf.EM_S390:
			return "linux"
		case elf.EM_386, elf.EM_X86_64, elf.EM_SPARC, elf.EM_SPARC32PLUS, elf.EM_SPARCV9:
			return "solaris"
		}
	}
	return ""
}

// elfLibraries lists libraries that only one system has, as patterns for [path.Match].
var elfLibraries = []struct {
	pattern string
	system  string
}{
	{"libc.so.6", "linux"},
	{"ld-linux*.so.*", "linux"},
	{"libc.musl-*.so.1", "linux"},
	{"ld-android.so", "android"},
	{"libandroid.so", "android"},
	{"liblog.so", "android"},
	{"libsendfile.so", "solaris"},
	{"libsendfile.so.1", "solaris"},
	{"libsocket.so", "solaris"},
	{"libsocket.so.1", "solaris"},
	{"libc.so.[0-9]*.[0-9]*", "openbsd"},
}

// librarySystem returns the system of the first library in needed that only one system has, or
// "" if there is none.
func librarySystem(needed []string) string {
	for _, name := range needed {
		for _, library := range elfLibraries {
			if matches(library.pattern, name) {
				return library.system
			}
		}
	}
	return ""
}

// readSystem finds the system that the file is made for. EI_OSABI, the notes and the loader
// must name the same one. If none of them names a system, the libraries decide.
func (e *elfFile) readSystem(f *File) error {
	abi := elf.OSABI(e.head.Ident[elf.EI_OSABI])
	f.ABI = abi.String()
	system, known := elfSystems[abi]
	if !known {
		system = f.ABI
	}
	if system != "" {
		e.evidence = append(e.evidence, systemEvidence{system: system, source: f.ABI})
	}

	if err := e.readNotes(); err != nil {
		return err
	}

	system = loaderSystem(f.Interpreter, elf.Machine(e.head.Machine))
	if system != "" {
		e.evidence = append(e.evidence, systemEvidence{system: system, source: "interpreter " + f.Interpreter})
	}

	system, err := e.agreedSystem()
	if err != nil {
		return err
	}
	if system == "" {
		system = librarySystem(f.Needed)
	}
	f.OS = system
	return nil
}

// agreedSystem returns the system that all evidence names, or "" if there is no evidence.
func (e *elfFile) agreedSystem() (string, error) {
	var agreed systemEvidence
	for _, found := range e.evidence {
		switch {
		case agreed.system == "" || agreed.system == found.system:
			agreed = found
		case agreed.source == elf.ELFOSABI_LINUX.String() && found.system == "android":
			// ELFOSABI_LINUX is also ELFOSABI_GNU: the linker used a GNU extension such as
			// indirect functions.
			agreed = found
		default:
			return "", e.errorf("ELF header", elf.EI_OSABI, "contradiction: made for %s (%s) and for %s (%s)",
				agreed.system, agreed.source, found.system, found.source)
		}
	}
	return agreed.system, nil
}

// hasEvidenceFor reports whether the header, a note or the loader names a system.
func (e *elfFile) hasEvidenceFor(system string) bool {
	return slices.ContainsFunc(e.evidence, func(found systemEvidence) bool {
		return found.system == system
	})
}

// isSolarisLoader reports whether a loader belongs to Solaris. It gives some tags of the dynamic
// section a meaning of its own.
func isSolarisLoader(loader string) bool {
	return strings.HasSuffix(loader, "/ld.so.1")
}

// matchesAny reports whether name matches one of the patterns, which are for [path.Match].
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return matches(pattern, name)
	})
}

// matches reports whether name matches a pattern for [path.Match]. A malformed pattern
// matches nothing.
func matches(pattern, name string) bool {
	match, err := path.Match(pattern, name)
	return err == nil && match
}
