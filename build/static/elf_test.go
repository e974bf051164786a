package static

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestELFSynthetic reads files of every word size and byte order, with and without what makes them dynamic.
func TestELFSynthetic(t *testing.T) {
	archs := []struct {
		class   elf.Class
		data    elf.Data
		machine elf.Machine
		arch    string
	}{
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_ARM, "arm"},
		{elf.ELFCLASS32, elf.ELFDATA2MSB, elf.EM_MIPS, "mips"},
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_LOONGARCH, "loong64"},
		{elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_S390, "s390x"},
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_X86_64, ""}, // x32
		{elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_SPARCV9, ""},
	}
	for _, a := range archs {
		for _, interp := range []string{"", "/lib/ld.so"} {
			for _, needed := range [][]string{nil, {"libc.so.6", "libm.so.6"}} {
				for _, pie := range []bool{false, true} {
					spec := elfSpec{class: a.class, data: a.data, machine: a.machine, interp: interp, needed: needed, pie: pie, symbols: interp == ""}
					if pie {
						spec.kind = elf.ET_DYN
					}
					t.Run(fmt.Sprintf("%v/%v/interp=%s/needed=%d/pie=%v", a.class, a.data, interp, len(needed), pie), func(t *testing.T) {
						f, err := readBytes(spec.bytes())
						if err != nil {
							t.Fatal(err)
						}
						if f.Arch != a.arch || f.Machine != a.machine.String() || f.Bits != 32*int(a.class) {
							t.Errorf("is %q, %s, %d bits", f.Arch, f.Machine, f.Bits)
						}
						if f.Interpreter != interp || !slices.Equal(f.Needed, needed) || f.Stripped == spec.symbols {
							t.Errorf("interpreter %q, needed %q, stripped %v", f.Interpreter, f.Needed, f.Stripped)
						}
						v, ok := Judge("linux", f), interp == "" && needed == nil
						claim := "static"
						if pie && ok {
							claim = "static-pie"
						}
						if v.OK != ok || v.Claim != claim || v.OK != (len(v.Reasons) == 0) {
							t.Errorf("verdict %+v, want %v, %q", v, ok, claim)
						}
					})
				}
			}
		}
	}
}

func TestELFFacts(t *testing.T) {
	tests := []struct {
		name  string
		spec  elfSpec
		check func(*File) bool
	}{
		{"glibc", elfSpec{interp: "/ld", needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.4.1", "GLIBC_PRIVATE"}},
			func(f *File) bool { return f.Glibc == "2.34" }},
		{"executable stack", elfSpec{execStack: true}, func(f *File) bool { return f.ExecStack }},
		{"no executable stack", elfSpec{}, func(f *File) bool { return !f.ExecStack && !f.WriteExec }},
		{"writable code", elfSpec{editSegments: func(s []elf.Prog64) []elf.Prog64 {
			s[len(s)-1].Flags = uint32(elf.PF_R | elf.PF_W | elf.PF_X)
			return s
		}}, func(f *File) bool { return f.WriteExec }},
		{"run path", elfSpec{needed: []string{"a"}, runPath: "/a::$ORIGIN/../lib"}, func(f *File) bool { return slices.Equal(f.RunPath, []string{"/a", "$ORIGIN/../lib"}) }},
		{"library", elfSpec{kind: elf.ET_DYN, needed: []string{"libc.so.6"}}, func(f *File) bool { return f.Kind == Library }},
		{"library that needs nothing", elfSpec{kind: elf.ET_DYN, dynamic: true},
			func(f *File) bool { return f.Kind == Library && !Judge("linux", f).OK }},
		{"moved, nothing dynamic", elfSpec{kind: elf.ET_DYN}, func(f *File) bool { return f.Kind == StaticPIE && !f.Dynamic }},
		{"static-pie", elfSpec{kind: elf.ET_DYN, pie: true}, func(f *File) bool { return f.Kind == StaticPIE && f.Dynamic }},
		{"filter library", elfSpec{needed: []string{"liba"}, editDynamic: func(d []elf.Dyn64) []elf.Dyn64 {
			d[0].Tag = int64(elf.DT_FILTER)
			return d
		}}, func(f *File) bool { return slices.Equal(f.Needed, []string{"liba"}) }},
		{"each library once", elfSpec{needed: []string{"b", "a", "b"}}, func(f *File) bool { return slices.Equal(f.Needed, []string{"b", "a"}) }},
		{"OS ABI", elfSpec{abi: elf.ELFOSABI_FREEBSD}, func(f *File) bool {
			return f.OS == "freebsd" && f.ABI == "ELFOSABI_FREEBSD" && !Judge("linux", f).OK && Judge("freebsd", f).OK
		}},
		{"unknown OS ABI", elfSpec{abi: elf.ELFOSABI_HPUX}, func(f *File) bool { return !Judge("linux", f).OK }},
		{"n32", elfSpec{class: elf.ELFCLASS32, data: elf.ELFDATA2MSB, machine: elf.EM_MIPS, flags: 0x20}, func(f *File) bool { return f.Arch == "" }},
		{"GNU note", elfSpec{notes: noteOf("GNU", 0, 3, 2, 0)}, func(f *File) bool { return f.OS == "linux" }},
		{"NetBSD note", elfSpec{notes: noteOf("NetBSD", 700000000)}, func(f *File) bool { return f.OS == "netbsd" }},
		{"Android note", elfSpec{notes: noteOf("Android", 21)},
			func(f *File) bool { return f.OS == "android" && Judge("android", f).OK && !Judge("linux", f).OK }},
		{"Android note with an extension of GNU", elfSpec{abi: elf.ELFOSABI_LINUX, notes: noteOf("Android", 21)},
			func(f *File) bool { return f.OS == "android" && Judge("android", f).OK && !Judge("linux", f).OK }},
		{"486", elfSpec{class: elf.ELFCLASS32, machine: elf.EM_486}, func(f *File) bool { return f.Machine == "EM_486" }},
		{"two segments of one page", elfSpec{editSegments: func(s []elf.Prog64) []elf.Prog64 {
			second := s[len(s)-1]
			second.Off, second.Vaddr = second.Off+0x20, second.Vaddr+0x20
			second.Filesz, second.Memsz = 0x20, 0x20
			return append(s, second)
		}}, func(f *File) bool { return Judge("linux", f).OK }},
		{"foreign note", elfSpec{notes: noteOf("Xen", 1)}, func(f *File) bool { return f.OS == "" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.spec.bytes())
			if err != nil {
				t.Fatal(err)
			}
			if !test.check(f) {
				t.Errorf("read %+v", *f)
			}
		})
	}
}

// TestELFPacked writes UPX's mark where UPX does.
func TestELFPacked(t *testing.T) {
	spec := elfSpec{}
	b := spec.bytes()
	f, err := readBytes(b)
	if err != nil || f.Packer != "" || !Judge("linux", f).OK {
		t.Fatalf("before: %v, %+v", err, f)
	}
	headers := 64 + 56*2
	copy(b[headers+4:], "UPX!")
	f, err = readBytes(b)
	if err != nil || f.Packer != "UPX" || Judge("linux", f).OK {
		t.Errorf("read %+v, %v", f, err)
	}
}

// TestELFRefused reads files that lie, are cut or are no executables.
func TestELFRefused(t *testing.T) {
	segment := func(t elf.ProgType, edit func(*elf.Prog64)) func([]elf.Prog64) []elf.Prog64 {
		return func(list []elf.Prog64) []elf.Prog64 {
			for i := range list {
				if list[i].Type == uint32(t) {
					edit(&list[i])
				}
			}
			return list
		}
	}
	twice := func(t elf.ProgType) func([]elf.Prog64) []elf.Prog64 {
		return func(list []elf.Prog64) []elf.Prog64 {
			i := slices.IndexFunc(list, func(p elf.Prog64) bool { return p.Type == uint32(t) })
			return append(list, list[i])
		}
	}
	entry := func(t elf.DynTag, edit func(*elf.Dyn64)) func([]elf.Dyn64) []elf.Dyn64 {
		return func(list []elf.Dyn64) []elf.Dyn64 {
			for i := range list {
				if list[i].Tag == int64(t) {
					edit(&list[i])
				}
			}
			return list
		}
	}
	dynamic := elfSpec{interp: "/lib/ld.so", needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.34"}}
	with := func(edit func(*elfSpec)) elfSpec {
		s := dynamic
		edit(&s)
		return s
	}
	segments := func(edit func([]elf.Prog64) []elf.Prog64) elfSpec {
		return with(func(s *elfSpec) { s.editSegments = edit })
	}
	entries := func(edit func([]elf.Dyn64) []elf.Dyn64) elfSpec {
		return with(func(s *elfSpec) { s.editDynamic = edit })
	}
	header := func(edit func(*elf.Header64)) elfSpec { return with(func(s *elfSpec) { s.editHeader = edit }) }

	// large has more than two pages, with the tables in the last.
	large := func(edit func([]elf.Prog64) []elf.Prog64) elfSpec {
		return with(func(s *elfSpec) { s.code, s.editSegments = make([]byte, 0x2000), edit })
	}

	tests := []struct {
		name string
		spec elfSpec
		want string // in the error
	}{
		{"object of an unknown version", header(func(h *elf.Header64) { h.Type = uint16(elf.ET_REL); h.Ident[elf.EI_VERSION] = 9 }), "not an executable: ELF file of type ET_REL"},
		{"class of another machine", header(func(h *elf.Header64) { h.Machine = uint16(elf.EM_386) }), "contradiction: machine EM_386 in a file of ELFCLASS64, ELFDATA2LSB"},
		{"byte order of another machine", elfSpec{machine: elf.EM_S390}, "contradiction: machine EM_S390 in a file of ELFCLASS64, ELFDATA2LSB"},
		{"machine in the other byte order", header(func(h *elf.Header64) { h.Machine = 0x3e00 }), "unknown machine"},
		{"unknown type", header(func(h *elf.Header64) { h.Type = 0xfe10 }), "unknown type 0xfe10"},
		{"type in the other byte order", header(func(h *elf.Header64) { h.Type = uint16(elf.ET_DYN) << 8 }), "a type that is ET_DYN in the other byte order"},
		{"big-endian by name", header(func(h *elf.Header64) {
			h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
			h.Version = 1 << 24
		}), "contradiction: ELFDATA2MSB, and a type that is ET_EXEC in the other byte order"},
		{"32 bits by name", header(func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32) }),
			"contradiction: ELFCLASS32, and program headers of ELFCLASS64"},
		{"32 bits and 64 bits at once", header(func(h *elf.Header64) { h.Shoff = 32<<16 | 1<<32 }),
			"contradiction: ELFCLASS64, and program headers of ELFCLASS32"},
		{"object", elfSpec{kind: elf.ET_REL}, "not an executable: ELF file of type ET_REL"},
		{"core", elfSpec{kind: elf.ET_CORE}, "not an executable"},
		{"class", header(func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 3 }), "unknown class 3"},
		{"byte order", header(func(h *elf.Header64) { h.Ident[elf.EI_DATA] = 0 }), "unknown byte order 0"},
		{"version", header(func(h *elf.Header64) { h.Version = 2 }), "unknown version 1, 2"},
		{"no program headers", header(func(h *elf.Header64) { h.Phnum = 0 }), "reading ELF program headers at 0x40: 0 entries"},
		{"too many program headers", header(func(h *elf.Header64) { h.Phnum = 0xffff }), "65535 entries"},
		{"size of program headers", header(func(h *elf.Header64) { h.Phentsize = 32 }), "entries of 32 bytes"},
		{"program headers beyond the end", header(func(h *elf.Header64) { h.Phoff = 1 << 63 }), "reading ELF program headers at 0x8000000000000000"},
		{"entry point", header(func(h *elf.Header64) { h.Entry = 0 }), "reading ELF entry point at address 0x0: not in the file"},

		{"segment beyond the end", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Filesz, p.Memsz = 1<<20, 1<<20 })), "reading ELF segment PT_LOAD at 0x0: 0x100000 bytes reach beyond the end"},
		{"segment that overflows", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Off = 1<<64 - 0x1000 })), "reach beyond the end"},
		{"segment larger than its memory", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Memsz = 8 })), "do not fit into 0x8"},
		{"address that overflows", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr = 1<<64 - 8 })), "do not fit"},
		{"no segment", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Type = 0x6fffff00 })), "no PT_LOAD"},
		{"address in two segments", large(func(list []elf.Prog64) []elf.Prog64 {
			first := list[len(list)-1]
			return append(list, elf.Prog64{Type: uint32(elf.PT_LOAD), Off: 0x1000, Vaddr: first.Vaddr, Filesz: 0x1000, Memsz: 0x1000})
		}), "mapped twice"},
		{"address in a page that another segment replaces", large(func(list []elf.Prog64) []elf.Prog64 {
			first := list[len(list)-1]
			return append(list, elf.Prog64{Type: uint32(elf.PT_LOAD), Off: 0x1ff0, Vaddr: first.Vaddr + 0xff0, Filesz: 1, Memsz: 1})
		}), "mapped twice"},
		{"names in a page that another segment replaces", large(func(list []elf.Prog64) []elf.Prog64 {
			first := list[len(list)-1]
			return append(list, elf.Prog64{Type: uint32(elf.PT_LOAD), Off: 0, Vaddr: first.Vaddr + 0x2000, Filesz: 1, Memsz: 1})
		}), "at address 0x12"},
		{"address in memory that is cleared", segments(func(list []elf.Prog64) []elf.Prog64 {
			last := list[len(list)-1]
			return append(list, elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: last.Vaddr + 8, Memsz: 0x1000})
		}), "mapped twice"},
		{"segments out of order", segments(func(list []elf.Prog64) []elf.Prog64 {
			return append(list, elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 1, Memsz: 1})
		}), "is below the address of the previous segment"},
		{"segment at another place of its page", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr += 8 })), "is at another offset in its page"},
		{"address beyond what programs have", segments(segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr = 1 << 47 })), "do not fit"},
		{"code that must not be executed", elfSpec{editSegments: segment(elf.PT_LOAD, func(p *elf.Prog64) { p.Flags = uint32(elf.PF_R) })},
			"not in executable memory"},
		{"code in a page that must not be executed", elfSpec{editSegments: func(list []elf.Prog64) []elf.Prog64 {
			second := list[len(list)-1]
			second.Vaddr, second.Off = second.Vaddr+0x20, second.Off+0x20
			second.Filesz, second.Memsz, second.Flags = 0x20, 0x20, uint32(elf.PF_R|elf.PF_W)
			return append(list, second)
		}}, "not in executable memory"},
		{"program headers elsewhere in memory", segments(func(list []elf.Prog64) []elf.Prog64 {
			return append(list, elf.Prog64{Type: uint32(elf.PT_PHDR), Off: 0x40, Vaddr: elfBase + 0x80, Filesz: 8, Memsz: 8})
		}), "their address 0x10080 maps 0x80 of the file"},
		{"program headers not in memory", segments(func(list []elf.Prog64) []elf.Prog64 {
			return append(list, elf.Prog64{Type: uint32(elf.PT_PHDR), Off: 0x40, Vaddr: 0x40, Filesz: 8, Memsz: 8})
		}), "reading ELF program headers at address 0x40: not in the file"},
		{"program headers in no segment", segments(func(list []elf.Prog64) []elf.Prog64 {
			load := &list[len(list)-1]
			load.Off, load.Vaddr, load.Filesz = load.Off+0x80, load.Vaddr+0x80, load.Filesz-0x80
			return list
		}), "in no segment"},
		{"two places of program headers", segments(func(list []elf.Prog64) []elf.Prog64 {
			p := elf.Prog64{Type: uint32(elf.PT_PHDR), Off: 0x40, Vaddr: elfBase + 0x40, Filesz: 8, Memsz: 8}
			return append(list, p, p)
		}), "duplicate segment"},
		{"two interpreters", segments(twice(elf.PT_INTERP)), "PT_INTERP at 0x"},
		{"two dynamic sections", segments(twice(elf.PT_DYNAMIC)), "duplicate segment"},
		{"interpreter beyond the end", segments(segment(elf.PT_INTERP, func(p *elf.Prog64) { p.Off = 1 << 40 })), "reading ELF interpreter at 0x10000000000"},
		{"interpreter without NUL", segments(segment(elf.PT_INTERP, func(p *elf.Prog64) { p.Filesz-- })), "no NUL in 10 bytes"},
		{"interpreter with two ends", with(func(s *elfSpec) { s.interp = "/lib\x00/ld" }), `path "/lib" in a segment of 9 bytes`},
		{"empty interpreter", segments(segment(elf.PT_INTERP, func(p *elf.Prog64) { p.Filesz = 0 })), "reading ELF interpreter"},
		{"long interpreter", with(func(s *elfSpec) { s.interp = "/" + strings.Repeat("x", 5000) }), "no NUL in 4096 bytes"},
		{"interpreter that speaks to the terminal", with(func(s *elfSpec) { s.interp = "/lib\x1b[2J" }), "is not a printable name"},

		{"dynamic section beyond the end", segments(segment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Filesz = 1 << 40 })), "reading ELF dynamic section"},
		{"dynamic section elsewhere in memory", segments(segment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Vaddr -= 8 })), "its address 0x"},
		{"dynamic section not in memory", segments(segment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Vaddr = 0 })), "reading ELF dynamic section at address 0x0: not in the file"},
		{"dynamic section without end", entries(entry(elf.DT_NULL, func(d *elf.Dyn64) { d.Tag = int64(elf.DT_DEBUG) })), "no DT_NULL"},
		{"empty dynamic section", segments(segment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Filesz = 0 })), "no DT_NULL"},
		{"string table not in memory", entries(entry(elf.DT_STRTAB, func(d *elf.Dyn64) { d.Val = 8 })), "reading ELF dynamic string table at address 0x8"},
		{"string table beyond the end", entries(entry(elf.DT_STRSZ, func(d *elf.Dyn64) { d.Val = 1 << 32 })), "reading ELF dynamic string table"},
		{"no string table", entries(entry(elf.DT_STRTAB, func(d *elf.Dyn64) { d.Tag = int64(elf.DT_DEBUG) })), "reading ELF dynamic string table"},
		{"two string tables", entries(func(d []elf.Dyn64) []elf.Dyn64 {
			return append([]elf.Dyn64{{Tag: int64(elf.DT_STRTAB), Val: elfBase}}, d...)
		}), "DT_STRTAB is both 0x10000 and 0x"},
		{"name beyond the string table", entries(entry(elf.DT_NEEDED, func(d *elf.Dyn64) { d.Val = 1000 })), "reading ELF library name"},
		{"name without end", entries(entry(elf.DT_STRSZ, func(d *elf.Dyn64) { d.Val = 5 })), "no NUL"},
		{"name of two lines", with(func(s *elfSpec) { s.needed = []string{"a\n::set-output name=x::y"} }), "is not a printable name"},
		{"versions not in memory", entries(entry(elf.DT_VERNEED, func(d *elf.Dyn64) { d.Val = 8 })), "reading ELF version needs"},
		{"versions without end", with(func(s *elfSpec) {
			s.versions = nil
			s.editDynamic = func(d []elf.Dyn64) []elf.Dyn64 {
				return append([]elf.Dyn64{{Tag: int64(elf.DT_VERNEED), Val: elfBase + 0x40}, {Tag: int64(elf.DT_VERNEEDNUM), Val: 1 << 60}}, d...)
			}
		}), "reading ELF version needs"},

		{"two systems", elfSpec{abi: elf.ELFOSABI_NETBSD, notes: append(elfSpec{data: elf.ELFDATA2LSB}.encode(elfNote{NameSize: 8, Type: 1}), "FreeBSD\x00"...)}, "made for netbsd (ELFOSABI_NETBSD) and for freebsd (FreeBSD note)"},
		{"note beyond the end", elfSpec{notes: elfSpec{data: elf.ELFDATA2LSB}.encode(elfNote{NameSize: 1 << 31, Type: 1})}, "reading ELF notes"},
		{"half a note", elfSpec{notes: make([]byte, 14)}, "reading ELF notes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.spec.bytes())
			if err == nil {
				t.Fatalf("read %+v", *f)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if broken := !strings.HasPrefix(test.want, "not an exec"); errors.Is(err, ErrNotExecutable) == broken {
				t.Errorf("error %q: is ErrNotExecutable: %v", err, !broken)
			}
		})
	}
}
