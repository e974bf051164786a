package static

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
)

const (
	scanChunk = 64 << 10 // bytes in memory at a time
	scanLimit = 1 << 30  // bytes of one file; no program has more of what is looked through
)

// nssMark begins the names of the libraries that glibc's name service loads: libnss_files.so.2
// (nsswitch.conf(5), FILES).
var nssMark = []byte("libnss_")

// nameService looks into a program that has glibc inside for glibc's name service. Nothing but the
// names of the libraries shows it. Other programs are not read: glibc's start files mark theirs with
// a GNU note or with the Linux EI_OSABI, which neither Go nor musl writes.
func (e *elfFile) nameService(f *File) error {
	const what = "ELF segments"
	if f.Interpreter != "" || len(f.Needed) > 0 || !e.signOf("linux") {
		return nil
	}
	// Segments may overlap any number of times: all is read once, from the first to the last.
	start, end := e.size, uint64(0)
	for _, m := range e.memory {
		if m.view.size == 0 {
			continue
		}
		start = min(start, m.view.off)
		end = max(end, m.view.off+m.view.size)
	}
	buf := make([]byte, scanChunk+len(nssMark))
	for off := start; off < end; off += scanChunk {
		if off-start >= scanLimit {
			return e.errorf(what, off, "%w", errBudget)
		}
		part := buf[:min(uint64(len(buf)), end-off)]
		if n, err := e.r.ReadAt(part, int64(off)); n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return e.errorf(what, off, "%w", err)
		}
		if bytes.Contains(part, nssMark) {
			f.NameService = true
			return nil
		}
	}
	return nil
}

// Values of fp_abi in the MIPS ABI flags (Val_GNU_MIPS_ABI_FP_* in <elf.h>).
const (
	mipsHardDouble = 1
	mipsHardSingle = 2
	mipsSoft       = 3
)

// ptMIPSABIFlags is PT_MIPS_ABIFLAGS of <elf.h>, which debug/elf has under this number only.
const ptMIPSABIFlags elf.ProgType = 0x70000003

// float reads how floating point is done, where the format says it: in Elf_MIPS_ABIFlags_v0, the
// byte after version, ISA, and register sizes.
func (e *elfFile) float(f *File) error {
	const what, fpABI = "ELF MIPS ABI flags", 7
	s := e.segment(ptMIPSABIFlags)
	if elf.Machine(e.head.Machine) != elf.EM_MIPS || s == nil {
		return nil
	}
	flags, err := e.bytes(what, s.Off, min(s.Filesz, fpABI+1))
	if err != nil {
		return err
	}
	if len(flags) <= fpABI {
		return e.errorf(what, s.Off, "%d bytes", len(flags))
	}
	switch flags[fpABI] {
	case mipsHardDouble, mipsHardSingle:
		f.Float = "hardfloat"
	case mipsSoft:
		f.Float = "softfloat"
	}
	return nil
}
