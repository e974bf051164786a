package release

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
)

// The ways of docs/private-modules.md, tried with a server that asks for a password. The
// token of the release is no part of them.

const modulesPassword = "m0dules-passw0rd"

// A moduleHost serves a private module, and a project that needs it.
type moduleHost struct {
	t       *testing.T
	address string // HOST:PORT
	env     []string
	home    string
	project string
	refused int // requests without the password
}

// newModuleHost starts a server that passes requests with the right password on to handler.
// The environment has a home directory of its own and trusts the server.
func newModuleHost(t *testing.T, handler http.Handler) *moduleHost {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the go command of other systems does not read SSL_CERT_FILE")
	}

	h := &moduleHost{t: t, home: t.TempDir()}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != modulesPassword {
			h.refused++
			w.Header().Set("WWW-Authenticate", `Basic realm="modules"`)
			http.Error(w, "no password", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	h.address = srv.Listener.Addr().String()

	certificate := filepath.Join(h.home, "server.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}
	writeFile(t, certificate, string(pem.EncodeToMemory(block)))

	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	h.env = append(gittest.Environ(),
		"HOME="+h.home,
		"GIT_CONFIG_GLOBAL="+filepath.Join(h.home, ".gitconfig"),
		"GIT_SSL_CAINFO="+certificate,
		"SSL_CERT_FILE="+certificate,
		"SSL_CERT_DIR="+t.TempDir(),
		"HTTPS_PROXY=",
		"https_proxy=",
		"GOCACHE="+strings.TrimSpace(string(goCache)),
		"GOENV=off",
		"GOFLAGS=",
		"GOTOOLCHAIN=local",
		"GOPATH="+newGoPath(t),
		"GOMODCACHE=",
		"GITHUB_TOKEN="+testToken,
		"GH_TOKEN="+testToken,
	)
	return h
}

// require makes the project, which needs the module. It downloads the module once, into
// another cache, to write go.sum.
func (h *moduleHost) require(module string) {
	h.t.Helper()
	h.project = gittest.NewRepository(h.t, map[string]string{
		"go.mod":  "module example.com/tool\n\ngo 1.24\n\nrequire " + module + " v1.0.0\n",
		"main.go": fmt.Sprintf("package main\n\nimport %q\n\nfunc main() { println(dep.Text) }\n", module),
	})
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir = h.project
	cmd.Env = append(h.env, "GOPATH="+newGoPath(h.t), "GOMODCACHE=")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	gittest.Run(h.t, h.project, "add", "--all")
	gittest.Run(h.t, h.project, "commit", "--quiet", "--message=second")
	gittest.Run(h.t, h.project, "tag", "v1.2.3")
}

// release does a dry run, in which the go command of this program downloads the module.
func (h *moduleHost) release() (status int, out string) {
	h.t.Helper()
	h.t.Chdir(h.project)
	var b bytes.Buffer
	args := []string{"--targets", "linux/amd64", "--dist", filepath.Join(h.t.TempDir(), "dist")}
	status = Main(h.t.Context(), args, h.env, &b, &b)
	return status, b.String()
}

// checkRelease fails unless a release with the module succeeds.
func (h *moduleHost) checkRelease() {
	h.t.Helper()
	status, out := h.release()
	if status != exitOK || !strings.Contains(out, "each proved") {
		h.t.Errorf("exit status %d:\n%s", status, out)
	}
	if strings.Contains(out, "withheld") || strings.Contains(out, "may fail") {
		h.t.Errorf("a note that is not needed:\n%s", out)
	}
}

// moduleProxy serves version v1.0.0 of a module (go.dev/ref/mod, "GOPROXY protocol").
func moduleProxy(t *testing.T, module string) http.Handler {
	t.Helper()
	files := map[string]string{
		"go.mod": "module " + module + "\n\ngo 1.24\n",
		"dep.go": "package dep\n\nconst Text = \"from a proxy\"\n",
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(module + "@v1.0.0/" + name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	answers := map[string]string{
		"/" + module + "/@v/list":        "v1.0.0\n",
		"/" + module + "/@v/v1.0.0.info": `{"Version":"v1.0.0"}`,
		"/" + module + "/@v/v1.0.0.mod":  files["go.mod"],
		"/" + module + "/@v/v1.0.0.zip":  b.String(),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, answer)
	})
}

// A module proxy with a password in ~/.netrc.
func TestPrivateProxy(t *testing.T) {
	const module = "private.example.com/dep"
	h := newModuleHost(t, moduleProxy(t, module))
	h.env = append(h.env, "GOPROXY=https://"+h.address, "GONOSUMDB=private.example.com")
	writeFile(t, filepath.Join(h.home, ".netrc"),
		fmt.Sprintf("machine %s login modules password %s\n", h.address, modulesPassword))

	h.require(module)
	h.checkRelease()
}

// A password in GOPROXY itself is passed on, unless it is the token of the release.
func TestPrivateProxyInVariable(t *testing.T) {
	const module = "private.example.com/dep"
	h := newModuleHost(t, moduleProxy(t, module))
	h.env = append(h.env,
		"GOPROXY=https://modules:"+modulesPassword+"@"+h.address,
		"GONOSUMDB=private.example.com",
	)
	h.require(module)
	h.checkRelease()

	h.env = append(h.env,
		"GITHUB_TOKEN="+modulesPassword,
		"GOPATH="+newGoPath(t),
		"GOMODCACHE=",
		"GONOPROXY=",
		"GOFLAGS=",

		// No way to the public proxy.
		"HTTP_PROXY=http://127.0.0.1:1",
		"HTTPS_PROXY=http://127.0.0.1:1",
	)
	status, out := h.release()
	const note = "no child process gets these variables, because they hold the token of the release: GOPROXY"
	if status == exitOK || !strings.Contains(out, note) || strings.Contains(out, modulesPassword) {
		t.Errorf("exit status %d:\n%s", status, out)
	}
}

// A git server: git's configuration adds the password to addresses, or a credential helper
// knows it.
func TestPrivateRepository(t *testing.T) {
	backend, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(strings.TrimSpace(string(backend)), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		t.Skip("git has no git-http-backend")
	}

	dep := gittest.NewRepository(t, map[string]string{
		"go.mod": "module private.example.com/group/dep.git\n\ngo 1.24\n",
		"dep.go": "package dep\n\nconst Text = \"from git\"\n",
	})
	gittest.Run(t, dep, "tag", "v1.0.0")
	root := t.TempDir()
	gittest.Run(t, dep, "clone", "--quiet", "--bare", dep, filepath.Join(root, "group", "dep.git"))

	handler := &cgi.Handler{
		Path: program,
		Env: append([]string{
			"GIT_PROJECT_ROOT=" + root,
			"GIT_HTTP_EXPORT_ALL=1",
			"REMOTE_USER=modules",
		}, gittest.Settings...),
	}
	for name, configure := range map[string]func(h *moduleHost){
		"insteadOf": func(h *moduleHost) {
			writeFile(t, filepath.Join(h.home, ".gitconfig"), fmt.Sprintf(
				"[url \"https://modules:%s@%s/\"]\n\tinsteadOf = https://private.example.com/\n", modulesPassword, h.address))
		},
		"a variable": func(h *moduleHost) {
			h.env = append(h.env,
				"GIT_CONFIG_COUNT=1",
				fmt.Sprintf("GIT_CONFIG_KEY_0=url.https://modules:%s@%s/.insteadOf", modulesPassword, h.address),
				"GIT_CONFIG_VALUE_0=https://private.example.com/",
			)
		},
		"a credential helper": func(h *moduleHost) {
			stored := filepath.Join(h.home, "credentials")
			writeFile(t, stored, fmt.Sprintf("https://modules:%s@%s\n", modulesPassword, h.address))
			writeFile(t, filepath.Join(h.home, ".gitconfig"), fmt.Sprintf(
				"[url \"https://%s/\"]\n\tinsteadOf = https://private.example.com/\n"+
					"[credential]\n\thelper = store --file %s\n", h.address, stored))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newModuleHost(t, handler)
			h.env = append(h.env, "GOPRIVATE=private.example.com", "GOPROXY=off", "GOVCS=*:git")
			configure(h)
			h.require("private.example.com/group/dep.git")
			h.checkRelease()
		})
	}
}
