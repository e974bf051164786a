package static

import (
	"debug/elf"
	"strings"
)

// elfNotes is the system that a note of this owner, of type 1, is for: NT_*_TAG or NT_*_IDENT in the
// <elf.h> of each. A GNU note says it inside.
var elfNotes = map[string]string{
	"Android\x00":   "android",
	"DragonFly\x00": "dragonfly",
	"FreeBSD\x00":   "freebsd",
	"NetBSD\x00":    "netbsd",
	"OpenBSD\x00":   "openbsd",
}

// maxOwner is more than the length of any name in elfNotes.
const maxOwner = 16

// gnuSystems is the first word of NT_GNU_ABI_TAG (Linux Standard Base, Core Specification, 11.2).
var gnuSystems = map[uint32]string{0: "linux", 1: "hurd", 2: "solaris", 3: "freebsd", 4: "netbsd"}

// readNotes adds the systems that the notes of the file name to e.signs.
func (e *elfFile) readNotes() error {
	for _, s := range e.segments {
		if elf.ProgType(s.Type) != elf.PT_NOTE {
			continue
		}
		notes, err := e.sub("ELF notes", s.Off, s.Filesz)
		if err != nil {
			return err
		}
		if err := e.notes(notes, s.Align); err != nil {
			return err
		}
	}
	return nil
}

// elfNote is Elf64_Nhdr, the same in 32 bits. Name and description follow, padded.
type elfNote struct{ NameSize, DescSize, Type uint32 }

// notes goes through one PT_NOTE segment. Notes are padded to 4 bytes, or to 8 where the segment is
// aligned to that (glibc, ELF_NOTE_DESC_OFFSET in elf/dl-load.h).
func (e *elfFile) notes(notes view, align uint64) error {
	const what = "ELF notes"
	if align != 8 {
		align = 4
	}
	for off := uint64(0); off < notes.size; {
		var n elfNote
		if err := notes.decode(what, off, e.order, &n); err != nil {
			return err
		}
		name, err := notes.sub(what, off+12, uint64(n.NameSize))
		if err != nil {
			return err
		}
		start := padded(off+12+name.size, align)
		desc, err := notes.sub(what, start, uint64(n.DescSize))
		if err != nil {
			return err
		}
		if n.Type == 1 && name.size <= maxOwner {
			if err := e.note(name, desc); err != nil {
				return err
			}
		}
		off = padded(start+desc.size, align)
	}
	return nil
}

// note reads a note of type 1, which for the owners in elfNotes and for GNU names the system.
func (e *elfFile) note(name, desc view) error {
	const what = "ELF note"
	owner, err := name.bytes(what, 0, name.size)
	if err != nil {
		return err
	}
	system := elfNotes[string(owner)]
	if string(owner) == "GNU\x00" {
		var number uint32
		if err := desc.decode(what, 0, e.order, &number); err != nil {
			return err
		}
		system = gnuSystems[number]
	}
	if system != "" {
		e.signs = append(e.signs, systemSign{system, strings.TrimRight(string(owner), "\x00") + " note"})
	}
	return nil
}

func padded(n, align uint64) uint64 { return (n + align - 1) / align * align }
