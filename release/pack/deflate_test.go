package pack

import (
	"bytes"
	stdflate "compress/flate"
	stdgzip "compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/org/go-static-release/build/crash"
)

// contents returns contents that are difficult for a stream of blocks: nothing, less than a
// block, exactly one, one byte more, several, with matches across their ends, and data that
// cannot be compressed.
func contents(t *testing.T) map[string][]byte {
	t.Helper()
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}

	noise := make([]byte, blockSize+3)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	words := []byte(strings.Repeat("the same words, across the end of a block. ", 3*blockSize/40))

	return map[string][]byte{
		"nothing":            nil,
		"a byte":             {7},
		"a block":            words[:blockSize],
		"a block and a byte": words[:blockSize+1],
		"two blocks":         words[:2*blockSize],
		"words":              words,
		"noise":              noise,
		"a program":          exe[:min(len(exe), 3*blockSize+1000)],
	}
}

// deflated returns data deflated by c. It is written in pieces of the given size.
func deflated(t *testing.T, c *Compressors, data []byte, piece int) []byte {
	t.Helper()
	var b bytes.Buffer
	d := &deflater{w: &b, compressors: c}
	for rest := data; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := d.Write(rest[:n]); err != nil {
			t.Error(err)
		}
		rest = rest[n:]
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}

// The bytes are the same with one compressor or several, new or used ones, many files at a time,
// and writes of any size. The standard library can decompress them.
func TestDeflateSameBytes(t *testing.T) {
	several := NewCompressors(4)
	var wg sync.WaitGroup
	for name, data := range contents(t) {
		wg.Go(func() {
			want := deflated(t, NewCompressors(1), data, len(data))
			for _, piece := range []int{len(data), 4096, blockSize - 1} {
				if have := deflated(t, several, data, piece); !bytes.Equal(have, want) {
					t.Errorf("%s, written in pieces of %d: %d bytes that differ from the %d of one compressor",
						name, piece, len(have), len(want))
				}
			}

			back, err := io.ReadAll(stdflate.NewReader(bytes.NewReader(want)))
			if err != nil || !bytes.Equal(back, data) {
				t.Errorf("%s: %v, %d bytes read back of %d", name, err, len(back), len(data))
			}
		})
	}

	wg.Wait()
}

func TestGzipRoundTrip(t *testing.T) {
	for name, data := range contents(t) {
		var b bytes.Buffer
		g := &gzipper{deflater: deflater{w: &b, compressors: NewCompressors(2)}}
		if _, err := g.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}

		z, err := stdgzip.NewReader(&b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := io.ReadAll(z) // checks the digest and the size
		if err != nil || crc32.ChecksumIEEE(back) != crc32.ChecksumIEEE(data) {
			t.Errorf("%s: %v, %d bytes read back of %d", name, err, len(back), len(data))
		}
	}
}

// A block refers to the one before it, so data compressed in blocks is hardly larger than in one
// piece.
func TestDeflateWindow(t *testing.T) {
	data := bytes.Repeat(contents(t)["noise"][:windowSize-300], 3*blockSize/windowSize)
	var whole bytes.Buffer
	w, err := flate.NewWriter(&whole, deflateLevel)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := len(deflated(t, NewCompressors(1), data, len(data))); n > whole.Len()+2000 {
		t.Errorf("%d bytes in blocks, %d in one piece", n, whole.Len())
	}
}

// However fast it is written, a file has at most one more block in memory than there are
// compressors.
func TestDeflateMemory(t *testing.T) {
	c := NewCompressors(2)
	d := &deflater{w: io.Discard, compressors: c}
	data := contents(t)["noise"][:blockSize]

	for range 20 {
		if _, err := d.Write(data); err != nil {
			t.Fatal(err)
		}
		if len(d.pending) > 3 {
			t.Fatalf("%d blocks are under way", len(d.pending))
		}
	}

	if err := d.Close(); err != nil || len(d.pending) > 0 {
		t.Errorf("%v, %d blocks are left", err, len(d.pending))
	}
}

// A full writer fails like a full disk.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	f.left -= len(p)
	if f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// A write error is returned wherever it occurs, and the compressors can be used again.
func TestDeflateDiskFull(t *testing.T) {
	data := contents(t)["noise"]
	c := NewCompressors(2)
	for _, left := range []int{0, 9, 100, blockSize, blockSize + 12} {
		g := &gzipper{deflater: deflater{w: &full{left}, compressors: c}}
		_, err := g.Write(data)
		if err == nil {
			err = g.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v, expected %v", left, err, errFull)
		}
	}

	if out := deflated(t, c, data, len(data)); len(out) < blockSize {
		t.Errorf("%d bytes", len(out))
	}
}

// A crash of a compressor is an error, and the next file is compressed.
func TestDeflateCrash(t *testing.T) {
	c := NewCompressors(1)
	<-c.free
	c.free <- &flate.Writer{} // not initialized

	first := <-c.compress([]byte("data"), 0, true)
	var caught *crash.Error
	if !errors.As(first.err, &caught) {
		t.Errorf("%v", first.err)
	}
	if second := <-c.compress([]byte("data"), 0, true); second.err != nil || len(second.data) == 0 {
		t.Errorf("%d bytes, %v", len(second.data), second.err)
	}
}
