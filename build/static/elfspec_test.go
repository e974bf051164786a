package static

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
)

// elfSpec describes a small ELF file to write. One PT_LOAD maps the whole file to elfBase.
type elfSpec struct {
	class     elf.Class // ELFCLASS64 if zero
	data      elf.Data  // ELFDATA2LSB if zero
	machine   elf.Machine
	kind      elf.Type
	abi       elf.OSABI
	flags     uint32
	interp    string
	dynamic   bool // has a PT_DYNAMIC, even with nothing in it
	needed    []string
	runPath   string
	versions  []string // DT_VERNEED of the first library
	pie       bool     // DF_1_PIE
	notes     []byte
	execStack bool
	symbols   bool
	code      []byte // at the entry point; a few no-operations if nil

	// These functions change what the fields above result in.
	editSegments func([]elf.Prog64) []elf.Prog64
	editDynamic  func([]elf.Dyn64) []elf.Dyn64
	editHeader   func(*elf.Header64)
}

const (
	elfBase = 0x10000

	// elfMaxSegments is the number of program headers that elfSpec.bytes makes room for.
	elfMaxSegments = 7
)

// readBytes reads the executable in b.
func readBytes(b []byte) (*File, error) {
	return Read(bytes.NewReader(b), int64(len(b)))
}

func (s elfSpec) order() binary.ByteOrder {
	if s.data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// encode returns the structures one after another, in the byte order of s.
func (s elfSpec) encode(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, s.order(), v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// programHeader returns p in the word size of s.
func (s elfSpec) programHeader(p elf.Prog64) []byte {
	if s.class != elf.ELFCLASS32 {
		return s.encode(p)
	}
	return s.encode(elf.Prog32{
		Type:   p.Type,
		Off:    uint32(p.Off),
		Vaddr:  uint32(p.Vaddr),
		Filesz: uint32(p.Filesz),
		Memsz:  uint32(p.Memsz),
		Flags:  p.Flags,
		Align:  uint32(p.Align),
	})
}

// dynamicEntries returns the entries of a dynamic section in the word size of s.
func (s elfSpec) dynamicEntries(entries []elf.Dyn64) (b []byte) {
	for _, d := range entries {
		if s.class == elf.ELFCLASS32 {
			b = append(b, s.encode(elf.Dyn32{Tag: int32(d.Tag), Val: uint32(d.Val)})...)
		} else {
			b = append(b, s.encode(d)...)
		}
	}
	return b
}

// sectionHeader returns a section header of type t in the word size of s.
func (s elfSpec) sectionHeader(t elf.SectionType) []byte {
	if s.class == elf.ELFCLASS32 {
		return s.encode(elf.Section32{Type: uint32(t)})
	}
	return s.encode(elf.Section64{Type: uint32(t)})
}

// header returns h in the word size of s.
func (s elfSpec) header(h elf.Header64) []byte {
	if s.class != elf.ELFCLASS32 {
		return s.encode(h)
	}
	return s.encode(elf.Header32{
		Ident:     h.Ident,
		Type:      h.Type,
		Machine:   h.Machine,
		Version:   h.Version,
		Entry:     uint32(h.Entry),
		Phoff:     uint32(h.Phoff),
		Shoff:     uint32(h.Shoff),
		Flags:     h.Flags,
		Ehsize:    h.Ehsize,
		Phentsize: h.Phentsize,
		Phnum:     h.Phnum,
		Shentsize: h.Shentsize,
		Shnum:     h.Shnum,
	})
}

// headersSize returns the number of bytes at the beginning of the file that are for headers.
func (s elfSpec) headersSize() int {
	return len(s.header(elf.Header64{})) + elfMaxSegments*len(s.programHeader(elf.Prog64{}))
}

// bytes returns the file: the header, the program headers, the contents and the section headers.
func (s elfSpec) bytes() []byte {
	s.class = cmp.Or(s.class, elf.ELFCLASS64)
	s.data = cmp.Or(s.data, elf.ELFDATA2LSB)
	s.machine = cmp.Or(s.machine, elf.EM_X86_64)
	s.kind = cmp.Or(s.kind, elf.ET_EXEC)
	if s.code == nil {
		s.code = []byte{0x90, 0x90, 0x90, 0x90}
	}

	file := make([]byte, s.headersSize()) // the headers are copied in at the end
	put := func(b []byte) (off uint64) {
		for len(file)%8 != 0 {
			file = append(file, 0)
		}
		off = uint64(len(file))
		file = append(file, b...)
		return off
	}
	entry := put(s.code) + elfBase

	segments := s.segments(put)
	size := uint64(len(file))
	segments = append(segments, elf.Prog64{
		Type:   uint32(elf.PT_LOAD),
		Flags:  uint32(elf.PF_R | elf.PF_X),
		Vaddr:  elfBase,
		Filesz: size,
		Memsz:  size,
		Align:  0x1000,
	})
	if s.editSegments != nil {
		segments = s.editSegments(segments)
	}

	sections := s.sectionHeader(elf.SHT_NULL)
	sectionSize := len(sections)
	if s.symbols {
		sections = append(sections, s.sectionHeader(elf.SHT_SYMTAB)...)
	}

	h := elf.Header64{
		Type:      uint16(s.kind),
		Machine:   uint16(s.machine),
		Version:   1,
		Entry:     entry,
		Flags:     s.flags,
		Phoff:     uint64(len(s.header(elf.Header64{}))),
		Phentsize: uint16(len(s.programHeader(elf.Prog64{}))),
		Phnum:     uint16(len(segments)),
		Shoff:     put(sections),
		Shentsize: uint16(sectionSize),
		Shnum:     uint16(len(sections) / sectionSize),
	}
	copy(h.Ident[:], "\x7fELF")
	h.Ident[elf.EI_CLASS] = byte(s.class)
	h.Ident[elf.EI_DATA] = byte(s.data)
	h.Ident[elf.EI_VERSION] = 1
	h.Ident[elf.EI_OSABI] = byte(s.abi)
	if s.editHeader != nil {
		s.editHeader(&h)
	}

	off := copy(file, s.header(h))
	for _, p := range segments {
		off += copy(file[off:], s.programHeader(p))
	}
	return file
}

// segments returns all segments but the PT_LOAD. put writes what they contain.
func (s elfSpec) segments(put func([]byte) uint64) (segments []elf.Prog64) {
	add := func(t elf.ProgType, flags elf.ProgFlag, content []byte) {
		off := put(content)
		segments = append(segments, elf.Prog64{
			Type:   uint32(t),
			Flags:  uint32(flags),
			Off:    off,
			Vaddr:  elfBase + off,
			Filesz: uint64(len(content)),
			Memsz:  uint64(len(content)),
			Align:  4,
		})
	}

	if s.interp != "" {
		add(elf.PT_INTERP, elf.PF_R, []byte(s.interp+"\x00"))
	}
	if s.notes != nil {
		add(elf.PT_NOTE, elf.PF_R, s.notes)
	}
	if s.dynamic || len(s.needed) > 0 || s.pie || s.runPath != "" {
		add(elf.PT_DYNAMIC, elf.PF_R|elf.PF_W, s.dynamicEntries(s.dynamicSection(put)))
	}

	stack := elf.PF_R | elf.PF_W
	if s.execStack {
		stack |= elf.PF_X
	}
	return append(segments, elf.Prog64{
		Type:  uint32(elf.PT_GNU_STACK),
		Flags: uint32(stack),
	})
}

// dynamicSection returns the entries of PT_DYNAMIC. put writes what they point to.
func (s elfSpec) dynamicSection(put func([]byte) uint64) (entries []elf.Dyn64) {
	table := []byte{0}
	text := func(t string) uint64 {
		off := len(table)
		table = append(table, t+"\x00"...)
		return uint64(off)
	}
	add := func(tag elf.DynTag, val uint64) {
		entries = append(entries, elf.Dyn64{Tag: int64(tag), Val: val})
	}

	for _, name := range s.needed {
		add(elf.DT_NEEDED, text(name))
	}
	if s.runPath != "" {
		add(elf.DT_RUNPATH, text(s.runPath))
	}
	if len(s.versions) > 0 {
		needs := s.encode(verneed{Version: 1, Count: uint16(len(s.versions)), File: 1, Aux: 16})
		for _, version := range s.versions {
			needs = append(needs, s.encode(vernaux{Name: uint32(text(version)), Next: 16})...)
		}
		add(elf.DT_VERNEED, elfBase+put(needs))
		add(elf.DT_VERNEEDNUM, 1)
	}
	if s.pie {
		add(elf.DT_FLAGS_1, uint64(elf.DF_1_PIE))
	}
	add(elf.DT_STRTAB, elfBase+put(table))
	add(elf.DT_STRSZ, uint64(len(table)))
	add(elf.DT_NULL, 0)

	if s.editDynamic != nil {
		entries = s.editDynamic(entries)
	}
	return entries
}

// elfSystemNote returns a note by which systems mark their programs.
func elfSystemNote(owner string, desc ...uint32) []byte {
	s := elfSpec{data: elf.ELFDATA2LSB}
	b := s.encode(elfNote{
		NameSize: uint32(len(owner) + 1),
		DescSize: uint32(4 * len(desc)),
		Type:     systemNoteType,
	})
	b = append(b, owner...)
	b = append(b, make([]byte, 4-len(owner)%4)...)
	return append(b, s.encode(desc)...)
}
