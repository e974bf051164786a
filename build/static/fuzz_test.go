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

// fuzz reads what the fuzzer made of files of one format. Nothing may panic, little may be read, what is
// read must not depend on luck, a part of a file must not be better than the whole, and no program that
// another reader knows may be passed over. agree compares a file that was read with another reader of the
// format.
func fuzz(f *testing.F, goos []string, seeds [][]byte, agree func(t *testing.T, b []byte, file *File)) {
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
			if v := Judge(system, file); v.OK != (len(v.Reasons) == 0) || v.OK && err != nil {
				t.Errorf("%s: %+v, %v", system, v, err)
			}
		}
		if errors.Is(err, ErrNotExecutable) {
			if what := programToOthers(b); what != "" {
				t.Errorf("passes over %s: %v", what, err)
			}
		}
		if err != nil {
			return
		}
		if again, err := readBytes(b); err != nil || !reflect.DeepEqual(file, again) {
			t.Errorf("read again: %+v, %v", again, err)
		}
		text, err := json.Marshal(file)
		if err != nil || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q, %v", text, err)
		}
		for _, n := range []int{len(b) / 4, len(b) / 2, len(b) * 3 / 4, len(b) - 1} {
			part, err := readBytes(b[:max(n, 0)])
			for _, system := range goos {
				if err == nil && Judge(system, part).OK && !Judge(system, file).OK {
					t.Errorf("%s: %d bytes are better than %d: %+v", system, n, len(b), Judge(system, file))
				}
			}
		}
		agree(t, b, file)
	})
}

// programToOthers says what kind of program b is to the readers of the standard library, "" if none.
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
	seeds := [][]byte{
		elfSpec{symbols: true}.bytes(),
		elfSpec{interp: "/lib/ld.so", needed: []string{"libc.so.6", "libm.so.6"}, runPath: "/a:/b", versions: []string{"GLIBC_2.34"}}.bytes(),
		elfSpec{class: elf.ELFCLASS32, data: elf.ELFDATA2MSB, machine: elf.EM_MIPS, kind: elf.ET_DYN, pie: true}.bytes(),
		elfSpec{notes: append(elfSpec{}.encode(elfNote{NameSize: 4, DescSize: 16, Type: 1}), "GNU\x00\x00\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"...)}.bytes(),
		elfSpec{class: elf.ELFCLASS32, machine: elf.EM_ARM, needed: []string{"liba.so"}}.bytes(),
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
		// debug/elf finds libraries through the sections: those are only the same where a section is
		// where the segment is.
		segment := slices.IndexFunc(other.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
		section := other.SectionByType(elf.SHT_DYNAMIC)
		if segment < 0 || section == nil || section.Offset != other.Progs[segment].Off {
			return
		}
		if libraries, err := other.ImportedLibraries(); err == nil && len(libraries) > 0 {
			t.Errorf("static with %q: %+v", libraries, *file)
		}
	})
}

func FuzzPE(f *testing.F) {
	seeds := [][]byte{
		peSpec{imports: []string{"kernel32.dll", "ntdll.dll"}, delayed: []string{"user32.dll"}}.bytes(),
		peSpec{bits: 32, machine: pe.IMAGE_FILE_MACHINE_I386, imports: []string{"a.dll"}, delayed: []string{"b.dll"}, delayedByVA: true}.bytes(),
		peSpec{characteristics: pe.IMAGE_FILE_DLL}.bytes(),
		peManifest(manifestOf("Microsoft.VC90.CRT")).bytes(),
		peManifest(wide(manifestOf("Microsoft.Windows.Common-Controls"))).bytes(),
		peSpec{imports: []string{"a.dll"}, extra: peBoundTable("b.dll"), editOptional: peBoundAt, editSection: peWholeFile}.bytes(),
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
			if _, dll, _ := strings.Cut(s, ":"); !slices.Contains(file.Needed, dll) {
				t.Errorf("%s is missing: %+v", dll, *file)
			}
		}
	})
}

func FuzzMachO(f *testing.F) {
	seeds := [][]byte{
		machoGood.bytes(),
		machoWith(func(s *machoSpec) { s.bits, s.cpu, s.order = 32, macho.CpuPpc, binary.BigEndian }).bytes(),
		machoWith(func(s *machoSpec) {
			s.weak, s.rpaths, s.minMacOS, s.platform = []string{"/usr/lib/a"}, []string{"@executable_path"}, 10<<16, 0
		}).bytes(),
		smallFat(machoGood, machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 3 })),
	}
	fuzz(f, []string{"darwin", "ios"}, seeds, func(t *testing.T, b []byte, file *File) {
		if fat, err := macho.NewFatFile(bytes.NewReader(b)); err == nil {
			for i, arch := range fat.Arches {
				agreeMachO(t, arch.File, &file.Slices[i])
			}
		} else if other, err := macho.NewFile(bytes.NewReader(b)); err == nil {
			agreeMachO(t, other, file)
		}
	})
}

func agreeMachO(t *testing.T, other *macho.File, file *File) {
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
	seeds := [][]byte{
		wasmModule(wasmTypes, wasmImports("gojs.a", "gojs.b"), wasmFunctions, wasmBodies),
		wasmModule(wasmTypes, wasmImports("wasi_snapshot_preview1.fd_write", "env.b"), wasmFunctions, wasmBodies, wasmSection(0, wasmName("name")...)),
		wasmModule(wasmTypes, wasmSection(wasmImport, 3, 1, 'a', 1, 'b', 1, 0x70, 1, 2, 3, 1, 'a', 1, 'c', 2, 0, 1, 1, 'a', 1, 'd', 3, 0x7f, 0), wasmFunctions, wasmBodies),
	}
	fuzz(f, []string{"js", "wasip1"}, seeds, func(*testing.T, []byte, *File) {})
}

// FuzzFat also tells universal binaries from Java classes.
func FuzzFat(f *testing.F) {
	intel := machoWith(func(s *machoSpec) { s.cpu, s.sub = macho.CpuAmd64, 3 })
	seeds := [][]byte{
		smallFat(machoGood, intel),
		smallFat(intel, machoWith(func(s *machoSpec) { s.dylibs = []string{"/opt/x"} })),
		fatWithArchive(machoGood, intel)[:0x2100],
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
		if len(fat.Arches) > len(file.Slices) { // it knows of none that are hidden
			t.Fatalf("%d slices, want %d", len(file.Slices), len(fat.Arches))
		}
		for i, arch := range fat.Arches {
			agreeMachO(t, arch.File, &file.Slices[i])
		}
	})
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
		if flags := binary.BigEndian.Uint16(b[18:]); flags&xcoffExec == 0 || file.OS != "aix" {
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
		if plan9Arch[other.Magic] != file.Arch || (other.PtrSize == 8) != (file.Bits == 64) {
			t.Errorf("read %+v, want 0x%x with pointers of %d bytes", *file, other.Magic, other.PtrSize)
		}
	})
}

// smallFat is a universal binary of a few KB, its parts not aligned to pages.
func smallFat(specs ...machoSpec) []byte {
	b := fat(macho.MagicFat, specs...)
	head, parts := bytes.Clone(b[:8+20*len(specs)]), []byte(nil)
	for i := range specs {
		entry := head[8+20*i:]
		off, size := binary.BigEndian.Uint32(entry[8:]), binary.BigEndian.Uint32(entry[12:])
		binary.BigEndian.PutUint32(entry[8:], uint32(len(head)+len(parts)))
		parts = append(parts, b[off:off+size]...)
	}
	return append(head, parts...)
}
