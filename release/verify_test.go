package release

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/report"
)

// The token is GitHub's: no registry is to see it, whatever it asks for.
func TestVerifyImage(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var requests atomic.Int64
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	var private atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), "secret") || r.Header.Get("Authorization") != "" {
				t.Errorf("%s %s carries credentials: %v", r.Method, r.URL, r.Header)
			}
		}
		if private.Load() {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	defer server.Close()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	broken := append([]byte("\x7fELF"), make([]byte, 60)...)
	if err := w.WriteHeader(&tar.Header{Name: "bin/broken", Mode: 0o755, Size: int64(len(broken))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(broken); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, content)
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/owner/image:tag"
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	requests.Store(0)
	environ := append(os.Environ(), "GITHUB_TOKEN=secret", "GITHUB_ACTIONS=", "INPUT_TOKEN=secret")
	var out, log bytes.Buffer
	status := Main(t.Context(), []string{"verify", "--no-workflow", reference}, environ, &out, &log)
	if status != exitFellShort || requests.Load() == 0 || !strings.Contains(out.String(), "NOT STATIC             "+reference+"!") || !strings.Contains(out.String(), "!bin/broken: ") {
		t.Errorf("status %d after %d requests:\n%s%s", status, requests.Load(), &out, &log)
	}
	private.Store(true)
	log.Reset()
	status = Main(t.Context(), []string{"verify", "--no-workflow", reference}, environ, &out, &log)
	if status != exitFellShort || !strings.Contains(log.String(), "hint: docker login "+strings.TrimPrefix(server.URL, "http://")+"\n") {
		t.Errorf("status %d: %s", status, &log)
	}
}

// A name cannot make a line of its own, and is what it is for machines.
func TestVerifyOddNames(t *testing.T) {
	dir := t.TempDir()
	broken := append([]byte("\x7fELF"), make([]byte, 60)...)
	odd := "x\nstatic                 forged\x1b[2J"
	for name, data := range map[string][]byte{odd: broken, odd + ".zip": []byte("PK")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Skipf("no such names here: %v", err)
		}
	}
	environ := append(os.Environ(), "GITHUB_ACTIONS=")
	for _, path := range []string{dir, filepath.Join(dir, odd), filepath.Join(dir, odd+".zip")} {
		var out, log bytes.Buffer
		if status := Main(t.Context(), []string{"verify", "--no-workflow", path}, environ, &out, &log); status != exitFellShort {
			t.Errorf("%q: status %d", path, status)
		}
		if text := "\n" + out.String() + log.String(); strings.Contains(text, "\x1b") || strings.Contains(text, "\nstatic") {
			t.Errorf("%q: %s", path, text)
		}
	}
	var out, log bytes.Buffer
	Main(t.Context(), []string{"verify", "--no-workflow", "--json", dir, dir}, environ, &out, &log)
	var result struct {
		Schema      int
		Executables []inspect.Found
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Schema != report.Schema || len(result.Executables) != 2 || result.Executables[1].Path != filepath.Join(dir, odd) {
		t.Errorf("%v: %s", err, &out)
	}
	indented, err := json.MarshalIndent(json.RawMessage(out.Bytes()), "", "  ")
	if err != nil || string(indented)+"\n" != out.String() {
		t.Errorf("not indented as JSON is, %v:\n%s", err, &out)
	}
}

// Of what is downloaded nothing is left when the process is killed: it has no name.
func TestVerifyPublishedWithoutNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps the name of an open file")
	}
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), 0)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var requests atomic.Int64
	w.before = func(r *http.Request) {
		requests.Add(1)
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: there is %v, %v", r.URL, left, err)
		}
	}
	env := append(slices.Clone(w.env), "GITHUB_ACTIONS=false", "INPUT_TOKEN=", "INPUT_DIRECTORY=", "INPUT_DIST=", "INPUT_TARGETS=")
	var out bytes.Buffer
	if status := Main(t.Context(), []string{"verify", "--no-workflow", "octo/hello@v1.2.3"}, env, &out, &out); status != 0 || requests.Load() < 4 {
		t.Errorf("status %d after %d requests: %s", status, requests.Load(), &out)
	}
}

func TestReadList(t *testing.T) {
	list := bytes.Repeat([]byte("x"), maxList+1)
	if got, err := readList(bytes.NewReader(list), 10); err != nil || len(got) != 10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := readList(bytes.NewReader(list), int64(len(list))); err == nil {
		t.Error("no end of it")
	}
}
