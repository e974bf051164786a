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
	tests := []struct {
		name    string
		content string
		want    string
	}{
		{"empty", "", "not an executable: an empty file"},
		{"text", "LICENSE", "not an executable: unknown format, first bytes 4c 49 43 45"},
		{"short", "\x7fEL", "unknown format"},
		{"script", "#!/bin/sh\n", "a script"},
		{"archive", "!<arch>\n", "unknown format"},
	}
	for _, test := range tests {
		f, err := readBytes([]byte(test.content))
		if f != nil || !errors.Is(err, ErrNotExecutable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v", test.name, f, err)
		}
	}

	f, err := Read(strings.NewReader("x"), -1)
	if f != nil || !errors.Is(err, ErrNotExecutable) {
		t.Errorf("negative size: %+v, %v", f, err)
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
	got, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"ELF","arch":"amd64","machine":"EM_X86_64","bits":64,"kind":"executable",` +
		`"abi":"ELFOSABI_NONE","stripped":true}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), "reading "+path+": reading ELF ") {
		t.Errorf("cut off: %v", err)
	}
}

// TestReaderFails reads from a file that is shorter than announced, and from one that cannot
// be read.
func TestReaderFails(t *testing.T) {
	b := elfSpec{needed: []string{"liba"}}.bytes()
	if _, err := Read(bytes.NewReader(b[:200]), int64(len(b))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter: %v", err)
	}

	broken := errors.New("bad sector")
	for n := range 20 {
		r := &countingReader{r: bytes.NewReader(b), failAfter: n, err: broken}
		_, err := Read(r, int64(len(b)))
		if r.reads > n && !errors.Is(err, broken) {
			t.Errorf("failing after %d reads: %v", n, err)
		}
	}
}

// TestBudget reads files that announce endless tables. Program headers, symbols and sections
// are not among them, because their counts have only 16 bits.
func TestBudget(t *testing.T) {
	const size = 8 << 20
	manySections := bytes.Repeat(wasmSection(wasmCustom, 0), 1<<20)
	manyImports := wasmSection(wasmImport, append([]byte{0xff, 0xff, 0xff, 0x7f}, make([]byte, 4<<20)...)...)
	tests := map[string][]byte{
		"wasm, many empty sections": wasmModule(manySections),
		"wasm, many imports":        wasmModule(manyImports),
		"PE, many imports":          peManyImports(size),
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

// peManyImports returns a program with an import directory of this size.
func peManyImports(size int) []byte {
	const name = 0x3c0 // in the headers, which are mapped as well
	const entrySize = 20

	b := peSpec{imports: []string{"a.dll"}}.bytes()
	copy(b[name:], "a.dll\x00")
	section := b[peSectionHeader:]
	binary.LittleEndian.PutUint32(section[8:], uint32(size))  // VirtualSize
	binary.LittleEndian.PutUint32(section[16:], uint32(size)) // SizeOfRawData

	entry := bytes.Clone(b[peSectionOffset : peSectionOffset+entrySize])
	binary.LittleEndian.PutUint32(entry[12:], name)
	return append(b[:peSectionOffset], bytes.Repeat(entry, size/entrySize)...)
}

// countingReader counts what is read. If err is set, it fails after failAfter reads.
type countingReader struct {
	r         io.ReaderAt
	reads     int
	bytes     int
	failAfter int
	err       error
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(b)
	if c.err != nil && c.reads > c.failAfter {
		return 0, c.err
	}
	return c.r.ReadAt(b, off)
}
