package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// smokeProgram shows what it can see, or does what its argument says.
const smokeProgram = `package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	switch os.Args[1] {
	case "look":
		entries, err := os.ReadDir("/")
		fmt.Println(len(entries), err, os.Environ(), os.Getpid())
		links, err := net.Interfaces()
		for _, l := range links {
			if l.Flags&net.FlagUp != 0 {
				fmt.Println("a network:", l.Name)
				os.Exit(4)
			}
		}
		if len(entries) > 2 || len(os.Environ()) > 0 || err != nil {
			os.Exit(3)
		}
	case "fail":
		fmt.Println("this is why")
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	}
}
`

func buildSmoke(t *testing.T, target Target) Binary {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/p\n\ngo 1.24\n", "main.go": smokeProgram} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := Binary{Main: Main{Name: "p"}, Target: target}
	bin.Path = filepath.Join(dir, bin.Exe())
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", bin.Path, ".")
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), target.env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

func TestSmoke(t *testing.T) {
	bin := buildSmoke(t, Target{OS: runtime.GOOS, Arch: runtime.GOARCH})
	p := &Plan{}
	s, err := p.Smoke(t.Context(), bin, []string{"nothing"}, t.TempDir())
	if err != nil || !s.Ran {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.How != "in an empty root without network" {
		t.Logf("this machine makes no empty root: %s", s.How)
	} else if _, err := p.Smoke(t.Context(), bin, []string{"look"}, t.TempDir()); err != nil {
		t.Errorf("the root is not empty: %v", err)
	}
	_, err = p.Smoke(t.Context(), bin, []string{"fail"}, t.TempDir())
	if err == nil || !strings.HasPrefix(err.Error(), "starting "+bin.Exe()+" fail in ") || !strings.Contains(err.Error(), "exit status 7\nthis is why") {
		t.Errorf("error: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := p.Smoke(ctx, bin, []string{"hang"}, t.TempDir()); err == nil {
		t.Error("a program that hangs has passed")
	}
}

// Another architecture, where an emulator is installed.
func TestSmokeEmulated(t *testing.T) {
	target := Target{OS: "linux", Arch: "arm64"}
	if runtime.GOARCH == "arm64" {
		target.Arch = "amd64"
	}
	if emulator, reason := emulatorFor(target); emulator == "" {
		t.Skipf("no program for %s is started: %s", target, reason)
	}
	s, err := (&Plan{}).Smoke(t.Context(), buildSmoke(t, target), []string{"nothing"}, t.TempDir())
	if err != nil || !s.Ran || !strings.HasPrefix(s.How, "through qemu-") {
		t.Errorf("%+v, %v", s, err)
	}
}

// What cannot be run here is said not to have been.
func TestSmokeNotRun(t *testing.T) {
	for _, target := range []Target{{OS: "plan9", Arch: "arm"}, {OS: "js", Arch: "wasm"}, {OS: "aix", Arch: "ppc64"}} {
		s, err := (&Plan{}).Smoke(t.Context(), Binary{Target: target}, nil, t.TempDir())
		if err != nil || s.Ran || !strings.HasPrefix(s.How, "not run: this is ") {
			t.Errorf("%s: %+v, %v", target, s, err)
		}
	}
}

func TestTail(t *testing.T) {
	var out tail
	for range 3 {
		if n, err := out.Write([]byte(strings.Repeat("x", smokeOutput-1) + "y")); n != smokeOutput || err != nil {
			t.Fatal(n, err)
		}
	}
	if s := out.String(); len(s) != smokeOutput || !strings.HasSuffix(s, "xy") {
		t.Errorf("%d bytes", len(s))
	}
}
