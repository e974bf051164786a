package inspect

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tarHeader returns the header of a member after applying change to it.
func tarHeader(name string, typeflag byte, size int, change func(block []byte)) []byte {
	block := make([]byte, tarBlockSize)
	copy(block, name)
	copy(block[100:], "0000755\x000000000\x000000000\x00")
	copy(block[124:], fmt.Sprintf("%011o\x00", size))
	copy(block[136:], "00000000000\x00")
	block[156] = typeflag
	copy(block[257:], "ustar\x0000")
	if change != nil {
		change(block)
	}
	return resummed(block)
}

func tarMember(name string, typeflag byte, content []byte) []byte {
	return slices.Concat(tarHeader(name, typeflag, len(content), nil), blocksOf(content))
}

// blocksOf returns content padded to whole blocks.
func blocksOf(content []byte) []byte {
	return append(slices.Clone(content), make([]byte, padded(int64(len(content)))-int64(len(content)))...)
}

var tarEnd = make([]byte, 2*tarBlockSize)

// paxMember returns an extended header.
func paxMember(typeflag byte, records ...string) []byte {
	var content []byte
	for _, record := range records {
		length := len(record) + 3
		for len(fmt.Sprint(length))+len(record)+2 != length {
			length++
		}
		content = fmt.Appendf(content, "%d %s\n", length, record)
	}

	return tarMember("PaxHeaders/x", typeflag, content)
}

// Unpackers disagree about where the members of a tar archive begin and which of them are
// files.
func TestTarViews(t *testing.T) {
	good, hidden := marked("good"), marked("hidden")
	file := func(name string, content []byte) []byte { return tarMember(name, '0', content) }
	nested := file("hidden", hidden) // a member that may be content
	plain := func(parts ...[]byte) []byte { return append(slices.Concat(parts...), tarEnd...) }

	var cases []crafted
	add := func(name string, data []byte, want string) { cases = append(cases, crafted{name, data, want}) }
	for _, typeflag := range []byte("0\x007DEIZz") {
		add(fmt.Sprintf("type %q", typeflag), plain(tarMember("p", typeflag, good)), "good")
	}
	add("type V with content", plain(tarMember("p", 'V', good)), "good")
	add("type V before a header", plain(tarMember("v", 'V', nested)), "content of another member")

	for _, typeflag := range []byte("23456") {
		add(fmt.Sprintf("type %q with content", typeflag),
			plain(tarMember("n", typeflag, good), file("p", good)),
			"invalid tar header")
		add(fmt.Sprintf("type %q with a header for content", typeflag),
			plain(tarMember("n", typeflag, nested), file("p", good)),
			"hidden good")

		// What one takes for the content of the first file is a header to the other.
		covered := slices.Concat(
			tarHeader("n", typeflag, tarBlockSize, nil),
			tarHeader("text", '0', len(nested), nil),
			nested,
		)
		add(fmt.Sprintf("type %q whose size covers a header", typeflag),
			plain(covered),
			"content of another member")
		add(fmt.Sprintf("type %q with a size and no content", typeflag),
			plain(tarHeader("n", typeflag, 5000, nil), file("p", good)),
			"good")
	}

	add("a hard link with content", plain(tarMember("n", '1', nested), file("p", good)), "hidden good")
	add("a hard link with content, extended",
		plain(
			paxMember('x', "comment=x"),
			tarHeader("n", '1', tarBlockSize, nil),
			tarHeader("text", '0', len(nested), nil),
			nested,
		),
		"content of another member")
	add("a directory with a size in an extended header",
		plain(
			paxMember('x', "size=512"),
			tarHeader("n", '5', 0, nil),
			tarHeader("text", '0', len(nested), nil),
			nested,
		),
		"content of another member")

	add("a slash at the end", plain(tarMember("p/", '0', good)), "good")
	add("a slash at the end of an old name", plain(tarMember("p/", 0, good)), "invalid tar header")
	add("a slash at the end, before a header", plain(tarMember("d/", '0', nested)), "content of another member")
	add("a slash at the end of an extended name",
		plain(paxMember('x', "path=d/"), tarMember("d", '0', nested)),
		"content of another member")
	add("a slash at the end of a name that is not the last word",
		plain(paxMember('x', "path=d"), tarMember("d/", '0', nested)),
		"content of another member")
	add("a slash at the end of a long name",
		plain(tarMember("././@LongLink", 'L', []byte("d/\x00")), tarMember("d", '0', nested)),
		"content of another member")
	add("a tar archive under a long name",
		plain(
			tarMember("././@LongLink", 'L', []byte(strings.Repeat("d/", 60)+"p\x00")),
			tarMember(strings.Repeat("d/", 50), '0', plain(nested)),
		),
		"hidden")

	inText := tarMember("text", '0', slices.Concat(make([]byte, tarBlockSize), nested))
	add("an extended size", plain(paxMember('x', "size=512"), inText), "hidden")
	add("an extended size that swallows a member",
		plain(
			paxMember('x', fmt.Sprint("size=", tarBlockSize+len(nested))),
			tarHeader("text", '0', tarBlockSize, nil),
			make([]byte, tarBlockSize),
			nested,
		),
		"content of another member")
	add("an extended size for all", plain(paxMember('g', "size=512"), file("p", good)), "for all members")
	add("a comment for all", plain(paxMember('g', "comment=abc"), file("p", good)), "good")
	add("two extended headers",
		plain(paxMember('x', "size=512"), paxMember('x', "comment=x"), inText),
		"two extended headers")
	add("an extended size with a sign",
		plain(paxMember('x', "size=+1024"), file("p", good)),
		`the size of a member is "+1024"`)
	add("an extended size of nothing",
		plain(paxMember('x', "size="), file("p", good)),
		`the size of a member is ""`)
	add("sizes for Solaris", plain(paxMember('X', "size=512"), inText), "unsupported member type 'X'")

	sized := func(field string) []byte {
		return slices.Concat(tarHeader("p", '0', 0, func(b []byte) { copy(b[124:136], field) }), blocksOf(good))
	}
	binaryField := make([]byte, 12)
	binary.BigEndian.PutUint64(binaryField[4:], uint64(len(good)))
	binaryField[0] = 0x80
	add("spaces before a size", plain(sized("       2000 ")), "good")
	add("a binary size", plain(sized(string(binaryField))), "good")
	binaryField[1] = 1
	add("a binary size of 72 bits", plain(sized(string(binaryField))), "the size of a member is")
	add("zeros before a size",
		plain(sized("\x00\x00\x00\x00\x00\x00\x002000\x00")),
		"which unpackers read differently")
	add("a tab before a size", plain(sized("\t0000002000\x00")), "which unpackers read differently")
	add("base 64", plain(sized("+AAAAAAAAQA\x00")), "which unpackers read differently")

	add("after the end", plain(file("p", good), tarEnd, nested), "good hidden")
	add("far after the end", plain(file("p", good), make([]byte, 40*tarBlockSize), nested), "good hidden")
	add("after one block of zeros",
		plain(file("p", good), make([]byte, tarBlockSize), nested),
		"invalid tar header")
	add("padding after the end",
		plain(file("p", good), tarEnd, bytes.Repeat([]byte("padding "), 1000)),
		"good")

	sparse := func(version string) []byte {
		return plain(
			paxMember(
				'x',
				"GNU.sparse.major=0",
				"GNU.sparse.minor="+version,
				"GNU.sparse.size=2048",
				"GNU.sparse.numblocks=1",
				"GNU.sparse.map=1024,1024",
			),
			tarMember("p", '0', good),
		)
	}
	add("holes before a program", sparse("1"), "stored with holes")
	compare(t, "tar", ".tar", cases)

	for i := range cases {
		cases[i].data = through(t, cases[i].data, gz)
	}
	for _, c := range cases {
		marks, err := marksOf(t, write(t, "x.tgz", c.data))
		got := strings.Join(marks, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s, compressed: %q, expected %q", c.name, got, c.want)
		}
	}
}

// Archives of every format that archive/tar writes are accepted.
func TestTarFormats(t *testing.T) {
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		name := strings.Repeat("d/", 40) + "p"
		if format != tar.FormatUSTAR {
			name = strings.Repeat("directory/", 20) + "p"
		}

		for i := range 3 {
			check(t, w.WriteHeader(&tar.Header{
				Typeflag: tar.TypeDir,
				Name:     fmt.Sprint("d", i, "/"),
				Format:   format,
			}))
			check(t, w.WriteHeader(&tar.Header{
				Typeflag: tar.TypeReg,
				Name:     fmt.Sprint(i, name),
				Size:     1024,
				Mode:     0o755,
				Format:   format,
			}))
			_, err := w.Write(marked("p"))
			check(t, err)
			check(t, w.WriteHeader(&tar.Header{
				Typeflag: tar.TypeLink,
				Name:     fmt.Sprint("l", i),
				Linkname: name,
				Format:   format,
			}))
		}
		check(t, w.Close())

		if marks, err := marksOf(t, write(t, "x.tar", b.Bytes())); err != nil || len(marks) != 3 {
			t.Errorf("%s: %q, %v", format, marks, err)
		}
	}
}

// A sparse map in the old GNU format may continue in blocks before the content. If the content
// were taken for the map, the rest of the archive would not be checked.
func TestSparseMap(t *testing.T) {
	sparse := tarHeader("s", 'S', tarBlockSize, func(b []byte) {
		copy(b[257:], "ustar  \x00")
		for i := range 4 { // each entry: offset and size
			at := 386 + 24*i
			copy(b[at:], "00000000000\x00")
			copy(b[at+12:], "00000000000\x00")
		}
		b[482] = 1 // the map continues
		copy(b[483:], "00000001000\x00")
	})
	sparseMap := make([]byte, tarBlockSize)
	copy(sparseMap, "00000000000\x0000000001000\x00")
	content := make([]byte, tarBlockSize)
	content[504] = 1 // would continue the map if it were part of it

	good := marked("good")
	nested := tarMember("hidden", '0', marked("hidden"))
	text := append(bytes.Repeat([]byte("x"), tarBlockSize), nested...)

	var cases []crafted
	for _, typeflag := range []byte("23456") {
		data := slices.Concat(
			sparse, sparseMap, content,
			tarMember("good", '0', good),
			tarHeader("n", typeflag, 2*tarBlockSize, nil),
			tarMember("text", '0', text),
			tarEnd,
		)
		cases = append(cases, crafted{fmt.Sprintf("type %q", typeflag), data, "content of another member"})
	}
	compare(t, "tar", ".tar", cases)
}
