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
	// deflateLevel is klauspost's 6. On Go binaries its files are 2 % larger than those of
	// its 8 and of the standard library's 6, which take twice as long, and 2.5 % larger than
	// those of the best levels, which take eight times as long (BenchmarkArchive). Packing
	// with 8 was a fifth of all processor time of a release whose packages are compiled.
	deflateLevel = 6
	// blockSize is how many bytes are compressed in one piece. Smaller pieces would make
	// larger files; one costs five bytes (RFC 1951, 3.2.4: an empty stored block ends it).
	blockSize = 1 << 20
	// windowSize is how far back a match may be (RFC 1951, 2).
	windowSize = 32 << 10
)

// Compressors compress blocks of archives side by side, so many at a time, whatever the
// number of archives. The bytes do not depend on how many there are.
type Compressors struct {
	free chan *flate.Writer // nil: not made yet
}

// NewCompressors returns n compressors.
func NewCompressors(n int) *Compressors {
	c := &Compressors{make(chan *flate.Writer, max(1, n))}
	for range cap(c.free) {
		c.free <- nil
	}
	return c
}

// compress compresses the bytes in[window:], which follow those before them. It returns
// at once; what it made is sent.
func (c *Compressors) compress(in []byte, window int, last bool) <-chan block {
	done := make(chan block, 1)
	w := <-c.free
	go func() {
		var out bytes.Buffer
		err := crash.Catch(func() (err error) {
			if w == nil {
				w, err = flate.NewWriter(&out, deflateLevel)
			}
			if err == nil {
				w.ResetDict(&out, in[:window])
				_, err = w.Write(in[window:])
			}
			if err == nil && last {
				err = w.Close()
			} else if err == nil {
				err = w.Flush()
			}
			return err
		})
		if err != nil {
			w = nil // nobody knows what is in it
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

// A deflater writes a deflate stream (RFC 1951) that is compressed in blocks. Each knows
// the window before it, so that hardly anything is lost against one piece.
type deflater struct {
	w       io.Writer
	c       *Compressors
	in      []byte         // the window, and what there is of the next block
	window  int            // bytes of in that are the window
	pending []<-chan block // in order
}

func (d *deflater) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if d.in == nil {
			d.in = make([]byte, 0, windowSize+blockSize)
		}
		fits := min(len(p), d.window+blockSize-len(d.in))
		d.in, p = append(d.in, p[:fits]...), p[fits:]
		if len(d.in) == d.window+blockSize {
			if err := d.send(false); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

// send has the block compressed, and writes what is ready when enough is under way.
func (d *deflater) send(last bool) error {
	d.pending = append(d.pending, d.c.compress(d.in, d.window, last))
	if !last {
		window := d.in[max(0, len(d.in)-windowSize):]
		d.in = append(make([]byte, 0, windowSize+blockSize), window...)
		d.window = len(window)
	}
	for len(d.pending) > 0 {
		var b block
		if last || len(d.pending) > cap(d.c.free) {
			b = <-d.pending[0]
		} else {
			select {
			case b = <-d.pending[0]: // what is ready need not wait in memory
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

// Close ends the stream. It does not close what it is written to.
func (d *deflater) Close() error { return d.send(true) }

// A gzipper writes a gzip file (RFC 1952) without a name or a time.
type gzipper struct {
	deflater
	began bool
	crc   uint32
	size  uint32 // modulo 2^32
}

// gzipHeader: deflate, no flags, no time stamp, no level, unknown file system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

func (g *gzipper) begin() (err error) {
	if !g.began {
		g.began = true
		_, err = io.WriteString(g.w, gzipHeader)
	}
	return err
}

func (g *gzipper) Write(p []byte) (int, error) {
	if err := g.begin(); err != nil {
		return 0, err
	}
	g.crc, g.size = crc32.Update(g.crc, crc32.IEEETable, p), g.size+uint32(len(p))
	return g.deflater.Write(p)
}

func (g *gzipper) Close() error {
	if err := g.begin(); err != nil {
		return err
	}
	if err := g.deflater.Close(); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, g.crc)
	_, err := g.w.Write(binary.LittleEndian.AppendUint32(trailer, g.size))
	return err
}
