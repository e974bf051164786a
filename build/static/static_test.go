package static

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNotExecutable(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"empty":   {"", "not an executable: an empty file"},
		"text":    {"LICENSE", "not an executable: unknown format, first bytes 4c 49 43 45"},
		"short":   {"\x7fEL", "unknown format"},
		"script":  {"#!/bin/sh\n", "a script"},
		"archive": {"!<arch>\n", "unknown format"},
	} {
		f, err := readBytes([]byte(test.content))
		if f != nil || !errors.Is(err, ErrNotExecutable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if f, err := Read(strings.NewReader("x"), -1); f != nil || !errors.Is(err, ErrNotExecutable) {
		t.Errorf("size below zero: %+v, %v", f, err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotExecutable) || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, elfSpec{}.bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	have, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"ELF","arch":"amd64","machine":"EM_X86_64","bits":64,"kind":"executable","abi":"ELFOSABI_NONE","stripped":true}`
	if string(have) != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), "reading "+path+": reading ELF ") {
		t.Errorf("cut off: %v", err)
	}
}

// TestReaderFails reads from a file that is shorter than it was said to be, and from one that cannot be read.
func TestReaderFails(t *testing.T) {
	b := elfSpec{needed: []string{"liba"}}.bytes()
	if _, err := Read(bytes.NewReader(b[:200]), int64(len(b))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter: %v", err)
	}
	broken := errors.New("bad sector")
	for n := range 20 {
		r := &countingReader{r: bytes.NewReader(b), failAt: n, err: broken}
		if _, err := Read(r, int64(len(b))); r.reads > n && !errors.Is(err, broken) {
			t.Errorf("read %d fails: %v", n, err)
		}
	}
}

// TestBudget reads files whose tables say that they are endless.
func TestBudget(t *testing.T) {
	const size = 8 << 20
	// Program headers, symbols and sections have counts of 16 bits; these are what can be longer.
	tests := map[string][]byte{
		"wasm, many empty sections": wasmModule(bytes.Repeat([]byte{0, 1, 0}, 1<<20)),
		"wasm, many imports":        wasmModule(wasmSection(wasmImport, append([]byte{0xff, 0xff, 0xff, 0x7f}, make([]byte, 4<<20)...)...)),
		"PE, many imports": func() []byte {
			b := peSpec{imports: []string{"a.dll"}}.bytes()
			copy(b[0x3c0:], "a.dll\x00") // in the headers, which are mapped too
			entry := bytes.Clone(b[0x400 : 0x400+20])
			binary.LittleEndian.PutUint32(entry[12:], 0x3c0)        // Name
			binary.LittleEndian.PutUint32(b[0x84+20+240+8:], size)  // VirtualSize
			binary.LittleEndian.PutUint32(b[0x84+20+240+16:], size) // SizeOfRawData
			return append(b[:0x400], bytes.Repeat(entry, size/20)...)
		}(),
	}
	for name, file := range tests {
		b := append(file, make([]byte, size)...)
		r := &countingReader{r: bytes.NewReader(b)}
		_, err := Read(r, int64(len(b)))
		if !errors.Is(err, errBudget) || r.bytes > budget || r.reads > budget/readCost {
			t.Errorf("%s: %d bytes in %d reads, %v", name, r.bytes, r.reads, err)
		}
	}
}

// countingReader counts what is read, and fails from the read failAt on if err is set.
type countingReader struct {
	r            io.ReaderAt
	reads, bytes int
	failAt       int
	err          error
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(b)
	if c.err != nil && c.reads > c.failAt {
		return 0, c.err
	}
	return c.r.ReadAt(b, off)
}
