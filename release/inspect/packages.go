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
	arMagic  = "!<arch>\n"        // ar(5)
	rpmMagic = "\xed\xab\xee\xdb" // the lead of a package file (rpm.org, "RPM V4 package format")
	hdrMagic = "\x8e\xad\xe8\x01" // of a header structure in it
	newCPIO  = "070701"           // cpio(5), "New ASCII Format"; 070702 has checksums
	lastCPIO = "TRAILER!!!"       // the name that ends an archive
)

// readAr reads an ar archive. A Debian package is one. Its member data.tar holds the files,
// and control.tar the scripts that run when they are installed (deb(5)).
func readAr(in inspection, path string, f io.ReaderAt, size int64) error {
	var magic [len(arMagic)]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || string(magic[:]) != arMagic {
		return at(path, errors.Join(errors.New("not an ar archive"), ignoreEOF(err)))
	}

	debian := strings.HasSuffix(strings.ToLower(path), ".deb")
	data := false
	for off := int64(len(arMagic)); off < size; {
		var head [60]byte
		if _, err := f.ReadAt(head[:], off); err != nil {
			return at(path, fmt.Errorf("reading ar header at 0x%x: %w", off, err))
		}
		length, err := strconv.ParseUint(strings.TrimSpace(string(head[48:58])), 10, 62)
		off += int64(len(head))
		if err != nil || int64(length) > size-off || string(head[58:]) != "`\n" {
			return at(path, fmt.Errorf("reading ar header at 0x%x: not the header of a member", off))
		}

		name := strings.TrimSuffix(strings.TrimRight(string(head[:16]), " "), "/")
		content := io.NewSectionReader(f, off, int64(length))
		debian = debian || name == "debian-binary"
		if debian && strings.HasPrefix(name, "data.tar") {
			data = true
			err = in.debData(path, name, content)
		} else {
			err = in.arMember(path, name, content)
		}
		if err != nil {
			return err
		}
		off += int64(length + length%2)
	}
	if debian && !data {
		return at(path, errors.New("no data.tar in it"))
	}
	return nil
}

// debData reads the files of a Debian package.
func (in inspection) debData(path, name string, content *io.SectionReader) error {
	r, err := decompressPayload(content)
	if err != nil {
		return at(path, err)
	}
	return in.stream(path, name, r, true, func(r io.Reader) error { return in.tar(path, r) })
}

// arMember inspects a member of an ar archive. It skips the tables of linkers, which no
// unpacker makes files of. In the BSD format a long name precedes the content.
func (in inspection) arMember(path, name string, content *io.SectionReader) error {
	if name == "" || name == "/" || name == "/SYM64" { // readAr has removed a slash
		return nil
	}
	if _, err := in.member(path, name, content, pass{}); err != nil {
		return err
	}

	length, err := strconv.ParseUint(strings.TrimPrefix(name, "#1/"), 10, 32)
	if err != nil || !strings.HasPrefix(name, "#1/") || int64(length) > content.Size() {
		return nil
	}
	behindName := io.NewSectionReader(content, int64(length), content.Size()-int64(length))
	_, err = in.member(path, name, behindName, pass{})
	return err
}

// readRPM reads an RPM package: lead, signature header, header, and a compressed cpio
// archive with the files.
func readRPM(in inspection, path string, f io.ReaderAt, size int64) error {
	off := int64(96) // of the lead
	for i := range 2 {
		var head [16]byte
		if _, err := f.ReadAt(head[:], off); err != nil {
			return at(path, fmt.Errorf("reading RPM header at 0x%x: %w", off, err))
		}
		if string(head[:4]) != hdrMagic {
			return at(path, fmt.Errorf("reading RPM header at 0x%x: not a header", off))
		}
		entries, store := binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
		off += int64(len(head)) + 16*int64(entries) + int64(store)
		if i == 0 { // the signature is padded to 8 bytes
			off = (off + 7) &^ 7
		}
		if off > size {
			return at(path, errors.New("reading RPM header: it reaches beyond the end"))
		}
	}
	r, err := decompressPayload(io.NewSectionReader(f, off, size-off))
	if err != nil {
		return at(path, err)
	}
	total := in.limit(r)
	if err := in.cpio(path, total); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, total); err != nil { // to its checksum
		return at(path, err)
	}
	return nil
}

// cpio reads a cpio archive in the new ASCII format.
func (in inspection) cpio(path string, r io.Reader) error {
	for {
		var head [110]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return at(path, fmt.Errorf("reading cpio header: %w", err))
		}
		if magic := string(head[:6]); magic != newCPIO && magic != "070702" {
			return at(path, fmt.Errorf("reading cpio header: unknown format %q", magic))
		}
		var field [13]int64
		for i := range field {
			n, err := strconv.ParseUint(string(head[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				return at(path, fmt.Errorf("reading cpio header: %w", err))
			}
			field[i] = int64(n)
		}
		length := field[6]
		nameLength := field[11]
		if nameLength < 1 || nameLength > maxName {
			return at(path, fmt.Errorf("reading cpio header: a name of %d bytes", nameLength))
		}
		// Name and content are padded to 4 bytes, the name together with its header.
		name := make([]byte, nameLength+(4-(int64(len(head))+nameLength)%4)%4)
		if _, err := io.ReadFull(r, name); err != nil {
			return at(path, fmt.Errorf("reading cpio name: %w", err))
		}
		if name[nameLength-1] != 0 {
			return at(path, errors.New("reading cpio name: it is not terminated"))
		}
		member := string(name[:nameLength-1])
		if member == lastCPIO {
			return nil
		}

		// The mode does not matter, because rpm uses the one in its own header. Only the last
		// of several hard links has the content.
		content := io.LimitReader(r, length)
		if length > 0 {
			if _, err := in.member(path, strings.TrimPrefix(member, "./"), content, pass{paid: true}); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return at(path, err)
		}
		if _, err := io.CopyN(io.Discard, r, (4-length%4)%4); err != nil {
			return at(path, err)
		}
	}
}
