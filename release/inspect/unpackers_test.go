package inspect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/build/static"
)

// marked returns a small program for linux/amd64 that needs a loader. The name of the loader
// tells programs apart. Bytes 64 to 511 are not used.
func marked(mark string) []byte {
	loader := "/lib/" + mark + "\x00"
	program := make([]byte, 1024)
	copy(program, "\x7fELF\x02\x01\x01")
	copy(program[800:], loader)
	le := binary.LittleEndian
	le.PutUint16(program[16:], 2)        // ET_EXEC
	le.PutUint16(program[18:], 62)       // EM_X86_64
	le.PutUint32(program[20:], 1)        // EV_CURRENT
	le.PutUint64(program[24:], 0x400000) // entry
	le.PutUint64(program[32:], 512)      // program headers
	le.PutUint16(program[52:], 64)
	le.PutUint16(program[54:], 56)
	le.PutUint16(program[56:], 2)
	segment := func(at int, kind, flags uint32, off, size uint64) {
		le.PutUint32(program[at:], kind)
		le.PutUint32(program[at+4:], flags)
		le.PutUint64(program[at+8:], off)
		le.PutUint64(program[at+16:], 0x400000+off)
		le.PutUint64(program[at+24:], 0x400000+off)
		le.PutUint64(program[at+32:], size)
		le.PutUint64(program[at+40:], size)
		le.PutUint64(program[at+48:], 1)
	}

	segment(512, 3, 4, 800, uint64(len(loader))) // PT_INTERP
	segment(568, 1, 5, 0, uint64(len(program)))  // PT_LOAD
	return program
}

// marksOf inspects path and returns the marks of the programs that are found.
func marksOf(t *testing.T, path string) (marks []string, err error) {
	t.Helper()
	err = Path(t.Context(), path, func(f Found) error {
		marks = append(marks, markOf(f.File))
		return nil
	})
	return marks, err
}

func markOf(f *static.File) string {
	if f == nil {
		return "broken"
	}
	return strings.TrimPrefix(f.Interpreter, "/lib/")
}

// An unpacker unpacks a file into the current directory. It is a shell command, which gets the
// file as $1, or a program in Python, which gets it as name. Python is started only once for all
// files, because starting it takes long.
type unpacker struct {
	tool    string
	command string
}

var unpackers = map[string][]unpacker{
	"tar": {
		{"tar", `tar -xf "$1"`},
		{"tar", `tar -ixf "$1"`},
		{"bsdtar", `bsdtar -xf "$1"`},
		{"bsdtar", `cat "$1" | bsdtar -xf -`},
		{"busybox", `busybox tar -xf "$1"`},
		{"python3", "import tarfile; tarfile.open(name, errorlevel=0).extractall()"},
		{"python3", "import tarfile; tarfile.open(name, errorlevel=0, ignore_zeros=True).extractall()"},
	},
	"zip": {
		{"unzip", `unzip -oq "$1"`},
		{"bsdtar", `bsdtar -xf "$1"`},
		{"bsdtar", `cat "$1" | bsdtar -xf -`},
		{"busybox", `busybox unzip -oq "$1"`},
		{"7z", `7z x -y "$1"`},
		{"python3", `
import zipfile
z = zipfile.ZipFile(name)
for i, m in enumerate(z.infolist()):
    try:
        data = z.open(m).read()
    except Exception:
        continue
    open(str(i), "wb").write(data)`},
	},
	"deb": {
		{"dpkg-deb", `dpkg-deb -x "$1" .`},
		{"dpkg-deb", `dpkg-deb -e "$1" DEBIAN`},
		{"ar", `ar x "$1"`},
		{"bsdtar", `bsdtar -xf "$1"`},
		{"busybox", `busybox dpkg-deb -x "$1" .`},
	},
	"rpm": {
		{"rpm2cpio", `rpm2cpio "$1" | cpio -idm --quiet`},
		{"bsdtar", `bsdtar -xf "$1"`},
		{"busybox", `busybox rpm2cpio "$1" | busybox cpio -id`},
	},
	"stream": {
		{"gzip", `gzip -dc "$1" >gzip || rm gzip`},
		{"xz", `xz -dc "$1" >xz || rm xz`},
		{"zstd", `zstd -qdc "$1" >zstd || rm zstd`},
		{"bzip2", `bzip2 -dc "$1" >bzip2 || rm bzip2`},
		{"busybox", `busybox zcat "$1" >busybox || rm busybox`},
		{"bsdtar", `bsdtar -xf "$1"`},
		{"tar", `tar -xf "$1"`},
	},
}

// pythonUnpacker runs a program, given as a string literal, for each file in its arguments.
const pythonUnpacker = `
import os, sys
top = os.getcwd()
for number, name in enumerate(sys.argv[1:]):
    os.mkdir(str(number))
    os.chdir(str(number))
    try:
        exec(%q)
    except Exception:
        pass
    os.chdir(top)
`

// shellUnpacker runs a command for each file in its arguments.
const shellUnpacker = `
n=0
for f; do
	mkdir $n
	(cd $n && set -- "$f" && %s) </dev/null >/dev/null 2>&1
	n=$((n+1))
done
chmod -R u+rwX .
`

// argv returns the command that unpacks files, each into a directory named by its index.
func (u unpacker) argv(paths []string) []string {
	if u.tool == "python3" {
		program := fmt.Sprintf(pythonUnpacker, u.command)
		return append([]string{"python3", "-I", "-c", program}, paths...)
	}

	script := fmt.Sprintf(shellUnpacker, u.command)
	return append([]string{"sh", "-c", script, "sh"}, paths...)
}

// An unpackedProgram is a program that an unpacker writes.
type unpackedProgram struct {
	command string // of the unpacker
	mark    string
}

// unpackAll returns the programs that the unpackers for a kind of archive write, for each of
// the files. The output and the exit status of the unpackers do not matter.
func unpackAll(t *testing.T, kind string, paths []string) [][]unpackedProgram {
	t.Helper()
	result := make([][]unpackedProgram, len(paths))

	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, u := range unpackers[kind] {
		if _, err := exec.LookPath(u.tool); err != nil {
			continue
		}

		dir := t.TempDir()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			argv := u.argv(paths)
			cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if ctx.Err() != nil {
				t.Errorf("%s: %v, %s", u.command, err, out)
			}

			mu.Lock()
			defer mu.Unlock()
			for i := range paths {
				marks, err := marksBelow(filepath.Join(dir, fmt.Sprint(i)))
				if err != nil {
					t.Errorf("%s: %v", u.command, err)
				}
				for _, mark := range marks {
					result[i] = append(result[i], unpackedProgram{u.command, mark})
				}
			}
		})
	}
	wg.Wait()

	return result
}

// marksBelow returns the marks of all programs in a directory.
func marksBelow(dir string) (marks []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := static.Open(name)
		if !errors.Is(err, static.ErrNotExecutable) {
			marks = append(marks, markOf(file))
		}
		return nil
	})

	return marks, err
}

// logMissingTools logs the unpackers for a kind of archive that are not installed.
func logMissingTools(t *testing.T, kind string) {
	t.Helper()

	var missing []string
	for _, u := range unpackers[kind] {
		if _, err := exec.LookPath(u.tool); err != nil {
			missing = append(missing, u.tool)
		}
	}

	slices.Sort(missing)
	missing = slices.Compact(missing)
	if len(missing) > 0 {
		t.Logf("not installed, so not compared with: %s", strings.Join(missing, ", "))
	}
}

// A crafted archive is one from which unpackers may write different files.
type crafted struct {
	name string
	data []byte
	want string // marks that are found, or a part of the error
}

// compare inspects crafted archives. This must have the wanted result, and it must find every
// program that an unpacker on this machine writes, or return an error.
func compare(t *testing.T, kind, ending string, cases []crafted) {
	t.Helper()
	logMissingTools(t, kind)

	paths := make([]string, len(cases))
	for i, c := range cases {
		paths[i] = write(t, "x"+ending, c.data)
	}
	unpacked := unpackAll(t, kind, paths)

	for i, c := range cases {
		marks, err := marksOf(t, paths[i])
		got := strings.Join(marks, " ")
		isRight := got == c.want
		if err != nil {
			got = err.Error()
			isRight = c.want != "" && strings.Contains(got, c.want)
		}
		if !isRight {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}

		for _, program := range unpacked[i] {
			if os.Getenv("SHOW_UNPACKED") != "" {
				t.Logf("%s: %s: %.40s", c.name, program.mark, program.command)
			}
			if err == nil && !slices.Contains(marks, program.mark) {
				t.Errorf("%s: %s writes %s, and only %q was found",
					c.name, program.command, program.mark, marks)
			}
		}
	}
}
