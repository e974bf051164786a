package inspect

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A zipEntry is a member of a crafted zip archive.
type zipEntry struct {
	name       string
	content    []byte
	packed     []byte // the bytes in the archive, nil if they are the content
	method     uint16
	flags      uint16
	attributes uint32
	extra      []byte // extra field of the local header
	after      []byte // follows the content

	changeHeader func(header []byte) // changes the local header
	changeEntry  func(entry []byte)  // changes the entry in the directory
	hidden       bool                // there is no entry in the directory
}

// craftZip returns a zip archive that follows the bytes before.
func craftZip(before []byte, entries ...zipEntry) []byte {
	le := binary.LittleEndian

	out := slices.Clone(before)
	var directory []byte
	count := 0
	for _, e := range entries {
		packed := e.content
		if e.packed != nil {
			packed = e.packed
		}
		start := len(out)

		fields := make([]byte, 26) // from the version to the length of the extra field
		le.PutUint16(fields, 20)
		le.PutUint16(fields[2:], e.flags)
		le.PutUint16(fields[4:], e.method)
		le.PutUint32(fields[10:], crc32.ChecksumIEEE(e.content))
		le.PutUint32(fields[14:], uint32(len(packed)))
		le.PutUint32(fields[18:], uint32(len(e.content)))
		le.PutUint16(fields[22:], uint16(len(e.name)))
		le.PutUint16(fields[24:], uint16(len(e.extra)))

		header := slices.Concat([]byte(zipLocalMagic), fields, []byte(e.name), e.extra)
		if e.flags&zipHasDescriptor != 0 {
			clear(header[14:26])
		}
		if e.changeHeader != nil {
			e.changeHeader(header)
		}

		out = append(out, header...)
		out = append(out, packed...)
		out = append(out, e.after...)
		if e.hidden {
			continue
		}

		count++
		entry := slices.Concat(
			[]byte(zipDirectoryMagic),
			[]byte{20, 3},
			fields,
			make([]byte, 14),
			[]byte(e.name),
		)
		le.PutUint16(entry[30:], 0) // no extra field
		le.PutUint32(entry[38:], e.attributes)
		le.PutUint32(entry[42:], uint32(start))
		if e.changeEntry != nil {
			e.changeEntry(entry)
		}
		directory = append(directory, entry...)
	}

	end := make([]byte, zipEndLen)
	copy(end, zipEndMagic)
	le.PutUint16(end[8:], uint16(count))
	le.PutUint16(end[10:], uint16(count))
	le.PutUint32(end[12:], uint32(len(directory)))
	le.PutUint32(end[16:], uint32(len(out)))
	return slices.Concat(out, directory, end)
}

// dataDescriptor returns the record that follows a member with the flag zipHasDescriptor.
func dataDescriptor(content, packed []byte) []byte {
	le := binary.LittleEndian
	record := le.AppendUint32([]byte(zipDescriptorMagic), crc32.ChecksumIEEE(content))
	record = le.AppendUint32(record, uint32(len(packed)))
	return le.AppendUint32(record, uint32(len(content)))
}

// Unpackers disagree about what a zip archive contains. Some read the directory, others the
// local headers. Some heed the modes of members, others do not.
func TestZipViews(t *testing.T) {
	good := marked("good")
	hidden := marked("hidden")
	deflated := func(data []byte) []byte {
		z := zipOf(t, []member{{"x", data}})
		return z[zipLocalLen+1 : bytes.Index(z, []byte(zipDescriptorMagic))]
	}
	file := zipEntry{name: "good", content: good}
	secret := zipEntry{name: "hidden", content: hidden}
	le := binary.LittleEndian

	var cases []crafted
	add := func(name string, data []byte, want string) { cases = append(cases, crafted{name, data, want}) }
	with := func(change func(*zipEntry)) []byte {
		e := file
		change(&e)
		return craftZip(nil, e)
	}

	for name, attributes := range map[string]uint32{
		"a directory by its mode":  0o040755 << 16,
		"a link by its mode":       0o120777 << 16,
		"a pipe by its mode":       0o010644 << 16,
		"a device by its mode":     0o020644 << 16,
		"the directory bit of DOS": 0x10,
		"the label bit of DOS":     0x08,
		"everything":               0xffffffff,
	} {
		add(name, with(func(e *zipEntry) { e.attributes = attributes }), "good")
	}
	add("a directory by its name", with(func(e *zipEntry) { e.name = "d/" }), "good")
	add("a directory by its name, deflated",
		with(func(e *zipEntry) { e.name = "d/"; e.method = 8; e.packed = deflated(good) }),
		"good")
	add("a real directory", craftZip(nil, zipEntry{name: "d/", attributes: 0x10}, file), "good")
	add("a directory of nothing, deflated",
		craftZip(nil, zipEntry{name: "d/", method: 8, packed: []byte{3, 0}}, file),
		"good")
	add("encrypted", with(func(e *zipEntry) { e.flags = 1 }), "encrypted content cannot be inspected")
	add("encrypted by its header",
		with(func(e *zipEntry) { e.changeHeader = func(b []byte) { b[6] = 1 } }),
		"encrypted content cannot be inspected")
	add("encrypted by the directory",
		with(func(e *zipEntry) { e.changeEntry = func(b []byte) { b[8] = 0x41 } }),
		"encrypted content cannot be inspected")
	add("an unknown method", with(func(e *zipEntry) { e.method = 99 }), "unsupported compression")

	add("another method in the header",
		with(func(e *zipEntry) { e.changeHeader = func(b []byte) { b[8] = 8 } }),
		"its header gives compression method 8")
	add("another size in the header",
		with(func(e *zipEntry) { e.changeHeader = func(b []byte) { le.PutUint32(b[18:], 10) } }),
		"its header gives")
	add("only one size in the header, as macOS writes it", with(func(e *zipEntry) {
		e.flags = zipHasDescriptor
		e.after = dataDescriptor(good, good)
		e.changeHeader = func(b []byte) { le.PutUint32(b[22:], uint32(len(good))) }
	}), "good")
	add("another size in the header and one after", with(func(e *zipEntry) {
		e.flags = zipHasDescriptor
		e.after = dataDescriptor(good, good)
		e.changeHeader = func(b []byte) { le.PutUint32(b[22:], 10) }
	}), "its header gives")
	add("what bsdtar takes for a header, and 7-Zip does not", craftZip(nil, func() zipEntry {
		e := file
		e.after = append([]byte(zipLocalMagic), bytes.Repeat([]byte{0xff}, zipLocalLen)...)
		return e
	}()), "is not in the directory")
	add("no size in the header",
		with(func(e *zipEntry) { e.changeHeader = func(b []byte) { clear(b[18:26]) } }),
		"its header gives")
	add("the size of a large file in the header", with(func(e *zipEntry) {
		e.extra = []byte{1, 0, 16, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0}
		e.changeHeader = func(b []byte) { le.PutUint64(b[18:], 1<<64-1) }
	}), "good")
	add("another size of a large file in the header", with(func(e *zipEntry) {
		e.extra = []byte{1, 0, 16, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0}
		e.changeHeader = func(b []byte) { le.PutUint64(b[18:], 1<<64-1) }
	}), "its header gives")
	add("sizes after", with(func(e *zipEntry) {
		e.flags = zipHasDescriptor
		e.method = 8
		e.packed = deflated(good)
		e.after = dataDescriptor(good, e.packed)
	}), "good")

	inner := craftZip(nil, secret)
	add("only in a header",
		craftZip(nil, file, zipEntry{name: "hidden", content: hidden, hidden: true}),
		"not in the directory")
	add("only in the first header",
		craftZip(nil, zipEntry{name: "hidden", content: hidden, hidden: true}, file),
		"not in the directory")
	add("all only in headers",
		craftZip(nil, zipEntry{name: "hidden", content: hidden, hidden: true}),
		"not in the directory")
	add("between members",
		craftZip(nil,
			zipEntry{
				name:    "t",
				content: []byte("text"),
				after:   slices.Concat([]byte("gap"), inner[:len(inner)-90]),
			},
			file,
		),
		"not in the directory")
	add("padding between members",
		craftZip(nil, zipEntry{name: "t", content: []byte("text"), after: make([]byte, 5000)}, file),
		"good")
	packed := append(deflated(make([]byte, 100)), inner...)
	add("after what is compressed",
		craftZip(nil,
			zipEntry{name: "t", content: make([]byte, 100), packed: packed, method: 8, flags: zipHasDescriptor},
			file,
		),
		"its compressed data ends before")
	early := slices.Concat(make([]byte, 100), dataDescriptor(make([]byte, 100), make([]byte, 100)), inner)
	add("after an early end",
		craftZip(nil,
			zipEntry{name: "t", content: early, flags: zipHasDescriptor, after: dataDescriptor(early, early)},
			file,
		),
		"its content ends early")
	add("a stored archive with its sizes after",
		craftZip(nil, zipEntry{
			name:    "x.zip",
			content: inner,
			flags:   zipHasDescriptor,
			after:   dataDescriptor(inner, inner),
		}),
		"hidden")

	add("overlapping members",
		craftZip(nil, file, zipEntry{
			name:        "t",
			content:     []byte("text"),
			changeEntry: func(b []byte) { le.PutUint32(b[42:], 0) },
		}),
		"its header gives")
	add("the same member twice",
		craftZip(nil, file, zipEntry{
			name:        "good",
			content:     good,
			changeEntry: func(b []byte) { le.PutUint32(b[42:], 0) },
		}),
		"members of the zip archive overlap")
	add("beyond the directory",
		with(func(e *zipEntry) { e.changeHeader = func(b []byte) { le.PutUint16(b[28:], 2000) } }),
		"overlaps the directory")
	add("another checksum",
		with(func(e *zipEntry) { e.changeEntry = func(b []byte) { b[16] ^= 1 } }),
		"checksum error")
	add("no checksum",
		with(func(e *zipEntry) { e.changeEntry = func(b []byte) { clear(b[16:20]) } }),
		"checksum error")

	directory := func(data []byte) int { return bytes.LastIndex(data, []byte(zipDirectoryMagic)) }
	archive := craftZip(nil, file)
	commented := func(data, comment []byte) []byte {
		data = slices.Clone(data)
		le.PutUint16(data[len(data)-2:], uint16(len(comment)))
		return append(data, comment...)
	}

	add("a comment", commented(archive, []byte("comment")), "good")
	add("an archive in the comment", commented(archive, inner), "not in the directory")
	add("a comment longer than the file", commented(archive, []byte("comment"))[:len(archive)+3], "good")
	add("something after", append(slices.Clone(archive), "junk"...), "good")
	add("something before", append([]byte("junk"), archive...), "good")
	add("something before that is counted", craftZip([]byte("junk"), file), "good")
	add("something and a member before",
		slices.Concat([]byte("junk"), inner[:directory(inner)], archive),
		"not in the directory")
	add("something and a member before that is not in the directory",
		craftZip([]byte("junk"), zipEntry{name: "hidden", content: hidden, hidden: true}, file),
		"not in the directory")
	add("the magic before",
		slices.Concat([]byte("junk"), []byte(zipLocalMagic), bytes.Repeat([]byte{0xcc}, 30), archive),
		"good")
	add("two archives", slices.Concat(inner, archive), "not in the directory")

	// The directory that the offset leads to is not the one before the end.
	two := slices.Concat(inner, archive)
	le.PutUint32(two[len(two)-6:], uint32(bytes.Index(two, []byte(zipDirectoryMagic))))
	add("two directories", two, "two directories")

	// Python uses a zip64 record even if it is not needed.
	large := func(data []byte, offset int, needed bool) []byte {
		end := slices.Clone(data[len(data)-zipEndLen:])
		size := le.Uint32(end[12:])
		record := append([]byte(zip64EndMagic), make([]byte, zip64EndLen-4)...)
		le.PutUint64(record[4:], zip64EndLen-12)
		le.PutUint64(record[24:], 1)
		le.PutUint64(record[32:], 1)
		le.PutUint64(record[40:], uint64(size))
		le.PutUint64(record[48:], uint64(offset))
		locator := append([]byte(zip64LocatorMagic), make([]byte, zip64LocatorLen-4)...)
		le.PutUint64(locator[8:], uint64(len(data)-zipEndLen))
		le.PutUint32(locator[16:], 1)
		if needed {
			for i := range 12 {
				end[8+i] = 0xff
			}
		}

		return slices.Concat(data[:len(data)-zipEndLen], record, locator, end)
	}

	add("a record for large archives", large(archive, directory(archive), true), "good")
	add("a record for large archives that is not needed", large(archive, directory(archive), false), "good")
	both := slices.Concat(inner[:directory(inner)], inner[directory(inner):len(inner)-zipEndLen], archive)
	add("a record for large archives that leads elsewhere",
		large(both, directory(inner), false),
		"two directories")
	add("the same directory with other places", func() []byte {
		data := large(archive, directory(archive), false)
		le.PutUint64(data[len(data)-zipEndLen-zip64LocatorLen-8:], uint64(directory(archive)-1))
		return data
	}(), "two directories")
	add("many ends", slices.Concat(bytes.Repeat(inner, maxZipEnds+2), archive), "too many end records")
	compare(t, "zip", ".zip", cases)
}

// The end record of a stored zip archive is not taken for that of the zip archive around it.
func TestStoredZips(t *testing.T) {
	inner := craftZip(nil, zipEntry{name: "p", content: marked("inner")})
	data := craftZip(nil,
		zipEntry{name: "in.zip", content: inner},
		zipEntry{name: "p", content: marked("outer")},
	)
	marks, err := marksOf(t, write(t, "x.zip", data))
	if err != nil || !slices.Equal(marks, []string{"inner", "outer"}) {
		t.Errorf("%q, %v", marks, err)
	}
}

// Archives with every kind of member that programs write are accepted.
func TestZipWriters(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, mode := range map[string]fs.FileMode{
		"d/":   fs.ModeDir | 0o755,
		"link": fs.ModeSymlink | 0o777,
		"p":    0o755,
	} {
		for _, method := range []uint16{zip.Store, zip.Deflate} {
			h := zip.FileHeader{Name: name, Method: method}
			h.SetMode(mode)
			f, err := w.CreateHeader(&h)
			check(t, err)
			content := map[string]string{"link": "p", "p": string(marked("p"))}[name]
			_, err = io.WriteString(f, content)
			check(t, err)
		}
	}
	check(t, w.Close())

	marks, err := marksOf(t, write(t, "x.zip", b.Bytes()))
	if err != nil || !slices.Equal(marks, []string{"p", "p"}) {
		t.Errorf("%q, %v", marks, err)
	}

	archives, err := filepath.Glob("/usr/lib/go*/lib/time/zoneinfo.zip")
	check(t, err)
	for _, name := range archives {
		if _, err := os.Stat(name); err == nil {
			if _, err := marksOf(t, name); err != nil && !strings.Contains(err.Error(), "no executable") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
