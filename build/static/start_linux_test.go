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
	"strings"
	"syscall"
	"testing"
	"time"
)

// Programs of three instructions that exit at once. Programs with their own entry point exit
// with status 0, loaders with status 42.
var (
	// mov eax, 60; xor edi, edi; syscall
	exit0amd64 = []byte("\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05")
	// mov eax, 1; xor ebx, ebx; int 0x80
	exit0x386 = []byte("\xb8\x01\x00\x00\x00\x31\xdb\xcd\x80")
	// mov eax, 60; mov edi, 42; syscall
	exit42amd64 = []byte("\xb8\x3c\x00\x00\x00\xbf\x2a\x00\x00\x00\x0f\x05")
	// mov eax, 1; mov ebx, 42; int 0x80
	exit42x386 = []byte("\xb8\x01\x00\x00\x00\xbb\x2a\x00\x00\x00\xcd\x80")
)

// startResult is what the kernel did with a file.
type startResult int

const (
	refused     startResult = iota // the kernel did not accept the file
	ranItself                      // the first instruction of the file ran
	ranLoader                      // the loader that the file asks for ran
	failedLater                    // the kernel accepted the file, but could not map it or killed it
)

func (r startResult) String() string {
	switch r {
	case refused:
		return "was refused"
	case ranItself:
		return "ran by itself"
	case ranLoader:
		return "ran its loader"
	}
	return "was accepted and failed"
}

// kernel starts files. All they can run is one of the programs above, see isHarmless.
type kernel struct {
	dir     string // the empty directory that programs are started in
	program string // the path of the program to start
	loaders map[elf.Machine]string
}

// newKernel returns a kernel with loaders for two machines.
func newKernel(t testing.TB) *kernel {
	if runtime.GOARCH != "amd64" {
		t.Skip("only the kernel of linux/amd64 can start the programs of this test")
	}
	// Programs that fail must not dump core.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		t.Fatal(err)
	}

	// Use a short path, whatever the name of the test: the fuzzer moves the bytes around it.
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

	loaders := map[elf.Machine]elfSpec{
		elf.EM_X86_64: {
			code: exit42amd64,
			kind: elf.ET_DYN,
		},
		elf.EM_386: {
			code:    exit42x386,
			kind:    elf.ET_DYN,
			class:   elf.ELFCLASS32,
			machine: elf.EM_386,
		},
	}
	for machine, spec := range loaders {
		path := filepath.Join(root, fmt.Sprintf("ld%d", machine))
		k.loaders[machine] = path
		if err := os.WriteFile(path, spec.bytes(), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// start starts a program and waits for it. The error says why it was refused or how it failed.
func (k *kernel) start(t testing.TB, program []byte) (startResult, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	cmd, err := k.startCommand(ctx, t, program)
	if err != nil {
		return refused, err
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("it does not exit: %v", ctx.Err())
	}
	switch cmd.ProcessState.ExitCode() {
	case 0:
		return ranItself, nil
	case 42:
		return ranLoader, nil
	}
	return failedLater, err
}

// startCommand writes a program to disk and starts it. It tries again while the file is busy: a
// child of another test may have it open between fork and exec.
func (k *kernel) startCommand(ctx context.Context, t testing.TB, program []byte) (*exec.Cmd, error) {
	t.Helper()
	for {
		err := os.WriteFile(k.program, program, 0o700)
		if errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}

		cmd := exec.CommandContext(ctx, k.program)
		cmd.Dir = k.dir
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		err = cmd.Start()
		if errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
			continue
		}
		return cmd, err
	}
}

// isHarmless reports whether nothing but our own code runs if the kernel starts b. The entry
// point must be where code is in the file, and the loader must be ours or must not exist.
//
// It reads the file as the kernel does. It does not use the reader that is under test.
func (k *kernel) isHarmless(b []byte, code []byte) bool {
	if len(b) < elfHeaderSize {
		return false
	}
	var entry uint64
	var segments []elf.Prog64
	var ok bool
	switch elf.Machine(binary.LittleEndian.Uint16(b[18:])) {
	case elf.EM_X86_64:
		entry, segments, ok = kernelView64(b)
	case elf.EM_386, elf.EM_486:
		entry, segments, ok = kernelView32(b)
	default:
		return true // the kernel of this machine does not accept it
	}
	if !ok {
		return false
	}

	entryOffset := uint64(0)
	for _, s := range segments {
		switch elf.ProgType(s.Type) {
		case elf.PT_INTERP:
			if s.Off < uint64(len(b)) && !k.isHarmlessLoader(b[s.Off:], s.Filesz) {
				return false
			}
		case elf.PT_LOAD:
			if s.Memsz > 1<<30 && s.Memsz < 1<<47 {
				return false // it depends on the machine whether there is so much memory
			}
			page := s.Vaddr &^ (pageSize - 1)
			if entry >= page && entry-page < s.Memsz+2*pageSize {
				entryOffset = s.Off + (entry - s.Vaddr)
			}
		}
	}
	return entryOffset < uint64(len(b)) && bytes.HasPrefix(b[entryOffset:], code)
}

// isHarmlessLoader reports whether a PT_INTERP of this size names one of our loaders, or a file
// that does not exist.
func (k *kernel) isHarmlessLoader(content []byte, size uint64) bool {
	content = content[:min(uint64(len(content)), size%4096)]
	path, _, _ := strings.Cut(string(content), "\x00")
	if path == k.loaders[elf.EM_X86_64] || path == k.loaders[elf.EM_386] {
		return true
	}

	if !filepath.IsAbs(path) {
		path = filepath.Join(k.dir, path)
	}
	info, err := os.Stat(path)
	return err != nil || info.IsDir()
}

// kernelView64 returns the entry point and the segments that a 64-bit kernel finds in b.
func kernelView64(b []byte) (entry uint64, segments []elf.Prog64, ok bool) {
	var head elf.Header64
	if _, err := binary.Decode(b, binary.LittleEndian, &head); err != nil {
		return 0, nil, false
	}
	for i := range uint64(head.Phnum) {
		var s elf.Prog64
		off := head.Phoff + i*uint64(binary.Size(s))
		if off > uint64(len(b)) {
			return 0, nil, false
		}
		if _, err := binary.Decode(b[off:], binary.LittleEndian, &s); err != nil {
			return 0, nil, false
		}
		segments = append(segments, s)
	}
	return head.Entry, segments, true
}

// kernelView32 returns the entry point and the segments that a 32-bit kernel finds in b.
func kernelView32(b []byte) (entry uint64, segments []elf.Prog64, ok bool) {
	var head elf.Header32
	if _, err := binary.Decode(b, binary.LittleEndian, &head); err != nil {
		return 0, nil, false
	}
	for i := range uint64(head.Phnum) {
		var s elf.Prog32
		off := uint64(head.Phoff) + i*uint64(binary.Size(s))
		if off > uint64(len(b)) {
			return 0, nil, false
		}
		if _, err := binary.Decode(b[off:], binary.LittleEndian, &s); err != nil {
			return 0, nil, false
		}
		segments = append(segments, elf.Prog64{
			Type:   s.Type,
			Off:    uint64(s.Off),
			Vaddr:  uint64(s.Vaddr),
			Filesz: uint64(s.Filesz),
			Memsz:  uint64(s.Memsz),
		})
	}
	return uint64(head.Entry), segments, true
}

// compare reads a program, starts it if that may prove the verdict wrong, and compares the two.
// It reports whether the program was started.
func (k *kernel) compare(t *testing.T, program, code []byte) (wasStarted bool) {
	t.Helper()
	f, err := readBytes(program)
	verdict := Judge("linux", f)
	notExecutable := errors.Is(err, ErrNotExecutable)
	if !notExecutable && !verdict.OK {
		return false // the program fails the proof, which is right whatever the kernel does
	}
	if !k.isHarmless(program, code) {
		return false
	}

	did, startErr := k.start(t, program)
	switch {
	case notExecutable && did != refused:
		t.Errorf("it %s, but is not executable: %v", did, err)
	case verdict.OK && did == ranLoader:
		t.Errorf("it %s, but is static: %+v", did, *f)
	case verdict.OK && did != ranItself && runsHere(f):
		t.Errorf("it %s (%v), but is static: %+v", did, startErr, *f)
	}
	if t.Failed() {
		t.Logf("% x", program[:min(len(program), 64)])
	}
	return true
}

// runsHere reports whether the kernel of linux/amd64 certainly runs a program. Whether it runs
// x32 programs depends on its configuration.
func runsHere(f *File) bool {
	switch f.Machine {
	case elf.EM_386.String(), elf.EM_486.String():
		return true
	case elf.EM_X86_64.String():
		return f.Bits == 64
	}
	return false
}
