package static

import (
	"bytes"
	"cmp"
	"debug/macho"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// machoSpec describes a small Mach-O file to write: the header, the load commands, and a
// segment of 64 bytes that follows them.
type machoSpec struct {
	bits     int              // 64 if zero
	order    binary.ByteOrder // little-endian if nil
	cpu      macho.Cpu        // CpuArm64 if zero
	sub      uint32
	kind     macho.Type // TypeExec if zero
	flags    uint32
	linker   string
	dylibs   []string
	weak     []string
	rpaths   []string
	platform uint32 // LC_BUILD_VERSION, with version 12.3.1
	minMacOS uint32 // LC_VERSION_MIN_MACOSX
	locals   uint32 // number of local symbols
	signed   bool
	prot     uint32
	extra    []byte // another load command
	noEntry  bool

	// These functions change what the fields above result in.
	editHeader  func(*macho.FileHeader)
	editSegment func(*macho.Segment64)
}

const machoSegmentSize = 64

// encode returns the structures one after another, in the byte order of s.
func (s machoSpec) encode(values ...any) []byte {
	order := s.order
	if order == nil {
		order = binary.LittleEndian
	}

	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, order, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// pathCommand returns a load command that ends in a path. The path begins at offset fixed.
func (s machoSpec) pathCommand(cmd macho.LoadCmd, fixed int, path string) []byte {
	size := (fixed + len(path) + 1 + 7) &^ 7
	b := s.encode(cmd, uint32(size), uint32(fixed))
	b = append(b, make([]byte, fixed-len(b))...)
	b = append(b, path...)
	return append(b, make([]byte, size-len(b))...)
}

// bytes returns the file.
func (s machoSpec) bytes() []byte {
	s.bits = cmp.Or(s.bits, 64)
	s.cpu = cmp.Or(s.cpu, macho.CpuArm64)
	s.kind = cmp.Or(s.kind, macho.TypeExec)

	h := macho.FileHeader{
		Magic:  macho.Magic64,
		Cpu:    s.cpu,
		SubCpu: s.sub,
		Type:   s.kind,
		Flags:  s.flags,
	}
	headerSize := 32
	if s.bits == 32 {
		h.Magic = macho.Magic32
		headerSize = 28
	}

	// Two commands contain the offset of the segment, which depends on the size of all
	// commands. The size does not depend on the offset.
	size := len(bytes.Join(s.commands(0), nil))
	commands := s.commands(uint64(headerSize + size))
	h.Ncmd = uint32(len(commands))
	h.Cmdsz = uint32(size)
	if s.editHeader != nil {
		s.editHeader(&h)
	}

	b := s.encode(h)
	b = append(b, make([]byte, headerSize-len(b))...)
	b = append(b, bytes.Join(commands, nil)...)
	return append(b, make([]byte, machoSegmentSize)...)
}

// commands returns the load commands of a file whose segment begins at start.
func (s machoSpec) commands(start uint64) (commands [][]byte) {
	put := func(b []byte) { commands = append(commands, b) }

	put(s.segmentCommand(start))
	if s.linker != "" {
		put(s.pathCommand(lcLoadDylinker, 12, s.linker))
	}
	for _, name := range s.dylibs {
		put(s.pathCommand(lcLoadDylib, 24, name))
	}
	for _, name := range s.weak {
		put(s.pathCommand(lcLoadWeakDylib, 24, name))
	}
	for _, name := range s.rpaths {
		put(s.pathCommand(macho.LoadCmdRpath, 12, name))
	}
	if s.platform != 0 {
		const version = 12<<16 | 3<<8 | 1
		put(s.encode(lcBuildVersion, uint32(24), s.platform, uint32(version), uint32(0), uint32(0)))
	}
	if s.minMacOS != 0 {
		put(s.encode(lcVersionMinMacOS, uint32(16), s.minMacOS, uint32(0)))
	}
	put(s.encode(macho.DysymtabCmd{Cmd: lcDysymtab, Len: 80, Nlocalsym: s.locals}))
	if s.extra != nil {
		put(s.extra)
	}
	if !s.noEntry {
		put(s.encode(lcMain, uint32(24), uint64(0), uint64(0)))
	}
	if s.signed {
		put(s.encode(lcCodeSignature, uint32(16), uint32(start+48), uint32(16)))
	}
	return commands
}

// segmentCommand returns the load command of the segment that begins at start.
func (s machoSpec) segmentCommand(start uint64) []byte {
	const protReadExecute = 5
	segment := macho.Segment64{
		Cmd:    macho.LoadCmdSegment64,
		Len:    72,
		Memsz:  machoSegmentSize,
		Offset: start,
		Filesz: machoSegmentSize,
		Prot:   protReadExecute | s.prot,
	}
	if s.editSegment != nil {
		s.editSegment(&segment)
	}

	if s.bits != 32 {
		return s.encode(segment)
	}
	return s.encode(macho.Segment32{
		Cmd:    macho.LoadCmdSegment,
		Len:    56,
		Memsz:  uint32(segment.Memsz),
		Offset: uint32(segment.Offset),
		Filesz: uint32(segment.Filesz),
		Prot:   segment.Prot,
	})
}

// fat returns a universal binary of several files, each for the machine of its spec and aligned
// to a page.
func fat(magic uint32, specs ...machoSpec) []byte {
	const page = 0x1000
	var head bytes.Buffer
	put := func(v any) { binary.Write(&head, binary.BigEndian, v) }

	put(magic)
	put(uint32(len(specs)))
	var contents []byte
	for _, s := range specs {
		file := s.bytes()
		cpu := cmp.Or(s.cpu, macho.CpuArm64)
		off := page + len(contents)
		if magic == fatMagic64 {
			put(fatArch{
				Cpu:    cpu,
				SubCpu: s.sub,
				Offset: uint64(off),
				Size:   uint64(len(file)),
			})
		} else {
			put(macho.FatArchHeader{
				Cpu:    cpu,
				SubCpu: s.sub,
				Offset: uint32(off),
				Size:   uint32(len(file)),
			})
		}
		contents = append(contents, file...)
		contents = append(contents, make([]byte, page-len(file)%page)...)
	}
	head.Write(make([]byte, page-head.Len()))
	return append(head.Bytes(), contents...)
}

// smallFat returns a universal binary of a few KB, because its slices are not aligned to pages.
func smallFat(specs ...machoSpec) []byte {
	aligned := fat(macho.MagicFat, specs...)
	head := bytes.Clone(aligned[:8+20*len(specs)])
	var contents []byte
	for i := range specs {
		entry := head[8+20*i:]
		off := binary.BigEndian.Uint32(entry[8:])
		size := binary.BigEndian.Uint32(entry[12:])
		binary.BigEndian.PutUint32(entry[8:], uint32(len(head)+len(contents)))
		contents = append(contents, aligned[off:off+size]...)
	}
	return append(head, contents...)
}

// javaFile returns the first bytes of a Java class.
func javaFile(version uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte("\xca\xfe\xba\xbe"), version)
	return append(b, "\x00\x1d\x0a\x00\x06\x00\x0f\x09\x00\x10\x00\x11 and so on"...)
}

// fatWithArchive returns a universal binary with a static library in place of the last slice.
func fatWithArchive(specs ...machoSpec) []byte {
	b := fat(macho.MagicFat, specs...)
	last := b[8+20*(len(specs)-1):]
	copy(b[binary.BigEndian.Uint32(last[8:]):], "!<arch>\n")
	return b
}

// manySlices returns a universal binary of n slices. With enough of them, it begins like a
// Java class.
func manySlices(n int) []byte {
	var specs []machoSpec
	for i := range n {
		specs = append(specs, machoWith(func(s *machoSpec) { s.sub = uint32(i) }))
	}
	return smallFat(specs...)
}

// machoGood resembles what Go builds.
var machoGood = machoSpec{
	linker:   "/usr/lib/dyld",
	platform: 1,
	signed:   true,
	locals:   5,
	flags:    uint32(macho.FlagPIE | macho.FlagDyldLink),
	dylibs: []string{
		"/usr/lib/libSystem.B.dylib",
		"/System/Library/Frameworks/Security.framework/Versions/A/Security",
	},
}

// machoWith returns machoGood with changes.
func machoWith(edit func(*machoSpec)) machoSpec {
	s := machoGood
	edit(&s)
	return s
}

// Slices of universal binaries.
var (
	machoIntel = machoWith(func(s *machoSpec) {
		s.cpu = macho.CpuAmd64
		s.sub = 3
	})
	machoForeign = machoWith(func(s *machoSpec) {
		s.dylibs = []string{"/opt/x"}
	})
)

func TestMachOFacts(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*machoSpec) // of machoGood
		ok    bool             // for darwin
		check func(*File) bool
	}{
		{
			name: "64 bits",
			edit: func(*machoSpec) {},
			ok:   true,
			check: func(f *File) bool {
				return f.OS == "darwin" && f.Arch == "arm64" && f.Bits == 64 && f.Kind == PIE &&
					f.MinOS == "12.3.1" && f.Signed && !f.Stripped &&
					f.Interpreter == "/usr/lib/dyld" && slices.Equal(f.Needed, machoGood.dylibs)
			},
		},
		{
			name: "32 bits",
			edit: func(s *machoSpec) {
				s.bits = 32
				s.cpu = macho.Cpu386
				s.sub = 3
			},
			ok:    true,
			check: func(f *File) bool { return f.Arch == "386" && f.Bits == 32 && len(f.Needed) == 2 },
		},
		{
			name: "big-endian",
			edit: func(s *machoSpec) {
				s.bits = 32
				s.cpu = macho.CpuPpc
				s.order = binary.BigEndian
			},
			ok: true,
			check: func(f *File) bool {
				return f.Arch == "" && f.Machine == "CpuPpc subtype 0" && len(f.Needed) == 2
			},
		},
		{
			name:  "arm64e",
			edit:  func(s *machoSpec) { s.sub = 0x80000002 },
			ok:    true,
			check: func(f *File) bool { return f.Arch == "" && f.Machine == "CpuArm64 subtype 2" },
		},
		{
			name: "capability bits",
			edit: func(s *machoSpec) {
				s.cpu = macho.CpuAmd64
				s.sub = 0x80000003
			},
			ok:    true,
			check: func(f *File) bool { return f.Arch == "amd64" },
		},
		{
			name:  "stripped",
			edit:  func(s *machoSpec) { s.locals = 0 },
			ok:    true,
			check: func(f *File) bool { return f.Stripped },
		},
		{
			name:  "not signed",
			edit:  func(s *machoSpec) { s.signed = false },
			ok:    true,
			check: func(f *File) bool { return !f.Signed },
		},
		{
			name: "old version command",
			edit: func(s *machoSpec) {
				s.platform = 0
				s.minMacOS = 10<<16 | 9<<8
			},
			ok:    true,
			check: func(f *File) bool { return f.OS == "darwin" && f.MinOS == "10.9" },
		},
		{
			name:  "no loader",
			edit:  func(s *machoSpec) { *s = machoSpec{} },
			ok:    true,
			check: func(f *File) bool { return f.Interpreter == "" && f.Kind == Executable },
		},
		{
			name:  "executable stack",
			edit:  func(s *machoSpec) { s.flags |= uint32(macho.FlagAllowStackExecution) },
			ok:    true,
			check: func(f *File) bool { return f.ExecStack },
		},
		{
			name:  "writable code",
			edit:  func(s *machoSpec) { s.prot = 2 },
			ok:    true,
			check: func(f *File) bool { return f.WriteExec },
		},
		{
			name: "segment without memory",
			edit: func(s *machoSpec) {
				s.editSegment = func(segment *macho.Segment64) { segment.Memsz = 0 }
			},
			ok: true,
		},

		{
			name: "other loader",
			edit: func(s *machoSpec) { s.linker = "/opt/dyld" },
		},
		{
			name: "Homebrew",
			edit: func(s *machoSpec) { s.dylibs = []string{"/opt/homebrew/lib/libx.dylib"} },
		},
		{
			name: "local",
			edit: func(s *machoSpec) { s.dylibs = []string{"/usr/local/lib/libx.dylib"} },
		},
		{
			name: "detour",
			edit: func(s *machoSpec) { s.dylibs = []string{"/usr/lib/../../opt/x"} },
		},
		{
			name: "short detour",
			edit: func(s *machoSpec) { s.dylibs = []string{"/usr/lib/../lib/libSystem.B.dylib"} },
		},
		{
			name: "writable part of /System",
			edit: func(s *machoSpec) { s.dylibs = []string{"/System/Volumes/Data/x"} },
		},
		{
			name: "rpath library",
			edit: func(s *machoSpec) { s.dylibs = []string{"@rpath/libx.dylib"} },
		},
		{
			name: "rpath",
			edit: func(s *machoSpec) { s.rpaths = []string{"@executable_path/../lib"} },
			check: func(f *File) bool {
				return slices.Equal(f.RunPath, []string{"@executable_path/../lib"})
			},
		},
		{
			name: "dyld environment",
			edit: func(s *machoSpec) {
				s.extra = s.pathCommand(lcDyldEnvironment, 12, "DYLD_LIBRARY_PATH=/x")
			},
		},
		{
			name: "weak system library",
			edit: func(s *machoSpec) { s.weak = []string{"/usr/lib/libnew.dylib"} },
			ok:   true,
			check: func(f *File) bool {
				return slices.Equal(f.Optional, []string{"/usr/lib/libnew.dylib"})
			},
		},
		{
			name: "weak library",
			edit: func(s *machoSpec) { s.weak = []string{"/opt/x"} },
		},
		{
			name: "re-exported library",
			edit: func(s *machoSpec) { s.extra = s.pathCommand(lcReexportDylib, 24, "/opt/x") },
		},
		{
			name: "upward library",
			edit: func(s *machoSpec) { s.extra = s.pathCommand(lcLoadUpwardDylib, 24, "/opt/x") },
		},
		{
			name: "lazy library",
			edit: func(s *machoSpec) { s.extra = s.pathCommand(lcLazyLoadDylib, 24, "/opt/x") },
		},

		{
			name:  "library",
			edit:  func(s *machoSpec) { s.kind = macho.TypeDylib },
			check: func(f *File) bool { return f.Kind == Library },
		},
		{
			name:  "iOS",
			edit:  func(s *machoSpec) { s.platform = 2 },
			check: func(f *File) bool { return f.OS == "ios" && Judge("ios", f).OK },
		},
		{
			name:  "unknown platform",
			edit:  func(s *machoSpec) { s.platform = 99 },
			check: func(f *File) bool { return f.OS == "platform 99" },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(machoWith(test.edit).bytes())
			if err != nil {
				t.Fatal(err)
			}
			if test.check != nil && !test.check(f) {
				t.Errorf("read %+v", *f)
			}
			if v := Judge("darwin", f); v.OK != test.ok || v.Claim != "system libraries only" {
				t.Errorf("verdict %+v of %+v", v, *f)
			}
		})
	}
}

func TestMachOUniversal(t *testing.T) {
	for _, magic := range []uint32{macho.MagicFat, fatMagic64} {
		f, err := readBytes(fat(magic, machoGood, machoIntel))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Slices) != 2 || f.Slices[0].Arch != "arm64" || f.Slices[1].Arch != "amd64" {
			t.Fatalf("read %+v", *f)
		}
		if !f.Slices[1].Signed {
			t.Errorf("read %+v", *f)
		}
		if v := Judge("darwin", f); !v.OK {
			t.Errorf("verdict %+v", v)
		}

		f, err = readBytes(fat(magic, machoIntel, machoForeign))
		if err != nil {
			t.Fatal(err)
		}
		v := Judge("darwin", f)
		if v.OK || !slices.Equal(v.Reasons, []string{"CpuArm64: needs /opt/x"}) {
			t.Errorf("verdict %+v", v)
		}
	}
}

// TestMachOManySlices reads universal binaries whose number of slices is also a version of Java.
func TestMachOManySlices(t *testing.T) {
	for _, n := range []int{44, 45, 52, 65, 200} {
		b := manySlices(n)
		f, err := readBytes(b)
		if err != nil || len(f.Slices) != n || !Judge("darwin", f).OK {
			t.Errorf("%d slices: %+v, %v", n, f, err)
		}

		// Change the first entry, so that the file looks like a Java class. Kernels ignore an
		// entry for an unknown machine.
		copy(b[8:], "\x00\x1d\x0a\x00")
		f, err = readBytes(b)
		if err == nil || errors.Is(err, ErrNotExecutable) {
			t.Errorf("%d slices, as a Java class: %+v, %v", n, f, err)
		}
	}
}

// TestMachOHiddenSlice reads a universal binary whose header counts one slice fewer than there are.
func TestMachOHiddenSlice(t *testing.T) {
	b := fat(macho.MagicFat, machoIntel, machoForeign)
	binary.BigEndian.PutUint32(b[4:], 1)
	f, err := readBytes(b)
	if err != nil || len(f.Slices) != 2 || Judge("darwin", f).OK {
		t.Errorf("read %+v, %v", f, err)
	}
}

func TestMachORefused(t *testing.T) {
	with := func(edit func(*machoSpec)) []byte {
		return machoWith(edit).bytes()
	}
	header := func(edit func(*macho.FileHeader)) []byte {
		return with(func(s *machoSpec) { s.editHeader = edit })
	}
	segment := func(edit func(*macho.Segment64)) []byte {
		return with(func(s *machoSpec) { s.editSegment = edit })
	}
	extra := func(command []byte) []byte {
		return with(func(s *machoSpec) { s.extra = command })
	}
	encode := machoGood.encode

	testRefused(t, []refusedFile{
		{
			name: "object",
			file: machoSpec{kind: macho.TypeObj}.bytes(),
			want: "not an executable: Mach-O file of type Obj",
		},
		{
			name: "64-bit machine in 32 bits",
			file: with(func(s *machoSpec) { s.bits = 32 }),
			want: "contradiction: CpuArm64 in a file of 32 bits",
		},
		{
			name: "32-bit machine in 64 bits",
			file: with(func(s *machoSpec) { s.cpu = macho.CpuArm }),
			want: "contradiction: CpuArm in a file of 64 bits",
		},
		{
			name: "machine in the other byte order",
			file: with(func(s *machoSpec) { s.order = binary.BigEndian }),
			want: "contradiction: CpuArm64 in a file that is BigEndian",
		},

		{
			name: "commands beyond the end",
			file: header(func(h *macho.FileHeader) { h.Cmdsz = 1 << 20 }),
			want: "reading Mach-O load commands at 0x20",
		},
		{
			name: "more commands than there are",
			file: header(func(h *macho.FileHeader) { h.Ncmd++ }),
			want: "reading Mach-O load command",
		},
		{
			name: "command of no size",
			file: extra(encode(uint64(0x77))),
			want: "size 0",
		},
		{
			name: "command too large",
			file: extra(encode(uint32(0x77), uint32(1<<30))),
			want: "reading Mach-O load command",
		},
		{
			name: "short command",
			file: extra(encode(lcLoadDylib, uint32(8))),
			want: "reading Mach-O name",
		},
		{
			name: "unknown command that dyld must know",
			file: extra(encode(uint32(0x80000077), uint32(8))),
			want: "unknown command 0x80000077",
		},
		{
			name: "no entry point",
			file: with(func(s *machoSpec) { s.noEntry = true }),
			want: "no entry point",
		},

		{
			name: "segment beyond the end",
			file: segment(func(g *macho.Segment64) {
				g.Filesz = machoSegmentSize + 1
				g.Memsz = machoSegmentSize + 1
			}),
			want: "reading Mach-O segment",
		},
		{
			name: "segment that overflows",
			file: segment(func(g *macho.Segment64) { g.Offset = 1<<64 - 8 }),
			want: "reading Mach-O segment",
		},
		{
			name: "segment larger than its memory",
			file: segment(func(g *macho.Segment64) { g.Memsz = 1 }),
			want: "do not fit into 0x1",
		},

		{
			name: "name outside of its command",
			file: extra(encode(lcLoadDylib, uint32(24), uint32(24), uint32(0), uint64(0))),
			want: "reading Mach-O name",
		},
		{
			name: "name without end",
			file: extra(append(encode(lcLoadDylib, uint32(24), uint32(12)), "/usr/lib/xyz"...)),
			want: "no NUL in 12 bytes",
		},
		{
			name: "two loaders",
			file: extra(machoGood.pathCommand(lcLoadDylinker, 12, "/x")),
			want: "duplicate LC_LOAD_DYLINKER",
		},
		{
			name: "two systems",
			file: with(func(s *machoSpec) {
				s.platform = 2
				s.minMacOS = 10 << 16
			}),
			want: "made for ios and for darwin",
		},
		{
			name: "signature beyond the end",
			file: extra(encode(lcCodeSignature, uint32(16), uint32(1<<30), uint32(1))),
			want: "reading Mach-O code signature",
		},
	})
}

func TestMachOUniversalRefused(t *testing.T) {
	otherMachine := fat(macho.MagicFat, machoGood)
	binary.BigEndian.PutUint32(otherMachine[8:], uint32(macho.CpuAmd64))

	nested := fat(macho.MagicFat, machoGood)
	copy(nested[0x1000:], "\xca\xfe\xba\xbe")

	testRefused(t, []refusedFile{
		{
			name: "Java class",
			file: javaFile(52),
			want: "not an executable: a Java class",
		},
		{
			name: "Java class of the first version",
			file: javaFile(3<<16 | 45),
			want: "not an executable: a Java class",
		},
		{
			name: "neither Java nor Mach-O",
			file: []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34rest"),
			want: "reading Mach-O universal header",
		},

		{
			name: "no slice",
			file: []byte("\xca\xfe\xba\xbe\x00\x00\x00\x00"),
			want: "no architecture",
		},
		{
			name: "too many slices",
			file: []byte("\xca\xfe\xba\xbe\x00\x01\x00\x01rest"),
			want: "65537 architectures",
		},
		{
			name: "more slices than there are",
			file: []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02rest"),
			want: "reading Mach-O universal header",
		},
		{
			name: "slice twice",
			file: fat(macho.MagicFat, machoGood, machoGood),
			want: "duplicate slice for CpuArm64",
		},

		{
			name: "slice of another machine",
			file: otherMachine,
			want: "made for CpuArm64 subtype 0",
		},
		{
			name: "slice beyond the end",
			file: fat(macho.MagicFat, machoGood)[:0x1100],
			want: "reading slice CpuArm64: reading Mach-O slice at 0x1000",
		},
		{
			name: "slice in a slice",
			file: nested,
			want: "not an executable: no Mach-O magic",
		},
		{
			name: "a static library",
			file: fatWithArchive(machoGood),
			want: "not an executable: no Mach-O magic",
		},
		{
			name: "a program and a static library",
			file: fatWithArchive(machoGood, machoIntel),
			want: "contradiction: 1 of 2 slices are programs or libraries",
		},
	})
}
