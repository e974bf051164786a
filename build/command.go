package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Command is a command as data: what will be run, before it is run.
type Command struct {
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"` // set on top of the ambient environment; the last value of a name wins
	Dir  string   `json:"-"`
}

// A CommandError is a command that failed. Its text is what the command printed,
// which says more than its exit status (the rule of cmd/go, work/shell.go reportCmd).
type CommandError struct {
	Args   []string
	Output string // standard error and output, temporary paths shortened
	Err    error
}

func (e *CommandError) Error() string {
	if e.Output != "" {
		return e.Output
	}
	return fmt.Sprintf("running %s: %v", strings.Join(e.Args[:min(2, len(e.Args))], " "), e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// maxMessages is how much of what a command says on standard error is kept, in bytes, from
// the end.
const maxMessages = 4 << 20

// interruptGrace is how long an interrupted child may take to clean up before it is killed.
const interruptGrace = 5 * time.Second

// run runs c with the ambient environment env and returns what it wrote to
// standard output and to standard error. On cancellation the whole process group
// is interrupted first and killed when the grace period is over.
func (c Command) run(ctx context.Context, env []string) (stdout, stderr []byte, err error) {
	stdout, stderr, _, err = c.measure(ctx, env)
	return stdout, stderr, err
}

// A usage is what a command and its children took of the machine; nothing on Windows,
// where a process does not know that of its children.
type usage struct {
	largest int64         // bytes of memory of the largest process
	cpu     time.Duration // of all processors
}

// measure is run, and returns what it took as well.
func (c Command) measure(ctx context.Context, env []string) (stdout, stderr []byte, used usage, err error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clip(env), c.Env...)
	var out bytes.Buffer
	errs := tail{keep: maxMessages}
	cmd.Stdout, cmd.Stderr = &out, &errs
	setProcessGroup(cmd)
	cmd.Cancel = func() error { return interruptGroup(cmd.Process) }
	cmd.WaitDelay = interruptGrace
	err = cmd.Run()
	if ctx.Err() != nil {
		killGroup(cmd.Process) // whatever of the group outlived its leader
		return nil, nil, used, context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil, used, fmt.Errorf("running %s: %w", c.Args[0], err)
	}
	if state := cmd.ProcessState; state != nil {
		used = usageOf(state)
	}
	if err != nil {
		output := strings.TrimSpace(errs.String() + "\n" + out.String())
		return nil, nil, used, &CommandError{Args: c.Args, Output: output, Err: err}
	}
	return out.Bytes(), []byte(errs.String()), used, nil
}

// A tail keeps the end of what is written to it.
type tail struct {
	keep int // bytes
	b    bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p[max(0, len(p)-t.keep):])
	t.b.Next(max(0, t.b.Len()-t.keep))
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }

// output runs c and returns its standard output without the final newline.
func (c Command) output(ctx context.Context, env []string) (string, error) {
	out, _, err := c.run(ctx, env)
	return strings.TrimRight(string(out), "\r\n"), err
}

// Variables of ours that no child may see, whatever their value.
var secretVars = []string{
	"GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN",
	"ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
}

// Variables that would change what is built, or what git is asked, behind our back.
var ambientVars = []string{
	"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM", // the target sets them
	"CGO_ENABLED",                                                                                      // the plan decides
	"CC", "CXX", "FC", "AR", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS", // so with these; -trimpath keeps them out of the binary, so nobody would know
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", // gcc(1), ENVIRONMENT
	"GO_EXTLINK_ENABLED",                         // would force the external linker on a build without cgo
	"GOFLAGS",                                    // -buildvcs=false, -mod=mod, -toolexec: the plan's command line says all there is, but for -p (processesOf)
	"GO111MODULE",                                // off would hide the module
	"GOBIN",                                      // of no use to a cross build, and go refuses some uses of it
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", // set inside git hooks; they name another repository
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", // git(1): ours would mean something else
	"PWD", // names our directory, not the child's
}

// childEnv returns the part of the ambient environment that children get: without
// the settings that would leak into the build, without the inputs of the action,
// and without any variable that holds one of the secrets.
//
// GOEXPERIMENT, GOFIPS140 and GODEBUG stay: a project may need them, and the
// binary records them. So do proxy and cache settings.
func childEnv(ambient, secrets []string) []string {
	keep := make([]string, 0, len(ambient))
	for _, kv := range ambient {
		name, value, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name) // Windows names are case-insensitive
		switch {
		case strings.HasPrefix(name, "INPUT_"),
			slices.Contains(secretVars, name),
			slices.Contains(ambientVars, name),
			slices.ContainsFunc(secrets, func(s string) bool { return holds(value, s) }):
			continue
		}
		keep = append(keep, kv)
	}
	// `go env -w` saves settings in a file that an empty variable does not
	// override; a value that says nothing new does.
	return append(keep, "GOFLAGS=-mod=readonly", "GO111MODULE=on", "CGO_ENABLED=0")
}

// processFlag is the only flag of GOFLAGS that changes nothing of what is built.
var processFlag = regexp.MustCompile(`^--?p=([1-9][0-9]{0,5})$`)

// processesOf is the -p in GOFLAGS of an environment, 0 if there is none.
func processesOf(environ []string) (n int) {
	for _, kv := range environ {
		if flags, ok := strings.CutPrefix(kv, "GOFLAGS="); ok {
			n = 0 // the last value of a name wins
			for _, flag := range strings.Fields(flags) {
				if m := processFlag.FindStringSubmatch(flag); m != nil {
					n, _ = strconv.Atoi(m[1]) // digits only; the last one wins here, too
				}
			}
		}
	}
	return n
}

// holds reports whether a value has the secret in it. A word that is too short to be a
// token is one only by itself: it may be anywhere.
func holds(value, secret string) bool {
	if len(secret) < 8 {
		return secret != "" && value == secret
	}
	return strings.Contains(value, secret)
}

// shorten replaces directories in a command's output, so that the same mistake
// reads the same on every machine and every run.
func shorten(output string, dirs map[string]string) string {
	for dir, short := range dirs {
		output = strings.ReplaceAll(output, dir+string(filepath.Separator), short+"/")
	}
	return strings.TrimSpace(output)
}

// isFile reports whether path is a regular file.
func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}
