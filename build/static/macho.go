package static

import (
	"debug/macho"
	"encoding/binary"
	"fmt"
)

// A Mach-O file is read as the kernel and dyld read it: by its load commands. Names and numbers are
// those of <mach-o/loader.h>, <mach-o/fat.h> and <mach/machine.h>.

// cpuWide is CPU_ARCH_ABI64, the bit of a cputype with 64-bit structures.
const cpuWide macho.Cpu = 0x01000000

// machoOrders holds the byte orders of processors. A kernel only accepts files in its own byte order.
var machoOrders = map[macho.Cpu]binary.ByteOrder{
	macho.Cpu386:   binary.LittleEndian,
	macho.CpuAmd64: binary.LittleEndian,
	macho.CpuArm:   binary.LittleEndian,
	macho.CpuArm64: binary.LittleEndian,
	macho.CpuPpc:   binary.BigEndian,
	macho.CpuPpc64: binary.BigEndian,
}

// isMachO reports whether a file that begins with magic is a thin Mach-O file.
func isMachO(magic []byte) bool {
	for _, m := range []uint32{macho.Magic32, macho.Magic64} {
		if binary.LittleEndian.Uint32(magic) == m || binary.BigEndian.Uint32(magic) == m {
			return true
		}
	}
	return false
}

// Load commands that debug/macho has no name for. The high bit is LC_REQ_DYLD.
const (
	lcThread          macho.LoadCmd = 0x4
	lcDysymtab        macho.LoadCmd = 0xb
	lcLoadDylib       macho.LoadCmd = 0xc
	lcLoadDylinker    macho.LoadCmd = 0xe
	lcLazyLoadDylib   macho.LoadCmd = 0x20
	lcCodeSignature   macho.LoadCmd = 0x1d
	lcVersionMinMacOS macho.LoadCmd = 0x24
	lcVersionMinIOS   macho.LoadCmd = 0x25
	lcDyldEnvironment macho.LoadCmd = 0x27
	lcVersionMinTVOS  macho.LoadCmd = 0x2f
	lcVersionMinWatch macho.LoadCmd = 0x30
	lcBuildVersion    macho.LoadCmd = 0x32
	lcLoadWeakDylib   macho.LoadCmd = 0x80000018
	lcReexportDylib   macho.LoadCmd = 0x8000001f
	lcLoadUpwardDylib macho.LoadCmd = 0x80000023
	lcDyldInfoOnly    macho.LoadCmd = 0x80000022
	lcMain            macho.LoadCmd = 0x80000028
	lcExportsTrie     macho.LoadCmd = 0x80000033
	lcChainedFixups   macho.LoadCmd = 0x80000034
	lcFilesetEntry    macho.LoadCmd = 0x80000035

	lcReqDyld macho.LoadCmd = 0x80000000
)

// Memory protections of a segment, from <mach/vm_prot.h>.
const (
	vmProtWrite   = 0x2
	vmProtExecute = 0x4
)

// machoTarget is cputype and cpusubtype, the latter without the capability bits of its high byte.
type machoTarget struct {
	cpu macho.Cpu
	sub uint32
}

// machoArch is the GOARCH of a target. Other subtypes run on some processors only: arm64e, x86_64h.
var machoArch = map[machoTarget]string{
	{macho.Cpu386, 3}:   "386",   // CPU_SUBTYPE_I386_ALL
	{macho.CpuAmd64, 3}: "amd64", // CPU_SUBTYPE_X86_64_ALL
	{macho.CpuArm64, 0}: "arm64", // CPU_SUBTYPE_ARM64_ALL
}

// machoPlatforms is PLATFORM_* of LC_BUILD_VERSION.
var machoPlatforms = map[uint32]string{
	1: "darwin", 2: "ios", 3: "tvos", 4: "watchos", 5: "bridgeos", 6: "maccatalyst",
	7: "ios-simulator", 8: "tvos-simulator", 9: "watchos-simulator", 10: "driverkit",
}

// machoFile is a Mach-O file while it is read.
type machoFile struct {
	view
	order binary.ByteOrder
	head  macho.FileHeader
	entry bool // there is a command that says where the program starts
}

func readMachO(v view) (*File, error) { return (&machoFile{view: v}).read() }

func (m *machoFile) read() (*File, error) {
	f := &File{Format: MachO, Bits: 32, Kind: Executable, Stripped: true}
	commands, err := m.readHeader(f)
	if err != nil {
		return nil, err
	}
	for off, n := uint64(0), m.head.Ncmd; n > 0; n-- {
		var c struct {
			Cmd  macho.LoadCmd
			Size uint32
		}
		if err := commands.decode("Mach-O load command", off, m.order, &c); err != nil {
			return nil, err
		}
		command, err := commands.sub("Mach-O load command", off, uint64(c.Size))
		if err != nil {
			return nil, err
		}
		if c.Size < 8 {
			return nil, command.errorf("Mach-O load command", 0, "size %d", c.Size)
		}
		if err := m.command(f, c.Cmd, command); err != nil {
			return nil, err
		}
		off += uint64(c.Size)
	}
	if f.Kind != Library && !m.entry {
		return nil, commands.errorf("Mach-O load commands", 0, "no entry point")
	}
	return f, nil
}

// readHeader reads mach_header or mach_header_64 and returns the load commands.
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
	case macho.Magic64:
		f.Bits, size = 64, 32
	default:
		return view{}, fmt.Errorf("%w: no Mach-O magic at 0x%x", ErrNotExecutable, m.off)
	}
	if wide := m.head.Cpu&cpuWide != 0; wide != (f.Bits == 64) {
		return view{}, m.errorf(what, 4, "contradiction: %s in a file of %d bits", m.head.Cpu, f.Bits)
	}
	if order, known := machoOrders[m.head.Cpu]; known && order != m.order {
		return view{}, m.errorf(what, 4, "contradiction: %s in a file that is %s", m.head.Cpu, m.order)
	}

	target := machoTarget{m.head.Cpu, m.head.SubCpu & 0xffffff}
	f.Arch, f.Machine = machoArch[target], m.head.Cpu.String()
	if f.Arch == "" {
		f.Machine = fmt.Sprintf("%s subtype %d", m.head.Cpu, target.sub)
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

// command reads one load command into f.
func (m *machoFile) command(f *File, cmd macho.LoadCmd, c view) error {
	switch cmd {
	case lcMain, macho.LoadCmdUnixThread, lcThread:
		m.entry = true
	case lcLoadDylib, lcReexportDylib, lcLoadUpwardDylib, lcLazyLoadDylib, lcLoadWeakDylib,
		macho.LoadCmdRpath, lcDyldEnvironment, lcLoadDylinker:
		return m.name(f, cmd, c)
	case macho.LoadCmdSegment:
		var s macho.Segment32
		if err := c.decode("Mach-O segment", 0, m.order, &s); err != nil {
			return err
		}
		wide := macho.Segment64{Memsz: uint64(s.Memsz), Offset: uint64(s.Offset), Filesz: uint64(s.Filesz), Prot: s.Prot}
		return m.segment(f, c, wide)
	case macho.LoadCmdSegment64:
		var s macho.Segment64
		if err := c.decode("Mach-O segment", 0, m.order, &s); err != nil {
			return err
		}
		return m.segment(f, c, s)
	case lcBuildVersion, lcVersionMinMacOS, lcVersionMinIOS, lcVersionMinTVOS, lcVersionMinWatch:
		return m.version(f, cmd, c)
	case lcDysymtab:
		var s macho.DysymtabCmd
		if err := c.decode("Mach-O symbols", 0, m.order, &s); err != nil {
			return err
		}
		f.Stripped = s.Nlocalsym == 0 // exported and imported ones stay when a file is stripped
	case lcCodeSignature:
		f.Signed = true
		var s struct{ Cmd, Size, Offset, Length uint32 }
		if err := c.decode("Mach-O code signature", 0, m.order, &s); err != nil {
			return err
		}
		_, err := m.sub("Mach-O code signature", uint64(s.Offset), uint64(s.Length))
		return err
	case lcDyldInfoOnly, lcExportsTrie, lcChainedFixups, lcFilesetEntry:
		return nil // about symbols
	default:
		if cmd&lcReqDyld != 0 {
			// A dyld that does not know the command refuses the file. Another one may load a library for it.
			return c.errorf("Mach-O load command", 0, "unknown command 0x%x, which is required", uint32(cmd))
		}
	}
	return nil
}

// name reads a command that is about a path, which begins where the field after its size says.
func (m *machoFile) name(f *File, cmd macho.LoadCmd, c view) error {
	const what = "Mach-O name"
	var off uint32
	if err := c.decode(what, 8, m.order, &off); err != nil {
		return err
	}
	name, err := c.text(what, uint64(off))
	if err != nil {
		return err
	}
	switch cmd {
	case lcLoadDylinker:
		if f.Interpreter != "" {
			return c.errorf(what, 0, "a second LC_LOAD_DYLINKER")
		}
		f.Interpreter = name
	case lcLoadWeakDylib:
		f.Optional = add(f.Optional, name)
	case macho.LoadCmdRpath, lcDyldEnvironment:
		f.RunPath = add(f.RunPath, name)
	default:
		f.Needed = add(f.Needed, name)
	}
	return nil
}

// segment checks that the file holds a segment.
func (m *machoFile) segment(f *File, c view, s macho.Segment64) error {
	const what = "Mach-O segment"
	if s.Memsz > 0 && s.Filesz > s.Memsz { // one without memory is not mapped: Go's debug information
		return c.errorf(what, 0, "0x%x bytes do not fit into 0x%x", s.Filesz, s.Memsz)
	}
	if s.Prot&vmProtWrite != 0 && s.Prot&vmProtExecute != 0 {
		f.WriteExec = true
	}
	_, err := m.sub(what, s.Offset, s.Filesz)
	return err
}

// version reads build_version_command or the older version_min_command, one per system.
func (m *machoFile) version(f *File, cmd macho.LoadCmd, c view) error {
	const what = "Mach-O version"
	var b struct{ Cmd, Size, First, Second uint32 }
	if err := c.decode(what, 0, m.order, &b); err != nil {
		return err
	}
	var system string
	version := b.First
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
		version = b.Second
		if system = machoPlatforms[b.First]; system == "" {
			system = fmt.Sprintf("platform %d", b.First)
		}
	}
	f.MinOS = fmt.Sprintf("%d.%d", version>>16, version>>8&0xff) // the low byte is the patch level
	if patch := version & 0xff; patch != 0 {
		f.MinOS += fmt.Sprintf(".%d", patch)
	}
	if f.OS != "" && f.OS != system {
		return c.errorf(what, 0, "contradiction: made for %s and for %s", f.OS, system)
	}
	f.OS = system
	return nil
}
