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

// TestReadelf compares what is read from the ELF files of this system with the output of
// readelf (binutils). It takes 200 files. With GSR_ALL_FILES=1 it takes all files below /usr,
// which lasts some minutes.
func TestReadelf(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("readelf (binutils) is not installed")
	}

	var compared, objects, withoutCode int
	for _, path := range filesForReadelf(t) {
		f, err := Open(path)
		if errors.Is(err, ErrNotExecutable) {
			objects++
			out, err := exec.Command("readelf", "-hW", path).CombinedOutput()
			if err == nil && regexp.MustCompile(`Type: +(EXEC|DYN)`).Match(out) {
				t.Errorf("%s: not an executable, but readelf says\n%s", path, out)
			}
			continue
		}

		out, readelfErr := exec.Command("readelf", "-hlSdVW", path).Output()
		switch {
		case err != nil && hasNoCode(path, out):
			withoutCode++
		case err != nil:
			t.Errorf("%v; readelf: %v", err, readelfErr)
		case readelfErr != nil:
			t.Errorf("%s: readelf: %v", path, readelfErr)
		default:
			compared++
			compareReadelf(t, path, f, string(out))
		}
	}

	t.Logf("compared %d files with readelf; refused, as they should be: %d objects, %d files without code",
		compared, objects, withoutCode)
	if compared == 0 {
		t.Skip("no ELF files below /usr")
	}
}

// filesForReadelf returns all ELF files below /usr, or some of them.
func filesForReadelf(t *testing.T) []string {
	if os.Getenv("GSR_ALL_FILES") != "" {
		return elfFiles(t, "/usr")
	}

	all := append(elfFiles(t, "/usr/bin"), elfFiles(t, "/usr/lib")...)
	n := min(200, len(all))
	some := make([]string, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// hasNoCode reports whether a file is known to contain no code. Files with nothing but debug
// information have the headers of the file that they were split from. The files test32 and so
// on of runtime/pprof are programs without code.
func hasNoCode(path string, readelf []byte) bool {
	return regexp.MustCompile(`\] \.text +NOBITS`).Match(readelf) ||
		strings.Contains(path, "/runtime/pprof/testdata/test")
}

// compareReadelf compares f with the output of readelf.
func compareReadelf(t *testing.T, path string, f *File, out string) {
	t.Helper()
	all := func(pattern string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(out, -1) {
			found = appendUnique(found, m[1])
		}
		return found
	}
	compareLists := func(what string, got, want []string) {
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s is %q, readelf says %q", path, what, got, want)
		}
	}
	compareBool := func(what string, got bool, pattern string) {
		want := regexp.MustCompile(pattern).MatchString(out)
		if got != want {
			t.Errorf("%s: %s is %v, readelf says %v", path, what, got, want)
		}
	}

	compareLists("interpreter", listOf(f.Interpreter), all(`Requesting program interpreter: (.*)\]`))

	needed := all(`\(NEEDED\) +Shared library: \[(.*)\]`)
	for _, tag := range []string{"FILTER", "AUXILIARY", "AUDIT", "DEPAUDIT"} {
		for _, name := range all(`\(` + tag + `\) .*: \[(.*)\]`) {
			needed = appendUnique(needed, name)
		}
	}
	compareLists("needed", f.Needed, needed)

	var dirs []string
	for _, list := range all(`\((?:RPATH|RUNPATH)\) +Library (?:rpath|runpath): \[(.*)\]`) {
		for _, dir := range strings.Split(list, ":") {
			dirs = appendUnique(dirs, dir)
		}
	}
	compareLists("search path", f.RunPath, dirs)

	compareLists("glibc", listOf(f.Glibc), listOf(readelfGlibc(out)))

	compareBool("dynamic", f.Dynamic, `(?m)^  DYNAMIC `)
	compareBool("executable stack", f.ExecStack, `(?m)^  GNU_STACK .* RWE `)
	compareBool("writable and executable", f.WriteExec, `(?m)^  LOAD .* RWE `)
	compareBool("executable", f.Kind == Executable, `Type: +EXEC`)
	if f.Interpreter == "" {
		compareBool("static-pie", f.Kind == StaticPIE, `\(FLAGS_1\) +Flags:.* PIE`)
	}
	compareBool("64 bits", f.Bits == 64, `Class: +ELF64`)
}

// readelfGlibc returns the highest version of glibc that the output of readelf names.
func readelfGlibc(out string) (highest string) {
	version := regexp.MustCompile(`Name: GLIBC_([0-9.]+) `)
	for _, library := range strings.Split(out, "File: ")[1:] {
		if strings.HasPrefix(library, libgcc) {
			continue
		}
		for _, m := range version.FindAllStringSubmatch(library, -1) {
			if versionLess(highest, m[1]) {
				highest = m[1]
			}
		}
	}
	return highest
}

// listOf returns a list of s alone, or nil if s is empty.
func listOf(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// elfFiles returns the sorted paths of the ELF files below dir. It ignores files that cannot
// be read.
func elfFiles(t *testing.T, dir string) (paths []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
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
