package static

import (
	"encoding/binary"
	"math"
	"slices"
)

// A wasm file is read by its sections (WebAssembly Core Specification 3.0, chapter 5: "Binary Format").

// The sections that are looked into.
const (
	wasmCustom   = 0
	wasmImport   = 2
	wasmFunction = 3
	wasmCode     = 10
)

// wasmOrder is the order in which sections come, each once at most ("Modules"). Custom sections may be anywhere.
var wasmOrder = []byte{1, wasmImport, wasmFunction, 4, 5, 13, 6, 7, 8, 9, 12, wasmCode, 11}

func readWasm(v view) (*File, error) {
	var head struct{ Magic, Version uint32 }
	if err := v.decode("wasm header", 0, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	if head.Version != 1 {
		return nil, v.errorf("wasm header", 4, "version 0x%x is not that of a module", head.Version)
	}
	f := &File{Format: Wasm, Arch: "wasm", Machine: "wasm32", Bits: 32, Kind: Executable, Stripped: true}
	functions := map[byte]uint32{} // as many as the section declares or holds
	place := 0                     // how much of wasmOrder was seen
	for r := (&wasmReader{view: v, off: 8}); r.off < v.size; {
		id := r.byte("wasm section")
		content := wasmReader{view: r.sized("wasm section")}
		if r.err != nil {
			return nil, r.err
		}
		if i := slices.Index(wasmOrder, id) + 1; i > place {
			place = i
		} else if id != wasmCustom {
			return nil, content.errorf("wasm section", 0, "section %d is unknown or out of order", id)
		}
		switch id {
		case wasmCustom:
			// The one called "name" holds the symbols ("Custom Sections").
			f.Stripped = f.Stripped && content.name("wasm custom section") != "name"
		case wasmImport:
			f.Needed = content.imports()
		case wasmFunction, wasmCode:
			functions[id] = content.number("wasm function count")
		}
		if content.err != nil {
			return nil, content.err
		}
	}
	// Without this, a file that ends between two sections would look whole.
	if declared, there := functions[wasmFunction], functions[wasmCode]; declared != there || there == 0 {
		return nil, v.errorf("wasm code section", v.size, "%d functions declared, %d there", declared, there)
	}
	return f, nil
}

// wasmReader reads one value after the other; after the first error, err, all of them are zero.
type wasmReader struct {
	view
	off uint64
	err error
}

// imports reads the import section: the modules a program wants from its host, each once. What is
// wanted of a module, and its type, have to be read to get to the next.
func (r *wasmReader) imports() (modules []string) {
	const what = "wasm import"
	for n := r.number(what); n > 0 && r.err == nil; n-- {
		module := r.name(what)
		r.name(what)
		r.externType()
		modules = add(modules, module)
	}
	if r.err == nil && r.off != r.size {
		r.fail(what, "0x%x bytes left over", r.size-r.off)
	}
	return modules
}

// externType skips the type of an import ("External Types").
func (r *wasmReader) externType() {
	const what = "wasm import type"
	switch kind := r.byte(what); kind {
	case 0: // function
		r.number(what)
	case 1: // table
		r.valueType()
		r.limits()
	case 2: // memory
		r.limits()
	case 3: // global, which may be mutable
		r.valueType()
		r.byte(what)
	case 4: // tag
		r.byte(what)
		r.number(what)
	default:
		r.fail(what, "unknown type %d", kind)
	}
}

// valueType skips a type of one byte, or a reference type with the heap type it refers to.
func (r *wasmReader) valueType() {
	const what = "wasm value type"
	if t := r.byte(what); t == 0x63 || t == 0x64 {
		r.number(what)
	}
}

// limits skips the limits of a memory or table: a flag, a minimum, for some flags a maximum.
func (r *wasmReader) limits() {
	const what = "wasm limits"
	flag := r.byte(what)
	if flag > 3 { // 64-bit, which Go does not use
		r.fail(what, "unknown flag %d", flag)
	}
	r.number(what)
	if flag&1 != 0 {
		r.number(what)
	}
}

func (r *wasmReader) fail(what, format string, args ...any) {
	if r.err == nil {
		r.err = r.errorf(what, r.off, format, args...)
	}
}

func (r *wasmReader) byte(what string) byte {
	if r.err != nil {
		return 0
	}
	buf, err := r.bytes(what, r.off, 1)
	if err != nil {
		r.err = err
		return 0
	}
	r.off++
	return buf[0]
}

// number reads an unsigned LEB128 number of 32 bits ("Integers").
func (r *wasmReader) number(what string) uint32 {
	if r.err != nil {
		return 0
	}
	buf, err := r.bytes(what, r.off, min(binary.MaxVarintLen32, r.size-r.off))
	if err != nil {
		r.err = err
		return 0
	}
	n, length := binary.Uvarint(buf)
	if length <= 0 || n > math.MaxUint32 {
		r.fail(what, "% x is not a number of 32 bits", buf)
		return 0
	}
	r.off += uint64(length)
	return uint32(n)
}

// sized reads a number and returns as many bytes as it says.
func (r *wasmReader) sized(what string) view {
	n := uint64(r.number(what))
	if r.err != nil {
		return view{}
	}
	content, err := r.sub(what, r.off, n)
	if err != nil {
		r.err = err
		return view{}
	}
	r.off += n
	return content
}

// name reads a string, which has its length before it ("Names").
func (r *wasmReader) name(what string) string {
	content := r.sized(what)
	if r.err != nil {
		return ""
	}
	if content.size > maxText {
		r.fail(what, "a name of %d bytes", content.size)
		return ""
	}
	text, err := content.bytes(what, 0, content.size)
	if err == nil {
		err = printable(string(text))
	}
	if err != nil {
		r.fail(what, "%w", err)
		return ""
	}
	return string(text)
}
