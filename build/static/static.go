// Package static reads an executable and reports what it needs in order to run.
//
// [Read] extracts the facts from an ELF, PE, Mach-O, wasm, XCOFF or Plan 9 file: the machine
// and the system it is made for, the loader it asks for, and the libraries it names. [Judge]
// compares these facts with what a program may expect of the operating system, which is one
// table in claims.go, and names every difference.
//
// The package keeps three promises:
//
//   - It reads files and never executes them.
//   - It trusts no size, count or offset in a file. Every read is checked against the end of
//     the file and charged to a budget, so that memory and time do not depend on what the file
//     says about itself. It reads what loaders read, such as ELF segments rather than sections,
//     which is a few KB of a file of 50 MB. The exception is a program that contains glibc: all
//     of its segments are scanned, one small piece at a time.
//   - It fails closed. A file that is cut short, contradicts itself or cannot be understood is
//     an error, and whatever is not known to be harmless is a reason in the verdict. A file is
//     cut short if bytes are missing that a loader would map. It contradicts itself if loaders,
//     which ignore much of a header, take it for something else than the header says, or if its
//     parts name different systems. [Read] never returns [ErrNotExecutable] for a file in one
//     of these formats that a loader might start.
//
// Its limits:
//
//   - Libraries that a running program loads by itself (dlopen, LoadLibrary) are not recorded
//     in the file and are not found. The name service of a statically linked glibc is found,
//     and is a warning. What a packer hides is not found either, but UPX, the most common
//     packer, is recognized.
//   - Scripts and DOS programs do not count as executables, whatever they unpack and start.
//   - Symbols and debug information are not needed to run. A file in which they are missing or
//     damaged just counts as stripped.
//   - Android, AIX and Plan 9 programs are described rather than judged: their claim is "as it
//     is". The loader and the libraries of an Android program must still be ones that Android has.
package static

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// ErrNotExecutable is the error for a file that is not an executable at all, as opposed to a
// broken one. Its format is unknown, or it is an object file, an archive or a memory dump.
var ErrNotExecutable = errors.New("not an executable")

// The values of [File.Format].
const (
	ELF   = "ELF"
	PE    = "PE"
	MachO = "Mach-O"
	Wasm  = "wasm"
	XCOFF = "XCOFF"
	Plan9 = "Plan 9"
)

// The values of [File.Kind].
const (
	Executable = "executable"     // runs at the address it was linked for
	PIE        = "pie"            // runs at any address; if it has a loader, the loader relocates it
	StaticPIE  = "static-pie"     // runs at any address and relocates itself (ELF)
	Library    = "shared library" // runs only inside another program
)

// File is what one executable says about itself.
type File struct {
	// Format is ELF, PE, MachO, Wasm, XCOFF or Plan9.
	Format string `json:"format"`
	// OS is the system, as a GOOS if it has one. It is empty if the file does not name a system.
	OS string `json:"os,omitempty"`
	// Arch is the GOARCH of the machine, word size and byte order. It is empty if they have
	// no GOARCH.
	Arch string `json:"arch,omitempty"`
	// Machine is the machine by the name that the format gives it, such as EM_X86_64.
	Machine string `json:"machine,omitempty"`
	// Bits is the word size, 32 or 64.
	Bits int `json:"bits,omitempty"`
	// Kind is Executable, PIE, StaticPIE or Library.
	Kind string `json:"kind,omitempty"`

	// Interpreter is the loader that must be installed: ELF PT_INTERP, Mach-O LC_LOAD_DYLINKER.
	Interpreter string `json:"interpreter,omitempty"`
	// Needed lists the libraries without which the program does not start, each once, in the
	// order of the file: ELF DT_NEEDED and its relatives, PE imports and side-by-side
	// assemblies, Mach-O dylibs, wasm import modules, XCOFF import files.
	Needed []string `json:"needed,omitempty"`
	// Optional lists the libraries that the program can start without: weak Mach-O dylibs and
	// delay-loaded DLLs.
	Optional []string `json:"optional,omitempty"`
	// RunPath lists the directories in which the loader is told to search for libraries first:
	// ELF DT_RPATH and DT_RUNPATH, Mach-O LC_RPATH and LC_DYLD_ENVIRONMENT, XCOFF LIBPATH.
	RunPath []string `json:"runPath,omitempty"`

	// MinOS is the oldest system version that starts the program: the minimum version of
	// Mach-O, the subsystem version of PE.
	MinOS string `json:"minOS,omitempty"`
	// Glibc is the oldest glibc version that starts the program (ELF DT_VERNEED), such as 2.34.
	Glibc string `json:"glibc,omitempty"`
	// ABI is the ELF EI_OSABI, such as ELFOSABI_FREEBSD.
	ABI string `json:"abi,omitempty"`
	// Float is hardfloat or softfloat. It is only set for 32-bit MIPS, where the file records it.
	Float string `json:"float,omitempty"`
	// Packer is the program that hid the real executable inside this one: UPX.
	Packer string `json:"packer,omitempty"`

	// Dynamic reports whether an ELF file has a PT_DYNAMIC.
	Dynamic bool `json:"dynamic,omitempty"`
	// NameService reports whether glibc's name service is part of a program that needs no
	// library to start. To look up a host or a user, it loads the libnss_* libraries of exactly
	// that glibc.
	NameService bool `json:"nameService,omitempty"`

	// Stripped reports whether the file has no table of its own symbols.
	Stripped bool `json:"stripped,omitempty"`
	// Signed reports whether the file has a code signature (Mach-O, PE). The signature is
	// not verified.
	Signed bool `json:"signed,omitempty"`
	// ExecStack reports whether the program asks for an executable stack (ELF PT_GNU_STACK, a
	// Mach-O flag).
	ExecStack bool `json:"execStack,omitempty"`
	// WriteExec reports whether the program maps memory that is both writable and executable.
	WriteExec bool `json:"writeExec,omitempty"`

	// Slices holds one File for each architecture of a universal (fat) Mach-O file. If there
	// are any, they hold all other facts and only Format is set here.
	Slices []File `json:"slices,omitempty"`
}

// formats lists the formats by the first bytes of a file.
var formats = []struct {
	magic string
	read  func(view) (*File, error)
}{
	{"\x7fELF", readELF},
	{"MZ", readPE},

	// Source: <mach-o/loader.h>.
	{"\xce\xfa\xed\xfe", readMachO}, // little-endian, 32-bit
	{"\xcf\xfa\xed\xfe", readMachO}, // little-endian, 64-bit
	{"\xfe\xed\xfa\xce", readMachO}, // big-endian, 32-bit
	{"\xfe\xed\xfa\xcf", readMachO}, // big-endian, 64-bit

	// Source: <mach-o/fat.h>.
	{"\xca\xfe\xba\xbe", readFat},
	{"\xca\xfe\xba\xbf", readFat},

	{"\x00asm", readWasm},
	{"\x01\xf7", readXCOFF},
	{"\x01\xdf", readXCOFF32},

	// Source: debug/plan9obj.
	{"\x00\x00\x01\xeb", readPlan9}, // 386
	{"\x00\x00\x8a\x97", readPlan9}, // amd64
	{"\x00\x00\x06\x47", readPlan9}, // arm

	{"bFLT", readFlat},
}

// readFlat rejects flat binaries, which Linux runs on processors without memory
// management (fs/binfmt_flat.c).
func readFlat(v view) (*File, error) {
	return nil, v.errorf("flat binary", 0, "this format is not supported")
}

// Open reads the executable at path, as [Read] does.
func Open(path string) (*File, error) {
	// Stat before opening: opening a named pipe would block until there is a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: %w: not a regular file", path, ErrNotExecutable)
	}

	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()

	f, err := Read(r, info.Size())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return f, nil
}

// Known reports whether a file that begins with head may be an executable and must be passed to
// [Read]. Four bytes are enough to tell.
func Known(head []byte) bool {
	for _, format := range formats {
		if bytes.HasPrefix(head, []byte(format.magic)) {
			return true
		}
	}
	return false
}

// Read returns what the executable in the first size bytes of r needs in order to run. The
// error is [ErrNotExecutable] if r does not hold an executable at all.
func Read(r io.ReaderAt, size int64) (*File, error) {
	v := newView(r, size)

	head, err := v.bytes("first bytes", 0, min(v.size, 4))
	if err != nil {
		return nil, err
	}
	for _, format := range formats {
		if bytes.HasPrefix(head, []byte(format.magic)) {
			return format.read(v)
		}
	}

	switch {
	case len(head) == 0:
		return nil, fmt.Errorf("%w: an empty file", ErrNotExecutable)
	case bytes.HasPrefix(head, []byte("#!")):
		return nil, fmt.Errorf("%w: a script", ErrNotExecutable)
	}
	return nil, fmt.Errorf("%w: unknown format, first bytes % x", ErrNotExecutable, head)
}

// appendUnique appends name to list unless list already contains it.
func appendUnique(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
