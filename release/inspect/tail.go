package inspect

import (
	"bytes"
	"io"
)

// A fileTail is the end of a file that was read without being stored. It is long enough to
// find the end record of a zip archive.
type fileTail struct {
	start int64 // offset of data in the file
	data  []byte
}

// size returns the size of the whole file.
func (t fileTail) size() int64 { return t.start + int64(len(t.data)) }

// ReadAt reads the end of the file. For offsets before it, where the content is unknown, it
// returns the magic of a zip directory, because there may have been one.
func (t fileTail) ReadAt(p []byte, off int64) (int, error) {
	if off >= t.size() {
		return 0, io.EOF
	}

	unknown := 0
	if off < t.start {
		unknown = int(min(int64(len(p)), t.start-off))
		clear(p[:unknown])
		copy(p[:unknown], zipDirectoryMagic)
		off += int64(unknown)
	}
	if unknown == len(p) {
		return unknown, nil
	}

	n := unknown + copy(p[unknown:], t.data[off-t.start:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A tailBuffer keeps the last zipTailLen bytes written to it.
type tailBuffer struct {
	start int64  // offset of buf in what was written
	buf   []byte // 2*zipTailLen bytes, so that it is seldom moved
	used  int    // bytes of buf
}

// newTailBuffer returns an empty tailBuffer. It uses a buffer of the probe, so only one can be
// used at a time.
func (in inspection) newTailBuffer(start int64) *tailBuffer {
	return &tailBuffer{start: start, buf: in.probe.tail[:]}
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	n, err := b.ReadFrom(bytes.NewReader(p))
	return int(n), err
}

// ReadFrom reads r to its end.
func (b *tailBuffer) ReadFrom(r io.Reader) (int64, error) {
	total := int64(0)
	for {
		n, err := r.Read(b.buf[b.used:])
		b.used += n
		total += int64(n)

		if b.used == len(b.buf) {
			b.discard()
		}
		if err != nil {
			return total, ignoreEOF(err)
		}
	}
}

// discard drops the bytes before the tail.
func (b *tailBuffer) discard() {
	n := max(b.used-zipTailLen, 0)
	b.used = copy(b.buf, b.buf[n:b.used])
	b.start += int64(n)
}

// tail returns the end of what was written. It is valid until the next use of the probe.
func (b *tailBuffer) tail() fileTail {
	b.discard()
	return fileTail{b.start, b.buf[:b.used]}
}
