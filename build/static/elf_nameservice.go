package static

import (
	"bytes"
)

const (
	// scanChunk is the number of bytes to hold in memory at a time.
	scanChunk = 64 << 10
	// scanLimit is the number of bytes to scan in one file. No real program has more.
	scanLimit = 1 << 30
)

// nssPrefix begins the names of the libraries that glibc's name service loads, such as
// libnss_files.so.2 (nsswitch.conf(5), FILES).
var nssPrefix = []byte("libnss_")

// findNameService scans a static program that contains glibc for glibc's name service. Only the
// names of the libraries that it loads give it away.
//
// Other programs are not scanned. The start files of glibc mark a program with a GNU note or
// the Linux EI_OSABI, which neither Go nor musl does.
func (e *elfFile) findNameService(f *File) error {
	const what = "ELF segments"
	if f.Interpreter != "" || len(f.Needed) > 0 || !e.hasEvidenceFor("linux") {
		return nil
	}

	// Any number of segments may overlap, so scan the range from the first to the last of
	// them once.
	start := e.size
	end := uint64(0)
	for _, m := range e.memory {
		if m.view.size > 0 {
			start = min(start, m.view.off)
			end = max(end, m.view.off+m.view.size)
		}
	}

	// Chunks overlap by the length of the prefix, which may lie across the end of a chunk.
	buf := make([]byte, scanChunk+len(nssPrefix))
	for off := start; off < end; off += scanChunk {
		if off-start >= scanLimit {
			return e.errorf(what, off, "%w", errBudget)
		}

		chunk := buf[:min(uint64(len(buf)), end-off)]
		if err := readFull(e.r, chunk, off); err != nil {
			return e.errorf(what, off, "%w", err)
		}
		if bytes.Contains(chunk, nssPrefix) {
			f.NameService = true
			return nil
		}
	}
	return nil
}
