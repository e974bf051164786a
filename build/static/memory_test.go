package static

import (
	"bytes"
	"strings"
	"testing"
)

// TestMemory looks up addresses where mappings overlap. The file has 16 pages, and page 0 of
// the file is mapped to page 0x10.
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
		name  string
		other mapping
		addr  uint64
		off   uint64 // in the file
		size  uint64
		err   string
	}{
		{
			name: "nothing else",
			addr: 0x10100,
			off:  0x100,
			size: 0x2f00,
		},
		{
			name: "before",
			addr: 0xffff,
			err:  "not in the file",
		},
		{
			name: "behind",
			addr: 0x13000,
			err:  "not in the file",
		},
		{
			name:  "the same bytes",
			other: mapped(0x11000, 0x1000, 0x1000, 0x1000),
			addr:  0x10100,
			off:   0x100,
			size:  0x2f00,
		},
		{
			name:  "the same bytes, then zeros",
			other: mapped(0x11000, 0x1000, 0x1000, 0x800),
			addr:  0x10100,
			off:   0x100,
			size:  0x1700,
		},
		{
			name:  "among the zeros",
			other: mapped(0x11000, 0x1000, 0x1000, 0x800),
			addr:  0x11900,
			err:   "mapped twice",
		},
		{
			name:  "other bytes in a later page",
			other: mapped(0x12ff0, 1, 0x5ff0, 1),
			addr:  0x10100,
			off:   0x100,
			size:  0x1f00,
		},
		{
			name:  "other bytes in the page",
			other: mapped(0x10ff0, 1, 0x5ff0, 1),
			addr:  0x10100,
			err:   "mapped twice",
		},
		{
			name:  "other bytes in the page before",
			other: mapped(0x10ff0, 1, 0x5ff0, 1),
			addr:  0x11000,
			off:   0x1000,
			size:  0x2000,
		},
		{
			name:  "zeros from a later page on",
			other: mapped(0x12800, 0x1000, 0, 0),
			addr:  0x10100,
			off:   0x100,
			size:  0x1f00,
		},
		{
			name:  "zeros to the end of memory",
			other: mapped(0x12800, 1<<64-1-0x12800, 0, 0),
			addr:  0x10100,
			off:   0x100,
			size:  0x1f00,
		},
	}
	for _, test := range tests {
		// The order of the mappings must not matter.
		for _, m := range []memory{{first, test.other}, {test.other, first}} {
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
