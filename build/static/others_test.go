package static

import (
	"bytes"
	"debug/plan9obj"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// xcoffFile returns an AIX file with a loader section that names these libraries, each given as
// "file/member", and a section without bytes in the file.
func xcoffFile(flags uint16, imports ...string) []byte {
	table := []byte("/usr/lib:/lib\x00\x00\x00")
	for _, name := range imports {
		file, member, _ := strings.Cut(name, "/")
		table = append(table, "\x00"+file+"\x00"+member+"\x00"...)
	}
	loader := xcoffLoaderHeader{
		Version:    2,
		ImportSize: uint32(len(table)),
		Imports:    uint32(len(imports) + 1),
	}
	loader.ImportOffset = uint64(binary.Size(loader))

	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.BigEndian, v) }

	put(xcoffHeader{
		Magic:        0x1f7,
		Sections:     2,
		Flags:        flags,
		OptionalSize: 8,
	})
	put(uint64(0)) // the optional header
	contents := uint64(b.Len() + 2*binary.Size(xcoffSection{}))
	put(xcoffSection{
		Flags:  xcoffLoader,
		Offset: contents,
		Size:   uint64(binary.Size(loader) + len(table)),
	})
	put(xcoffSection{
		Flags: xcoffBSS,
		Size:  1 << 40,
	})
	put(loader)
	b.Write(table)
	return b.Bytes()
}

func TestXCOFF(t *testing.T) {
	file := xcoffFile(xcoffExec, "libc.a/shr_64.o", "libpthread.a/shr_xpg5_64.o")
	f, err := readBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	if f.Arch != "ppc64" || f.Kind != Executable {
		t.Errorf("read %+v", *f)
	}
	needed := []string{"libc.a(shr_64.o)", "libpthread.a(shr_xpg5_64.o)"}
	if !slices.Equal(f.Needed, needed) || !slices.Equal(f.RunPath, []string{"/usr/lib:/lib"}) {
		t.Errorf("read %+v", *f)
	}
	if v := Judge("aix", f); !v.OK || v.Claim != "as it is" {
		t.Errorf("verdict %+v", v)
	}

	if f, err := readBytes(xcoffFile(xcoffExec | xcoffShared)); err != nil || f.Kind != Library {
		t.Errorf("library: %+v, %v", f, err)
	}
	if _, err := readBytes(xcoffFile(0)); !errors.Is(err, ErrNotExecutable) {
		t.Errorf("object: %v", err)
	}
	for n := range file {
		if f, err := readBytes(file[:n]); err == nil {
			t.Errorf("cut to %d bytes: read %+v", n, *f)
		}
	}
}

// plan9File returns a Plan 9 file with parts of these sizes.
func plan9File(magic, text, data, symbols uint32) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, plan9Header{
		Magic:   magic,
		Text:    text,
		Data:    data,
		BSS:     1 << 30,
		Symbols: symbols,
	})
	if magic == plan9obj.MagicAMD64 {
		b.Write(make([]byte, 8))
	}
	b.Write(make([]byte, text+data+symbols))
	return b.Bytes()
}

func TestPlan9(t *testing.T) {
	for magic, arch := range plan9Arch {
		file := plan9File(magic, 100, 50, 25)
		f, err := readBytes(file)
		if err != nil {
			t.Fatal(err)
		}
		if f.Arch != arch || f.Stripped || (f.Bits == 64) != (arch == "amd64") {
			t.Errorf("read %+v", *f)
		}
		if v := Judge("plan9", f); !v.OK || v.Claim != "as it is" {
			t.Errorf("verdict %+v", v)
		}

		for n := range file {
			if f, err := readBytes(file[:n]); err == nil {
				t.Errorf("cut to %d bytes: read %+v", n, *f)
			}
		}
	}

	if f, err := readBytes(plan9File(plan9obj.Magic386, 0, 0, 0)); err == nil {
		t.Errorf("no text: read %+v", *f)
	}
}

// TestUnsupportedFormats reads programs in formats that are recognized but not supported. They
// must not be taken for files that are not executable.
func TestUnsupportedFormats(t *testing.T) {
	xcoff32 := func(optionalSize, flags uint16) []byte {
		var b bytes.Buffer
		err := binary.Write(&b, binary.BigEndian, xcoffHeader32{
			Magic:        0x1df,
			Sections:     1,
			OptionalSize: optionalSize,
			Flags:        flags,
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	tests := []struct {
		name          string
		file          []byte
		notExecutable bool
	}{
		{
			name: "flat program",
			file: []byte("bFLT\x00\x00\x00\x04"),
		},
		{
			name: "32-bit XCOFF program",
			file: xcoff32(xcoffAuxiliarySize, xcoffExec),
		},
		{
			name:          "32-bit XCOFF object",
			file:          xcoff32(0, 0),
			notExecutable: true,
		},
		{
			name:          "the magic number of 32-bit XCOFF alone",
			file:          []byte("\x01\xdf"),
			notExecutable: true,
		},
	}
	for _, test := range tests {
		f, err := readBytes(test.file)
		if err == nil || errors.Is(err, ErrNotExecutable) != test.notExecutable {
			t.Errorf("%s: read %+v, %v", test.name, f, err)
		}
		if !Known(test.file) {
			t.Errorf("%s: not known", test.name)
		}
	}
}
