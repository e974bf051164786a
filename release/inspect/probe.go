package inspect

import (
	"archive/zip"
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/org/go-static-release/build/static"
)

const (
	// gzipProbeSize is the number of bytes of a compressed file that a probe reads. It is
	// enough for headSize bytes of most content, and far less than the 32 KB that a
	// decompressor unpacks at a time. Most compressed files on a system are manual pages.
	gzipProbeSize = 1024

	// zipProbeSize is the same for a deflated member of a zip archive, which has no header:
	// the tables of a block, and headSize bytes of content that does not compress at all.
	zipProbeSize = 768
)

// A probe recognizes irrelevant files by their first bytes. A file is irrelevant if it is
// neither an executable nor an archive. When in doubt a probe says that a file is relevant,
// and then the file is inspected as usual.
//
// A probe reuses its buffers and decompressors for every file.
type probe struct {
	raw    [gzipProbeSize]byte  // first bytes of a file
	head   [headSize]byte       // first bytes of decompressed content
	member [gzipProbeSize]byte  // first bytes of a member of an archive
	tail   [2 * zipTailLen]byte // last bytes of a file or a member
	input  bytes.Reader         // reads raw
	gzip   gzip.Reader
	flate  io.ReadCloser
}

// isIrrelevant reports whether a file that begins with head is neither an executable nor an
// archive, except for a zip archive at its end. A script is relevant, because it is often
// followed by a zip archive.
func isIrrelevant(head []byte) bool {
	return !static.Known(head) && !isScript(head) && len(containersByContent(head)) == 0
}

// isScript reports whether a file begins like a script. Python, Java and Erlang programs are
// distributed as a line that names the interpreter, followed by a zip archive.
func isScript(head []byte) bool { return bytes.HasPrefix(head, []byte("#!")) }

// isNotExecutable reports whether f does not begin like an executable.
func (p *probe) isNotExecutable(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:4], 0)
	return ignoreEOF(err) == nil && !static.Known(p.raw[:n])
}

// isIrrelevantGzip reports whether f is a gzip file with irrelevant content.
func (p *probe) isIrrelevantGzip(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:], 0)
	if ignoreEOF(err) != nil {
		return false
	}
	isWholeFile := err == io.EOF

	p.input.Reset(p.raw[:n])
	if p.gzip.Reset(&p.input) != nil {
		return false
	}
	head, err := fill(p.head[:], &p.gzip)
	isWholeContent := isWholeFile && err == io.EOF

	return (isWholeContent || len(head) == headSize) && isIrrelevant(head)
}

// isIrrelevantMember reports whether a deflated member of a zip archive has irrelevant
// content.
func (p *probe) isIrrelevantMember(member *zip.File) bool {
	// Members too small for an executable are read as usual, which checks their size.
	if member.Method != zip.Deflate || member.UncompressedSize64 < 4 {
		return false
	}

	raw, err := member.OpenRaw()
	if err != nil {
		return false
	}
	n, err := io.ReadFull(raw, p.raw[:zipProbeSize])
	if err != nil && err != io.ErrUnexpectedEOF {
		return false
	}

	p.input.Reset(p.raw[:n])
	if p.flate == nil {
		p.flate = flate.NewReader(&p.input)
	} else if err := p.flate.(flate.Resetter).Reset(&p.input, nil); err != nil {
		return false
	}
	head, err := fill(p.head[:], p.flate)
	isWholeContent := err == io.EOF && uint64(len(head)) == member.UncompressedSize64

	return (isWholeContent || len(head) == headSize) && isIrrelevant(head)
}

// fill reads from r until buf is full. Unlike io.ReadFull it returns the error of r, which is
// io.EOF if the content ends in buf.
func fill(buf []byte, r io.Reader) (head []byte, err error) {
	n := 0
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return buf[:n], err
}
