package static

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"debug/plan9obj"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fuzz reads what the fuzzer makes from seeds of one format. It checks that
//
//   - nothing panics, and little of the file is read
//   - reading a file twice has the same result
//   - a part of a file gets no better verdict for the systems goos than the whole file
//   - no program that another reader recognizes counts as not executable
//
// compare compares a file that was read with another reader of the format.
func fuzz(f *testing.F, goos []string, seeds [][]byte, compare func(*testing.T, []byte, *File)) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		count := &countingReader{r: bytes.NewReader(b)}
		file, err := Read(count, int64(len(b)))
		if count.bytes > budget || count.reads > budget/readCost {
			t.Errorf("read %d bytes in %d reads", count.bytes, count.reads)
		}
		if (file == nil) == (err == nil) {
			t.Fatalf("%+v, %v", file, err)
		}
		for system := range claims {
			v := Judge(system, file)
			if v.OK != (len(v.Reasons) == 0) || v.OK && err != nil {
				t.Errorf("%s: %+v, %v", system, v, err)
			}
		}
		if errors.Is(err, ErrNotExecutable) {
			if what := programToOthers(b); what != "" {
				t.Errorf("%s counts as not executable: %v", what, err)
			}
		}
		if err != nil {
			return
		}

		again, err := readBytes(b)
		if err != nil || !reflect.DeepEqual(file, again) {
			t.Errorf("read again: %+v, %v", again, err)
		}
		text, err := json.Marshal(file)
		if err != nil || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q, %v", text, err)
		}
		for _, n := range []int{len(b) / 4, len(b) / 2, len(b) * 3 / 4, len(b) - 1} {
			part, err := readBytes(b[:max(n, 0)])
			if err != nil {
				continue
			}
			for _, system := range goos {
				whole := Judge(system, file)
				if Judge(system, part).OK && !whole.OK {
					t.Errorf("%s: %d bytes are better than %d: %+v", system, n, len(b), whole)
				}
			}
		}
		compare(t, b, file)
	})
}

// programToOthers returns what kind of program b is to the readers in the standard library, or
// "" if it is none.
func programToOthers(b []byte) string {
	r := bytes.NewReader(b)
	if f, err := elf.NewFile(r); err == nil && (f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN) {
		return f.Type.String()
	}
	if f, err := macho.NewFile(r); err == nil && f.Type == macho.TypeExec {
		return "a Mach-O program"
	}
	if f, err := macho.NewFatFile(r); err == nil {
		for _, arch := range f.Arches {
			if arch.Type == macho.TypeExec {
				return "a universal program"
			}
		}
	}
	if f, err := plan9obj.NewFile(r); err == nil {
		return fmt.Sprintf("a Plan 9 program, 0x%x", f.Magic)
	}
	return ""
}

func FuzzELF(f *testing.F) {
	gnuNote := elfSpec{}.encode(elfNote{NameSize: 4, DescSize: 16, Type: 1})
	gnuNote = append(gnuNote, "GNU\x00"...)
	gnuNote = append(gnuNote, "\x00\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"...)

	specs := []elfSpec{
		{
			symbols: true,
		},
		{
			interp:   "/lib/ld.so",
			needed:   []string{"libc.so.6", "libm.so.6"},
			runPath:  "/a:/b",
			versions: []string{"GLIBC_2.34"},
		},
		{
			class:   elf.ELFCLASS32,
			data:    elf.ELFDATA2MSB,
			machine: elf.EM_MIPS,
			kind:    elf.ET_DYN,
			pie:     true,
		},
		{
			notes: gnuNote,
		},
		{
			class:   elf.ELFCLASS32,
			machine: elf.EM_ARM,
			needed:  []string{"liba.so"},
		},
	}
	var seeds [][]byte
	for _, s := range specs {
		seeds = append(seeds, s.bytes())
	}

	fuzz(f, []string{"linux", "openbsd"}, seeds, func(t *testing.T, b []byte, file *File) {
		other, err := elf.NewFile(bytes.NewReader(b))
		if err != nil || !Judge("linux", file).OK {
			return
		}
		for _, p := range other.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("static with PT_INTERP: %+v", *file)
			}
		}

		// debug/elf finds the libraries in a section. Compare them only if the section is where
		// the segment is.
		isDynamic := func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC }
		segment := slices.IndexFunc(other.Progs, isDynamic)
		section := other.SectionByType(elf.SHT_DYNAMIC)
		if segment < 0 || section == nil || section.Offset != other.Progs[segment].Off {
			return
		}
		libraries, err := other.ImportedLibraries()
		if err == nil && len(libraries) > 0 {
			t.Errorf("static with %q: %+v", libraries, *file)
		}
	})
}

func FuzzPE(f *testing.F) {
	specs := []peSpec{
		{
			imports: []string{"kernel32.dll", "ntdll.dll"},
			delayed: []string{"user32.dll"},
		},
		{
			bits:        32,
			machine:     pe.IMAGE_FILE_MACHINE_I386,
			imports:     []string{"a.dll"},
			delayed:     []string{"b.dll"},
			delayedByVA: true,
		},
		{
			characteristics: pe.IMAGE_FILE_DLL,
		},
		peManifest(manifestOf("Microsoft.VC90.CRT")),
		peManifest(toUTF16(manifestOf("Microsoft.Windows.Common-Controls"))),
		peBound([]string{"a.dll"}, "b.dll"),
	}
	var seeds [][]byte
	for _, s := range specs {
		seeds = append(seeds, s.bytes())
	}

	fuzz(f, []string{"windows"}, seeds, func(t *testing.T, b []byte, file *File) {
		other, err := pe.NewFile(bytes.NewReader(b))
		if err != nil || !Judge("windows", file).OK {
			return
		}
		symbols, err := other.ImportedSymbols()
		if err != nil {
			return
		}
		for _, s := range symbols {
			_, dll, _ := strings.Cut(s, ":")
			if !slices.Contains(file.Needed, dll) {
				t.Errorf("%s is missing: %+v", dll, *file)
			}
		}
	})
}

func FuzzMachO(f *testing.F) {
	bigEndian := machoWith(func(s *machoSpec) {
		s.bits = 32
		s.cpu = macho.CpuPpc
		s.order = binary.BigEndian
	})
	old := machoWith(func(s *machoSpec) {
		s.weak = []string{"/usr/lib/a"}
		s.rpaths = []string{"@executable_path"}
		s.minMacOS = 10 << 16
		s.platform = 0
	})
	seeds := [][]byte{
		machoGood.bytes(),
		bigEndian.bytes(),
		old.bytes(),
		smallFat(machoGood, machoIntel),
	}

	fuzz(f, []string{"darwin", "ios"}, seeds, func(t *testing.T, b []byte, file *File) {
		if fat, err := macho.NewFatFile(bytes.NewReader(b)); err == nil {
			for i, arch := range fat.Arches {
				compareMachO(t, arch.File, &file.Slices[i])
			}
			return
		}
		if other, err := macho.NewFile(bytes.NewReader(b)); err == nil {
			compareMachO(t, other, file)
		}
	})
}

// FuzzFat checks universal binaries, and that Java classes are told from them.
func FuzzFat(f *testing.F) {
	seeds := [][]byte{
		smallFat(machoGood, machoIntel),
		smallFat(machoIntel, machoForeign),
		fatWithArchive(machoGood, machoIntel)[:0x2100],
		manySlices(45)[:0x4000],
		javaFile(52),
		javaFile(3<<16 | 45),
	}

	fuzz(f, []string{"darwin", "ios"}, seeds, func(t *testing.T, b []byte, file *File) {
		if bytes.HasPrefix(b, []byte("\xca\xfe\xba\xbe")) && len(file.Slices) == 0 {
			t.Errorf("no slices: %+v", *file)
		}
		fat, err := macho.NewFatFile(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(fat.Arches) > len(file.Slices) { // debug/macho does not find hidden slices
			t.Fatalf("%d slices, want %d", len(file.Slices), len(fat.Arches))
		}
		for i, arch := range fat.Arches {
			compareMachO(t, arch.File, &file.Slices[i])
		}
	})
}

// compareMachO checks that file has all libraries that debug/macho finds.
func compareMachO(t *testing.T, other *macho.File, file *File) {
	libraries, err := other.ImportedLibraries()
	if err != nil {
		return
	}
	for _, name := range libraries {
		if !slices.Contains(file.Needed, name) {
			t.Errorf("%s is missing: %+v", name, *file)
		}
	}
}

func FuzzWasm(f *testing.F) {
	names := wasmSection(wasmCustom, wasmName("name")...)
	kinds := wasmSection(wasmImport, slices.Concat([]byte{3},
		wasmName("a"), wasmName("b"), []byte{1, 0x70, 1, 2, 3},
		wasmName("a"), wasmName("c"), []byte{2, 0, 1},
		wasmName("a"), wasmName("d"), []byte{3, 0x7f, 0},
	)...)
	wasi := wasmProgram(wasmImports("wasi_snapshot_preview1.fd_write", "env.b"))
	seeds := [][]byte{
		wasmProgram(wasmImports("gojs.a", "gojs.b")),
		slices.Concat(wasi, names),
		wasmProgram(kinds),
	}

	fuzz(f, []string{"js", "wasip1"}, seeds, func(*testing.T, []byte, *File) {})
}

func FuzzXCOFF(f *testing.F) {
	seeds := [][]byte{
		xcoffFile(xcoffExec, "libc.a/shr_64.o", "libpthread.a/shr_xpg5_64.o"),
		xcoffFile(xcoffExec | xcoffShared),
		xcoffFile(0),
	}

	fuzz(f, []string{"aix"}, seeds, func(t *testing.T, b []byte, file *File) {
		if file.Format != XCOFF {
			return // the fuzzer made another magic number
		}
		flags := binary.BigEndian.Uint16(b[18:])
		if flags&xcoffExec == 0 || file.OS != "aix" {
			t.Errorf("flags 0x%x: %+v", flags, *file)
		}
	})
}

func FuzzPlan9(f *testing.F) {
	var seeds [][]byte
	for magic := range plan9Arch {
		seeds = append(seeds, plan9File(magic, 100, 50, 25), plan9File(magic, 1, 0, 0))
	}

	fuzz(f, []string{"plan9"}, seeds, func(t *testing.T, b []byte, file *File) {
		if file.Format != Plan9 {
			return // the fuzzer made another magic number
		}
		other, err := plan9obj.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Errorf("read %+v, but debug/plan9obj: %v", *file, err)
			return
		}
		sameArch := plan9Arch[other.Magic] == file.Arch
		sameBits := (other.PtrSize == 8) == (file.Bits == 64)
		if !sameArch || !sameBits {
			t.Errorf("read %+v, want 0x%x with pointers of %d bytes", *file, other.Magic, other.PtrSize)
		}
	})
}
