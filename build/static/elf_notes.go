package static

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// systemNoteType is the type of a note that names a system: NT_*_TAG or NT_*_IDENT in the
// <elf.h> of each system, NT_GNU_ABI_TAG for GNU.
const systemNoteType = 1

// elfNoteOwners maps the owners of such notes to their systems. A GNU note names the system inside.
var elfNoteOwners = map[string]string{
	"Android\x00":   "android",
	"DragonFly\x00": "dragonfly",
	"FreeBSD\x00":   "freebsd",
	"NetBSD\x00":    "netbsd",
	"OpenBSD\x00":   "openbsd",
}

// maxNoteOwner is more than the length of any name in elfNoteOwners.
const maxNoteOwner = 16

// gnuSystems maps the first word of NT_GNU_ABI_TAG to systems (Linux Standard Base, Core
// Specification, 11.2).
var gnuSystems = map[uint32]string{
	0: "linux",
	1: "hurd",
	2: "solaris",
	3: "freebsd",
	4: "netbsd",
}

// readNotes adds the systems that the notes of the file name to e.evidence.
func (e *elfFile) readNotes() error {
	for _, s := range e.segments {
		if elf.ProgType(s.Type) != elf.PT_NOTE {
			continue
		}
		notes, err := e.sub("ELF notes", s.Off, s.Filesz)
		if err != nil {
			return err
		}
		if err := e.readNoteSegment(notes, s.Align); err != nil {
			return err
		}
	}
	return nil
}

// elfNote is Elf64_Nhdr, which is the same in 32-bit files. The name and the description follow
// it, both padded.
type elfNote struct {
	NameSize uint32
	DescSize uint32
	Type     uint32
}

// readNoteSegment reads the notes of one PT_NOTE segment. They are padded to 4 bytes, or to 8
// if the segment is aligned to 8 (ELF_NOTE_DESC_OFFSET in elf/dl-load.h of glibc).
func (e *elfFile) readNoteSegment(notes view, align uint64) error {
	const what = "ELF notes"
	if align != 8 {
		align = 4
	}

	off := uint64(0)
	for off < notes.size {
		var n elfNote
		if err := notes.decode(what, off, e.order, &n); err != nil {
			return err
		}
		off += uint64(binary.Size(n))

		name, err := notes.sub(what, off, uint64(n.NameSize))
		if err != nil {
			return err
		}
		off = roundUp(off+name.size, align)

		desc, err := notes.sub(what, off, uint64(n.DescSize))
		if err != nil {
			return err
		}
		off = roundUp(off+desc.size, align)

		if n.Type == systemNoteType && name.size <= maxNoteOwner {
			if err := e.readSystemNote(name, desc); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSystemNote adds the system that a note names to e.evidence.
func (e *elfFile) readSystemNote(name, desc view) error {
	const what = "ELF note"

	owner, err := name.bytes(what, 0, name.size)
	if err != nil {
		return err
	}
	system := elfNoteOwners[string(owner)]
	if string(owner) == "GNU\x00" {
		var number uint32
		if err := desc.decode(what, 0, e.order, &number); err != nil {
			return err
		}
		system = gnuSystems[number]
	}
	if system == "" {
		return nil
	}

	e.evidence = append(e.evidence, systemEvidence{
		system: system,
		source: strings.TrimRight(string(owner), "\x00") + " note",
	})
	return nil
}

// roundUp returns n rounded up to a multiple of align.
func roundUp(n, align uint64) uint64 {
	return (n + align - 1) / align * align
}
