package static

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// wasmSection is a section with its identifier and size.
func wasmSection(id byte, content ...byte) []byte {
	b := binary.AppendUvarint([]byte{id}, uint64(len(content)))
	return append(b, content...)
}

func wasmName(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

// wasmImports is an import section of functions, each as "module.name".
func wasmImports(names ...string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(names)))
	for _, n := range names {
		module, name, _ := strings.Cut(n, ".")
		b = slices.Concat(b, wasmName(module), wasmName(name), []byte{0, 0})
	}
	return wasmSection(wasmImport, b...)
}

// wasmModule is a module of these sections.
func wasmModule(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

var (
	wasmTypes     = wasmSection(1, 1, 0x60, 0, 0)
	wasmFunctions = wasmSection(wasmFunction, 1, 0)
	wasmBodies    = wasmSection(wasmCode, 1, 2, 0, 0x0b)
)

func TestWasmFacts(t *testing.T) {
	// One import of each kind, the module of the last being foreign: all before it have to be understood.
	kinds := wasmSection(wasmImport, slices.Concat([]byte{9},
		wasmName("gojs"), wasmName("f"), []byte{0, 0x80, 0x01},
		wasmName("gojs"), wasmName("table"), []byte{1, 0x70, 0, 5},
		wasmName("gojs"), wasmName("table of references"), []byte{1, 0x63, 0x70, 1, 5, 6},
		wasmName("gojs"), wasmName("memory"), []byte{2, 0, 1},
		wasmName("gojs"), wasmName("memory with a maximum"), []byte{2, 3, 1, 0x80, 0x80, 0x04},
		wasmName("gojs"), wasmName("global"), []byte{3, 0x7f, 1},
		wasmName("gojs"), wasmName("global reference"), []byte{3, 0x64, 0x6f, 0},
		wasmName("gojs"), wasmName("tag"), []byte{4, 0, 1},
		wasmName("env"), wasmName("last"), []byte{0, 0})...)
	tests := []struct {
		name       string
		file       []byte
		js, wasip1 bool
		needed     []string
	}{
		{"js", wasmModule(wasmTypes, wasmImports("gojs.a", "gojs.b"), wasmFunctions, wasmBodies), true, false, []string{"gojs"}},
		{"wasip1", wasmModule(wasmTypes, wasmImports("wasi_snapshot_preview1.fd_write"), wasmFunctions, wasmBodies), false, true, []string{"wasi_snapshot_preview1"}},
		{"no imports", wasmModule(wasmTypes, wasmFunctions, wasmBodies), true, true, nil},
		{"more than the host", wasmModule(wasmTypes, wasmImports("gojs.a", "env.b"), wasmFunctions, wasmBodies), false, false, []string{"gojs", "env"}},
		{"all kinds", wasmModule(wasmTypes, kinds, wasmFunctions, wasmBodies), false, false, []string{"gojs", "env"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.file)
			if err != nil {
				t.Fatal(err)
			}
			if f.Arch != "wasm" || !f.Stripped || !slices.Equal(f.Needed, test.needed) {
				t.Errorf("read %+v", *f)
			}
			if v := Judge("js", f); v.OK != test.js || v.Claim != "host imports only" {
				t.Errorf("js: %+v", v)
			}
			if v := Judge("wasip1", f); v.OK != test.wasip1 {
				t.Errorf("wasip1: %+v", v)
			}
		})
	}
	f, err := readBytes(wasmModule(wasmTypes, wasmFunctions, wasmBodies, wasmSection(0, append(wasmName("name"), 1, 2, 3)...)))
	if err != nil || f.Stripped {
		t.Errorf("with names: %+v, %v", f, err)
	}
}

func TestWasmRefused(t *testing.T) {
	imports := func(b ...byte) []byte {
		return wasmModule(wasmTypes, wasmSection(wasmImport, b...), wasmFunctions, wasmBodies)
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "version 0x1000d"},
		{"nothing", wasmModule(), "0 functions declared, 0 defined"},
		{"no code", wasmModule(wasmTypes, wasmImports("env.a"), wasmFunctions), "1 functions declared, 0 defined"},
		{"section beyond the end", append(wasmModule(wasmTypes), 3, 200), "reading wasm section"},
		{"size of a section", append(wasmModule(wasmTypes), 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0), "not a number of 32 bits"},
		{"size of more than 32 bits", append(wasmModule(wasmTypes), 3, 0xff, 0xff, 0xff, 0xff, 0x7f), "not a number of 32 bits"},
		{"size cut off", append(wasmModule(wasmTypes), 3, 0x80), "not a number of 32 bits"},
		{"unknown section", wasmModule(wasmTypes, wasmSection(14), wasmFunctions, wasmBodies), "section 14 is unknown"},
		{"imports twice", wasmModule(wasmTypes, wasmImports(), wasmImports("env.a"), wasmFunctions, wasmBodies), "section 2 is unknown or out of order"},
		{"imports after the code", wasmModule(wasmTypes, wasmFunctions, wasmBodies, wasmImports("env.a")), "out of order"},
		{"imports left over", imports(0, 1), "0x1 bytes left over"},
		{"import cut off", imports(1, 3, 'e', 'n', 'v'), "reading wasm import"},
		{"many imports", imports(0xff, 0xff, 0xff, 0xff, 0x0f), "reading wasm import"},
		{"unknown kind", imports(1, 1, 'a', 1, 'b', 9, 0), "unknown type 9"},
		{"unknown limits", imports(1, 1, 'a', 1, 'b', 2, 4, 0), "unknown flag 4"},
		{"name of a terminal", imports(1, 1, 0x1b, 1, 'b', 0, 0), "is not a printable name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.file)
			if err == nil {
				t.Fatalf("read %+v", *f)
			}
			if !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrNotExecutable) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
		})
	}
}
