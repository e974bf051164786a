package static

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
)

// The header of an ELF file says what the file is in two places. Debuggers and readelf use its
// first bytes. Linux uses only e_type, e_machine, e_phentsize and e_phnum (load_elf_binary in
// fs/binfmt_elf.c, elf_check_arch of each machine), and reads them in the word size and byte
// order of the kernel. So a 64-bit program runs even if its EI_CLASS says 32 bits or its
// EI_DATA says big-endian.
//
// This package requires both places to agree. e_type must be the type of a program in the byte
// order of EI_DATA, e_phentsize must match the word size of EI_CLASS, and the machine must
// support both. Otherwise reading the file fails, and not with ErrNotExecutable.

// elfShape is a set of word sizes and byte orders.
type elfShape uint8

const (
	bits32 elfShape = 1 << iota
	bits64
	littleEndian
	bigEndian
)

// elfMachines maps machines to the word sizes and byte orders that their programs can have.
// Other machines are rejected, because it is not known how their kernels read a file.
var elfMachines = map[elf.Machine]elfShape{
	elf.EM_386:          bits32 | littleEndian,
	elf.EM_486:          bits32 | littleEndian,          // runs like EM_386
	elf.EM_X86_64:       bits32 | bits64 | littleEndian, // with 32 bits it is the x32 ABI
	elf.EM_ARM:          bits32 | littleEndian | bigEndian,
	elf.EM_AARCH64:      bits64 | littleEndian | bigEndian,
	elf.EM_LOONGARCH:    bits32 | bits64 | littleEndian,
	elf.EM_MIPS:         bits32 | bits64 | littleEndian | bigEndian,
	elf.EM_PPC:          bits32 | littleEndian | bigEndian,
	elf.EM_PPC64:        bits64 | littleEndian | bigEndian,
	elf.EM_RISCV:        bits32 | bits64 | littleEndian | bigEndian,
	elf.EM_S390:         bits32 | bits64 | bigEndian,
	elf.EM_SPARC:        bits32 | bigEndian,
	elf.EM_SPARC32PLUS:  bits32 | bigEndian,
	elf.EM_SPARCV9:      bits64 | bigEndian,
	elf.EM_68K:          bits32 | bigEndian,
	elf.EM_88K:          bits32 | bigEndian,
	elf.EM_PARISC:       bits32 | bits64 | bigEndian,
	elf.EM_VAX:          bits32 | littleEndian,
	elf.EM_ALPHA:        bits64 | littleEndian,
	elf.EM_ALPHA_STD:    bits64 | littleEndian,
	elf.EM_IA_64:        bits32 | bits64 | littleEndian | bigEndian,
	elf.EM_SH:           bits32 | littleEndian | bigEndian,
	elf.EM_XTENSA:       bits32 | littleEndian | bigEndian,
	elf.EM_MICROBLAZE:   bits32 | littleEndian | bigEndian,
	elf.EM_ARC_COMPACT:  bits32 | littleEndian | bigEndian,
	elf.EM_ARC_COMPACT2: bits32 | littleEndian | bigEndian,
	elf.EM_OPENRISC:     bits32 | bigEndian,
	elf.EM_ALTERA_NIOS2: bits32 | littleEndian,
	elf.EM_QDSP6:        bits32 | littleEndian, // Hexagon
	elf.Machine(252):    bits32 | littleEndian, // EM_CSKY
	elf.EM_AVR:          bits32 | littleEndian, // a microcontroller without a kernel
	elf.EM_MSP430:       bits32 | littleEndian, // likewise
}

// elfHeaderSize is the size of a 64-bit ELF header, which is the larger one.
const elfHeaderSize = 64

// readHeader reads the ELF header into e.head. It returns an error if the file is not
// an executable.
func (e *elfFile) readHeader() error {
	const what = "ELF header"
	const machineOffset = 18 // of e_machine

	// Pad a short file with zeros, as the kernel's buffer does.
	raw := make([]byte, elfHeaderSize)
	head, err := e.bytes(what, 0, min(e.size, elfHeaderSize))
	if err != nil {
		return err
	}
	copy(raw, head)

	shape, err := e.declaredShape(raw)
	if err != nil {
		return err
	}
	if err := e.checkType(raw); err != nil {
		return err
	}

	e.head, err = decodeELFHeader(raw, e.class, e.order)
	if err != nil {
		return e.errorf(what, 0, "%w", err)
	}
	if _, err := e.sub(what, 0, elfHeaderBytes(e.class)); err != nil {
		return err
	}

	machine := elf.Machine(e.head.Machine)
	supported, known := elfMachines[machine]
	switch {
	case !known:
		return e.errorf(what, machineOffset, "unknown machine %s", machine)
	case shape&^supported != 0:
		return e.errorf(what, elf.EI_CLASS, "contradiction: machine %s in a file of %s, %s",
			machine, e.class, elf.Data(raw[elf.EI_DATA]))
	}
	if err := e.checkClass(raw); err != nil {
		return err
	}

	if raw[elf.EI_VERSION] != byte(elf.EV_CURRENT) || e.head.Version != uint32(elf.EV_CURRENT) {
		return e.errorf(what, elf.EI_VERSION, "unknown version %d, %d", raw[elf.EI_VERSION], e.head.Version)
	}
	return nil
}

// declaredShape returns the word size and byte order that the first bytes of the file declare,
// and sets e.class and e.order to them.
func (e *elfFile) declaredShape(raw []byte) (shape elfShape, err error) {
	const what = "ELF header"

	switch elf.Data(raw[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		e.order = binary.LittleEndian
		shape = littleEndian
	case elf.ELFDATA2MSB:
		e.order = binary.BigEndian
		shape = bigEndian
	default:
		return 0, e.errorf(what, elf.EI_DATA, "unknown byte order %d", raw[elf.EI_DATA])
	}

	e.class = elf.Class(raw[elf.EI_CLASS])
	switch e.class {
	case elf.ELFCLASS32:
		return shape | bits32, nil
	case elf.ELFCLASS64:
		return shape | bits64, nil
	}
	return 0, e.errorf(what, elf.EI_CLASS, "unknown class %d", e.class)
}

// checkType returns an error for object files and memory dumps, which cannot be started, and
// for files whose e_type is the type of a program only in the other byte order.
func (e *elfFile) checkType(raw []byte) error {
	const what = "ELF header"
	const offset = 16 // of e_type

	declared := elf.Type(e.order.Uint16(raw[offset:]))
	swapped := elf.Type(declared<<8 | declared>>8)
	switch {
	case declared == elf.ET_EXEC || declared == elf.ET_DYN:
		return nil
	case swapped == elf.ET_EXEC || swapped == elf.ET_DYN:
		return e.errorf(what, elf.EI_DATA, "contradiction: %s, and a type that is %s in the other byte order",
			elf.Data(raw[elf.EI_DATA]), swapped)
	case e.size < offset+2:
		return e.errorf(what, offset, "%w", io.ErrUnexpectedEOF)
	case declared == elf.ET_REL || declared == elf.ET_CORE:
		return fmt.Errorf("%w: ELF file of type %s", ErrNotExecutable, declared)
	}
	return e.errorf(what, offset, "unknown type 0x%x", uint16(declared))
}

// checkClass returns an error if a kernel of the other word size would find program headers in
// the file. This package reads only those of the declared word size.
func (e *elfFile) checkClass(raw []byte) error {
	other := elf.ELFCLASS32
	if e.class == elf.ELFCLASS32 {
		other = elf.ELFCLASS64
	}

	head, err := decodeELFHeader(raw, other, e.order)
	if err != nil {
		return e.errorf("ELF header", 0, "%w", err)
	}
	if hasProgramHeaders(head, other) {
		return e.errorf("ELF header", elf.EI_CLASS, "contradiction: %s, and program headers of %s", e.class, other)
	}
	return nil
}

// hasProgramHeaders reports whether a kernel of the word size of class accepts the size and
// number of the program headers and goes on to read them.
func hasProgramHeaders(h elf.Header64, class elf.Class) bool {
	size := elfProgramHeaderBytes(class)
	return uint64(h.Phentsize) == size && h.Phnum > 0 && uint64(h.Phnum)*size <= maxProgramHeaders
}

// elfHeaderBytes returns the size of the ELF header.
func elfHeaderBytes(class elf.Class) uint64 {
	if class == elf.ELFCLASS32 {
		return uint64(binary.Size(elf.Header32{}))
	}
	return uint64(binary.Size(elf.Header64{}))
}

// decodeELFHeader decodes raw as a header of the given word size and byte order. 32-bit fields
// are widened.
func decodeELFHeader(raw []byte, class elf.Class, order binary.ByteOrder) (head elf.Header64, err error) {
	if class == elf.ELFCLASS64 {
		_, err = binary.Decode(raw, order, &head)
		return head, err
	}

	var h elf.Header32
	_, err = binary.Decode(raw, order, &h)
	head = elf.Header64{
		Ident:     h.Ident,
		Type:      h.Type,
		Machine:   h.Machine,
		Version:   h.Version,
		Entry:     uint64(h.Entry),
		Phoff:     uint64(h.Phoff),
		Shoff:     uint64(h.Shoff),
		Flags:     h.Flags,
		Phentsize: h.Phentsize,
		Phnum:     h.Phnum,
		Shentsize: h.Shentsize,
		Shnum:     h.Shnum,
	}
	return head, err
}
