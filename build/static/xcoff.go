package static

import (
	"encoding/binary"
	"fmt"
	"path"
)

// An XCOFF file of AIX is read by its sections; the loader section names the libraries. Structures
// and numbers are those of <xcoff.h>, in the "XCOFF Object File Format" of the AIX Files Reference.
// 32-bit programs are recognized and refused: Go has no 32-bit AIX.

const (
	xcoffExec      = 0x0002 // F_EXEC
	xcoffShared    = 0x2000 // F_SHROBJ
	xcoffBSS       = 0x0080 // STYP_BSS
	xcoffThreadBSS = 0x0800 // STYP_TBSS
	xcoffLoader    = 0x1000 // STYP_LOADER
)

// xcoffHeader is the file header, FILHDR.
type xcoffHeader struct {
	Magic, Sections uint16
	Time            uint32
	SymbolOffset    uint64
	OptionalSize    uint16
	Flags           uint16
	Symbols         uint32
}

// xcoffSection is a section header, SCNHDR.
type xcoffSection struct {
	Name                                             [8]byte
	PhysicalAddr, VirtualAddr                        uint64
	Size, Offset, RelocationOffset, LineNumberOffset uint64
	Relocations, LineNumbers, Flags, Reserved        uint32
}

// xcoffLoaderHeader is the header of the loader section, LDHDR.
type xcoffLoaderHeader struct {
	Version, Symbols, Relocations, ImportSize, Imports, StringSize uint32
	ImportOffset, StringOffset, SymbolOffset, RelocationOffset     uint64
}

// xcoffHeader32 is the FILHDR of 32-bit files.
type xcoffHeader32 struct {
	Magic, Sections    uint16
	Time, SymbolOffset uint32
	Symbols            uint32
	OptionalSize       uint16
	Flags              uint16
}

// xcoffAuxiliarySize is the size of the auxiliary header that a 32-bit program must have (AOUTHSZ).
const xcoffAuxiliarySize = 72

// readXCOFF32 refuses 32-bit programs. Their magic number has only two bytes, with which other files
// begin, too, so it checks more of the header.
func readXCOFF32(v view) (*File, error) {
	const what = "32-bit XCOFF header"
	var head xcoffHeader32
	if v.size < uint64(binary.Size(head)) {
		return nil, fmt.Errorf("%w: shorter than an XCOFF header", ErrNotExecutable)
	}
	if err := v.decode(what, 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}

	if head.Flags&xcoffExec == 0 || head.OptionalSize != xcoffAuxiliarySize {
		return nil, fmt.Errorf("%w: XCOFF file without F_EXEC or an auxiliary header", ErrNotExecutable)
	}
	return nil, v.errorf(what, 0, "32-bit programs are not read")
}

func readXCOFF(v view) (*File, error) {
	var head xcoffHeader
	if err := v.decode("XCOFF header", 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}
	if head.Flags&xcoffExec == 0 {
		return nil, fmt.Errorf("%w: XCOFF file without F_EXEC", ErrNotExecutable)
	}
	f := &File{Format: XCOFF, OS: "aix", Arch: "ppc64", Machine: "U64_TOCMAGIC", Bits: 64, Kind: Executable}
	f.Stripped = head.Symbols == 0
	if head.Flags&xcoffShared != 0 {
		f.Kind = Library
	}
	off := uint64(binary.Size(head)) + uint64(head.OptionalSize)
	for range head.Sections {
		var s xcoffSection
		if err := v.decode("XCOFF section headers", off, binary.BigEndian, &s); err != nil {
			return nil, err
		}
		off += uint64(binary.Size(s))
		if s.Flags&(xcoffBSS|xcoffThreadBSS) != 0 {
			continue // memory without bytes of the file
		}
		content, err := v.sub("XCOFF section", s.Offset, s.Size)
		if err != nil {
			return nil, err
		}
		if s.Flags&xcoffLoader == 0 {
			continue
		}
		if err := xcoffImports(f, content); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// xcoffImports reads the import file identifiers: path, file and archive member, each NUL-terminated.
// The first of them is where the loader searches.
func xcoffImports(f *File, loader view) error {
	const what = "XCOFF import files"
	var head xcoffLoaderHeader
	if err := loader.decode("XCOFF loader section", 0, binary.BigEndian, &head); err != nil {
		return err
	}
	table, err := loader.sub(what, head.ImportOffset, uint64(head.ImportSize))
	if err != nil {
		return err
	}
	off := uint64(0)
	for i := range head.Imports {
		var parts [3]string
		for j := range parts {
			if parts[j], err = table.text(what, off); err != nil {
				return err
			}
			off += uint64(len(parts[j])) + 1
		}
		name := parts[0]
		if parts[1] != "" { // as dump -H shows it: libc.a(shr_64.o)
			name = fmt.Sprintf("%s(%s)", path.Join(parts[0], parts[1]), parts[2])
		}
		if i == 0 {
			f.RunPath = add(f.RunPath, name)
		} else {
			f.Needed = add(f.Needed, name)
		}
	}
	return nil
}
