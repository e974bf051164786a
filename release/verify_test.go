package release

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// The token is GitHub's: no registry is to see it, whatever it asks for.
func TestVerifyImage(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	requests := 0
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	private := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), "secret") || r.Header.Get("Authorization") != "" {
				t.Errorf("%s %s carries credentials: %v", r.Method, r.URL, r.Header)
			}
		}
		if private {
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
	content, err := tarball.LayerFromReader(&layer)
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
	requests = 0
	environ := append(os.Environ(), "GITHUB_TOKEN=secret", "GITHUB_ACTIONS=", "INPUT_TOKEN=secret")
	var out, log bytes.Buffer
	status := Main(t.Context(), []string{"verify", "--no-workflow", reference}, environ, &out, &log)
	if status != exitFellShort || requests == 0 || !strings.Contains(out.String(), "NOT STATIC             "+reference+"!") || !strings.Contains(out.String(), "!bin/broken: ") {
		t.Errorf("status %d after %d requests:\n%s%s", status, requests, &out, &log)
	}
	private = true
	log.Reset()
	status = Main(t.Context(), []string{"verify", "--no-workflow", reference}, environ, &out, &log)
	if status != exitFellShort || !strings.Contains(log.String(), "hint: docker login "+strings.TrimPrefix(server.URL, "http://")+"\n") {
		t.Errorf("status %d: %s", status, &log)
	}
}
