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

// gorootFiles returns the test files of a package of the standard library, decoded, by name.
func gorootFiles(t *testing.T, pkg string) map[string][]byte {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("go env GOROOT: %v", err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "src", "debug", pkg, "testdata", "*"))
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
			if b, err = base64.StdEncoding.DecodeString(string(b)); err != nil {
				t.Fatal(err)
			}
		}
		files[filepath.Base(path)] = b
	}
	return files
}

// sorted is a list without the entries that are there more than once.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func TestGorootELF(t *testing.T) {
	read := 0
	for name, b := range gorootFiles(t, "elf") {
		want, err := elf.NewFile(bytes.NewReader(b))
		f, readErr := readBytes(b)
		if err != nil || want.Type != elf.ET_EXEC && want.Type != elf.ET_DYN {
			if !errors.Is(readErr, ErrNotExecutable) {
				t.Errorf("%s: %v, %+v", name, readErr, f)
			}
			continue
		}
		if text := want.Section(".text"); text != nil && text.Type == elf.SHT_NOBITS { // debug information only
			if readErr == nil {
				t.Errorf("%s: read %+v", name, *f)
			}
			continue
		}
		if readErr != nil {
			t.Errorf("%s: %v", name, readErr)
			continue
		}
		read++
		needed, err := want.ImportedLibraries()
		if err != nil || !slices.Equal(f.Needed, needed) || f.Machine != want.Machine.String() {
			t.Errorf("%s: read %+v, want %q, %v, %v", name, *f, needed, want.Machine, err)
		}
		if interp := want.Section(".interp"); (interp != nil) != (f.Interpreter != "") || f.Stripped != (want.SectionByType(elf.SHT_SYMTAB) == nil) {
			t.Errorf("%s: read %+v", name, *f)
		}
	}
	t.Logf("%d executables", read)
}

func TestGorootPE(t *testing.T) {
	read := 0
	for name, b := range gorootFiles(t, "pe") {
		want, err := pe.NewFile(bytes.NewReader(b))
		if err != nil {
			continue // a C file
		}
		f, err := readBytes(b)
		if want.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 || strings.HasPrefix(name, "vmlinuz") { // an object; the first bytes of a kernel
			if err == nil {
				t.Errorf("%s: read %+v", name, *f)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read++
		symbols, err := want.ImportedSymbols()
		var libraries []string
		for _, s := range symbols {
			_, dll, _ := strings.Cut(s, ":")
			libraries = append(libraries, dll)
		}
		if !slices.Equal(sorted(f.Needed), sorted(libraries)) || f.Stripped != (len(want.Symbols) == 0) {
			t.Errorf("%s: read %+v, want %q, %v", name, *f, libraries, err)
		}
		if !Judge("windows", f).OK {
			t.Errorf("%s: %+v", name, Judge("windows", f))
		}
	}
	t.Logf("%d executables", read)
}

func TestGorootMachO(t *testing.T) {
	read := 0
	for name, b := range gorootFiles(t, "macho") {
		f, err := readBytes(b)
		if errors.Is(err, ErrNotExecutable) && (!strings.Contains(name, "exec") || strings.Contains(name, "exec-debug")) {
			continue // an object; debug information only
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read++
		var want []*macho.File
		var have []File
		if fat, err := macho.NewFatFile(bytes.NewReader(b)); err == nil {
			have = f.Slices
			for _, arch := range fat.Arches {
				want = append(want, arch.File)
			}
		} else if file, err := macho.NewFile(bytes.NewReader(b)); err == nil {
			want, have = []*macho.File{file}, []File{*f}
		} else if !strings.Contains(name, "bad-dysym") { // whose symbols are broken, which is nothing to us
			t.Errorf("%s: %v", name, err)
		}
		for i, w := range want {
			needed, err := w.ImportedLibraries()
			if err != nil || !slices.Equal(sorted(have[i].Needed), sorted(needed)) {
				t.Errorf("%s: read %+v, want %q, %v", name, have[i], needed, err)
			}
			var paths []string
			for _, l := range w.Loads {
				if r, ok := l.(*macho.Rpath); ok {
					paths = append(paths, r.Path)
				}
			}
			if !slices.Equal(have[i].RunPath, paths) || Judge("darwin", f).OK != (paths == nil) {
				t.Errorf("%s: %+v, want %q; %+v", name, have[i], paths, Judge("darwin", f))
			}
		}
	}
	t.Logf("%d executables", read)
}

func TestGorootPlan9(t *testing.T) {
	for name, b := range gorootFiles(t, "plan9obj") {
		f, err := readBytes(b)
		if !strings.HasSuffix(name, "-exec") {
			continue
		}
		if err != nil || f.Arch != strings.TrimSuffix(name, "-plan9-exec") || !Judge("plan9", f).OK {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
