package static

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Programs of three instructions, which end at once.
var (
	exit0amd64  = []byte("\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05")             // mov eax, 60; xor edi, edi; syscall
	exit0x386   = []byte("\xb8\x01\x00\x00\x00\x31\xdb\xcd\x80")             // mov eax, 1; xor ebx, ebx; int 0x80
	exit42amd64 = []byte("\xb8\x3c\x00\x00\x00\xbf\x2a\x00\x00\x00\x0f\x05") // the same with 42
	exit42x386  = []byte("\xb8\x01\x00\x00\x00\xbb\x2a\x00\x00\x00\xcd\x80")
)

// started is what became of a file that was given to the kernel.
type started int

const (
	refused     started = iota // the kernel did not take it
	ranItself                  // its own first instruction ran
	ranLoader                  // the loader that it asks for ran
	failedLater                // the kernel took it and ended it: a segment that could not be mapped, a wrong instruction
)

func (s started) String() string {
	return []string{"refused", "ran by itself", "ran its loader", "was taken and failed"}[s]
}

// kernel starts files. What they would run is always one of the programs above.
type kernel struct {
	dir     string // empty, where they are started
	program string // the path of the file to be started
	loaders map[elf.Machine]string
}

// newKernel makes the loaders, which are programs that end with status 42.
func newKernel(t testing.TB) *kernel {
	if runtime.GOARCH != "amd64" {
		t.Skip("the kernel of linux/amd64 is needed to start what is read")
	}
	// A program that fails leaves no memory dump.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		t.Fatal(err)
	}

	// A short path, whatever the name of the test: the fuzzer moves what is around it.
	root, err := os.MkdirTemp("", "k")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	k := &kernel{
		dir:     filepath.Join(root, "empty"),
		program: filepath.Join(root, "program"),
		loaders: map[elf.Machine]string{},
	}
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for machine, spec := range map[elf.Machine]elfSpec{
		elf.EM_X86_64: {code: exit42amd64, kind: elf.ET_DYN},
		elf.EM_386:    {code: exit42x386, kind: elf.ET_DYN, class: elf.ELFCLASS32, machine: elf.EM_386},
	} {
		path := filepath.Join(root, fmt.Sprintf("ld%d", machine))
		k.loaders[machine] = path
		if err := os.WriteFile(path, spec.bytes(), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// start gives a file to the kernel.
func (k *kernel) start(t testing.TB, b []byte) (started, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	// Another test may fork while the file is open, which keeps it busy for a moment.
	var cmd *exec.Cmd
	for {
		if err := os.WriteFile(k.program, b, 0o700); err != nil {
			if errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
				continue
			}
			t.Fatal(err)
		}
		cmd = exec.CommandContext(ctx, k.program)
		cmd.Dir = k.dir
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		if errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return refused, err
		}
		break
	}

	err := cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("it does not end: %v", ctx.Err())
	}
	switch cmd.ProcessState.ExitCode() {
	case 0:
		return ranItself, nil
	case 42:
		return ranLoader, nil
	}
	return failedLater, err
}

// harmless reports whether nothing but our own code would run, if the kernel starts b: its entry point
// is where code is in the file, and its loader is ours or is not there.
//
// This reads the file in its own way, as the kernel does and as the reader under test does not.
func (k *kernel) harmless(b []byte, code []byte) bool {
	order := binary.LittleEndian
	if len(b) < elfHeaderSize {
		return false
	}
	machine := elf.Machine(order.Uint16(b[18:]))

	var head elf.Header64
	var programs []elf.Prog64
	switch machine {
	case elf.EM_X86_64:
		if _, err := binary.Decode(b, order, &head); err != nil {
			return false
		}
		for i := range uint64(head.Phnum) {
			var p elf.Prog64
			at := head.Phoff + i*56
			if at > uint64(len(b)) {
				return false
			}
			if _, err := binary.Decode(b[at:], order, &p); err != nil {
				return false
			}
			programs = append(programs, p)
		}
	case elf.EM_386, elf.EM_486:
		var h elf.Header32
		if _, err := binary.Decode(b, order, &h); err != nil {
			return false
		}
		head.Entry = uint64(h.Entry)
		for i := range uint64(h.Phnum) {
			var p elf.Prog32
			at := uint64(h.Phoff) + i*32
			if at > uint64(len(b)) {
				return false
			}
			if _, err := binary.Decode(b[at:], order, &p); err != nil {
				return false
			}
			programs = append(programs, elf.Prog64{
				Type:   p.Type,
				Off:    uint64(p.Off),
				Vaddr:  uint64(p.Vaddr),
				Filesz: uint64(p.Filesz),
				Memsz:  uint64(p.Memsz),
			})
		}
	default:
		return true // no kernel of this machine takes it
	}

	place := uint64(0)
	for _, p := range programs {
		switch elf.ProgType(p.Type) {
		case elf.PT_INTERP:
			if p.Off >= uint64(len(b)) {
				continue
			}
			path, _, _ := strings.Cut(string(b[p.Off:min(uint64(len(b)), p.Off+p.Filesz%4096)]), "\x00")
			if !slices.Contains([]string{k.loaders[elf.EM_X86_64], k.loaders[elf.EM_386]}, path) {
				if !filepath.IsAbs(path) {
					path = filepath.Join(k.dir, path)
				}
				if info, err := os.Stat(path); err == nil && !info.IsDir() {
					return false
				}
			}
		case elf.PT_LOAD:
			if p.Memsz > 1<<30 && p.Memsz < 1<<47 {
				return false // whether there is so much memory depends on the machine
			}
			first := p.Vaddr &^ (pageSize - 1)
			if head.Entry >= first && head.Entry-first < p.Memsz+2*pageSize {
				place = p.Off + (head.Entry - p.Vaddr)
			}
		}
	}
	return place < uint64(len(b)) && bytes.HasPrefix(b[place:], code)
}

// compare reads a file, starts it where that tells something, and compares the two. It reports
// whether the file was started.
func (k *kernel) compare(t *testing.T, b, code []byte) bool {
	t.Helper()
	f, err := readBytes(b)
	verdict := Judge("linux", f)
	passedOver := errors.Is(err, ErrNotExecutable)
	if !passedOver && !verdict.OK {
		return false // it fails, which is right whatever the kernel does
	}
	if !k.harmless(b, code) {
		return false
	}

	did, startErr := k.start(t, b)
	switch {
	case passedOver && did != refused:
		t.Errorf("%s, and is passed over: %v", did, err)
	case verdict.OK && did == ranLoader:
		t.Errorf("%s, and is called static: %+v", did, *f)
	case verdict.OK && did != ranItself && runsHere(f):
		t.Errorf("is called static, and %s (%v): %+v", did, startErr, *f)
	}
	if t.Failed() {
		t.Logf("% x", b[:min(len(b), 64)])
	}
	return true
}

// runsHere reports whether a kernel of linux/amd64 runs the programs of a machine. Whether it runs
// those of the x32 ABI is a choice of its configuration.
func runsHere(f *File) bool {
	switch f.Machine {
	case elf.EM_386.String(), elf.EM_486.String():
		return true
	}
	return f.Machine == elf.EM_X86_64.String() && f.Bits == 64
}
