package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	staticlayer "github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/go-static-release/build/problem"
)

// dynamic builds a real program for linux/arm64 that needs a library.
func dynamic(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	const text = `package main

import _ "unsafe"

//go:cgo_import_dynamic _ _ "libc.so.6"

func main() {}
`
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/p\n\ngo 1.24\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644))

	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", "p", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	data, err := os.ReadFile(filepath.Join(dir, "p"))
	check(t, err)
	return data
}

func layerOf(t *testing.T, members ...member) v1.Layer {
	t.Helper()
	data := tarOf(t, members, true)
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer),
	)
	check(t, err)
	return layer
}

func layerOfType(content, mediaType string) v1.Layer {
	return staticlayer.NewLayer([]byte(content), types.MediaType(mediaType))
}

// imageOf returns an image for linux on the given architecture.
func imageOf(t *testing.T, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	check(t, err)
	config, err := img.ConfigFile()
	check(t, err)

	config = config.DeepCopy()
	config.OS = "linux"
	config.Architecture = arch
	img, err = mutate.ConfigFile(img, config)
	check(t, err)
	return img
}

// indexOf returns an index of images for two platforms, which have a layer in common, and of an
// attestation without a program.
func indexOf(t *testing.T) v1.ImageIndex {
	t.Helper()
	p := program(t)
	base := layerOf(t, member{"etc/passwd", []byte("root\n")}, member{"bin/sh", broken})
	add := func(img v1.Image, p v1.Platform) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}}
	}
	statement := layerOfType(`{"_type": "https://in-toto.io/Statement/v0.1"}`, "application/vnd.in-toto+json")
	attestation := add(imageOf(t, "unknown", statement), v1.Platform{OS: "unknown", Architecture: "unknown"})
	attestation.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}

	amd64 := imageOf(t, "amd64",
		base,
		layerOf(t, member{"app/p", p}, member{"app/old", nil}),
		layerOf(t, member{"app/.wh.p", nil}), // deletes app/p
	)
	arm64 := imageOf(t, "arm64",
		base,
		layerOf(t, member{"app/p", dynamic(t)}),
	)

	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		add(amd64, v1.Platform{OS: "linux", Architecture: "amd64"}),
		add(arm64, v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}),
		attestation,
	)
}

// inIndex is what is found in indexOf, including a program that a later layer deletes.
var inIndex = []string{
	"NOT !linux/amd64!bin/sh",
	"static !linux/amd64!app/p",
	"NOT !linux/arm64/v8!bin/sh",
	"NOT !linux/arm64/v8!app/p",
}

func writeLayout(t *testing.T, dir string, index v1.ImageIndex) string {
	t.Helper()
	_, err := layout.Write(dir, index)
	check(t, err)
	return dir
}

// tarDir returns a tar archive of the files in a directory, in the order of names.
func tarDir(t *testing.T, dir string) []byte {
	t.Helper()
	var members []member
	check(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		members = append(members, member{
			"./" + filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator))),
			data,
		})
		return err
	}))

	return tarOf(t, members, true)
}

func TestLayout(t *testing.T) {
	top := t.TempDir()
	dir := writeLayout(t, filepath.Join(top, "image"), indexOf(t))
	if found, err := look(t, dir); err != nil || !slices.Equal(found, inIndex) {
		t.Errorf("%q, %v", found, err)
	}
	found, err := look(t, top)
	if err != nil || len(found) != len(inIndex) || found[1] != "static /image!linux/amd64!app/p" {
		t.Errorf("in a directory: %q, %v", found, err)
	}

	plain := tarDir(t, dir)
	for name, data := range map[string][]byte{
		"x.tar":    plain,
		"x.tar.gz": through(t, plain, gz),
		"x.oci":    through(t, plain, zst),
		"y.oci":    plain,
	} {
		path := filepath.Join(t.TempDir(), name)
		check(t, os.WriteFile(path, data, 0o644))
		if found, err := look(t, path); err != nil || !slices.Equal(found, inIndex) {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
}

// The platform of a single image is that in its configuration.
func TestSingleImageAndDockerArchive(t *testing.T) {
	p := program(t)
	img := imageOf(t, "riscv64", layerOf(t, member{"p", p}))
	want := []string{"static !linux/riscv64!p"}
	path, err := layout.Write(filepath.Join(t.TempDir(), "image"), empty.Index)
	check(t, err)
	check(t, path.AppendImage(img))
	if found, err := look(t, string(path)); err != nil || !slices.Equal(found, want) {
		t.Errorf("layout: %q, %v", found, err)
	}

	tag, err := name.NewTag("example.com/p:1")
	check(t, err)
	saved := filepath.Join(t.TempDir(), "saved.tar")
	check(t, tarball.WriteToFile(saved, tag, img))
	if found, err := look(t, saved); err != nil || !slices.Equal(found, want) {
		t.Errorf("docker archive: %q, %v", found, err)
	}

	// With another layer in the place of the right one.
	data, err := os.ReadFile(saved)
	check(t, err)
	files, _, err := tarFiles(bytes.NewReader(data), int64(len(data)))
	check(t, err)
	var members []member
	for name, file := range files {
		content, err := io.ReadAll(io.NewSectionReader(bytes.NewReader(data), file.off, file.size))
		check(t, err)
		if strings.HasSuffix(name, ".tar.gz") {
			content = through(t, tarOf(t, []member{{"q", p}}, true), gz)
		}
		members = append(members, member{name, content})
	}
	check(t, os.WriteFile(saved, tarOf(t, members, true), 0o644))
	if found, err := look(t, saved); !errors.Is(err, errBlob) {
		t.Errorf("docker archive with another layer: %q, %v", found, err)
	}

	// With a file of the same name in an archive of another kind.
	other := tarOf(t, []member{{"manifest.json", []byte(`{"manifest_version": 3}`)}, {"p", p}}, true)
	check(t, os.WriteFile(saved, other, 0o644))
	if found, err := look(t, saved); err != nil || !slices.Equal(found, []string{"static !p"}) {
		t.Errorf("a browser extension: %q, %v", found, err)
	}
}

// A damaged layout is an error that says what is wrong, in a directory and in an archive.
func TestDamagedLayout(t *testing.T) {
	layer := layerOf(t, member{"text", bytes.Repeat([]byte("text "), 3000)}, member{"p", broken})
	index := mutate.AppendManifests(
		mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: imageOf(t, "amd64", layer)},
	)
	outside := filepath.Join(t.TempDir(), "secret")
	check(t, os.WriteFile(outside, []byte("secret"), 0o600))

	type damage func(t *testing.T, dir, layer string)
	replace := func(file, with string) damage {
		return func(t *testing.T, dir, _ string) {
			check(t, os.WriteFile(filepath.Join(dir, file), []byte(with), 0o644))
		}
	}
	listing := func(digest string, size int) damage {
		quoted, err := json.Marshal(digest)
		check(t, err)
		manifest := fmt.Sprintf(`{"mediaType": %q, "digest": %s, "size": %d}`, types.OCIManifestSchema1, quoted, size)
		return replace("index.json", `{"manifests": [`+manifest+`]}`)
	}
	change := func(f func([]byte) []byte) damage {
		return func(t *testing.T, _, layer string) {
			data, err := os.ReadFile(layer)
			check(t, err)
			check(t, os.WriteFile(layer, f(data), 0o644))
		}
	}

	for name, test := range map[string]struct {
		damage damage
		want   string
	}{
		"a bit": {
			change(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
			"content does not match its digest or size",
		},
		"the last bit": {
			change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
			"content does not match its digest or size: its digest is sha256:",
		},
		"longer":  {change(func(b []byte) []byte { return append(b, 0) }), "bytes too long"},
		"shorter": {change(func(b []byte) []byte { return b[:len(b)-1] }), "bytes too short"},
		"missing": {func(t *testing.T, _, layer string) { check(t, os.Remove(layer)) }, "blobs/sha256/"},
		"a directory": {
			func(t *testing.T, _, layer string) {
				check(t, os.Remove(layer))
				check(t, os.Mkdir(layer, 0o755))
			},
			"blobs/sha256/",
		},
		"a traversal":    {listing("sha256:../../../"+filepath.Base(outside), 6), "is not a SHA-256 digest"},
		"another digest": {listing("sha512:"+strings.Repeat("0", 128), 6), "is not a SHA-256 digest"},
		"upper case":     {listing("sha256:"+strings.Repeat("A", 64), 6), "is not a SHA-256 digest"},
		"escapes":        {listing("\x1b[2J", 6), `"\x1b[2J"`},
		"large": {
			listing("sha256:"+strings.Repeat("0", 64), maxDocument+1),
			"manifest of 4194305 bytes is too large",
		},
		"negative": {listing("sha256:"+strings.Repeat("0", 64), -1), "too large to inspect"},
		"no index": {
			func(t *testing.T, dir, _ string) { check(t, os.Remove(filepath.Join(dir, "index.json"))) },
			"reading index.json",
		},
		"no JSON": {replace("index.json", "{"), "reading index.json"},
		"null":    {replace("index.json", "null"), "neither an index nor a manifest"},
		"ambiguous": {
			replace("index.json", `{"manifests": [], "layers": []}`),
			"both an index and a manifest",
		},
		"two lists": {
			replace("index.json", `{"manifests": [{}], "Manifests": []}`),
			`duplicate field "manifests"`,
		},
		"two digests": {
			replace(
				"index.json",
				`{"manifests": [{"digest": "x", "size": 1, "digeſt": "y"}, {"digest": "x", "DIGEST": "x"}]}`,
			),
			`duplicate field "digest"`,
		},
		"huge index": {replace("index.json", strings.Repeat(" ", maxDocument+1)), "too large to inspect"},
		"version":    {replace("oci-layout", `{"imageLayoutVersion": "2"}`), `unknown version "2"`},
	} {
		dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)
		test.damage(t, dir, largest(t, dir))

		if found, err := look(t, dir); !says(err, test.want) || !says(err, "inspecting "+dir) {
			t.Errorf("%s: %q, %v", name, found, err)
		}

		path := filepath.Join(t.TempDir(), "x.tar")
		check(t, os.WriteFile(path, tarDir(t, dir), 0o644))
		found, err := look(t, path)
		if !says(err, test.want) && !says(err, "file does not exist") {
			t.Errorf("%s, in an archive: %q, %v", name, found, err)
		}
	}
}

// largest returns the path of the largest blob of a layout.
func largest(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	check(t, err)

	var path string
	var size int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > size {
			path = filepath.Join(dir, "blobs", "sha256", e.Name())
			size = info.Size()
		}
	}
	return path
}

// A link out of a layout is not followed, even if its target has the right content.
func TestLayoutLinksOut(t *testing.T) {
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: imageOf(t, "amd64", layerOf(t, member{"p", broken})),
	})
	dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)

	blob := largest(t, dir)
	moved := filepath.Join(t.TempDir(), "moved")
	check(t, os.Rename(blob, moved))
	if err := os.Symlink(moved, blob); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if found, err := look(t, dir); !says(err, "escapes") {
		t.Errorf("%q, %v", found, err)
	}
}

// The depth of indexes inside indexes is limited. Copies of an index are inspected once.
func TestNestedIndexes(t *testing.T) {
	var index v1.ImageIndex = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: imageOf(t, "amd64", layerOf(t, member{"p", broken})),
	})
	for depth := range maxDepth + 2 {
		dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)
		found, err := look(t, dir)
		isRight := err == nil && len(found) == 1
		if depth >= maxDepth {
			isRight = err != nil
		}
		if !isRight {
			t.Errorf("depth %d: %q, %v", depth, found, err)
		}

		copies := make([]mutate.IndexAddendum, 2)
		for i := range copies {
			copies[i].Add = index
		}
		index = mutate.AppendManifests(empty.Index, copies...)
	}
}

// pull is like look, for an image in a registry.
func pull(t *testing.T, reference string) (found []string, err error) {
	t.Helper()
	err = Image(t.Context(), reference, "test", func(f Found) error {
		word := f.Verdict.Claim
		if !f.Verdict.OK {
			word = "NOT"
		}
		found = append(found, word+" "+strings.TrimPrefix(f.Path, reference))
		return nil
	})

	return found, err
}

func TestRegistry(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("GITHUB_TOKEN", "secret")
	var tamper func(path string, body []byte) []byte
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("credentials for %s", r.URL)
		}
		if r.Method != http.MethodGet || tamper == nil {
			handler.ServeHTTP(w, r)
			return
		}

		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		for key, values := range rec.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(tamper(r.URL.Path, rec.Body.Bytes()))
	}))
	defer server.Close()

	host := strings.TrimPrefix(server.URL, "http://")
	index := indexOf(t)
	ref, err := name.ParseReference(host + "/owner/image:tag")
	check(t, err)
	check(t, remote.WriteIndex(ref, index))
	digest, err := index.Digest()
	check(t, err)

	for _, reference := range []string{host + "/owner/image:tag", host + "/owner/image@" + digest.String()} {
		if found, err := pull(t, reference); err != nil || !slices.Equal(found, inIndex) {
			t.Errorf("%s: %q, %v", reference, found, err)
		}
	}

	if found, err := pull(t, host+"/owner/nowhere"); err == nil || len(found) > 0 {
		t.Errorf("%q, %v", found, err)
	}

	tamper = func(path string, body []byte) []byte {
		if strings.Contains(path, "/blobs/") && len(body) > 10000 {
			body[len(body)-1] ^= 1
		}
		return body
	}
	if found, err := pull(t, host+"/owner/image:tag"); !says(err, "sha256") {
		t.Errorf("another layer: %q, %v", found, err)
	}

	tamper = func(path string, body []byte) []byte {
		if strings.Contains(path, "/manifests/sha256:") {
			var doc map[string]json.RawMessage
			check(t, json.Unmarshal(body, &doc))
			doc["layers"] = json.RawMessage("[]")
			body, _ = json.Marshal(doc)
		}
		return body
	}
	if found, err := pull(t, host+"/owner/image:tag"); err == nil {
		t.Errorf("another manifest: %q, %v", found, err)
	}
}

// A registry that requires a login gets only the credentials that are meant for it.
func TestRegistryLogin(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		if user, password, _ := r.BasicAuth(); user != "me" || password != "mine" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		registry.New(registry.Logger(log.New(io.Discard, "", 0))).ServeHTTP(w, r)
	}))
	defer server.Close()

	host := strings.TrimPrefix(server.URL, "http://")
	_, err := pull(t, host+"/p")
	if advice := problem.RemedyOf(err); advice.Text != "docker login "+host {
		t.Errorf("%v", err)
	}

	config := fmt.Sprintf(`{"auths": {%q: {"username": "me", "password": "mine"}}}`, host)
	check(t, os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600))
	_, err = pull(t, host+"/p")
	if err == nil || problem.RemedyOf(err).Kind != "" && strings.Contains(err.Error(), "401") {
		t.Errorf("with the user's own credentials: %v", err)
	}
}

func TestIsReference(t *testing.T) {
	for s, want := range map[string]bool{
		"ghcr.io/owner/image:tag":    true,
		"localhost/x":                true,
		"localhost:5000/x@sha256:ab": true,
		"registry:5000/x":            true,
		"example.com/x":              true,
		"127.0.0.1:80/x":             true,
		"owner/repo@v1":              false,
		"owner/repo:tag":             false,
		"./x":                        false,
		"../x":                       false,
		".github/x":                  false,
		"file.txt":                   false,
		"C:/x":                       false,
		`C:\x/y`:                     false,
		"/usr/x":                     false,
		"":                           false,
		"a.b/":                       false,
		"dist":                       false,
		"x/y.z/w":                    false,
	} {
		if IsReference(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
