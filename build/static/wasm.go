package static

import (
	"encoding/binary"
	"math"
	"slices"
)

// A wasm file is read by its sections (WebAssembly Core Specification 3.0, chapter 5, "Binary
// Format"). The comments quote the titles of the specification's parts.

// The sections that are read.
const (
	wasmCustom   = 0
	wasmImport   = 2
	wasmFunction = 3
	wasmCode     = 10
)

// wasmOrder lists all sections but custom ones in the only order that a module may have them in
// ("Modules"). Custom sections may be anywhere.
var wasmOrder = []byte{1, wasmImport, wasmFunction, 4, 5, 13, 6, 7, 8, 9, 12, wasmCode, 11}

func readWasm(v view) (*File, error) {
	var head struct {
		Magic   uint32
		Version uint32
	}
	if err := v.decode("wasm header", 0, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	if head.Version != 1 {
		return nil, v.errorf("wasm header", 4, "unknown module version 0x%x", head.Version)
	}

	f := &File{
		Format:   Wasm,
		Arch:     "wasm",
		Machine:  "wasm32",
		Bits:     32,
		Kind:     Executable,
		Stripped: true,
	}
	functions := map[byte]uint32{} // the number of functions in wasmFunction and in wasmCode
	next := 0                      // the first index in wasmOrder that may follow
	r := &wasmReader{view: v, off: uint64(binary.Size(head))}
	for r.off < v.size {
		id := r.byte("wasm section")
		section := wasmReader{view: r.block("wasm section")}
		if r.err != nil {
			return nil, r.err
		}

		i := slices.Index(wasmOrder, id)
		switch {
		case i >= next:
			next = i + 1
		case id != wasmCustom:
			return nil, section.errorf("wasm section", 0, "section %d is unknown or out of order", id)
		}

		switch id {
		case wasmCustom:
			// The custom section called "name" contains the symbols ("Custom Sections").
			if f.Stripped && section.name("wasm custom section") == "name" {
				f.Stripped = false
			}
		case wasmImport:
			f.Needed = section.importModules()
		case wasmFunction, wasmCode:
			functions[id] = section.uint32("wasm function count")
		}
		if section.err != nil {
			return nil, section.err
		}
	}

	// Without this check, a file that is cut off between two sections would look complete.
	declared := functions[wasmFunction]
	defined := functions[wasmCode]
	if declared != defined || defined == 0 {
		return nil, v.errorf("wasm code section", v.size, "%d functions declared, %d defined", declared, defined)
	}
	return f, nil
}

// wasmReader reads one value after another. After the first error, which err keeps, it returns
// zero values.
type wasmReader struct {
	view
	off uint64
	err error
}

// importModules reads the import section and returns the modules that a program imports from
// its host, each once.
func (r *wasmReader) importModules() (modules []string) {
	const what = "wasm import"

	for n := r.uint32(what); n > 0 && r.err == nil; n-- {
		module := r.name(what)
		r.name(what) // of the imported item
		r.skipExternType()
		modules = appendUnique(modules, module)
	}
	if r.err == nil && r.off != r.size {
		r.fail(what, "0x%x bytes left over", r.size-r.off)
	}
	return modules
}

// skipExternType skips the type of an import ("External Types").
func (r *wasmReader) skipExternType() {
	const what = "wasm import type"

	switch kind := r.byte(what); kind {
	case 0: // function
		r.uint32(what)
	case 1: // table
		r.skipValueType()
		r.skipLimits()
	case 2: // memory
		r.skipLimits()
	case 3: // global, followed by whether it is mutable
		r.skipValueType()
		r.byte(what)
	case 4: // tag
		r.byte(what)
		r.uint32(what)
	default:
		r.fail(what, "unknown type %d", kind)
	}
}

// skipValueType skips a value type. It is one byte, which the heap type follows in some
// reference types.
func (r *wasmReader) skipValueType() {
	const what = "wasm value type"
	const (
		reference         = 0x64
		nullableReference = 0x63
	)

	switch r.byte(what) {
	case reference, nullableReference:
		r.uint32(what)
	}
}

// skipLimits skips the limits of a memory or a table: a flag, the minimum and, with some flags,
// the maximum.
func (r *wasmReader) skipLimits() {
	const what = "wasm limits"

	flag := r.byte(what)
	if flag > 3 { // limits of 64 bits, which Go does not use
		r.fail(what, "unknown flag %d", flag)
	}
	r.uint32(what)
	if hasMaximum := flag&1 != 0; hasMaximum {
		r.uint32(what)
	}
}

// fail sets err unless it is set already.
func (r *wasmReader) fail(what, format string, args ...any) {
	if r.err == nil {
		r.err = r.errorf(what, r.off, format, args...)
	}
}

// byte reads one byte.
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

// uint32 reads an unsigned 32-bit number in LEB128 encoding ("Integers").
func (r *wasmReader) uint32(what string) uint32 {
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

// block reads a size and returns that many bytes.
func (r *wasmReader) block(what string) view {
	size := uint64(r.uint32(what))
	if r.err != nil {
		return view{}
	}

	content, err := r.sub(what, r.off, size)
	if err != nil {
		r.err = err
		return view{}
	}
	r.off += size
	return content
}

// name reads a name, which is preceded by its length ("Names").
func (r *wasmReader) name(what string) string {
	content := r.block(what)
	if r.err != nil {
		return ""
	}
	if content.size > maxName {
		r.fail(what, "a name of %d bytes, more than %d", content.size, maxName)
		return ""
	}

	text, err := content.bytes(what, 0, content.size)
	if err != nil {
		r.fail(what, "%w", err)
		return ""
	}
	if err := checkPrintable(string(text)); err != nil {
		r.fail(what, "%w", err)
		return ""
	}
	return string(text)
}
