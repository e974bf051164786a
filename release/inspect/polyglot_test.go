package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/klauspost/compress/gzip"
)

// overTar writes the header of a tar member into the first block of data. The member has size
// bytes of content, which follow the block.
func overTar(data []byte, size int) []byte {
	data = slices.Clone(data)
	copy(data[116:], "0000000\x00")
	copy(data[124:], fmt.Sprintf("%011o\x00", size))
	copy(data[136:], "00000000000\x00")
	data[156] = '0'
	copy(data[257:], "ustar\x0000")
	return resummed(data)
}

// polyglots returns files that can be read in two ways: as what they begin as, and as a tar
// archive whose header is in the first block or a zip archive at the end.
func polyglots(t *testing.T) []crafted {
	inTar := slices.Concat(tarMember("in-tar", '0', marked("tar")), tarEnd)
	zipped := craftZip(nil, zipEntry{name: "in-zip", content: marked("zip")})
	program := marked("program")
	tarProgram := slices.Concat(overTar(program, tarBlockSize), inTar)

	gzipTar := func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Extra = make([]byte, tarBlockSize-12+len(inTar)) // the field begins after 12 bytes
		_, err := w.Write(marked("gzip"))
		check(t, err)
		check(t, w.Close())

		data := overTar(b.Bytes(), 0)
		copy(data[tarBlockSize:], inTar)
		return data
	}

	zipTar := func() []byte {
		extra := make([]byte, tarBlockSize-zipLocalLen-1+len(inTar))
		binary.LittleEndian.PutUint16(extra, 0xcafe)
		binary.LittleEndian.PutUint16(extra[2:], uint16(len(extra)-4))

		data := overTar(craftZip(nil, zipEntry{name: "p", content: marked("zip"), extra: extra}), 0)
		copy(data[tarBlockSize:], inTar)
		return data
	}

	arTar := func() []byte {
		room := member{"room", make([]byte, tarBlockSize-68+len(inTar))}
		data := overTar(arOf([]member{room, {"p", marked("ar")}}), 0)
		copy(data[tarBlockSize:], inTar)
		return data
	}

	rpmTar := func() []byte {
		// The signature has no entries and 12336 bytes, a length that consists of octal digits.
		store := make([]byte, 0x3030)
		copy(store, "0000")
		head := slices.Concat(
			[]byte(rpmMagic),
			make([]byte, 92),
			[]byte(rpmHeaderMagic),
			make([]byte, 8),
			[]byte{0, 0, '0', '0'},
			store,
		)
		header := append([]byte(rpmHeaderMagic), make([]byte, 12)...)
		payload := through(t, cpioOf([]member{{"p", marked("rpm")}}), gz)
		data := overTar(slices.Concat(head, header, payload), 0)
		copy(data[tarBlockSize:], inTar)
		return data
	}

	zstdTar := func() []byte {
		skipped := make([]byte, tarBlockSize-8+len(inTar))
		frame := binary.LittleEndian.AppendUint32([]byte("\x50\x2a\x4d\x18"), uint32(len(skipped)))
		data := overTar(slices.Concat(frame, skipped, through(t, marked("zstd"), zst)), 0)
		copy(data[tarBlockSize:], inTar)
		return data
	}

	magicOnly := slices.Clone(program)
	copy(magicOnly[257:], "ustar")
	mz := make([]byte, tarBlockSize)
	copy(mz, "MZ.txt")
	deb := arOf([]member{{"debian-binary", []byte("2.0\n")}, {"data.tar", inTar}})
	rpm := rpmOf(through(t, cpioOf([]member{{"p", marked("rpm")}}), gz))

	return []crafted{
		{"a program and a tar archive", tarProgram, "program tar"},
		{"a program and a zip archive", slices.Concat(program, zipped), "program zip"},
		{"a program, a tar and a zip archive", slices.Concat(tarProgram, zipped), "program tar zip"},
		{
			"a program and a zip archive that counts it",
			craftZip(program, zipEntry{name: "in-zip", content: marked("zip")}),
			"program zip",
		},
		{"a program and an empty zip archive", slices.Concat(program, craftZip(nil)), "program"},
		{
			"a program with the end of a zip archive in it",
			slices.Concat(program, []byte(zipEndMagic), bytes.Repeat([]byte{7}, 100)),
			"program",
		},
		{"a program with the magic of a tar archive", magicOnly, "program"},
		{
			"a program after frames that zstd skips",
			slices.Concat([]byte("\x51\x2a\x4d\x18\x03\x00\x00\x00abc"), through(t, program, zst)),
			"program",
		},
		{"a script and a zip archive", slices.Concat([]byte("#!/bin/sh\nexit\n"), zipped), "zip"},
		{"a tar archive whose first name begins like a program", slices.Concat(overTar(mz, 0), inTar), "tar"},
		{"a tar and a zip archive", slices.Concat(inTar, zipped), "tar zip"},
		{
			"a tar archive with a zip archive for its last member",
			slices.Concat(tarMember("x.zip", '0', zipped), tarEnd),
			"zip",
		},
		{"a zip and a tar archive", zipTar(), "zip tar"},
		{"gzip and a tar archive", gzipTar(), "gzip tar"},
		{"zstd and a tar archive", zstdTar(), "zstd tar"},
		{"an ar and a tar archive", arTar(), "ar tar"},
		{"an RPM package and a tar archive", rpmTar(), "rpm tar"},
		{"a Debian package and a zip archive", slices.Concat(deb, zipped), "not a member header"},
		{"an RPM package and a zip archive", slices.Concat(rpm, zipped), "gzip: invalid header"},
		{"gzip and a zip archive", slices.Concat(through(t, program, gz), zipped), "gzip: invalid header"},
		{"xz and a zip archive", slices.Concat(through(t, program, xzw), zipped), "xz: "},
		{
			"zstd and a zip archive",
			slices.Concat(through(t, program, zst), zipped),
			"invalid input: magic number mismatch",
		},
	}
}

// A file that can be read in two ways is inspected in both, in every kind of container.
func TestPolyglots(t *testing.T) {
	cases := polyglots(t)
	if _, err := exec.LookPath("bzip2"); err != nil {
		t.Log("not installed, so there is no such file: bzip2")
	} else {
		cmd := exec.Command("bzip2", "-c")
		cmd.Stdin = bytes.NewReader(marked("program"))
		packed, err := cmd.Output()
		check(t, err)
		zipped := craftZip(nil, zipEntry{name: "in-zip", content: marked("zip")})
		cases = append(cases, crafted{
			"bzip2 and a zip archive",
			slices.Concat(packed, zipped),
			"bzip2 data invalid",
		})
	}

	type place struct {
		name string
		put  func(data []byte) []byte
	}
	noise := member{"text", []byte("text")}
	places := []place{
		{"x", func(data []byte) []byte { return data }},
		{"x.tar", func(data []byte) []byte { return tarOf(t, []member{{"in", data}, noise}, true) }},
		{"x.zip", func(data []byte) []byte { return zipOf(t, []member{{"in", data}, noise}) }},
		{"x.rpm", func(data []byte) []byte { return rpmOf(cpioOf([]member{{"in", data}, noise})) }},
		{"x.deb", func(data []byte) []byte {
			files := through(t, tarOf(t, []member{{"in", data}, noise}, true), gz)
			return arOf([]member{{"debian-binary", []byte("2.0\n")}, {"data.tar.gz", files}})
		}},
		{"x.a", func(data []byte) []byte { return arOf([]member{{"in", data}, noise}) }},
		{"x.gz", func(data []byte) []byte { return through(t, data, gz) }},
		{"x.xz", func(data []byte) []byte { return through(t, data, xzw) }},
		{
			"x.tar.zst",
			func(data []byte) []byte { return through(t, tarOf(t, []member{{"in", data}, noise}, true), zst) },
		},
	}

	for _, c := range cases {
		isRight := func(got []string, err error) bool {
			if err == nil {
				return sameMarks(got, c.want)
			}

			// An archive at the end of another one may be found from there as well.
			isAppended := errors.Is(err, errAppendedZip) && strings.Contains(c.want, "zip")
			return says(err, c.want) || isAppended
		}

		for _, place := range places {
			data := place.put(c.data)
			path := write(t, place.name, data)
			if marks, err := marksOf(t, path); !isRight(marks, err) {
				t.Errorf("%s in %s: %q, %v, expected %q", c.name, place.name, marks, err, c.want)
			}

			var marks []string
			err := Reader(t.Context(), "asset", bytes.NewReader(data), int64(len(data)), func(f Found) error {
				marks = append(marks, markOf(f.File))
				return nil
			})
			if !isRight(marks, err) {
				t.Errorf("%s in %s, as an asset: %q, %v, expected %q", c.name, place.name, marks, err, c.want)
			}

			// In a directory, a file without an extension is inspected only if it begins like a
			// program, and ar archives are not recognized.
			hasExtension := place.name != "x"
			isProgram := strings.HasPrefix(c.name, "a program") && !strings.Contains(c.name, "zstd")
			if !hasExtension && !isProgram || place.name == "x.a" {
				continue
			}
			if marks, err := marksOf(t, filepath.Dir(path)); !isRight(marks, err) {
				t.Errorf("%s in %s in a directory: %q, %v, expected %q", c.name, place.name, marks, err, c.want)
			}
		}
	}
}

// sameMarks compares marks in any order and without duplicates.
func sameMarks(got []string, want string) bool {
	once := slices.Compact(slices.Sorted(slices.Values(got)))
	return slices.Equal(once, slices.Sorted(slices.Values(strings.Fields(want))))
}

// A layer can be a file to some runtimes and an archive to others.
func TestPolyglotLayers(t *testing.T) {
	for _, c := range polyglots(t)[:3] {
		for _, mediaType := range []string{
			"application/vnd.oci.image.layer.v1.tar",
			"application/octet-stream",
			"application/vnd.in-toto+json",
		} {
			img := imageOf(t, "amd64", layerOfType(string(c.data), mediaType))
			index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
			dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)
			marks, err := marksOf(t, dir)
			if err != nil || !sameMarks(marks, c.want) {
				t.Errorf("%s as %s: %q, %v", c.name, mediaType, marks, err)
			}

			saved := write(t, "x.tar", tarDir(t, dir))
			marks, err = marksOf(t, saved)
			if err != nil || !sameMarks(marks, c.want) {
				t.Errorf("%s as %s in a tar archive: %q, %v", c.name, mediaType, marks, err)
			}
		}
	}
}

// A zip archive after content that is not stored is an error.
func TestAppendedZip(t *testing.T) {
	zipped := craftZip(nil, zipEntry{name: "in-zip", content: marked("zip")})
	text := bytes.Repeat([]byte("text "), 50000)
	for name, data := range map[string][]byte{
		"x.tar":    tarOf(t, []member{{"in", slices.Concat(text, zipped)}}, true),
		"x.tar.gz": through(t, tarOf(t, []member{{"in", slices.Concat(text, zipped)}}, true), gz),
		"y.tar.gz": through(t, slices.Concat(tarOf(t, nil, true), zipped), gz),
		"x.gz":     through(t, slices.Concat(text, zipped), gz),
		"x.rpm":    rpmOf(through(t, cpioOf([]member{{"in", slices.Concat(text, zipped)}}), gz)),
	} {
		if marks, err := marksOf(t, write(t, name, data)); !says(err, "cannot be inspected here") {
			t.Errorf("%s: %q, %v", name, marks, err)
		}
	}

	marks, err := marksOf(t, write(t, "x", slices.Concat(text, zipped)))
	if err != nil || !slices.Equal(marks, []string{"zip"}) {
		t.Errorf("by itself: %q, %v", marks, err)
	}
}

// The kernel runs a program that has a zip archive appended, so it is judged as a program.
func TestPolyglotRuns(t *testing.T) {
	p := program(t)
	data := slices.Concat(p, craftZip(nil, zipEntry{name: "in-zip", content: marked("zip")}))
	path := filepath.Join(t.TempDir(), "x")
	check(t, os.WriteFile(path, data, 0o755))
	if out, err := exec.Command(path).CombinedOutput(); err != nil {
		t.Skipf("programs for linux/amd64 do not run here: %v: %s", err, out)
	}
	if found, err := look(t, path); err != nil || !slices.Equal(found, []string{"static ", "NOT !in-zip"}) {
		t.Errorf("%q, %v", found, err)
	}
}
