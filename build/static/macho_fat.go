package static

import (
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	whatFat = "Mach-O universal header"
	// fatMagic64 is FAT_MAGIC_64: offsets and sizes are 64 bits wide.
	fatMagic64 = 0xcafebabf
	// maxSlices is the number of fat_arch entries that fit into a page of 16 KB after the header. The
	// kernel of macOS reads no further (exec_fat_imgact in bsd/kern/kern_exec.c of xnu).
	maxSlices = (16<<10 - 8) / 20
	// minJavaVersion is the lowest version of a Java class file.
	minJavaVersion = 45
)

// fatArch is fat_arch_64; fat_arch is widened to it.
type fatArch struct {
	Cpu             macho.Cpu
	SubCpu          uint32
	Offset, Size    uint64
	Align, Reserved uint32
}

// readFat reads a universal binary: several Mach-O files in one, each for another machine. A Java class
// begins with the same bytes.
func readFat(v view) (*File, error) {
	var head struct{ Magic, Count uint32 }
	if err := v.decode(whatFat, 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}

	java := javaClass(v, head.Magic, head.Count)
	switch {
	case head.Count == 0:
		return nil, v.errorf(whatFat, 0, "no architecture")
	case head.Count > maxSlices && java:
		return nil, fmt.Errorf("%w: a Java class", ErrNotExecutable)
	case head.Count > maxSlices:
		return nil, v.errorf(whatFat, 4, "%d architectures", head.Count)
	}

	arches, err := readFatArches(v, head.Magic, head.Count)
	if java && !holdsMachO(v, arches) {
		return nil, fmt.Errorf("%w: a Java class", ErrNotExecutable)
	}
	if err != nil {
		return nil, err
	}

	// Apple's lipo can hide a slice for 64-bit ARM behind the others (-hideARM64), where some versions of
	// Apple's loader find it.
	if more, err := readFatArches(v, head.Magic, head.Count+1); err == nil {
		last := more[head.Count]
		if last.Cpu == macho.CpuArm64 && holdsMachO(v, more[head.Count:]) {
			arches = more
		}
	}
	return readSlices(v, arches)
}

// readSlices reads the slices of a universal binary. The kernel picks one of them, so a file with one
// program in it is an executable, whatever the other slices are.
func readSlices(v view, arches []fatArch) (*File, error) {
	f := &File{Format: MachO}
	var other error // of slices that are not executables, such as static libraries
	seen := map[machoTarget]bool{}

	for _, arch := range arches {
		target := machoTarget{arch.Cpu, arch.SubCpu & 0xffffff}
		if seen[target] {
			return nil, v.errorf(whatFat, 0, "%s twice", arch.Cpu)
		}
		seen[target] = true

		slice, err := readSlice(v, arch)
		switch {
		case errors.Is(err, ErrNotExecutable):
			other = fmt.Errorf("reading slice %s: %w", arch.Cpu, err)
		case err != nil:
			return nil, fmt.Errorf("reading slice %s: %w", arch.Cpu, err)
		default:
			f.Slices = append(f.Slices, *slice)
		}
	}

	switch {
	case other == nil:
		return f, nil
	case len(f.Slices) == 0:
		return nil, other
	}
	return nil, v.errorf(whatFat, 0, "contradiction: %d of %d slices are programs or libraries: %v",
		len(f.Slices), len(arches), other)
}

// readFatArches reads the entries of a universal binary. With an error it returns the entries that were
// read.
func readFatArches(v view, magic, count uint32) (arches []fatArch, err error) {
	const start = 8
	if magic == fatMagic64 {
		arches = make([]fatArch, count)
		err = v.decode(whatFat, start, binary.BigEndian, arches)
		return arches, err
	}

	// A small Java class may end before the table that it seems to have.
	var entry macho.FatArchHeader
	size := uint64(binary.Size(entry))
	there := min(uint64(count), (v.size-start)/size)
	narrow := make([]macho.FatArchHeader, there)
	if err := v.decode(whatFat, start, binary.BigEndian, narrow); err != nil {
		return nil, err
	}
	for _, a := range narrow {
		arches = append(arches, fatArch{
			Cpu:    a.Cpu,
			SubCpu: a.SubCpu,
			Offset: uint64(a.Offset),
			Size:   uint64(a.Size),
			Align:  a.Align,
		})
	}
	if there < uint64(count) {
		_, err = v.sub(whatFat, start, uint64(count)*size)
	}
	return arches, err
}

// javaClass reports whether a file begins like a Java class: after the magic number the minor and the
// major version, the size of the constant pool, and the kind of its first constant (Java Virtual
// Machine Specification, 4.1 and 4.4). As a universal binary it would have 45 slices or more.
func javaClass(v view, magic, count uint32) bool {
	if magic != macho.MagicFat || count&0xffff < minJavaVersion {
		return false
	}

	var pool struct {
		Count uint16
		Tag   uint8
	}
	if err := v.decode("Java class", 8, binary.BigEndian, &pool); err != nil {
		return false
	}
	switch {
	case pool.Count == 0:
		return false
	case pool.Tag == 1, 3 <= pool.Tag && pool.Tag <= 12, 15 <= pool.Tag && pool.Tag <= 20:
		return true
	}
	return false
}

// holdsMachO reports whether one of the entries points to a magic number of Mach-O. The bytes of a Java
// class do not.
func holdsMachO(v view, arches []fatArch) bool {
	for _, arch := range arches {
		content, err := v.sub("Mach-O slice", arch.Offset, arch.Size)
		if err != nil || content.size < 4 {
			continue
		}
		magic, err := content.bytes("Mach-O slice", 0, 4)
		if err != nil {
			return true // it may be one
		}
		if isMachO(magic) {
			return true
		}
	}
	return false
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
