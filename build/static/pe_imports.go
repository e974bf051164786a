package static

import (
	"debug/pe"
	"encoding/binary"
	"slices"
	"strings"
)

// peImport is IMAGE_IMPORT_DESCRIPTOR.
type peImport struct {
	OriginalFirstThunk uint32
	TimeDateStamp      uint32
	ForwarderChain     uint32
	Name               uint32
	FirstThunk         uint32
}

// readImports reads the import directory: the DLLs that Windows loads with the program.
//
// ImportedLibraries of debug/pe is a stub that returns nothing. Its ImportedSymbols stops at an
// entry without OriginalFirstThunk; Windows does not.
func (p *peFile) readImports(f *File) error {
	const what = "PE import directory"

	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}

	// Ignore the size of the directory, as Windows does. An entry of zeros ends the table.
	for off := uint64(0); ; off += uint64(binary.Size(peImport{})) {
		var entry peImport
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peImport{}) {
			return nil
		}
		if entry.Name == 0 {
			// Windows ends the table here, too, but nothing says that it is meant to end.
			return table.errorf(what, off, "an entry without a name")
		}

		name, err := p.dllName(what, uint64(entry.Name))
		if err != nil {
			return err
		}
		f.Needed = appendUnique(f.Needed, name)
	}
}

// peBoundImport is IMAGE_BOUND_IMPORT_DESCRIPTOR. It is as long as IMAGE_BOUND_FORWARDER_REF;
// ModuleForwarders of those follow it.
type peBoundImport struct {
	TimeDateStamp    uint32
	ModuleName       uint16
	ModuleForwarders uint16
}

// readBoundImports reads the bound import directory, which repeats the import directory with
// the timestamps of the DLLs. Versions of Windows before 10 load the DLLs that it names.
func (p *peFile) readBoundImports(f *File) error {
	const what = "PE bound import directory"

	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}

	// Forwarders name DLLs in the same way, so read them like the entries they follow.
	for off := uint64(0); ; off += uint64(binary.Size(peBoundImport{})) {
		var entry peBoundImport
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peBoundImport{}) {
			return nil
		}

		name, err := table.cString(what, uint64(entry.ModuleName))
		if err != nil {
			return err
		}
		sameName := func(needed string) bool { return strings.EqualFold(needed, name) }
		if !slices.ContainsFunc(f.Needed, sameName) {
			f.Needed = append(f.Needed, name)
		}
	}
}

// peDelayedImport is IMAGE_DELAYLOAD_DESCRIPTOR.
type peDelayedImport struct {
	Attributes              uint32
	Name                    uint32
	ModuleHandle            uint32
	ImportAddressTable      uint32
	ImportNameTable         uint32
	BoundImportAddressTable uint32
	UnloadInformationTable  uint32
	TimeDateStamp           uint32
}

// peRVABased is the bit RvaBased of Attributes: the addresses are relative to ImageBase.
// Compilers before Visual C++ 7 did not set it.
const peRVABased = 1

// readDelayedImports reads the delay-load directory: the DLLs that a program loads when it
// first uses them.
func (p *peFile) readDelayedImports(f *File) error {
	const what = "PE delay-load directory"

	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}

	for off := uint64(0); ; off += uint64(binary.Size(peDelayedImport{})) {
		var entry peDelayedImport
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peDelayedImport{}) {
			return nil
		}

		nameAddr := uint64(entry.Name)
		if entry.Attributes&peRVABased == 0 {
			nameAddr -= p.optional.ImageBase
		}
		name, err := p.dllName(what, nameAddr)
		if err != nil {
			return err
		}
		f.Optional = appendUnique(f.Optional, name)
	}
}

// addDotNETRuntime adds the DLL that starts .NET programs. Windows loads it even if the imports
// do not name it.
func (p *peFile) addDotNETRuntime(f *File) error {
	if p.isDotNET() {
		f.Needed = appendUnique(f.Needed, "mscoree.dll")
	}
	return nil
}

// dllName reads the name of a DLL at an address.
func (p *peFile) dllName(what string, addr uint64) (string, error) {
	name, err := p.memory.at(what, addr)
	if err != nil {
		return "", err
	}
	return name.cString(what, 0)
}
