package static

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
)

// elfSpec is a small ELF file to be written. It is laid out as one PT_LOAD at elfBase that holds the whole file.
type elfSpec struct {
	class     elf.Class // ELFCLASS64 if zero
	data      elf.Data  // ELFDATA2LSB if zero
	machine   elf.Machine
	kind      elf.Type
	abi       elf.OSABI
	flags     uint32
	interp    string
	dynamic   bool // a PT_DYNAMIC, even with nothing in it
	needed    []string
	runPath   string
	versions  []string // DT_VERNEED of the first library
	pie       bool     // DF_1_PIE
	notes     []byte
	execStack bool
	symbols   bool
	code      []byte // at the entry point; some no-operations if nil

	// These change what was made of the fields above.
	editSegments func([]elf.Prog64) []elf.Prog64
	editDynamic  func([]elf.Dyn64) []elf.Dyn64
	editHeader   func(*elf.Header64)
}

const elfBase = 0x10000

func (s elfSpec) order() binary.ByteOrder {
	if s.data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// encode is the structures one after the other, in the byte order of s.
func (s elfSpec) encode(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, s.order(), v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// program is a program header in the class of s.
func (s elfSpec) program(p elf.Prog64) []byte {
	if s.class != elf.ELFCLASS32 {
		return s.encode(p)
	}
	return s.encode(elf.Prog32{Type: p.Type, Off: uint32(p.Off), Vaddr: uint32(p.Vaddr), Filesz: uint32(p.Filesz), Memsz: uint32(p.Memsz), Flags: p.Flags, Align: uint32(p.Align)})
}

// entries is a dynamic section in the class of s.
func (s elfSpec) entries(list []elf.Dyn64) (b []byte) {
	for _, d := range list {
		if s.class == elf.ELFCLASS32 {
			b = append(b, s.encode(elf.Dyn32{Tag: int32(d.Tag), Val: uint32(d.Val)})...)
		} else {
			b = append(b, s.encode(d)...)
		}
	}
	return b
}

// section is a section header in the class of s.
func (s elfSpec) section(t elf.SectionType) []byte {
	if s.class == elf.ELFCLASS32 {
		return s.encode(elf.Section32{Type: uint32(t)})
	}
	return s.encode(elf.Section64{Type: uint32(t)})
}

func (s elfSpec) header(h elf.Header64) []byte {
	if s.class == elf.ELFCLASS32 {
		return s.encode(elf.Header32{Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: h.Version, Entry: uint32(h.Entry),
			Phoff: uint32(h.Phoff), Shoff: uint32(h.Shoff), Flags: h.Flags, Ehsize: h.Ehsize, Phentsize: h.Phentsize,
			Phnum: h.Phnum, Shentsize: h.Shentsize, Shnum: h.Shnum})
	}
	return s.encode(h)
}

// bytes writes the file: header, 6 program headers at most, contents, section headers.
func (s elfSpec) bytes() []byte {
	s.class = cmp.Or(s.class, elf.ELFCLASS64)
	s.data = cmp.Or(s.data, elf.ELFDATA2LSB)
	s.machine = cmp.Or(s.machine, elf.EM_X86_64)
	s.kind = cmp.Or(s.kind, elf.ET_EXEC)
	headerSize, programSize := len(s.header(elf.Header64{})), len(s.program(elf.Prog64{}))
	content := make([]byte, headerSize+7*programSize) // filled in at the end
	put := func(b []byte) (off uint64) {
		for len(content)%8 != 0 {
			content = append(content, 0)
		}
		off = uint64(len(content))
		content = append(content, b...)
		return off
	}
	if s.code == nil {
		s.code = []byte{0x90, 0x90, 0x90, 0x90}
	}
	entry := put(s.code) + elfBase

	var segments []elf.Prog64
	segment := func(t elf.ProgType, flags elf.ProgFlag, b []byte) {
		off := put(b)
		segments = append(segments, elf.Prog64{Type: uint32(t), Flags: uint32(flags), Off: off, Vaddr: elfBase + off,
			Filesz: uint64(len(b)), Memsz: uint64(len(b)), Align: 4})
	}
	if s.interp != "" {
		segment(elf.PT_INTERP, elf.PF_R, []byte(s.interp+"\x00"))
	}
	if s.notes != nil {
		segment(elf.PT_NOTE, elf.PF_R, s.notes)
	}
	if s.dynamic || len(s.needed) > 0 || s.pie || s.runPath != "" {
		segment(elf.PT_DYNAMIC, elf.PF_R|elf.PF_W, s.entries(s.dynamicSection(put)))
	}
	stack := elf.PF_R | elf.PF_W
	if s.execStack {
		stack |= elf.PF_X
	}
	segments = append(segments, elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(stack)})
	size := uint64(len(content))
	segments = append(segments, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X),
		Vaddr: elfBase, Filesz: size, Memsz: size, Align: 0x1000})
	if s.editSegments != nil {
		segments = s.editSegments(segments)
	}

	sections := s.section(elf.SHT_NULL)
	if s.symbols {
		sections = append(sections, s.section(elf.SHT_SYMTAB)...)
	}
	h := elf.Header64{Type: uint16(s.kind), Machine: uint16(s.machine), Version: 1, Entry: entry, Flags: s.flags,
		Phoff: uint64(headerSize), Phentsize: uint16(programSize), Phnum: uint16(len(segments)),
		Shoff: put(sections), Shentsize: uint16(len(s.section(0))), Shnum: uint16(len(sections) / len(s.section(0)))}
	copy(h.Ident[:], "\x7fELF")
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA] = byte(s.class), byte(s.data)
	h.Ident[elf.EI_VERSION], h.Ident[elf.EI_OSABI] = 1, byte(s.abi)
	if s.editHeader != nil {
		s.editHeader(&h)
	}
	copy(content, s.header(h))
	for i, p := range segments {
		copy(content[headerSize+i*programSize:], s.program(p))
	}
	return content
}

// dynamicSection makes the entries of PT_DYNAMIC; put writes what they point to.
func (s elfSpec) dynamicSection(put func([]byte) uint64) (list []elf.Dyn64) {
	table := []byte{0}
	text := func(t string) uint64 {
		table = append(table, t+"\x00"...)
		return uint64(len(table) - len(t) - 1)
	}
	entry := func(tag elf.DynTag, val uint64) { list = append(list, elf.Dyn64{Tag: int64(tag), Val: val}) }
	for _, name := range s.needed {
		entry(elf.DT_NEEDED, text(name))
	}
	if s.runPath != "" {
		entry(elf.DT_RUNPATH, text(s.runPath))
	}
	if len(s.versions) > 0 {
		needs := s.encode(verneed{Version: 1, Count: uint16(len(s.versions)), File: 1, Aux: 16})
		for _, version := range s.versions {
			needs = append(needs, s.encode(vernaux{Name: uint32(text(version)), Next: 16})...)
		}
		entry(elf.DT_VERNEED, elfBase+put(needs))
		entry(elf.DT_VERNEEDNUM, 1)
	}
	if s.pie {
		entry(elf.DT_FLAGS_1, uint64(elf.DF_1_PIE))
	}
	entry(elf.DT_STRTAB, elfBase+put(table))
	entry(elf.DT_STRSZ, uint64(len(table)))
	entry(elf.DT_NULL, 0)
	if s.editDynamic != nil {
		list = s.editDynamic(list)
	}
	return list
}

func readBytes(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }
