package actiontest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// getScript is the first step of the action, which gets the program.
const getScript = ".github/action/get"

const (
	getFile         = "go-static-release_1.2.3_linux_amd64"
	fetchedProgram  = "#!/bin/sh\necho fetched\n"
	compiledProgram = "#!/bin/sh\necho built\n"
)

// fakeGo is a go command that logs how it was called, and builds compiledProgram.
const fakeGo = `#!/bin/sh
if [ "$1" = env ]; then
  echo "host of $2" | tr -d ' '
  exit
fi
echo "go $*" >>"$GO_CALLED"
echo "saved settings: $GOENV; ${GOAMD64-} ${GOEXPERIMENT-} ${GOFIPS140-} ${CC-}; modules from $GOPROXY" >>"$GO_CALLED"
echo "$GO111MODULE $GOFLAGS $GOWORK $GOTOOLCHAIN $CGO_ENABLED ${GOOS-} ${GOARCH-} in $PWD" >>"$GO_CALLED"
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then printf '#!/bin/sh\necho built\n' >"$2"; fi
  shift
done
exit "${GO_STATUS:-0}"
`

// A getter runs getScript in a shell, with the tools on its PATH, fakeGo and a server.
type getter struct {
	t       *testing.T
	shell   []string // command line of the shell
	action  string   // directory of the action
	program string   // where getScript leaves the program
	temp    string   // RUNNER_TEMP
	bin     string   // the only directory on PATH
	env     []string // added to the environment; the last value of a name wins

	mu      sync.Mutex // held during a request
	serve   http.HandlerFunc
	asked   []string // paths of the requests to the server
	proxied bool     // there was a request to another server
}

func newGetter(t *testing.T, shell string) *getter {
	t.Helper()

	temp := t.TempDir()
	g := &getter{
		t:       t,
		shell:   strings.Fields(shell),
		action:  filepath.Join(t.TempDir(), "act ion"),
		program: filepath.Join(temp, "go-static-release.exe"),
		temp:    temp,
		bin:     t.TempDir(),
		serve:   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, fetchedProgram) },
	}
	if _, err := exec.LookPath(g.shell[0]); err != nil {
		t.Skipf("THE FIRST STEP OF THE ACTION IS NOT TESTED WITH %s, which is not on PATH", shell)
	}

	for _, tool := range []string{
		"cat", "chmod", "curl", "cut", "mktemp", "mv", "rm", "sed", "sha256sum", "shasum", "tr",
	} {
		g.addTool(tool)
	}
	g.writeFile(filepath.Join(g.bin, "go"), fakeGo, 0o755)

	script, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(getScript)))
	if err != nil {
		t.Fatal(err)
	}
	g.writeFile(g.script(), string(script), 0o755)
	g.writeRelease()

	return g
}

// script returns the path of getScript in the action.
func (g *getter) script() string {
	return filepath.Join(g.action, filepath.FromSlash(getScript))
}

// ServeHTTP is GitHub, and the proxy for requests to all other servers, which it refuses.
func (g *getter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()

	if r.Method == http.MethodConnect {
		g.proxied = true
		http.Error(w, "no other servers in a test", http.StatusForbidden)
		return
	}

	g.asked = append(g.asked, r.URL.Path)
	g.serve(w, r)
}

// addTool puts a command on PATH. If busybox is the shell, it is busybox's command.
func (g *getter) addTool(name string) {
	g.t.Helper()

	command := name
	if g.shell[0] == "busybox" && name != "curl" && name != "shasum" {
		command = "busybox"
	}
	path, err := exec.LookPath(command)
	if err != nil {
		return // macOS has only one of sha256sum and shasum
	}
	if err := os.Symlink(path, filepath.Join(g.bin, name)); err != nil {
		g.t.Fatal(err)
	}
}

// hasTool reports whether a command is on PATH.
func (g *getter) hasTool(name string) bool {
	_, err := os.Stat(filepath.Join(g.bin, name))
	return err == nil
}

// removeTools takes commands off PATH. It skips the test if busybox is the shell and
// contains the first of them.
func (g *getter) removeTools(names ...string) {
	g.t.Helper()

	if g.shell[0] == "busybox" && names[0] != "curl" && names[0] != "go" {
		g.t.Skip("busybox contains it")
	}
	for _, name := range names {
		err := os.Remove(filepath.Join(g.bin, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			g.t.Fatal(err)
		}
	}
}

func (g *getter) writeFile(path, content string, mode fs.FileMode) {
	g.t.Helper()

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		g.t.Fatal(err)
	}
}

// readAction reads a file of the action.
func (g *getter) readAction(name string) string {
	g.t.Helper()

	data, err := os.ReadFile(filepath.Join(g.action, name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

// writeAction writes a file of the action.
func (g *getter) writeAction(name, content string) {
	g.t.Helper()
	g.writeFile(filepath.Join(g.action, name), content, 0o644)
}

// writeRelease makes the action a released commit, whose program is fetchedProgram.
func (g *getter) writeRelease() {
	g.t.Helper()

	other := strings.Repeat("0", 64)
	sums := other + "  go-static-release_1.2.3_darwin_amd64\n"
	sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(fetchedProgram)), getFile)
	sums += other + "  " + getFile + ".exe\n"
	g.writeAction("VERSION", "1.2.3\n")
	g.writeAction("SHA256SUMS", sums)
}

// A getRun is the result of one run of getScript.
type getRun struct {
	output string
	goLog  string // how the go command was called; "" if it was not
}

// run runs getScript, which must exit with status.
func (g *getter) run(status int) getRun {
	g.t.Helper()

	log := filepath.Join(g.t.TempDir(), "called")
	server := httptest.NewServer(g)
	cmd := exec.Command(g.shell[0], append(g.shell[1:], g.script())...)
	cmd.Env = append([]string{
		"PATH=" + g.bin,
		"RUNNER_TEMP=" + g.temp,
		"RUNNER_OS=Linux",
		"RUNNER_ARCH=X64",
		"GITHUB_ACTION_PATH=" + g.action,
		"GITHUB_SERVER_URL=" + server.URL,
		"https_proxy=" + server.URL,
		"GO_CALLED=" + log,

		// Settings of the user's job, which must not reach the build.
		"GOOS=js",
		"GOARCH=wasm",
		"GOFLAGS=-mod=vendor",
		"GOTOOLCHAIN=local",
		"GO111MODULE=off",
		"GOAMD64=v4",
		"GOEXPERIMENT=none",
		"GOFIPS140=latest",
		"CC=none",
	}, g.env...)
	out, err := cmd.CombinedOutput()
	server.Close() // waits for the last request

	if got := cmd.ProcessState.ExitCode(); got != status {
		g.t.Fatalf("exit status %d (%v), want %d:\n%s", got, err, status, out)
	}
	left, err := filepath.Glob(filepath.Join(g.temp, "go-static-release.??????"))
	if err != nil || len(left) > 0 {
		g.t.Errorf("temporary files are left: %q, %v", left, err)
	}

	goLog, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.t.Fatal(err)
	}
	return getRun{output: string(out), goLog: string(goLog)}
}

// wantFetched runs getScript, which must fetch the program without warnings and without
// calling a compiler.
func (g *getter) wantFetched() getRun {
	g.t.Helper()

	run := g.run(0)
	g.t.Log(run.output)
	g.checkProgram(fetchedProgram)
	if run.goLog != "" {
		g.t.Errorf("go was called: %s", run.goLog)
	}
	if strings.Contains(run.output, "::") {
		g.t.Errorf("there is a warning:\n%s", run.output)
	}

	fi, err := os.Stat(g.program)
	if err != nil {
		g.t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o755 {
		g.t.Errorf("the program has the mode %v", fi.Mode())
	}

	return run
}

// wantBuilt runs getScript, which must build the program from source, and print exactly
// these warnings.
func (g *getter) wantBuilt(warnings ...string) {
	g.t.Helper()

	run := g.run(0)
	g.checkProgram(compiledProgram)
	if !strings.HasPrefix(run.goLog, "go build -trimpath -buildvcs=false -ldflags -s -w") {
		g.t.Errorf("go was called so: %s", run.goLog)
	}
	for _, want := range []string{
		"\nsaved settings: off;    ; modules from hostofGOPROXY\n",
		"\non -mod=readonly off auto 0 hostofGOHOSTOS hostofGOHOSTARCH in " + g.action,
	} {
		if !strings.Contains(run.goLog, want) {
			g.t.Errorf("go was called without %q: %s", want, run.goLog)
		}
	}

	for _, warning := range warnings {
		if !strings.Contains(run.output, "::warning title=go-static-release::"+warning) {
			g.t.Errorf("no warning %q:\n%s", warning, run.output)
		}
	}
	if n := strings.Count(run.output, "::warning"); n != len(warnings) {
		g.t.Errorf("%d warnings, want %d:\n%s", n, len(warnings), run.output)
	}
}

// checkProgram checks the content of the program that getScript has left.
func (g *getter) checkProgram(want string) {
	g.t.Helper()

	data, err := os.ReadFile(g.program)
	if err != nil || string(data) != want {
		g.t.Fatalf("the program is %q, %v, want %q", data, err, want)
	}
}

// checkAsked checks the paths of the requests to the server.
func (g *getter) checkAsked(want ...string) {
	g.t.Helper()

	if !slices.Equal(g.asked, want) {
		g.t.Errorf("requests for %q, want %q", g.asked, want)
	}
}
