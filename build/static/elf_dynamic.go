package static

import (
	"debug/elf"
	"slices"
	"strconv"
	"strings"
)

// dynamicSection is PT_DYNAMIC up to DT_NULL: the values of each tag, in the order of the file.
type dynamicSection map[elf.DynTag][]uint64

// libraryTags are the entries that make the dynamic linker load a library. DT_FILTER, DT_AUXILIARY and
// the audit libraries are rare relatives of DT_NEEDED (glibc elf/dl-deps.c, elf/rtld.c; ld.so.1(1) of
// Solaris).
var libraryTags = []elf.DynTag{elf.DT_NEEDED, elf.DT_FILTER, elf.DT_AUXILIARY, elf.DT_AUDIT, elfDepAudit}

// solarisLibraryTags are further tags that name libraries to the loader of Solaris. To other loaders the
// same numbers mean something else (<sys/link.h> of illumos).
var solarisLibraryTags = []elf.DynTag{elfSunwAuxiliary, elfSunwFilter, elf.DT_USED}

// Entries of the dynamic section that debug/elf lacks.
const (
	elfDepAudit      elf.DynTag = 0x6ffffefb // DT_DEPAUDIT of <elf.h>
	elfSunwAuxiliary elf.DynTag = 0x6000000d // DT_SUNW_AUXILIARY
	elfSunwFilter    elf.DynTag = 0x6000000f // DT_SUNW_FILTER
)

// dynamic reads PT_DYNAMIC: the libraries, where they are searched, and what kind of file this is.
func (e *elfFile) dynamic(f *File) error {
	d, err := e.readDynamic()
	if err != nil {
		return err
	}
	f.Dynamic = d != nil
	if err := e.libraries(f, d); err != nil {
		return err
	}
	if f.Glibc, err = e.glibc(d); err != nil {
		return err
	}
	flags, err := e.value(d, elf.DT_FLAGS_1)
	if err != nil {
		return err
	}
	f.Kind = kindOfELF(f, elf.Type(e.head.Type), elf.DynFlag1(flags)&elf.DF_1_PIE != 0)
	return nil
}

// kindOfELF tells programs from libraries, which have the same e_type where programs may be moved.
// Linkers mark such programs with DF_1_PIE (GNU ld, gold, lld, mold, Go). Without the mark, and with
// a dynamic section but no interpreter to work on it, it is a library.
func kindOfELF(f *File, t elf.Type, marked bool) string {
	switch {
	case t == elf.ET_EXEC:
		return Executable
	case f.Interpreter != "":
		return PIE
	case f.Dynamic && !marked:
		return Library
	case len(f.Needed) > 0:
		return PIE
	}
	return StaticPIE
}

// readDynamic reads PT_DYNAMIC; without one the result is nil.
func (e *elfFile) readDynamic() (dynamicSection, error) {
	const what = "ELF dynamic section"
	s := e.segment(elf.PT_DYNAMIC)
	if s == nil {
		return nil, nil
	}
	section, err := e.sub(what, s.Off, s.Filesz)
	if err != nil {
		return nil, err
	}
	// The dynamic linker goes to the address, other readers go to the offset.
	mapped, err := e.memory.at(what, s.Vaddr)
	if err != nil {
		return nil, err
	}
	if mapped.off != section.off {
		return nil, e.errorf(what, s.Off, "its address 0x%x is at 0x%x of the file", s.Vaddr, mapped.off)
	}
	size := uint64(16)
	if e.class == elf.ELFCLASS32 {
		size = 8
	}
	if section, err = mapped.sub(what, 0, s.Filesz); err != nil {
		return nil, err
	}
	entries, err := readTable(e, section, what, 0, section.size/size, func(d elf.Dyn32) elf.Dyn64 {
		return elf.Dyn64{Tag: int64(d.Tag), Val: uint64(d.Val)}
	})
	if err != nil {
		return nil, err
	}
	d := dynamicSection{}
	for _, entry := range entries {
		if entry.Tag == int64(elf.DT_NULL) {
			return d, nil
		}
		tag := elf.DynTag(entry.Tag)
		d[tag] = append(d[tag], entry.Val)
	}
	return nil, e.errorf(what, s.Off, "no DT_NULL in 0x%x bytes", s.Filesz)
}

// value returns the value of a tag that is to be there once, or 0.
func (e *elfFile) value(d dynamicSection, tag elf.DynTag) (uint64, error) {
	values := d[tag]
	if len(values) == 0 {
		return 0, nil
	}
	for _, v := range values {
		if v != values[0] {
			return 0, e.errorf("ELF dynamic section", e.segment(elf.PT_DYNAMIC).Off, "%s is 0x%x and 0x%x", tag, values[0], v)
		}
	}
	return values[0], nil
}

// strings returns the string table of the dynamic section.
func (e *elfFile) strings(d dynamicSection) (view, error) {
	const what = "ELF dynamic string table"
	addr, err := e.value(d, elf.DT_STRTAB)
	if err != nil {
		return view{}, err
	}
	size, err := e.value(d, elf.DT_STRSZ)
	if err != nil {
		return view{}, err
	}
	table, err := e.memory.at(what, addr)
	if err != nil {
		return view{}, err
	}
	return table.sub(what, 0, size)
}

// libraries reads the names of libraries and of the directories to search for them.
func (e *elfFile) libraries(f *File, d dynamicSection) error {
	var libraries []uint64
	for _, tag := range libraryTags {
		libraries = append(libraries, d[tag]...)
	}
	runPaths := slices.Concat(d[elf.DT_RPATH], d[elf.DT_RUNPATH])
	if solarisLoader(f) {
		for _, tag := range solarisLibraryTags {
			libraries = append(libraries, d[tag]...)
		}
		runPaths = append(runPaths, d[elf.DT_CONFIG]...) // a file that says where libraries are
	}
	if len(libraries)+len(runPaths) == 0 {
		return nil
	}
	names, err := e.strings(d)
	if err != nil {
		return err
	}
	for _, at := range libraries {
		name, err := names.text("ELF library name", at)
		if err != nil {
			return err
		}
		f.Needed = add(f.Needed, name)
	}
	for _, at := range runPaths {
		list, err := names.text("ELF library search path", at)
		if err != nil {
			return err
		}
		for dir := range strings.SplitSeq(list, ":") {
			if dir != "" {
				f.RunPath = add(f.RunPath, dir)
			}
		}
	}
	return nil
}

// verneed and vernaux are Elf64_Verneed and Elf64_Vernaux, the same in 32 bits (Linux Standard Base,
// Core Specification, 10.7.3).
type verneed struct {
	Version, Count  uint16
	File, Aux, Next uint32
}

type vernaux struct {
	Hash         uint32
	Flags, Other uint16
	Name, Next   uint32
}

// libgcc is GCC's, but has versions called GLIBC_2.0, from when its symbols were glibc's.
const libgcc = "libgcc_s.so.1"

// glibc returns the highest GLIBC_x.y version that symbols are needed in.
func (e *elfFile) glibc(d dynamicSection) (highest string, err error) {
	const what = "ELF version needs"
	addr, err := e.value(d, elf.DT_VERNEED)
	if err != nil {
		return "", err
	}
	count, err := e.value(d, elf.DT_VERNEEDNUM)
	if err != nil || count == 0 {
		return "", err
	}
	needs, err := e.memory.at(what, addr)
	if err != nil {
		return "", err
	}
	names, err := e.strings(d)
	if err != nil {
		return "", err
	}
	var need verneed
	for off := uint64(0); count > 0; count, off = count-1, off+uint64(need.Next) {
		if err := needs.decode(what, off, e.order, &need); err != nil {
			return "", err
		}
		file, err := names.text(what, uint64(need.File))
		if err != nil {
			return "", err
		}
		var aux vernaux
		for at, n := off+uint64(need.Aux), need.Count; n > 0; n, at = n-1, at+uint64(aux.Next) {
			if err := needs.decode(what, at, e.order, &aux); err != nil {
				return "", err
			}
			name, err := names.text(what, uint64(aux.Name))
			if err != nil {
				return "", err
			}
			version, ok := strings.CutPrefix(name, "GLIBC_")
			if ok && file != libgcc && versionLess(highest, version) {
				highest = version
			}
		}
	}
	return highest, nil
}

// versionLess compares versions such as 2.2.5 and 2.34 by number. What is no version, such as
// the PRIVATE of GLIBC_PRIVATE, is the lowest.
func versionLess(a, b string) bool {
	x, y := numbers(a), numbers(b)
	for i := range y {
		if i >= len(x) || x[i] != y[i] {
			return i >= len(x) || x[i] < y[i]
		}
	}
	return false
}

func numbers(version string) (list []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}
