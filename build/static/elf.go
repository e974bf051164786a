package static

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// An ELF file is read as the kernel and the dynamic linker read it: header, program headers, and what
// those point to. Section headers are for linkers and debuggers; they may be missing or lie.
// Field names are those of the System V ABI, chapters 4 and 5 (https://gabi.xinuos.com).
//
// Where loaders differ, or where the kernel and the header's first bytes see different things, reading
// fails: see elf_header.go for the header, load for the segments, memory.at for the bytes at an address,
// and elf_system.go for the system that runs the file.

// elfArch is the GOARCH of a machine, word size and byte order.
var elfArch = map[elfTarget]string{
	{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB}:       "386",
	{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB}:    "amd64", // 32-bit is the x32 ABI, which Go has not
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

type elfTarget struct {
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

// efMIPSABI2 in e_flags is the MIPS n32 ABI, which Go has not (EF_MIPS_ABI2 in <elf.h>).
const efMIPSABI2 = 0x20

// maxPhdrs is the most bytes of program headers Linux takes (load_elf_phdrs in fs/binfmt_elf.c).
const maxPhdrs = 64 << 10

// elfFile is an ELF file while it is read. 32-bit structures are widened to 64 bits.
type elfFile struct {
	view
	order    binary.ByteOrder
	class    elf.Class
	head     elf.Header64
	segments []elf.Prog64
	memory   memory
	signs    []systemSign
}

func readELF(v view) (*File, error) {
	e := &elfFile{view: v}
	for _, step := range []func() error{e.readHeader, e.readSegments} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	target := elfTarget{elf.Machine(e.head.Machine), e.class, elf.Data(e.head.Ident[elf.EI_DATA])}
	f := &File{Format: ELF, Machine: target.machine.String(), Arch: elfArch[target], Bits: 64}
	if e.class == elf.ELFCLASS32 {
		f.Bits = 32
	}
	if target.machine == elf.EM_MIPS && e.head.Flags&efMIPSABI2 != 0 {
		f.Arch = ""
	}
	steps := []func(*File) error{
		e.interpreter,
		e.headersInMemory,
		e.protection,
		e.dynamic,
		e.system,
		e.entry,
		e.symbols,
		e.packer,
		e.float,
		e.nameService,
	}
	for _, step := range steps {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// readTable reads n structures at off, of the word size of the file; 32-bit ones are widened.
func readTable[S32, S64 any](e *elfFile, v view, what string, off, n uint64, widen func(S32) S64) ([]S64, error) {
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
		part := buf[uint64(i)*size:]
		if e.class == elf.ELFCLASS32 {
			var s S32
			_, err = binary.Decode(part, e.order, &s)
			table[i] = widen(s)
		} else {
			_, err = binary.Decode(part, e.order, &table[i])
		}
		if err != nil {
			return nil, v.errorf(what, off, "%w", err)
		}
	}
	return table, nil
}

// readSegments reads the program headers and checks that the file holds what they say is in it.
func (e *elfFile) readSegments() error {
	const what = "ELF program headers"
	n, size := int(e.head.Phnum), binary.Size(elf.Prog64{})
	if e.class == elf.ELFCLASS32 {
		size = binary.Size(elf.Prog32{})
	}
	if n == 0 || n*size > maxPhdrs || int(e.head.Phentsize) != size {
		return e.errorf(what, e.head.Phoff, "%d entries of %d bytes", n, e.head.Phentsize)
	}
	segments, err := readTable(e, e.view, what, e.head.Phoff, uint64(n), func(p elf.Prog32) elf.Prog64 {
		return elf.Prog64{Type: p.Type, Flags: p.Flags, Off: uint64(p.Off), Vaddr: uint64(p.Vaddr),
			Filesz: uint64(p.Filesz), Memsz: uint64(p.Memsz), Align: uint64(p.Align)}
	})
	if err != nil {
		return err
	}
	for _, s := range segments {
		if err := e.addSegment(s); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(e.memory, func(m mapping) bool { return m.view.size > 0 }) {
		return e.errorf(what, e.head.Phoff, "no PT_LOAD with bytes of the file")
	}
	return nil
}

// addSegment keeps s, which must be the only one of its type where loaders expect one.
func (e *elfFile) addSegment(s elf.Prog64) error {
	switch elf.ProgType(s.Type) {
	case elf.PT_LOAD:
		if err := e.load(s); err != nil {
			return err
		}
	case elf.PT_INTERP, elf.PT_DYNAMIC, elf.PT_GNU_STACK, elf.PT_PHDR:
		// Some loaders take the first of several, some the last.
		if e.segment(elf.ProgType(s.Type)) != nil {
			return e.errorf(segmentName(s), s.Off, "a second one")
		}
	}

	e.segments = append(e.segments, s)
	return nil
}

func segmentName(s elf.Prog64) string { return "ELF segment " + elf.ProgType(s.Type).String() }

// load adds a PT_LOAD segment to the memory of the program. It refuses segments that Linux does not map
// (elf_load and load_elf_binary in fs/binfmt_elf.c). It also refuses segments that are not in ascending
// order, which the System V ABI requires and from which kernels compute how much memory to reserve.
func (e *elfFile) load(s elf.Prog64) error {
	what := segmentName(s)

	limit, known := elfAddressLimits[elf.Machine(e.head.Machine)]
	if !known {
		limit = math.MaxUint64
	}
	if s.Filesz > s.Memsz || s.Memsz > limit || s.Vaddr > limit-s.Memsz {
		return e.errorf(what, s.Off, "0x%x bytes do not fit into 0x%x at address 0x%x", s.Filesz, s.Memsz, s.Vaddr)
	}
	if s.Filesz > 0 && (s.Vaddr-s.Off)%pageSize != 0 {
		return e.errorf(what, s.Off,
			"address 0x%x has another offset in its page than the bytes in the file", s.Vaddr)
	}
	if len(e.memory) > 0 && s.Vaddr < e.memory[len(e.memory)-1].addr {
		return e.errorf(what, s.Off, "address 0x%x is below the address of the segment before it", s.Vaddr)
	}

	m := mapping{addr: s.Vaddr, size: s.Memsz}
	if s.Filesz > 0 {
		content, err := e.sub(what, s.Off, s.Filesz)
		if err != nil {
			return err
		}
		m.view = content
	}
	e.memory = append(e.memory, m)
	return nil
}

// elfAddressLimits holds the first address that Linux does not give to programs (TASK_SIZE in the
// kernel), for machines on which it is always the same.
var elfAddressLimits = map[elf.Machine]uint64{
	elf.EM_386:    0xc0000000,
	elf.EM_486:    0xc0000000,
	elf.EM_X86_64: 1<<47 - pageSize,
}

// segment returns the first segment of a type, or nil.
func (e *elfFile) segment(t elf.ProgType) *elf.Prog64 {
	for i := range e.segments {
		if elf.ProgType(e.segments[i].Type) == t {
			return &e.segments[i]
		}
	}
	return nil
}

// interpreter reads PT_INTERP. Like Linux it wants the NUL at the very end of the segment
// (load_elf_binary in fs/binfmt_elf.c).
func (e *elfFile) interpreter(f *File) error {
	const what = "ELF interpreter"
	s := e.segment(elf.PT_INTERP)
	if s == nil {
		return nil
	}
	path, err := e.sub(what, s.Off, s.Filesz)
	if err != nil {
		return err
	}
	if f.Interpreter, err = path.text(what, 0); err != nil {
		return err
	}
	if f.Interpreter == "" || uint64(len(f.Interpreter))+1 != s.Filesz {
		return e.errorf(what, s.Off, "path %q in a segment of %d bytes", f.Interpreter, s.Filesz)
	}
	return nil
}

// headersInMemory checks that a loader finds the same program headers in memory as are in the file:
// the kernel reads them from the file, then tells the loader an address (AT_PHDR).
func (e *elfFile) headersInMemory(f *File) error {
	const what = "ELF program headers"
	if f.Interpreter == "" {
		return nil
	}

	var addresses []uint64
	if s := e.segment(elf.PT_PHDR); s != nil {
		addresses = append(addresses, s.Vaddr)
	}
	for _, m := range e.memory {
		if into := e.head.Phoff - m.view.off; e.head.Phoff >= m.view.off && into < m.view.size {
			addresses = append(addresses, m.addr+into)
		}
	}

	if len(addresses) == 0 {
		return e.errorf(what, e.head.Phoff, "in no segment, so the loader cannot find them")
	}
	for _, addr := range addresses {
		headers, err := e.memory.at(what, addr)
		if err != nil {
			return err
		}
		if headers.off != e.head.Phoff {
			return e.errorf(what, e.head.Phoff, "their address 0x%x is at 0x%x of the file", addr, headers.off)
		}
		if _, err := headers.sub(what, 0, uint64(e.head.Phnum)*uint64(e.head.Phentsize)); err != nil {
			return err
		}
	}
	return nil
}

// entry checks that a program's first instruction is in the file and in executable memory. In a file that
// only holds debug information it is not.
func (e *elfFile) entry(f *File) error {
	const what = "ELF entry point"
	if f.Kind == Library {
		return nil
	}
	if _, err := e.memory.at(what, e.head.Entry); err != nil {
		return err
	}

	switch elf.Machine(e.head.Machine) {
	case elf.EM_PPC64, elf.EM_IA_64, elf.EM_PARISC:
		return nil // the address is that of a pointer to the instruction, which is data
	}

	// A page that two segments share has the protection of the last.
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

// protection reads what the segments allow to be done with memory.
func (e *elfFile) protection(f *File) error {
	for _, s := range e.segments {
		flags := elf.ProgFlag(s.Flags)
		switch elf.ProgType(s.Type) {
		case elf.PT_LOAD:
			f.WriteExec = f.WriteExec || flags&elf.PF_W != 0 && flags&elf.PF_X != 0
		case elf.PT_GNU_STACK:
			f.ExecStack = flags&elf.PF_X != 0
		}
	}
	return nil
}

// symbols looks for a symbol table among the sections. Those are not needed to run: where their
// headers are cut off, there is none.
func (e *elfFile) symbols(f *File) error {
	f.Stripped = true
	sections, err := readTable(e, e.view, "ELF section headers", e.head.Shoff, uint64(e.head.Shnum),
		func(s elf.Section32) elf.Section64 { return elf.Section64{Type: s.Type} })
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	for _, s := range sections {
		if elf.SectionType(s.Type) == elf.SHT_SYMTAB {
			f.Stripped = false
		}
	}
	return err
}

// packer recognises UPX, whose little program unpacks and starts another one that is not to be seen
// here. Its magic follows the program headers and a checksum (struct l_info in UPX's
// src/stub/src/include/linux.h, looked for in src/p_lx_elf.cpp).
func (e *elfFile) packer(f *File) error {
	headers := uint64(e.head.Phnum) * uint64(e.head.Phentsize)
	magic, err := e.bytes("ELF packer", e.head.Phoff+headers+4, 4)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if string(magic) == "UPX!" {
		f.Packer = "UPX"
	}
	return err
}
