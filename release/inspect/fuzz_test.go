package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build/static"
)

// mutated returns data with some bytes changed. change consists of offsets of two bytes, each
// followed by the new value.
func mutated(data, change []byte) []byte {
	data = slices.Clone(data)
	for ; len(change) >= 3; change = change[3:] {
		at := int(binary.LittleEndian.Uint16(change)) % len(data)
		data[at] = change[2]
	}
	return data
}

// fuzzed inspects data with the given readers and with those that fit its content, and returns
// the marks that it finds. The test fails if an error does not name the file, or if this takes
// too long.
func fuzzed(t *testing.T, data []byte, readers ...containerReader) (marks []string, err error) {
	t.Helper()
	in := newInspection(t.Context(), func(f Found) error {
		marks = append(marks, markOf(f.File))
		return nil
	})
	in.budget.left = 64 << 20

	start := time.Now()
	var errs []error
	for _, read := range readers {
		errs = append(errs, read(in, "x", bytes.NewReader(data), int64(len(data))))
	}
	errs = append(errs, Reader(t.Context(), "x", bytes.NewReader(data), int64(len(data)), in.visit))
	err = in.budget.join(errors.Join(errs...))

	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if err != nil {
		text := err.Error()
		if !strings.HasPrefix(text, "inspecting x") && !strings.HasPrefix(text, `inspecting "x`) {
			t.Errorf("an error that does not say where: %v", err)
		}
	}
	return marks, err
}

// checkFound fails unless the mark of every program that an unpacker has written was found, or
// the inspection ended in an error.
func checkFound(t *testing.T, who string, written [][]byte, marks []string, err error) {
	t.Helper()
	if err != nil {
		return
	}

	for _, content := range written {
		file, readErr := static.Read(bytes.NewReader(content), int64(len(content)))
		if errors.Is(readErr, static.ErrNotExecutable) {
			continue
		}
		if !slices.Contains(marks, markOf(file)) {
			t.Errorf("%s writes %s, but only %q was found, without an error", who, markOf(file), marks)
		}
	}
}

// FuzzContainers feeds any data to every reader. Errors are fine, panics are not, and memory
// and time stay bounded.
func FuzzContainers(f *testing.F) {
	small := []member{{"a", append([]byte("\x7fELF"), make([]byte, 60)...)}, {"b", []byte("text")}}
	f.Add(cpioOf(small))
	f.Add(arOf([]member{{"debian-binary", []byte("2.0\n")}, {"data.tar", nil}}))
	f.Add(rpmOf(cpioOf(small)))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x1f\x8b\x08"))

	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = fuzzed(t, data, readTar, readPlainTar, readZip, readAr, readRPM, readCompressed)
	})
}

// tarModel returns the files written by an unpacker that reads headers in the simplest way.
// Some unpackers skip the content that the header of a directory or a link announces, others
// do not.
func tarModel(data []byte, skips bool) (written [][]byte) {
	for len(data) >= tarBlockSize && hasTarChecksum(data[:tarBlockSize]) {
		field := strings.TrimRight(strings.TrimLeft(string(data[124:136]), " "), "\x00 ")
		size, err := strconv.ParseInt(field, 8, 32)
		if err != nil || size < 0 {
			return written
		}
		typeflag := data[156]
		data = data[tarBlockSize:]
		if strings.IndexByte("123456", typeflag) >= 0 {
			if !skips || typeflag == '1' {
				continue
			}
			data = data[min(padded(size), int64(len(data))):]
			continue
		}

		if strings.IndexByte("xgLKXMNS", typeflag) >= 0 {
			return written // more is needed to know what follows
		}
		if size > int64(len(data)) {
			return written
		}
		written = append(written, data[:size])
		data = data[min(padded(size), int64(len(data))):]
	}

	return written
}

func FuzzTar(f *testing.F) {
	plain := slices.Concat(
		tarMember("a", '0', marked("a")),
		tarMember("text", '0', []byte("text")),
		tarMember("l", '2', nil),
		tarMember("t", '0', tarMember("b", '0', marked("b"))),
		tarMember("d/", '5', nil),
		tarMember("c", '0', marked("c")),
		tarEnd,
	)
	extended := slices.Concat(
		paxMember('x', "size=1024", "path=a"),
		tarMember("x", '0', marked("a")),
		tarMember("L", 'L', []byte("long\x00")),
		tarMember("b", '0', marked("b")),
		tarEnd,
	)
	f.Add([]byte{}, false)
	f.Add([]byte{156, 0, '5'}, false)
	f.Add([]byte{134, 0, '1', 156, 0, 'V'}, true)

	f.Fuzz(func(t *testing.T, change []byte, other bool) {
		data := plain
		if other {
			data = extended
		}
		data = mutated(data, change)

		// Correct the checksums, because otherwise that is what most changes would break.
		for block := range slices.Chunk(data, tarBlockSize) {
			if len(block) == tarBlockSize && hasTarMagic(block) {
				copy(block, resummed(block))
			}
		}

		marks, err := fuzzed(t, data, readPlainTar)
		checkFound(t, "an unpacker that skips", tarModel(data, true), marks, err)
		checkFound(t, "an unpacker that does not skip", tarModel(data, false), marks, err)

		var written [][]byte
		for r := tar.NewReader(bytes.NewReader(data)); ; {
			if _, err := r.Next(); err != nil {
				break
			}
			if content, err := io.ReadAll(io.LimitReader(r, 1<<20)); err == nil {
				written = append(written, content)
			}
		}

		checkFound(t, "archive/tar", written, marks, err)
	})
}

// zipModel returns the files written by an unpacker that reads a zip archive from start to end.
func zipModel(data []byte) (written [][]byte) {
	le := binary.LittleEndian
	for len(data) >= zipLocalLen && string(data[:4]) == zipLocalMagic {
		start := zipLocalLen + int(le.Uint16(data[26:])) + int(le.Uint16(data[28:]))
		size := int(le.Uint32(data[18:]))
		flags := le.Uint16(data[6:])
		method := le.Uint16(data[8:])
		if flags != 0 || method != zip.Store || start+size > len(data) {
			return written
		}
		if content := data[start : start+size]; crc32.ChecksumIEEE(content) == le.Uint32(data[14:]) {
			written = append(written, content)
		}
		data = data[start+size:]
	}

	return written
}

func FuzzZip(f *testing.F) {
	sources := [][]byte{
		craftZip(nil,
			zipEntry{name: "a", content: marked("a")},
			zipEntry{name: "t", content: craftZip(nil, zipEntry{name: "b", content: marked("b")})},
			zipEntry{name: "c", content: marked("c")},
		),
		craftZip(nil,
			zipEntry{name: "a", content: marked("a")},
			zipEntry{name: "b", content: marked("b"), hidden: true},
			zipEntry{name: "c", content: marked("c")},
		),
		craftZip([]byte("#!/bin/sh\n"),
			zipEntry{name: "a", content: marked("a")},
			zipEntry{name: "d/", attributes: 0x10},
		),
		slices.Concat(
			marked("program"),
			craftZip(nil, zipEntry{
				name:    "a",
				content: marked("a"),
				flags:   zipHasDescriptor,
				after:   dataDescriptor(marked("a"), marked("a")),
			}),
		),
	}
	for i := range sources {
		f.Add([]byte{}, uint8(i))
	}
	f.Add([]byte{26, 0, 2}, uint8(0))

	f.Fuzz(func(t *testing.T, change []byte, source uint8) {
		data := mutated(sources[int(source)%len(sources)], change)
		marks, err := fuzzed(t, data)
		checkFound(t, "an unpacker that reads from start to end", zipModel(data), marks, err)

		zr, openErr := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if openErr != nil {
			return
		}

		var written [][]byte
		for _, m := range zr.File {
			if r, err := m.Open(); err == nil {
				if content, err := io.ReadAll(io.LimitReader(r, 1<<20)); err == nil {
					written = append(written, content)
				}
			}
		}
		checkFound(t, "archive/zip", written, marks, err)
	})
}

func FuzzAr(f *testing.F) {
	packed := tarOf(&testing.T{}, []member{{"p", marked("data")}}, true)
	sources := [][]byte{
		arOf([]member{
			{"debian-binary", []byte("2.0\n")},
			{"control.tar", tarOf(&testing.T{}, []member{{"preinst", marked("control")}}, true)},
			{"data.tar", packed},
		}),
		arOf([]member{
			{"/", []byte{0, 0, 0, 0}},
			{"p/", marked("p")},
			{"#1/4", append([]byte("name"), marked("q")...)},
		}),
	}
	f.Add([]byte{}, uint8(0))
	f.Add([]byte{8, 0, 'x'}, uint8(1))

	f.Fuzz(func(t *testing.T, change []byte, source uint8) {
		data := mutated(sources[int(source)%len(sources)], change)
		marks, err := fuzzed(t, data, readAr)

		if !bytes.HasPrefix(data, []byte(arMagic)) {
			return
		}
		var written [][]byte
		for rest := data[len(arMagic):]; len(rest) >= 60; {
			size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
			if err != nil || size < 0 || size > len(rest)-60 || string(rest[58:60]) != "`\n" {
				break
			}
			name := strings.TrimSpace(string(rest[:16]))
			if name != "/" && name != "//" && name != "/SYM64/" && name != "" {
				written = append(written, rest[60:60+size])
			}
			rest = rest[min(60+size+size%2, len(rest)):]
		}
		checkFound(t, "ar", written, marks, err)
	})
}

func FuzzRPM(f *testing.F) {
	payload := slices.Concat(
		cpioMember("a", 0o100755, 1, marked("a")),
		cpioMember("d", 0o040755, 1, nil),
		cpioMember("b", 0o100644, 2, marked("b")),
		cpioMember(cpioEnd, 0, 1, nil),
	)
	f.Add([]byte{})
	f.Add([]byte{14, 0, '4'})
	f.Add([]byte{61, 0, '1'})

	f.Fuzz(func(t *testing.T, change []byte) {
		_, _ = fuzzed(t, mutated(rpmOf(payload), change), readRPM)

		payload := mutated(payload, change)
		marks, err := fuzzed(t, rpmOf(payload), readRPM)

		var written [][]byte
		for rest := payload; len(rest) >= 110 && string(rest[:6]) == cpioMagic; {
			size, err := strconv.ParseUint(string(rest[54:62]), 16, 32)
			nameSize, nameErr := strconv.ParseUint(string(rest[94:102]), 16, 16)
			if err != nil || nameErr != nil {
				break
			}
			begin := int(110+nameSize+3) &^ 3
			if begin+int(size) > len(rest) {
				break
			}
			name, _, _ := bytes.Cut(rest[110:begin], []byte{0})
			if string(name) == cpioEnd {
				break
			}
			written = append(written, rest[begin:begin+int(size)])
			rest = rest[min((begin+int(size)+3)&^3, len(rest)):]
		}
		checkFound(t, "cpio", written, marks, err)
	})
}

// FuzzCompressed compresses any content, and then damages the compressed file.
func FuzzCompressed(f *testing.F) {
	pack := map[byte]func([]byte) []byte{
		0: func(data []byte) []byte { return through(&testing.T{}, data, gz) },
		1: func(data []byte) []byte { return through(&testing.T{}, data, xzw) },
		2: func(data []byte) []byte { return through(&testing.T{}, data, zst) },
	}
	f.Add([]byte("text"), []byte{}, uint8(0))
	f.Add(marked("p"), []byte{}, uint8(1))
	f.Add(append(tarMember("p", '0', marked("p")), tarEnd...), []byte{}, uint8(2))
	f.Add(marked("p"), []byte{9, 0, 1}, uint8(0))

	f.Fuzz(func(t *testing.T, content, change []byte, kind uint8) {
		if len(content) > 1<<20 {
			return
		}
		data := pack[kind%3](content)
		marks, err := fuzzed(t, data)
		checkFound(t, "the decompressor", [][]byte{content}, marks, err)
		_, _ = fuzzed(t, mutated(data, change), readCompressed, readTar)
	})
}

// FuzzImages changes the documents of images. The layer beside them is always inspected, unless
// there is an error.
func FuzzImages(f *testing.F) {
	layer := tarOf(&testing.T{}, []member{{"p", marked("layer")}}, true)

	manifest := `{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:00", "size": 2}`
	f.Add(`{"manifests": [`+manifest+`]}`, `{"imageLayoutVersion": "1.0.0"}`, true)
	f.Add(
		`[{"Config": "config.json", "Layers": ["layer.tar"]}]`,
		`{"os": "linux", "rootfs": {"diff_ids": ["sha256:00"]}}`,
		false,
	)
	f.Add(`[{"Config": "config.json", "Layers": ["layer.tar", "x"]}]`, `{"rootfs": {"diff_ids": [1]}}`, false)
	f.Add(`{"layers": [], "Layers": {}}`, `{}`, true)

	f.Fuzz(func(t *testing.T, first, second string, isLayout bool) {
		members := []member{
			{"manifest.json", []byte(first)},
			{"config.json", []byte(second)},
			{"layer.tar", layer},
		}
		if isLayout {
			members = []member{
				{"oci-layout", []byte(second)},
				{"index.json", []byte(first)},
				{"blobs/sha256/x", layer},
			}
		}

		data := tarOf(t, members, true)
		marks, err := fuzzed(t, data)
		if err == nil && !slices.Contains(marks, "layer") {
			t.Errorf("only %q was found, without an error", marks)
		}
	})
}
