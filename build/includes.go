package build

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// include is a line by which C, assembly or the preamble of a cgo file reads another file.
var include = regexp.MustCompile(`^\s*(?://|/?\*)?\s*(?:#\s*(?:include|include_next|import|embed)|\.incbin|\.include)\s*["<]([^">]+)[">]`)

// maxIncludes is how many files are followed from one package: real ones have hundreds.
const maxIncludes = 10000

// included returns the files that the C and assembly files of a package include, as far as
// they can be found without a preprocessor: what a macro names is not seen.
func (pkg *sourcePackage) included(cgo bool) (files []string) {
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
	for len(queue) > 0 && len(seen) < maxIncludes {
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
				seen[path] = true
				files = append(files, path)
				queue = append(queue, path)
			}
		}
	}
	return files
}

// includesOf returns the names that a file includes. What cannot be read is the
// compiler's to complain about.
func includesOf(path string) (names []string) {
	f, err := os.OpenFile(path, os.O_RDONLY|doNotWait, 0)
	if err != nil {
		return nil
	}
	defer f.Close()

	lines := bufio.NewReader(io.LimitReader(f, maxSource))
	for {
		line, long, err := lines.ReadLine()
		if err != nil {
			return names
		}
		if m := include.FindSubmatch(line); m != nil {
			names = append(names, string(m[1]))
		}
		for long && err == nil { // the rest of a line that no include has
			_, long, err = lines.ReadLine()
		}
	}
}

// includeDirs are the directories in which the package's flags look for headers.
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

// libraries are the files that the package's flags give to the linker: by their path, or
// by a name in one of its directories.
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

// local is a path of the package's flags as the compiler takes it: it is started in the
// directory of the package.
func (pkg *sourcePackage) local(path string) string { return local(pkg.Dir, path) }

// local is a path that is relative to dir, unless it is absolute.
func local(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// appendFile appends a file if there is one.
func appendFile(files []string, path string) []string {
	if isFile(path) {
		files = append(files, path)
	}
	return files
}
