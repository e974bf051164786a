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

// A manifest among the resources of a program names assemblies, which are sets of libraries that are
// installed side by side in several versions. Windows does not start a program without all of them
// (https://learn.microsoft.com/windows/win32/sbscs/application-manifests).

const (
	whatResources = "PE resources"
	rtManifest    = 24 // RT_MANIFEST
	// resourceDirectoryFlag says that an entry leads to another directory.
	resourceDirectoryFlag = 1 << 31
	// maxManifest limits a manifest, in bytes. Real ones have a few thousand.
	maxManifest = 1 << 20
	// assemblyPrefix distinguishes assemblies from libraries in File.Needed.
	assemblyPrefix = "side-by-side assembly "
)

// windowsAssemblies are the assemblies that Windows itself ships.
var windowsAssemblies = []string{
	assemblyPrefix + "microsoft.windows.common-controls",
	assemblyPrefix + "microsoft.windows.gdiplus",
	assemblyPrefix + "microsoft.windows.systemcompatible",
}

// peResourceDirectory is IMAGE_RESOURCE_DIRECTORY; that many peResourceEntry follow it.
type peResourceDirectory struct {
	Characteristics, TimeDateStamp   uint32
	MajorVersion, MinorVersion       uint16
	NumberOfNamed, NumberOfIDEntries uint16
}

// peResourceEntry is IMAGE_RESOURCE_DIRECTORY_ENTRY.
type peResourceEntry struct{ Name, Offset uint32 }

// manifests adds the assemblies that the manifests of the program name.
func (p *peFile) manifests(f *File) error {
	addr, _ := p.directory(pe.IMAGE_DIRECTORY_ENTRY_RESOURCE)
	if addr == 0 {
		return nil
	}
	resources, err := p.memory.at(whatResources, addr)
	if err != nil {
		return err
	}

	// Three levels: types, then names, then languages.
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
				if err := p.manifest(f, resources, language.Offset); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// resourceEntries reads a directory of resources. Its offset is marked as that of a directory, except for
// the first one, which is at 0.
func resourceEntries(resources view, offset uint32) ([]peResourceEntry, error) {
	if offset != 0 && offset&resourceDirectoryFlag == 0 {
		return nil, resources.errorf(whatResources, uint64(offset), "a resource where a directory was expected")
	}
	start := uint64(offset &^ resourceDirectoryFlag)

	var head peResourceDirectory
	if err := resources.decode(whatResources, start, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	entries := make([]peResourceEntry, int(head.NumberOfNamed)+int(head.NumberOfIDEntries))
	err := resources.decode(whatResources, start+uint64(binary.Size(head)), binary.LittleEndian, entries)
	return entries, err
}

// manifest reads one manifest, whose IMAGE_RESOURCE_DATA_ENTRY is at an offset.
func (p *peFile) manifest(f *File, resources view, offset uint32) error {
	const what = "PE manifest"

	var entry struct{ Addr, Size, CodePage, Reserved uint32 }
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
		if err := printable(name); err != nil {
			return content.errorf(what, 0, "%w", err)
		}
		f.Needed = add(f.Needed, assemblyPrefix+name)
	}
	return nil
}

// dependentAssemblies returns the names of the assemblies that a manifest depends on.
func dependentAssemblies(manifest []byte) (names []string, err error) {
	if order, isWide := wideOrder(manifest); isWide {
		units := make([]uint16, len(manifest)/2)
		if _, err := binary.Decode(manifest, order, units); err != nil {
			return nil, err
		}
		manifest = []byte(string(utf16.Decode(units[1:])))
	}

	decoder := xml.NewDecoder(bytes.NewReader(manifest))
	decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return latin1(input) }
	inside := 0 // number of open dependentAssembly elements
	for depth := 0; ; {
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
			if element.Name.Local == "dependentAssembly" {
				inside++
			}
			if element.Name.Local == "assemblyIdentity" && inside > 0 {
				names = add(names, assemblyName(element))
			}
		case xml.EndElement:
			depth--
			if element.Name.Local == "dependentAssembly" {
				inside--
			}
			if depth == 0 {
				return names, nil // nothing after the root element counts
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

// wideOrder returns the byte order of UTF-16 text, which begins with a byte order mark.
func wideOrder(text []byte) (order binary.ByteOrder, isWide bool) {
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return binary.LittleEndian, true
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return binary.BigEndian, true
	}
	return nil, false
}

// latin1 converts text in a single-byte encoding to UTF-8. Names of assemblies are ASCII, on which such
// encodings agree. Text that declares UTF-16 has been converted to UTF-8 before it gets here.
func latin1(input io.Reader) (io.Reader, error) {
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
