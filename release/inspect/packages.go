package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic        = "!<arch>\n"        // ar(5)
	rpmMagic       = "\xed\xab\xee\xdb" // begins a package file (rpm.org, "RPM V4 package format")
	rpmHeaderMagic = "\x8e\xad\xe8\x01" // begins a header structure in a package file

	cpioMagic         = "070701"     // cpio(5), "New ASCII Format"
	cpioChecksumMagic = "070702"     // the same with checksums
	cpioEnd           = "TRAILER!!!" // the name of the member that ends an archive

	arHeaderLen   = 60
	rpmLeadLen    = 96
	cpioHeaderLen = 110
)

// readAr inspects an ar archive, such as a Debian package. Of that, data.tar contains the
// files, and control.tar the scripts that run when they are installed (deb(5)).
func readAr(in inspection, path string, f io.ReaderAt, size int64) error {
	var magic [len(arMagic)]byte
	_, err := f.ReadAt(magic[:], 0)
	if err != nil || string(magic[:]) != arMagic {
		return errorAt(path, errors.Join(errors.New("not an ar archive"), ignoreEOF(err)))
	}

	isDebian := strings.HasSuffix(strings.ToLower(path), ".deb")
	hasData := false
	for off := int64(len(arMagic)); off < size; {
		var head [arHeaderLen]byte
		if _, err := f.ReadAt(head[:], off); err != nil {
			return errorAt(path, fmt.Errorf("reading ar header at 0x%x: %w", off, err))
		}
		length, err := strconv.ParseUint(strings.TrimSpace(string(head[48:58])), 10, 62)
		off += arHeaderLen
		if err != nil || int64(length) > size-off || string(head[58:]) != "`\n" {
			return errorAt(path, fmt.Errorf("reading ar header at 0x%x: not a member header", off))
		}

		name := strings.TrimSuffix(strings.TrimRight(string(head[:16]), " "), "/")
		content := io.NewSectionReader(f, off, int64(length))
		isDebian = isDebian || name == "debian-binary"
		if isDebian && strings.HasPrefix(name, "data.tar") {
			hasData = true
			err = in.readDebianData(path, name, content)
		} else {
			err = in.inspectArMember(path, name, content)
		}
		if err != nil {
			return err
		}

		off += int64(length + length%2)
	}

	if isDebian && !hasData {
		return errorAt(path, errors.New("no data.tar in the Debian package"))
	}
	return nil
}

// readDebianData inspects the files of a Debian package.
func (in inspection) readDebianData(path, name string, content *io.SectionReader) error {
	r, err := decompressPayload(content)
	if err != nil {
		return errorAt(path, err)
	}
	return in.inspectStream(path, name, r, true, func(r io.Reader) error {
		return in.readTarStream(path, r)
	})
}

// inspectArMember inspects a member of an ar archive. It skips the tables for linkers, which
// unpackers do not turn into files.
func (in inspection) inspectArMember(path, name string, content *io.SectionReader) error {
	if name == "" || name == "/" || name == "/SYM64" { // without the slash that readAr removed
		return nil
	}
	if _, err := in.inspectMember(path, name, content, pass{}); err != nil {
		return err
	}

	// In the BSD format, "#1/LENGTH" means that the content begins with the name. The member
	// was inspected as a whole as well, because other unpackers do not know that.
	digits, isBSD := strings.CutPrefix(name, "#1/")
	if !isBSD {
		return nil
	}
	length, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || int64(length) > content.Size() {
		return nil
	}

	afterName := io.NewSectionReader(content, int64(length), content.Size()-int64(length))
	_, err = in.inspectMember(path, name, afterName, pass{})
	return err
}

// readRPM inspects an RPM package. It consists of a lead, a signature, a header, and a
// compressed cpio archive with the files.
func readRPM(in inspection, path string, f io.ReaderAt, size int64) error {
	signatureEnd, err := rpmHeaderEnd(f, rpmLeadLen, size)
	if err != nil {
		return errorAt(path, err)
	}
	headerStart := (signatureEnd + 7) &^ 7 // the signature is padded to 8 bytes
	headerEnd, err := rpmHeaderEnd(f, headerStart, size)
	if err != nil {
		return errorAt(path, err)
	}

	r, err := decompressPayload(io.NewSectionReader(f, headerEnd, size-headerEnd))
	if err != nil {
		return errorAt(path, err)
	}
	limited := in.limit(r)
	if err := in.readCPIO(path, limited); err != nil {
		return err
	}

	// A checksum may follow.
	if _, err := io.Copy(io.Discard, limited); err != nil {
		return errorAt(path, err)
	}
	return nil
}

// rpmHeaderEnd returns the end of the header structure at an offset of an RPM package. The
// signature is one, too.
func rpmHeaderEnd(f io.ReaderAt, off, size int64) (int64, error) {
	var head [16]byte
	if _, err := f.ReadAt(head[:], off); err != nil {
		return 0, fmt.Errorf("reading RPM header at 0x%x: %w", off, err)
	}
	if string(head[:4]) != rpmHeaderMagic {
		return 0, fmt.Errorf("reading RPM header at 0x%x: not a header", off)
	}

	entries := binary.BigEndian.Uint32(head[8:])
	storeLen := binary.BigEndian.Uint32(head[12:])
	end := off + int64(len(head)) + 16*int64(entries) + int64(storeLen)
	if end > size {
		return 0, fmt.Errorf("reading RPM header at 0x%x: longer than the file", off)
	}
	return end, nil
}

// A cpioHeader is the header of a member of a cpio archive.
type cpioHeader struct {
	name   string
	length int64 // of the content
}

// readCPIO inspects a cpio archive in the new ASCII format.
func (in inspection) readCPIO(path string, r io.Reader) error {
	for {
		h, err := readCPIOHeader(r)
		if err != nil {
			return errorAt(path, err)
		}
		if h.name == cpioEnd {
			return nil
		}

		// The mode is ignored, because rpm uses the one in its own header. Of several hard
		// links only the last one has content.
		content := io.LimitReader(r, h.length)
		if h.length > 0 {
			name := strings.TrimPrefix(h.name, "./")
			if _, err := in.inspectMember(path, name, content, pass{isCharged: true}); err != nil {
				return err
			}
		}

		if _, err := io.Copy(io.Discard, content); err != nil {
			return errorAt(path, err)
		}
		if _, err := io.CopyN(io.Discard, r, cpioPadding(h.length)); err != nil {
			return errorAt(path, err)
		}
	}
}

// readCPIOHeader reads the header of a member, including its name.
func readCPIOHeader(r io.Reader) (cpioHeader, error) {
	var head [cpioHeaderLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return cpioHeader{}, fmt.Errorf("reading cpio header: %w", err)
	}
	magic := string(head[:6])
	if magic != cpioMagic && magic != cpioChecksumMagic {
		return cpioHeader{}, fmt.Errorf("reading cpio header: unknown format %q", magic)
	}

	var fields [13]int64
	for i := range fields {
		n, err := strconv.ParseUint(string(head[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return cpioHeader{}, fmt.Errorf("reading cpio header: %w", err)
		}
		fields[i] = int64(n)
	}
	length := fields[6]
	nameLen := fields[11]
	if nameLen < 1 || nameLen > maxName {
		return cpioHeader{}, fmt.Errorf("reading cpio header: name of %d bytes", nameLen)
	}

	name := make([]byte, nameLen+cpioPadding(cpioHeaderLen+nameLen))
	if _, err := io.ReadFull(r, name); err != nil {
		return cpioHeader{}, fmt.Errorf("reading cpio name: %w", err)
	}
	if name[nameLen-1] != 0 {
		return cpioHeader{}, errors.New("reading cpio name: not terminated by a zero byte")
	}

	return cpioHeader{name: string(name[:nameLen-1]), length: length}, nil
}

// cpioPadding returns the number of bytes that follow a name (counted together with its
// header) or a content of the given length. Both are padded to 4 bytes.
func cpioPadding(length int64) int64 { return (4 - length%4) % 4 }
