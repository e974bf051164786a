package static

import (
	"debug/elf"
	"path"
	"slices"
	"strings"
)

// systemSign is something in an ELF file that only one system's programs have.
type systemSign struct {
	system string // the GOOS, if the system has one
	sign   string // a name for messages
}

// elfSystems holds the systems that EI_OSABI names. Most linkers leave it at ELFOSABI_NONE, which tells
// nothing.
var elfSystems = map[elf.OSABI]string{
	elf.ELFOSABI_NONE:    "",
	elf.ELFOSABI_NETBSD:  "netbsd",
	elf.ELFOSABI_LINUX:   "linux",
	elf.ELFOSABI_SOLARIS: "solaris",
	elf.ELFOSABI_FREEBSD: "freebsd",
	elf.ELFOSABI_OPENBSD: "openbsd",
	elf.ELFOSABI_ARM:     "", // the old ARM ABI, on several systems
}

// elfLoaders holds the systems of loaders, by path. illumos has the paths of Solaris.
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

// loadersOf returns the paths in elfLoaders of one system, in order.
func loadersOf(system string) (paths []string) {
	for loader, of := range elfLoaders {
		if of == system {
			paths = append(paths, loader)
		}
	}
	slices.Sort(paths)
	return paths
}

// elfLinuxLoaders are the names of Linux loaders, in whatever directory, as patterns for [path.Match]:
// glibc's for most machines, those of the Linux Standard Base, musl's, and uClibc's.
var elfLinuxLoaders = []string{
	"ld-linux.so.*",
	"ld-linux-*.so.*",
	"ld64.so.[12]",
	"ld-lsb*.so.*",
	"ld-musl-*.so.1",
	"ld-uClibc.so.*",
	"ld64-uClibc.so.*",
}

// loaderSystem returns the system of the loader at a path, or "" if it is not known.
func loaderSystem(loader string, machine elf.Machine) string {
	if system, ok := elfLoaders[loader]; ok {
		return system
	}

	name := path.Base(loader)
	if matchesAny(elfLinuxLoaders, name) {
		return "linux"
	}

	// This is glibc's name for the loader on machines where Solaris never ran, and Solaris's on the others.
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

// elfLibraries holds libraries that only one system has, as patterns for [path.Match].
var elfLibraries = []struct{ pattern, system string }{
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

// librarySystem returns the system of the first library that only one system has, or "".
func librarySystem(needed []string) string {
	for _, name := range needed {
		for _, library := range elfLibraries {
			if match, err := path.Match(library.pattern, name); err == nil && match {
				return library.system
			}
		}
	}
	return ""
}

// system finds out for which system the file is made: from EI_OSABI, the notes and the loader, which must
// agree, or from the libraries if none of those tells.
func (e *elfFile) system(f *File) error {
	abi := elf.OSABI(e.head.Ident[elf.EI_OSABI])
	f.ABI = abi.String()
	system, known := elfSystems[abi]
	if !known {
		system = f.ABI
	}
	if system != "" {
		e.signs = append(e.signs, systemSign{system, f.ABI})
	}

	if err := e.readNotes(); err != nil {
		return err
	}
	if system := loaderSystem(f.Interpreter, elf.Machine(e.head.Machine)); system != "" {
		e.signs = append(e.signs, systemSign{system, "interpreter " + f.Interpreter})
	}

	var first systemSign
	for _, s := range e.signs {
		switch {
		case first.system == "" || first.system == s.system:
			first = s
		case first.sign == elf.ELFOSABI_LINUX.String() && s.system == "android":
			// ELFOSABI_LINUX is ELFOSABI_GNU, too: the linker used a GNU extension, such as indirect functions.
			first = s
		default:
			return e.errorf("ELF header", elf.EI_OSABI, "contradiction: made for %s (%s) and for %s (%s)",
				first.system, first.sign, s.system, s.sign)
		}
	}

	f.OS = first.system
	if f.OS == "" {
		f.OS = librarySystem(f.Needed)
	}
	return nil
}

// signOf reports whether the header, a note or the loader names a system.
func (e *elfFile) signOf(system string) bool {
	return slices.ContainsFunc(e.signs, func(s systemSign) bool { return s.system == system })
}

// matchesAny reports whether one of the patterns for [path.Match] matches.
func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if match, err := path.Match(pattern, name); err == nil && match {
			return true
		}
	}
	return false
}

// solarisLoader reports whether the loader is that of Solaris, to which some tags in the dynamic section
// mean something else than to other loaders.
func solarisLoader(f *File) bool { return strings.HasSuffix(f.Interpreter, "/ld.so.1") }
