package static

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// kernelSeed is a program that the kernel runs.
type kernelSeed struct {
	name string
	spec elfSpec
	want startResult
}

// seeds returns a program of each kind.
func (k *kernel) seeds() []kernelSeed {
	amd64 := elfSpec{
		code:    exit0amd64,
		machine: elf.EM_X86_64,
	}
	x386 := elfSpec{
		code:    exit0x386,
		class:   elf.ELFCLASS32,
		machine: elf.EM_386,
	}

	pie := func(s elfSpec) elfSpec {
		s.kind = elf.ET_DYN
		s.pie = true
		return s
	}
	dynamic := func(s elfSpec) elfSpec {
		s.interp = k.loaders[s.machine]
		s.needed = []string{"libc.so.6"}
		return s
	}
	// The segments share a page of the file, and zeros follow the second one.
	twoSegments := func(s elfSpec) elfSpec {
		s.editSegments = addSegment(func(load elf.Prog64) elf.Prog64 {
			second := load
			second.Off += 0x20
			second.Vaddr += 0x20
			second.Filesz -= 0x20
			second.Memsz = 0x1200
			return second
		})
		return s
	}

	return []kernelSeed{
		{"amd64", amd64, ranItself},
		{"amd64 of two segments", twoSegments(amd64), ranItself},
		{"amd64 static-pie", pie(amd64), ranItself},
		{"amd64 dynamic", dynamic(amd64), ranLoader},
		{"386", x386, ranItself},
		{"386 static-pie", pie(x386), ranItself},
		{"386 dynamic", dynamic(x386), ranLoader},
	}
}

// TestKernel changes every byte of the headers of small programs, starts the results, and
// compares what the kernel does with the verdict.
func TestKernel(t *testing.T) {
	k := newKernel(t)
	for _, seed := range k.seeds() {
		t.Run(seed.name, func(t *testing.T) {
			whole := seed.spec.bytes()
			did, err := k.start(t, whole)
			if did == refused && seed.spec.machine == elf.EM_386 {
				t.Skipf("this kernel does not start 32-bit programs: %v", err)
			}
			if did != seed.want {
				t.Fatalf("unchanged, it %s: %v", did, err)
			}
			f, err := readBytes(whole)
			if err != nil || Judge("linux", f).OK != (seed.want == ranItself) {
				t.Fatalf("unchanged: %+v, %v", f, err)
			}

			started := 0
			for i := range seed.spec.headersSize() {
				old := whole[i]
				for _, b := range otherBytes(i, old) {
					changed := bytes.Clone(whole)
					changed[i] = b
					if k.compare(t, changed, seed.spec.code) {
						started++
					}
					if t.Failed() {
						t.Fatalf("byte 0x%x is 0x%x instead of 0x%x", i, b, old)
					}
				}
			}
			t.Logf("started %d programs", started)
			if started == 0 && seed.want == ranItself {
				t.Error("no program was started")
			}
		})
	}
}

// otherBytes returns values to try for byte i of a file instead of old. There are more of them
// for the ELF header.
func otherBytes(i int, old byte) []byte {
	values := []byte{0, old + 1, 0xff}
	if i < elfHeaderSize {
		values = append(values, 1, 2, 3, 4, old-1, old^0x80)
	}
	return slices.DeleteFunc(values, func(b byte) bool { return b == old })
}

// ignoredByKernel lists changes of a 64-bit header that kernels do not notice.
var ignoredByKernel = map[string]func(*elf.Header64){
	"EI_CLASS is 32-bit":      func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32) },
	"EI_CLASS is 0":           func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 0 },
	"EI_DATA is big-endian":   func(h *elf.Header64) { h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB) },
	"EI_DATA is 0":            func(h *elf.Header64) { h.Ident[elf.EI_DATA] = 0 },
	"EI_VERSION is 0":         func(h *elf.Header64) { h.Ident[elf.EI_VERSION] = 0 },
	"e_version is 0":          func(h *elf.Header64) { h.Version = 0 },
	"e_version is big-endian": func(h *elf.Header64) { h.Version = 1 << 24 },
	"EI_DATA and e_version are big-endian": func(h *elf.Header64) {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	},
	"EI_CLASS, EI_DATA and e_version are those of another machine": func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	},
	"program headers are counted in 32 bits, too": func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		setPhnum32(h)
	},
}

// setPhnum32 sets the bytes of a 64-bit header that are e_phentsize and e_phnum of a 32-bit
// header, to one program header.
func setPhnum32(h *elf.Header64) {
	h.Shoff = 32<<16 | 1<<32
}

// TestKernelIgnores changes what kernels ignore, and starts the programs. Reading them must
// fail, and not with ErrNotExecutable.
func TestKernelIgnores(t *testing.T) {
	k := newKernel(t)
	for _, seed := range k.seeds() {
		if seed.spec.machine == elf.EM_386 {
			continue
		}
		for name, edit := range ignoredByKernel {
			t.Run(seed.name+", "+name, func(t *testing.T) {
				spec := seed.spec
				spec.editHeader = edit
				b := spec.bytes()
				if did, err := k.start(t, b); did != seed.want {
					t.Fatalf("it %s: %v", did, err)
				}
				f, err := readBytes(b)
				if err == nil || errors.Is(err, ErrNotExecutable) {
					t.Errorf("read %+v, %v", f, err)
				}
			})
		}
	}
}

// TestKernelIgnoresInGo does what TestKernelIgnores does, with a program that Go built.
func TestKernelIgnoresInGo(t *testing.T) {
	k := newKernel(t)
	whole, err := os.ReadFile(build(t, "empty", "linux/amd64", nil))
	if err != nil {
		t.Fatal(err)
	}
	if did, err := k.start(t, whole); did != ranItself {
		t.Fatalf("unchanged, it %s: %v", did, err)
	}
	if f, err := readBytes(whole); err != nil || !Judge("linux", f).OK {
		t.Fatalf("unchanged: %+v, %v", f, err)
	}

	for name, edit := range ignoredByKernel {
		var head elf.Header64
		if _, err := binary.Decode(whole, binary.LittleEndian, &head); err != nil {
			t.Fatal(err)
		}
		edit(&head)
		b := bytes.Clone(whole)
		if _, err := binary.Encode(b, binary.LittleEndian, head); err != nil {
			t.Fatal(err)
		}

		if did, err := k.start(t, b); did != ranItself {
			t.Errorf("%s: it %s: %v", name, did, err)
		}
		f, err := readBytes(b)
		if err == nil || errors.Is(err, ErrNotExecutable) {
			t.Errorf("%s: read %+v, %v", name, f, err)
		}
	}
}

// TestKernelTwoPrograms starts a file that contains two programs, each with program headers of
// its own. To readers that trust EI_CLASS it is a static program. To the kernel it has a loader.
func TestKernelTwoPrograms(t *testing.T) {
	k := newKernel(t)
	did, err := k.start(t, k.twoPrograms(elf.ELFCLASS32))
	if did != ranLoader {
		t.Fatalf("it %s: %v", did, err)
	}

	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		f, err := readBytes(k.twoPrograms(class))
		if err == nil || !strings.Contains(err.Error(), "contradiction: "+class.String()) {
			t.Errorf("%s: read %+v, %v", class, f, err)
		}
	}
}

// twoPrograms returns a 64-bit program that is also a 32-bit program. class is its EI_CLASS.
func (k *kernel) twoPrograms(class elf.Class) []byte {
	const (
		// headers32 is the offset of the 32-bit program headers.
		headers32 = 0x2000
		// base64 is added to all 64-bit addresses, so that the upper half of the 64-bit e_entry
		// is headers32. It is e_phoff of the 32-bit header.
		base64 = headers32 << 32
	)
	spec := elfSpec{
		code:   exit0amd64,
		interp: k.loaders[elf.EM_X86_64],
		needed: []string{"libc.so.6"},
	}
	spec.editSegments = func(segments []elf.Prog64) []elf.Prog64 {
		for i := range segments {
			segments[i].Vaddr += base64
		}
		return segments
	}
	spec.editHeader = func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(class)
		h.Entry += base64
		setPhnum32(h)
	}

	file := spec.bytes()
	size := uint32(len(file))
	file = append(file, make([]byte, headers32-len(file))...)
	return append(file, spec.encode(elf.Prog32{
		Type:   uint32(elf.PT_LOAD),
		Vaddr:  elfBase,
		Filesz: size,
		Memsz:  size,
		Flags:  uint32(elf.PF_R | elf.PF_X),
	})...)
}

// FuzzKernel replaces the headers of the programs of TestKernel.
func FuzzKernel(f *testing.F) {
	k := newKernel(f)
	seeds := k.seeds()
	for i, seed := range seeds {
		f.Add(byte(i), seed.spec.bytes()[:seed.spec.headersSize()])
	}
	f.Fuzz(func(t *testing.T, i byte, headers []byte) {
		spec := seeds[int(i)%len(seeds)].spec
		b := spec.bytes()
		copy(b[:spec.headersSize()], headers)
		k.compare(t, b, spec.code)
	})
}
