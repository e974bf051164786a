package static

import (
	"debug/macho"
	"encoding/binary"
	"fmt"
)

const (
	whatFat = "Mach-O universal header"
	// fatMagic64 is FAT_MAGIC_64: offsets and sizes are 64 bits wide.
	fatMagic64 = 0xcafebabf
	// maxSlices tells a universal binary from a Java class file, which begins with the same four
	// bytes and then the class file version, 45 or more (Java Virtual Machine Specification, 4.1).
	maxSlices = 44
)

// fatArch is fat_arch_64; fat_arch is widened to it.
type fatArch struct {
	Cpu             macho.Cpu
	SubCpu          uint32
	Offset, Size    uint64
	Align, Reserved uint32
}

// readFat reads a universal binary: several Mach-O files in one, each for another machine.
func readFat(v view) (*File, error) {
	var head struct{ Magic, Count uint32 }
	if err := v.decode(whatFat, 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}
	if head.Count > maxSlices {
		return nil, fmt.Errorf("%w: a Java class", ErrNotExecutable)
	}
	if head.Count == 0 {
		return nil, v.errorf(whatFat, 0, "no architecture")
	}
	f := &File{Format: MachO}
	seen := map[machoTarget]bool{}
	for i := range uint64(head.Count) {
		arch, err := readFatArch(v, head.Magic, i)
		if err != nil {
			return nil, err
		}
		target := machoTarget{arch.Cpu, arch.SubCpu & 0xffffff}
		if seen[target] {
			return nil, v.errorf(whatFat, 0, "%s twice", arch.Cpu)
		}
		seen[target] = true
		slice, err := readSlice(v, arch)
		if err != nil {
			return nil, fmt.Errorf("reading slice %s: %w", arch.Cpu, err)
		}
		f.Slices = append(f.Slices, *slice)
	}
	return f, nil
}

// readFatArch reads the entry of slice i.
func readFatArch(v view, magic uint32, i uint64) (fatArch, error) {
	var wide fatArch
	if magic == fatMagic64 {
		err := v.decode(whatFat, 8+i*uint64(binary.Size(wide)), binary.BigEndian, &wide)
		return wide, err
	}
	var a macho.FatArchHeader
	err := v.decode(whatFat, 8+i*uint64(binary.Size(a)), binary.BigEndian, &a)
	return fatArch{Cpu: a.Cpu, SubCpu: a.SubCpu, Offset: uint64(a.Offset), Size: uint64(a.Size)}, err
}

// readSlice reads one Mach-O file out of a universal binary.
func readSlice(v view, arch fatArch) (*File, error) {
	content, err := v.sub("Mach-O slice", arch.Offset, arch.Size)
	if err != nil {
		return nil, err
	}
	m := &machoFile{view: content}
	f, err := m.read()
	if err != nil {
		return nil, err
	}
	// The kernel picks the slice by the universal header and then wants the machine to be the same.
	if m.head.Cpu != arch.Cpu || (m.head.SubCpu^arch.SubCpu)&0xffffff != 0 {
		return nil, content.errorf("Mach-O slice", 0, "made for %s subtype %d", m.head.Cpu, m.head.SubCpu&0xffffff)
	}
	return f, nil
}
