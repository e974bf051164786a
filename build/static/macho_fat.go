package static

import (
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	whatFat = "Mach-O universal header"
	// fatMagic64 is FAT_MAGIC_64, which announces offsets and sizes of 64 bits.
	fatMagic64 = 0xcafebabf
	// fatHeaderSize is the size of fat_header, which precedes the entries.
	fatHeaderSize = 8
	// maxSlices is the number of fat_arch entries that fit behind the header into a page of 16
	// KB. The kernel of macOS reads no more (exec_fat_imgact in bsd/kern/kern_exec.c of xnu).
	maxSlices = (16<<10 - fatHeaderSize) / 20
	// minJavaVersion is the lowest major version of a Java class file.
	minJavaVersion = 45
)

// fatArch is fat_arch_64. The 32-bit fat_arch is widened to it.
type fatArch struct {
	Cpu      macho.Cpu
	SubCpu   uint32
	Offset   uint64
	Size     uint64
	Align    uint32
	Reserved uint32
}

// readFat reads a universal binary, which consists of Mach-O files for several machines. A Java
// class begins with the same bytes.
func readFat(v view) (*File, error) {
	var head struct {
		Magic uint32
		Count uint32
	}
	if err := v.decode(whatFat, 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}

	java := looksLikeJavaClass(v, head.Magic, head.Count)
	switch {
	case head.Count == 0:
		return nil, v.errorf(whatFat, 0, "no architecture")
	case head.Count > maxSlices && java:
		return nil, fmt.Errorf("%w: a Java class", ErrNotExecutable)
	case head.Count > maxSlices:
		return nil, v.errorf(whatFat, 4, "%d architectures", head.Count)
	}

	arches, err := readFatArches(v, head.Magic, head.Count)
	if java && !containsMachO(v, arches) {
		return nil, fmt.Errorf("%w: a Java class", ErrNotExecutable)
	}
	if err != nil {
		return nil, err
	}

	// Apple's lipo can hide a slice for 64-bit ARM behind the counted ones (-hideARM64), where
	// some versions of Apple's loader find it.
	more, err := readFatArches(v, head.Magic, head.Count+1)
	if err == nil {
		hidden := more[head.Count:]
		if hidden[0].Cpu == macho.CpuArm64 && containsMachO(v, hidden) {
			arches = more
		}
	}

	return readSlices(v, arches)
}

// readFatArches reads the entries of a universal binary. If it returns an error, it also
// returns the entries that it could read.
func readFatArches(v view, magic, count uint32) (arches []fatArch, err error) {
	if magic == fatMagic64 {
		arches = make([]fatArch, count)
		err = v.decode(whatFat, fatHeaderSize, binary.BigEndian, arches)
		return arches, err
	}

	// A small Java class may end before the table of entries that it seems to have.
	size := uint64(binary.Size(macho.FatArchHeader{}))
	present := min(uint64(count), (v.size-fatHeaderSize)/size)
	narrow := make([]macho.FatArchHeader, present)
	if err := v.decode(whatFat, fatHeaderSize, binary.BigEndian, narrow); err != nil {
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

	if present < uint64(count) {
		_, err = v.sub(whatFat, fatHeaderSize, uint64(count)*size)
	}
	return arches, err
}

// looksLikeJavaClass reports whether a file begins like a Java class. After the magic number, a
// class has its minor and major version, the size of the constant pool, and the kind of the
// first constant (Java Virtual Machine Specification, 4.1 and 4.4). As a universal binary it
// would have 45 slices or more.
func looksLikeJavaClass(v view, magic, count uint32) bool {
	majorVersion := count & 0xffff
	if magic != macho.MagicFat || majorVersion < minJavaVersion {
		return false
	}

	var pool struct {
		Count uint16
		Tag   uint8
	}
	if err := v.decode("Java class", 8, binary.BigEndian, &pool); err != nil {
		return false
	}
	if pool.Count == 0 {
		return false
	}
	switch {
	case pool.Tag == 1, 3 <= pool.Tag && pool.Tag <= 12, 15 <= pool.Tag && pool.Tag <= 20:
		return true
	}
	return false
}

// containsMachO reports whether one of the entries points to the magic number of a Mach-O file.
// If the file is a Java class, its bytes do not.
func containsMachO(v view, arches []fatArch) bool {
	const what = "Mach-O slice"
	for _, arch := range arches {
		content, err := v.sub(what, arch.Offset, arch.Size)
		if err != nil || content.size < 4 {
			continue
		}
		magic, err := content.bytes(what, 0, 4)
		if err != nil {
			return true // it cannot be ruled out
		}
		if isMachO(magic) {
			return true
		}
	}
	return false
}

// isMachO reports whether magic begins a Mach-O file that is not universal.
func isMachO(magic []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(magic) {
		case macho.Magic32, macho.Magic64:
			return true
		}
	}
	return false
}

// readSlices reads the slices of a universal binary. The kernel runs one of them, so a file
// that contains one program is an executable whatever the other slices are.
func readSlices(v view, arches []fatArch) (*File, error) {
	f := &File{Format: MachO}
	seen := map[machoTarget]bool{}
	var notExecutable error // of the last slice that is something else, such as a static library

	for _, arch := range arches {
		target := newMachOTarget(arch.Cpu, arch.SubCpu)
		if seen[target] {
			return nil, v.errorf(whatFat, 0, "duplicate slice for %s", arch.Cpu)
		}
		seen[target] = true

		slice, err := readSlice(v, arch)
		if err != nil {
			err = fmt.Errorf("reading slice %s: %w", arch.Cpu, err)
		}
		switch {
		case errors.Is(err, ErrNotExecutable):
			notExecutable = err
		case err != nil:
			return nil, err
		default:
			f.Slices = append(f.Slices, *slice)
		}
	}

	switch {
	case notExecutable == nil:
		return f, nil
	case len(f.Slices) == 0:
		return nil, notExecutable
	}
	return nil, v.errorf(whatFat, 0, "contradiction: %d of %d slices are programs or libraries: %v",
		len(f.Slices), len(arches), notExecutable)
}

// readSlice reads one Mach-O file in a universal binary.
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

	// The kernel chooses the slice by the universal header, and then requires the slice to be
	// for the same machine.
	target := newMachOTarget(m.head.Cpu, m.head.SubCpu)
	if target != newMachOTarget(arch.Cpu, arch.SubCpu) {
		return nil, content.errorf("Mach-O slice", 0, "made for %s subtype %d", target.cpu, target.sub)
	}
	return f, nil
}
