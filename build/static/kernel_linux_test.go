package static

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

// kernelSeed is a program that runs.
type kernelSeed struct {
	name string
	spec elfSpec
	want started
}

func (k *kernel) seeds() []kernelSeed {
	amd64 := elfSpec{code: exit0amd64}
	x386 := elfSpec{code: exit0x386, class: elf.ELFCLASS32, machine: elf.EM_386}
	with := func(spec elfSpec, edit func(*elfSpec)) elfSpec {
		edit(&spec)
		return spec
	}
	pie := func(s *elfSpec) { s.kind, s.pie = elf.ET_DYN, true }
	dynamic := func(machine elf.Machine) func(s *elfSpec) {
		return func(s *elfSpec) { s.interp, s.needed = k.loaders[machine], []string{"libc.so.6"} }
	}
	// Both share a page of the file, and the second has zeros behind it.
	twoSegments := func(s *elfSpec) {
		s.editSegments = func(list []elf.Prog64) []elf.Prog64 {
			second := list[len(list)-1]
			second.Off, second.Vaddr = second.Off+0x20, second.Vaddr+0x20
			second.Filesz, second.Memsz = second.Filesz-0x20, 0x1200
			return append(list, second)
		}
	}
	return []kernelSeed{
		{"amd64", amd64, ranItself},
		{"amd64 of two segments", with(amd64, twoSegments), ranItself},
		{"amd64 static-pie", with(amd64, pie), ranItself},
		{"amd64 dynamic", with(amd64, dynamic(elf.EM_X86_64)), ranLoader},
		{"386", x386, ranItself},
		{"386 static-pie", with(x386, pie), ranItself},
		{"386 dynamic", with(x386, dynamic(elf.EM_386)), ranLoader},
	}
}

// headersSize is how many bytes of a file of elfSpec are headers.
func (s elfSpec) headersSize() int {
	return len(s.header(elf.Header64{})) + 7*len(s.program(elf.Prog64{}))
}

// TestKernel changes every byte of the headers of small programs, starts them, and compares what
// the kernel did with the verdict.
func TestKernel(t *testing.T) {
	k := newKernel(t)
	for _, seed := range k.seeds() {
		t.Run(seed.name, func(t *testing.T) {
			whole := seed.spec.bytes()
			did, err := k.start(t, whole)
			if did == refused && seed.spec.machine == elf.EM_386 {
				t.Skipf("this kernel starts no 32-bit programs: %v", err)
			}
			if did != seed.want {
				t.Fatalf("unchanged, it %s: %v", did, err)
			}
			f, err := readBytes(whole)
			if err != nil || Judge("linux", f).OK != (seed.want == ranItself) {
				t.Fatalf("unchanged: %+v, %v", f, err)
			}

			count := 0
			for i := range seed.spec.headersSize() {
				old := whole[i]
				values := []byte{0, old + 1, 0xff}
				if i < elfHeaderSize {
					values = append(values, 1, 2, 3, 4, old-1, old^0x80)
				}
				for _, b := range values {
					if b == old {
						continue
					}
					changed := bytes.Clone(whole)
					changed[i] = b
					if k.compare(t, changed, seed.spec.code) {
						count++
					}
					if t.Failed() {
						t.Fatalf("byte 0x%x is 0x%x instead of 0x%x", i, b, old)
					}
				}
			}
			t.Logf("started %d", count)
			if count == 0 && seed.want == ranItself {
				t.Error("none was started")
			}
		})
	}
}

// ignored are changes of a 64-bit header that kernels do not notice.
var ignored = map[string]func(*elf.Header64){
	"EI_CLASS is 32":          func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32) },
	"EI_CLASS is nothing":     func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 0 },
	"EI_DATA is big-endian":   func(h *elf.Header64) { h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB) },
	"EI_DATA is nothing":      func(h *elf.Header64) { h.Ident[elf.EI_DATA] = 0 },
	"EI_VERSION is 0":         func(h *elf.Header64) { h.Ident[elf.EI_VERSION] = 0 },
	"e_version is 0":          func(h *elf.Header64) { h.Version = 0 },
	"e_version is big-endian": func(h *elf.Header64) { h.Version = 1 << 24 },
	"EI_DATA and e_version are big-endian": func(h *elf.Header64) {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	},
	"EI_CLASS, EI_DATA and e_version are of another machine": func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
		h.Version = 1 << 24
	},
	"program headers are counted in 32 bits too": func(h *elf.Header64) {
		h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		h.Shoff = 32<<16 | 1<<32 // e_phentsize and e_phnum of a 32-bit header
	},
}

// TestKernelIgnores starts programs with what kernels do not look at changed. They must fail, and
// must not be passed over.
func TestKernelIgnores(t *testing.T) {
	k := newKernel(t)
	for _, seed := range k.seeds() {
		if seed.spec.machine == elf.EM_386 {
			continue
		}
		for name, edit := range ignored {
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

// TestKernelIgnoresInGo does the same with a program that Go built.
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

	for name, edit := range ignored {
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
		if f, err := readBytes(b); err == nil || errors.Is(err, ErrNotExecutable) {
			t.Errorf("%s: read %+v, %v", name, f, err)
		}
	}
}

// TestKernelTwoPrograms starts a file that is a static program to those who believe EI_CLASS, with
// program headers of its own, and one with a loader to the kernel.
func TestKernelTwoPrograms(t *testing.T) {
	k := newKernel(t)
	const (
		headers = 0x2000        // of 32 bits: where they are is the upper half of the 64-bit e_entry
		base    = headers << 32 // what is added to the addresses of 64 bits
	)
	file := func(class elf.Class) []byte {
		spec := elfSpec{code: exit0amd64, interp: k.loaders[elf.EM_X86_64], needed: []string{"libc.so.6"}}
		spec.editSegments = func(list []elf.Prog64) []elf.Prog64 {
			for i := range list {
				list[i].Vaddr += base
			}
			return list
		}
		spec.editHeader = func(h *elf.Header64) {
			h.Ident[elf.EI_CLASS] = byte(class)
			h.Entry += base
			h.Shoff = 32<<16 | 1<<32 // e_phentsize and e_phnum of 32 bits
		}
		b := spec.bytes()
		size := uint32(len(b))
		b = append(b, make([]byte, headers-len(b))...)
		return append(b, spec.encode(elf.Prog32{Type: uint32(elf.PT_LOAD), Vaddr: elfBase, Filesz: size, Memsz: size, Flags: 5})...)
	}

	if did, err := k.start(t, file(elf.ELFCLASS32)); did != ranLoader {
		t.Fatalf("it %s: %v", did, err)
	}
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		f, err := readBytes(file(class))
		if err == nil || !strings.Contains(err.Error(), "contradiction: "+class.String()) {
			t.Errorf("%s: read %+v, %v", class, f, err)
		}
	}
}

// FuzzKernel makes other headers for the programs of TestKernel.
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
