package static

import (
	"debug/macho"
	"encoding/binary"
	"fmt"
)

// A Mach-O file is read by its load commands, as the kernel and dyld read it. Names and numbers
// are those of <mach-o/loader.h>, <mach-o/fat.h> and <mach/machine.h>.

// cpuABI64 is CPU_ARCH_ABI64, the bit in the cputype of a 64-bit machine.
const cpuABI64 macho.Cpu = 0x01000000

// machoOrders maps processors to their byte order. A kernel only accepts files in its own
// byte order.
var machoOrders = map[macho.Cpu]binary.ByteOrder{
	macho.Cpu386:   binary.LittleEndian,
	macho.CpuAmd64: binary.LittleEndian,
	macho.CpuArm:   binary.LittleEndian,
	macho.CpuArm64: binary.LittleEndian,
	macho.CpuPpc:   binary.BigEndian,
	macho.CpuPpc64: binary.BigEndian,
}

// Load commands that debug/macho has no name for.
const (
	lcThread          macho.LoadCmd = 0x4
	lcDysymtab        macho.LoadCmd = 0xb
	lcLoadDylib       macho.LoadCmd = 0xc
	lcLoadDylinker    macho.LoadCmd = 0xe
	lcCodeSignature   macho.LoadCmd = 0x1d
	lcLazyLoadDylib   macho.LoadCmd = 0x20
	lcVersionMinMacOS macho.LoadCmd = 0x24
	lcVersionMinIOS   macho.LoadCmd = 0x25
	lcDyldEnvironment macho.LoadCmd = 0x27
	lcVersionMinTVOS  macho.LoadCmd = 0x2f
	lcVersionMinWatch macho.LoadCmd = 0x30
	lcBuildVersion    macho.LoadCmd = 0x32
	lcLoadWeakDylib   macho.LoadCmd = 0x80000018
	lcReexportDylib   macho.LoadCmd = 0x8000001f
	lcDyldInfoOnly    macho.LoadCmd = 0x80000022
	lcLoadUpwardDylib macho.LoadCmd = 0x80000023
	lcMain            macho.LoadCmd = 0x80000028
	lcExportsTrie     macho.LoadCmd = 0x80000033
	lcChainedFixups   macho.LoadCmd = 0x80000034
	lcFilesetEntry    macho.LoadCmd = 0x80000035
)

// lcReqDyld is LC_REQ_DYLD, the bit of the load commands that dyld must understand in order to
// start a program.
const lcReqDyld macho.LoadCmd = 0x80000000

// Memory protections of a segment (<mach/vm_prot.h>).
const (
	vmProtWrite   = 0x2
	vmProtExecute = 0x4
)

// machoTarget identifies a processor.
type machoTarget struct {
	cpu macho.Cpu // cputype
	sub uint32    // cpusubtype without the capability bits
}

// newMachOTarget returns the target of a cputype and a cpusubtype.
func newMachOTarget(cpu macho.Cpu, sub uint32) machoTarget {
	return machoTarget{
		cpu: cpu,
		sub: sub & 0xffffff, // the high byte holds the capability bits
	}
}

// machoArch maps targets to their GOARCH. Programs with other subtypes, such as arm64e and
// x86_64h, run only on some processors.
var machoArch = map[machoTarget]string{
	{macho.Cpu386, 3}:   "386",   // CPU_SUBTYPE_I386_ALL
	{macho.CpuAmd64, 3}: "amd64", // CPU_SUBTYPE_X86_64_ALL
	{macho.CpuArm64, 0}: "arm64", // CPU_SUBTYPE_ARM64_ALL
}

// machoPlatforms maps the PLATFORM_* numbers of LC_BUILD_VERSION to systems.
var machoPlatforms = map[uint32]string{
	1:  "darwin",
	2:  "ios",
	3:  "tvos",
	4:  "watchos",
	5:  "bridgeos",
	6:  "maccatalyst",
	7:  "ios-simulator",
	8:  "tvos-simulator",
	9:  "watchos-simulator",
	10: "driverkit",
}

// machoFile is a Mach-O file that is being read.
type machoFile struct {
	view
	order    binary.ByteOrder
	head     macho.FileHeader
	hasEntry bool // a load command says where the program starts
}

func readMachO(v view) (*File, error) {
	m := &machoFile{view: v}
	return m.read()
}

func (m *machoFile) read() (*File, error) {
	const what = "Mach-O load command"

	f := &File{
		Format:   MachO,
		Bits:     32,
		Kind:     Executable,
		Stripped: true,
	}
	commands, err := m.readHeader(f)
	if err != nil {
		return nil, err
	}

	off := uint64(0)
	for range m.head.Ncmd {
		var c struct {
			Cmd  macho.LoadCmd
			Size uint32
		}
		if err := commands.decode(what, off, m.order, &c); err != nil {
			return nil, err
		}
		command, err := commands.sub(what, off, uint64(c.Size))
		if err != nil {
			return nil, err
		}
		if c.Size < 8 {
			return nil, command.errorf(what, 0, "size %d", c.Size)
		}

		if err := m.readCommand(f, c.Cmd, command); err != nil {
			return nil, err
		}
		off += uint64(c.Size)
	}

	if f.Kind != Library && !m.hasEntry {
		return nil, commands.errorf("Mach-O load commands", 0, "no entry point")
	}
	return f, nil
}

// readHeader reads mach_header or mach_header_64 and returns the load commands, which follow it.
func (m *machoFile) readHeader(f *File) (commands view, err error) {
	const what = "Mach-O header"

	magic, err := m.bytes(what, 0, 4)
	if err != nil {
		return view{}, err
	}
	m.order = binary.LittleEndian
	if magic[0] == 0xfe {
		m.order = binary.BigEndian
	}
	if err := m.decode(what, 0, m.order, &m.head); err != nil {
		return view{}, err
	}

	size := uint64(28)
	switch m.head.Magic {
	case macho.Magic32:
		// size is already the one of mach_header.
	case macho.Magic64:
		f.Bits = 64
		size = 32
	default:
		return view{}, fmt.Errorf("%w: no Mach-O magic at 0x%x", ErrNotExecutable, m.off)
	}

	if err := m.checkCPU(f.Bits); err != nil {
		return view{}, err
	}
	target := newMachOTarget(m.head.Cpu, m.head.SubCpu)
	f.Arch = machoArch[target]
	f.Machine = m.head.Cpu.String()
	if f.Arch == "" {
		f.Machine = fmt.Sprintf("%s subtype %d", target.cpu, target.sub)
	}

	switch m.head.Type {
	case macho.TypeExec:
		if m.head.Flags&macho.FlagPIE != 0 {
			f.Kind = PIE
		}
	case macho.TypeDylib, macho.TypeBundle:
		f.Kind = Library
	default:
		return view{}, fmt.Errorf("%w: Mach-O file of type %s", ErrNotExecutable, m.head.Type)
	}
	f.ExecStack = m.head.Flags&macho.FlagAllowStackExecution != 0

	return m.sub("Mach-O load commands", size, uint64(m.head.Cmdsz))
}

// checkCPU checks that the processor has the word size and the byte order of the file.
func (m *machoFile) checkCPU(bits int) error {
	const what = "Mach-O header"
	const offset = 4 // of cputype

	is64 := m.head.Cpu&cpuABI64 != 0
	if is64 != (bits == 64) {
		return m.errorf(what, offset, "contradiction: %s in a file of %d bits", m.head.Cpu, bits)
	}
	if order, known := machoOrders[m.head.Cpu]; known && order != m.order {
		return m.errorf(what, offset, "contradiction: %s in a file that is %s", m.head.Cpu, m.order)
	}
	return nil
}

// readCommand reads one load command into f.
func (m *machoFile) readCommand(f *File, cmd macho.LoadCmd, command view) error {
	switch cmd {
	case lcMain, macho.LoadCmdUnixThread, lcThread:
		m.hasEntry = true

	case lcLoadDylib, lcReexportDylib, lcLoadUpwardDylib, lcLazyLoadDylib, lcLoadWeakDylib,
		macho.LoadCmdRpath, lcDyldEnvironment, lcLoadDylinker:
		return m.readPath(f, cmd, command)

	case macho.LoadCmdSegment:
		var s macho.Segment32
		if err := command.decode("Mach-O segment", 0, m.order, &s); err != nil {
			return err
		}
		return m.readSegment(f, command, macho.Segment64{
			Memsz:  uint64(s.Memsz),
			Offset: uint64(s.Offset),
			Filesz: uint64(s.Filesz),
			Prot:   s.Prot,
		})

	case macho.LoadCmdSegment64:
		var s macho.Segment64
		if err := command.decode("Mach-O segment", 0, m.order, &s); err != nil {
			return err
		}
		return m.readSegment(f, command, s)

	case lcBuildVersion, lcVersionMinMacOS, lcVersionMinIOS, lcVersionMinTVOS, lcVersionMinWatch:
		return m.readVersion(f, cmd, command)

	case lcDysymtab:
		var s macho.DysymtabCmd
		if err := command.decode("Mach-O symbols", 0, m.order, &s); err != nil {
			return err
		}
		f.Stripped = s.Nlocalsym == 0 // stripping keeps the exported and imported symbols

	case lcCodeSignature:
		return m.readSignature(f, command)

	case lcDyldInfoOnly, lcExportsTrie, lcChainedFixups, lcFilesetEntry:
		// They have LC_REQ_DYLD and are only about symbols.

	default:
		// A version of dyld that does not know the command rejects the file. Another version
		// may load a library because of it.
		if cmd&lcReqDyld != 0 {
			return command.errorf("Mach-O load command", 0, "unknown command 0x%x, which is required", uint32(cmd))
		}
	}
	return nil
}

// readPath reads a load command that contains a path. The field after the size of the command
// is the offset of the path.
func (m *machoFile) readPath(f *File, cmd macho.LoadCmd, command view) error {
	const what = "Mach-O name"

	var off uint32
	if err := command.decode(what, 8, m.order, &off); err != nil {
		return err
	}
	path, err := command.cString(what, uint64(off))
	if err != nil {
		return err
	}

	switch cmd {
	case lcLoadDylinker:
		if f.Interpreter != "" {
			return command.errorf(what, 0, "duplicate LC_LOAD_DYLINKER")
		}
		f.Interpreter = path
	case lcLoadWeakDylib:
		f.Optional = appendUnique(f.Optional, path)
	case macho.LoadCmdRpath, lcDyldEnvironment:
		f.RunPath = appendUnique(f.RunPath, path)
	default:
		f.Needed = appendUnique(f.Needed, path)
	}
	return nil
}

// readSegment reads the protection of a segment and checks that the file contains its bytes.
func (m *machoFile) readSegment(f *File, command view, s macho.Segment64) error {
	const what = "Mach-O segment"

	// A segment without memory is not mapped. Go writes such a segment for its debug information.
	if s.Memsz > 0 && s.Filesz > s.Memsz {
		return command.errorf(what, 0, "0x%x bytes do not fit into 0x%x", s.Filesz, s.Memsz)
	}
	if s.Prot&vmProtWrite != 0 && s.Prot&vmProtExecute != 0 {
		f.WriteExec = true
	}
	_, err := m.sub(what, s.Offset, s.Filesz)
	return err
}

// readSignature checks that the file contains the code signature.
func (m *machoFile) readSignature(f *File, command view) error {
	const what = "Mach-O code signature"

	f.Signed = true
	var s struct {
		Cmd    uint32
		Size   uint32
		Offset uint32
		Length uint32
	}
	if err := command.decode(what, 0, m.order, &s); err != nil {
		return err
	}
	_, err := m.sub(what, uint64(s.Offset), uint64(s.Length))
	return err
}

// readVersion reads the system and its oldest version from build_version_command, or from the
// older version_min_command, which exists for each system.
func (m *machoFile) readVersion(f *File, cmd macho.LoadCmd, command view) error {
	const what = "Mach-O version"

	var c struct {
		Cmd    uint32
		Size   uint32
		First  uint32 // the version, or the platform in build_version_command
		Second uint32 // the version in build_version_command
	}
	if err := command.decode(what, 0, m.order, &c); err != nil {
		return err
	}

	var system string
	version := c.First
	switch cmd {
	case lcVersionMinMacOS:
		system = "darwin"
	case lcVersionMinIOS:
		system = "ios"
	case lcVersionMinTVOS:
		system = "tvos"
	case lcVersionMinWatch:
		system = "watchos"
	case lcBuildVersion:
		version = c.Second
		system = machoPlatforms[c.First]
		if system == "" {
			system = fmt.Sprintf("platform %d", c.First)
		}
	}
	if f.OS != "" && f.OS != system {
		return command.errorf(what, 0, "contradiction: made for %s and for %s", f.OS, system)
	}

	f.OS = system
	f.MinOS = machoVersion(version)
	return nil
}

// machoVersion returns the text of a version, which has 16 bits for the major version and 8
// bits each for the minor version and the patch level.
func machoVersion(version uint32) string {
	text := fmt.Sprintf("%d.%d", version>>16, version>>8&0xff)
	if patch := version & 0xff; patch != 0 {
		text += fmt.Sprintf(".%d", patch)
	}
	return text
}
