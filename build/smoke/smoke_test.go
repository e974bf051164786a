package smoke

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build/target"
)

// smokeProgram shows what it can see, or does what its argument says.
const smokeProgram = `package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strings"
	"time"
)

func main() {
	switch os.Args[1] {
	case "look": // at everything that should not be there
		for _, kv := range os.Environ() {
			name, _, _ := strings.Cut(kv, "=")
			switch name {
			case "HOME", "TMPDIR", "USER":
			default:
				fmt.Println("an environment:", kv)
				os.Exit(3)
			}
		}
		// What was placed there, and nothing else.
		entries, err := os.ReadDir("/")
		for _, e := range entries {
			switch e.Name() {
			case "program", "emulator", "home", "tmp":
			default:
				err = fmt.Errorf("%s is there", e)
			}
		}
		if err != nil {
			fmt.Println("a file system:", entries, err)
			os.Exit(4)
		}
	case "home": // and a directory for temporary files: they exist, are empty, and can be written to
		home, err := os.UserHomeDir()
		if err != nil {
			panic(err)
		}
		for _, dir := range []string{home, os.TempDir()} {
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) > 0 {
				panic(fmt.Sprint(dir, entries, err))
			}
			if err := os.WriteFile(dir+"/file", []byte("text"), 0o644); err != nil {
				panic(err)
			}
			if text, err := os.ReadFile(dir + "/file"); err != nil || string(text) != "text" {
				panic(fmt.Sprint(string(text), err))
			}
		}
		for _, ask := range []func() (string, error){os.UserConfigDir, os.UserCacheDir} {
			dir, err := ask()
			if err == nil {
				err = os.MkdirAll(dir, 0o755)
			}
			if err != nil && runtime.GOOS != "wasip1" {
				panic(err)
			}
		}
		if u, err := user.Current(); err != nil {
			panic(fmt.Sprint(u, err))
		}
	case "escape": // by a link, or by a path
		link := os.TempDir() + "/link"
		err := errors.Join(os.Symlink("/etc", link), os.Link(os.Args[0], link+"2"))
		_, below := os.ReadDir(link)
		_, above := os.ReadDir("/../../../../../../../../etc")
		if below == nil || above == nil {
			fmt.Println("a file of the machine", err)
			os.Exit(10)
		}
	case "--version":
		fmt.Println("\n\x1b[1mp\x1b[0m version 1.2.3\nbuilt by hand")
	case "network":
		links, _ := net.Interfaces() // none on wasip1, which has no way to ask
		for _, l := range links {
			if l.Flags&net.FlagUp != 0 {
				fmt.Println("a network:", l.Name)
				os.Exit(5)
			}
		}
		// Neither this host, by the listener of the test, nor another.
		for _, address := range os.Args[2:] {
			if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				fmt.Println("a connection:", c.RemoteAddr())
				os.Exit(6)
			}
		}
	case "stdin":
		if n, err := os.Stdin.Read(make([]byte, 1)); n != 0 || err == nil {
			os.Exit(8)
		}
	case "fail":
		fmt.Println("this is why", strings.Join(os.Args[2:], "|"))
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "spin":
		for {
		}
	case "pour":
		for i := 0; ; i++ {
			fmt.Println("line", i)
		}
	case "memory":
		var keep [][]byte
		for range 1024 {
			keep = append(keep, make([]byte, 1<<20))
		}
		fmt.Println(len(keep))
	case "parent": // ends at once; its child has the output and stays
		child := exec.Command(os.Args[2], append([]string{"hang"}, os.Args[3:]...)...)
		child.Stdin = os.Stdin // there may be no /dev/null
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			fmt.Println(err)
			os.Exit(9)
		}
		fmt.Println("child", child.Process.Pid)
	}
}
`

func buildSmoke(t *testing.T, target target.Target) Program {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/p\n\ngo 1.24\n", "main.go": smokeProgram} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := Program{Name: target.Exe("p"), Target: target}
	bin.Path = filepath.Join(dir, bin.Name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", bin.Path, ".")
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), target.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// nothing, look, ...: what every way of starting a program has to keep.
func testSmoke(t *testing.T, bin Program, how string) {
	start := func(limit time.Duration, args ...string) (*Result, error) {
		return attempt{program: bin, args: args, dir: t.TempDir(), limit: limit}.run(t.Context())
	}
	for _, args := range [][]string{{"nothing"}, {"look"}, {"home"}, {"stdin"}, {"network", listen(t)}} {
		if s, err := start(maxTime, args...); err != nil || !s.Ran || s.How != how {
			t.Errorf("%s: %+v, %v", args, s, err)
		}
	}
	bin.Version = "1.2.3"
	s, err := start(maxTime, "--version")
	if err != nil || s.Said != "p version 1.2.3" || s.Version != Stated || !slices.Equal(s.Args, []string{"--version"}) {
		t.Errorf("--version: %+v, %v", s, err)
	}

	_, err = start(maxTime, "fail", "one two", "three")
	want := "starting " + bin.Name + " fail one two three " + how + ": exit status 7\nthis is why one two|three"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	for _, does := range []string{"hang", "spin", "pour"} {
		began := time.Now()
		_, err := start(3*time.Second, does) // enough to start, and to pour, on a busy machine
		want := "starting " + bin.Name + " " + does + " " + how + ": it did not end within 3s\n"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Fatalf("%s: %.300v", does, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s was stopped after %s", does, took)
		}
		if n := len(err.Error()); n > maxOutput+300 || does == "pour" && n < maxOutput {
			t.Errorf("%s: %d bytes of error", does, n)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := Run(ctx, bin, []string{"hang"}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("after the end of the run: %v", err)
	}
}

// listen returns the address of a server on this machine.
func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

const rooted = "in an empty root without network"

func TestSmoke(t *testing.T) {
	bin := buildSmoke(t, target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	s, err := Run(t.Context(), bin, []string{"nothing"}, t.TempDir())
	if err != nil || !s.Ran {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.How != rooted {
		t.Skipf("this machine makes no empty root: %s", s.How)
	}
	testSmoke(t, bin, rooted)
}

// Processes that a program leaves behind are killed, with an empty root and without. It does
// not matter that they have the output open.
func TestSmokeGrandchild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked for in /proc")
	}
	bin := buildSmoke(t, target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	mark := filepath.Base(filepath.Dir(bin.Path)) + t.Name()
	s, err := attempt{
		program: bin,
		args:    []string{"parent", "/program", mark},
		dir:     t.TempDir(),
		limit:   maxTime,
	}.run(t.Context())
	if s == nil || s.How != rooted {
		t.Logf("this machine makes no empty root: %+v", s)
	} else if left := running(t, mark); err != nil || len(left) > 0 {
		t.Errorf("in a root: %v; left: %s", err, left)
	}
	cmd := exec.CommandContext(t.Context(), bin.Path, "parent", bin.Path, mark)
	cmd.Env = []string{}
	output, err := runCommand(t.Context(), cmd)
	if err != nil || !strings.HasPrefix(output.firstLine(), "child ") {
		t.Errorf("outside a root: %q, %v", output.all(), err)
	}
	if left := running(t, mark); len(left) > 0 {
		t.Errorf("outside a root, left: %s", left)
	}
}

// running returns the processes with mark among their arguments that stay for a while. A
// process that was killed takes a moment to end.
func running(t *testing.T, mark string) (left []string) {
	t.Helper()
	for range 50 {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil || len(files) == 0 {
			t.Fatalf("no processes: %v", err)
		}
		left = nil
		for _, file := range files {
			if words, err := os.ReadFile(file); err == nil && strings.Contains(string(words), mark) {
				left = append(left, strings.ReplaceAll(string(words), "\x00", " "))
			}
		}
		if left == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return left
}

// Without an empty root the program has a home too.
func TestSmokeHomeWithoutRoot(t *testing.T) {
	bin := buildSmoke(t, target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	h, err := makeHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin.Path, "home")
	cmd.Env = h.environ(runtime.GOOS)
	output, err := runCommand(t.Context(), cmd)
	if err != nil {
		t.Errorf("%v: %s", err, output.all())
	}
}

// Another architecture, where an emulator is installed.
func TestSmokeEmulated(t *testing.T) {
	target := target.Target{OS: "linux", Arch: "arm64"}
	if runtime.GOARCH == "arm64" {
		target.Arch = "amd64"
	}
	if emulator, reason := emulatorFor(target); emulator == "" {
		t.Skipf("no program for %s is started: %s", target, reason)
	}
	bin := buildSmoke(t, target)
	for _, arg := range []string{"nothing", "look", "home"} {
		s, err := Run(t.Context(), bin, []string{arg}, t.TempDir())
		if err != nil || !s.Ran || !strings.HasPrefix(s.How, "through qemu-") {
			t.Errorf("%s: %+v, %v", arg, s, err)
		}
	}
}

// A program that cannot be run here is reported as not run.
func TestSmokeNotRun(t *testing.T) {
	for _, target := range []target.Target{
		{OS: "plan9", Arch: "arm"},
		{OS: "js", Arch: "wasm"},
		{OS: "aix", Arch: "ppc64"},
	} {
		s, err := Run(t.Context(), Program{Target: target}, nil, t.TempDir())
		if err != nil || s.Ran || !strings.HasPrefix(s.How, "not run: this is ") {
			t.Errorf("%s: %+v, %v", target, s, err)
		}
	}
}
