// Package static reads an executable and says what it needs in order to run.
//
// [Read] takes the facts out of an ELF, PE, Mach-O, wasm, XCOFF or Plan 9 file: the machine and the
// system it is for, the loader it asks for, the libraries it names. [Judge] compares them with what
// the operating system may be asked for (one table, in claims.go) and names every difference.
//
// The contract:
//
//   - The file is only read, never executed.
//   - No size, count or offset in the file is trusted. Every read is checked against the end of the
//     file and paid from a budget, so memory and time do not grow with what a file says about itself.
//     What is read is what loaders read (ELF segments, not sections); of a file of 50 MB a few KB.
//     Only of a program with glibc inside all segments are read, in small pieces.
//   - It fails closed. A file that is cut short, that contradicts itself or that cannot be understood
//     is an error, and what is not known to be harmless is a reason in the verdict. A file is cut short
//     when bytes are missing that a loader would map. It contradicts itself when loaders, which ignore
//     much of a header, take it for something else than the header says, or when its parts name
//     different systems. A file in one of these formats that a loader might start is never
//     [ErrNotExecutable].
//
// Exceptions:
//
//   - What a running program loads by itself (dlopen, LoadLibrary) is written nowhere in the file and
//     so not seen; the name service of a statically linked glibc is, and is a warning. Nor is what a
//     packer hid; the most common one, UPX, is recognised.
//   - Scripts and programs for DOS are not executables here, whatever they unpack and start.
//   - Symbols and debug information are not needed to run: where they are cut off or damaged the file
//     only counts as stripped.
//   - Android, AIX and Plan 9 programs are described, not judged: their claim is "as it is". The loader
//     and the libraries of an Android program must be ones that Android has.
package static

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// ErrNotExecutable says that a file is no executable at all, as opposed to a broken one: its format
// is unknown, or it is an object file, an archive, a memory dump.
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
	PIE        = "pie"            // runs at any address; where there is a loader, the loader moves it
	StaticPIE  = "static-pie"     // runs at any address and moves itself (ELF)
	Library    = "shared library" // runs only inside another program
)

// File is what one executable says about itself.
type File struct {
	Format  string `json:"format"`            // ELF, PE, MachO, Wasm, XCOFF or Plan9
	OS      string `json:"os,omitempty"`      // the system, as a GOOS where there is one; empty where the file does not say
	Arch    string `json:"arch,omitempty"`    // the GOARCH of the machine, word size and byte order; empty where there is none
	Machine string `json:"machine,omitempty"` // the machine in the words of the format, such as EM_X86_64
	Bits    int    `json:"bits,omitempty"`    // 32 or 64
	Kind    string `json:"kind,omitempty"`    // Executable, PIE, StaticPIE or Library

	// Interpreter is the loader that has to be there: ELF PT_INTERP, Mach-O LC_LOAD_DYLINKER.
	Interpreter string `json:"interpreter,omitempty"`
	// Needed are the libraries without which it does not start, in the order of the file, each once:
	// ELF DT_NEEDED and its relatives, PE imports and side-by-side assemblies, Mach-O dylibs, wasm import
	// modules, XCOFF import files.
	Needed []string `json:"needed,omitempty"`
	// Optional are the libraries without which it starts: weak Mach-O dylibs, delay-loaded DLLs.
	Optional []string `json:"optional,omitempty"`
	// RunPath is where the loader is told to search for them first: ELF DT_RPATH and DT_RUNPATH,
	// Mach-O LC_RPATH and LC_DYLD_ENVIRONMENT.
	RunPath []string `json:"runPath,omitempty"`

	MinOS  string `json:"minOS,omitempty"`  // the oldest system that takes it: Mach-O minimum version, PE subsystem version
	Glibc  string `json:"glibc,omitempty"`  // the oldest glibc that takes it (ELF DT_VERNEED), such as 2.34
	ABI    string `json:"abi,omitempty"`    // ELF EI_OSABI, such as ELFOSABI_FREEBSD
	Float  string `json:"float,omitempty"`  // hardfloat or softfloat, where the format says it: 32-bit MIPS
	Packer string `json:"packer,omitempty"` // the program that hid the real executable inside this one: UPX

	Dynamic bool `json:"dynamic,omitempty"` // ELF: there is a PT_DYNAMIC
	// NameService is glibc's, linked into a program that needs no library to start: it loads the
	// libnss_* libraries of that very glibc when it looks up a host or a user.
	NameService bool `json:"nameService,omitempty"`

	Stripped  bool `json:"stripped,omitempty"`  // no table of its own symbols was found
	Signed    bool `json:"signed,omitempty"`    // a code signature is present (Mach-O, PE); it is not checked
	ExecStack bool `json:"execStack,omitempty"` // asks for an executable stack (ELF PT_GNU_STACK, Mach-O flag)
	WriteExec bool `json:"writeExec,omitempty"` // maps memory both writable and executable

	// Slices are the architectures of a universal (fat) Mach-O. If there are any, the other facts are
	// theirs and only Format is set here.
	Slices []File `json:"slices,omitempty"`
}

// formats are the known kinds of file by their first bytes.
var formats = []struct {
	magic string
	read  func(view) (*File, error)
}{
	{"\x7fELF", readELF},
	{"MZ", readPE},
	{"\xce\xfa\xed\xfe", readMachO}, // little-endian, 32-bit; these four from <mach-o/loader.h>
	{"\xcf\xfa\xed\xfe", readMachO}, // little-endian, 64-bit
	{"\xfe\xed\xfa\xce", readMachO}, // big-endian, 32-bit
	{"\xfe\xed\xfa\xcf", readMachO}, // big-endian, 64-bit
	{"\xca\xfe\xba\xbe", readFat},   // these two from <mach-o/fat.h>
	{"\xca\xfe\xba\xbf", readFat},
	{"\x00asm", readWasm},
	{"\x01\xf7", readXCOFF},
	{"\x01\xdf", readXCOFF32},
	{"\x00\x00\x01\xeb", readPlan9}, // 386; these three as in debug/plan9obj
	{"\x00\x00\x8a\x97", readPlan9}, // amd64
	{"\x00\x00\x06\x47", readPlan9}, // arm
	{"bFLT", readFlat},
}

// readFlat refuses programs for Linux without memory management (fs/binfmt_flat.c).
func readFlat(v view) (*File, error) {
	return nil, v.errorf("flat program", 0, "this format is not read")
}

// Open is [Read] for a file on disk.
func Open(path string) (*File, error) {
	// Looked at before it is opened: opening a named pipe would wait for a writer.
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

// Known reports whether a file that begins with head may be an executable: whether [Read] has to be
// asked. Four bytes are enough to tell.
func Known(head []byte) bool {
	for _, format := range formats {
		if bytes.HasPrefix(head, []byte(format.magic)) {
			return true
		}
	}
	return false
}

// Read says what the executable in the first size bytes of r needs in order to run.
// Its error is [ErrNotExecutable] where r holds no executable at all.
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

// add appends a name unless the list holds it.
func add(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
