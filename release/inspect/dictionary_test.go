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
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ulikunitz/xz"
)

// xzStream is the beginning of an xz stream without checksums of its content.
func xzStream() []byte {
	flags := []byte{0, 0}
	head := append([]byte("\xfd7zXZ\x00"), flags...)
	return binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(flags))
}

// xzHeader is the header of a block with a dictionary of the given code. Behind the filter
// it has as many zeros as make its size.
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

// The codes of dictionaries (The .xz File Format, 5.3.1).
const (
	dict4KiB   = 0
	dict8MiB   = 22
	dict256MiB = 32
	dict384MiB = 33
	dict4GiB   = 40
)

func TestXZDictionaries(t *testing.T) {
	chunk := []byte("\x01\x00\x03abcd") // four bytes that are not compressed, after a reset
	block := slicesJoin(chunk, []byte{0})

	// The content of a chunk ends before the chunk: the library goes on there. What follows
	// is part of the chunk to whoever goes by its length.
	var short bytes.Buffer
	w, err := xz.NewWriter(&short)
	check(t, err)
	_, err = w.Write([]byte(strings.Repeat("a", 100)))
	check(t, err)
	check(t, w.Close())
	hidden := bytes.Clone(short.Bytes())
	i := bytes.IndexByte(hidden[12+12:], 0xe0) // the first chunk, behind the headers of stream and block
	if i < 0 {
		t.Fatal("no chunk")
	}
	chunkAt := 12 + 12 + i
	length := int(binary.BigEndian.Uint16(hidden[chunkAt+3:])) + 1
	binary.BigEndian.PutUint16(hidden[chunkAt+3:], 0xffff)
	hidden = hidden[:chunkAt+6+length]

	for _, test := range []struct {
		name    string
		data    []byte
		refused bool
	}{
		{"small", slicesJoin(xzStream(), xzHeader(dict4KiB, 12), block), false},
		{"the limit", slicesJoin(xzStream(), xzHeader(dict256MiB, 12), block), false},
		{"more", slicesJoin(xzStream(), xzHeader(dict384MiB, 12), block), true},
		{"most", slicesJoin(xzStream(), xzHeader(dict4GiB, 12), block), true},
		{
			"a size before it",
			slicesJoin(xzStream(), xzHeader(dict4GiB, 16, 0x84, 0x80, 0x80, 0x00), block),
			true,
		},
		{"the longest header", slicesJoin(xzStream(), xzHeader(dict4GiB, 1024), block), true},
		{
			"the second block",
			slicesJoin(xzStream(), xzHeader(dict8MiB, 12), xzHeader(dict4GiB, 12), block),
			true,
		},
		{"behind a chunk that ends early", slicesJoin(hidden, []byte{0}, xzHeader(dict4GiB, 12), block), true},
		{"a wrong checksum", slicesJoin(xzStream(), corrupt(xzHeader(dict4GiB, 12)), block), false},
		{
			"many blocks",
			slicesJoin(xzStream(), bytes.Repeat(slicesJoin(xzHeader(dict256MiB, 12), make([]byte, 4)), 256)),
			false,
		},
		{
			"all blocks",
			slicesJoin(xzStream(), bytes.Repeat(slicesJoin(xzHeader(dict256MiB, 12), make([]byte, 4)), 257)),
			true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, source := range []io.Reader{
				bytes.NewReader(test.data),
				iotest.OneByteReader(bytes.NewReader(test.data)),
			} {
				_, err := io.Copy(io.Discard, &dictionaryLimiter{r: source})
				if refused := errors.Is(err, errLimit); refused != test.refused || !refused && err != nil {
					t.Errorf("%v", err)
				}
			}

			if !test.refused || test.name == "all blocks" { // which takes seconds
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

func slicesJoin(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// What real compressors write is read, whatever the reads of it are.
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

// The format that lzma had before xz names its dictionary in its header.
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

// Memory does not follow the dictionary that xz names, even where all of it is filled.
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
