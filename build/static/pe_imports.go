package static

import (
	"debug/pe"
	"encoding/binary"
	"slices"
	"strings"
)

// peImport is IMAGE_IMPORT_DESCRIPTOR.
type peImport struct {
	OriginalFirstThunk, TimeDateStamp, ForwarderChain, Name, FirstThunk uint32
}

// imports reads the import directory. debug/pe's ImportedLibraries is a stub that returns nothing,
// and its ImportedSymbols stops at an entry without OriginalFirstThunk, where Windows does not.
func (p *peFile) imports(f *File) error {
	const what = "PE import directory"
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}
	// The size in the directory is not looked at: to Windows an entry of zeros is the end.
	for off := uint64(0); ; off += uint64(binary.Size(peImport{})) {
		var entry peImport
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peImport{}) {
			return nil
		}
		if entry.Name == 0 {
			// To Windows this is the end too. Whether it is meant to be is not to be known.
			return table.errorf(what, off, "an entry without a name")
		}
		name, err := p.name(what, uint64(entry.Name))
		if err != nil {
			return err
		}
		f.Needed = add(f.Needed, name)
	}
}

// peBound is IMAGE_BOUND_IMPORT_DESCRIPTOR, and as long as IMAGE_BOUND_FORWARDER_REF, of which the last
// field says how many follow.
type peBound struct {
	TimeDateStamp                uint32
	ModuleName, ModuleForwarders uint16
}

// bound reads the bound import directory, which repeats the import directory with the timestamps of the
// libraries. If there is one, Windows before 10 loads the libraries that it names.
func (p *peFile) bound(f *File) error {
	const what = "PE bound import directory"
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}

	for off := uint64(0); ; off += uint64(binary.Size(peBound{})) {
		var entry peBound
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peBound{}) {
			return nil
		}
		name, err := table.text(what, uint64(entry.ModuleName))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(f.Needed, func(n string) bool { return strings.EqualFold(n, name) }) {
			f.Needed = append(f.Needed, name)
		}
	}
}

// peDelayed is IMAGE_DELAYLOAD_DESCRIPTOR. Attributes says how to read the addresses in it.
type peDelayed struct {
	Attributes, Name, ModuleHandle, ImportAddressTable, ImportNameTable uint32
	BoundImportAddressTable, UnloadInformationTable, TimeDateStamp      uint32
}

// delayed reads the delay-load directory: libraries that are loaded at their first use.
func (p *peFile) delayed(f *File) error {
	const what = "PE delay-load directory"
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT)
	if addr == 0 {
		return nil
	}
	table, err := p.memory.at(what, addr)
	if err != nil {
		return err
	}
	for off := uint64(0); ; off += uint64(binary.Size(peDelayed{})) {
		var entry peDelayed
		if err := table.decode(what, off, binary.LittleEndian, &entry); err != nil {
			return err
		}
		if entry == (peDelayed{}) {
			return nil
		}
		nameAddr := uint64(entry.Name)
		if entry.Attributes&1 == 0 { // not RvaBased: written by compilers before Visual C++ 7
			nameAddr -= p.optional.ImageBase
		}
		name, err := p.name(what, nameAddr)
		if err != nil {
			return err
		}
		f.Optional = add(f.Optional, name)
	}
}

// runtime adds the DLL that starts .NET programs: Windows loads it for whoever has this directory,
// named among the imports or not.
func (p *peFile) runtime(f *File) error {
	if addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR); addr != 0 {
		f.Needed = add(f.Needed, "mscoree.dll")
	}
	return nil
}

// name reads the name of a DLL.
func (p *peFile) name(what string, addr uint64) (string, error) {
	at, err := p.memory.at(what, addr)
	if err != nil {
		return "", err
	}
	return at.text(what, 0)
}
