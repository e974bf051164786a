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

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// A Binary is one compiled main package.
type Binary struct {
	Main   Main
	Target target.Target
	Path   string // on disk, at first in the directory given to Compile
	Size   int64  // bytes

	// Loads are the functions of glibc in it that load libraries of that glibc when they
	// are called, according to the linker.
	Loads []string
}

// Exe is the binary's file name: "age.exe".
func (b Binary) Exe() string { return b.Target.Exe(b.Main.Name) }

// Commands returns the go build commands of b, writing to the directory out. They run in the
// directory of the module. There are several only if programs would be written over one
// another, because go build names each program after its package.
func (p *Plan) Commands(b Build, out string) (commands []process.Command) {
	for i, mains := range b.groups() {
		part := b
		part.Mains = mains
		commands = append(commands, p.command(part, filepath.Join(out, b.groupDir(i))))
	}
	return commands
}

// command returns the go build of b, writing to the directory out. One command builds all main
// packages: go loads the dependency graph once.
func (p *Plan) command(b Build, out string) process.Command {
	args := []string{
		"go", "build",
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
	args = append(args, b.ldflagsArgs()...)
	args = append(args, "-o", out+string(filepath.Separator))
	for _, m := range b.Mains {
		args = append(args, m.ImportPath)
	}

	return process.Command{Args: args, Env: b.env()}
}

// groups returns the main packages in groups that one go build can write to one directory: the
// names that it gives to the programs differ, also where case does not count.
func (b Build) groups() (groups [][]Main) {
	var names []map[string]bool // of each group, in lower case
	for _, m := range b.Mains {
		name := strings.ToLower(binaryName(m.ImportPath))
		i := slices.IndexFunc(names, func(taken map[string]bool) bool { return !taken[name] })
		if i < 0 {
			i = len(groups)
			groups = append(groups, nil)
			names = append(names, map[string]bool{})
		}
		groups[i] = append(groups[i], m)
		names[i][name] = true
	}
	return groups
}

// groupDir returns the directory for the programs of a group, relative to the one of the target.
// If programs have other names than go build gives them, it is a directory of its own: the
// final name of one program may be the first name of another one. No program has a name that
// begins with a dot.
func (b Build) groupDir(i int) string {
	isRenamed := slices.ContainsFunc(b.Mains, func(m Main) bool { return m.Name != binaryName(m.ImportPath) })
	if !isRenamed && len(b.groups()) == 1 {
		return ""
	}
	return fmt.Sprintf(".go-build-%d", i)
}

// A Compilation is the result of building one target.
type Compilation struct {
	Binaries []Binary
	Output   string        // of the go command: warnings, downloads
	Largest  int64         // bytes of memory, of its largest process; 0 where that is not known
	CPU      time.Duration // of all processors; 0 where that is not known
}

// Compile builds every main package of one target into the directory out, an absolute
// path that git must ignore if it lies in the checkout. out may hold what an earlier Compile
// of the target made: the go command leaves what is up to date by its build ID.
//
// share is the part of the machine to use; the ambient environment overrides it. On an error
// no binary is returned: go build writes the programs that do compile even when another one
// does not.
func Compile(
	ctx context.Context, ws *workspace.Workspace, p *Plan, b Build, out string, share limit.Share,
) (Compilation, error) {
	var c Compilation
	var stderr []byte
	dirs := map[string]string{out: "$OUT", ws.Dir: "."}
	for _, command := range p.Commands(b, out) {
		command.Env = append(command.Env, compileEnv(ws, p, b, out, share)...)

		_, text, used, err := ws.Measure(ctx, command)
		c.Largest = max(c.Largest, used.Largest)
		c.CPU += used.CPU
		if err != nil {
			return c, explainFailure(ctx, ws, p, b, newCompileError(err, dirs, p.Module))
		}
		stderr = append(stderr, text...)
	}

	loads := cc.GlibcLoads(string(stderr))
	bins := make([]Binary, len(b.Mains))
	for i, m := range b.Mains {
		bin, err := findOutput(out, m, b)
		if err != nil {
			return c, err
		}
		bins[i] = bin
		bins[i].Loads = loads[m.ImportPath]
	}

	c.Binaries = bins
	c.Output = shorten(strings.TrimSpace(string(stderr)), dirs)
	return c, nil
}

// compileEnv returns the part of the environment of go build that depends on the machine.
func compileEnv(ws *workspace.Workspace, p *Plan, b Build, out string, share limit.Share) (env []string) {
	// If the go command's temporary files were in the checkout, they would dirty the tree
	// that it is about to stamp. The caller removes out's parent. With cgo they must not be
	// in the module: what cgo writes would be taken for source of the module, and be named
	// so in the binary, by a path with random names in it.
	if b.CC == nil {
		env = append(env, "GOTMPDIR="+filepath.Dir(out))
	}

	env = append(env, fmt.Sprintf("GOFLAGS=-mod=%s -p=%d", p.Mod, share.Processes))
	for _, kv := range share.Env {
		name, _, _ := strings.Cut(kv, "=")
		if !ws.SetsRuntime(name) {
			env = append(env, kv)
		}
	}
	return env
}

// outOfMemory matches the messages about a compiler or linker that was killed by the system,
// or that got no memory. Sources: os.ProcessState.String; runtime, malloc.go and
// mem_windows.go; gcc.cc; collect-utils.cc. On Windows the paging file is too small
// (ERROR_COMMITMENT_LIMIT).
var outOfMemory = regexp.MustCompile(`(?m)signal: killed$|: out of memory|cannot allocate memory|` +
	`Killed signal terminated|terminated with signal 9|paging file is too small`)

// ShortOfMemory reports whether a compilation failed because the system had no more
// memory for it.
func ShortOfMemory(err error) bool {
	var failed *process.CommandError
	if !errors.As(err, &failed) {
		return false
	}
	return outOfMemory.MatchString(failed.Output) || outOfMemory.MatchString(failed.Err.Error())
}

// explainFailure says which packages cannot be loaded if a build failed because of them, and
// names the package that needs cgo if it failed because cgo is off.
func explainFailure(ctx context.Context, ws *workspace.Workspace, p *Plan, b Build, failure error) error {
	var failed *CompileError
	if !errors.As(failure, &failed) {
		return failure
	}
	if failed.isLoading() {
		if err := loadFailures(ctx, ws, p, b); err != nil {
			return err
		}
		failed.remedy = ws.RemedyFor(failed.command.Output)
	}
	if b.CC != nil {
		return failure
	}

	packages, err := cgoPackages(ctx, ws, b.Target, p.Tags, b.Mains)
	if err != nil {
		return failure // what the imports lack, the go command has said already
	}
	output := failed.command.Output
	for _, n := range packages {
		if strings.Contains(output, n.ImportPath) || strings.Contains(output, "undefined: "+n.Name+".") {
			return &problem.Problem{
				Err:    fmt.Errorf("%w\n%s uses cgo, and cgo is off", failure, n.ImportPath),
				Remedy: remedy(n.ImportPath, false),
			}
		}
	}
	return failure
}

// OutputPath returns where go build writes the program of m, relative to the directory of the
// target. It gives programs for wasm no suffix.
func (b Build) OutputPath(m Main) string {
	name := binaryName(m.ImportPath)
	if b.Target.Arch != "wasm" {
		name = b.Target.Exe(name)
	}

	isMember := func(mains []Main) bool { return slices.Contains(mains, m) }
	return filepath.Join(b.groupDir(slices.IndexFunc(b.groups(), isMember)), name)
}

// findOutput finds the program that go build wrote for m, and gives it its name.
func findOutput(out string, m Main, b Build) (Binary, error) {
	bin := Binary{
		Main:   m,
		Target: b.Target,
	}
	bin.Path = filepath.Join(out, bin.Exe())

	if written := b.OutputPath(m); written != bin.Exe() {
		err := os.Rename(filepath.Join(out, written), bin.Path)
		if err != nil {
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

// shorten replaces directories in a command's output, which makes the text of a mistake the
// same on every machine and in every run.
func shorten(output string, dirs map[string]string) string {
	for dir, short := range dirs {
		output = strings.ReplaceAll(output, dir+string(filepath.Separator), short+"/")
	}
	return strings.TrimSpace(output)
}
