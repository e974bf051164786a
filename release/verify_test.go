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

// brokenProgram returns a file that begins like an executable and is none.
func brokenProgram() []byte {
	return append([]byte("\x7fELF"), make([]byte, 60)...)
}

// The token is for GitHub. A registry does not get it, even if it asks for credentials.
func TestVerifyImage(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())

	var requests atomic.Int64
	var private atomic.Bool
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
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

	// An image with one layer, which has one executable.
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	header := &tar.Header{
		Name: "bin/broken",
		Mode: 0o755,
		Size: int64(len(brokenProgram())),
	}
	if err := w.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(brokenProgram()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer.Bytes())), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, content)
	if err != nil {
		t.Fatal(err)
	}

	host := strings.TrimPrefix(server.URL, "http://")
	reference := host + "/owner/image:tag"
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	requests.Store(0)

	environ := append(os.Environ(), "GITHUB_TOKEN=secret", "GITHUB_ACTIONS=", "INPUT_TOKEN=secret")
	status, out, log := runVerify(t, environ, reference)
	if status != exitFailed || requests.Load() == 0 {
		t.Errorf("status %d after %d requests:\n%s%s", status, requests.Load(), out, log)
	}
	for _, want := range []string{"NOT STATIC             " + reference + "!", "!bin/broken: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s%s", want, out, log)
		}
	}

	private.Store(true)
	status, _, log = runVerify(t, environ, reference)
	if status != exitFailed || !strings.Contains(log, "hint: docker login "+host+"\n") {
		t.Errorf("status %d: %s", status, log)
	}
}

// The name of a file cannot forge a line of the output, and is unchanged in the JSON.
func TestVerifyOddNames(t *testing.T) {
	const odd = "x\nstatic                 forged\x1b[2J"
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		odd:          brokenProgram(),
		odd + ".zip": []byte("PK"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Skipf("no such names here: %v", err)
		}
	}

	for _, path := range []string{dir, filepath.Join(dir, odd), filepath.Join(dir, odd+".zip")} {
		status, out, log := runVerify(t, laptopEnv(), path)
		if status != exitFailed {
			t.Errorf("%q: status %d", path, status)
		}
		text := "\n" + out + log
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\nstatic") {
			t.Errorf("%q: %s", path, text)
		}
	}

	_, out, _ := runVerify(t, laptopEnv(), "--json", dir, dir)
	var result struct {
		Schema      int
		Executables []inspect.Found
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if result.Schema != report.Schema || len(result.Executables) != 2 {
		t.Fatalf("schema %d, %d executables: %s", result.Schema, len(result.Executables), out)
	}
	if path := result.Executables[1].Path; path != filepath.Join(dir, odd) {
		t.Errorf("the path is %q: %s", path, out)
	}

	indented, err := json.MarshalIndent(json.RawMessage(out), "", "  ")
	if err != nil || string(indented)+"\n" != out {
		t.Errorf("not indented as JSON is, %v:\n%s", err, out)
	}
}

// A download has no name in the file system, so nothing is left of it if the process is
// killed.
func TestVerifyPublishedWithoutNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps the name of an open file")
	}
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK)

	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var requests atomic.Int64
	w.before = func(r *http.Request) {
		requests.Add(1)
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: there is %v, %v", r.URL, left, err)
		}
	}

	status, out, log := runVerify(t, w.strangerEnv(), "octo/hello@v1.2.3")
	if status != exitOK || requests.Load() < 4 {
		t.Errorf("status %d after %d requests: %s%s", status, requests.Load(), out, log)
	}
}

func TestReadList(t *testing.T) {
	list := bytes.Repeat([]byte("x"), maxList+1)

	got, err := readList(bytes.NewReader(list), 10)
	if err != nil || len(got) != 10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}

	if _, err := readList(bytes.NewReader(list), int64(len(list))); err == nil {
		t.Error("a list above the limit was read")
	}
}
