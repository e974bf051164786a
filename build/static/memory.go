package static

import (
	"fmt"
	"math"
	"slices"
)

// pageSize is the smallest page size of the processors that programs are made for.
const pageSize = 0x1000

// memory is the address space of a program as a loader fills it from the file.
type memory []mapping

// A mapping places the bytes of view at addr, followed by zeros up to size bytes. Loaders map
// whole pages, so a mapping also replaces everything else in its first and its last page.
type mapping struct {
	addr uint64
	size uint64
	view view
}

// at returns the bytes from addr to the end of the mapping that contains them, or to the first
// page that another mapping replaces. It returns an error if two mappings have different bytes
// at addr itself, because it depends on the loader which of them the program sees.
func (m memory) at(what string, addr uint64) (view, error) {
	i := slices.IndexFunc(m, func(p mapping) bool { return p.contains(addr) })
	if i < 0 {
		return view{}, fmt.Errorf("reading %s at address 0x%x: not in the file", what, addr)
	}

	p := m[i]
	into := addr - p.addr
	size := p.view.size - into
	for j, q := range m {
		if j == i {
			continue
		}

		start, end, replaced := q.replaces(p)
		switch {
		case !replaced || end <= addr:
			// It leaves these bytes alone.
		case start <= addr:
			return view{}, fmt.Errorf("reading %s at address 0x%x: mapped twice: "+
				"from 0x%x of the file and by the mapping at address 0x%x",
				what, addr, p.view.off+into, q.addr)
		default:
			size = min(size, start-addr)
		}
	}
	return p.view.sub(what, into, size)
}

// contains reports whether the byte at addr comes from the file.
func (m mapping) contains(addr uint64) bool {
	return addr >= m.addr && addr-m.addr < m.view.size
}

// pages returns the start of the first page and the end of the last page of a mapping.
func (m mapping) pages() (start, end uint64) {
	start = m.addr &^ (pageSize - 1)
	end = (m.addr + m.size + pageSize - 1) &^ (pageSize - 1)
	if end < start { // it reaches to the end of the address space
		end = math.MaxUint64
	}
	return start, end
}

// replaces returns the range of addresses at which m may put other bytes than p does, and
// whether there is one.
func (m mapping) replaces(p mapping) (start, end uint64, replaced bool) {
	if m.size == 0 {
		return 0, 0, false
	}
	start, end = m.pages()

	// If both map the file at the same distance between address and offset, they put the same
	// bytes at the same addresses. Only the zeros that follow the bytes of m differ.
	sameDistance := m.addr-m.view.off == p.addr-p.view.off
	if m.view.size > 0 && sameDistance {
		return m.addr + m.view.size, end, m.size > m.view.size
	}
	return start, end, true
}
