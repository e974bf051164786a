package static

import (
	"debug/elf"
	"slices"
	"strconv"
	"strings"
)

// dynamicSection holds the entries of PT_DYNAMIC up to DT_NULL: the values of each tag, in the
// order of the file.
type dynamicSection map[elf.DynTag][]uint64

// Tags that debug/elf has no name for.
const (
	elfDepAudit      elf.DynTag = 0x6ffffefb // DT_DEPAUDIT in <elf.h>
	elfSunwAuxiliary elf.DynTag = 0x6000000d // DT_SUNW_AUXILIARY
	elfSunwFilter    elf.DynTag = 0x6000000f // DT_SUNW_FILTER
)

// libraryTags are the tags that make the dynamic linker load a library. DT_FILTER, DT_AUXILIARY
// and the audit libraries are rare relatives of DT_NEEDED (glibc elf/dl-deps.c, elf/rtld.c;
// ld.so.1(1) of Solaris).
var libraryTags = []elf.DynTag{
	elf.DT_NEEDED,
	elf.DT_FILTER,
	elf.DT_AUXILIARY,
	elf.DT_AUDIT,
	elfDepAudit,
}

// solarisLibraryTags are further tags that make the loader of Solaris load a library. To other
// loaders the same numbers mean something else (<sys/link.h> of illumos).
var solarisLibraryTags = []elf.DynTag{
	elfSunwAuxiliary,
	elfSunwFilter,
	elf.DT_USED,
}

// readDynamic reads the libraries that a program needs, where the loader searches for them, and
// the kind of the file.
func (e *elfFile) readDynamic(f *File) error {
	d, err := e.readDynamicSection()
	if err != nil {
		return err
	}
	f.Dynamic = d != nil

	if err := e.readLibraries(f, d); err != nil {
		return err
	}
	f.Glibc, err = e.glibcVersion(d)
	if err != nil {
		return err
	}

	flags, err := e.uniqueValue(d, elf.DT_FLAGS_1)
	if err != nil {
		return err
	}
	isPIE := elf.DynFlag1(flags)&elf.DF_1_PIE != 0
	f.Kind = elfKind(f, elf.Type(e.head.Type), isPIE)
	return nil
}

// elfKind tells programs from libraries. A program that may run at any address has the same
// e_type as a library. Linkers mark it with DF_1_PIE (GNU ld, gold, lld, mold, Go). A file
// without this mark that has a dynamic section, but no interpreter to process it, is a library.
func elfKind(f *File, t elf.Type, isPIE bool) string {
	switch {
	case t == elf.ET_EXEC:
		return Executable
	case f.Interpreter != "":
		return PIE
	case f.Dynamic && !isPIE:
		return Library
	case len(f.Needed) > 0:
		return PIE
	}
	return StaticPIE
}

// readDynamicSection reads PT_DYNAMIC. It returns nil if there is none.
func (e *elfFile) readDynamicSection() (dynamicSection, error) {
	const what = "ELF dynamic section"

	s := e.segment(elf.PT_DYNAMIC)
	if s == nil {
		return nil, nil
	}
	inFile, err := e.sub(what, s.Off, s.Filesz)
	if err != nil {
		return nil, err
	}

	// The dynamic linker uses the address, other readers use the offset.
	inMemory, err := e.memory.at(what, s.Vaddr)
	if err != nil {
		return nil, err
	}
	if inMemory.off != inFile.off {
		return nil, e.errorf(what, s.Off, "its address 0x%x maps 0x%x of the file", s.Vaddr, inMemory.off)
	}
	section, err := inMemory.sub(what, 0, s.Filesz)
	if err != nil {
		return nil, err
	}

	entrySize := uint64(16)
	if e.class == elf.ELFCLASS32 {
		entrySize = 8
	}
	entries, err := readTable(e, section, what, 0, section.size/entrySize, widenDynamicEntry)
	if err != nil {
		return nil, err
	}

	d := dynamicSection{}
	for _, entry := range entries {
		tag := elf.DynTag(entry.Tag)
		if tag == elf.DT_NULL {
			return d, nil
		}
		d[tag] = append(d[tag], entry.Val)
	}
	return nil, e.errorf(what, s.Off, "no DT_NULL in 0x%x bytes", s.Filesz)
}

func widenDynamicEntry(d elf.Dyn32) elf.Dyn64 {
	return elf.Dyn64{
		Tag: int64(d.Tag),
		Val: uint64(d.Val),
	}
}

// uniqueValue returns the value of a tag, or 0 if there is none. It returns an error if the tag
// has several different values.
func (e *elfFile) uniqueValue(d dynamicSection, tag elf.DynTag) (uint64, error) {
	values := d[tag]
	if len(values) == 0 {
		return 0, nil
	}
	for _, v := range values {
		if v != values[0] {
			off := e.segment(elf.PT_DYNAMIC).Off
			return 0, e.errorf("ELF dynamic section", off, "%s is both 0x%x and 0x%x", tag, values[0], v)
		}
	}
	return values[0], nil
}

// stringTable returns the string table of the dynamic section.
func (e *elfFile) stringTable(d dynamicSection) (view, error) {
	const what = "ELF dynamic string table"

	addr, err := e.uniqueValue(d, elf.DT_STRTAB)
	if err != nil {
		return view{}, err
	}
	size, err := e.uniqueValue(d, elf.DT_STRSZ)
	if err != nil {
		return view{}, err
	}

	table, err := e.memory.at(what, addr)
	if err != nil {
		return view{}, err
	}
	return table.sub(what, 0, size)
}

// readLibraries reads the names of libraries and of the directories in which the loader
// searches for them.
func (e *elfFile) readLibraries(f *File, d dynamicSection) error {
	// The values are offsets into the string table.
	var libraries []uint64
	for _, tag := range libraryTags {
		libraries = append(libraries, d[tag]...)
	}
	searchPaths := slices.Concat(d[elf.DT_RPATH], d[elf.DT_RUNPATH])
	if isSolarisLoader(f.Interpreter) {
		for _, tag := range solarisLibraryTags {
			libraries = append(libraries, d[tag]...)
		}
		searchPaths = append(searchPaths, d[elf.DT_CONFIG]...) // a file that says where libraries are
	}
	if len(libraries) == 0 && len(searchPaths) == 0 {
		return nil
	}

	names, err := e.stringTable(d)
	if err != nil {
		return err
	}
	for _, off := range libraries {
		name, err := names.cString("ELF library name", off)
		if err != nil {
			return err
		}
		f.Needed = appendUnique(f.Needed, name)
	}
	for _, off := range searchPaths {
		list, err := names.cString("ELF library search path", off)
		if err != nil {
			return err
		}
		for dir := range strings.SplitSeq(list, ":") {
			if dir != "" {
				f.RunPath = appendUnique(f.RunPath, dir)
			}
		}
	}
	return nil
}

// verneed is Elf64_Verneed, which is the same in 32-bit files (Linux Standard Base, Core
// Specification, 10.7.3).
type verneed struct {
	Version, Count  uint16
	File, Aux, Next uint32
}

// vernaux is Elf64_Vernaux, which is the same in 32-bit files.
type vernaux struct {
	Hash         uint32
	Flags, Other uint16
	Name, Next   uint32
}

// libgcc is a library of GCC, not of glibc. It has versions called GLIBC_2.0 nevertheless,
// because its symbols once belonged to glibc.
const libgcc = "libgcc_s.so.1"

// glibcVersion returns the highest x.y of the symbol versions GLIBC_x.y that the program needs.
func (e *elfFile) glibcVersion(d dynamicSection) (highest string, err error) {
	const what = "ELF version needs"

	addr, err := e.uniqueValue(d, elf.DT_VERNEED)
	if err != nil {
		return "", err
	}
	count, err := e.uniqueValue(d, elf.DT_VERNEEDNUM)
	if err != nil || count == 0 {
		return "", err
	}
	needs, err := e.memory.at(what, addr)
	if err != nil {
		return "", err
	}
	names, err := e.stringTable(d)
	if err != nil {
		return "", err
	}

	off := uint64(0)
	for ; count > 0; count-- {
		var need verneed
		if err := needs.decode(what, off, e.order, &need); err != nil {
			return "", err
		}
		library, err := names.cString(what, uint64(need.File))
		if err != nil {
			return "", err
		}
		versions, err := e.neededVersions(needs, names, off+uint64(need.Aux), need.Count)
		if err != nil {
			return "", err
		}

		for _, name := range versions {
			version, ok := strings.CutPrefix(name, "GLIBC_")
			if ok && library != libgcc && versionLess(highest, version) {
				highest = version
			}
		}
		off += uint64(need.Next)
	}
	return highest, nil
}

// neededVersions returns the names of count versions, whose list begins at off.
func (e *elfFile) neededVersions(needs, names view, off uint64, count uint16) (versions []string, err error) {
	const what = "ELF version needs"
	for ; count > 0; count-- {
		var aux vernaux
		if err := needs.decode(what, off, e.order, &aux); err != nil {
			return nil, err
		}
		name, err := names.cString(what, uint64(aux.Name))
		if err != nil {
			return nil, err
		}

		versions = append(versions, name)
		off += uint64(aux.Next)
	}
	return versions, nil
}

// versionLess compares versions such as 2.2.5 and 2.34 number by number. Anything else, such as
// the PRIVATE of GLIBC_PRIVATE, is less than every version.
func versionLess(a, b string) bool {
	x := versionNumbers(a)
	y := versionNumbers(b)
	for i := range y {
		if i >= len(x) {
			return true
		}
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

// versionNumbers returns the numbers in a version, or nil if it is not made of numbers and dots.
func versionNumbers(version string) (numbers []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}
