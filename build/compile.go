package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build/limit"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/problem"
)

// A Binary is one compiled main package.
type Binary struct {
	Main   Main
	Target target.Target
	Path   string // on disk, at first in the directory given to Compile
	Size   int64  // bytes

	// Loads are the functions of glibc in it that load libraries of that glibc when they
	// are called, as the linker says.
	Loads []string
}

// Exe is the binary's file name: "age.exe".
func (b Binary) Exe() string { return b.Target.Exe(b.Main.Name) }

// Command returns the go build of b, writing to the directory out. One command
// builds all main packages: go loads the dependency graph once.
func (p *Plan) Command(b Build, out string) process.Command {
	args := []string{"go", "build",
		"-trimpath",      // no path of this machine in the binary
		"-mod=" + p.Mod,  // never change go.mod
		"-buildvcs=true", // stamp the commit; the proof compares it
	}
	if b.Tags != "" {
		args = append(args, "-tags="+b.Tags)
	}
	if p.GCFlags != "" {
		args = append(args, "-gcflags="+p.GCFlags)
	}
	args = append(args, "-ldflags="+b.LDFlags, "-o", out+string(filepath.Separator))
	for _, m := range b.Mains {
		args = append(args, m.ImportPath)
	}
	return process.Command{Args: args, Env: append(b.Target.Env(), b.CC.env()...), Dir: p.dir}
}

// A Compilation is what became of building one target.
type Compilation struct {
	Binaries []Binary
	Output   string        // of the go command: warnings, downloads
	Largest  int64         // bytes of memory, of its largest process; 0 where that is not known
	CPU      time.Duration // of all processors; 0 where that is not known
}

// Compile builds every main package of one target into the directory out, an absolute
// path that git must ignore if it lies in the checkout, with its share of the machine;
// what the ambient environment says of that wins. Nothing is in out but what an earlier
// Compile of the target made: the go command leaves what is up to date by its build ID. On
// an error no binary is returned: go build writes the programs that do compile even when
// another does not.
func (p *Plan) Compile(ctx context.Context, b Build, out string, share limit.Share) (Compilation, error) {
	cmd := p.Command(b, out)
	// The go command's own temporary files: should they lie in the checkout, they would
	// dirty the tree that it is about to stamp. The caller removes out's parent. With cgo
	// they must not lie in the module: what cgo writes would be taken for source of the
	// module, and named so in the binary, by a path with random names in it.
	if b.CC == nil {
		cmd.Env = append(cmd.Env, "GOTMPDIR="+filepath.Dir(out))
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("GOFLAGS=-mod=%s -p=%d", p.Mod, share.Processes))
	for _, kv := range share.Env {
		if name, _, _ := strings.Cut(kv, "="); !p.userSets(name) {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	_, stderr, used, err := cmd.Measure(ctx, p.env)
	dirs := map[string]string{out: "$OUT", p.dir: "."}
	var failed *process.CommandError
	if errors.As(err, &failed) {
		failed.Output = shorten(failed.Output, dirs)
	}
	c := Compilation{Largest: used.Largest, CPU: used.CPU}
	if err != nil {
		return c, p.withoutC(ctx, b, err)
	}
	loads := glibcLoads(string(stderr))
	bins := make([]Binary, len(b.Mains))
	for i, m := range b.Mains {
		if bins[i], err = findOutput(out, m, b.Target); err != nil {
			return c, err
		}
		bins[i].Loads = loads[m.ImportPath]
	}
	c.Binaries, c.Output = bins, shorten(strings.TrimSpace(string(stderr)), dirs)
	return c, nil
}

// userSets reports whether the ambient environment sets a variable of the Go runtime. Who
// sets one of the two that bound memory means both.
func (p *Plan) userSets(name string) bool {
	return slices.ContainsFunc(p.env, func(kv string) bool {
		set, _, _ := strings.Cut(kv, "=")
		return set == name || name != "GOMAXPROCS" && (set == "GOGC" || set == "GOMEMLIMIT")
	})
}

// killed is how the go command and gcc say that the system has killed a compiler or a
// linker, of which they tell no other way, and how these say that they got no memory
// (os.ProcessState.String; runtime, malloc.go and mem_windows.go; gcc.cc; collect-utils.cc).
// Windows says it of its paging file, which memory is promised from (ERROR_COMMITMENT_LIMIT).
var killed = regexp.MustCompile(`(?m)signal: killed$|: out of memory|cannot allocate memory|Killed signal terminated|terminated with signal 9|paging file is too small`)

// ShortOfMemory reports whether a compilation failed because the system had no more
// memory for it.
func ShortOfMemory(err error) bool {
	var failed *process.CommandError
	return errors.As(err, &failed) && (killed.MatchString(failed.Output) || killed.MatchString(failed.Err.Error()))
}

// withoutC adds to the failure of a build without cgo the package that cannot do without.
func (p *Plan) withoutC(ctx context.Context, b Build, failure error) error {
	var failed *process.CommandError
	if b.CC != nil || !errors.As(failure, &failed) {
		return failure
	}
	with := *p
	with.cgo = true
	packages, err := with.cgoPackages(ctx, b.Target, b.Mains)
	if err != nil {
		return errors.Join(failure, err)
	}
	for _, n := range packages {
		if strings.Contains(failed.Output, n.ImportPath) || strings.Contains(failed.Output, "undefined: "+n.Name+".") {
			return &problem.Problem{
				Err:    fmt.Errorf("%w\n%s uses cgo, and cgo is off", failure, n.ImportPath),
				Remedy: remedy(n.ImportPath, false),
			}
		}
	}
	return failure
}

// A linker says of a static program that calls one of these functions of glibc:
// "Using 'getaddrinfo' in statically linked applications requires at runtime the shared
// libraries from the glibc version used for linking" (link_warning in glibc's nss and
// dlfcn). The go command prints it below the name of the package.
var glibcWarning = regexp.MustCompile(`(?m)^# (\S+)$|Using '([^']+)' in statically linked applications requires at runtime the shared libraries`)

// glibcLoads takes those functions out of the output of go build, for each main package.
func glibcLoads(output string) map[string][]string {
	loads := map[string][]string{}
	pkg := ""
	for _, m := range glibcWarning.FindAllStringSubmatch(output, -1) {
		if m[1] != "" {
			pkg = m[1]
		} else if !slices.Contains(loads[pkg], m[2]) {
			loads[pkg] = append(loads[pkg], m[2])
		}
	}
	return loads
}

// OutputName is the name that go build gives the program of m: wasm has no suffix there.
func OutputName(m Main, t target.Target) string {
	if t.Arch == "wasm" {
		return m.Name
	}
	return t.Exe(m.Name)
}

// findOutput finds what go build wrote for m.
func findOutput(out string, m Main, t target.Target) (Binary, error) {
	bin := Binary{Main: m, Target: t, Path: filepath.Join(out, t.Exe(m.Name))}
	if name := OutputName(m, t); name != t.Exe(m.Name) {
		if err := os.Rename(filepath.Join(out, name), bin.Path); err != nil {
			return bin, fmt.Errorf("finding what go build wrote: %w", err)
		}
	}
	fi, err := os.Stat(bin.Path)
	if err != nil {
		return bin, fmt.Errorf("finding what go build wrote: %w", err)
	}
	bin.Size = fi.Size()
	return bin, nil
}
