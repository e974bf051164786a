package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	var needles [][]byte
	for _, dir := range dirs {
		for _, form := range []string{filepath.ToSlash(dir) + "/", dir + string(filepath.Separator)} {
			if needle := []byte(form); len(dir) > 1 && !slices.ContainsFunc(needles, func(n []byte) bool { return bytes.Equal(n, needle) }) {
				needles = append(needles, needle)
			}
		}
	}
	buf := make([]byte, scanChunk+scanOverlap)
	for start := int64(0); start < size; start += scanChunk {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-start)], start)
		if err != nil && !(errors.Is(err, io.EOF) && start+int64(n) == size) {
			return nil, fmt.Errorf("looking for paths at 0x%x: %w", start, err)
		}
		for _, needle := range needles {
			for at := 0; ; at++ {
				i := bytes.Index(buf[at:n], needle)
				if i < 0 || at+i >= scanChunk { // what begins in the overlap is the next chunk's
					break
				}
				at += i
				rest := sourceFile.Find(buf[at+len(needle) : n])
				if rest == nil {
					continue
				}
				leaks = append(leaks, fmt.Sprintf("path of this machine at 0x%x: %s%s", start+int64(at), needle, strings.TrimRight(string(rest), "\x00")))
				if len(leaks) == maxLeaks {
					return leaks, nil
				}
			}
		}
	}
	return leaks, nil
}
