package inspect

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

const (
	maxDictionary   = 256 << 20 // bytes of a dictionary; xz -9 uses 64 MiB, zstd --ultra 128 MiB
	maxDictionaries = maxTotal  // bytes of the dictionaries of all blocks of a file

	xzMaxHeaderLen = 1024 // bytes of the longest block header
	xzMaxSizesLen  = 18   // bytes of the two optional sizes before the filters in a block header
)

// openXZ opens an xz stream. Reading it fails if a block needs more memory than maxDictionary.
//
// github.com/ulikunitz/xz allocates the dictionary named by a block header, up to 4 GiB, and
// its DictCap is a lower limit for xz. Other Go libraries wrap it, are unmaintained ports of
// xz-embedded, or need cgo. So the headers are checked here before the library reads them.
func openXZ(r io.Reader) (io.Reader, error) {
	return xz.NewReader(bufio.NewReaderSize(&dictionaryLimiter{r: r}, 32<<10))
}

// openLZMA opens a stream in the format that lzma wrote before xz.
func openLZMA(r io.Reader) (io.Reader, error) {
	return lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(r)
}

// A dictionaryLimiter passes an xz stream through. It fails before the end of a block header
// that names too large a dictionary.
//
// It searches for headers everywhere instead of following the stream from block to block. The
// library continues where compressed data ended, which may be before the end of its chunk, so
// a crafted stream could hide a header from a reader that follows the lengths. Other data is
// not mistaken for a header, because headers have a checksum.
type dictionaryLimiter struct {
	r     io.Reader
	seen  []byte // the end of what was passed through before, followed by the latest bytes
	total int64  // bytes of all dictionaries
}

func (d *dictionaryLimiter) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)

	d.seen = append(d.seen, p[:n]...)
	if err := d.check(len(d.seen) - n); err != nil {
		return 0, err
	}

	// Keep the longest possible beginning of a header.
	keep := min(len(d.seen), xzMaxHeaderLen-1)
	d.seen = append(d.seen[:0], d.seen[len(d.seen)-keep:]...)

	return n, err
}

// check checks the dictionaries of all headers that end after old, an offset in seen.
func (d *dictionaryLimiter) check(old int) error {
	lzma2 := []byte{0x21, 0x01} // the filter LZMA2, with one byte of properties

	for from := 0; ; {
		i := bytes.Index(d.seen[from:], lzma2)
		if i < 0 {
			return nil
		}
		filter := from + i
		from = filter + 1

		end, ok := d.headerEnd(filter)
		if !ok || end <= old {
			continue
		}
		size, err := lzma.DecodeDictCap(d.seen[filter+2])
		if err != nil {
			continue // the library rejects it
		}

		d.total += size
		if size > maxDictionary || d.total > maxDictionaries {
			return fmt.Errorf("xz dictionary of %d bytes: %w", size, errLimit)
		}
	}
}

// headerEnd reports whether the filter at an offset in seen belongs to a block header that has
// been seen completely (The .xz File Format, 3.1). If so, it returns the end of the header.
func (d *dictionaryLimiter) headerEnd(filter int) (end int, ok bool) {
	const moreFilters = 0x3f // flags that are set if there are other filters, or that are reserved

	first := max(filter-2-xzMaxSizesLen, 0)
	for start := filter - 2; start >= first; start-- {
		length := int(d.seen[start])
		flags := d.seen[start+1]
		if length == 0 || flags&moreFilters != 0 {
			continue
		}

		end := start + (length+1)*4
		if end > len(d.seen) || end-4 < filter+3 {
			continue
		}
		sum := binary.LittleEndian.Uint32(d.seen[end-4:])
		if crc32.ChecksumIEEE(d.seen[start:end-4]) == sum {
			return end, true
		}
	}
	return 0, false
}
