package pack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/org/go-static-release/build/crash"
)

const (
	// deflateLevel is a level of klauspost's flate. For Go binaries its files are 2 % larger
	// than those of level 8 or of level 6 of the standard library, which take twice as long,
	// and 2.5 % larger than those of the best levels, which take eight times as long
	// (BenchmarkArchive). At level 8, packing was a fifth of the processor time of a release
	// whose packages were already compiled.
	deflateLevel = 6

	// blockSize is the number of bytes that are compressed at a time. Smaller blocks make
	// larger files. A block costs five bytes, because an empty stored block ends it (RFC
	// 1951, 3.2.4).
	blockSize = 1 << 20

	// windowSize is how far back a match may refer (RFC 1951, 2).
	windowSize = 32 << 10
)

// Compressors is a pool of compressors for the blocks of archives. It limits how many blocks
// are compressed at the same time, in all archives together. The output does not depend on
// the size of the pool.
type Compressors struct {
	free chan *flate.Writer // nil stands for a compressor that is yet to be allocated
}

// NewCompressors returns a pool of n compressors, but at least one.
func NewCompressors(n int) *Compressors {
	c := &Compressors{make(chan *flate.Writer, max(1, n))}
	for range cap(c.free) {
		c.free <- nil
	}
	return c
}

// compress waits for a free compressor and then compresses in[window:] in the background.
// The bytes before it, in[:window], were compressed earlier and can be referred to. The
// returned channel delivers the result.
func (c *Compressors) compress(in []byte, window int, last bool) <-chan block {
	done := make(chan block, 1)
	w := <-c.free

	go func() {
		var out bytes.Buffer
		err := crash.Catch(func() error {
			if w == nil {
				var err error
				w, err = flate.NewWriter(&out, deflateLevel)
				if err != nil {
					return err
				}
			}

			w.ResetDict(&out, in[:window])
			if _, err := w.Write(in[window:]); err != nil {
				return err
			}
			if last {
				return w.Close()
			}
			return w.Flush()
		})
		if err != nil {
			w = nil // its state is unknown
		}

		c.free <- w
		done <- block{out.Bytes(), err}
	}()

	return done
}

// A block is a compressed piece of a file.
type block struct {
	data []byte
	err  error
}

// A deflater writes a deflate stream (RFC 1951) that is compressed in blocks. Each block can
// refer to the window before it, so the stream is hardly larger than one compressed in one
// piece.
type deflater struct {
	w           io.Writer
	compressors *Compressors

	in     []byte // the window, followed by the bytes of the next block
	window int    // length of the window

	pending []<-chan block // in the order of the stream
}

func (d *deflater) Write(p []byte) (int, error) {
	total := len(p)

	for len(p) > 0 {
		if d.in == nil {
			d.in = make([]byte, 0, windowSize+blockSize)
		}

		n := min(len(p), d.window+blockSize-len(d.in))
		d.in = append(d.in, p[:n]...)
		p = p[n:]

		isFull := len(d.in) == d.window+blockSize
		if isFull {
			if err := d.compressBlock(false); err != nil {
				return total - len(p), err
			}
		}
	}

	return total, nil
}

// compressBlock starts compressing the current block, and writes blocks that are ready. It
// waits for blocks if there are more pending than compressors, or if this is the last block.
func (d *deflater) compressBlock(last bool) error {
	d.pending = append(d.pending, d.compressors.compress(d.in, d.window, last))

	if !last {
		// The goroutine that compresses the block still reads d.in.
		window := d.in[max(0, len(d.in)-windowSize):]
		d.in = append(make([]byte, 0, windowSize+blockSize), window...)
		d.window = len(window)
	}

	for len(d.pending) > 0 {
		var b block
		if last || len(d.pending) > cap(d.compressors.free) {
			b = <-d.pending[0]
		} else {
			select {
			case b = <-d.pending[0]:
			default:
				return nil
			}
		}
		d.pending = d.pending[1:]

		if b.err != nil {
			return fmt.Errorf("compressing: %w", b.err)
		}
		if _, err := d.w.Write(b.data); err != nil {
			return err
		}
	}

	return nil
}

// Close ends the stream. It does not close the underlying writer.
func (d *deflater) Close() error { return d.compressBlock(true) }

// A gzipper writes a gzip file (RFC 1952) without a name or a time.
type gzipper struct {
	deflater
	hasHeader bool // the header was written
	crc       uint32
	size      uint32 // modulo 2^32
}

// gzipHeader names the method deflate and sets no flags, no time, no level and an unknown
// file system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// writeHeader writes the header, unless it has been written.
func (g *gzipper) writeHeader() error {
	if g.hasHeader {
		return nil
	}
	g.hasHeader = true

	_, err := io.WriteString(g.w, gzipHeader)
	return err
}

func (g *gzipper) Write(p []byte) (int, error) {
	if err := g.writeHeader(); err != nil {
		return 0, err
	}

	g.crc = crc32.Update(g.crc, crc32.IEEETable, p)
	g.size += uint32(len(p))

	return g.deflater.Write(p)
}

func (g *gzipper) Close() error {
	if err := g.writeHeader(); err != nil {
		return err
	}
	if err := g.deflater.Close(); err != nil {
		return err
	}

	var trailer []byte
	trailer = binary.LittleEndian.AppendUint32(trailer, g.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, g.size)

	_, err := g.w.Write(trailer)
	return err
}
