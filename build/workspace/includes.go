package workspace

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/go-static-release/build/door"
)

// include matches a line by which C, assembly or the preamble of a cgo file includes
// another file.
var include = regexp.MustCompile(`^\s*(?://|/?\*)?\s*` + // the preamble is a comment
	`(?:#\s*(?:include|include_next|import|embed)|\.incbin|\.include)\s*` +
	`["<]([^">]+)[">]`)

// MaxSource is the size of the largest source file that is read, in bytes. The go command
// and the compiler hold a whole file in memory, and nobody writes a larger one by hand.
const MaxSource = 64 << 20

// maxIncludes limits the files that one package may include. Real packages include
// hundreds.
const maxIncludes = 10000

// included returns the files that the C and assembly files of a package include. It is no
// preprocessor, so it does not see files that a macro names.
func (pkg *sourcePackage) included(cgo bool) (files []string, err error) {
	lists := [][]string{pkg.SFiles}
	if cgo {
		lists = append(lists, pkg.CgoFiles, pkg.CFiles, pkg.CXXFiles, pkg.MFiles)
	}

	var queue []string
	for _, list := range lists {
		for _, name := range list {
			queue = append(queue, filepath.Join(pkg.Dir, name))
		}
	}

	dirs := pkg.includeDirs()
	seen := map[string]bool{}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]

		for _, name := range includesOf(file) {
			for _, dir := range append([]string{filepath.Dir(file)}, dirs...) {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if filepath.IsAbs(name) {
					path = filepath.Clean(name)
				}
				if seen[path] || !isFile(path) {
					continue
				}

				if len(files) == maxIncludes {
					return nil, fmt.Errorf("the C and assembly files in %s include more than %d files",
						pkg.Dir, maxIncludes)
				}
				seen[path] = true
				files = append(files, path)
				queue = append(queue, path)
			}
		}
	}

	return files, nil
}

// includesOf returns the names that a file includes. The compiler reports files that
// cannot be read.
func includesOf(path string) (names []string) {
	f, err := os.OpenFile(path, os.O_RDONLY|door.DoNotWait, 0)
	if err != nil {
		return nil
	}
	defer f.Close()

	lines := bufio.NewReader(io.LimitReader(f, MaxSource))
	for {
		line, long, err := lines.ReadLine()
		if err != nil {
			return names
		}
		if m := include.FindSubmatch(line); m != nil {
			names = append(names, string(m[1]))
		}

		// Skip the rest of a line that is longer than any include.
		for long && err == nil {
			_, long, err = lines.ReadLine()
		}
	}
}

// includeDirs returns the directories of headers that the package's flags name.
func (pkg *sourcePackage) includeDirs() (dirs []string) {
	for _, flags := range [][]string{pkg.CgoCPPFLAGS, pkg.CgoCFLAGS, pkg.CgoCXXFLAGS} {
		for i, flag := range flags {
			for _, option := range []string{"-I", "-iquote", "-isystem", "-idirafter"} {
				dir, ok := strings.CutPrefix(flag, option)
				if !ok {
					continue
				}
				if dir == "" && i+1 < len(flags) {
					dir = flags[i+1]
				}
				dirs = append(dirs, pkg.local(dir))
			}
		}
	}

	return dirs
}

// libraries returns the files that the package's flags give to the linker, either by path
// or by name in one of the directories that the flags name.
func (pkg *sourcePackage) libraries(cgo bool) (files []string) {
	if !cgo {
		return nil
	}

	var dirs []string
	for _, flag := range pkg.CgoLDFLAGS {
		if dir, ok := strings.CutPrefix(flag, "-L"); ok && dir != "" {
			dirs = append(dirs, pkg.local(dir))
		}
	}

	for _, flag := range pkg.CgoLDFLAGS {
		if name, ok := strings.CutPrefix(flag, "-l"); ok {
			for _, dir := range dirs {
				for _, end := range []string{".a", ".so", ".dylib", ".lib", ".dll.a"} {
					files = appendFile(files, filepath.Join(dir, "lib"+name+end))
				}
				files = appendFile(files, filepath.Join(dir, strings.TrimPrefix(name, ":")))
			}
			continue
		}

		if !strings.HasPrefix(flag, "-") {
			files = appendFile(files, pkg.local(flag))
		}
	}

	return files
}

// local returns the absolute path of a file that the package's flags name. The compiler is
// started in the directory of the package.
func (pkg *sourcePackage) local(path string) string { return local(pkg.Dir, path) }

// local returns the absolute path of a file that is named relative to dir.
func local(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// appendFile appends a file if it exists.
func appendFile(files []string, path string) []string {
	if isFile(path) {
		files = append(files, path)
	}
	return files
}
