package static

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
)

// The resources of a program may contain a manifest, which names assemblies: sets of DLLs that
// are installed side by side in several versions. Windows does not start a program if one of
// them is missing (https://learn.microsoft.com/windows/win32/sbscs/application-manifests).

const (
	whatResources = "PE resources"

	rtManifest = 24 // RT_MANIFEST, the resource type of manifests

	// resourceDirectoryFlag marks the offset of an entry that leads to another directory.
	resourceDirectoryFlag = 1 << 31
	// maxManifest is the largest size of a manifest in bytes. Real ones have a few thousand.
	maxManifest = 1 << 20
	// assemblyPrefix distinguishes assemblies from DLLs in File.Needed.
	assemblyPrefix = "side-by-side assembly "
)

// windowsAssemblies lists the assemblies that Windows itself ships, in lower case.
var windowsAssemblies = []string{
	assemblyPrefix + "microsoft.windows.common-controls",
	assemblyPrefix + "microsoft.windows.gdiplus",
	assemblyPrefix + "microsoft.windows.systemcompatible",
}

// peResourceDirectory is IMAGE_RESOURCE_DIRECTORY. Its entries follow it, first those with
// names and then those with identifiers.
type peResourceDirectory struct {
	Characteristics   uint32
	TimeDateStamp     uint32
	MajorVersion      uint16
	MinorVersion      uint16
	NumberOfNamed     uint16
	NumberOfIDEntries uint16
}

// peResourceEntry is IMAGE_RESOURCE_DIRECTORY_ENTRY.
type peResourceEntry struct {
	Name   uint32
	Offset uint32
}

// peResourceData is IMAGE_RESOURCE_DATA_ENTRY.
type peResourceData struct {
	Addr     uint32
	Size     uint32
	CodePage uint32
	Reserved uint32
}

// readManifests adds the assemblies that the manifests of the program name.
func (p *peFile) readManifests(f *File) error {
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_RESOURCE)
	if addr == 0 {
		return nil
	}
	resources, err := p.memory.at(whatResources, addr)
	if err != nil {
		return err
	}

	// The directories have three levels: types, names and languages.
	types, err := resourceEntries(resources, 0)
	if err != nil {
		return err
	}

	for _, t := range types {
		if t.Name != rtManifest {
			continue
		}
		names, err := resourceEntries(resources, t.Offset)
		if err != nil {
			return err
		}
		for _, name := range names {
			languages, err := resourceEntries(resources, name.Offset)
			if err != nil {
				return err
			}
			for _, language := range languages {
				if err := p.readManifest(f, resources, language.Offset); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// resourceEntries reads the entries of a resource directory. The offset must have
// resourceDirectoryFlag unless it is 0, which is the offset of the first directory.
func resourceEntries(resources view, offset uint32) ([]peResourceEntry, error) {
	if offset != 0 && offset&resourceDirectoryFlag == 0 {
		return nil, resources.errorf(whatResources, uint64(offset), "a resource where a directory was expected")
	}
	start := uint64(offset &^ resourceDirectoryFlag)

	var head peResourceDirectory
	if err := resources.decode(whatResources, start, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	start += uint64(binary.Size(head))

	entries := make([]peResourceEntry, int(head.NumberOfNamed)+int(head.NumberOfIDEntries))
	err := resources.decode(whatResources, start, binary.LittleEndian, entries)
	return entries, err
}

// readManifest adds the assemblies that one manifest names. Its peResourceData is at offset.
func (p *peFile) readManifest(f *File, resources view, offset uint32) error {
	const what = "PE manifest"

	var entry peResourceData
	if err := resources.decode(whatResources, uint64(offset), binary.LittleEndian, &entry); err != nil {
		return err
	}
	content, err := p.memory.at(what, uint64(entry.Addr))
	if err != nil {
		return err
	}
	if entry.Size > maxManifest {
		return content.errorf(what, 0, "%d bytes, more than %d", entry.Size, maxManifest)
	}
	text, err := content.bytes(what, 0, uint64(entry.Size))
	if err != nil {
		return err
	}

	assemblies, err := dependentAssemblies(text)
	if err != nil {
		return content.errorf(what, 0, "%w", err)
	}
	for _, name := range assemblies {
		if err := checkPrintable(name); err != nil {
			return content.errorf(what, 0, "%w", err)
		}
		f.Needed = appendUnique(f.Needed, assemblyPrefix+name)
	}
	return nil
}

// dependentAssemblies returns the names of the assemblies that a manifest depends on.
func dependentAssemblies(manifest []byte) (names []string, err error) {
	text, err := fromUTF16(manifest)
	if err != nil {
		return nil, err
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = fromSingleBytes

	depth := 0        // the number of open elements
	dependencies := 0 // the number of open dependentAssembly elements
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}

		switch element := token.(type) {
		case xml.StartElement:
			depth++
			switch element.Name.Local {
			case "dependentAssembly":
				dependencies++
			case "assemblyIdentity":
				if dependencies > 0 {
					names = appendUnique(names, assemblyName(element))
				}
			}
		case xml.EndElement:
			depth--
			if element.Name.Local == "dependentAssembly" {
				dependencies--
			}
			if depth == 0 {
				return names, nil // ignore what follows the root element
			}
		}
	}
}

// assemblyName returns the name in an assemblyIdentity element.
func assemblyName(identity xml.StartElement) string {
	for _, attr := range identity.Attr {
		if attr.Name.Local == "name" {
			return attr.Value
		}
	}
	return ""
}

// fromUTF16 converts UTF-16 text, which begins with a byte order mark, to UTF-8. It returns
// other text unchanged.
func fromUTF16(text []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return text, nil
	}

	units := make([]uint16, len(text)/2)
	if _, err := binary.Decode(text, order, units); err != nil {
		return nil, err
	}
	withoutMark := units[1:]
	return []byte(string(utf16.Decode(withoutMark))), nil
}

// fromSingleBytes converts text in a single-byte encoding to UTF-8. It treats every such
// encoding as Latin-1, because they agree on ASCII, which the names of assemblies are made of.
// Text that declares UTF-16 is UTF-8 by the time it gets here, see fromUTF16.
func fromSingleBytes(_ string, input io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, c := range text {
		b.WriteRune(rune(c))
	}
	return strings.NewReader(b.String()), nil
}
