package static

import (
	"debug/elf"
	"encoding/binary"
	"math"
	"slices"
)

// maxProgramHeaders is the size in bytes of the largest program header table that Linux accepts
// (load_elf_phdrs in fs/binfmt_elf.c).
const maxProgramHeaders = 64 << 10

// elfAddressLimits maps machines to the first address that Linux does not give to
// programs (TASK_SIZE in the kernel). It lacks machines for which the limit depends on
// the kernel's configuration.
var elfAddressLimits = map[elf.Machine]uint64{
	elf.EM_386:    0xc0000000,
	elf.EM_486:    0xc0000000,
	elf.EM_X86_64: 1<<47 - pageSize,
}

// readSegments reads the program headers and checks that the file contains the segments
// they describe.
func (e *elfFile) readSegments() error {
	const what = "ELF program headers"

	n := uint64(e.head.Phnum)
	size := elfProgramHeaderBytes(e.class)
	if n == 0 || n*size > maxProgramHeaders || uint64(e.head.Phentsize) != size {
		return e.errorf(what, e.head.Phoff, "%d entries of %d bytes", n, e.head.Phentsize)
	}
	segments, err := readTable(e, e.view, what, e.head.Phoff, n, widenProgramHeader)
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

func widenProgramHeader(p elf.Prog32) elf.Prog64 {
	return elf.Prog64{
		Type:   p.Type,
		Flags:  p.Flags,
		Off:    uint64(p.Off),
		Vaddr:  uint64(p.Vaddr),
		Filesz: uint64(p.Filesz),
		Memsz:  uint64(p.Memsz),
		Align:  uint64(p.Align),
	}
}

// elfProgramHeaderBytes returns the size of one program header.
func elfProgramHeaderBytes(class elf.Class) uint64 {
	if class == elf.ELFCLASS32 {
		return uint64(binary.Size(elf.Prog32{}))
	}
	return uint64(binary.Size(elf.Prog64{}))
}

// addSegment adds s to the segments. It returns an error if s repeats a segment of a type that
// loaders expect only once.
func (e *elfFile) addSegment(s elf.Prog64) error {
	switch elf.ProgType(s.Type) {
	case elf.PT_LOAD:
		if err := e.load(s); err != nil {
			return err
		}
	case elf.PT_INTERP, elf.PT_DYNAMIC, elf.PT_GNU_STACK, elf.PT_PHDR:
		// If there are several, some loaders use the first and some the last.
		if e.segment(elf.ProgType(s.Type)) != nil {
			return e.errorf(segmentName(s), s.Off, "duplicate segment")
		}
	}

	e.segments = append(e.segments, s)
	return nil
}

func segmentName(s elf.Prog64) string {
	return "ELF segment " + elf.ProgType(s.Type).String()
}

// load adds a PT_LOAD segment to the memory of the program.
//
// It returns an error for segments that Linux does not map (elf_load and load_elf_binary in
// fs/binfmt_elf.c), and for segments that are not in ascending order of address. The System V
// ABI requires this order, and kernels rely on it when they compute how much memory to reserve.
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
		return e.errorf(what, s.Off, "address 0x%x is at another offset in its page than the bytes in the file",
			s.Vaddr)
	}
	if len(e.memory) > 0 && s.Vaddr < e.memory[len(e.memory)-1].addr {
		return e.errorf(what, s.Off, "address 0x%x is below the address of the previous segment", s.Vaddr)
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

// segment returns the first segment of a type, or nil if there is none.
func (e *elfFile) segment(t elf.ProgType) *elf.Prog64 {
	for i := range e.segments {
		if elf.ProgType(e.segments[i].Type) == t {
			return &e.segments[i]
		}
	}
	return nil
}
