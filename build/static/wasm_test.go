package static

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// wasmSection returns a section with its identifier and its size.
func wasmSection(id byte, content ...byte) []byte {
	b := binary.AppendUvarint([]byte{id}, uint64(len(content)))
	return append(b, content...)
}

// wasmName returns a name with its length.
func wasmName(s string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(s))), s...)
}

// wasmImports returns an import section of functions, each given as "module.name".
func wasmImports(names ...string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(names)))
	for _, n := range names {
		module, name, _ := strings.Cut(n, ".")
		b = slices.Concat(b, wasmName(module), wasmName(name), []byte{0, 0})
	}
	return wasmSection(wasmImport, b...)
}

// wasmModule returns a module of these sections.
func wasmModule(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// wasmProgram returns a module with one function and these imports.
func wasmProgram(imports []byte) []byte {
	return wasmModule(wasmTypes, imports, wasmFunctions, wasmBodies)
}

// The sections of a module with one function.
var (
	wasmTypes     = wasmSection(1, 1, 0x60, 0, 0)
	wasmFunctions = wasmSection(wasmFunction, 1, 0)
	wasmBodies    = wasmSection(wasmCode, 1, 2, 0, 0x0b)
)

func TestWasmFacts(t *testing.T) {
	// One import of each kind. The last one is found only if all kinds before it are understood.
	allKinds := wasmSection(wasmImport, slices.Concat([]byte{9},
		wasmName("gojs"), wasmName("f"), []byte{0, 0x80, 0x01},
		wasmName("gojs"), wasmName("table"), []byte{1, 0x70, 0, 5},
		wasmName("gojs"), wasmName("table of references"), []byte{1, 0x63, 0x70, 1, 5, 6},
		wasmName("gojs"), wasmName("memory"), []byte{2, 0, 1},
		wasmName("gojs"), wasmName("memory with a maximum"), []byte{2, 3, 1, 0x80, 0x80, 0x04},
		wasmName("gojs"), wasmName("global"), []byte{3, 0x7f, 1},
		wasmName("gojs"), wasmName("global reference"), []byte{3, 0x64, 0x6f, 0},
		wasmName("gojs"), wasmName("tag"), []byte{4, 0, 1},
		wasmName("env"), wasmName("last"), []byte{0, 0},
	)...)
	tests := []struct {
		name   string
		file   []byte
		js     bool // the verdict for js
		wasip1 bool // the verdict for wasip1
		needed []string
	}{
		{
			name:   "js",
			file:   wasmProgram(wasmImports("gojs.a", "gojs.b")),
			js:     true,
			needed: []string{"gojs"},
		},
		{
			name:   "wasip1",
			file:   wasmProgram(wasmImports("wasi_snapshot_preview1.fd_write")),
			wasip1: true,
			needed: []string{"wasi_snapshot_preview1"},
		},
		{
			name:   "no imports",
			file:   wasmProgram(nil),
			js:     true,
			wasip1: true,
		},
		{
			name:   "more than the host provides",
			file:   wasmProgram(wasmImports("gojs.a", "env.b")),
			needed: []string{"gojs", "env"},
		},
		{
			name:   "all kinds of imports",
			file:   wasmProgram(allKinds),
			needed: []string{"gojs", "env"},
		},
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
}

func TestWasmNames(t *testing.T) {
	names := wasmSection(wasmCustom, append(wasmName("name"), 1, 2, 3)...)
	f, err := readBytes(wasmModule(wasmTypes, wasmFunctions, wasmBodies, names))
	if err != nil || f.Stripped {
		t.Errorf("read %+v, %v", f, err)
	}
}

func TestWasmRefused(t *testing.T) {
	types := wasmModule(wasmTypes)
	imports := func(content ...byte) []byte {
		return wasmProgram(wasmSection(wasmImport, content...))
	}
	testRefused(t, []refusedFile{
		{
			name: "component",
			file: []byte("\x00asm\x0d\x00\x01\x00"),
			want: "version 0x1000d",
		},
		{
			name: "no sections",
			file: wasmModule(),
			want: "0 functions declared, 0 defined",
		},
		{
			name: "no code",
			file: wasmModule(wasmTypes, wasmImports("env.a"), wasmFunctions),
			want: "1 functions declared, 0 defined",
		},

		{
			name: "section beyond the end",
			file: slices.Concat(types, []byte{3, 200}),
			want: "reading wasm section",
		},
		{
			name: "size that is too long",
			file: slices.Concat(types, []byte{3, 0x80, 0x80, 0x80, 0x80, 0x80, 0}),
			want: "not a number of 32 bits",
		},
		{
			name: "size of more than 32 bits",
			file: slices.Concat(types, []byte{3, 0xff, 0xff, 0xff, 0xff, 0x7f}),
			want: "not a number of 32 bits",
		},
		{
			name: "size that is cut off",
			file: slices.Concat(types, []byte{3, 0x80}),
			want: "not a number of 32 bits",
		},
		{
			name: "unknown section",
			file: wasmProgram(wasmSection(14)),
			want: "section 14 is unknown",
		},
		{
			name: "imports twice",
			file: wasmProgram(slices.Concat(wasmImports(), wasmImports("env.a"))),
			want: "section 2 is unknown or out of order",
		},
		{
			name: "imports after the code",
			file: wasmModule(wasmTypes, wasmFunctions, wasmBodies, wasmImports("env.a")),
			want: "out of order",
		},

		{
			name: "imports left over",
			file: imports(0, 1),
			want: "0x1 bytes left over",
		},
		{
			name: "import cut off",
			file: imports(1, 3, 'e', 'n', 'v'),
			want: "reading wasm import",
		},
		{
			name: "many imports",
			file: imports(0xff, 0xff, 0xff, 0xff, 0x0f),
			want: "reading wasm import",
		},
		{
			name: "unknown kind of import",
			file: imports(1, 1, 'a', 1, 'b', 9, 0),
			want: "unknown type 9",
		},
		{
			name: "unknown limits",
			file: imports(1, 1, 'a', 1, 'b', 2, 4, 0),
			want: "unknown flag 4",
		},
		{
			name: "name with an escape character",
			file: imports(1, 1, 0x1b, 1, 'b', 0, 0),
			want: "is not a printable name",
		},
	})
}
