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

// marked is a small program for linux/amd64 that needs a loader, whose name tells programs
// apart. What is from its 64th byte to its 512th is free.
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

// marksOf looks at a file and returns the marks of the programs that were found.
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

// An unpacker is a command of the shell that unpacks $1 into the directory where it is
// started, or a program in Python that does so: starting that for every file registry too slow.
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

// all is the command that unpacks files, each into a directory of its number.
func (u unpacker) all(paths []string) []string {
	if u.tool == "python3" {
		program := "import os, sys\ntop = os.getcwd()\nfor number, name in enumerate(sys.argv[1:]):\n    os.mkdir(str(number))\n    os.chdir(str(number))\n    try:\n        exec(" +
			fmt.Sprintf("%q", u.command) + ")\n    except Exception:\n        pass\n    os.chdir(top)\n"
		return append([]string{"python3", "-I", "-c", program}, paths...)
	}
	script := `n=0; for f; do mkdir $n; (cd $n && set -- "$f" && ` + u.command + `) </dev/null >/dev/null 2>&1; n=$((n+1)); done; chmod -R u+rwX .`
	return append([]string{"sh", "-c", script, "sh"}, paths...)
}

// A made is a program that an unpacker makes a file of.
type made struct{ command, mark string }

// unpacked are the programs in each of some files. What the unpackers say does not
// matter, nor how they end.
func unpacked(t *testing.T, kind string, paths []string) [][]made {
	t.Helper()
	result := make([][]made, len(paths))
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
			argv := u.all(paths)
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
					result[i] = append(result[i], made{u.command, mark})
				}
			}
		})
	}
	wg.Wait()
	return result
}

// marksBelow are the marks of all programs in a directory.
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

// missingTools skips a test, or says what it goes without.
func missingTools(t *testing.T, kind string) {
	t.Helper()
	var missing []string
	all := 0
	for _, u := range unpackers[kind] {
		all++
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

// A crafted archive is one of which unpackers may make different files.
type crafted struct {
	name string
	data []byte
	want string // marks that are found, or a part of the error
}

// compare looks at crafted archives. It must find what is wanted, and every program that
// any unpacker here makes a file of, unless it says that something is wrong.
func compare(t *testing.T, kind, ending string, cases []crafted) {
	t.Helper()
	missingTools(t, kind)
	paths := make([]string, len(cases))
	for i, c := range cases {
		paths[i] = write(t, "x"+ending, c.data)
	}
	others := unpacked(t, kind, paths)

	for i, c := range cases {
		marks, err := marksOf(t, paths[i])
		got := strings.Join(marks, " ")
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || err != nil && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
		for _, made := range others[i] {
			if os.Getenv("SHOW_UNPACKED") != "" {
				t.Logf("%s: %s: %.40s", c.name, made.mark, made.command)
			}
			if err == nil && !slices.Contains(marks, made.mark) {
				t.Errorf("%s: %s makes a file of %s, and only %q was looked at", c.name, made.command, made.mark, marks)
			}
		}
	}
}
