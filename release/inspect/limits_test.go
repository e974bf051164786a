package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// endless is a small ELF file whose header gives it a terabyte of data, all of it zeros.
type endless struct{ read int64 }

const endlessSize = 1 << 40

func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	var head [176]byte
	copy(head[:], "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(head[16:], 2)  // ET_EXEC
	le.PutUint16(head[18:], 62) // EM_X86_64
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[24:], 0x401000) // entry
	le.PutUint64(head[32:], 64)       // program headers
	le.PutUint16(head[52:], 64)
	le.PutUint16(head[54:], 56)
	le.PutUint16(head[56:], 2)
	le.PutUint32(head[64:], 1) // PT_LOAD
	le.PutUint32(head[68:], 6) // readable and writable
	le.PutUint64(head[80:], 0x400000)
	le.PutUint64(head[88:], 0x400000)
	le.PutUint64(head[96:], endlessSize)
	le.PutUint64(head[104:], endlessSize)
	le.PutUint64(head[112:], 0x1000)
	le.PutUint32(head[120:], 1) // another, which is its beginning
	le.PutUint32(head[124:], 5) // readable and executable
	le.PutUint64(head[136:], 0x400000)
	le.PutUint64(head[144:], 0x400000)
	le.PutUint64(head[152:], 0x2000)
	le.PutUint64(head[160:], 0x2000)
	le.PutUint64(head[168:], 0x1000)
	if off < int64(len(head)) {
		copy(p, head[off:])
	}
	e.read += int64(len(p))
	if e.read > 4*maxBuildInfo {
		return 0, errors.New("read without end")
	}
	return len(p), nil
}

func TestBuildInfoIsLimited(t *testing.T) {
	e := &endless{}
	found := 0
	err := Reader(t.Context(), "x", e, endlessSize, func(f Found) error {
		found++
		t.Log(f.OS, f.Verdict)
		return nil
	})
	if err != nil || found != 1 || e.read > 2*maxBuildInfo || e.read < maxBuildInfo {
		t.Errorf("%d found after %d bytes, %v", found, e.read, err)
	}

	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	e = &endless{}
	r := readerAt(func(p []byte, off int64) (int, error) {
		if e.read > 8<<20 {
			cancel(stop)
		}
		return e.ReadAt(p, off)
	})

	err = Reader(ctx, "x", r, endlessSize, func(Found) error { return nil })
	if !errors.Is(err, stop) || e.read > 32<<20 {
		t.Errorf("canceled: %v after %d bytes", err, e.read)
	}
}

type readerAt func(p []byte, off int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

// Names compress well, so a small archive can have names that take a lot of memory.
func TestLongNames(t *testing.T) {
	pax := func(name string, count int) []byte {
		return through(t, nil, func(w io.Writer) (io.WriteCloser, error) {
			z := gzip.NewWriter(w)
			tw := tar.NewWriter(z)
			for i := range count {
				check(t, tw.WriteHeader(&tar.Header{
					Typeflag: tar.TypeReg,
					Name:     fmt.Sprint(i, name),
					Format:   tar.FormatPAX,
				}))
			}
			check(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: dockerFile}))
			check(t, tw.Close())
			return z, nil
		})
	}

	_, err := look(t, write(t, "x.tar.gz", pax(strings.Repeat("n", maxName), 1)))
	if !says(err, "member name of 4097 bytes is too long") {
		t.Errorf("%.100v", err)
	}

	data := pax(strings.Repeat("n", 4000), 10000)
	content, err := gzip.NewReader(bytes.NewReader(data))
	check(t, err)
	plain, err := io.ReadAll(content)
	check(t, err)
	files, isComplete, err := tarFiles(bytes.NewReader(plain), int64(len(plain)))

	names := 0
	for name := range files {
		names += len(name)
	}
	_, hasMarker := files[dockerFile]
	if err != nil || isComplete || names > maxNames+100 || !hasMarker {
		t.Errorf("%d bytes of names are kept, %v, %v", names, isComplete, err)
	}

	found, err := look(t, write(t, "x.tar.gz", data))
	if len(found) > 0 || err != nil && !strings.Contains(err.Error(), dockerFile) {
		t.Errorf("%q, %.100v", found, err)
	}
}

// The directory of a zip archive is held in memory before a member can be read.
func TestZipDirectoryIsLimited(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range maxDirectory/60000 + 1 {
		_, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i, strings.Repeat("n", 60000))})
		check(t, err)
	}
	check(t, w.Close())
	if found, err := look(t, write(t, "x.zip", b.Bytes())); !says(err, "too many members") {
		t.Errorf("%q, %.100v", found, err)
	}
}

// One limit applies to all members together, in every kind of container.
func TestTotalIsLimited(t *testing.T) {
	noise := make([]byte, 100<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	copy(noise, "\x7fELF")
	members := []member{{"a", noise}, {"b", noise}, {"c", noise}}
	nested := tarOf(t, []member{{"x.zip", zipOf(t, members)}}, true)
	archives := containers(t, members)
	archives["nested.tar"] = nested

	for name, data := range archives {
		in := newInspection(t.Context(), func(Found) error { return nil })
		in.budget.left = 250 << 10
		if name == "nested.tar" {
			in.budget.left += int64(3 * len(nested)) // two passes over the outer archive, and its stored member
		}
		read := containersByContent(data[:headSize])[0]
		err := in.budget.join(read(in, name, bytes.NewReader(data), int64(len(data))))
		if !errors.Is(err, errLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An index can name any number of blobs, and a platform can have a name of any length.
func TestBlobsAreLimited(t *testing.T) {
	im := newImageReader(newInspection(t.Context(), nil), "x", nil)
	for i := range maxBlobs {
		known, err := im.markSeen("", descriptor{Digest: fmt.Sprintf("sha256:%064x", i)})
		if known || err != nil {
			t.Fatal(i, known, err)
		}
	}

	if _, err := im.markSeen("", descriptor{Digest: fmt.Sprintf("sha256:%064x", maxBlobs)}); err == nil {
		t.Error("one more is no error")
	}
	_, err := im.markSeen("", descriptor{Digest: strings.Repeat("x", 1<<20)})
	if err == nil || len(err.Error()) > 2*maxLabel {
		t.Errorf("%.100v", err)
	}
	if name := (platform{OS: strings.Repeat("é", 1<<20)}).label(""); len(name) > maxLabel+3 {
		t.Errorf("a label of %d bytes", len(name))
	}
}

// Nothing is left of a temporary file if the process is killed, because it has no name.
func TestTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // Unix, Windows
		t.Setenv(name, dir)
	}
	large := make([]byte, maxMemory+100)
	copy(large, "\x7fELF")
	outside := t.TempDir()
	path := filepath.Join(outside, "x.gz")
	check(t, os.WriteFile(path, through(t, large, gz), 0o644))
	found := 0
	err := Path(t.Context(), path, func(Found) error {
		found++
		left, err := os.ReadDir(dir)
		check(t, err)
		if len(left) > 0 && runtime.GOOS != "windows" {
			t.Errorf("there is %s", left[0])
		}
		return nil
	})

	left, readErr := os.ReadDir(dir)
	if err != nil || readErr != nil || found != 1 || len(left) > 0 {
		t.Errorf("%d found, left behind: %v, %v, %v", found, left, err, readErr)
	}
}

// Names are quoted in errors.
func TestNamesInErrors(t *testing.T) {
	odd := "x\n\x1b[2J.zip"
	path := filepath.Join(t.TempDir(), odd)
	if err := os.WriteFile(path, []byte("PK"), 0o644); err != nil {
		t.Skipf("no such names here: %v", err)
	}
	lines := func(err error) bool { return err == nil || strings.ContainsAny(err.Error(), "\n\x1b") }

	for _, path := range []string{path, filepath.Dir(path), filepath.Join(t.TempDir(), odd)} {
		if _, err := look(t, path); lines(err) {
			t.Errorf("%q", err)
		}
	}
	for name, data := range containers(t, []member{{odd, []byte("PK\x03\x04")}}) {
		if _, err := look(t, write(t, name, data)); lines(err) {
			t.Errorf("%s: %q", name, err)
		}
	}

	check(t, os.WriteFile(path, zipOf(t, []member{{odd, broken}}), 0o644))
	found, err := look(t, filepath.Dir(path))
	if err != nil || len(found) != 1 || found[0] != "NOT /"+odd+"!"+odd {
		t.Errorf("%q, %v", found, err)
	}
}

// The error text of a registry can contain anything.
func TestForeignError(t *testing.T) {
	inner := errors.New("no\nstatic  x")
	err := errorAt("x", foreignError{inner})
	if !errors.Is(err, inner) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
}
