package static

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestELFSynthetic reads files of every word size and byte order, with and without what makes a
// program dynamic.
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
					spec := elfSpec{
						class:   a.class,
						data:    a.data,
						machine: a.machine,
						interp:  interp,
						needed:  needed,
						pie:     pie,
						symbols: interp == "",
					}
					if pie {
						spec.kind = elf.ET_DYN
					}
					name := fmt.Sprintf("%v/%v/interp=%s/needed=%d/pie=%v",
						a.class, a.data, interp, len(needed), pie)
					t.Run(name, func(t *testing.T) {
						testELFSynthetic(t, spec, a.arch)
					})
				}
			}
		}
	}
}

func testELFSynthetic(t *testing.T, spec elfSpec, arch string) {
	f, err := readBytes(spec.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f.Arch != arch || f.Machine != spec.machine.String() || f.Bits != 32*int(spec.class) {
		t.Errorf("is %q, %s, %d bits", f.Arch, f.Machine, f.Bits)
	}
	if f.Interpreter != spec.interp || !slices.Equal(f.Needed, spec.needed) {
		t.Errorf("interpreter %q, needed %q", f.Interpreter, f.Needed)
	}
	if f.Stripped == spec.symbols {
		t.Errorf("stripped %v", f.Stripped)
	}

	v := Judge("linux", f)
	ok := spec.interp == "" && spec.needed == nil
	claim := "static"
	if spec.pie && ok {
		claim = "static-pie"
	}
	if v.OK != ok || v.Claim != claim || v.OK != (len(v.Reasons) == 0) {
		t.Errorf("verdict %+v, want %v, %q", v, ok, claim)
	}
}

func TestELFFacts(t *testing.T) {
	tests := []struct {
		name  string
		spec  elfSpec
		check func(*File) bool
	}{
		{
			name: "glibc",
			spec: elfSpec{
				interp:   "/ld",
				needed:   []string{"libc.so.6"},
				versions: []string{"GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.4.1", "GLIBC_PRIVATE"},
			},
			check: func(f *File) bool { return f.Glibc == "2.34" },
		},
		{
			name:  "executable stack",
			spec:  elfSpec{execStack: true},
			check: func(f *File) bool { return f.ExecStack },
		},
		{
			name:  "no executable stack",
			spec:  elfSpec{},
			check: func(f *File) bool { return !f.ExecStack && !f.WriteExec },
		},
		{
			name: "writable code",
			spec: elfSpec{editSegments: func(s []elf.Prog64) []elf.Prog64 {
				s[len(s)-1].Flags = uint32(elf.PF_R | elf.PF_W | elf.PF_X)
				return s
			}},
			check: func(f *File) bool { return f.WriteExec },
		},
		{
			name:  "run path",
			spec:  elfSpec{needed: []string{"a"}, runPath: "/a::$ORIGIN/../lib"},
			check: func(f *File) bool { return slices.Equal(f.RunPath, []string{"/a", "$ORIGIN/../lib"}) },
		},
		{
			name:  "library",
			spec:  elfSpec{kind: elf.ET_DYN, needed: []string{"libc.so.6"}},
			check: func(f *File) bool { return f.Kind == Library },
		},
		{
			name:  "library that needs nothing",
			spec:  elfSpec{kind: elf.ET_DYN, dynamic: true},
			check: func(f *File) bool { return f.Kind == Library && !Judge("linux", f).OK },
		},
		{
			name:  "static-pie without a dynamic section",
			spec:  elfSpec{kind: elf.ET_DYN},
			check: func(f *File) bool { return f.Kind == StaticPIE && !f.Dynamic },
		},
		{
			name:  "static-pie",
			spec:  elfSpec{kind: elf.ET_DYN, pie: true},
			check: func(f *File) bool { return f.Kind == StaticPIE && f.Dynamic },
		},
		{
			name: "filter library",
			spec: elfSpec{
				needed: []string{"liba"},
				editDynamic: func(d []elf.Dyn64) []elf.Dyn64 {
					d[0].Tag = int64(elf.DT_FILTER)
					return d
				},
			},
			check: func(f *File) bool { return slices.Equal(f.Needed, []string{"liba"}) },
		},
		{
			name:  "each library once",
			spec:  elfSpec{needed: []string{"b", "a", "b"}},
			check: func(f *File) bool { return slices.Equal(f.Needed, []string{"b", "a"}) },
		},
		{
			name: "OS ABI",
			spec: elfSpec{abi: elf.ELFOSABI_FREEBSD},
			check: func(f *File) bool {
				return f.OS == "freebsd" && f.ABI == "ELFOSABI_FREEBSD" &&
					!Judge("linux", f).OK && Judge("freebsd", f).OK
			},
		},
		{
			name:  "unknown OS ABI",
			spec:  elfSpec{abi: elf.ELFOSABI_HPUX},
			check: func(f *File) bool { return !Judge("linux", f).OK },
		},
		{
			name: "n32",
			spec: elfSpec{
				class:   elf.ELFCLASS32,
				data:    elf.ELFDATA2MSB,
				machine: elf.EM_MIPS,
				flags:   0x20,
			},
			check: func(f *File) bool { return f.Arch == "" },
		},
		{
			name:  "GNU note",
			spec:  elfSpec{notes: elfSystemNote("GNU", 0, 3, 2, 0)},
			check: func(f *File) bool { return f.OS == "linux" },
		},
		{
			name:  "NetBSD note",
			spec:  elfSpec{notes: elfSystemNote("NetBSD", 700000000)},
			check: func(f *File) bool { return f.OS == "netbsd" },
		},
		{
			name: "Android note",
			spec: elfSpec{notes: elfSystemNote("Android", 21)},
			check: func(f *File) bool {
				return f.OS == "android" && Judge("android", f).OK && !Judge("linux", f).OK
			},
		},
		{
			name: "Android note with a GNU extension",
			spec: elfSpec{abi: elf.ELFOSABI_LINUX, notes: elfSystemNote("Android", 21)},
			check: func(f *File) bool {
				return f.OS == "android" && Judge("android", f).OK && !Judge("linux", f).OK
			},
		},
		{
			name:  "note of an unknown owner",
			spec:  elfSpec{notes: elfSystemNote("Xen", 1)},
			check: func(f *File) bool { return f.OS == "" },
		},
		{
			name:  "486",
			spec:  elfSpec{class: elf.ELFCLASS32, machine: elf.EM_486},
			check: func(f *File) bool { return f.Machine == "EM_486" },
		},
		{
			name: "two segments in one page",
			spec: elfSpec{editSegments: func(s []elf.Prog64) []elf.Prog64 {
				second := s[len(s)-1]
				second.Off += 0x20
				second.Vaddr += 0x20
				second.Filesz = 0x20
				second.Memsz = 0x20
				return append(s, second)
			}},
			check: func(f *File) bool { return Judge("linux", f).OK },
		},
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

// TestELFPacked writes UPX's magic number where UPX does.
func TestELFPacked(t *testing.T) {
	b := elfSpec{}.bytes()
	f, err := readBytes(b)
	if err != nil || f.Packer != "" || !Judge("linux", f).OK {
		t.Fatalf("before: %v, %+v", err, f)
	}

	const headers = 64 + 2*56
	copy(b[headers+4:], "UPX!")
	f, err = readBytes(b)
	if err != nil || f.Packer != "UPX" || Judge("linux", f).OK {
		t.Errorf("read %+v, %v", f, err)
	}
}

// refusedFile is a file that reading must fail for.
type refusedFile struct {
	name string
	file []byte
	want string // in the error
}

// testRefused reads files and compares the errors. They must be ErrNotExecutable where want
// says so, and only there.
func testRefused(t *testing.T, tests []refusedFile) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.file)
			if err == nil {
				t.Fatalf("read %+v", *f)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}

			notExecutable := strings.HasPrefix(test.want, "not an exec")
			if errors.Is(err, ErrNotExecutable) != notExecutable {
				t.Errorf("error %q: is ErrNotExecutable: %v", err, !notExecutable)
			}
		})
	}
}

// elfDynamic is a dynamically linked program.
func elfDynamic(edit func(*elfSpec)) []byte {
	s := elfSpec{
		interp:   "/lib/ld.so",
		needed:   []string{"libc.so.6"},
		versions: []string{"GLIBC_2.34"},
	}
	edit(&s)
	return s.bytes()
}

// TestELFRefusedHeader reads files whose header is broken or contradictory, or does not belong to a program.
func TestELFRefusedHeader(t *testing.T) {
	header := func(edit func(*elf.Header64)) []byte {
		return elfDynamic(func(s *elfSpec) { s.editHeader = edit })
	}
	testRefused(t, []refusedFile{
		{
			name: "object",
			file: elfSpec{kind: elf.ET_REL}.bytes(),
			want: "not an executable: ELF file of type ET_REL",
		},
		{
			name: "object of an unknown version",
			file: header(func(h *elf.Header64) {
				h.Type = uint16(elf.ET_REL)
				h.Ident[elf.EI_VERSION] = 9
			}),
			want: "not an executable: ELF file of type ET_REL",
		},
		{
			name: "core",
			file: elfSpec{kind: elf.ET_CORE}.bytes(),
			want: "not an executable",
		},
		{
			name: "class",
			file: header(func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 3 }),
			want: "unknown class 3",
		},
		{
			name: "byte order",
			file: header(func(h *elf.Header64) { h.Ident[elf.EI_DATA] = 0 }),
			want: "unknown byte order 0",
		},
		{
			name: "version",
			file: header(func(h *elf.Header64) { h.Version = 2 }),
			want: "unknown version 1, 2",
		},
		{
			name: "unknown type",
			file: header(func(h *elf.Header64) { h.Type = 0xfe10 }),
			want: "unknown type 0xfe10",
		},
		{
			name: "class of another machine",
			file: header(func(h *elf.Header64) { h.Machine = uint16(elf.EM_386) }),
			want: "contradiction: machine EM_386 in a file of ELFCLASS64, ELFDATA2LSB",
		},
		{
			name: "byte order of another machine",
			file: elfSpec{machine: elf.EM_S390}.bytes(),
			want: "contradiction: machine EM_S390 in a file of ELFCLASS64, ELFDATA2LSB",
		},
		{
			name: "machine in the other byte order",
			file: header(func(h *elf.Header64) { h.Machine = 0x3e00 }),
			want: "unknown machine",
		},
		{
			name: "type in the other byte order",
			file: header(func(h *elf.Header64) { h.Type = uint16(elf.ET_DYN) << 8 }),
			want: "a type that is ET_DYN in the other byte order",
		},
		{
			name: "declared big-endian",
			file: header(func(h *elf.Header64) {
				h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
				h.Version = 1 << 24
			}),
			want: "contradiction: ELFDATA2MSB, and a type that is ET_EXEC in the other byte order",
		},
		{
			name: "declared 32-bit",
			file: header(func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32) }),
			want: "contradiction: ELFCLASS32, and program headers of ELFCLASS64",
		},
		{
			name: "32-bit and 64-bit at once",
			file: header(func(h *elf.Header64) { h.Shoff = 32<<16 | 1<<32 }),
			want: "contradiction: ELFCLASS64, and program headers of ELFCLASS32",
		},
		{
			name: "no program headers",
			file: header(func(h *elf.Header64) { h.Phnum = 0 }),
			want: "reading ELF program headers at 0x40: 0 entries",
		},
		{
			name: "too many program headers",
			file: header(func(h *elf.Header64) { h.Phnum = 0xffff }),
			want: "65535 entries",
		},
		{
			name: "size of program headers",
			file: header(func(h *elf.Header64) { h.Phentsize = 32 }),
			want: "entries of 32 bytes",
		},
		{
			name: "program headers beyond the end",
			file: header(func(h *elf.Header64) { h.Phoff = 1 << 63 }),
			want: "reading ELF program headers at 0x8000000000000000",
		},
		{
			name: "entry point",
			file: header(func(h *elf.Header64) { h.Entry = 0 }),
			want: "reading ELF entry point at address 0x0: not in the file",
		},
	})
}

// editSegment returns an edit of the segments of one type.
func editSegment(t elf.ProgType, edit func(*elf.Prog64)) func([]elf.Prog64) []elf.Prog64 {
	return func(segments []elf.Prog64) []elf.Prog64 {
		for i := range segments {
			if segments[i].Type == uint32(t) {
				edit(&segments[i])
			}
		}
		return segments
	}
}

// repeatSegment returns an edit that repeats the segment of one type.
func repeatSegment(t elf.ProgType) func([]elf.Prog64) []elf.Prog64 {
	return func(segments []elf.Prog64) []elf.Prog64 {
		i := slices.IndexFunc(segments, func(p elf.Prog64) bool { return p.Type == uint32(t) })
		return append(segments, segments[i])
	}
}

// addSegment returns an edit that adds a segment behind the others. The new segment is made
// from the PT_LOAD, which is the last one.
func addSegment(from func(load elf.Prog64) elf.Prog64) func([]elf.Prog64) []elf.Prog64 {
	return func(segments []elf.Prog64) []elf.Prog64 {
		return append(segments, from(segments[len(segments)-1]))
	}
}

// TestELFRefusedSegments reads files whose segments cannot be mapped, or are mapped in
// different ways by different loaders.
func TestELFRefusedSegments(t *testing.T) {
	segments := func(edit func([]elf.Prog64) []elf.Prog64) []byte {
		return elfDynamic(func(s *elfSpec) { s.editSegments = edit })
	}
	// The file has more than two pages. The tables are in the last one.
	large := func(edit func([]elf.Prog64) []elf.Prog64) []byte {
		return elfDynamic(func(s *elfSpec) {
			s.code = make([]byte, 0x2000)
			s.editSegments = edit
		})
	}
	testRefused(t, []refusedFile{
		{
			name: "segment beyond the end",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) {
				p.Filesz = 1 << 20
				p.Memsz = 1 << 20
			})),
			want: "reading ELF segment PT_LOAD at 0x0: 0x100000 bytes reach beyond the end",
		},
		{
			name: "segment that overflows",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Off = 1<<64 - 0x1000 })),
			want: "reach beyond the end",
		},
		{
			name: "segment larger than its memory",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Memsz = 8 })),
			want: "do not fit into 0x8",
		},
		{
			name: "address that overflows",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr = 1<<64 - 8 })),
			want: "do not fit",
		},
		{
			name: "address beyond what programs get",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr = 1 << 47 })),
			want: "do not fit",
		},
		{
			name: "no segment",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Type = 0x6fffff00 })),
			want: "no PT_LOAD",
		},
		{
			name: "segment at another offset in its page",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) { p.Vaddr += 8 })),
			want: "is at another offset in its page",
		},
		{
			name: "segments out of order",
			file: segments(addSegment(func(elf.Prog64) elf.Prog64 {
				return elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 1, Memsz: 1}
			})),
			want: "is below the address of the previous segment",
		},

		{
			name: "address in two segments",
			file: large(addSegment(func(load elf.Prog64) elf.Prog64 {
				return elf.Prog64{
					Type:   uint32(elf.PT_LOAD),
					Off:    0x1000,
					Vaddr:  load.Vaddr,
					Filesz: 0x1000,
					Memsz:  0x1000,
				}
			})),
			want: "mapped twice",
		},
		{
			name: "address in a page that another segment replaces",
			file: large(addSegment(func(load elf.Prog64) elf.Prog64 {
				return elf.Prog64{
					Type:   uint32(elf.PT_LOAD),
					Off:    0x1ff0,
					Vaddr:  load.Vaddr + 0xff0,
					Filesz: 1,
					Memsz:  1,
				}
			})),
			want: "mapped twice",
		},
		{
			name: "names in a page that another segment replaces",
			file: large(addSegment(func(load elf.Prog64) elf.Prog64 {
				return elf.Prog64{
					Type:   uint32(elf.PT_LOAD),
					Off:    0,
					Vaddr:  load.Vaddr + 0x2000,
					Filesz: 1,
					Memsz:  1,
				}
			})),
			want: "at address 0x12",
		},
		{
			name: "address in memory that is cleared",
			file: segments(addSegment(func(load elf.Prog64) elf.Prog64 {
				return elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: load.Vaddr + 8, Memsz: 0x1000}
			})),
			want: "mapped twice",
		},

		{
			name: "code that must not be executed",
			file: elfSpec{editSegments: editSegment(elf.PT_LOAD, func(p *elf.Prog64) {
				p.Flags = uint32(elf.PF_R)
			})}.bytes(),
			want: "not in executable memory",
		},
		{
			name: "code in a page that must not be executed",
			file: elfSpec{editSegments: addSegment(func(load elf.Prog64) elf.Prog64 {
				second := load
				second.Off += 0x20
				second.Vaddr += 0x20
				second.Filesz = 0x20
				second.Memsz = 0x20
				second.Flags = uint32(elf.PF_R | elf.PF_W)
				return second
			})}.bytes(),
			want: "not in executable memory",
		},

		{
			name: "program headers elsewhere in memory",
			file: segments(addSegment(func(elf.Prog64) elf.Prog64 {
				return elf.Prog64{
					Type:   uint32(elf.PT_PHDR),
					Off:    0x40,
					Vaddr:  elfBase + 0x80,
					Filesz: 8,
					Memsz:  8,
				}
			})),
			want: "their address 0x10080 maps 0x80 of the file",
		},
		{
			name: "program headers not in memory",
			file: segments(addSegment(func(elf.Prog64) elf.Prog64 {
				return elf.Prog64{
					Type:   uint32(elf.PT_PHDR),
					Off:    0x40,
					Vaddr:  0x40,
					Filesz: 8,
					Memsz:  8,
				}
			})),
			want: "reading ELF program headers at address 0x40: not in the file",
		},
		{
			name: "program headers in no segment",
			file: segments(editSegment(elf.PT_LOAD, func(p *elf.Prog64) {
				p.Off += 0x80
				p.Vaddr += 0x80
				p.Filesz -= 0x80
			})),
			want: "in no segment",
		},
		{
			name: "two places of program headers",
			file: segments(func(list []elf.Prog64) []elf.Prog64 {
				headers := elf.Prog64{
					Type:   uint32(elf.PT_PHDR),
					Off:    0x40,
					Vaddr:  elfBase + 0x40,
					Filesz: 8,
					Memsz:  8,
				}
				return append(list, headers, headers)
			}),
			want: "duplicate segment",
		},

		{
			name: "two interpreters",
			file: segments(repeatSegment(elf.PT_INTERP)),
			want: "PT_INTERP at 0x",
		},
		{
			name: "interpreter beyond the end",
			file: segments(editSegment(elf.PT_INTERP, func(p *elf.Prog64) { p.Off = 1 << 40 })),
			want: "reading ELF interpreter at 0x10000000000",
		},
		{
			name: "interpreter without NUL",
			file: segments(editSegment(elf.PT_INTERP, func(p *elf.Prog64) { p.Filesz-- })),
			want: "no NUL in 10 bytes",
		},
		{
			name: "interpreter with two ends",
			file: elfDynamic(func(s *elfSpec) { s.interp = "/lib\x00/ld" }),
			want: `path "/lib" in a segment of 9 bytes`,
		},
		{
			name: "empty interpreter",
			file: segments(editSegment(elf.PT_INTERP, func(p *elf.Prog64) { p.Filesz = 0 })),
			want: "reading ELF interpreter",
		},
		{
			name: "long interpreter",
			file: elfDynamic(func(s *elfSpec) { s.interp = "/" + strings.Repeat("x", 5000) }),
			want: "no NUL in 4096 bytes",
		},
		{
			name: "interpreter with an escape sequence",
			file: elfDynamic(func(s *elfSpec) { s.interp = "/lib\x1b[2J" }),
			want: "is not a printable name",
		},
	})
}

// editEntry returns an edit of the entries of the dynamic section that have one tag.
func editEntry(tag elf.DynTag, edit func(*elf.Dyn64)) func([]elf.Dyn64) []elf.Dyn64 {
	return func(entries []elf.Dyn64) []elf.Dyn64 {
		for i := range entries {
			if entries[i].Tag == int64(tag) {
				edit(&entries[i])
			}
		}
		return entries
	}
}

// TestELFRefusedDynamic reads files whose dynamic section is broken or contradictory.
func TestELFRefusedDynamic(t *testing.T) {
	segments := func(edit func([]elf.Prog64) []elf.Prog64) []byte {
		return elfDynamic(func(s *elfSpec) { s.editSegments = edit })
	}
	entries := func(edit func([]elf.Dyn64) []elf.Dyn64) []byte {
		return elfDynamic(func(s *elfSpec) { s.editDynamic = edit })
	}
	testRefused(t, []refusedFile{
		{
			name: "two dynamic sections",
			file: segments(repeatSegment(elf.PT_DYNAMIC)),
			want: "duplicate segment",
		},
		{
			name: "dynamic section beyond the end",
			file: segments(editSegment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Filesz = 1 << 40 })),
			want: "reading ELF dynamic section",
		},
		{
			name: "dynamic section elsewhere in memory",
			file: segments(editSegment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Vaddr -= 8 })),
			want: "its address 0x",
		},
		{
			name: "dynamic section not in memory",
			file: segments(editSegment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Vaddr = 0 })),
			want: "reading ELF dynamic section at address 0x0: not in the file",
		},
		{
			name: "dynamic section without end",
			file: entries(editEntry(elf.DT_NULL, func(d *elf.Dyn64) { d.Tag = int64(elf.DT_DEBUG) })),
			want: "no DT_NULL",
		},
		{
			name: "empty dynamic section",
			file: segments(editSegment(elf.PT_DYNAMIC, func(p *elf.Prog64) { p.Filesz = 0 })),
			want: "no DT_NULL",
		},

		{
			name: "string table not in memory",
			file: entries(editEntry(elf.DT_STRTAB, func(d *elf.Dyn64) { d.Val = 8 })),
			want: "reading ELF dynamic string table at address 0x8",
		},
		{
			name: "string table beyond the end",
			file: entries(editEntry(elf.DT_STRSZ, func(d *elf.Dyn64) { d.Val = 1 << 32 })),
			want: "reading ELF dynamic string table",
		},
		{
			name: "no string table",
			file: entries(editEntry(elf.DT_STRTAB, func(d *elf.Dyn64) { d.Tag = int64(elf.DT_DEBUG) })),
			want: "reading ELF dynamic string table",
		},
		{
			name: "two string tables",
			file: entries(func(d []elf.Dyn64) []elf.Dyn64 {
				return append([]elf.Dyn64{{Tag: int64(elf.DT_STRTAB), Val: elfBase}}, d...)
			}),
			want: "DT_STRTAB is both 0x10000 and 0x",
		},

		{
			name: "name beyond the string table",
			file: entries(editEntry(elf.DT_NEEDED, func(d *elf.Dyn64) { d.Val = 1000 })),
			want: "reading ELF library name",
		},
		{
			name: "name without end",
			file: entries(editEntry(elf.DT_STRSZ, func(d *elf.Dyn64) { d.Val = 5 })),
			want: "no NUL",
		},
		{
			name: "name of two lines",
			file: elfDynamic(func(s *elfSpec) { s.needed = []string{"a\n::set-output name=x::y"} }),
			want: "is not a printable name",
		},

		{
			name: "versions not in memory",
			file: entries(editEntry(elf.DT_VERNEED, func(d *elf.Dyn64) { d.Val = 8 })),
			want: "reading ELF version needs",
		},
		{
			name: "versions without end",
			file: elfDynamic(func(s *elfSpec) {
				s.versions = nil
				s.editDynamic = func(d []elf.Dyn64) []elf.Dyn64 {
					return append([]elf.Dyn64{
						{Tag: int64(elf.DT_VERNEED), Val: elfBase + 0x40},
						{Tag: int64(elf.DT_VERNEEDNUM), Val: 1 << 60},
					}, d...)
				}
			}),
			want: "reading ELF version needs",
		},
	})
}

// TestELFRefusedNotes reads files whose notes are broken or contradict the header.
func TestELFRefusedNotes(t *testing.T) {
	note := func(n elfNote) []byte {
		return elfSpec{data: elf.ELFDATA2LSB}.encode(n)
	}
	testRefused(t, []refusedFile{
		{
			name: "two systems",
			file: elfSpec{
				abi:   elf.ELFOSABI_NETBSD,
				notes: append(note(elfNote{NameSize: 8, Type: 1}), "FreeBSD\x00"...),
			}.bytes(),
			want: "made for netbsd (ELFOSABI_NETBSD) and for freebsd (FreeBSD note)",
		},
		{
			name: "note beyond the end",
			file: elfSpec{notes: note(elfNote{NameSize: 1 << 31, Type: 1})}.bytes(),
			want: "reading ELF notes",
		},
		{
			name: "half a note",
			file: elfSpec{notes: make([]byte, 14)}.bytes(),
			want: "reading ELF notes",
		},
	})
}
