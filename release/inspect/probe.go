package inspect

import (
	"archive/zip"
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/org/go-static-release/build/static"
)

// probeSize is how much of a compressed file is looked at before anything else: enough
// for headSize bytes of what most hold, and far less than the 32 KB that a decompressor
// unpacks at once. In a file system most compressed files are manual pages.
const probeSize = 1024

// zipProbe is the same for a member of a zip archive, where there is no header: the tables
// of a block and headSize bytes of what does not compress at all.
const zipProbe = 768

// A probe tells from a few bytes that a file is nothing. It says so only where reading
// the file as usual would come to the same end, without an error: whatever is in doubt
// is read as usual. Its buffers and decompressors are used again for every file.
type probe struct {
	raw    [probeSize]byte
	head   [headSize]byte
	member [probeSize]byte   // of an archive
	tail   [2 * zipTail]byte // of a file or a member
	input  bytes.Reader      // of raw
	gzip   gzip.Reader
	flate  io.ReadCloser
}

// isNothing reports whether a file that begins with head is neither an executable nor an
// archive, apart from a zip archive at its end. A script is not nothing, because a zip
// archive often follows it.
func isNothing(head []byte) bool {
	return !static.Known(head) && !isScript(head) && len(containersByContent(head)) == 0
}

// isScript reports whether a file begins like a script. Python, Java and Erlang programs
// are distributed as a line that names the interpreter with a zip archive behind it.
func isScript(head []byte) bool { return bytes.HasPrefix(head, []byte("#!")) }

// unknown reports whether f begins like no executable.
func (p *probe) unknown(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:4], 0)
	return (err == nil || err == io.EOF) && !static.Known(p.raw[:n])
}

// nothingCompressed reports whether f is a file compressed by gzip that holds neither an
// executable nor an archive.
func (p *probe) nothingCompressed(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:], 0)
	if err != nil && err != io.EOF {
		return false
	}
	p.input.Reset(p.raw[:n])
	if p.gzip.Reset(&p.input) != nil {
		return false
	}
	head, headErr := fill(p.head[:], &p.gzip)
	whole := headErr == io.EOF && err == io.EOF // all of the file was there to be read
	return (whole || len(head) == headSize) && isNothing(head)
}

// nothingZipped reports whether a member of a zip archive begins like no executable and
// like no archive.
func (p *probe) nothingZipped(member *zip.File) bool {
	if member.Method != zip.Deflate || member.UncompressedSize64 < 4 { // archive/zip checks that it does not hold more
		return false
	}
	raw, err := member.OpenRaw()
	if err != nil {
		return false
	}
	n, err := io.ReadFull(raw, p.raw[:zipProbe])
	if err != nil && err != io.ErrUnexpectedEOF {
		return false
	}
	p.input.Reset(p.raw[:n])
	if p.flate == nil {
		p.flate = flate.NewReader(&p.input)
	} else if err := p.flate.(flate.Resetter).Reset(&p.input, nil); err != nil {
		return false
	}
	head, headErr := fill(p.head[:], p.flate)
	whole := headErr == io.EOF && uint64(len(head)) == member.UncompressedSize64
	return (whole || len(head) == headSize) && isNothing(head)
}

// fill reads the head of a file. The error is that of r: io.EOF if this was all of it.
func fill(buf []byte, r io.Reader) (head []byte, err error) {
	n := 0
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return buf[:n], err
}
