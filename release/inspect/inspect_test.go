package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/org/go-static-release/build/static"
)

// program builds a real static program for linux/amd64.
func program(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/p\n\ngo 1.24\n",
		"main.go": "package main\n\nfunc main() {}\n",
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}

	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "p", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	data, err := os.ReadFile(filepath.Join(dir, "p"))
	check(t, err)
	return data
}

type member struct {
	name string
	data []byte
}

func tarOf(t *testing.T, members []member, end bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)

	for _, m := range members {
		check(t, w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o755, Size: int64(len(m.data))}))
		_, err := w.Write(m.data)
		check(t, err)
	}

	if end {
		check(t, w.Close())
	} else {
		check(t, w.Flush())
	}
	return b.Bytes()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says reports whether err is an error that contains text.
func says(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

// through compresses data with the writer that open makes.
func through(t *testing.T, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	check(t, err)
	_, err = w.Write(data)
	check(t, err)
	check(t, w.Close())
	return b.Bytes()
}

func gz(w io.Writer) (io.WriteCloser, error)  { return gzip.NewWriter(w), nil }
func xzw(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }
func zst(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }

func zipOf(t *testing.T, members []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)

	for _, m := range members {
		f, err := w.Create(m.name)
		check(t, err)
		_, err = f.Write(m.data)
		check(t, err)
	}

	check(t, w.Close())
	return b.Bytes()
}

// arOf writes an ar archive as dpkg-deb does.
func arOf(members []member) []byte {
	b := bytes.NewBufferString(arMagic)
	for _, m := range members {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// rpmOf writes the parts of an RPM package that matter here.
func rpmOf(payload []byte) []byte {
	b := bytes.NewBuffer(append([]byte(rpmMagic), make([]byte, 92)...))
	for _, store := range []uint32{13, 8} { // the first is padded
		head := binary.BigEndian.AppendUint32([]byte(rpmHeaderMagic+"\x00\x00\x00\x00"), 1)
		b.Write(binary.BigEndian.AppendUint32(head, store))
		b.Write(make([]byte, 16+store))
		for store == 13 && b.Len()%8 != 0 {
			b.WriteByte(0)
		}
	}
	return append(b.Bytes(), payload...)
}

func cpioOf(members []member) []byte {
	var b bytes.Buffer
	for i, m := range append(members, member{name: cpioEnd}) {
		mode := 0o100755
		if m.name == cpioEnd {
			mode = 0
		}
		fmt.Fprintf(&b, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			cpioMagic, i, mode, 0, 0, 1, 0, len(m.data), 0, 0, 0, 0, len(m.name)+1, 0)
		b.WriteString(m.name + "\x00")
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
		b.Write(m.data)
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
	}
	return b.Bytes()
}

// containers returns a container of every kind, by name, all with the same members.
func containers(t *testing.T, members []member) map[string][]byte {
	plain := tarOf(t, members, true)
	control := tarOf(t, []member{{".PKGINFO", []byte("pkgname = p\n")}}, false) // without an end marker
	deb := func(data member) []byte {
		return arOf([]member{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", []byte("odd")}, data})
	}

	return map[string][]byte{
		"x.tar":     plain,
		"x.tar.gz":  through(t, plain, gz),
		"x.tgz":     through(t, plain, gz),
		"x.tar.xz":  through(t, plain, xzw),
		"x.tar.zst": through(t, plain, zst),
		"x.zip":     zipOf(t, members),
		"x.apk":     append(through(t, control, gz), through(t, plain, gz)...),
		"x.deb":     deb(member{"data.tar.xz", through(t, plain, xzw)}),
		"y.deb":     deb(member{"data.tar", plain}),
		"x.rpm":     rpmOf(through(t, cpioOf(members), gz)),
		"y.rpm":     rpmOf(through(t, cpioOf(members), zst)),
	}
}

// look inspects path and returns what is found, each in the form "VERDICT NAME".
func look(t *testing.T, path string) (found []string, err error) {
	t.Helper()
	err = Path(t.Context(), path, func(f Found) error {
		word := f.Verdict.Claim
		if !f.Verdict.OK {
			word = "NOT"
		}
		found = append(found, word+" "+filepath.ToSlash(strings.TrimPrefix(f.Path, path)))
		return nil
	})
	return found, err
}

func TestEveryContainer(t *testing.T) {
	p := program(t)
	broken := append([]byte("\x7fELF"), make([]byte, 100)...)
	members := []member{
		{"README", []byte("text")},
		{"bin/p", p},
		{"empty", nil},
		{"bin/broken", broken},
		{"../../up\n::error::x", p},
	}
	want := []string{"static !bin/p", "NOT !bin/broken", "static !../../up\n::error::x"}
	for name, data := range containers(t, members) {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, data, 0o644))

		if found, err := look(t, path); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: %q, %v", name, found, err)
		}
		if found, err := look(t, dir); err != nil || len(found) != len(want) {
			t.Errorf("directory with %s: %q, %v", name, found, err)
		}
		// Without the name it is recognized by its content.
		check(t, os.Rename(path, filepath.Join(dir, "unnamed")))
		if found, err := look(t, filepath.Join(dir, "unnamed")); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s without its name: %q, %v", name, found, err)
		}
	}
}

// A container that is cut short is an error, or all of its members are found.
func TestTruncatedContainers(t *testing.T) {
	p := program(t)
	cases := 0
	for name, data := range containers(t, []member{{"a", p}, {"b", p}}) {
		path := filepath.Join(t.TempDir(), name)
		for percent := 0; percent < 100; percent += 5 {
			check(t, os.WriteFile(path, data[:len(data)*percent/100], 0o644))
			found, err := look(t, path)
			if err == nil && !slices.Equal(found, []string{"static !a", "static !b"}) {
				t.Errorf("%s cut at %d%%: %q without an error", name, percent, found)
			}
			cases++
		}
	}
	t.Logf("%d cases", cases)
}

func TestFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	p := program(t)
	for name, data := range map[string][]byte{
		"b/p":       p,
		"a":         p,
		"text":      []byte("#!/bin/sh\n"),
		"lib.a":     []byte(arMagic),
		"c.gz":      through(t, p, gz),
		"page.1.xz": through(t, []byte("text"), xzw),
	} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Logf("no symbolic links here: %v", err)
	}

	found, err := look(t, dir)
	if err != nil || !slices.Equal(found, []string{"static /a", "static /b/p", "static /c.gz!c"}) {
		t.Errorf("%q, %v", found, err)
	}
	if err := os.Symlink(dir, dir+"-link"); err == nil {
		if found, err := look(t, dir+"-link"); err != nil || len(found) != 3 || found[0] != "static /a" {
			t.Errorf("a link to a directory: %q, %v", found, err)
		}
	}
	if found, err := look(t, os.DevNull); err == nil || len(found) > 0 {
		t.Errorf("a device: %q, %v", found, err)
	}

	broken := filepath.Join(t.TempDir(), "x.gz")
	check(t, os.WriteFile(broken, []byte("\x1f\x8bno"), 0o644))
	if found, err := look(t, filepath.Dir(broken)); err == nil || len(found) > 0 {
		t.Errorf("a broken file: %q, %v", found, err)
	}
	found, err = look(t, filepath.Join(dir, "text"))
	if !errors.Is(err, static.ErrNotExecutable) || len(found) > 0 {
		t.Errorf("a script named by itself: %q, %v", found, err)
	}
	if _, err := look(t, filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}

	stop := errors.New("enough")
	calls := 0
	err = Path(t.Context(), dir, func(Found) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestRealDeb reads packages that dpkg-deb makes.
func TestRealDeb(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed: no real Debian package is read")
	}
	const control = `Package: p
Version: 1
Architecture: amd64
Maintainer: n <n@example.com>
Description: d
`
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"DEBIAN/control": []byte(control),
		"usr/bin/p":      program(t),
	} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, "root", name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, "root", name), data, 0o755))
	}

	for _, compression := range []string{"gzip", "xz", "none"} {
		path := filepath.Join(dir, compression+".deb")
		cmd := exec.Command("dpkg-deb", "-Z"+compression, "--build", filepath.Join(dir, "root"), path)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		found, err := look(t, path)
		if err != nil || !slices.Equal(found, []string{"static !./usr/bin/p"}) {
			t.Errorf("%s: %q, %v", compression, found, err)
		}
	}
}
