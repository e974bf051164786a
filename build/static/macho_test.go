package static

import (
	"bytes"
	"cmp"
	"debug/macho"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// machoSpec is a small Mach-O file to be written: header, load commands, and a segment of 64 bytes behind them.
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
	locals   uint32 // local symbols
	signed   bool
	prot     uint32
	extra    []byte // another load command
	noEntry  bool

	editHeader  func(*macho.FileHeader)
	editSegment func(*macho.Segment64)
}

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

// named is a load command that ends in a string, which begins at fixed.
func (s machoSpec) named(cmd macho.LoadCmd, fixed int, name string) []byte {
	size := (fixed + len(name) + 1 + 7) &^ 7
	b := s.encode(cmd, uint32(size), uint32(fixed))
	b = append(b, make([]byte, fixed-len(b))...)
	b = append(b, name...)
	return append(b, make([]byte, size-len(b))...)
}

func (s machoSpec) bytes() []byte {
	s.bits = cmp.Or(s.bits, 64)
	s.cpu = cmp.Or(s.cpu, macho.CpuArm64)
	s.kind = cmp.Or(s.kind, macho.TypeExec)
	h := macho.FileHeader{Magic: macho.Magic64, Cpu: s.cpu, SubCpu: s.sub, Type: s.kind, Flags: s.flags}
	size := 32
	if s.bits == 32 {
		h.Magic, size = macho.Magic32, 28
	}
	// Two commands say where the segment is, which is behind all commands.
	commands := s.commands(0)
	end := size + len(bytes.Join(commands, nil))
	commands = s.commands(uint64(end))
	h.Ncmd, h.Cmdsz = uint32(len(commands)), uint32(end-size)
	if s.editHeader != nil {
		s.editHeader(&h)
	}
	b := s.encode(h)
	b = append(b, make([]byte, size-len(b))...)
	b = append(b, bytes.Join(commands, nil)...)
	return append(b, make([]byte, 64)...)
}

// commands is the load commands of a file whose segment begins at start.
func (s machoSpec) commands(start uint64) (commands [][]byte) {
	put := func(b []byte) { commands = append(commands, b) }
	segment := macho.Segment64{Cmd: macho.LoadCmdSegment64, Len: 72, Memsz: 64, Offset: start, Filesz: 64, Prot: 5 | s.prot}
	if s.editSegment != nil {
		s.editSegment(&segment)
	}
	if s.bits == 32 {
		put(s.encode(macho.Segment32{Cmd: macho.LoadCmdSegment, Len: 56,
			Memsz: uint32(segment.Memsz), Offset: uint32(segment.Offset), Filesz: uint32(segment.Filesz), Prot: segment.Prot}))
	} else {
		put(s.encode(segment))
	}
	if s.linker != "" {
		put(s.named(lcLoadDylinker, 12, s.linker))
	}
	for _, name := range s.dylibs {
		put(s.named(lcLoadDylib, 24, name))
	}
	for _, name := range s.weak {
		put(s.named(lcLoadWeakDylib, 24, name))
	}
	for _, name := range s.rpaths {
		put(s.named(macho.LoadCmdRpath, 12, name))
	}
	if s.platform != 0 {
		put(s.encode(lcBuildVersion, uint32(24), s.platform, uint32(12<<16|3<<8|1), uint32(0), uint32(0)))
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

// fat puts files into a universal binary, each for the machine of its specification.
func fat(magic uint32, specs ...machoSpec) []byte {
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.BigEndian, v) }
	put(magic)
	put(uint32(len(specs)))
	off := 0x1000
	var contents []byte
	for _, s := range specs {
		file := s.bytes()
		cpu := s.cpu
		if cpu == 0 {
			cpu = macho.CpuArm64
		}
		if magic == fatMagic64 {
			put(fatArch{Cpu: cpu, SubCpu: s.sub, Offset: uint64(off), Size: uint64(len(file))})
		} else {
			put(macho.FatArchHeader{Cpu: cpu, SubCpu: s.sub, Offset: uint32(off), Size: uint32(len(file))})
		}
		file = append(file, make([]byte, 0x1000-len(file)%0x1000)...)
		off += len(file)
		contents = append(contents, file...)
	}
	b.Write(make([]byte, 0x1000-b.Len()))
	return append(b.Bytes(), contents...)
}

// javaFile is the first bytes of a Java class.
func javaFile(version uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte("\xca\xfe\xba\xbe"), version)
	return append(b, "\x00\x1d\x0a\x00\x06\x00\x0f\x09\x00\x10\x00\x11 and so on"...)
}

// fatWithArchive is a universal binary with a static library in the place of the last slice.
func fatWithArchive(specs ...machoSpec) []byte {
	b := fat(macho.MagicFat, specs...)
	last := b[8+20*(len(specs)-1):]
	copy(b[binary.BigEndian.Uint32(last[8:]):], "!<arch>\n")
	return b
}

// manySlices is a universal binary with so many slices that its first bytes are those of a Java class.
func manySlices(n int) []byte {
	var specs []machoSpec
	for i := range n {
		specs = append(specs, machoWith(func(s *machoSpec) { s.sub = uint32(i) }))
	}
	return smallFat(specs...)
}

// machoGood is like what Go builds.
var machoGood = machoSpec{
	linker: "/usr/lib/dyld", platform: 1, signed: true, locals: 5, flags: uint32(macho.FlagPIE | macho.FlagDyldLink),
	dylibs: []string{"/usr/lib/libSystem.B.dylib", "/System/Library/Frameworks/Security.framework/Versions/A/Security"},
}

func machoWith(edit func(*machoSpec)) machoSpec {
	s := machoGood
	edit(&s)
	return s
}

func TestMachOFacts(t *testing.T) {
	tests := []struct {
		name  string
		spec  machoSpec
		ok    bool // for darwin
		check func(*File) bool
	}{
		{"64 bits", machoGood, true, func(f *File) bool {
			return f.OS == "darwin" && f.Arch == "arm64" && f.Bits == 64 && f.Kind == PIE && f.MinOS == "12.3.1" && f.Signed && !f.Stripped &&
				f.Interpreter == "/usr/lib/dyld" && slices.Equal(f.Needed, machoGood.dylibs)
		}},
		{"32 bits", machoWith(func(s *machoSpec) { s.bits, s.cpu, s.sub = 32, macho.Cpu386, 3 }), true,
			func(f *File) bool { return f.Arch == "386" && f.Bits == 32 && len(f.Needed) == 2 }},
		{"big-endian", machoWith(func(s *machoSpec) { s.bits, s.cpu, s.order = 32, macho.CpuPpc, binary.BigEndian }), true,
			func(f *File) bool { return f.Arch == "" && f.Machine == "CpuPpc subtype 0" && len(f.Needed) == 2 }},
		{"arm64e", machoWith(func(s *machoSpec) { s.sub = 0x80000002 }), true, func(f *File) bool { return f.Arch == "" && f.Machine == "CpuArm64 subtype 2" }},
		{"capability bits", machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 0x80000003 }), true, func(f *File) bool { return f.Arch == "amd64" }},
		{"stripped", machoWith(func(s *machoSpec) { s.locals = 0 }), true, func(f *File) bool { return f.Stripped }},
		{"not signed", machoWith(func(s *machoSpec) { s.signed = false }), true, func(f *File) bool { return !f.Signed }},
		{"old version command", machoWith(func(s *machoSpec) { s.platform, s.minMacOS = 0, 10<<16|9<<8 }), true,
			func(f *File) bool { return f.OS == "darwin" && f.MinOS == "10.9" }},
		{"no loader", machoSpec{}, true, func(f *File) bool { return f.Interpreter == "" && f.Kind == Executable }},
		{"executable stack", machoWith(func(s *machoSpec) { s.flags |= uint32(macho.FlagAllowStackExecution) }), true, func(f *File) bool { return f.ExecStack }},
		{"writable code", machoWith(func(s *machoSpec) { s.prot = 2 }), true, func(f *File) bool { return f.WriteExec }},
		{"segment without memory", machoWith(func(s *machoSpec) { s.editSegment = func(g *macho.Segment64) { g.Memsz = 0 } }), true, nil},
		{"other loader", machoWith(func(s *machoSpec) { s.linker = "/opt/dyld" }), false, nil},
		{"homebrew", machoWith(func(s *machoSpec) { s.dylibs = []string{"/opt/homebrew/lib/libx.dylib"} }), false, nil},
		{"local", machoWith(func(s *machoSpec) { s.dylibs = []string{"/usr/local/lib/libx.dylib"} }), false, nil},
		{"detour", machoWith(func(s *machoSpec) { s.dylibs = []string{"/usr/lib/../../opt/x"} }), false, nil},
		{"short detour", machoWith(func(s *machoSpec) { s.dylibs = []string{"/usr/lib/../lib/libSystem.B.dylib"} }), false, nil},
		{"writable part of /System", machoWith(func(s *machoSpec) { s.dylibs = []string{"/System/Volumes/Data/x"} }), false, nil},
		{"rpath library", machoWith(func(s *machoSpec) { s.dylibs = []string{"@rpath/libx.dylib"} }), false, nil},
		{"rpath", machoWith(func(s *machoSpec) { s.rpaths = []string{"@executable_path/../lib"} }), false,
			func(f *File) bool { return slices.Equal(f.RunPath, []string{"@executable_path/../lib"}) }},
		{"dyld environment", machoWith(func(s *machoSpec) { s.extra = s.named(lcDyldEnvironment, 12, "DYLD_LIBRARY_PATH=/x") }), false, nil},
		{"weak system library", machoWith(func(s *machoSpec) { s.weak = []string{"/usr/lib/libnew.dylib"} }), true,
			func(f *File) bool { return slices.Equal(f.Optional, []string{"/usr/lib/libnew.dylib"}) }},
		{"weak library", machoWith(func(s *machoSpec) { s.weak = []string{"/opt/x"} }), false, nil},
		{"re-exported library", machoWith(func(s *machoSpec) { s.extra = s.named(lcReexportDylib, 24, "/opt/x") }), false, nil},
		{"upward library", machoWith(func(s *machoSpec) { s.extra = s.named(lcLoadUpwardDylib, 24, "/opt/x") }), false, nil},
		{"lazy library", machoWith(func(s *machoSpec) { s.extra = s.named(lcLazyLoadDylib, 24, "/opt/x") }), false, nil},
		{"library", machoWith(func(s *machoSpec) { s.kind = macho.TypeDylib }), false, func(f *File) bool { return f.Kind == Library }},
		{"iOS", machoWith(func(s *machoSpec) { s.platform = 2 }), false, func(f *File) bool { return f.OS == "ios" && Judge("ios", f).OK }},
		{"unknown platform", machoWith(func(s *machoSpec) { s.platform = 99 }), false, func(f *File) bool { return f.OS == "platform 99" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.spec.bytes())
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
	intel := machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 3 })
	foreign := machoWith(func(s *machoSpec) { s.dylibs = []string{"/opt/x"} })
	for _, magic := range []uint32{macho.MagicFat, fatMagic64} {
		f, err := readBytes(fat(magic, machoGood, intel))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Slices) != 2 || f.Slices[0].Arch != "arm64" || f.Slices[1].Arch != "amd64" || !f.Slices[1].Signed {
			t.Errorf("read %+v", *f)
		}
		if v := Judge("darwin", f); !v.OK {
			t.Errorf("verdict %+v", v)
		}
		f, err = readBytes(fat(magic, intel, foreign))
		if err != nil {
			t.Fatal(err)
		}
		if v := Judge("darwin", f); v.OK || !slices.Equal(v.Reasons, []string{"CpuArm64: needs /opt/x"}) {
			t.Errorf("verdict %+v", v)
		}
	}
}

// TestMachOManySlices reads universal binaries whose number of slices is that of a version of Java.
func TestMachOManySlices(t *testing.T) {
	for _, n := range []int{44, 45, 52, 65, 200} {
		b := manySlices(n)
		f, err := readBytes(b)
		if err != nil || len(f.Slices) != n || !Judge("darwin", f).OK {
			t.Errorf("%d slices: %+v, %v", n, f, err)
		}

		// With a first entry that makes a Java class of it, of which no kernel takes notice.
		copy(b[8:], "\x00\x1d\x0a\x00")
		f, err = readBytes(b)
		if err == nil || errors.Is(err, ErrNotExecutable) {
			t.Errorf("%d slices, as a Java class: %+v, %v", n, f, err)
		}
	}
}

// TestMachOHiddenSlice reads a universal binary that counts one slice fewer than it has.
func TestMachOHiddenSlice(t *testing.T) {
	intel := machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 3 })
	foreign := machoWith(func(s *machoSpec) { s.dylibs = []string{"/opt/x"} })
	b := fat(macho.MagicFat, intel, foreign)
	binary.BigEndian.PutUint32(b[4:], 1)
	f, err := readBytes(b)
	if err != nil || len(f.Slices) != 2 || Judge("darwin", f).OK {
		t.Errorf("read %+v, %v", f, err)
	}
}

func TestMachORefused(t *testing.T) {
	header := func(edit func(*macho.FileHeader)) []byte {
		return machoWith(func(s *machoSpec) { s.editHeader = edit }).bytes()
	}
	segment := func(edit func(*macho.Segment64)) []byte {
		return machoWith(func(s *machoSpec) { s.editSegment = edit }).bytes()
	}
	extra := func(b []byte) []byte { return machoWith(func(s *machoSpec) { s.extra = b }).bytes() }
	s := machoGood
	swapped := fat(macho.MagicFat, machoGood)
	binary.BigEndian.PutUint32(swapped[8:], uint32(macho.CpuAmd64))
	cut := fat(macho.MagicFat, machoGood)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"object", machoSpec{kind: macho.TypeObj}.bytes(), "not an executable: Mach-O file of type Obj"},
		{"Java class", javaFile(52), "not an executable: a Java class"},
		{"first Java class", javaFile(3<<16 | 45), "not an executable: a Java class"},
		{"neither Java nor Mach-O", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34rest"), "reading Mach-O universal header"},
		{"too many slices", []byte("\xca\xfe\xba\xbe\x00\x01\x00\x01rest"), "65537 architectures"},
		{"more slices than there are", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02rest"), "reading Mach-O universal header"},
		{"a program and a static library", fatWithArchive(machoGood, machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 3 })),
			"contradiction: 1 of 2 slices are programs or libraries"},
		{"a static library", fatWithArchive(machoGood), "not an executable: no Mach-O magic"},
		{"64-bit machine in 32 bits", machoWith(func(s *machoSpec) { s.bits = 32 }).bytes(), "contradiction: CpuArm64 in a file of 32 bits"},
		{"32-bit machine in 64 bits", machoWith(func(s *machoSpec) { s.cpu = macho.CpuArm }).bytes(), "contradiction: CpuArm in a file of 64 bits"},
		{"machine in the other byte order", machoWith(func(s *machoSpec) { s.order = binary.BigEndian }).bytes(), "contradiction: CpuArm64 in a file that is BigEndian"},
		{"unknown command that dyld must know", extra(s.encode(uint32(0x80000077), uint32(8))), "unknown command 0x80000077"},
		{"commands beyond the end", header(func(h *macho.FileHeader) { h.Cmdsz = 1 << 20 }), "reading Mach-O load commands at 0x20"},
		{"more commands than there are", header(func(h *macho.FileHeader) { h.Ncmd++ }), "reading Mach-O load command"},
		{"command of no size", extra(s.encode(uint64(0x77))), "size 0"},
		{"command too large", extra(s.encode(uint32(0x77), uint32(1<<30))), "reading Mach-O load command"},
		{"segment beyond the end", segment(func(g *macho.Segment64) { g.Filesz, g.Memsz = 65, 65 }), "reading Mach-O segment"},
		{"segment that overflows", segment(func(g *macho.Segment64) { g.Offset = 1<<64 - 8 }), "reading Mach-O segment"},
		{"segment larger than its memory", segment(func(g *macho.Segment64) { g.Memsz = 1 }), "do not fit into 0x1"},
		{"name outside of its command", extra(s.encode(lcLoadDylib, uint32(24), uint32(24), uint32(0), uint64(0))), "reading Mach-O name"},
		{"name without end", extra(append(s.encode(lcLoadDylib, uint32(24), uint32(12)), "/usr/lib/xyz"...)), "no NUL in 12 bytes"},
		{"no entry point", machoWith(func(s *machoSpec) { s.noEntry = true }).bytes(), "no entry point"},
		{"short command", extra(s.encode(lcLoadDylib, uint32(8))), "reading Mach-O name"},
		{"two loaders", extra(s.named(lcLoadDylinker, 12, "/x")), "duplicate LC_LOAD_DYLINKER"},
		{"two systems", machoWith(func(s *machoSpec) { s.platform, s.minMacOS = 2, 10<<16 }).bytes(), "made for ios and for darwin"},
		{"signature beyond the end", extra(s.encode(lcCodeSignature, uint32(16), uint32(1<<30), uint32(1))), "reading Mach-O code signature"},
		{"no slice", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x00"), "no architecture"},
		{"slice twice", fat(macho.MagicFat, machoGood, machoGood), "duplicate slice for CpuArm64"},
		{"slice of another machine", swapped, "made for CpuArm64 subtype 0"},
		{"slice beyond the end", cut[:0x1100], "reading slice CpuArm64: reading Mach-O slice at 0x1000"},
		{"slice in a slice", func() []byte {
			b := fat(macho.MagicFat, machoGood)
			copy(b[0x1000:], "\xca\xfe\xba\xbe")
			return b
		}(), "not an executable: no Mach-O magic"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.file)
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
