package pack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/release/output"
)

var commitTime = time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("here", 3600))

// file returns a File with its content in memory.
func file(name, content string, executable bool) File {
	return File{
		Name:       name,
		Executable: executable,
		Size:       int64(len(content)),
		Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		},
	}
}

func testArchive() Archive {
	long := strings.Repeat("a-long-directory/", 12) + "name" // more than a ustar header holds
	return Archive{
		Time:        commitTime,
		Compressors: NewCompressors(2),
		Files: []File{
			file("tool", strings.Repeat("\x7fELF tool ", 50000), true),
			file("LICENSE", "do anything\n", false),
			file("docs/ünï.md", "text\n", false),
			file(long, "deep\n", false),
		},
	}
}

func write(t *testing.T, a Archive, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := a.Write(format, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The bytes depend neither on the order of the files nor on the time zone.
func TestSameBytes(t *testing.T) {
	for _, format := range Formats() {
		a := testArchive()
		b := testArchive()
		b.Time = b.Time.UTC()
		slices.Reverse(b.Files)

		if !bytes.Equal(write(t, a, format), write(t, b, format)) {
			t.Errorf("%s: different bytes for the same files", format)
		}
	}
}

type entry struct {
	Name    string
	Mode    string
	Time    string
	Owner   string
	Content string
}

func wantEntries() (want []entry) {
	for _, i := range []int{1, 3, 2, 0} { // sorted by name
		f := testArchive().Files[i]
		r, _ := f.Open() // in memory
		data, _ := io.ReadAll(r)
		want = append(want, entry{
			Name:    f.Name,
			Mode:    f.mode().String(),
			Time:    "2026-01-02T02:04:05Z",
			Owner:   "0:0",
			Content: string(data),
		})
	}
	return want
}

func TestTarGz(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(write(t, testArchive(), "tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("the gzip header has name %q, time %v", z.Name, z.ModTime)
	}

	var have []entry
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, entry{
			Name:    h.Name,
			Mode:    h.FileInfo().Mode().String(),
			Time:    h.ModTime.UTC().Format(time.RFC3339),
			Owner:   fmt.Sprintf("%d:%d%s%s", h.Uid, h.Gid, h.Uname, h.Gname),
			Content: string(data),
		})
	}

	if diff := cmp.Diff(wantEntries(), have); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
}

func TestZip(t *testing.T) {
	data := write(t, testArchive(), "zip")
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}

	var have []entry
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, entry{
			Name:    f.Name,
			Mode:    f.Mode().String(),
			Time:    f.Modified.UTC().Format(time.RFC3339),
			Owner:   "0:0",
			Content: string(content),
		})
	}

	if diff := cmp.Diff(wantEntries(), have); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
}

// The tools that people use can unpack the archives.
func TestRealTools(t *testing.T) {
	for format, command := range map[string][]string{
		"tar.gz":  {"tar", "-xzf"},
		"tar.xz":  {"tar", "-xJf"},
		"tar.zst": {"tar", "--zstd", "-xf"},
		"zip":     {"unzip", "-q"},
	} {
		t.Run(format, func(t *testing.T) {
			helper := map[string]string{"tar.xz": "xz", "tar.zst": "zstd"}[format]
			for _, tool := range []string{command[0], helper} {
				if _, err := exec.LookPath(tool); tool != "" && err != nil {
					t.Skipf("%s is not installed: what it makes of %s is not tested", tool, format)
				}
			}
			dir := t.TempDir()
			a, err := output.WriteFile(dir, output.Artifact{Output: output.Output{Name: "a." + format}}, nil, func(w io.Writer) error { return testArchive().Write(format, w) })
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(command[0], append(command[1:], a.Path)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // unzip changes names for other locales
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range wantEntries() {
				data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(want.Name)))
				if err != nil || string(data) != want.Content {
					t.Errorf("%s: %d bytes, %v", want.Name, len(data), err)
				}
			}
		})
	}
}

func TestRefusedNames(t *testing.T) {
	for _, name := range []string{"../out", "/root", "a/../../b", "", `a\b`, "tool"} {
		a := Archive{
			Time:        commitTime,
			Compressors: NewCompressors(1),
			Files:       []File{file("tool", "x", true), file(name, "y", false)},
		}
		if err := a.Write("zip", io.Discard); err == nil {
			t.Errorf("%q was packed", name)
		}
	}

	if err := (Archive{}).Write("rar", io.Discard); err == nil {
		t.Error("an unknown format was written")
	}
}

// After a failure there is neither the file nor a temporary file.
func TestNothingHalfWritten(t *testing.T) {
	short := file("short", "1234", false)
	short.Size = 5
	broken := file("broken", "", false)
	broken.Open = func() (io.ReadCloser, error) { return nil, errors.New("disk on fire") }
	changed := file("changed", "other", false)
	changed.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte("proved")))
	for _, bad := range []File{short, broken, changed} {
		for _, format := range Formats() {
			dir := t.TempDir()
			a := testArchive()
			a.Files = append(a.Files, bad)
			_, err := output.WriteFile(dir, output.Artifact{Output: output.Output{Name: "x." + format}}, nil, func(w io.Writer) error { return a.Write(format, w) })
			if err == nil || !strings.Contains(err.Error(), "writing x."+format+": packing "+bad.Name) {
				t.Errorf("%s: error %v", format, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s left %v, %v", format, left, err)
			}
		}
	}
}

func TestChecksums(t *testing.T) {
	dir := t.TempDir()
	var all []output.Artifact
	for _, name := range []string{"b", "a"} {
		a, err := output.WriteFile(dir, output.Artifact{Output: output.Output{Name: name}}, []string{"sha512"}, func(w io.Writer) error {
			_, err := io.WriteString(w, "content of "+name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	// printf 'content of a' | sha256sum
	want := "8e56b639882ef91f67c597965dfb451cbd2e4b41d1a8cd9b01dd3241aa518796  a\n"
	if got := string(output.List("sha256", all)); !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	for _, algorithm := range output.ListAlgorithms {
		name := algorithm + ".txt"
		if err := os.WriteFile(filepath.Join(dir, name), output.List(algorithm, all), 0o644); err != nil {
			t.Fatal(err)
		}
		tool := algorithm + "sum"
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("%s is not installed: what it makes of %s is not tested", tool, name)
			continue
		}
		cmd := exec.Command(tool, "--strict", "-c", name)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "a: OK\nb: OK\n" {
			t.Errorf("%s: %v: %s", tool, err, out)
		}
	}
}

// BenchmarkArchive compares the compressors. The input is this test program, and the size of the
// output is reported as a share of it.
func BenchmarkArchive(b *testing.B) {
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	a := Archive{
		Time:        commitTime,
		Compressors: NewCompressors(1),
		Files:       []File{file("tool", string(exe), true)},
	}

	writers := map[string]func(io.Writer) error{
		"tar.gz_of_all_processors": func(w io.Writer) error {
			all := a
			all.Compressors = NewCompressors(runtime.GOMAXPROCS(0))
			return all.Write("tar.gz", w)
		},
	}
	for _, level := range []int{gzip.DefaultCompression, gzip.BestCompression} {
		writers[fmt.Sprintf("tar.gz_of_the_standard_library_%d", level)] = func(w io.Writer) error {
			z, err := gzip.NewWriterLevel(w, level)
			if err != nil {
				return err
			}
			return a.writeTar(z)
		}
	}
	for _, format := range Formats() {
		writers[format] = func(w io.Writer) error { return a.Write(format, w) }
	}

	for name, write := range writers {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(exe)))
			var size countingWriter
			for b.Loop() {
				size = 0
				if err := write(&size); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/float64(len(exe)), "size/input")
		})
	}
}

// A countingWriter counts the bytes that are written to it.
type countingWriter int64

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}
