package static

import "debug/elf"

// ptMIPSABIFlags is PT_MIPS_ABIFLAGS in <elf.h>, for which debug/elf has no name.
const ptMIPSABIFlags elf.ProgType = 0x70000003

// Values of fp_abi in the MIPS ABI flags (Val_GNU_MIPS_ABI_FP_* in <elf.h>).
const (
	mipsHardDouble = 1
	mipsHardSingle = 2
	mipsSoft       = 3
)

// readFloat reads whether a MIPS program uses floating-point instructions or emulates them.
// It looks at fp_abi in Elf_MIPS_ABIFlags_v0, which follows the version, the ISA and the
// register sizes.
func (e *elfFile) readFloat(f *File) error {
	const what = "ELF MIPS ABI flags"
	const fpABI = 7 // offset of fp_abi

	s := e.segment(ptMIPSABIFlags)
	if elf.Machine(e.head.Machine) != elf.EM_MIPS || s == nil {
		return nil
	}
	flags, err := e.bytes(what, s.Off, min(s.Filesz, fpABI+1))
	if err != nil {
		return err
	}
	if len(flags) <= fpABI {
		return e.errorf(what, s.Off, "%d bytes, need %d", len(flags), fpABI+1)
	}

	switch flags[fpABI] {
	case mipsHardDouble, mipsHardSingle:
		f.Float = "hardfloat"
	case mipsSoft:
		f.Float = "softfloat"
	}
	return nil
}
