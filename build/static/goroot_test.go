package static

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gorootFiles returns the test files of a package of the standard library by name, decoded.
func gorootFiles(t *testing.T, pkg string) map[string][]byte {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("go env GOROOT: %v", err)
	}
	goroot := strings.TrimSpace(string(out))
	paths, err := filepath.Glob(filepath.Join(goroot, "src", "debug", pkg, "testdata", "*"))
	if err != nil || len(paths) == 0 {
		t.Skipf("no test files of debug/%s in GOROOT: %v", pkg, err)
	}

	files := map[string][]byte{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".base64") {
			b, err = base64.StdEncoding.DecodeString(string(b))
			if err != nil {
				t.Fatal(err)
			}
		}
		files[filepath.Base(path)] = b
	}
	return files
}

// sorted returns a sorted list without duplicates.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func TestGorootELF(t *testing.T) {
	compared := 0
	for name, b := range gorootFiles(t, "elf") {
		want, err := elf.NewFile(bytes.NewReader(b))
		f, readErr := readBytes(b)
		if err != nil || want.Type != elf.ET_EXEC && want.Type != elf.ET_DYN {
			if !errors.Is(readErr, ErrNotExecutable) {
				t.Errorf("%s: %v, %+v", name, readErr, f)
			}
			continue
		}

		text := want.Section(".text")
		onlyDebugInfo := text != nil && text.Type == elf.SHT_NOBITS
		if onlyDebugInfo {
			if readErr == nil {
				t.Errorf("%s: read %+v", name, *f)
			}
			continue
		}
		if readErr != nil {
			t.Errorf("%s: %v", name, readErr)
			continue
		}

		compared++
		needed, err := want.ImportedLibraries()
		if err != nil || !slices.Equal(f.Needed, needed) || f.Machine != want.Machine.String() {
			t.Errorf("%s: read %+v, want %q, %v, %v", name, *f, needed, want.Machine, err)
		}
		hasInterpreter := want.Section(".interp") != nil
		hasSymbols := want.SectionByType(elf.SHT_SYMTAB) != nil
		if (f.Interpreter != "") != hasInterpreter || f.Stripped == hasSymbols {
			t.Errorf("%s: read %+v", name, *f)
		}
	}
	t.Logf("%d executables", compared)
}

func TestGorootPE(t *testing.T) {
	compared := 0
	for name, b := range gorootFiles(t, "pe") {
		want, err := pe.NewFile(bytes.NewReader(b))
		if err != nil {
			continue // a C file
		}

		f, err := readBytes(b)
		isObject := want.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0
		isCut := strings.HasPrefix(name, "vmlinuz") // the first bytes of a kernel
		if isObject || isCut {
			if err == nil {
				t.Errorf("%s: read %+v", name, *f)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		compared++
		symbols, err := want.ImportedSymbols()
		var libraries []string
		for _, s := range symbols {
			_, dll, _ := strings.Cut(s, ":")
			libraries = append(libraries, dll)
		}
		sameLibraries := slices.Equal(sorted(f.Needed), sorted(libraries))
		if !sameLibraries || f.Stripped != (len(want.Symbols) == 0) {
			t.Errorf("%s: read %+v, want %q, %v", name, *f, libraries, err)
		}
		if v := Judge("windows", f); !v.OK {
			t.Errorf("%s: %+v", name, v)
		}
	}
	t.Logf("%d executables", compared)
}

func TestGorootMachO(t *testing.T) {
	compared := 0
	for name, b := range gorootFiles(t, "macho") {
		f, err := readBytes(b)
		isProgram := strings.Contains(name, "exec") && !strings.Contains(name, "exec-debug")
		if errors.Is(err, ErrNotExecutable) && !isProgram {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		compared++
		var got []File
		var want []*macho.File
		if fat, err := macho.NewFatFile(bytes.NewReader(b)); err == nil {
			got = f.Slices
			for _, arch := range fat.Arches {
				want = append(want, arch.File)
			}
		} else if file, err := macho.NewFile(bytes.NewReader(b)); err == nil {
			got = []File{*f}
			want = []*macho.File{file}
		} else if !strings.Contains(name, "bad-dysym") { // broken symbols do not matter here
			t.Errorf("%s: %v", name, err)
		}

		for i, w := range want {
			needed, err := w.ImportedLibraries()
			if err != nil || !slices.Equal(sorted(got[i].Needed), sorted(needed)) {
				t.Errorf("%s: read %+v, want %q, %v", name, got[i], needed, err)
			}

			var runPath []string
			for _, load := range w.Loads {
				if r, ok := load.(*macho.Rpath); ok {
					runPath = append(runPath, r.Path)
				}
			}
			v := Judge("darwin", f)
			if !slices.Equal(got[i].RunPath, runPath) || v.OK != (runPath == nil) {
				t.Errorf("%s: %+v, want %q; %+v", name, got[i], runPath, v)
			}
		}
	}
	t.Logf("%d executables", compared)
}

func TestGorootPlan9(t *testing.T) {
	for name, b := range gorootFiles(t, "plan9obj") {
		arch, isProgram := strings.CutSuffix(name, "-plan9-exec")
		f, err := readBytes(b)
		if !isProgram {
			continue
		}
		if err != nil || f.Arch != arch || !Judge("plan9", f).OK {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
