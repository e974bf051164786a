package static

import (
	"debug/plan9obj"
	"encoding/binary"
)

// A Plan 9 file is a header and what it says follows it (a.out(6) of Plan 9). There are no libraries
// to be loaded on Plan 9.

// plan9Header is Exec; sizes are those of the parts of the file.
type plan9Header struct {
	Magic, Text, Data, BSS, Symbols, Entry, PCSP, PCLine uint32
}

// plan9Arch is the GOARCH of a magic number.
var plan9Arch = map[uint32]string{
	plan9obj.Magic386:   "386",
	plan9obj.MagicAMD64: "amd64",
	plan9obj.MagicARM:   "arm",
}

func readPlan9(v view) (*File, error) {
	const what = "Plan 9 header"
	var head plan9Header
	if err := v.decode(what, 0, binary.BigEndian, &head); err != nil {
		return nil, err
	}
	f := &File{Format: Plan9, OS: "plan9", Arch: plan9Arch[head.Magic], Machine: plan9Arch[head.Magic], Bits: 32,
		Kind: Executable, Stripped: head.Symbols == 0}
	off := uint64(binary.Size(head))
	if head.Magic&plan9obj.Magic64 != 0 {
		f.Bits = 64
		off += 8 // the entry point in 64 bits
	}
	// All of it has to be there: who would cut off the symbols would also clear their size.
	for _, size := range []uint32{head.Text, head.Data, head.Symbols, head.PCSP, head.PCLine} {
		part, err := v.sub("Plan 9 segment", off, uint64(size))
		if err != nil {
			return nil, err
		}
		off += part.size
	}
	if head.Text == 0 {
		return nil, v.errorf(what, 4, "no text")
	}
	return f, nil
}
