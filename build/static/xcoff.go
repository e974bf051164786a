package static

import (
	"encoding/binary"
	"fmt"
	"path"
)

// An XCOFF file of AIX is read by its sections. The loader section names the libraries.
// Structures and numbers are those of <xcoff.h>, described in "XCOFF Object File Format" of the
// AIX Files Reference.
//
// 32-bit programs are recognized and rejected. Go does not support AIX on 32-bit machines.

const (
	xcoffExec      = 0x0002 // F_EXEC
	xcoffShared    = 0x2000 // F_SHROBJ
	xcoffBSS       = 0x0080 // STYP_BSS
	xcoffThreadBSS = 0x0800 // STYP_TBSS
	xcoffLoader    = 0x1000 // STYP_LOADER

	// xcoffAuxiliarySize is the size of the auxiliary header that a 32-bit program must
	// have (AOUTHSZ).
	xcoffAuxiliarySize = 72
)

// xcoffHeader is the file header, FILHDR.
type xcoffHeader struct {
	Magic        uint16
	Sections     uint16
	Time         uint32
	SymbolOffset uint64
	OptionalSize uint16
	Flags        uint16
	Symbols      uint32
}

// xcoffHeader32 is the file header of a 32-bit file.
type xcoffHeader32 struct {
	Magic        uint16
	Sections     uint16
	Time         uint32
	SymbolOffset uint32
	Symbols      uint32
	OptionalSize uint16
	Flags        uint16
}

// xcoffSection is a section header, SCNHDR.
type xcoffSection struct {
	Name             [8]byte
	PhysicalAddr     uint64
	VirtualAddr      uint64
	Size             uint64
	Offset           uint64
	RelocationOffset uint64
	LineNumberOffset uint64
	Relocations      uint32
	LineNumbers      uint32
	Flags            uint32
	Reserved         uint32
}

// xcoffLoaderHeader is the header of the loader section, LDHDR.
type xcoffLoaderHeader struct {
	Version          uint32
	Symbols          uint32
	Relocations      uint32
	ImportSize       uint32
	Imports          uint32
	StringSize       uint32
	ImportOffset     uint64
	StringOffset     uint64
	SymbolOffset     uint64
	RelocationOffset uint64
}

// readXCOFF32 rejects 32-bit programs. Their magic number has only two bytes, which other files
// begin with as well, so readXCOFF32 checks more of the header before it calls a file a program.
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
	return nil, v.errorf(what, 0, "32-bit programs are not supported")
}

func readXCOFF(v view) (*File, error) {
	var head xcoffHeader
	if err := v.decode("XCOFF header", 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}
	if head.Flags&xcoffExec == 0 {
		return nil, fmt.Errorf("%w: XCOFF file without F_EXEC", ErrNotExecutable)
	}

	f := &File{
		Format:   XCOFF,
		OS:       "aix",
		Arch:     "ppc64",
		Machine:  "U64_TOCMAGIC",
		Bits:     64,
		Kind:     Executable,
		Stripped: head.Symbols == 0,
	}
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
			continue // it has no bytes in the file
		}
		content, err := v.sub("XCOFF section", s.Offset, s.Size)
		if err != nil {
			return nil, err
		}
		if s.Flags&xcoffLoader == 0 {
			continue
		}
		if err := readXCOFFImports(f, content); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// readXCOFFImports reads the import file identifiers from the loader section. Each consists of
// a path, a file and an archive member, all NUL-terminated. The path of the first one is where
// the loader searches.
func readXCOFFImports(f *File, loader view) error {
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
			parts[j], err = table.cString(what, off)
			if err != nil {
				return err
			}
			off += uint64(len(parts[j])) + 1
		}

		name := xcoffImportName(parts[0], parts[1], parts[2])
		if i == 0 {
			f.RunPath = appendUnique(f.RunPath, name)
		} else {
			f.Needed = appendUnique(f.Needed, name)
		}
	}
	return nil
}

// xcoffImportName returns the name of an import file as dump -H shows it: libc.a(shr_64.o).
func xcoffImportName(dir, file, member string) string {
	if file == "" {
		return dir
	}
	return fmt.Sprintf("%s(%s)", path.Join(dir, file), member)
}
