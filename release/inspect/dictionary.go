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
	maxDictionary   = 256 << 20 // bytes of one dictionary; xz -9 and zstd --ultra take 64 and 128 MiB
	maxDictionaries = maxTotal  // bytes of those of all blocks, which xz makes a third of the content

	xzBlockHeader = 1024 // bytes of the longest header of a block
	xzSizes       = 18   // bytes of the two sizes that may come before the filter in it
)

// openXZ opens an xz stream of which no block asks for more memory than maxDictionary.
//
// github.com/ulikunitz/xz allocates the dictionary that the header of a block names, up to
// 4 GiB, and its DictCap is a lower limit in xz. Other Go libraries wrap it, are ports of
// xz-embedded without maintenance, or need cgo. So the headers are found here before it
// reads them.
func openXZ(r io.Reader) (io.Reader, error) {
	return xz.NewReader(bufio.NewReaderSize(&dictionaryLimit{r: r}, 32<<10))
}

// openLZMA opens a stream in the format that lzma had before there was xz.
func openLZMA(r io.Reader) (io.Reader, error) {
	return lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(r)
}

// A dictionaryLimit passes an xz stream on, and fails in front of the end of a header that
// names too large a dictionary.
//
// It looks for headers everywhere instead of following the stream from block to block: the
// library goes on where compressed data ended, which may be before the end of its chunk,
// and a crafted stream could hide a header from a reader that goes by lengths. A header has
// a checksum, so that nothing else is taken for one.
type dictionaryLimit struct {
	r     io.Reader
	seen  []byte // the end of what was passed on, and what was read last
	total int64  // bytes of all dictionaries
}

func (d *dictionaryLimit) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)

	d.seen = append(d.seen, p[:n]...)
	if err := d.check(len(d.seen) - n); err != nil {
		return 0, err
	}
	kept := min(len(d.seen), xzBlockHeader-1)
	d.seen = append(d.seen[:0], d.seen[len(d.seen)-kept:]...)

	return n, err
}

// check counts the dictionaries of the headers that end behind old, an offset in seen.
func (d *dictionaryLimit) check(old int) error {
	for from := 0; ; {
		i := bytes.Index(d.seen[from:], []byte{0x21, 0x01}) // the filter LZMA2, with properties of one byte
		if i < 0 {
			return nil
		}
		filter := from + i
		from = filter + 1

		end, ok := d.header(filter)
		if !ok || end <= old {
			continue
		}
		size, err := lzma.DecodeDictCap(d.seen[filter+2])
		if err != nil {
			continue // the library refuses it
		}
		d.total += size
		if size > maxDictionary || d.total > maxDictionaries {
			return fmt.Errorf("a dictionary of %d bytes in xz: %w", size, errLimit)
		}
	}
}

// header reports whether a filter is in the header of a block (The .xz File Format, 3.1),
// all of which was seen, and where that ends.
func (d *dictionaryLimit) header(filter int) (end int, ok bool) {
	for start := filter - 2; start >= 0 && start >= filter-2-xzSizes; start-- {
		const oneFilter = 0x3f // the bits of the flags that say that there are more, or are reserved
		if d.seen[start] == 0 || d.seen[start+1]&oneFilter != 0 {
			continue
		}
		end := start + (int(d.seen[start])+1)*4
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
