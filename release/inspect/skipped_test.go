package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// write writes a file in a new directory and returns its path.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o644))
	return path
}

// retyped returns a tar archive whose first member has another type.
func retyped(data []byte, typeflag byte) []byte {
	data = slices.Clone(data)
	data[156] = typeflag
	return resummed(data)
}

// resummed corrects the checksum of the first header.
func resummed(data []byte) []byte {
	sum := 0
	copy(data[148:156], "        ")
	for _, b := range data[:headSize] {
		sum += int(b)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

// Members of every type that unpackers write as files are inspected. A type that can be
// neither inspected nor ignored is an error.
func TestTarTypes(t *testing.T) {
	file := tarOf(t, []member{{"p", broken}}, true)
	for typeflag, want := range map[byte]string{
		'0': "NOT !p",
		0:   "NOT !p",
		'7': "NOT !p",
		'Z': "NOT !p",
		'D': "NOT !p",
		'V': "NOT !p",
		'M': "unsupported member type 'M'",
	} {
		found, err := look(t, write(t, "x.tar", retyped(file, typeflag)))
		got := fmt.Sprint(strings.Join(found, " "), err)
		if !strings.Contains(got, want) || strings.HasPrefix(want, "NOT") != (err == nil) {
			t.Errorf("%q: %s", typeflag, got)
		}
	}

	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, typeflag := range []byte{
		tar.TypeDir,
		tar.TypeSymlink,
		tar.TypeLink,
		tar.TypeChar,
		tar.TypeBlock,
		tar.TypeFifo,
		tar.TypeXGlobalHeader,
	} {
		h := tar.Header{Typeflag: typeflag, Name: "n", Linkname: "target"}
		if typeflag == tar.TypeXGlobalHeader {
			h = tar.Header{Typeflag: typeflag, PAXRecords: map[string]string{"comment": "c"}}
		}
		check(t, w.WriteHeader(&h))
	}
	check(t, w.Close())

	for _, typeflag := range []byte{'5', 'D', 'V'} {
		found, err := look(t, write(t, "x.tar", retyped(b.Bytes(), typeflag)))
		if err != nil || len(found) > 0 {
			t.Errorf("%q: %q, %v", typeflag, found, err)
		}
	}
}

// Sparse files that GNU tar writes are inspected.
func TestSparseTar(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "p"))
	check(t, err)
	_, err = f.Write(broken)
	check(t, err)
	for i := range int64(40) { // more than fit into the header
		_, err = f.WriteAt([]byte("data"), (i+1)<<16)
		check(t, err)
	}
	check(t, f.Truncate(4<<20))
	check(t, f.Close())

	for _, format := range []string{"--format=gnu", "--format=posix"} {
		out, err := exec.Command(
			"tar",
			format,
			"-cSf",
			filepath.Join(dir, "x.tar"),
			"-C",
			dir,
			"p",
		).CombinedOutput()
		if err != nil {
			t.Skipf("no GNU tar here: %v: %s", err, out)
		}
		found, err := look(t, filepath.Join(dir, "x.tar"))
		if err != nil || !slices.Equal(found, []string{"NOT !p"}) {
			t.Errorf("%s: %q, %v", format, found, err)
		}
	}
}

// Members with content are inspected whatever their mode, because some unpackers (Python)
// write them as files.
func TestZipModes(t *testing.T) {
	for mode, want := range map[fs.FileMode]int{
		0o755:                    1,
		fs.ModeNamedPipe | 0o644: 1,
		fs.ModeDevice:            1,
		fs.ModeSocket:            1,
		fs.ModeSymlink | 0o777:   1,
		fs.ModeDir | 0o755:       1,
	} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		h := zip.FileHeader{Name: "p", Method: zip.Deflate}
		h.SetMode(mode)
		f, err := w.CreateHeader(&h)
		check(t, err)
		_, err = f.Write(broken)
		check(t, err)
		check(t, w.Close())
		if found, err := look(t, write(t, "x.zip", b.Bytes())); err != nil || len(found) != want {
			t.Errorf("%s: %q, %v", mode, found, err)
		}
	}
}

// Archives inside archives are inspected, and paths name all of the archives.
func TestNestedArchives(t *testing.T) {
	members := []member{{"dir/p", broken}, {"text", []byte("text")}}
	inner := containers(t, members)
	inner["x.gz"] = through(t, tarOf(t, members, true), gz)
	inner["page.gz"] = through(t, []byte("text"), gz)

	for name, data := range inner {
		var want []string
		if name != "page.gz" {
			want = []string{"NOT !in/" + name + "!dir/p"}
		}

		for outerName, outer := range containers(t, []member{{"in/" + name, data}}) {
			if found, err := look(t, write(t, outerName, outer)); err != nil || !slices.Equal(found, want) {
				t.Errorf("%s in %s: %q, %v", name, outerName, found, err)
			}
		}

		dir := filepath.Dir(write(t, "x.tar", tarOf(t, []member{{"in/" + name, data}}, true)))
		if found, err := look(t, dir); err != nil || len(found) != len(want) {
			t.Errorf("%s in a directory: %q, %v", name, found, err)
		}
	}
}

// A broken archive is an error, and the members after it are inspected.
func TestNestedBroken(t *testing.T) {
	data := tarOf(
		t,
		[]member{
			{"a.gz", []byte("\x1f\x8bno")},
			{"b.zip", []byte("PK\x03\x04")},
			{"c.tgz", through(t, tarOf(t, []member{{"p", broken}}, true), gz)},
		},
		true,
	)
	for _, path := range []string{write(t, "x.tar", data), write(t, "x.gz", through(t, data, gz))} {
		found, err := look(t, path)
		if !slices.Equal(found, []string{"NOT !c.tgz!p"}) || !says(err, "!a.gz: ") || !says(err, "!b.zip: ") {
			t.Errorf("%q, %v", found, err)
		}
	}

	// The number of errors is limited, because they take memory.
	many := make([]member, 10*maxErrors)
	for i := range many {
		many[i] = member{fmt.Sprint(i), []byte("\x1f\x8bno")}
	}
	_, err := look(t, write(t, "x.tar", tarOf(t, many, true)))
	if err == nil || strings.Count(err.Error(), "\n") != maxErrors {
		t.Errorf("%d errors", strings.Count(fmt.Sprint(err), "\n")+1)
	}
}

func TestNestingIsLimited(t *testing.T) {
	data := tarOf(t, []member{{"p", broken}}, true)
	for depth := range maxNesting + 3 {
		found, err := look(t, write(t, "x", data))
		isRight := len(found) == 1 && err == nil
		if depth > maxNesting {
			isRight = len(found) != 1 && says(err, "archives nested too deeply")
		}
		if !isRight {
			t.Errorf("%d archives around the inner one: %q, %v", depth, found, err)
		}

		if depth%2 == 0 {
			data = zipOf(t, []member{{"in", data}})
		} else {
			data = tarOf(t, []member{{"in", data}}, true)
		}
	}
}

// The layers of saved images are archives inside an archive and are inspected once. Other
// archives beside them are inspected as well.
func TestArchiveBesideImages(t *testing.T) {
	dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), indexOf(t))
	check(t, os.WriteFile(filepath.Join(dir, "more.zip"), zipOf(t, []member{{"p", broken}}), 0o644))
	want := append(slices.Clone(inIndex), "NOT !./more.zip!p")

	for name, data := range map[string][]byte{
		"x.tar":    tarDir(t, dir),
		"x.tar.gz": through(t, tarDir(t, dir), gz),
	} {
		if found, err := look(t, write(t, name, data)); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}

	// An image in an archive.
	want = nil
	for _, f := range inIndex {
		verdict, name, _ := strings.Cut(f, " ")
		want = append(want, verdict+" !in.tar"+name)
	}
	saved := writeLayout(t, filepath.Join(t.TempDir(), "image"), indexOf(t))
	found, err := look(t, write(t, "x.zip", zipOf(t, []member{{"in.tar", tarDir(t, saved)}})))
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("%q, %v", found, err)
	}
}

// Images without a platform are inspected, even if they are marked as attestations.
func TestUnknownPlatform(t *testing.T) {
	for _, test := range []struct {
		annotations map[string]string
		mediaType   types.MediaType
		want        int
	}{
		{nil, types.OCILayer, 1},
		{map[string]string{"vnd.docker.reference.type": "other"}, types.OCILayer, 1},
		{nil, "application/vnd.in-toto+json", 1},
		{
			map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
			"application/vnd.in-toto+json",
			1,
		},
	} {
		layer := layerOfType(string(tarOf(t, []member{{"p", broken}}, true)), string(test.mediaType))
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
			Add: imageOf(t, "unknown", layer),
			Descriptor: v1.Descriptor{
				Annotations: test.annotations,
				Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			},
		})
		found, err := look(t, writeLayout(t, filepath.Join(t.TempDir(), "image"), index))
		if err != nil || len(found) != test.want {
			t.Errorf("%v: %q, %v", test, found, err)
		}
	}
}

// A tar archive of Version 7 Unix has no magic. A file that does not even have the checksum is
// recognized by its name, and is an error.
func TestOldTar(t *testing.T) {
	data := tarOf(t, []member{{"p", broken}}, true)
	clear(data[257:headSize])
	data = resummed(data)

	for name, content := range map[string][]byte{
		"x.tar":    data,
		"unnamed":  data,
		"x.tar.gz": through(t, data, gz),
		"x.gz":     through(t, data, xzw),
	} {
		path := write(t, name, content)
		if found, err := look(t, path); err != nil || !slices.Equal(found, []string{"NOT !p"}) {
			t.Errorf("%s: %q, %v", name, found, err)
		}

		found := 0
		err := Reader(t.Context(), name, bytes.NewReader(content), int64(len(content)), func(Found) error {
			found++
			return nil
		})
		if err != nil || found != 1 {
			t.Errorf("%s, open: %d, %v", name, found, err)
		}
	}

	data[0] ^= 1
	for name, content := range map[string][]byte{"x.tar": data, "x.tar.gz": through(t, data, gz)} {
		if found, err := look(t, write(t, name, content)); !says(err, "invalid tar header") {
			t.Errorf("%s, broken: %q, %v", name, found, err)
		}

		err := Reader(t.Context(), name, bytes.NewReader(content), int64(len(content)), func(Found) error {
			return nil
		})
		if err == nil {
			t.Errorf("%s, broken and open: no error", name)
		}
	}
}

// Compressed content is read to the end, where the checksum is.
func TestChecksums(t *testing.T) {
	plain := tarOf(t, []member{{"p", broken}}, true)
	padded := append(slices.Clone(plain), bytes.Repeat([]byte("padding "), 10000)...)
	deb := func(data []byte) []byte {
		return arOf([]member{{"debian-binary", []byte("2.0\n")}, {"data.tar.gz", data}})
	}
	control := tarOf(t, []member{{".PKGINFO", nil}}, false)

	for name, data := range map[string][]byte{
		"x.tar.gz":  through(t, plain, gz),
		"y.tar.gz":  through(t, padded, gz),
		"x.tar.xz":  through(t, plain, xzw),
		"x.tar.zst": through(t, plain, zst),
		"x.rpm":     rpmOf(through(t, cpioOf([]member{{"p", broken}}), gz)),
		"x.deb":     deb(through(t, plain, gz)),
		"x.apk":     append(through(t, control, gz), through(t, plain, gz)...),
	} {
		found, err := look(t, write(t, name, data))
		if err != nil || !slices.Equal(found, []string{"NOT !p"}) {
			t.Errorf("%s: %q, %v", name, found, err)
		}

		cut := slices.Clone(data[:len(data)-2])
		wrong := slices.Clone(data)
		wrong[len(data)-6] ^= 1 // of gzip: the checksum; of xz: the length of the index
		if name == "x.tar.zst" {
			wrong[len(data)-1] ^= 1
		}

		for what, data := range map[string][]byte{"cut": cut, "wrong": wrong} {
			path := write(t, name, data)
			if _, err := look(t, path); !says(err, path) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}
