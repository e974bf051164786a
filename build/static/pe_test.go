package static

import (
	"bytes"
	"cmp"
	"debug/pe"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// peSpec describes a small PE file to write: headers up to peSectionOffset, followed by one
// section that is mapped to peSection.
type peSpec struct {
	bits            int // 64 if zero
	machine         uint16
	characteristics uint16
	subsystem       uint16
	imports         []string
	delayed         []string
	delayedByVA     bool // the old kind of delay-load descriptors, with absolute addresses
	symbols         uint32
	sectionFlags    uint32
	extra           []byte // follows the section

	// These functions change what the fields above result in.
	editOptional func(*pe.OptionalHeader64)
	editSection  func(*pe.SectionHeader32)
	editImports  func([]peImport) []peImport
}

const (
	peImageBase     = 0x400000
	peSection       = 0x1000 // address relative to peImageBase
	peSectionOffset = 0x400

	// Offsets in a 64-bit file.
	peFileHeader    = 0x84 // behind "PE\x00\x00"
	peSectionHeader = peFileHeader + 20 + 240

	// Most files have a section of one sector. Behind it is peSpec.extra.
	peExtra       = peSection + sectorSize
	peExtraOffset = peSectionOffset + sectorSize
)

// bytes returns the file.
func (s peSpec) bytes() []byte {
	s.machine = cmp.Or(s.machine, pe.IMAGE_FILE_MACHINE_AMD64)
	s.subsystem = cmp.Or(s.subsystem, pe.IMAGE_SUBSYSTEM_WINDOWS_CUI)

	optional := pe.OptionalHeader64{
		Magic:                 peMagic64,
		AddressOfEntryPoint:   peSection,
		ImageBase:             peImageBase,
		SectionAlignment:      0x1000,
		FileAlignment:         sectorSize,
		MajorSubsystemVersion: 6,
		MinorSubsystemVersion: 1,
		SizeOfHeaders:         peSectionOffset,
		Subsystem:             s.subsystem,
		DllCharacteristics:    pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
		NumberOfRvaAndSizes:   16,
	}
	content := s.tables(&optional)
	for len(content)%sectorSize != 0 {
		content = append(content, 0)
	}
	section := pe.SectionHeader32{
		Name:             [8]uint8{'.', 'i', 'd', 'a', 't', 'a'},
		VirtualSize:      uint32(len(content)),
		VirtualAddress:   peSection,
		SizeOfRawData:    uint32(len(content)),
		PointerToRawData: peSectionOffset,
		Characteristics:  pe.IMAGE_SCN_MEM_READ | s.sectionFlags,
	}
	if s.editOptional != nil {
		s.editOptional(&optional)
	}
	if s.editSection != nil {
		s.editSection(&section)
	}

	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }

	b.WriteString("MZ")
	b.Write(make([]byte, peOffset-b.Len()))
	put(uint32(0x80)) // the offset of the PE header
	b.Write(make([]byte, 0x80-b.Len()))
	b.WriteString("PE\x00\x00")

	optionalHeader := s.optionalHeader(optional)
	put(pe.FileHeader{
		Machine:              s.machine,
		NumberOfSections:     1,
		PointerToSymbolTable: s.symbols,
		NumberOfSymbols:      s.symbols,
		SizeOfOptionalHeader: uint16(binary.Size(optionalHeader)),
		Characteristics:      pe.IMAGE_FILE_EXECUTABLE_IMAGE | s.characteristics,
	})
	put(optionalHeader)
	put(section)

	b.Write(make([]byte, peSectionOffset-b.Len()))
	b.Write(content)
	b.Write(s.extra)
	return b.Bytes()
}

// optionalHeader returns o in the word size of s.
func (s peSpec) optionalHeader(o pe.OptionalHeader64) any {
	if s.bits != 32 {
		return o
	}
	return pe.OptionalHeader32{
		Magic:                 peMagic32,
		AddressOfEntryPoint:   o.AddressOfEntryPoint,
		ImageBase:             uint32(o.ImageBase),
		SectionAlignment:      o.SectionAlignment,
		MajorSubsystemVersion: o.MajorSubsystemVersion,
		MinorSubsystemVersion: o.MinorSubsystemVersion,
		SizeOfHeaders:         o.SizeOfHeaders,
		Subsystem:             o.Subsystem,
		DllCharacteristics:    o.DllCharacteristics,
		NumberOfRvaAndSizes:   o.NumberOfRvaAndSizes,
		DataDirectory:         o.DataDirectory,
	}
}

// tables returns the content of the section: the import tables, followed by the names in them.
// It sets the directories of the tables in o.
func (s peSpec) tables(o *pe.OptionalHeader64) []byte {
	imports := make([]peImport, len(s.imports)+1)
	delayed := make([]peDelayedImport, len(s.delayed)+1)

	names := peSection + binary.Size(imports) + binary.Size(delayed)
	var text []byte
	addName := func(name string) (addr uint32) {
		addr = uint32(names + len(text))
		text = append(text, name+"\x00"...)
		return addr
	}
	for i, name := range s.imports {
		imports[i] = peImport{
			OriginalFirstThunk: 1,
			Name:               addName(name),
			FirstThunk:         1,
		}
	}
	for i, name := range s.delayed {
		delayed[i] = peDelayedImport{
			Attributes: peRVABased,
			Name:       addName(name),
		}
		if s.delayedByVA {
			delayed[i].Attributes = 0
			delayed[i].Name += peImageBase
		}
	}

	if len(s.imports) > 0 {
		setDirectory(o, pe.IMAGE_DIRECTORY_ENTRY_IMPORT, peSection)
	}
	if len(s.delayed) > 0 {
		setDirectory(o, pe.IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, peSection+uint32(binary.Size(imports)))
	}
	if s.editImports != nil {
		imports = s.editImports(imports)
	}

	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, imports)
	binary.Write(&b, binary.LittleEndian, delayed)
	return append(b.Bytes(), text...)
}

// setDirectory sets a directory, whose size is not looked at.
func setDirectory(o *pe.OptionalHeader64, i int, addr uint32) {
	o.DataDirectory[i] = pe.DataDirectory{VirtualAddress: addr, Size: 1}
}

// peBound returns a program with a bound import directory behind the section.
func peBound(imports []string, bound ...string) peSpec {
	return peSpec{
		imports:      imports,
		extra:        peBoundTable(bound...),
		editOptional: peBoundAt,
		editSection:  peMapExtra,
	}
}

// peBoundTable returns a bound import directory of one sector.
func peBoundTable(names ...string) []byte {
	const entrySize = 8
	var entries, text []byte
	start := entrySize * (len(names) + 1)
	for _, name := range names {
		entries = binary.LittleEndian.AppendUint32(entries, 1)
		entries = binary.LittleEndian.AppendUint16(entries, uint16(start+len(text)))
		entries = binary.LittleEndian.AppendUint16(entries, 0)
		text = append(text, name+"\x00"...)
	}

	table := append(entries, make([]byte, entrySize)...)
	table = append(table, text...)
	return append(table, make([]byte, sectorSize-len(table))...)
}

// peBoundAt declares a bound import directory behind the section.
func peBoundAt(o *pe.OptionalHeader64) {
	setDirectory(o, pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT, peExtra)
}

// peMapExtra extends the section by one sector.
func peMapExtra(s *pe.SectionHeader32) {
	s.VirtualSize += sectorSize
	s.SizeOfRawData += sectorSize
}

// manifestOf returns a manifest that depends on an assembly.
func manifestOf(assembly string) string {
	return "\ufeff<assembly xmlns='urn:schemas-microsoft-com:asm.v1'>" +
		"<assemblyIdentity name='me'/>" +
		"<dependency><dependentAssembly>" +
		"<assemblyIdentity type='win32' name='" + assembly + "' version='6.0.0.0'/>" +
		"</dependentAssembly></dependency></assembly>\x00"
}

// toUTF16 returns text in UTF-16 with a byte order mark.
func toUTF16(text string) string {
	var b []byte
	for _, r := range "\ufeff" + strings.Trim(text, "\x00\ufeff") {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return string(b)
}

// peResourcesSize is the number of bytes behind the section for resources.
const peResourcesSize = 0x600

// peManifest returns a program with a manifest among its resources, which are behind the section.
func peManifest(text string) peSpec {
	resources := make([]byte, 0, peResourcesSize)
	put := func(v any) {
		var err error
		resources, err = binary.Append(resources, binary.LittleEndian, v)
		if err != nil {
			panic(err)
		}
	}

	// One directory for each level, with one entry that leads to the next level.
	for level, name := range []uint32{rtManifest, 1, 1033} {
		put(peResourceDirectory{NumberOfIDEntries: 1})
		next := uint32(len(resources) + 8)
		if level < 2 {
			next |= resourceDirectoryFlag
		}
		put(peResourceEntry{Name: name, Offset: next})
	}
	put(peResourceData{
		Addr: uint32(peExtra + len(resources) + 16),
		Size: uint32(len(text)),
	})
	resources = append(resources, text...)

	s := peResourcesAt(peExtra)
	s.extra = append(resources, make([]byte, peResourcesSize-len(resources))...)
	return s
}

// peResourcesAt returns a program with resources at addr. There are only zeros behind the section.
func peResourcesAt(addr uint32) peSpec {
	return peSpec{
		editOptional: func(o *pe.OptionalHeader64) {
			setDirectory(o, pe.IMAGE_DIRECTORY_ENTRY_RESOURCE, addr)
		},
		editSection: func(s *pe.SectionHeader32) {
			s.VirtualSize += peResourcesSize
			s.SizeOfRawData += peResourcesSize
		},
		extra: make([]byte, peResourcesSize),
	}
}

// peMapWhole makes Windows map the file as it is.
func peMapWhole(o *pe.OptionalHeader64) {
	o.SectionAlignment = sectorSize
	o.AddressOfEntryPoint = peSectionOffset
	o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_IMPORT] = pe.DataDirectory{}
}

// peSignatureAt declares a signature of 8 bytes behind the section.
func peSignatureAt(o *pe.OptionalHeader64) {
	o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY] = pe.DataDirectory{
		VirtualAddress: peExtraOffset,
		Size:           8,
	}
}

func TestPEFacts(t *testing.T) {
	system := []string{"KERNEL32.dll", "ws2_32.DLL", "api-ms-win-crt-heap-l1-1-0.dll"}
	tests := []struct {
		name  string
		spec  peSpec
		ok    bool // for Windows
		check func(*File) bool
	}{
		{
			name: "64 bits",
			spec: peSpec{imports: system},
			ok:   true,
			check: func(f *File) bool {
				return f.Arch == "amd64" && f.Bits == 64 && slices.Equal(f.Needed, system) &&
					f.MinOS == "6.1" && f.Kind == PIE && f.Stripped && !f.Signed
			},
		},
		{
			name: "32 bits",
			spec: peSpec{
				bits:    32,
				machine: pe.IMAGE_FILE_MACHINE_I386,
				imports: system,
				symbols: 1,
			},
			ok: true,
			check: func(f *File) bool {
				return f.Arch == "386" && f.Bits == 32 && slices.Equal(f.Needed, system) && !f.Stripped
			},
		},
		{
			name:  "unknown machine",
			spec:  peSpec{machine: 0x5064},
			ok:    true,
			check: func(f *File) bool { return f.Arch == "" && f.Machine == "machine 0x5064" },
		},
		{
			name:  "DLL",
			spec:  peSpec{characteristics: pe.IMAGE_FILE_DLL},
			check: func(f *File) bool { return f.Kind == Library },
		},
		{
			name:  "EFI",
			spec:  peSpec{subsystem: pe.IMAGE_SUBSYSTEM_EFI_APPLICATION},
			check: func(f *File) bool { return f.OS == "efi" },
		},
		{
			name:  "driver",
			spec:  peSpec{subsystem: pe.IMAGE_SUBSYSTEM_NATIVE},
			check: func(f *File) bool { return f.OS == "subsystem 1" },
		},
		{
			name:  "writable code",
			spec:  peSpec{sectionFlags: pe.IMAGE_SCN_MEM_WRITE | pe.IMAGE_SCN_MEM_EXECUTE},
			ok:    true,
			check: func(f *File) bool { return f.WriteExec },
		},
		{
			name: "signed",
			spec: peSpec{
				extra:        make([]byte, 8),
				editOptional: peSignatureAt,
			},
			ok:    true,
			check: func(f *File) bool { return f.Signed },
		},
		{
			name: "mapped as it is",
			spec: peSpec{
				imports:      system,
				editOptional: peMapWhole,
				editSection:  func(s *pe.SectionHeader32) { s.VirtualAddress = peSectionOffset },
			},
			ok:    true,
			check: func(f *File) bool { return len(f.Needed) == 0 },
		},

		{
			name:  "no imports",
			spec:  peSpec{},
			ok:    true,
			check: func(f *File) bool { return f.Needed == nil },
		},
		{
			name: "foreign DLL",
			spec: peSpec{imports: append(system, "VCRUNTIME140.dll")},
		},
		{
			name: "DLL by a path",
			spec: peSpec{imports: []string{`..\kernel32.dll`}},
		},
		{
			name: "API set by a path",
			spec: peSpec{imports: []string{`api-ms-win-\x.dll`}},
		},
		{
			name: "without OriginalFirstThunk",
			spec: peSpec{
				imports: []string{"kernel32.dll", "a.dll"},
				editImports: func(i []peImport) []peImport {
					i[0].OriginalFirstThunk = 0
					return i
				},
			},
			check: func(f *File) bool { return len(f.Needed) == 2 },
		},
		{
			name: ".NET",
			spec: peSpec{editOptional: func(o *pe.OptionalHeader64) {
				o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR].VirtualAddress = peSection
			}},
		},
		{
			name: "fewer directories",
			spec: peSpec{
				imports:      system,
				delayed:      []string{"a.dll"},
				editOptional: func(o *pe.OptionalHeader64) { o.NumberOfRvaAndSizes = 2 },
			},
			ok:    true,
			check: func(f *File) bool { return len(f.Needed) == 3 && f.Optional == nil },
		},

		{
			name:  "delay-loaded",
			spec:  peSpec{imports: system, delayed: []string{"user32.dll"}},
			ok:    true,
			check: func(f *File) bool { return slices.Equal(f.Optional, []string{"user32.dll"}) },
		},
		{
			name: "foreign delay-loaded",
			spec: peSpec{imports: system, delayed: []string{"libwinpthread-1.dll"}},
		},
		{
			name:  "foreign delay-loaded by address",
			spec:  peSpec{delayed: []string{"a.dll"}, delayedByVA: true},
			check: func(f *File) bool { return slices.Equal(f.Optional, []string{"a.dll"}) },
		},

		{
			name:  "bound",
			spec:  peBound(system, "kernel32.DLL", "USER32.dll"),
			ok:    true,
			check: func(f *File) bool { return len(f.Needed) == len(system)+1 },
		},
		{
			name:  "foreign bound",
			spec:  peBound(system, "kernel32.dll", "evil.dll"),
			check: func(f *File) bool { return slices.Contains(f.Needed, "evil.dll") },
		},

		{
			name: "manifest",
			spec: peManifest(manifestOf("Microsoft.Windows.Common-Controls")),
			ok:   true,
			check: func(f *File) bool {
				want := []string{"side-by-side assembly Microsoft.Windows.Common-Controls"}
				return slices.Equal(f.Needed, want)
			},
		},
		{
			name:  "manifest without assemblies",
			spec:  peManifest("<assembly><assemblyIdentity name='me'/></assembly>PADDING"),
			ok:    true,
			check: func(f *File) bool { return f.Needed == nil },
		},
		{
			name: "manifest of an assembly that Windows lacks",
			spec: peManifest(manifestOf("Microsoft.VC90.CRT")),
			check: func(f *File) bool {
				return slices.Equal(f.Needed, []string{"side-by-side assembly Microsoft.VC90.CRT"})
			},
		},
		{
			name: "manifest in UTF-16",
			spec: peManifest(toUTF16(`<?xml version="1.0" encoding="UTF-16"?>` +
				manifestOf("Microsoft.VC90.CRT"))),
			check: func(f *File) bool { return len(f.Needed) == 1 },
		},
		{
			name: "manifest in another encoding",
			spec: peManifest(`<?xml version="1.0" encoding="windows-1252"?><!-- \xa9 -->` +
				manifestOf("Microsoft.VC90.CRT")),
			check: func(f *File) bool { return len(f.Needed) == 1 },
		},
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

func TestPERefusedHeaders(t *testing.T) {
	optional := func(edit func(*pe.OptionalHeader64)) []byte {
		return peSpec{imports: []string{"kernel32.dll"}, editOptional: edit}.bytes()
	}

	notExecutableImage := peSpec{}.bytes()
	binary.LittleEndian.PutUint16(notExecutableImage[peFileHeader+18:], 0) // Characteristics

	shortOptional := peSpec{}.bytes()
	binary.LittleEndian.PutUint16(shortOptional[peFileHeader+16:], 0x40) // SizeOfOptionalHeader

	testRefused(t, []refusedFile{
		{
			name: "DOS",
			file: append([]byte("MZ"), make([]byte, 0x100)...),
			want: "not an executable: a DOS program",
		},
		{
			name: "no DOS header",
			file: []byte("MZ"),
			want: "reading DOS header at 0x3c",
		},
		{
			name: "a cut DOS header",
			file: []byte("MZ\x90\x00\x03"),
			want: "reading DOS header at 0x3c",
		},
		{
			name: "a short text",
			file: []byte("MZ: Mozambique\r\n"),
			want: "not an executable: a text",
		},
		{
			name: "a text",
			file: []byte("MZ: " + strings.Repeat("Mozambique ", 20)),
			want: "not an executable: a DOS program or a text",
		},
		{
			name: "cut before the PE header",
			file: peSpec{}.bytes()[:0x80],
			want: "reading PE headers at 0x80",
		},
		{
			name: "cut before the farthest possible PE header",
			file: append(bytes.Repeat([]byte("MZ"), 30), 0xff, 0xff, 0xff, 0x0f),
			want: "reading PE headers at 0xfffffff",
		},
		{
			name: "not to be executed",
			file: notExecutableImage,
			want: "reading PE headers at 0x84: IMAGE_FILE_EXECUTABLE_IMAGE is not set",
		},
		{
			name: "short optional header",
			file: shortOptional,
			want: "64 bytes, need 112",
		},
		{
			name: "optional header of a ROM",
			file: optional(func(o *pe.OptionalHeader64) { o.Magic = 0x107 }),
			want: "unknown magic 0x107",
		},
		{
			name: "wrong word size",
			file: peSpec{bits: 32}.bytes(),
			want: "IMAGE_FILE_MACHINE_AMD64 with a 32-bit optional header",
		},
		{
			name: "headers beyond the end",
			file: optional(func(o *pe.OptionalHeader64) { o.SizeOfHeaders = 1 << 20 }),
			want: "reach beyond the end",
		},
	})
}

func TestPERefusedSections(t *testing.T) {
	section := func(edit func(*pe.SectionHeader32)) []byte {
		return peSpec{imports: []string{"kernel32.dll"}, editSection: edit}.bytes()
	}

	// The second section is at the address of the first one, with bytes of the headers.
	overlapping := peSpec{imports: []string{"kernel32.dll"}}.bytes()
	binary.LittleEndian.PutUint16(overlapping[peFileHeader+2:], 2) // NumberOfSections
	second := overlapping[peSectionHeader+40:]
	copy(second, overlapping[peSectionHeader:peSectionHeader+40])
	binary.LittleEndian.PutUint32(second[20:], 0x200) // PointerToRawData

	testRefused(t, []refusedFile{
		{
			name: "section beyond the end",
			file: section(func(s *pe.SectionHeader32) { s.SizeOfRawData += 0x200 }),
			want: "reading PE section at 0x400",
		},
		{
			name: "section not aligned",
			file: section(func(s *pe.SectionHeader32) { s.PointerToRawData -= 0x10 }),
			want: "not aligned",
		},
		{
			name: "section that another replaces",
			file: overlapping,
			want: "mapped twice",
		},
		{
			name: "section at another address in a file that is mapped as it is",
			file: peSpec{editOptional: peMapWhole}.bytes(),
			want: "address 0x1000 is not its offset in the file",
		},
		{
			name: "entry point not in memory",
			file: section(func(s *pe.SectionHeader32) { s.VirtualAddress = 0x2000 }),
			want: "reading PE entry point at address 0x1000: not in the file",
		},
	})
}

func TestPERefusedTables(t *testing.T) {
	optional := func(edit func(*pe.OptionalHeader64)) []byte {
		return peSpec{imports: []string{"kernel32.dll"}, editOptional: edit}.bytes()
	}
	importName := func(addr uint32) []byte {
		return peSpec{
			imports: []string{"a.dll"},
			editImports: func(i []peImport) []peImport {
				i[0].Name = addr
				return i
			},
		}.bytes()
	}
	endlessImports := peSpec{
		imports:     []string{"kernel32.dll"},
		editImports: func(i []peImport) []peImport { return slices.Repeat(i[:1], 200) },
	}
	smallDelayedAddress := peSpec{
		delayed:      []string{"a.dll"},
		delayedByVA:  true,
		editOptional: func(o *pe.OptionalHeader64) { o.ImageBase = 1 << 40 },
	}
	boundNameBeyondTable := peSpec{
		extra:        append([]byte("\x01\x00\x00\x00\xff\xff\x00\x00"), make([]byte, 0x1f8)...),
		editOptional: peBoundAt,
		editSection:  peMapExtra,
	}

	testRefused(t, []refusedFile{
		{
			name: "imports not in memory",
			file: optional(func(o *pe.OptionalHeader64) {
				o.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress = 0x2000
			}),
			want: "reading PE import directory at address 0x2000: not in the file",
		},
		{
			name: "imports without end",
			file: endlessImports.bytes(),
			want: "reading PE import directory",
		},
		{
			name: "import without name",
			file: importName(0),
			want: "without a name",
		},
		{
			name: "name not in memory",
			file: importName(0x99999),
			want: "reading PE import directory at address 0x99999",
		},
		{
			name: "delayed import below the image base",
			file: smallDelayedAddress.bytes(),
			want: "reading PE delay-load directory",
		},
		{
			name: "bound import with a name beyond the table",
			file: boundNameBeyondTable.bytes(),
			want: "reading PE bound import directory",
		},

		{
			name: "manifest that is cut off",
			file: peManifest("<assembly><dependency>").bytes(),
			want: "reading PE manifest at 0x658: XML syntax error",
		},
		{
			name: "manifest with a control character",
			file: peManifest(manifestOf("a&#9;b")).bytes(),
			want: "is not a printable name",
		},
		{
			name: "resources without end",
			file: peResourcesAt(0x3f8).bytes(),
			want: "reading PE resources",
		},
		{
			name: "signature beyond the end",
			file: optional(peSignatureAt),
			want: "reading PE certificate table at 0x600",
		},
	})
}
