// Package workspace opens a checkout of a Go module on this machine, and runs go and git in
// it. It knows what belongs to the machine: directories, and the environment of child
// processes. And it knows what belongs to the commit: its files, its tag, and the version that
// the go command stamps.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// Options say which module to open, and how.
type Options struct {
	Dir       string   // of the module; "": the one that Tag names, else the current directory
	Tag       string   // the tag to release, "" if not known
	TagPrefix string   // what tags begin with, "" if they begin with the directory of their module
	Dist      string   // the directory for the files of the release
	Generated []string // patterns of source files, relative to the module, that need not be in the commit
	Environ   []string // the ambient environment
	Secrets   []string // values that no child process may see
	Jobs      int      // how many go commands may run at a time
}

// A Workspace is a Go module in a repository that is checked out on this machine.
type Workspace struct {
	Root      string    // of the repository: absolute, without symbolic links
	Dir       string    // of the module, on disk
	Module    string    // the module's path
	Commit    string    // full hash of the commit that is checked out
	Time      time.Time // of the commit, UTC
	Toolchain string    // "go1.26.8"
	Mod       string    // value of -mod: "vendor" if the commit has a vendor directory, else "readonly"
	Work      string    // the go.work that the commit has, on disk; "" if there is none

	// Experiments and FIPS140 are GOEXPERIMENT and GOFIPS140, which a project may need and
	// which change the programs. They are "" if they are not set.
	Experiments string
	FIPS140     string

	Jobs      int            // how many go commands may run at a time
	Processes int            // the -p in the user's GOFLAGS, 0 if there is none
	SetAside  []Variable     // what would decide about the build beside the settings
	LocalDirs []string       // directories whose names must not be in a binary
	Withheld  []problem.Note // what children do not get, and may need to download modules; part of Notes
	Notes     []problem.Note // what is ignored in this checkout

	repo        repo
	env         []string // of every child process
	dist        string   // real path of the directory for the files, "" if it is not known
	modCache    string   // where the go command keeps modules
	download    goEnv    // how it downloads them
	workSumMade bool     // the go command has made go.work.sum: there was none before
	extras      extraCache
}

// Open finds the repository, the module and the toolchain. Its error is a problem.List.
func Open(ctx context.Context, opts Options) (*Workspace, error) {
	w := &Workspace{
		Jobs:      max(1, opts.Jobs),
		Processes: processesOf(opts.Environ),
	}
	child := newChildEnviron(opts.Environ, opts.Secrets)
	w.env = child.env
	w.SetAside = child.setAside
	if opts.Dist != "" {
		w.dist = futureDir(opts.Dist)
	}

	var ps problem.List
	ps.Keep("directory", w.locate(ctx, opts))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if len(ps) > 0 {
		return nil, ps
	}
	if !ps.Keep("directory", w.noteWithheld(ctx, child)) {
		return nil, ps
	}

	return w, nil
}

// locate finds the repository, the module and the toolchain.
func (w *Workspace) locate(ctx context.Context, opts Options) (err error) {
	dir := opts.Dir
	if dir == "" {
		dir = "."
	}
	w.Dir, err = door.RealDir(dir)
	if err != nil {
		return err
	}

	w.repo, w.env, err = openRepo(ctx, w.Dir, w.env)
	if err != nil {
		return err
	}
	w.Root = w.repo.top
	w.Commit, w.Time, err = w.repo.head(ctx)
	if err != nil {
		return err
	}

	if opts.Dir == "" {
		err := w.chooseModule(opts.TagPrefix, opts.Tag)
		if err != nil {
			return err
		}
	}

	if opts.Tag == "" && opts.Dir == "" && !w.inModule() {
		if err := w.chooseTagged(ctx); err != nil {
			return err
		}
	}

	env, err := w.goEnv(ctx)
	if err != nil {
		return err
	}
	w.Toolchain = env.version
	w.Experiments = env.experiments
	w.FIPS140 = env.fips140
	w.noteExperiments()
	w.addSaved(env.saved)
	w.download = env
	w.modCache = env.modCache
	w.LocalDirs = []string{env.root, env.modCache, env.buildCache, w.Root}

	moduleDir := filepath.Dir(env.gomod)
	if opts.Dir != "" && isFile(env.gomod) && moduleDir != w.Dir {
		return &problem.Problem{
			Setting: "directory",
			Err:     fmt.Errorf("no go.mod in %s; the module around it is in %s", opts.Dir, moduleDir),
			Remedy:  w.setDirectory(moduleDir),
		}
	}

	if err := w.readModule(ctx, env.gomod); err != nil {
		return err
	}
	if err := w.hideTags(ctx, opts.Tag); err != nil {
		return err
	}
	return w.setDependencies(ctx, env.gowork, opts.Generated)
}

// inModule reports whether a go.mod of the repository is in w.Dir or above it.
func (w *Workspace) inModule() bool {
	for dir := w.Dir; door.Within(w.Root, dir); dir = filepath.Dir(dir) {
		if isFile(filepath.Join(dir, "go.mod")) {
			return true
		}
	}
	return false
}

// A goEnv is what go env says.
type goEnv struct {
	version     string // "go1.26.8"
	experiments string // as they are set, "" if none are
	fips140     string // "" for off
	gomod       string // os.DevNull if there is none
	gowork      string // "" or "off" if there is none
	root        string
	saved       string // the file of go env -w, "off" if there is none
	proxy       string
	noProxy     string // patterns of modules that come from their repositories; GOPRIVATE by default
	auth        string // "" before Go 1.24
	modCache    string
	buildCache  string
}

// goVariables are the variables that goEnv asks for.
var goVariables = []string{
	"GOVERSION", "GOEXPERIMENT", "GOFIPS140", "GOMOD", "GOWORK", "GOROOT", "GOENV",
	"GOPROXY", "GONOPROXY", "GOAUTH", "GOMODCACHE", "GOCACHE",
}

// goEnv asks the go command about the module in w.Dir. This first call of go may download
// a toolchain, which must not happen in several calls at a time.
func (w *Workspace) goEnv(ctx context.Context) (env goEnv, err error) {
	out, err := w.RunGo(ctx, nil, append([]string{"env"}, goVariables...)...)
	if err != nil {
		return env, w.ExplainGo(err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) != len(goVariables) {
		return env, fmt.Errorf("reading the output of go env: %q", out)
	}

	env = goEnv{
		version:     ToolchainVersion(lines[0]),
		experiments: lines[1],
		gomod:       lines[3],
		gowork:      lines[4],
		root:        lines[5],
		saved:       lines[6],
		proxy:       lines[7],
		noProxy:     lines[8],
		auth:        lines[9],
		modCache:    lines[10],
		buildCache:  lines[11],
	}
	if fips140 := lines[2]; fips140 != "off" { // a go command before 1.24 says nothing
		env.fips140 = fips140
	}

	if env.buildCache == "" || env.buildCache == "off" {
		return env, &problem.Problem{
			Err: errors.New("go has no build cache: neither HOME nor GOCACHE says where"),
			Remedy: problem.There(
				problem.Advise("give the step GOCACHE: env: {GOCACHE: /tmp/go-build}"),
				problem.Run("export GOCACHE=/tmp/go-build"),
			),
		}
	}
	return env, nil
}

// ToolchainVersion returns the version of a toolchain in one word, "go1.26.8", from what the
// toolchain or the build info of a program says. It leaves out the experiments, for which
// the linker has written "go1.26.8 X:jsonv2" and, since Go 1.26, "go1.26.8-X:jsonv2"
// (cmd/link/internal/ld/main.go). A development version, such as "devel go1.24-1a2b3c4 Mon
// Jan 1" or "go1.27-devel_1a2b3c4 Mon Jan 1", is left with its commit but without its date.
func ToolchainVersion(text string) string {
	text = strings.TrimPrefix(text, "devel ")
	version, _, _ := strings.Cut(text, " ")
	version, _, _ = strings.Cut(version, "-X:")
	return version
}

// setDirectory is the remedy of naming a directory of the repository. The input of a workflow
// is relative to the repository, the flag to the current directory.
func (w *Workspace) setDirectory(dir string) problem.Remedy {
	workflow := w.InRoot(dir)
	elsewhere := dir
	current, err := door.RealDir(".")
	if err == nil && door.Within(w.Root, current) {
		rel, err := filepath.Rel(current, dir)
		if err == nil {
			elsewhere = filepath.ToSlash(rel)
		}
	}

	if workflow == elsewhere {
		return problem.Set("directory", workflow)
	}
	return problem.There(problem.Set("directory", workflow), problem.Set("directory", elsewhere))
}

// noteExperiments notes the variables that a project may need, and without which a build of
// the same commit gives other programs.
func (w *Workspace) noteExperiments() {
	var set []string
	if w.Experiments != "" {
		set = append(set, "GOEXPERIMENT="+w.Experiments)
	}
	if w.FIPS140 != "" {
		set = append(set, "GOFIPS140="+w.FIPS140)
	}
	if len(set) > 0 {
		w.note("the programs are built with %s; a build of this commit without it gives other programs",
			strings.Join(set, " "))
	}
}

// readModule reads the module's path from its go.mod and checks that the toolchain is
// new enough.
func (w *Workspace) readModule(ctx context.Context, gomod string) error {
	if !isFile(gomod) {
		return w.noModule(ctx, "")
	}

	dir := filepath.Dir(gomod)
	if !door.Within(w.Root, dir) {
		return w.noModule(ctx, gomod)
	}
	w.Dir = dir

	data, err := w.ReadText(gomod)
	if err != nil {
		return fmt.Errorf("reading go.mod: %w", err)
	}
	file, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return w.goError("errors parsing go.mod:\n"+err.Error(), err)
	}
	if file.Module == nil {
		return &problem.Problem{
			Setting: "directory",
			Err:     fmt.Errorf("%s has no module line", gomod),
			Remedy:  problem.Run("go mod edit -module example.com/name"),
		}
	}
	w.Module = file.Module.Mod.Path

	if file.Go != nil && version.Compare("go"+file.Go.Version, w.Toolchain) > 0 {
		return &problem.Problem{
			Err:    fmt.Errorf("module %s needs go%s, and this is %s", w.Module, file.Go.Version, w.Toolchain),
			Remedy: problem.There(setupGo, problem.Run("export GOTOOLCHAIN=auto")),
		}
	}
	return nil
}

// setDependencies decides where dependencies come from. A go.work or a vendor directory
// counts only if a fresh clone of the commit has it.
func (w *Workspace) setDependencies(ctx context.Context, gowork string, generated []string) error {
	modDir := w.Dir
	if gowork != "" && gowork != "off" {
		committed, err := w.repo.has(ctx, gowork)
		if err != nil {
			return err
		}

		rel, err := filepath.Rel(w.Root, gowork)
		inside := err == nil && filepath.IsLocal(rel)
		switch {
		case committed:
			w.Work = gowork
			w.workSumMade = !isFile(gowork + ".sum")
			modDir = filepath.Dir(gowork)
		case inside:
			w.note("%s is not part of the commit and is ignored (GOWORK=off)", filepath.ToSlash(rel))
		}
	}
	if w.Work == "" {
		w.env = append(w.env, "GOWORK=off")
	}

	w.Mod = "readonly"
	modules := filepath.Join(modDir, "vendor", "modules.txt")
	if isFile(modules) {
		committed, err := w.repo.has(ctx, modules)
		if err != nil {
			return err
		}

		if committed || w.IsGenerated(modules, generated) {
			w.Mod = "vendor"
		} else {
			w.note("vendor/ is not part of the commit and is ignored (-mod=readonly)")
		}
	}
	w.env = append(w.env, "GOFLAGS=-mod="+w.Mod)
	return nil
}

func (w *Workspace) note(format string, args ...any) {
	w.Notes = append(w.Notes, problem.Note{Text: fmt.Sprintf(format, args...)})
}

// Run runs a command in the module's directory and returns what it wrote to standard
// output and to standard error.
func (w *Workspace) Run(ctx context.Context, command process.Command) (stdout, stderr []byte, err error) {
	stdout, stderr, _, err = w.Measure(ctx, command)
	return stdout, stderr, err
}

// Measure is like Run, and also returns what the command used of the machine.
func (w *Workspace) Measure(
	ctx context.Context, command process.Command,
) (stdout, stderr []byte, used process.Usage, err error) {
	command.Dir = w.Dir
	return command.Measure(ctx, w.env)
}

// RunGo runs the go command in the module's directory and returns its standard output
// without the final newline. env is set on top of the environment.
func (w *Workspace) RunGo(ctx context.Context, env []string, args ...string) (string, error) {
	command := process.Command{
		Args: append([]string{"go"}, args...),
		Env:  env,
		Dir:  w.Dir,
	}
	return command.Output(ctx, w.env)
}

// RunGit runs git in the root of the repository and returns its standard output without the
// final newline.
func (w *Workspace) RunGit(ctx context.Context, args ...string) (string, error) {
	return w.repo.git(ctx, args...)
}

// Environ returns the environment of every child process.
func (w *Workspace) Environ() []string { return w.env }

// Changes returns the lines of git status, which the go command also asks before it stamps
// vcs.modified. It lists untracked files, but not ignored ones.
func (w *Workspace) Changes(ctx context.Context) ([]string, error) { return w.repo.changes(ctx) }

// ModuleDir returns the module's directory in the repository, with slashes, "." for its
// root.
func (w *Workspace) ModuleDir() string { return w.InRoot(w.Dir) }

// InRoot returns the name of a file relative to the root of the repository, with slashes.
func (w *Workspace) InRoot(file string) string {
	rel, err := filepath.Rel(w.Root, file)
	if err != nil { // another volume on Windows
		return file
	}
	return filepath.ToSlash(rel)
}

// maxText limits go.mod, go.work, go.sum and vendor/modules.txt, in bytes.
const maxText = 16 << 20

// ReadText reads a text file of the repository, given by its path on disk, of at most 16 MiB.
// It refuses files that a door.Door refuses.
func (w *Workspace) ReadText(file string) (_ []byte, err error) {
	d, err := door.Open(w.Root, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	return d.ReadFile(w.InRoot(file), maxText)
}

// CheckDist fails if the commit has files in the directory for the files of the release.
// That directory is emptied, and a later run trusts what an earlier one left in it.
func (w *Workspace) CheckDist(ctx context.Context) error {
	rel, err := filepath.Rel(w.Root, w.dist)
	if err != nil || w.dist == "" || !filepath.IsLocal(rel) || rel == "." {
		return nil // outside the repository, or all of it, which is refused elsewhere
	}

	out, err := w.repo.git(ctx, "ls-files", "-z", "--", ":(literal)"+filepath.ToSlash(rel))
	if err != nil {
		return fmt.Errorf("asking git for the files in %s: %w", rel, err)
	}
	if out == "" {
		return nil
	}

	first, _, _ := strings.Cut(out, "\x00")
	return &problem.Problem{
		Setting: "dist",
		Err:     fmt.Errorf("%s is part of the commit, and the directory for the files is emptied", first),
		Remedy:  problem.Set("dist", "dist-release"),
	}
}

// setupGo is the step of a workflow that installs Go.
var setupGo = problem.Step("- {uses: actions/setup-go@v7, with: {go-version: stable}}")

// futureDir returns the real path of a directory that may not exist yet, "" if its parent
// does not exist either. The code that creates the directory reports what is wrong.
func futureDir(dir string) string {
	real, err := door.RealDir(dir)
	if err == nil {
		return real
	}

	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}

	parent, err := door.RealDir(filepath.Dir(abs))
	if err != nil {
		return ""
	}
	return filepath.Join(parent, filepath.Base(abs))
}

// isFile reports whether path is a regular file.
func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}
