package actiontest

import (
	"crypto/sha256"
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

// A getter is one run of getScript: a shell, the tools it finds, a server, and a go command
// that says how it was called.
type getter struct {
	t       *testing.T
	shell   []string
	action  string   // the action's directory
	temp    string   // RUNNER_TEMP
	bin     string   // all that is on PATH
	proxied bool     // something was asked of another server
	env     []string // the last value of a name wins

	mu    sync.Mutex // held by a request
	asked []string   // paths
	serve http.HandlerFunc
}

// ServeHTTP is GitHub, and the proxy for all that goes to https.
func (g *getter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()

	if r.Method == http.MethodConnect {
		g.proxied = true
		http.Error(w, "nobody is to leave this machine", http.StatusForbidden)
		return
	}

	g.asked = append(g.asked, r.URL.Path)
	g.serve(w, r)
}

const (
	getFile    = "go-static-release_1.2.3_linux_amd64"
	getFetched = "#!/bin/sh\necho fetched\n"
	getBuilt   = "#!/bin/sh\necho built\n"
)

// getGo is a go command that builds getBuilt.
const getGo = `#!/bin/sh
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

func newGetter(t *testing.T, shell string) *getter {
	t.Helper()

	g := &getter{t: t, shell: strings.Fields(shell), temp: t.TempDir(), bin: t.TempDir(), action: filepath.Join(t.TempDir(), "act ion")}
	if _, err := exec.LookPath(g.shell[0]); err != nil {
		t.Skipf("THE FIRST STEP OF THE ACTION IS NOT TESTED WITH %s, which is not on PATH", shell)
	}

	g.serve = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, getFetched) }
	for _, tool := range []string{"cat", "chmod", "curl", "cut", "mktemp", "mv", "rm", "sed", "sha256sum", "shasum", "tr"} {
		g.tool(tool)
	}

	g.file(filepath.Join(g.bin, "go"), getGo, 0o755)
	script, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(getScript)))
	if err != nil {
		t.Fatal(err)
	}

	g.file(filepath.Join(g.action, filepath.FromSlash(getScript)), string(script), 0o755)
	g.release(getFetched)

	return g
}

// tool puts a command on PATH: the shell's own, if it has commands in it.
func (g *getter) tool(name string) {
	g.t.Helper()

	path, err := exec.LookPath(name)
	if g.shell[0] == "busybox" && name != "curl" && name != "shasum" {
		path, err = exec.LookPath("busybox")
	}
	if err != nil {
		return // macOS has one of sha256sum and shasum
	}
	if err := os.Symlink(path, filepath.Join(g.bin, name)); err != nil {
		g.t.Fatal(err)
	}
}

// without takes commands off PATH.
func (g *getter) without(tools ...string) {
	g.t.Helper()

	if g.shell[0] == "busybox" && !slices.Contains([]string{"curl", "go"}, tools[0]) {
		g.t.Skip("busybox has it in itself")
	}

	for _, tool := range tools {
		if err := os.Remove(filepath.Join(g.bin, tool)); err != nil && !os.IsNotExist(err) {
			g.t.Fatal(err)
		}
	}
}

func (g *getter) file(path, content string, mode fs.FileMode) {
	g.t.Helper()

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		g.t.Fatal(err)
	}
}

// release makes the action one whose program has this content.
func (g *getter) release(content string) {
	g.t.Helper()
	other := strings.Repeat("0", 64)
	g.file(filepath.Join(g.action, "VERSION"), "1.2.3\n", 0o644)
	g.file(filepath.Join(g.action, "SHA256SUMS"), fmt.Sprintf("%s  go-static-release_1.2.3_darwin_amd64\n%x  %s\n%s  %s.exe\n",
		other, sha256.Sum256([]byte(content)), getFile, other, getFile), 0o644)
}

// run runs the step and returns what it said, with how the go command was called.
func (g *getter) run(status int) (said, called string) {
	g.t.Helper()

	log := filepath.Join(g.t.TempDir(), "called")
	server := httptest.NewServer(g)
	cmd := exec.Command(g.shell[0], append(g.shell[1:], filepath.Join(g.action, filepath.FromSlash(getScript)))...)
	cmd.Env = append([]string{
		"PATH=" + g.bin, "RUNNER_TEMP=" + g.temp, "GITHUB_ACTION_PATH=" + g.action, "GITHUB_SERVER_URL=" + server.URL,
		"RUNNER_OS=Linux", "RUNNER_ARCH=X64", "https_proxy=" + server.URL, "GO_CALLED=" + log,
		"GOOS=js", "GOARCH=wasm", "GOFLAGS=-mod=vendor", "GOTOOLCHAIN=local", "GO111MODULE=off", "GOAMD64=v4", "GOEXPERIMENT=none", "GOFIPS140=latest", "CC=none",
	}, g.env...)

	out, err := cmd.CombinedOutput()
	server.Close() // waits for the last request
	if got := cmd.ProcessState.ExitCode(); got != status {
		g.t.Fatalf("exit status %d (%v), expected %d:\n%s", got, err, status, out)
	}

	data, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(g.temp, "go-static-release.??????")); err != nil || len(left) > 0 {
		g.t.Errorf("left: %q, %v", left, err)
	}

	return string(out), string(data)
}

// fetched runs the step, which must leave the fetched program, and no compiler run.
func (g *getter) fetched() (said string) {
	g.t.Helper()

	said, called := g.run(0)
	g.t.Log(said)
	g.has(getFetched)
	if called != "" || strings.Contains(said, "::") {
		g.t.Errorf("go was called, or a warning given: %q\n%s", called, said)
	}

	return said
}

// built runs the step, which must build the program from source, and say so if there
// is a program that could not be had.
func (g *getter) built(warnings ...string) {
	g.t.Helper()

	said, called := g.run(0)
	g.has(getBuilt)
	if want := "go build -trimpath -buildvcs=false -ldflags -s -w"; !strings.HasPrefix(called, want) || !strings.Contains(called, "\nsaved settings: off;    ; modules from hostofGOPROXY\n") || !strings.Contains(called, "\non -mod=readonly off auto 0 hostofGOHOSTOS hostofGOHOSTARCH in "+g.action) {
		g.t.Errorf("go was called so: %s", called)
	}

	for _, w := range warnings {
		if !strings.Contains(said, "::warning title=go-static-release::"+w) {
			g.t.Errorf("no warning %q:\n%s", w, said)
		}
	}

	if n := strings.Count(said, "::warning"); n != len(warnings) {
		g.t.Errorf("%d warnings, expected %d:\n%s", n, len(warnings), said)
	}
}

func (g *getter) has(content string) {
	g.t.Helper()

	path := filepath.Join(g.temp, "go-static-release.exe")
	data, err := os.ReadFile(path)
	if err != nil || string(data) != content {
		g.t.Fatalf("the program is %q, %v, expected %q", data, err, content)
	}
	if fi, err := os.Stat(path); content == getFetched && (err != nil || fi.Mode().Perm() != 0o755) {
		g.t.Errorf("the program has the mode %v, %v", fi.Mode(), err)
	}
}
