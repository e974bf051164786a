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

// A probe tells from a few bytes that a file is nothing. It says so only where reading
// the file as usual would come to the same end, without an error: whatever is in doubt
// is read as usual. Its buffers and decompressors are used again for every file.
type probe struct {
	raw   [probeSize]byte
	head  [headSize]byte
	input bytes.Reader // of raw
	gzip  gzip.Reader
	flate io.ReadCloser
}

// unknown reports whether f begins like no executable.
func (p *probe) unknown(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:4], 0)
	return (err == nil || err == io.EOF) && !static.Known(p.raw[:n])
}

// nothingCompressed reports whether f is a file compressed by gzip that holds neither an
// executable nor a tar archive.
func (p *probe) nothingCompressed(f io.ReaderAt) bool {
	n, err := f.ReadAt(p.raw[:], 0)
	if err != nil && err != io.EOF {
		return false
	}
	p.input.Reset(p.raw[:n])
	if p.gzip.Reset(&p.input) != nil {
		return false
	}
	head, ended := p.fill(&p.gzip)
	whole := ended && err == io.EOF // all of the file was there to be read
	return (whole || len(head) == headSize) && !static.Known(head) && !isTar(head)
}

// nothingZipped reports whether a member of a zip archive begins like no executable.
func (p *probe) nothingZipped(member *zip.File) bool {
	if member.Method != zip.Deflate || member.UncompressedSize64 < 4 { // archive/zip checks that it does not hold more
		return false
	}
	raw, err := member.OpenRaw()
	if err != nil {
		return false
	}
	n, err := io.ReadFull(raw, p.raw[:256]) // the tables of a block and some more
	if err != nil && err != io.ErrUnexpectedEOF {
		return false
	}
	p.input.Reset(p.raw[:n])
	if p.flate == nil {
		p.flate = flate.NewReader(&p.input)
	} else if err := p.flate.(flate.Resetter).Reset(&p.input, nil); err != nil {
		return false
	}
	head, _ := p.fill(p.flate)
	return len(head) >= 4 && !static.Known(head)
}

// fill reads the head of a file, and reports whether that was all of it.
func (p *probe) fill(r io.Reader) (head []byte, ended bool) {
	n, err := 0, error(nil)
	for n < len(p.head) && err == nil {
		var m int
		m, err = r.Read(p.head[n:])
		n += m
	}
	return p.head[:n], err == io.EOF
}
