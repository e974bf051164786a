package static

import (
	"bytes"
	"cmp"
	"debug/pe"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// peSpec is a small PE file to be written: headers up to 0x400, one section from there that is mapped to peSection.
type peSpec struct {
	bits            int // 64 if zero
	machine         uint16
	characteristics uint16
	subsystem       uint16
	imports         []string
	delayed         []string
	delayedByVA     bool // the old kind of delay-load descriptors, with addresses instead of offsets
	symbols         uint32
	sectionFlags    uint32

	editOptional func(*pe.OptionalHeader64)
	editSection  func(*pe.SectionHeader32)
	editImports  func([]peImport) []peImport
	extra        []byte // behind the section
}

const (
	peSection   = 0x1000
	peImageBase = 0x400000
)

func (s peSpec) bytes() []byte {
	s.machine = cmp.Or(s.machine, pe.IMAGE_FILE_MACHINE_AMD64)
	s.subsystem = cmp.Or(s.subsystem, pe.IMAGE_SUBSYSTEM_WINDOWS_CUI)
	o := pe.OptionalHeader64{Magic: peMagic64, AddressOfEntryPoint: peSection, ImageBase: peImageBase, SectionAlignment: 0x1000, FileAlignment: 0x200,
		MajorSubsystemVersion: 6, MinorSubsystemVersion: 1, SizeOfHeaders: 0x400, Subsystem: s.subsystem,
		DllCharacteristics: pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, NumberOfRvaAndSizes: 16}
	section := s.tables(&o)
	for len(section)%0x200 != 0 {
		section = append(section, 0)
	}
	header := pe.SectionHeader32{Name: [8]uint8{'.', 'i', 'd', 'a', 't', 'a'}, VirtualSize: uint32(len(section)), VirtualAddress: peSection,
		SizeOfRawData: uint32(len(section)), PointerToRawData: 0x400, Characteristics: pe.IMAGE_SCN_MEM_READ | s.sectionFlags}
	if s.editOptional != nil {
		s.editOptional(&o)
	}
	if s.editSection != nil {
		s.editSection(&header)
	}
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("MZ")
	b.Write(make([]byte, 0x3a))
	put(uint32(0x80))
	b.Write(make([]byte, 0x40))
	b.WriteString("PE\x00\x00")
	optional := any(o)
	if s.bits == 32 {
		optional = pe.OptionalHeader32{Magic: peMagic32, AddressOfEntryPoint: o.AddressOfEntryPoint, ImageBase: uint32(o.ImageBase), SectionAlignment: o.SectionAlignment,
			MajorSubsystemVersion: o.MajorSubsystemVersion, MinorSubsystemVersion: o.MinorSubsystemVersion, SizeOfHeaders: o.SizeOfHeaders,
			Subsystem: o.Subsystem, DllCharacteristics: o.DllCharacteristics, NumberOfRvaAndSizes: o.NumberOfRvaAndSizes, DataDirectory: o.DataDirectory}
	}
	put(pe.FileHeader{Machine: s.machine, NumberOfSections: 1, PointerToSymbolTable: s.symbols, NumberOfSymbols: s.symbols,
		SizeOfOptionalHeader: uint16(binary.Size(optional)), Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | s.characteristics})
	put(optional)
	put(header)
	b.Write(make([]byte, 0x400-b.Len()))
	b.Write(section)
	b.Write(s.extra)
	return b.Bytes()
}

// tables is the contents of the section: the import tables and the names in them.
func (s peSpec) tables(o *pe.OptionalHeader64) []byte {
	var imports []peImport
	var delayed []peDelayedImport
	for range s.imports {
		imports = append(imports, peImport{OriginalFirstThunk: 1, FirstThunk: 1})
	}
	for range s.delayed {
		delayed = append(delayed, peDelayedImport{Attributes: 1})
	}
	imports, delayed = append(imports, peImport{}), append(delayed, peDelayedImport{})
	names := binary.Size(imports) + binary.Size(delayed)
	var text []byte
	address := func(name string) uint32 {
		at := peSection + names + len(text)
		text = append(text, name+"\x00"...)
		return uint32(at)
	}
	for i, name := range s.imports {
		imports[i].Name = address(name)
	}
	for i, name := range s.delayed {
		delayed[i].Name = address(name)
		if s.delayedByVA {
			delayed[i].Attributes, delayed[i].Name = 0, delayed[i].Name+peImageBase
		}
	}
	if len(s.imports) > 0 {
		o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_IMPORT] = pe.DataDirectory{VirtualAddress: peSection, Size: 1}
	}
	if len(s.delayed) > 0 {
		o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT] = pe.DataDirectory{VirtualAddress: peSection + uint32(binary.Size(imports)), Size: 1}
	}
	if s.editImports != nil {
		imports = s.editImports(imports)
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, imports)
	binary.Write(&b, binary.LittleEndian, delayed)
	return append(b.Bytes(), text...)
}

// peBoundTable is a bound import directory, to be put behind the section.
func peBoundTable(names ...string) []byte {
	var b, text []byte
	start := 8 * (len(names) + 1)
	for _, name := range names {
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint16(b, uint16(start+len(text)))
		b = binary.LittleEndian.AppendUint16(b, 0)
		text = append(text, name+"\x00"...)
	}
	b = append(b, make([]byte, 8)...)
	b = append(b, text...)
	return append(b, make([]byte, 0x200-len(b))...)
}

// peBoundAt points to the bytes behind a section of 0x200 bytes, which peWholeFile maps too.
func peBoundAt(o *pe.OptionalHeader64) {
	o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT] = pe.DataDirectory{VirtualAddress: peSection + 0x200, Size: 1}
}

func peWholeFile(s *pe.SectionHeader32) {
	s.VirtualSize += 0x200
	s.SizeOfRawData += 0x200
}

func manifestOf(assembly string) string {
	return "\ufeff<assembly xmlns='urn:schemas-microsoft-com:asm.v1'><assemblyIdentity name='me'/><dependency><dependentAssembly>" +
		"<assemblyIdentity type='win32' name='" + assembly + "' version='6.0.0.0'/></dependentAssembly></dependency></assembly>\x00"
}

// wide is text in UTF-16 with a mark before it.
func wide(text string) string {
	var b []byte
	for _, r := range "\ufeff" + strings.Trim(text, "\x00\ufeff") {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return string(b)
}

// peManifest is a program with a manifest among its resources, which are behind the section.
func peManifest(text string) peSpec {
	s := peManifestAt(peSection + 0x200)
	s.extra = make([]byte, 0x200)
	at := 0
	put := func(v any) {
		b, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			panic(err)
		}
		at += copy(s.extra[at:], b)
	}
	for level, name := range []uint32{rtManifest, 1, 1033} {
		next := uint32(at + 24)
		if level < 2 {
			next |= resourceDirectoryFlag
		}
		put(peResourceDirectory{NumberOfIDEntries: 1})
		put(peResourceEntry{name, next})
	}
	// The text is long: it takes the rest of what is mapped.
	put([]uint32{uint32(peSection + 0x200 + at + 16), uint32(len(text)), 0, 0})
	s.extra = append(s.extra[:at], text...)
	s.extra = append(s.extra, make([]byte, 0x600-len(s.extra))...)
	return s
}

func peManifestAt(addr uint32) peSpec {
	return peSpec{
		editOptional: func(o *pe.OptionalHeader64) {
			o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_RESOURCE] = pe.DataDirectory{VirtualAddress: addr, Size: 1}
		},
		editSection: func(s *pe.SectionHeader32) {
			s.VirtualSize += 0x600
			s.SizeOfRawData += 0x600
		},
		extra: make([]byte, 0x600),
	}
}

// peFlat makes Windows map the file as it is.
func peFlat(o *pe.OptionalHeader64) {
	o.SectionAlignment = 0x200
	o.AddressOfEntryPoint = 0x400
	o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_IMPORT] = pe.DataDirectory{}
}

func TestPEFacts(t *testing.T) {
	system := []string{"KERNEL32.dll", "ws2_32.DLL", "api-ms-win-crt-heap-l1-1-0.dll"}
	tests := []struct {
		name  string
		spec  peSpec
		ok    bool // for Windows
		check func(*File) bool
	}{
		{"64 bits", peSpec{imports: system}, true, func(f *File) bool {
			return f.Arch == "amd64" && f.Bits == 64 && slices.Equal(f.Needed, system) && f.MinOS == "6.1" && f.Kind == PIE && f.Stripped && !f.Signed
		}},
		{"32 bits", peSpec{bits: 32, machine: pe.IMAGE_FILE_MACHINE_I386, imports: system, symbols: 1}, true,
			func(f *File) bool {
				return f.Arch == "386" && f.Bits == 32 && slices.Equal(f.Needed, system) && !f.Stripped
			}},
		{"no imports", peSpec{}, true, func(f *File) bool { return f.Needed == nil }},
		{"unknown machine", peSpec{machine: 0x5064}, true, func(f *File) bool { return f.Arch == "" && f.Machine == "machine 0x5064" }},
		{"foreign DLL", peSpec{imports: append(system, "VCRUNTIME140.dll")}, false, nil},
		{"DLL by a path", peSpec{imports: []string{`..\kernel32.dll`}}, false, nil},
		{"API set by a path", peSpec{imports: []string{`api-ms-win-\x.dll`}}, false, nil},
		{"delay-loaded", peSpec{imports: system, delayed: []string{"user32.dll"}}, true,
			func(f *File) bool { return slices.Equal(f.Optional, []string{"user32.dll"}) }},
		{"foreign delay-loaded", peSpec{imports: system, delayed: []string{"libwinpthread-1.dll"}}, false, nil},
		{"foreign delay-loaded by address", peSpec{delayed: []string{"a.dll"}, delayedByVA: true}, false,
			func(f *File) bool { return slices.Equal(f.Optional, []string{"a.dll"}) }},
		{"without OriginalFirstThunk", peSpec{imports: []string{"kernel32.dll", "a.dll"}, editImports: func(i []peImport) []peImport {
			i[0].OriginalFirstThunk = 0
			return i
		}}, false, func(f *File) bool { return len(f.Needed) == 2 }},
		{"bound", peSpec{imports: system, extra: peBoundTable("kernel32.DLL", "USER32.dll"), editOptional: peBoundAt, editSection: peWholeFile}, true,
			func(f *File) bool { return len(f.Needed) == len(system)+1 }},
		{"foreign bound", peSpec{imports: system, extra: peBoundTable("kernel32.dll", "evil.dll"), editOptional: peBoundAt, editSection: peWholeFile}, false,
			func(f *File) bool { return slices.Contains(f.Needed, "evil.dll") }},
		{"manifest", peManifest(manifestOf("Microsoft.Windows.Common-Controls")), true,
			func(f *File) bool {
				return slices.Equal(f.Needed, []string{"side-by-side assembly Microsoft.Windows.Common-Controls"})
			}},
		{"manifest without assemblies", peManifest("<assembly><assemblyIdentity name='me'/></assembly>PADDING"), true,
			func(f *File) bool { return f.Needed == nil }},
		{"manifest of an assembly that is to be installed", peManifest(manifestOf("Microsoft.VC90.CRT")), false,
			func(f *File) bool {
				return slices.Equal(f.Needed, []string{"side-by-side assembly Microsoft.VC90.CRT"})
			}},
		{"manifest in UTF-16", peManifest(wide(`<?xml version="1.0" encoding="UTF-16"?>` + manifestOf("Microsoft.VC90.CRT"))), false,
			func(f *File) bool { return len(f.Needed) == 1 }},
		{"manifest in another encoding", peManifest(`<?xml version="1.0" encoding="windows-1252"?><!-- \xa9 -->` + manifestOf("Microsoft.VC90.CRT")), false,
			func(f *File) bool { return len(f.Needed) == 1 }},
		{"mapped as it is", peSpec{imports: system, editOptional: peFlat, editSection: func(s *pe.SectionHeader32) { s.VirtualAddress = 0x400 }}, true,
			func(f *File) bool { return len(f.Needed) == 0 }},
		{".NET", peSpec{editOptional: func(o *pe.OptionalHeader64) {
			o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR].VirtualAddress = peSection
		}}, false, nil},
		{"DLL", peSpec{characteristics: pe.IMAGE_FILE_DLL}, false, func(f *File) bool { return f.Kind == Library }},
		{"EFI", peSpec{subsystem: pe.IMAGE_SUBSYSTEM_EFI_APPLICATION}, false, func(f *File) bool { return f.OS == "efi" }},
		{"driver", peSpec{subsystem: pe.IMAGE_SUBSYSTEM_NATIVE}, false, func(f *File) bool { return f.OS == "subsystem 1" }},
		{"writable code", peSpec{sectionFlags: pe.IMAGE_SCN_MEM_WRITE | pe.IMAGE_SCN_MEM_EXECUTE}, true, func(f *File) bool { return f.WriteExec }},
		{"signed", peSpec{extra: make([]byte, 8), editOptional: func(o *pe.OptionalHeader64) {
			o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY] = pe.DataDirectory{VirtualAddress: 0x600, Size: 8}
		}}, true, func(f *File) bool { return f.Signed }},
		{"fewer directories", peSpec{imports: system, delayed: []string{"a.dll"}, editOptional: func(o *pe.OptionalHeader64) { o.NumberOfRvaAndSizes = 2 }}, true,
			func(f *File) bool { return len(f.Needed) == 3 && f.Optional == nil }},
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
			if v := Judge("windows", f); v.OK != test.ok || v.Claim != "system libraries only" {
				t.Errorf("verdict %+v of %+v", v, *f)
			}
		})
	}
}

func TestPERefused(t *testing.T) {
	section := func(edit func(*pe.SectionHeader32)) []byte {
		return peSpec{imports: []string{"kernel32.dll"}, editSection: edit}.bytes()
	}
	optional := func(edit func(*pe.OptionalHeader64)) []byte {
		return peSpec{imports: []string{"kernel32.dll"}, editOptional: edit}.bytes()
	}
	object := peSpec{}.bytes()
	binary.LittleEndian.PutUint16(object[0x84+18:], 0)
	short := peSpec{}.bytes()
	binary.LittleEndian.PutUint16(short[0x84+16:], 0x40)
	overlapping := peSpec{imports: []string{"kernel32.dll"}}.bytes()
	binary.LittleEndian.PutUint16(overlapping[0x84+2:], 2)
	second := overlapping[0x84+20+240+40:]
	copy(second, overlapping[0x84+20+240:0x84+20+240+40])
	binary.LittleEndian.PutUint32(second[20:], 0x200) // PointerToRawData
	endless := peSpec{imports: []string{"kernel32.dll"}, editImports: func(i []peImport) []peImport {
		list := slices.Repeat(i[:1], 200)
		return list
	}}.bytes()
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"DOS", append([]byte("MZ"), make([]byte, 0x100)...), "not an executable: a DOS program"},
		{"no DOS header", []byte("MZ"), "reading DOS header at 0x3c"},
		{"a cut DOS header", []byte("MZ\x90\x00\x03"), "reading DOS header at 0x3c"},
		{"a short text", []byte("MZ: Mozambique\r\n"), "not an executable: a text"},
		{"a text", []byte("MZ: " + strings.Repeat("Mozambique ", 20)), "not an executable: a DOS program or a text"},
		{"cut before the PE header", peSpec{}.bytes()[:0x80], "reading PE headers at 0x80"},
		{"cut before a PE header as far as it may be", append(bytes.Repeat([]byte("MZ"), 30), 0xff, 0xff, 0xff, 0x0f), "reading PE headers at 0xfffffff"},
		{"not to be executed", object, "reading PE headers at 0x84: IMAGE_FILE_EXECUTABLE_IMAGE is not set"},
		{"short optional header", short, "64 bytes, need 112"},
		{"optional header without directories", optional(func(o *pe.OptionalHeader64) { o.Magic = 0x107 }), "unknown magic 0x107"},
		{"wrong word size", peSpec{bits: 32}.bytes(), "IMAGE_FILE_MACHINE_AMD64 with a 32-bit optional header"},
		{"headers beyond the end", optional(func(o *pe.OptionalHeader64) { o.SizeOfHeaders = 1 << 20 }), "reach beyond the end"},
		{"section beyond the end", section(func(s *pe.SectionHeader32) { s.SizeOfRawData += 0x200 }), "reading PE section at 0x400"},
		{"manifest that is cut off", peManifest("<assembly><dependency>").bytes(), "reading PE manifest at 0x658: XML syntax error"},
		{"manifest that speaks to the terminal", peManifest(manifestOf("a&#9;b")).bytes(), "is not a printable name"},
		{"resources without end", peManifestAt(0x3f8).bytes(), "reading PE resources"},
		{"section elsewhere than in the file, which is mapped as it is", peSpec{editOptional: peFlat}.bytes(), "address 0x1000 is not its offset in the file"},
		{"section that another replaces", overlapping, "mapped twice"},
		{"bound import without a name", peSpec{extra: append([]byte("\x01\x00\x00\x00\xff\xff\x00\x00"), make([]byte, 0x1f8)...), editOptional: peBoundAt, editSection: peWholeFile}.bytes(), "reading PE bound import directory"},
		{"section not aligned", section(func(s *pe.SectionHeader32) { s.PointerToRawData -= 0x10 }), "not aligned"},
		{"entry point not in memory", section(func(s *pe.SectionHeader32) { s.VirtualAddress = 0x2000 }), "reading PE entry point at address 0x1000: not in the file"},
		{"imports not in memory", optional(func(o *pe.OptionalHeader64) { o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress = 0x2000 }),
			"reading PE import directory at address 0x2000: not in the file"},
		{"imports without end", endless, "reading PE import directory"},
		{"import without name", peSpec{imports: []string{"a.dll"}, editImports: func(i []peImport) []peImport { i[0].Name = 0; return i }}.bytes(), "without a name"},
		{"name not in memory", peSpec{imports: []string{"a.dll"}, editImports: func(i []peImport) []peImport { i[0].Name = 0x99999; return i }}.bytes(), "reading PE import directory at address 0x99999"},
		{"delayed by a small address", peSpec{delayed: []string{"a.dll"}, delayedByVA: true,
			editOptional: func(o *pe.OptionalHeader64) { o.ImageBase = 1 << 40 }}.bytes(), "reading PE delay-load directory"},
		{"signature beyond the end", optional(func(o *pe.OptionalHeader64) {
			o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY] = pe.DataDirectory{VirtualAddress: 0x600, Size: 8}
		}), "reading PE certificate table at 0x600"},
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
