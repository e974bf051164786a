package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ulikunitz/xz"
)

// xzStream returns the header of an xz stream without checksums.
func xzStream() []byte {
	flags := []byte{0, 0}
	head := append([]byte("\xfd7zXZ\x00"), flags...)
	return binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(flags))
}

// xzHeader returns a block header of the given size, with a dictionary size given as a code. The
// filter is preceded by sizes and followed by zeros.
func xzHeader(code byte, size int, sizes ...byte) []byte {
	head := []byte{byte(size/4 - 1), 0}
	if len(sizes) > 0 {
		head[1] = 0x80 // of the content
	}
	head = append(head, sizes...)
	head = append(head, 0x21, 1, code)
	head = append(head, make([]byte, size-4-len(head))...)
	return binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
}

// Codes of dictionary sizes (The .xz File Format, 5.3.1).
const (
	dict4KiB   = 0
	dict8MiB   = 22
	dict256MiB = 32
	dict384MiB = 33
	dict4GiB   = 40
)

func TestXZDictionaries(t *testing.T) {
	chunk := []byte("\x01\x00\x03abcd") // four bytes that are not compressed, after a reset
	block := slices.Concat(chunk, []byte{0})

	// The content of this chunk ends before the chunk, and the library continues there. To a
	// reader that follows the length of the chunk, a header after that point is hidden.
	var short bytes.Buffer
	w, err := xz.NewWriter(&short)
	check(t, err)
	_, err = w.Write([]byte(strings.Repeat("a", 100)))
	check(t, err)
	check(t, w.Close())

	const headersLen = 12 + 12 // of the stream and the block
	hidden := bytes.Clone(short.Bytes())
	i := bytes.IndexByte(hidden[headersLen:], 0xe0)
	if i < 0 {
		t.Fatal("no chunk")
	}
	chunkAt := headersLen + i
	length := int(binary.BigEndian.Uint16(hidden[chunkAt+3:])) + 1
	binary.BigEndian.PutUint16(hidden[chunkAt+3:], 0xffff)
	hidden = hidden[:chunkAt+6+length]

	for _, test := range []struct {
		name    string
		data    []byte
		refused bool
	}{
		{"small", slices.Concat(xzStream(), xzHeader(dict4KiB, 12), block), false},
		{"the limit", slices.Concat(xzStream(), xzHeader(dict256MiB, 12), block), false},
		{"more", slices.Concat(xzStream(), xzHeader(dict384MiB, 12), block), true},
		{"most", slices.Concat(xzStream(), xzHeader(dict4GiB, 12), block), true},
		{
			"a size before it",
			slices.Concat(xzStream(), xzHeader(dict4GiB, 16, 0x84, 0x80, 0x80, 0x00), block),
			true,
		},
		{"the longest header", slices.Concat(xzStream(), xzHeader(dict4GiB, 1024), block), true},
		{
			"the second block",
			slices.Concat(xzStream(), xzHeader(dict8MiB, 12), xzHeader(dict4GiB, 12), block),
			true,
		},
		{"after a chunk that ends early", slices.Concat(hidden, []byte{0}, xzHeader(dict4GiB, 12), block), true},
		{"a wrong checksum", slices.Concat(xzStream(), corrupt(xzHeader(dict4GiB, 12)), block), false},
		{
			"many blocks",
			slices.Concat(xzStream(), bytes.Repeat(slices.Concat(xzHeader(dict256MiB, 12), make([]byte, 4)), 256)),
			false,
		},
		{
			"all blocks",
			slices.Concat(xzStream(), bytes.Repeat(slices.Concat(xzHeader(dict256MiB, 12), make([]byte, 4)), 257)),
			true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, source := range []io.Reader{
				bytes.NewReader(test.data),
				iotest.OneByteReader(bytes.NewReader(test.data)),
			} {
				_, err := io.Copy(io.Discard, &dictionaryLimiter{r: source})
				isRight := err == nil
				if test.refused {
					isRight = errors.Is(err, errLimit)
				}
				if !isRight {
					t.Errorf("%v", err)
				}
			}

			isSlow := test.name == "all blocks"
			if !test.refused || isSlow {
				return
			}
			if _, err := look(t, write(t, "x.xz", test.data)); !errors.Is(err, errLimit) {
				t.Errorf("inspected: %v", err)
			}
		})
	}
}

func corrupt(data []byte) []byte {
	data[len(data)-1] ^= 1
	return data
}

// A stream written by a compressor is passed through, whatever the sizes of the reads.
func TestXZIsPassedOn(t *testing.T) {
	program := []byte(strings.Repeat("static ", 100000))
	var packed bytes.Buffer
	w, err := xz.WriterConfig{BlockSize: 10000, DictCap: 1 << 16}.NewWriter(&packed)
	check(t, err)
	_, err = w.Write(program)
	check(t, err)
	check(t, w.Close())

	for _, source := range []io.Reader{
		bytes.NewReader(packed.Bytes()),
		iotest.OneByteReader(bytes.NewReader(packed.Bytes())),
		iotest.DataErrReader(bytes.NewReader(packed.Bytes())),
	} {
		r, err := openXZ(source)
		check(t, err)
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, program) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

// The dictionary size in the header of the old lzma format is limited, too.
func TestLZMADictionary(t *testing.T) {
	header := []byte{0x5d, 0, 0, 0, 0x20} // 512 MiB
	for range 8 {
		header = append(header, 0xff)
	}
	packed := append(header, make([]byte, 32)...)
	_, err := decompressPayload(bytes.NewReader(packed))
	if !says(err, "dictionary") {
		t.Errorf("%v", err)
	}
}

// A file with too large a dictionary is refused before memory is allocated for it.
func TestXZMemory(t *testing.T) {
	tool, err := exec.LookPath("xz")
	if err != nil {
		t.Skip("skipped: no xz here")
	}
	path := filepath.Join(t.TempDir(), "x.xz")
	out, err := os.Create(path)
	check(t, err)
	cmd := exec.Command(tool, "--lzma2=preset=0,dict=768MiB")
	cmd.Stdin = io.LimitReader(zeros{}, 1<<20)
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		t.Skip("skipped: xz has too little memory: ", err)
	}
	check(t, out.Close())

	before := heap()
	var most atomic.Uint64
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				most.Store(max(most.Load(), heap()))
			}
		}
	}()

	_, err = look(t, path)
	close(stop)
	if !errors.Is(err, errLimit) {
		t.Errorf("%v", err)
	}
	if grown := int64(max(most.Load(), heap())) - int64(before); grown > maxDictionary {
		t.Errorf("%d bytes of memory", grown)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys
}
