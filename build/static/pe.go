package static

import (
	"debug/pe"
	"encoding/binary"
	"fmt"
)

// A PE file is read as Windows reads it: headers, sections, import tables, manifests. Facts and
// names are those of "PE Format" (https://learn.microsoft.com/windows/win32/debug/pe-format).

const (
	whatPE         = "PE headers"
	whatPEOptional = "PE optional header"

	peMagic32 = 0x10b // PE32
	peMagic64 = 0x20b // PE32+

	// dosHeaderSize is the size of the DOS header. A DOS program follows it.
	dosHeaderSize = 64
	// peOffset is the place in the DOS header of the offset of the PE header (e_lfanew).
	peOffset = 0x3c
	// maxPEOffset is RTL_IMAGE_MAX_DOS_HEADER in winnt.h. Windows does not look for a PE header
	// beyond it. In a text file, the letters at peOffset make a larger number.
	maxPEOffset = 256 << 20
	// sectorSize is the alignment that Windows assumes for the bytes of a section in the file.
	sectorSize = 512
)

// peTarget is a machine with its GOARCH and its word size.
type peTarget struct {
	name string
	arch string
	bits int
}

// peTargets maps the values of Machine to targets.
var peTargets = map[uint16]peTarget{
	pe.IMAGE_FILE_MACHINE_I386:  {"IMAGE_FILE_MACHINE_I386", "386", 32},
	pe.IMAGE_FILE_MACHINE_AMD64: {"IMAGE_FILE_MACHINE_AMD64", "amd64", 64},
	pe.IMAGE_FILE_MACHINE_ARMNT: {"IMAGE_FILE_MACHINE_ARMNT", "arm", 32},
	pe.IMAGE_FILE_MACHINE_ARM64: {"IMAGE_FILE_MACHINE_ARM64", "arm64", 64},
}

// peSystems maps the values of Subsystem to the systems that run them.
var peSystems = map[uint16]string{
	pe.IMAGE_SUBSYSTEM_WINDOWS_GUI:             "windows",
	pe.IMAGE_SUBSYSTEM_WINDOWS_CUI:             "windows",
	pe.IMAGE_SUBSYSTEM_EFI_APPLICATION:         "efi",
	pe.IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER: "efi",
	pe.IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER:      "efi",
	pe.IMAGE_SUBSYSTEM_EFI_ROM:                 "efi",
}

// peFile is a PE file that is being read. A 32-bit optional header is widened to 64 bits.
type peFile struct {
	view
	head     pe.FileHeader
	optional pe.OptionalHeader64
	memory   memory // its addresses are relative to ImageBase
}

func readPE(v view) (*File, error) {
	p := &peFile{view: v}
	sections, err := p.readHeaders()
	if err != nil {
		return nil, err
	}

	f := &File{
		Format:   PE,
		Bits:     64,
		Kind:     Executable,
		MinOS:    fmt.Sprintf("%d.%d", p.optional.MajorSubsystemVersion, p.optional.MinorSubsystemVersion),
		Stripped: p.head.PointerToSymbolTable == 0 || p.head.NumberOfSymbols == 0,
	}
	if p.optional.Magic == peMagic32 {
		f.Bits = 32
	}

	target, known := peTargets[p.head.Machine]
	if known && target.bits != f.Bits {
		return nil, v.errorf(whatPE, 0, "%s with a %d-bit optional header", target.name, f.Bits)
	}
	f.Arch = target.arch
	f.Machine = target.name
	if !known {
		f.Machine = fmt.Sprintf("machine 0x%x", p.head.Machine)
	}
	f.OS = peSystems[p.optional.Subsystem]
	if f.OS == "" {
		f.OS = fmt.Sprintf("subsystem %d", p.optional.Subsystem)
	}

	switch {
	case p.head.Characteristics&pe.IMAGE_FILE_DLL != 0:
		f.Kind = Library
	case p.optional.DllCharacteristics&pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE != 0:
		f.Kind = PIE
	}

	if err := p.readSections(f, sections); err != nil {
		return nil, err
	}

	// The order matters: readImports must come before readBoundImports.
	steps := []func(*File) error{
		p.checkEntry,
		p.readImports,
		p.readBoundImports,
		p.readDelayedImports,
		p.addDotNETRuntime,
		p.readManifests,
		p.readSignature,
	}
	for _, step := range steps {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// isText reports whether the whole file is text. It is for small files. The remains of a DOS
// header contain other bytes than text, except for the magic number.
func (p *peFile) isText() bool {
	data, err := p.bytes("DOS header", 0, p.size)
	if err != nil || len(data) <= 2 {
		return false
	}
	for _, b := range data {
		isSpace := b == '\t' || b == '\n' || b == '\r'
		if !isSpace && (b < ' ' || b > '~') {
			return false
		}
	}
	return true
}

// readHeaders reads the headers up to the optional header. It returns the offset of the
// section table.
func (p *peFile) readHeaders() (sections uint64, err error) {
	if p.size < dosHeaderSize && p.isText() {
		return 0, fmt.Errorf("%w: a text file that begins like a DOS program", ErrNotExecutable)
	}

	// Find the PE header.
	var start uint32
	if err := p.decode("DOS header", peOffset, binary.LittleEndian, &start); err != nil {
		return 0, err
	}
	off := uint64(start)
	if off >= maxPEOffset && off >= p.size {
		return 0, fmt.Errorf("%w: a DOS program or a text file, without a PE header", ErrNotExecutable)
	}
	magic, err := p.bytes(whatPE, off, 4)
	if err != nil {
		return 0, err
	}
	if string(magic) != "PE\x00\x00" {
		return 0, fmt.Errorf("%w: a DOS program without a PE header", ErrNotExecutable)
	}
	off += uint64(len(magic))

	if err := p.decode(whatPE, off, binary.LittleEndian, &p.head); err != nil {
		return 0, err
	}
	if p.head.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 {
		// Windows refuses to start the file, but firmware and Wine do not check. It cannot be
		// an object file, because those have no DOS header.
		return 0, p.errorf(whatPE, off, "IMAGE_FILE_EXECUTABLE_IMAGE is not set")
	}
	off += uint64(binary.Size(p.head))

	optional, err := p.sub(whatPEOptional, off, uint64(p.head.SizeOfOptionalHeader))
	if err != nil {
		return 0, err
	}
	if err := p.readOptionalHeader(optional); err != nil {
		return 0, err
	}
	return off + optional.size, nil
}

// readOptionalHeader reads the optional header, which says how many data directories it ends with.
func (p *peFile) readOptionalHeader(v view) error {
	const what = whatPEOptional

	var magic uint16
	if err := v.decode(what, 0, binary.LittleEndian, &magic); err != nil {
		return err
	}
	var size int
	switch magic {
	case peMagic32:
		size = binary.Size(pe.OptionalHeader32{})
	case peMagic64:
		size = binary.Size(pe.OptionalHeader64{})
	default:
		return v.errorf(what, 0, "unknown magic 0x%x", magic)
	}

	const directorySize = 8
	fixedSize := size - binary.Size(p.optional.DataDirectory)
	buf, err := v.bytes(what, 0, min(v.size, uint64(size)))
	if err != nil {
		return err
	}
	if len(buf) < fixedSize {
		return v.errorf(what, 0, "%d bytes, need %d", len(buf), fixedSize)
	}

	declared := binary.LittleEndian.Uint32(buf[fixedSize-4:])
	n := int(min(declared, uint32(len(p.optional.DataDirectory))))
	end := fixedSize + directorySize*n
	if len(buf) < end {
		return v.errorf(what, 0, "%d bytes, need %d for %d data directories", len(buf), end, n)
	}

	// Read missing directories as zeros, which mark directories as absent.
	buf = append(buf[:end], make([]byte, size-end)...)
	if magic == peMagic64 {
		_, err = binary.Decode(buf, binary.LittleEndian, &p.optional)
		return err
	}
	var narrow pe.OptionalHeader32
	if _, err := binary.Decode(buf, binary.LittleEndian, &narrow); err != nil {
		return err
	}
	p.optional = widenOptionalHeader(narrow)
	return nil
}

// widenOptionalHeader returns the fields of a 32-bit optional header that this package uses.
func widenOptionalHeader(o pe.OptionalHeader32) pe.OptionalHeader64 {
	return pe.OptionalHeader64{
		Magic:                 o.Magic,
		AddressOfEntryPoint:   o.AddressOfEntryPoint,
		ImageBase:             uint64(o.ImageBase),
		SectionAlignment:      o.SectionAlignment,
		MajorSubsystemVersion: o.MajorSubsystemVersion,
		MinorSubsystemVersion: o.MinorSubsystemVersion,
		SizeOfHeaders:         o.SizeOfHeaders,
		Subsystem:             o.Subsystem,
		DllCharacteristics:    o.DllCharacteristics,
		DataDirectory:         o.DataDirectory,
	}
}

// readSections maps the headers and the sections into memory and checks that the file contains
// them. off is the offset of the section table.
func (p *peFile) readSections(f *File, off uint64) error {
	headers, err := p.sub(whatPE, 0, uint64(p.optional.SizeOfHeaders))
	if err != nil {
		return err
	}
	if p.isMappedWhole() {
		p.memory = memory{{addr: 0, size: p.size, view: p.view}}
	} else {
		p.memory = memory{{addr: 0, size: headers.size, view: headers}}
	}

	for range p.head.NumberOfSections {
		var s pe.SectionHeader32
		if err := p.decode("PE section headers", off, binary.LittleEndian, &s); err != nil {
			return err
		}
		off += uint64(binary.Size(s))

		writable := s.Characteristics&pe.IMAGE_SCN_MEM_WRITE != 0
		executable := s.Characteristics&pe.IMAGE_SCN_MEM_EXECUTE != 0
		if writable && executable {
			f.WriteExec = true
		}
		if err := p.addSection(s); err != nil {
			return err
		}
	}
	return nil
}

// isMappedWhole reports whether Windows maps the file as it is. Windows does so if the sections
// are aligned too finely to map them one by one, and then requires the address of each section
// to be its offset in the file.
func (p *peFile) isMappedWhole() bool {
	return p.optional.SectionAlignment < pageSize
}

// addSection maps a section into memory.
func (p *peFile) addSection(s pe.SectionHeader32) error {
	const what = "PE section"

	size := (uint64(s.VirtualSize) + pageSize - 1) &^ (pageSize - 1)
	hasBytes := s.PointerToRawData != 0 && s.SizeOfRawData != 0
	if !hasBytes {
		if !p.isMappedWhole() {
			p.memory = append(p.memory, mapping{addr: uint64(s.VirtualAddress), size: size})
		}
		return nil
	}

	content, err := p.sub(what, uint64(s.PointerToRawData), uint64(s.SizeOfRawData))
	if err != nil {
		return err
	}
	if p.isMappedWhole() {
		if s.PointerToRawData != s.VirtualAddress {
			return content.errorf(what, 0, "address 0x%x is not its offset in the file, which is mapped as it is",
				s.VirtualAddress)
		}
		return nil
	}
	if s.PointerToRawData%sectorSize != 0 {
		// Windows rounds the offset down and maps other bytes than those that are read here.
		return content.errorf(what, 0, "not aligned to %d", sectorSize)
	}

	// SizeOfRawData is rounded up. Bytes beyond VirtualSize are only mapped up to the end of
	// the page.
	if size > 0 {
		content.size = min(content.size, size)
	}
	p.memory = append(p.memory, mapping{
		addr: uint64(s.VirtualAddress),
		size: max(size, content.size),
		view: content,
	})
	return nil
}

// checkEntry checks that the first instruction of a program is in the file. Libraries need no
// entry point, and .NET programs are started by their runtime.
func (p *peFile) checkEntry(f *File) error {
	if f.Kind == Library || p.isDotNET() {
		return nil
	}
	_, err := p.memory.at("PE entry point", uint64(p.optional.AddressOfEntryPoint))
	return err
}

// isDotNET reports whether the file is a .NET program or library.
func (p *peFile) isDotNET() bool {
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR)
	return addr != 0
}

// directory returns the address and the size of a data directory. The address is 0 if there
// is none.
func (p *peFile) directory(i int) (addr, size uint64) {
	d := p.optional.DataDirectory[i]
	return uint64(d.VirtualAddress), uint64(d.Size)
}

// readSignature looks for the attribute certificate table and checks that the file contains it.
// Unlike the other directories, it is found by its offset in the file.
func (p *peFile) readSignature(f *File) error {
	off, size := p.directory(pe.IMAGE_DIRECTORY_ENTRY_SECURITY)
	if off == 0 || size == 0 {
		return nil
	}

	f.Signed = true
	_, err := p.sub("PE certificate table", off, size)
	return err
}
