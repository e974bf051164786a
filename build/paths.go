package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// sourceFile matches the rest of a path, after a directory, that names a source file. A path
// of the build machine gets into a binary in the tables of the runtime and the debugger. A
// program may well contain the text "/app/config" even if it was built in /app.
//
// It is compiled when it is first needed, because that takes as long as a quarter of the start
// of this program.
var sourceFile = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^\x00-\x1f"'<>|]{1,1000}?` +
		`\.(go|s|S|c|h|cc|cpp|cxx|hpp|m|mm)([^A-Za-z0-9_.]|$)`)
})

const (
	scanChunk   = 1 << 20 // how much of a file is in memory at a time, in bytes
	scanOverlap = 2048    // more than the longest name that is looked at
	maxLeaks    = 5       // reported for one file: the others have the same cause
)

// leakedPaths finds names of source files below dirs in the first size bytes of r. It
// returns each with its offset. The whole file is read, a chunk at a time.
func leakedPaths(r io.ReaderAt, size int64, dirs []string) (leaks []string, err error) {
	prefixes := newPathPrefixes(dirs)
	buf := make([]byte, scanChunk+scanOverlap)

	for start := int64(0); start < size; start += scanChunk {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-start)], start)
		isEnd := errors.Is(err, io.EOF) && start+int64(n) == size
		if err != nil && !isEnd {
			return nil, fmt.Errorf("looking for paths at 0x%x: %w", start, err)
		}

		for _, p := range prefixes {
			for at := range p.find(buf[:n]) {
				if at >= scanChunk { // in the overlap, which the next chunk begins with
					break
				}
				leak := p.leakAt(buf[at:n])
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

// pathPrefixes are ways in which paths below directories begin, all with the same first
// byte. On Unix that byte is a slash, so all directories are found in one pass.
type pathPrefixes struct {
	first  byte
	second [256]bool // bytes that follow the first one
	texts  [][]byte
}

// newPathPrefixes returns the prefixes of paths below dirs, sorted by their first byte.
func newPathPrefixes(dirs []string) (list []*pathPrefixes) {
	byFirst := map[byte]*pathPrefixes{}
	for _, dir := range dirs {
		if len(dir) < 2 {
			continue
		}
		for _, text := range []string{filepath.ToSlash(dir) + "/", dir + string(filepath.Separator)} {
			p := byFirst[text[0]]
			if p == nil {
				p = &pathPrefixes{first: text[0]}
				byFirst[text[0]] = p
			}
			p.add([]byte(text))
		}
	}

	for _, first := range slices.Sorted(maps.Keys(byFirst)) {
		list = append(list, byFirst[first])
	}
	return list
}

// add adds a prefix, once.
func (p *pathPrefixes) add(text []byte) {
	known := slices.ContainsFunc(p.texts, func(other []byte) bool { return bytes.Equal(other, text) })
	if !known {
		p.second[text[1]] = true
		p.texts = append(p.texts, text)
	}
}

// find yields the offsets in b at which a prefix may begin.
func (p *pathPrefixes) find(b []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; at++ {
			i := bytes.IndexByte(b[at:], p.first)
			if i < 0 {
				return
			}
			at += i
			if at+1 < len(b) && !p.second[b[at+1]] { // this rules out most of them
				continue
			}
			if !yield(at) {
				return
			}
		}
	}
}

// leakAt returns the name of a source file at the beginning of b, "" if it is not below one
// of the directories.
func (p *pathPrefixes) leakAt(b []byte) string {
	for _, text := range p.texts {
		if len(b) <= len(text) || !bytes.HasPrefix(b, text) {
			continue
		}
		rest := sourceFile().Find(b[len(text):])
		if rest != nil {
			return string(text) + strings.TrimRight(string(rest), "\x00")
		}
	}
	return ""
}
