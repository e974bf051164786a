package pack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Times that a format cannot hold become the nearest that it can, and programs that unpack it
// read that one.
func TestTimesOutOfRange(t *testing.T) {
	for _, test := range []struct {
		commit   string
		zip, tar string
	}{
		{"1901-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1969-12-31T23:59:59Z", "1980-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1979-12-31T23:59:59Z", "1980-01-01T00:00:00Z", "1979-12-31T23:59:59Z"},
		{"1980-01-01T00:00:02Z", "1980-01-01T00:00:02Z", "1980-01-01T00:00:02Z"},
		{"2026-01-02T03:04:06Z", "2026-01-02T03:04:06Z", "2026-01-02T03:04:06Z"},
		{"2038-01-19T03:14:08Z", "2038-01-19T03:14:08Z", "2038-01-19T03:14:08Z"}, // 31 bits are not enough
		{"2107-12-31T23:59:59Z", "2106-02-07T06:28:14Z", "2107-12-31T23:59:59Z"},
		{"2108-01-01T00:00:00Z", "2106-02-07T06:28:14Z", "2108-01-01T00:00:00Z"},
		{"2400-01-01T00:00:00Z", "2106-02-07T06:28:14Z", "2400-01-01T00:00:00Z"},
	} {
		t.Run(test.commit, func(t *testing.T) {
			commit, err := time.Parse(time.RFC3339, test.commit)
			if err != nil {
				t.Fatal(err)
			}
			a := Archive{
				Time:        commit.In(time.FixedZone("west", -8*3600)),
				Compressors: NewCompressors(1),
				Files:       []File{file("tool", "x", true)},
			}

			checkZipTime(t, write(t, a, "zip"), test.zip)
			checkTarTime(t, write(t, a, "tar.gz"), test.tar)
		})
	}
}

func checkZipTime(t *testing.T, data []byte, want string) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got := zr.File[0].Modified.UTC().Format(time.RFC3339); got != want {
		t.Errorf("zip: the extended time is %s, want %s", got, want)
	}
	if dos := dosTime(data).Format(time.RFC3339); dos != want {
		t.Errorf("zip: the MS-DOS time is %s, want %s", dos, want)
	}

	wantTime, err := time.Parse(time.RFC3339, want)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(archive, data, 0o644); err != nil {
		t.Fatal(err)
	}

	if listed, ok := runTool(t, "zipinfo", "-T", archive, "tool"); ok {
		if stamp := wantTime.Format("20060102.150405"); !strings.Contains(listed, stamp) {
			t.Errorf("zipinfo does not say %s:\n%s", stamp, listed)
		}
	}
	for _, command := range [][]string{
		{"unzip", "-q", archive},
		{"bsdtar", "-xf", archive},
		{"7z", "x", archive},
	} {
		if _, ok := runTool(t, command[0], command[1:]...); ok {
			checkUnpackedTime(t, command[0], filepath.Join(filepath.Dir(archive), "tool"), wantTime)
		}
	}
}

// dosTime returns the time of MS-DOS in the header of the first file (APPNOTE.TXT 4.3.7 and 4.4.6).
func dosTime(data []byte) time.Time {
	clock := int(binary.LittleEndian.Uint16(data[10:]))
	date := int(binary.LittleEndian.Uint16(data[12:]))

	return time.Date(
		1980+date>>9, time.Month(date>>5&15), date&31,
		clock>>11, clock>>5&63, clock&31*2,
		0, time.UTC,
	)
}

func checkTarTime(t *testing.T, data []byte, want string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() {
		t.Errorf("gzip: the time is %v", z.ModTime)
	}
	header, err := tar.NewReader(z).Next()
	if err != nil {
		t.Fatal(err)
	}
	if got := header.ModTime.UTC().Format(time.RFC3339); got != want {
		t.Errorf("tar: the time is %s, want %s", got, want)
	}

	wantTime, err := time.Parse(time.RFC3339, want)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(archive, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"tar", "bsdtar"} {
		if _, ok := runTool(t, tool, "-xzf", archive); ok {
			checkUnpackedTime(t, tool, filepath.Join(filepath.Dir(archive), "tool"), wantTime)
		}
	}
}

// runTool runs a program in the directory of its archive, in UTC. It returns what the program
// prints, and false if the program is not installed.
func runTool(t *testing.T, tool string, args ...string) (string, bool) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Logf("%s is not installed: what it reads is not tested", tool)
		return "", false
	}

	cmd := exec.Command(tool, args...)
	for _, arg := range args {
		if filepath.IsAbs(arg) {
			cmd.Dir = filepath.Dir(arg)
		}
	}
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	return string(out), true
}

// checkUnpackedTime compares the time of a file that a tool unpacked, and removes the file.
func checkUnpackedTime(t *testing.T, tool, file string, want time.Time) {
	t.Helper()
	fi, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !fi.ModTime().Equal(want) {
		t.Errorf("%s unpacks with the time %s, want %s", tool, fi.ModTime().UTC(), want)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}
