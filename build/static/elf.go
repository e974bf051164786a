package static

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An ELF file is read as the kernel and the dynamic linker read it: the header, the
// program headers, and what those point to. Section headers serve linkers and debuggers;
// they may be missing or wrong. Fields have the names of the System V ABI, chapters 4 and
// 5 (https://gabi.xinuos.com).
//
// Reading fails if loaders disagree about the file, or if the kernel sees something else than
// readers that rely on the first bytes of the header. See elf_header.go for the header, load
// for the segments, memory.at for the bytes at an address, and elf_system.go for the system
// that runs the file.

// elfTarget identifies the processor and the data layout of an ELF file.
type elfTarget struct {
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

// elfArch maps targets to their GOARCH.
var elfArch = map[elfTarget]string{
	{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB}:       "386",
	{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB}:    "amd64", // with 32 bits it is x32, which Go lacks
	{elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB}:       "arm",
	{elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB}:   "arm64",
	{elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB}: "loong64",
	{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB}:      "mips",
	{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB}:      "mipsle",
	{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB}:      "mips64",
	{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB}:      "mips64le",
	{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB}:     "ppc64",
	{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB}:     "ppc64le",
	{elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB}:     "riscv64",
	{elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB}:      "s390x",
}

// efMIPSABI2 is the flag in e_flags for the MIPS n32 ABI, which Go lacks (EF_MIPS_ABI2 in <elf.h>).
const efMIPSABI2 = 0x20

// elfFile is an ELF file that is being read. 32-bit structures are widened to 64 bits.
type elfFile struct {
	view
	order    binary.ByteOrder
	class    elf.Class
	head     elf.Header64
	segments []elf.Prog64
	memory   memory
	evidence []systemEvidence
}

func readELF(v view) (*File, error) {
	e := &elfFile{view: v}
	if err := e.readHeader(); err != nil {
		return nil, err
	}
	if err := e.readSegments(); err != nil {
		return nil, err
	}

	target := elfTarget{
		machine: elf.Machine(e.head.Machine),
		class:   e.class,
		data:    elf.Data(e.head.Ident[elf.EI_DATA]),
	}
	f := &File{
		Format:  ELF,
		Machine: target.machine.String(),
		Arch:    elfArch[target],
		Bits:    64,
	}
	if target.class == elf.ELFCLASS32 {
		f.Bits = 32
	}
	if target.machine == elf.EM_MIPS && e.head.Flags&efMIPSABI2 != 0 {
		f.Arch = ""
	}

	// The order matters: most steps use what earlier ones have found.
	steps := []func(*File) error{
		e.readInterpreter,
		e.checkHeadersInMemory,
		e.readProtection,
		e.readDynamic,
		e.readSystem,
		e.checkEntry,
		e.readSymbols,
		e.readPacker,
		e.readFloat,
		e.findNameService,
	}
	for _, step := range steps {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// readTable reads n structures at off. In a 32-bit file they are of type S32 and are widened
// to S64.
func readTable[S32, S64 any](
	e *elfFile, v view, what string, off, n uint64, widen func(S32) S64,
) ([]S64, error) {
	size := uint64(binary.Size(new(S64)))
	if e.class == elf.ELFCLASS32 {
		size = uint64(binary.Size(new(S32)))
	}
	buf, err := v.bytes(what, off, n*size)
	if err != nil {
		return nil, err
	}

	table := make([]S64, n)
	for i := range table {
		entry := buf[uint64(i)*size:]
		if e.class == elf.ELFCLASS32 {
			var narrow S32
			_, err = binary.Decode(entry, e.order, &narrow)
			table[i] = widen(narrow)
		} else {
			_, err = binary.Decode(entry, e.order, &table[i])
		}
		if err != nil {
			return nil, v.errorf(what, off, "%w", err)
		}
	}
	return table, nil
}

// readInterpreter reads PT_INTERP. Like Linux, it requires the NUL to be the last byte of the
// segment (load_elf_binary in fs/binfmt_elf.c).
func (e *elfFile) readInterpreter(f *File) error {
	const what = "ELF interpreter"

	s := e.segment(elf.PT_INTERP)
	if s == nil {
		return nil
	}
	content, err := e.sub(what, s.Off, s.Filesz)
	if err != nil {
		return err
	}
	path, err := content.cString(what, 0)
	if err != nil {
		return err
	}
	if path == "" || uint64(len(path))+1 != s.Filesz {
		return e.errorf(what, s.Off, "path %q in a segment of %d bytes", path, s.Filesz)
	}

	f.Interpreter = path
	return nil
}

// checkHeadersInMemory checks that the program headers in memory are those in the file. The
// kernel reads them from the file and then passes their address to the loader (AT_PHDR).
func (e *elfFile) checkHeadersInMemory(f *File) error {
	const what = "ELF program headers"
	if f.Interpreter == "" {
		return nil
	}

	// The kernel computes the address from a segment or takes it from PT_PHDR.
	var addresses []uint64
	if s := e.segment(elf.PT_PHDR); s != nil {
		addresses = append(addresses, s.Vaddr)
	}
	for _, m := range e.memory {
		into := e.head.Phoff - m.view.off
		if e.head.Phoff >= m.view.off && into < m.view.size {
			addresses = append(addresses, m.addr+into)
		}
	}
	if len(addresses) == 0 {
		return e.errorf(what, e.head.Phoff, "in no segment, so the loader cannot find them")
	}

	size := uint64(e.head.Phnum) * uint64(e.head.Phentsize)
	for _, addr := range addresses {
		headers, err := e.memory.at(what, addr)
		if err != nil {
			return err
		}
		if headers.off != e.head.Phoff {
			return e.errorf(what, e.head.Phoff, "their address 0x%x maps 0x%x of the file", addr, headers.off)
		}
		if _, err := headers.sub(what, 0, size); err != nil {
			return err
		}
	}
	return nil
}

// checkEntry checks that the first instruction of a program is in the file and in executable
// memory. A file that holds only debug information fails this check.
func (e *elfFile) checkEntry(f *File) error {
	const what = "ELF entry point"
	if f.Kind == Library {
		return nil
	}
	if _, err := e.memory.at(what, e.head.Entry); err != nil {
		return err
	}

	switch elf.Machine(e.head.Machine) {
	case elf.EM_PPC64, elf.EM_IA_64, elf.EM_PARISC:
		return nil // e_entry is the address of a pointer to the instruction, which is data
	}

	// A page that several segments share has the protection of the last one.
	executable := false
	for _, s := range e.segments {
		if elf.ProgType(s.Type) != elf.PT_LOAD {
			continue
		}
		start, end := mapping{addr: s.Vaddr, size: s.Memsz}.pages()
		if start <= e.head.Entry && e.head.Entry < end {
			executable = elf.ProgFlag(s.Flags)&elf.PF_X != 0
		}
	}
	if !executable {
		return fmt.Errorf("reading %s at address 0x%x: not in executable memory", what, e.head.Entry)
	}
	return nil
}

// readProtection reads which memory is writable, executable, or both.
func (e *elfFile) readProtection(f *File) error {
	for _, s := range e.segments {
		flags := elf.ProgFlag(s.Flags)
		writable := flags&elf.PF_W != 0
		executable := flags&elf.PF_X != 0

		switch elf.ProgType(s.Type) {
		case elf.PT_LOAD:
			if writable && executable {
				f.WriteExec = true
			}
		case elf.PT_GNU_STACK:
			f.ExecStack = executable
		}
	}
	return nil
}

// readSymbols looks for a symbol table among the sections. Sections are not needed to run, so a
// file whose section headers are cut off counts as stripped.
func (e *elfFile) readSymbols(f *File) error {
	f.Stripped = true

	sections, err := readTable(e, e.view, "ELF section headers", e.head.Shoff, uint64(e.head.Shnum),
		func(s elf.Section32) elf.Section64 { return elf.Section64{Type: s.Type} })
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}

	for _, s := range sections {
		if elf.SectionType(s.Type) == elf.SHT_SYMTAB {
			f.Stripped = false
		}
	}
	return nil
}

// readPacker recognizes UPX, a small program that unpacks and starts another one, which cannot
// be read here. Its magic number follows the program headers and a checksum (struct l_info in
// src/stub/src/include/linux.h of UPX, which src/p_lx_elf.cpp looks for).
func (e *elfFile) readPacker(f *File) error {
	const checksumSize = 4
	headers := uint64(e.head.Phnum) * uint64(e.head.Phentsize)

	magic, err := e.bytes("ELF packer", e.head.Phoff+headers+checksumSize, 4)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}

	if string(magic) == "UPX!" {
		f.Packer = "UPX"
	}
	return nil
}
