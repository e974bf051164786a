package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A path of the build machine gets into a binary as the name of a source file, in the
// tables of the runtime and the debugger. The rest of a name decides: a program may
// rightly contain the text "/app/config" even when it was built in /app.
var sourceFile = regexp.MustCompile(`^[^\x00-\x1f"'<>|]{1,1000}?\.(go|s|S|c|h|cc|cpp|cxx|hpp|m|mm)([^A-Za-z0-9_.]|$)`)

const (
	scanChunk   = 1 << 20 // bytes of the file in memory at a time
	scanOverlap = 2048    // more than the longest name that is looked at
	maxLeaks    = 5       // reported for one file: the others have the same cause
)

// leakedPaths finds names of source files below dirs in the first size bytes of r. It
// returns each with its offset. All of the file is read, a chunk at a time.
func leakedPaths(r io.ReaderAt, size int64, dirs []string) (leaks []string, err error) {
	needles := pathNeedles(dirs)
	firsts := slices.Sorted(maps.Keys(needles))
	second := map[byte]*[256]bool{} // bytes that follow the first
	for first, names := range needles {
		second[first] = new([256]bool)
		for _, name := range names {
			second[first][name[1]] = true
		}
	}
	buf := make([]byte, scanChunk+scanOverlap)
	for start := int64(0); start < size; start += scanChunk {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-start)], start)
		if err != nil && !(errors.Is(err, io.EOF) && start+int64(n) == size) {
			return nil, fmt.Errorf("looking for paths at 0x%x: %w", start, err)
		}
		for _, first := range firsts {
			follows := second[first]
			for at := 0; ; at++ {
				i := bytes.IndexByte(buf[at:n], first)
				if i < 0 || at+i >= scanChunk { // what begins in the overlap is the next chunk's
					break
				}
				at += i
				if at+1 < n && !follows[buf[at+1]] { // most of them, at the cost of no call
					continue
				}
				leak := leakAt(buf[at:n], needles[first])
				if leak == "" {
					continue
				}
				leaks = append(leaks, fmt.Sprintf("path of this machine at 0x%x: %s", start+int64(at), leak))
				if len(leaks) == maxLeaks {
					return leaks, nil
				}
			}
		}
	}
	return leaks, nil
}

// pathNeedles are the ways in which directories begin a path, by their first byte: on
// Unix all of them have the same, and are found in one pass.
func pathNeedles(dirs []string) map[byte][][]byte {
	needles := map[byte][][]byte{}
	for _, dir := range dirs {
		for _, form := range []string{filepath.ToSlash(dir) + "/", dir + string(filepath.Separator)} {
			needle := []byte(form)
			if len(dir) > 1 && !slices.ContainsFunc(needles[needle[0]], func(n []byte) bool { return bytes.Equal(n, needle) }) {
				needles[needle[0]] = append(needles[needle[0]], needle)
			}
		}
	}
	return needles
}

// leakAt returns the name of a source file at the beginning of b, if it is below one of
// the directories.
func leakAt(b []byte, needles [][]byte) string {
	for _, needle := range needles {
		// The second byte tells most of them apart, at the cost of no call.
		if len(b) <= len(needle) || b[1] != needle[1] || !bytes.HasPrefix(b, needle) {
			continue
		}
		if rest := sourceFile.Find(b[len(needle):]); rest != nil {
			return string(needle) + strings.TrimRight(string(rest), "\x00")
		}
	}
	return ""
}
