package static

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadelf compares what is read from the ELF files of this system with what binutils' readelf says.
// Of many files 200 are taken; GSR_ALL_FILES=1 takes all below /usr, some minutes.
func TestReadelf(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("readelf (binutils) is not installed")
	}
	var paths []string
	if os.Getenv("GSR_ALL_FILES") != "" {
		paths = elfFiles(t, "/usr")
	} else {
		paths = append(elfFiles(t, "/usr/bin"), elfFiles(t, "/usr/lib")...)
		const n = 200
		spread := make([]string, 0, n)
		for i := range min(n, len(paths)) {
			spread = append(spread, paths[i*len(paths)/min(n, len(paths))])
		}
		paths = spread
	}
	var compared, objects, companions int
	for _, path := range paths {
		f, err := Open(path)
		if errors.Is(err, ErrNotExecutable) {
			objects++
			if out, err := exec.Command("readelf", "-hW", path).CombinedOutput(); err == nil && regexp.MustCompile(`Type: +(EXEC|DYN)`).Match(out) {
				t.Errorf("%s: not an executable, but readelf says\n%s", path, out)
			}
			continue
		}
		out, readelfErr := exec.Command("readelf", "-hlSdVW", path).Output()
		if err != nil {
			// Files with nothing but debug information have the headers of what they were made from.
			// The test32 and so on of runtime/pprof are programs without code.
			if regexp.MustCompile(`\] \.text +NOBITS`).Match(out) || strings.Contains(path, "/runtime/pprof/testdata/test") {
				companions++
			} else {
				t.Errorf("%v; readelf: %v", err, readelfErr)
			}
			continue
		}
		if readelfErr != nil {
			t.Errorf("%s: readelf: %v", path, readelfErr)
			continue
		}
		compared++
		compareReadelf(t, path, f, string(out))
	}
	t.Logf("compared %d files with readelf; refused, as they should be: %d objects, %d with debug information only", compared, objects, companions)
	if compared == 0 {
		t.Skip("no ELF files below /usr")
	}
}

func compareReadelf(t *testing.T, path string, f *File, out string) {
	t.Helper()
	all := func(pattern string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(out, -1) {
			found = appendUnique(found, m[1])
		}
		return found
	}
	equal := func(what string, have, want []string) {
		if !slices.Equal(have, want) {
			t.Errorf("%s: %s is %q, readelf says %q", path, what, have, want)
		}
	}
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	truth := func(what string, have bool, pattern string) {
		if want := regexp.MustCompile(pattern).MatchString(out); have != want {
			t.Errorf("%s: %s is %v, readelf says %v", path, what, have, want)
		}
	}
	equal("interpreter", one(f.Interpreter), all(`Requesting program interpreter: (.*)\]`))
	needed := all(`\(NEEDED\) +Shared library: \[(.*)\]`)
	for _, kind := range []string{"FILTER", "AUXILIARY", "AUDIT", "DEPAUDIT"} {
		for _, name := range all(`\(` + kind + `\) .*: \[(.*)\]`) {
			needed = appendUnique(needed, name)
		}
	}
	equal("needed", f.Needed, needed)
	var dirs []string
	for _, list := range all(`\((?:RPATH|RUNPATH)\) +Library (?:rpath|runpath): \[(.*)\]`) {
		for _, dir := range strings.Split(list, ":") {
			dirs = appendUnique(dirs, dir)
		}
	}
	equal("search path", f.RunPath, dirs)
	glibc := ""
	for _, file := range strings.Split(out, "File: ")[1:] {
		if strings.HasPrefix(file, libgcc) {
			continue
		}
		for _, m := range regexp.MustCompile(`Name: GLIBC_([0-9.]+) `).FindAllStringSubmatch(file, -1) {
			if versionLess(glibc, m[1]) {
				glibc = m[1]
			}
		}
	}
	equal("glibc", one(f.Glibc), one(glibc))
	truth("dynamic", f.Dynamic, `(?m)^  DYNAMIC `)
	truth("executable stack", f.ExecStack, `(?m)^  GNU_STACK .* RWE `)
	truth("writable and executable", f.WriteExec, `(?m)^  LOAD .* RWE `)
	truth("executable", f.Kind == Executable, `Type: +EXEC`)
	if f.Interpreter == "" {
		truth("static-pie", f.Kind == StaticPIE, `\(FLAGS_1\) +Flags:.* PIE`)
	}
	truth("64 bits", f.Bits == 64, `Class: +ELF64`)
}

// elfFiles returns the ELF files below dir, each once, in order of name.
func elfFiles(t *testing.T, dir string) (paths []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what cannot be looked at is not compared
		}
		r, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer r.Close()
		magic := make([]byte, 4)
		if _, err := r.ReadAt(magic, 0); err == nil && string(magic) == "\x7fELF" {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
