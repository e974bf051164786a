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

// craftedELF is a small program for linux/amd64 to be written: one segment to be executed, one to be
// written to, and what is named here.
type craftedELF struct {
	interpreter string
	needed      string
	note        string // the owner of a note of type 1
	goos        string // in the build info
	header      func(*elf.Header64)
}

func (c craftedELF) bytes() []byte {
	const base, data = 0x400000, 0x1000
	order := binary.LittleEndian
	content := make([]byte, data)
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

	// Build info is looked for at the start of the segment that is written to.
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
		programs = append(programs, elf.Prog64{Type: uint32(t), Flags: uint32(elf.PF_R), Off: off, Vaddr: base + off,
			Filesz: uint64(len(b)), Memsz: uint64(len(b))})
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
	programs = append(programs,
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Filesz: data, Memsz: data},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: data, Vaddr: base + data,
			Filesz: uint64(len(content) - data), Memsz: uint64(len(content) - data)})

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

// craftedFat is a universal binary with so many programs, each of which needs a library.
func craftedFat(slices int, library string) []byte {
	var command bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&command, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	const loadDylib, loadMain = 0xc, 0x80000028
	size := uint32(24+len(library)+8) &^ 7
	put([]uint32{loadDylib, size, 24, 0, 0, 0})
	command.WriteString(library)
	command.Write(make([]byte, int(size)-24-len(library)))
	put([]uint32{loadMain, 24, 0, 0, 0, 0})

	table := binary.BigEndian.AppendUint32([]byte("\xca\xfe\xba\xbe"), uint32(slices))
	var programs bytes.Buffer
	for i := range uint32(slices) {
		head := macho.FileHeader{Magic: macho.Magic64, Cpu: macho.CpuArm64, SubCpu: i, Type: macho.TypeExec, Ncmd: 2, Cmdsz: uint32(command.Len())}
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

// craftedPE is a program for windows/amd64 that imports nothing, all of it in its headers. It has a
// manifest, or a bound import, if these are not empty.
func craftedPE(manifest, bound string) []byte {
	const start, size = 0x40, 0x1000
	content := make([]byte, size)
	put := func(at int, values ...any) (end int) {
		for _, v := range values {
			b, err := binary.Append(nil, binary.LittleEndian, v)
			if err != nil {
				panic(err)
			}
			at += copy(content[at:], b)
		}
		return at
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
		const resources, directory = 0x400, 1 << 31
		optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_RESOURCE] = pe.DataDirectory{VirtualAddress: resources, Size: 1}
		put(resources,
			[]uint32{0, 0, 0, 1 << 16, 24, directory | 24},        // RT_MANIFEST
			[]uint32{0, 0, 0, 1 << 16, 1, directory | 48},         // its name
			[]uint32{0, 0, 0, 1 << 16, 1033, 72},                  // its language
			[]uint32{resources + 88, uint32(len(manifest)), 0, 0}, // where it is
			[]byte(manifest))
	}
	if bound != "" {
		const table = 0x300
		optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT] = pe.DataDirectory{VirtualAddress: table, Size: 1}
		put(table, []uint16{1, 0, 16, 0, 0, 0, 0, 0}, []byte(bound))
	}

	put(0, []byte("MZ"))
	put(0x3c, uint32(start))
	put(start, []byte("PE\x00\x00"), pe.FileHeader{
		Machine:              pe.IMAGE_FILE_MACHINE_AMD64,
		SizeOfOptionalHeader: uint16(binary.Size(optional)),
		Characteristics:      pe.IMAGE_FILE_EXECUTABLE_IMAGE,
	}, optional)
	return content
}

// A program is judged by what its loader does with it, whatever its header or its build info says.
func TestAttackLoaders(t *testing.T) {
	const glibc = "/lib64/ld-linux-x86-64.so.2"
	class32 := func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32) }
	bigEndian := func(h *elf.Header64) {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	}
	assembly := func(name string) string {
		return "<assembly><dependency><dependentAssembly><assemblyIdentity name='" + name + "'/></dependentAssembly></dependency></assembly>"
	}
	tests := []struct {
		name  string
		file  []byte
		claim string // "" where the verdict must be bad
		os    string
		why   string // in a reason
	}{
		{"static", craftedELF{}.bytes(), "static", "linux", ""},
		{"dynamic", craftedELF{interpreter: glibc, needed: "libc.so.6"}.bytes(),
			"", "linux", "interpreter " + glibc},

		// What the kernel ignores.
		{"class", craftedELF{header: class32}.bytes(), "", "", "contradiction: ELFCLASS32"},
		{"class-dynamic", craftedELF{interpreter: glibc, header: class32}.bytes(),
			"", "", "contradiction: ELFCLASS32"},
		{"order", craftedELF{header: bigEndian}.bytes(), "", "", "contradiction: ELFDATA2MSB"},
		{"order-dynamic", craftedELF{interpreter: glibc, header: bigEndian}.bytes(),
			"", "", "contradiction: ELFDATA2MSB"},
		{"both-classes", craftedELF{header: func(h *elf.Header64) { h.Shoff = 32<<16 | 1<<32 }}.bytes(),
			"", "", "contradiction: ELFCLASS64"},
		{"machine", craftedELF{header: func(h *elf.Header64) { h.Machine = uint16(elf.EM_386) }}.bytes(),
			"", "", "contradiction: machine EM_386"},
		{"unknown-machine", craftedELF{header: func(h *elf.Header64) { h.Machine = 0x3e00 }}.bytes(),
			"", "", "unknown machine"},
		{"version", craftedELF{header: func(h *elf.Header64) { h.Version = 0 }}.bytes(),
			"", "", "unknown version"},

		// What a program is made for.
		{"android", craftedELF{interpreter: "/system/bin/linker64", needed: "libc.so"}.bytes(),
			"as it is", "android", ""},
		{"solaris", craftedELF{interpreter: "/lib/amd64/ld.so.1", needed: "libc.so"}.bytes(),
			"system libraries only", "solaris", ""},
		{"illumos", craftedELF{interpreter: "/lib/amd64/ld.so.1", needed: "libc.so", goos: "illumos"}.bytes(),
			"system libraries only", "illumos", ""},
		{"static-android", craftedELF{goos: "android"}.bytes(), "as it is", "android", ""},
		{"glibc-note-of-android", craftedELF{interpreter: glibc, needed: "libc.so.6", note: "Android"}.bytes(),
			"", "", "made for android (Android note) and for linux"},
		{"glibc-built-for-android", craftedELF{interpreter: glibc, needed: "libc.so.6", goos: "android"}.bytes(),
			"", "android", "made for linux"},
		{"musl-built-for-android", craftedELF{interpreter: "/lib/ld-musl-x86_64.so.1", needed: "libc.so", goos: "android"}.bytes(),
			"", "android", "made for linux"},
		{"library-built-for-android", craftedELF{needed: "libc.so.6", goos: "android"}.bytes(),
			"", "android", "needs libc.so.6"},
		{"glibc-built-for-solaris", craftedELF{interpreter: glibc, needed: "libc.so", goos: "solaris"}.bytes(),
			"", "solaris", "made for linux"},

		// What Windows looks for beside the imports.
		{"windows.exe", craftedPE("", ""), "system libraries only", "windows", ""},
		{"controls.exe", craftedPE(assembly("Microsoft.Windows.Common-Controls"), ""), "system libraries only", "windows", ""},
		{"assembly.exe", craftedPE(assembly("Microsoft.VC90.CRT"), ""), "", "windows", "needs side-by-side assembly Microsoft.VC90.CRT"},
		{"bound.exe", craftedPE("", "evil.dll"), "", "windows", "needs evil.dll"},

		// What begins like a Java class.
		{"fat", craftedFat(45, "/usr/lib/libSystem.B.dylib"), "system libraries only", "darwin", ""},
		{"fat-foreign", craftedFat(65, "/opt/x.dylib"), "", "darwin", "needs /opt/x.dylib"},
		{"fat-java", append([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x2d\x00\x1d\x0a\x00"), craftedFat(45, "/opt/x.dylib")[12:]...), "", "", ""},
	}

	dir := t.TempDir()
	for _, test := range tests {
		if err := os.WriteFile(filepath.Join(dir, test.name), test.file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	class := "\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x1d\x0a\x00\x06\x00\x0f\x09\x00\x10\x00\x11"
	if err := os.WriteFile(filepath.Join(dir, "Main.class"), []byte(class), 0o644); err != nil {
		t.Fatal(err)
	}

	var out, log bytes.Buffer
	environ := append(os.Environ(), "GITHUB_ACTIONS=")
	if status := Main(t.Context(), []string{"verify", "--no-workflow", "--json", dir}, environ, &out, &log); status != exitFellShort {
		t.Errorf("status %d: %s", status, &log)
	}
	var result struct{ Executables []inspect.Found }
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatalf("%v: %s", err, &out)
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
		switch v := f.Verdict; {
		case !ok:
			t.Errorf("%s is passed over", test.name)
		case f.OS != test.os || v.OK != (test.claim != "") || v.OK && v.Claim != test.claim:
			t.Errorf("%s: for %q, %+v", test.name, f.OS, v)
		case !strings.Contains(strings.Join(v.Reasons, "\n"), test.why):
			t.Errorf("%s: %+v, want %q", test.name, v, test.why)
		}
	}
}
