package static

import (
	"debug/plan9obj"
	"encoding/binary"
)

// A Plan 9 file consists of a header and the parts that the header gives the sizes of (a.out(6)
// of Plan 9). Plan 9 has no shared libraries.

// plan9Header is Exec.
type plan9Header struct {
	Magic   uint32
	Text    uint32 // size
	Data    uint32 // size
	BSS     uint32 // size
	Symbols uint32 // size
	Entry   uint32
	PCSP    uint32 // size of the table of program counters and stack pointers
	PCLine  uint32 // size of the table of program counters and lines
}

// plan9Arch maps magic numbers to their GOARCH.
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
	f := &File{
		Format:   Plan9,
		OS:       "plan9",
		Arch:     plan9Arch[head.Magic],
		Machine:  plan9Arch[head.Magic],
		Bits:     32,
		Kind:     Executable,
		Stripped: head.Symbols == 0,
	}
	off := uint64(binary.Size(head))
	if head.Magic&plan9obj.Magic64 != 0 {
		f.Bits = 64
		off += 8 // the entry point in 64 bits
	}

	// All parts must be present, even the symbols: whoever strips them also sets their size
	// to zero.
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
