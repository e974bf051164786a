package static

import (
	"bytes"
	"strings"
	"testing"
)

// TestMemory asks for addresses where mappings overlap. The file is 16 pages; an address is in page 0x10
// and above.
func TestMemory(t *testing.T) {
	file := newView(bytes.NewReader(make([]byte, 16*pageSize)), 16*pageSize)
	mapped := func(addr, size, off, bytes uint64) mapping {
		m := mapping{addr: addr, size: size}
		if bytes > 0 {
			m.view = view{r: file.r, off: off, size: bytes, remaining: file.remaining}
		}
		return m
	}
	first := mapped(0x10000, 0x3000, 0, 0x3000)
	tests := []struct {
		name string
		also mapping
		addr uint64
		off  uint64 // in the file
		size uint64
		err  string
	}{
		{"nothing else", mapping{}, 0x10100, 0x100, 0x2f00, ""},
		{"before", mapping{}, 0xffff, 0, 0, "not in the file"},
		{"behind", mapping{}, 0x13000, 0, 0, "not in the file"},
		{"the same bytes", mapped(0x11000, 0x1000, 0x1000, 0x1000), 0x10100, 0x100, 0x2f00, ""},
		{"the same bytes, then zeros", mapped(0x11000, 0x1000, 0x1000, 0x800), 0x10100, 0x100, 0x1700, ""},
		{"among the zeros", mapped(0x11000, 0x1000, 0x1000, 0x800), 0x11900, 0, 0, "mapped twice"},
		{"other bytes from a page on", mapped(0x12ff0, 1, 0x5ff0, 1), 0x10100, 0x100, 0x1f00, ""},
		{"other bytes in the page", mapped(0x10ff0, 1, 0x5ff0, 1), 0x10100, 0, 0, "mapped twice"},
		{"other bytes in the page before", mapped(0x10ff0, 1, 0x5ff0, 1), 0x11000, 0x1000, 0x2000, ""},
		{"zeros from a page on", mapped(0x12800, 0x1000, 0, 0), 0x10100, 0x100, 0x1f00, ""},
		{"zeros to the end of memory", mapped(0x12800, 1<<64-1-0x12800, 0, 0), 0x10100, 0x100, 0x1f00, ""},
	}
	for _, test := range tests {
		for _, m := range []memory{{first, test.also}, {test.also, first}} {
			got, err := m.at("it", test.addr)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s: %+v, %v", test.name, got, err)
				}
			case err != nil || got.off != test.off || got.size != test.size:
				t.Errorf("%s: 0x%x bytes at 0x%x, %v", test.name, got.size, got.off, err)
			}
		}
	}
}
