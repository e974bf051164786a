package release

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/inspect"
)

// A craftedELF describes a small program for linux/amd64. It has an executable segment, a
// writable one, and what the fields name.
type craftedELF struct {
	interpreter string
	needed      string
	note        string              // the owner of a note of type 1
	goos        string              // in the build info
	header      func(*elf.Header64) // changes the file header
}

func (c craftedELF) bytes() []byte {
	const base, data = 0x400000, 0x1000
	order := binary.LittleEndian
	content := make([]byte, data)

	// put appends bytes to the content, aligned, and returns their offset.
	put := func(b []byte) uint64 {
		for len(content)%16 != 0 {
			content = append(content, 0)
		}
		content = append(content, b...)
		return uint64(len(content) - len(b))
	}
	encoded := func(v any) []byte {
		b, err := binary.Append(nil, order, v)
		if err != nil {
			panic(err)
		}
		return b
	}

	// Readers look for the build info at the start of the writable segment.
	if c.goos != "" {
		info := "path\texample.com/x\nbuild\tGOOS=" + c.goos + "\n"
		info = strings.Repeat("s", 16) + info + strings.Repeat("e", 16)
		blob := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
		blob = append(binary.AppendUvarint(blob, 8), "go1.26.0"...)
		blob = append(binary.AppendUvarint(blob, uint64(len(info))), info...)
		put(blob)
	}

	var programs []elf.Prog64
	program := func(t elf.ProgType, b []byte) {
		off := put(b)
		programs = append(programs, elf.Prog64{
			Type:   uint32(t),
			Flags:  uint32(elf.PF_R),
			Off:    off,
			Vaddr:  base + off,
			Filesz: uint64(len(b)),
			Memsz:  uint64(len(b)),
		})
	}
	if c.interpreter != "" {
		program(elf.PT_INTERP, []byte(c.interpreter+"\x00"))
	}
	if c.note != "" {
		note := encoded([]uint32{uint32(len(c.note) + 1), 16, 1})
		note = append(note, c.note+strings.Repeat("\x00", 4-len(c.note)%4)...)
		program(elf.PT_NOTE, append(note, make([]byte, 16)...))
	}
	if c.needed != "" {
		names := put([]byte("\x00" + c.needed + "\x00"))
		program(elf.PT_DYNAMIC, encoded([]elf.Dyn64{
			{Tag: int64(elf.DT_NEEDED), Val: 1},
			{Tag: int64(elf.DT_STRTAB), Val: base + names},
			{Tag: int64(elf.DT_STRSZ), Val: uint64(len(c.needed) + 2)},
			{Tag: int64(elf.DT_NULL)},
		}))
	}
	put([]byte{0})

	executable := elf.Prog64{
		Type:   uint32(elf.PT_LOAD),
		Flags:  uint32(elf.PF_R | elf.PF_X),
		Vaddr:  base,
		Filesz: data,
		Memsz:  data,
	}
	writable := elf.Prog64{
		Type:   uint32(elf.PT_LOAD),
		Flags:  uint32(elf.PF_R | elf.PF_W),
		Off:    data,
		Vaddr:  base + data,
		Filesz: uint64(len(content) - data),
		Memsz:  uint64(len(content) - data),
	}
	programs = append(programs, executable, writable)

	head := elf.Header64{
		Type:      uint16(elf.ET_EXEC),
		Machine:   uint16(elf.EM_X86_64),
		Version:   1,
		Entry:     base + data - 16,
		Phoff:     64,
		Ehsize:    64,
		Phentsize: 56,
		Phnum:     uint16(len(programs)),
	}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	if c.header != nil {
		c.header(&head)
	}
	copy(content, append(encoded(head), encoded(programs)...))

	return content
}

// craftedFat returns a universal binary for macOS of the given number of programs, each of which
// needs the library.
func craftedFat(slices int, library string) []byte {
	var command bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&command, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}

	const (
		loadDylib = 0xc
		loadMain  = 0x80000028
	)
	size := uint32(24+len(library)+8) &^ 7
	put([]uint32{loadDylib, size, 24, 0, 0, 0})
	command.WriteString(library)
	command.Write(make([]byte, int(size)-24-len(library)))
	put([]uint32{loadMain, 24, 0, 0, 0, 0})

	table := binary.BigEndian.AppendUint32([]byte("\xca\xfe\xba\xbe"), uint32(slices))
	var programs bytes.Buffer
	for i := range uint32(slices) {
		head := macho.FileHeader{
			Magic:  macho.Magic64,
			Cpu:    macho.CpuArm64,
			SubCpu: i,
			Type:   macho.TypeExec,
			Ncmd:   2,
			Cmdsz:  uint32(command.Len()),
		}
		start := 8 + 20*slices + programs.Len()
		if err := binary.Write(&programs, binary.LittleEndian, head); err != nil {
			panic(err)
		}
		programs.Write(make([]byte, 4))
		programs.Write(command.Bytes())
		end := 8 + 20*slices + programs.Len()

		for _, v := range []uint32{uint32(macho.CpuArm64), i, uint32(start), uint32(end - start), 0} {
			table = binary.BigEndian.AppendUint32(table, v)
		}
	}

	return append(table, programs.Bytes()...)
}

// craftedPE returns a program for windows/amd64 that consists of headers and imports nothing. It
// has a manifest and a bound import unless these are empty.
func craftedPE(manifest, bound string) []byte {
	const start, size = 0x40, 0x1000
	content := make([]byte, size)

	// put writes values one behind the other, at an offset.
	put := func(at int, values ...any) {
		for _, v := range values {
			b, err := binary.Append(nil, binary.LittleEndian, v)
			if err != nil {
				panic(err)
			}
			at += copy(content[at:], b)
		}
	}

	optional := pe.OptionalHeader64{
		Magic:               0x20b,
		AddressOfEntryPoint: size - 16,
		SectionAlignment:    0x1000,
		FileAlignment:       0x200,
		SizeOfHeaders:       size,
		Subsystem:           pe.IMAGE_SUBSYSTEM_WINDOWS_CUI,
		NumberOfRvaAndSizes: 16,
	}
	if manifest != "" {
		const (
			resources = 0x400
			directory = 1 << 31 // the entry leads to another directory
		)
		optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_RESOURCE] = pe.DataDirectory{
			VirtualAddress: resources,
			Size:           1,
		}
		put(resources,
			[]uint32{0, 0, 0, 1 << 16, 24, directory | 24},        // RT_MANIFEST
			[]uint32{0, 0, 0, 1 << 16, 1, directory | 48},         // its name
			[]uint32{0, 0, 0, 1 << 16, 1033, 72},                  // its language
			[]uint32{resources + 88, uint32(len(manifest)), 0, 0}, // where it is
			[]byte(manifest),
		)
	}
	if bound != "" {
		const table = 0x300
		optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT] = pe.DataDirectory{
			VirtualAddress: table,
			Size:           1,
		}
		put(table, []uint16{1, 0, 16, 0, 0, 0, 0, 0}, []byte(bound))
	}

	put(0, []byte("MZ"))
	put(0x3c, uint32(start))
	head := pe.FileHeader{
		Machine:              pe.IMAGE_FILE_MACHINE_AMD64,
		SizeOfOptionalHeader: uint16(binary.Size(optional)),
		Characteristics:      pe.IMAGE_FILE_EXECUTABLE_IMAGE,
	}
	put(start, []byte("PE\x00\x00"), head, optional)

	return content
}

// A program is judged by what its loader does with it, whatever its header or its build info
// says.
func TestLoaders(t *testing.T) {
	const (
		glibc         = "/lib64/ld-linux-x86-64.so.2"
		musl          = "/lib/ld-musl-x86_64.so.1"
		androidLinker = "/system/bin/linker64"
		solarisLinker = "/lib/amd64/ld.so.1"

		asItIs     = "as it is"
		systemOnly = "system libraries only"
	)
	class32 := func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
	}
	bigEndian := func(h *elf.Header64) {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	}
	bothClasses := func(h *elf.Header64) {
		h.Shoff = 32<<16 | 1<<32
	}
	machine := func(number uint16) func(h *elf.Header64) {
		return func(h *elf.Header64) { h.Machine = number }
	}
	noVersion := func(h *elf.Header64) {
		h.Version = 0
	}
	assembly := func(name string) string {
		return "<assembly><dependency><dependentAssembly><assemblyIdentity name='" + name +
			"'/></dependentAssembly></dependency></assembly>"
	}
	java := []byte("\xca\xfe\xba\xbe\x00\x00\x00\x2d\x00\x1d\x0a\x00")

	tests := []struct {
		name  string
		file  []byte
		claim string // "" if the verdict must be bad
		os    string
		why   string // part of a reason
	}{
		{
			name:  "static",
			file:  craftedELF{}.bytes(),
			claim: "static",
			os:    "linux",
		},
		{
			name: "dynamic",
			file: craftedELF{interpreter: glibc, needed: "libc.so.6"}.bytes(),
			os:   "linux",
			why:  "interpreter " + glibc,
		},

		// Fields of the header that the kernel ignores.
		{
			name: "class",
			file: craftedELF{header: class32}.bytes(),
			why:  "contradiction: ELFCLASS32",
		},
		{
			name: "class-dynamic",
			file: craftedELF{interpreter: glibc, header: class32}.bytes(),
			why:  "contradiction: ELFCLASS32",
		},
		{
			name: "order",
			file: craftedELF{header: bigEndian}.bytes(),
			why:  "contradiction: ELFDATA2MSB",
		},
		{
			name: "order-dynamic",
			file: craftedELF{interpreter: glibc, header: bigEndian}.bytes(),
			why:  "contradiction: ELFDATA2MSB",
		},
		{
			name: "both-classes",
			file: craftedELF{header: bothClasses}.bytes(),
			why:  "contradiction: ELFCLASS64",
		},
		{
			name: "machine",
			file: craftedELF{header: machine(uint16(elf.EM_386))}.bytes(),
			why:  "contradiction: machine EM_386",
		},
		{
			name: "unknown-machine",
			file: craftedELF{header: machine(0x3e00)}.bytes(),
			why:  "unknown machine",
		},
		{
			name: "version",
			file: craftedELF{header: noVersion}.bytes(),
			why:  "unknown version",
		},

		// The operating system that a program is made for.
		{
			name:  "android",
			file:  craftedELF{interpreter: androidLinker, needed: "libc.so"}.bytes(),
			claim: asItIs,
			os:    "android",
		},
		{
			name:  "solaris",
			file:  craftedELF{interpreter: solarisLinker, needed: "libc.so"}.bytes(),
			claim: systemOnly,
			os:    "solaris",
		},
		{
			name:  "illumos",
			file:  craftedELF{interpreter: solarisLinker, needed: "libc.so", goos: "illumos"}.bytes(),
			claim: systemOnly,
			os:    "illumos",
		},
		{
			name:  "static-android",
			file:  craftedELF{goos: "android"}.bytes(),
			claim: asItIs,
			os:    "android",
		},
		{
			name: "glibc-note-of-android",
			file: craftedELF{interpreter: glibc, needed: "libc.so.6", note: "Android"}.bytes(),
			why:  "made for android (Android note) and for linux",
		},
		{
			name: "glibc-built-for-android",
			file: craftedELF{interpreter: glibc, needed: "libc.so.6", goos: "android"}.bytes(),
			os:   "android",
			why:  "made for linux",
		},
		{
			name: "musl-built-for-android",
			file: craftedELF{interpreter: musl, needed: "libc.so", goos: "android"}.bytes(),
			os:   "android",
			why:  "made for linux",
		},
		{
			name: "library-built-for-android",
			file: craftedELF{needed: "libc.so.6", goos: "android"}.bytes(),
			os:   "android",
			why:  "needs libc.so.6",
		},
		{
			name: "glibc-built-for-solaris",
			file: craftedELF{interpreter: glibc, needed: "libc.so", goos: "solaris"}.bytes(),
			os:   "solaris",
			why:  "made for linux",
		},

		// What Windows loads beside the imports.
		{
			name:  "windows.exe",
			file:  craftedPE("", ""),
			claim: systemOnly,
			os:    "windows",
		},
		{
			name:  "controls.exe",
			file:  craftedPE(assembly("Microsoft.Windows.Common-Controls"), ""),
			claim: systemOnly,
			os:    "windows",
		},
		{
			name: "assembly.exe",
			file: craftedPE(assembly("Microsoft.VC90.CRT"), ""),
			os:   "windows",
			why:  "needs side-by-side assembly Microsoft.VC90.CRT",
		},
		{
			name: "bound.exe",
			file: craftedPE("", "evil.dll"),
			os:   "windows",
			why:  "needs evil.dll",
		},

		// Universal binaries, which begin like a Java class.
		{
			name:  "fat",
			file:  craftedFat(45, "/usr/lib/libSystem.B.dylib"),
			claim: systemOnly,
			os:    "darwin",
		},
		{
			name: "fat-foreign",
			file: craftedFat(65, "/opt/x.dylib"),
			os:   "darwin",
			why:  "needs /opt/x.dylib",
		},
		{
			name: "fat-java",
			file: append(java, craftedFat(45, "/opt/x.dylib")[12:]...),
		},
	}

	dir := t.TempDir()
	for _, test := range tests {
		if err := os.WriteFile(filepath.Join(dir, test.name), test.file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const class = "\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x1d\x0a\x00\x06\x00\x0f\x09\x00\x10\x00\x11"
	writeFile(t, filepath.Join(dir, "Main.class"), class)

	status, out, log := runVerify(t, laptopEnv(), "--json", dir)
	if status != exitFailed {
		t.Errorf("status %d: %s", status, log)
	}
	var result struct{ Executables []inspect.Found }
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string]inspect.Found{}
	for _, f := range result.Executables {
		found[filepath.Base(f.Path)] = f
	}
	if len(found) != len(tests) {
		t.Errorf("found %d files, want %d and not the Java class", len(found), len(tests))
	}

	for _, test := range tests {
		f, ok := found[test.name]
		if !ok {
			t.Errorf("%s was not found", test.name)
			continue
		}

		v := f.Verdict
		wantOK := test.claim != ""
		if f.OS != test.os || v.OK != wantOK || wantOK && v.Claim != test.claim {
			t.Errorf("%s: for %q, %+v", test.name, f.OS, v)
		}
		if !strings.Contains(strings.Join(v.Reasons, "\n"), test.why) {
			t.Errorf("%s: %+v, want %q", test.name, v, test.why)
		}
	}
}
