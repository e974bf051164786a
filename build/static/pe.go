package static

import (
	"debug/pe"
	"encoding/binary"
	"fmt"
)

// A PE file is read as Windows reads it: headers, sections, import tables, manifests. The facts are those of
// "PE Format" (https://learn.microsoft.com/windows/win32/debug/pe-format), whose names are used.

// peTargets is the GOARCH of a Machine and the word size that goes with it.
var peTargets = map[uint16]struct {
	name, arch string
	bits       int
}{
	pe.IMAGE_FILE_MACHINE_I386:  {"IMAGE_FILE_MACHINE_I386", "386", 32},
	pe.IMAGE_FILE_MACHINE_AMD64: {"IMAGE_FILE_MACHINE_AMD64", "amd64", 64},
	pe.IMAGE_FILE_MACHINE_ARMNT: {"IMAGE_FILE_MACHINE_ARMNT", "arm", 32},
	pe.IMAGE_FILE_MACHINE_ARM64: {"IMAGE_FILE_MACHINE_ARM64", "arm64", 64},
}

// peSystems is what a Subsystem runs on.
var peSystems = map[uint16]string{
	pe.IMAGE_SUBSYSTEM_WINDOWS_GUI:             "windows",
	pe.IMAGE_SUBSYSTEM_WINDOWS_CUI:             "windows",
	pe.IMAGE_SUBSYSTEM_EFI_APPLICATION:         "efi",
	pe.IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER: "efi",
	pe.IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER:      "efi",
	pe.IMAGE_SUBSYSTEM_EFI_ROM:                 "efi",
}

// peFile is a PE file while it is read. The 32-bit optional header is widened to 64 bits.
type peFile struct {
	view
	head     pe.FileHeader
	optional pe.OptionalHeader64
	memory   memory // by address relative to ImageBase
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
	if t, ok := peTargets[p.head.Machine]; !ok {
		f.Machine = fmt.Sprintf("machine 0x%x", p.head.Machine)
	} else if f.Machine, f.Arch = t.name, t.arch; t.bits != f.Bits {
		return nil, v.errorf(whatPE, 0, "%s with a %d-bit optional header", t.name, f.Bits)
	}
	if f.OS = peSystems[p.optional.Subsystem]; f.OS == "" {
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
	steps := []func(*File) error{
		p.entry,
		p.imports,
		p.bound,
		p.delayed,
		p.runtime,
		p.manifests,
		p.signature,
	}
	for _, step := range steps {
		if err := step(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

const (
	whatPE    = "PE headers"
	peMagic32 = 0x10b // PE32
	peMagic64 = 0x20b // PE32+

	dosHeader = 64 // bytes before the DOS program

	// maxDOSHeader is RTL_IMAGE_MAX_DOS_HEADER of winnt.h: Windows looks for a PE header no further
	// into a file. In a text, what is at its place would be an address beyond.
	maxDOSHeader = 256 << 20
)

// isText reports whether a small file is a text. What is left of a DOS header has other bytes in it,
// but for its magic.
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

// readHeaders reads up to the optional header and returns where the section table starts.
func (p *peFile) readHeaders() (sections uint64, err error) {
	if p.size < dosHeader && p.isText() {
		return 0, fmt.Errorf("%w: a text that begins like a DOS program", ErrNotExecutable)
	}
	var start uint32
	if err := p.decode("DOS header", 0x3c, binary.LittleEndian, &start); err != nil {
		return 0, err
	}
	off := uint64(start)
	if off >= maxDOSHeader && off >= p.size {
		return 0, fmt.Errorf("%w: a DOS program or a text, without a PE header", ErrNotExecutable)
	}
	magic, err := p.bytes(whatPE, off, 4)
	if err != nil {
		return 0, err
	}
	if string(magic) != "PE\x00\x00" {
		return 0, fmt.Errorf("%w: a DOS program without a PE header", ErrNotExecutable)
	}
	off += 4
	if err := p.decode(whatPE, off, binary.LittleEndian, &p.head); err != nil {
		return 0, err
	}
	if p.head.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 {
		// Windows refuses it, but firmware and Wine do not check. It cannot be an object, which has no DOS
		// header.
		return 0, p.errorf(whatPE, off, "without IMAGE_FILE_EXECUTABLE_IMAGE")
	}
	off += uint64(binary.Size(p.head))
	optional, err := p.sub("PE optional header", off, uint64(p.head.SizeOfOptionalHeader))
	if err != nil {
		return 0, err
	}
	return off + optional.size, p.readOptional(optional)
}

// readOptional reads the optional header, whose data directories are as many as it says.
func (p *peFile) readOptional(v view) error {
	const what = "PE optional header"
	var magic uint16
	if err := v.decode(what, 0, binary.LittleEndian, &magic); err != nil {
		return err
	}
	size := binary.Size(pe.OptionalHeader64{})
	if magic == peMagic32 {
		size = binary.Size(pe.OptionalHeader32{})
	} else if magic != peMagic64 {
		return v.errorf(what, 0, "unknown magic 0x%x", magic)
	}
	// Directories that are not there are read as zero, which is how absent ones look.
	directories := size - binary.Size(p.optional.DataDirectory)
	buf, err := v.bytes(what, 0, min(v.size, uint64(size)))
	if err != nil {
		return err
	}
	if len(buf) < directories {
		return v.errorf(what, 0, "%d bytes, need %d", len(buf), directories)
	}
	n := int(min(binary.LittleEndian.Uint32(buf[directories-4:]), 16))
	if len(buf) < directories+8*n {
		return v.errorf(what, 0, "%d bytes, need %d for %d data directories", len(buf), directories+8*n, n)
	}
	buf = append(buf[:directories+8*n], make([]byte, size-directories-8*n)...)
	if magic == peMagic64 {
		_, err = binary.Decode(buf, binary.LittleEndian, &p.optional)
		return err
	}
	var o pe.OptionalHeader32
	_, err = binary.Decode(buf, binary.LittleEndian, &o)
	p.optional = pe.OptionalHeader64{Magic: o.Magic, AddressOfEntryPoint: o.AddressOfEntryPoint,
		ImageBase: uint64(o.ImageBase), SectionAlignment: o.SectionAlignment,
		MajorSubsystemVersion: o.MajorSubsystemVersion, MinorSubsystemVersion: o.MinorSubsystemVersion,
		SizeOfHeaders: o.SizeOfHeaders, Subsystem: o.Subsystem, DllCharacteristics: o.DllCharacteristics,
		DataDirectory: o.DataDirectory}
	return err
}

// readSections checks that the file holds the headers and sections, and where they are in memory.
func (p *peFile) readSections(f *File, off uint64) error {
	headers, err := p.sub(whatPE, 0, uint64(p.optional.SizeOfHeaders))
	if err != nil {
		return err
	}
	p.memory = memory{{addr: 0, size: headers.size, view: headers}}
	if p.flat() {
		p.memory = memory{{addr: 0, size: p.size, view: p.view}}
	}

	for range p.head.NumberOfSections {
		var s pe.SectionHeader32
		if err := p.decode("PE section headers", off, binary.LittleEndian, &s); err != nil {
			return err
		}
		off += uint64(binary.Size(s))

		if s.Characteristics&pe.IMAGE_SCN_MEM_WRITE != 0 && s.Characteristics&pe.IMAGE_SCN_MEM_EXECUTE != 0 {
			f.WriteExec = true
		}
		if err := p.addSection(s); err != nil {
			return err
		}
	}
	return nil
}

// flat reports whether the sections are aligned too finely for Windows to map them one by one. It maps
// the file as it is, and requires the address of each section to be its offset in the file.
func (p *peFile) flat() bool { return p.optional.SectionAlignment < pageSize }

// addSection adds a section to the memory of the program.
func (p *peFile) addSection(s pe.SectionHeader32) error {
	const what = "PE section"

	size := (uint64(s.VirtualSize) + pageSize - 1) &^ (pageSize - 1)
	if s.PointerToRawData == 0 || s.SizeOfRawData == 0 { // memory without bytes of the file
		if !p.flat() {
			p.memory = append(p.memory, mapping{addr: uint64(s.VirtualAddress), size: size})
		}
		return nil
	}

	content, err := p.sub(what, uint64(s.PointerToRawData), uint64(s.SizeOfRawData))
	if err != nil {
		return err
	}
	switch {
	case p.flat() && s.PointerToRawData != s.VirtualAddress:
		return content.errorf(what, 0, "address 0x%x is not its offset in the file, which is mapped as it is",
			s.VirtualAddress)
	case p.flat():
		return nil
	case s.PointerToRawData%512 != 0:
		// Windows rounds down and maps other bytes than those that are read here.
		return content.errorf(what, 0, "not aligned to 512")
	}

	// SizeOfRawData is rounded up. Bytes beyond VirtualSize are only mapped to the end of the page.
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

// entry checks that a program's first instruction is in the file. Libraries need none, and .NET
// programs are started by their runtime.
func (p *peFile) entry(f *File) error {
	if dotnet, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR); f.Kind == Library || dotnet != 0 {
		return nil
	}
	_, err := p.memory.at("PE entry point", uint64(p.optional.AddressOfEntryPoint))
	return err
}

// directory returns a data directory, with an address of zero where there is none.
func (p *peFile) directory(i int) (addr, size uint64) {
	d := p.optional.DataDirectory[i]
	return uint64(d.VirtualAddress), uint64(d.Size)
}

// signature looks for the attribute certificate table, the only one whose address is a file offset.
func (p *peFile) signature(f *File) error {
	off, size := p.directory(pe.IMAGE_DIRECTORY_ENTRY_SECURITY)
	if off == 0 || size == 0 {
		return nil
	}
	f.Signed = true
	_, err := p.sub("PE certificate table", off, size)
	return err
}
