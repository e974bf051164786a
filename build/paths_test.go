package build

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestLeakedPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkout")
	slash := filepath.ToSlash(dir)
	for text, want := range map[string]bool{
		"\x00" + slash + "/main.go\x00":                    true,
		"\x00" + slash + "/cmd/x/y.s\x00":                  true,
		slash + "/a b.c":                                   true, // at the very end
		"\x00" + slash + "/config.yaml\x00":                false,
		"\x00" + slash + "/x.gob\x00":                      false,
		"\x00" + slash + "-other/main.go\x00":              false,
		"\x00/elsewhere/main.go\x00":                       false,
		slash + "/":                                        false,
		"\x00" + slash + "/one\x00two.go\x00":              false,
		strings.Repeat("x", scanChunk-3) + slash + "/m.go": true, // across two chunks
		strings.Repeat("x", scanChunk) + slash + "/m.go":   true,
	} {
		leaks, err := leakedPaths(bytes.NewReader([]byte(text)), int64(len(text)), []string{dir, "/"})
		if err != nil || len(leaks) > 0 != want || len(leaks) > 1 {
			t.Errorf("%.60q: %q, %v", text, leaks, err)
		}
		at := fmt.Sprintf("at 0x%x: %s", strings.Index(text, slash), slash)
		if want && len(leaks) > 0 && !strings.Contains(leaks[0], at) {
			t.Errorf("%.60q: %s, expected %s", text, leaks[0], at)
		}
	}
	many := strings.Repeat("\x00"+slash+"/main.go\x00", 100)
	leaks, err := leakedPaths(strings.NewReader(many), int64(len(many)), []string{dir})
	if len(leaks) != maxLeaks || err != nil {
		t.Errorf("%d leaks, %v", len(leaks), err)
	}
	if _, err := leakedPaths(strings.NewReader("short"), 100, []string{dir}); err == nil {
		t.Error("a file that is cut short was scanned without an error")
	}
}

// BenchmarkLeakedPaths scans 50 MB for four directories.
func BenchmarkLeakedPaths(b *testing.B) {
	data := bytes.Repeat([]byte("/home/runner/work/other/main.go\x00 text segment 0123456789"), 50<<20/56)
	dirs := []string{
		"/home/runner/work/tool/tool",
		"/home/runner/go/pkg/mod",
		"/opt/hostedtoolcache/go",
		"/home/runner/.cache/go-build",
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if leaks, err := leakedPaths(bytes.NewReader(data), int64(len(data)), dirs); err != nil || len(leaks) > 0 {
			b.Fatal(leaks, err)
		}
	}
}
