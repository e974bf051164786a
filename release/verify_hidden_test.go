package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	staticlayer "github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/go-static-release/release/github/githubtest"
)

// dynamicProgram is a small program for linux/amd64 that asks for a loader. What is from
// its 64th byte to its 512th is free.
func dynamicProgram() []byte {
	const loader = "/lib64/ld-linux-x86-64.so.2\x00"
	program := make([]byte, 1024)
	copy(program, "\x7fELF\x02\x01\x01")
	copy(program[800:], loader)
	le := binary.LittleEndian
	le.PutUint16(program[16:], 2)
	le.PutUint16(program[18:], 62)
	le.PutUint32(program[20:], 1)
	le.PutUint64(program[24:], 0x400000)
	le.PutUint64(program[32:], 512)
	le.PutUint16(program[52:], 64)
	le.PutUint16(program[54:], 56)
	le.PutUint16(program[56:], 2)
	for i, segment := range [][4]uint64{{3, 4, 800, uint64(len(loader))}, {1, 5, 0, 1024}} { // PT_INTERP, PT_LOAD
		at := 512 + 56*i
		le.PutUint32(program[at:], uint32(segment[0]))
		le.PutUint32(program[at+4:], uint32(segment[1]))
		le.PutUint64(program[at+8:], segment[2])
		le.PutUint64(program[at+16:], 0x400000+segment[2])
		le.PutUint64(program[at+24:], 0x400000+segment[2])
		le.PutUint64(program[at+32:], segment[3])
		le.PutUint64(program[at+40:], segment[3])
		le.PutUint64(program[at+48:], 1)
	}
	return program
}

// withTarHeader makes the first 512 bytes the header of a member of a tar archive too.
func withTarHeader(data []byte, name string, typeflag byte, size int) []byte {
	data = slices.Clone(data)
	copy(data, name)
	copy(data[100:], "0000755\x000000000\x000000000\x00")
	copy(data[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", size))
	data[156] = typeflag
	copy(data[257:], "ustar\x0000")
	sum := 0
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

func tarOfMember(name string, typeflag byte, content []byte) []byte {
	block := withTarHeader(make([]byte, 512), name, typeflag, len(content))
	padding := make([]byte, (512-len(content)%512)%512+1024)
	return slices.Concat(block, content, padding)
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipOfMember is a zip archive of one stored member.
func zipOfMember(t *testing.T, change func(*zip.FileHeader), content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "p"}
	change(header)
	f, err := w.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func arOfMembers(members ...[2]string) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1], strings.Repeat("\n", len(m[1])%2))
	}
	return b.Bytes()
}

// hidingPlaces are files in which a program that is not static hides. Every one of them
// becomes a file that runs, when something ordinary unpacks it or starts it.
func hidingPlaces(t *testing.T) map[string][]byte {
	t.Helper()
	program := dynamicProgram()
	polyglot := append(withTarHeader(program, "", '0', 512), make([]byte, 1024)...)
	copy(polyglot, program[:64])
	polyglot = withTarHeader(polyglot, "", '0', 512)
	asMode := func(mode fs.FileMode) []byte {
		return zipOfMember(t, func(h *zip.FileHeader) { h.SetMode(mode) }, program)
	}

	cpio := fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0o040755, 0, 0, 1, 0, len(program), 0, 0, 0, 0, 2, 0)
	cpio = slices.Concat(cpio, []byte("p\x00"), program, fmt.Appendf(nil, "070701%0104d", 0))
	copy(cpio[len(cpio)-110+94:], "0000000b")
	cpio = append(cpio, "TRAILER!!!\x00\x00\x00\x00"...)
	lead := append([]byte("\xed\xab\xee\xdb"), make([]byte, 92)...)
	header := append([]byte("\x8e\xad\xe8\x01"), make([]byte, 12)...)

	control := tarOfMember("preinst", '0', program)
	data := tarOfMember("README", '0', []byte("text"))
	text := zipOfMember(t, func(h *zip.FileHeader) {}, []byte("text"))
	local := slices.Concat([]byte("PK\x03\x04\x14\x00"), make([]byte, 20), []byte{1, 0, 0, 0}, []byte("q"), program)
	binary.LittleEndian.PutUint32(local[18:], uint32(len(program)))
	binary.LittleEndian.PutUint32(local[22:], uint32(len(program)))
	return map[string][]byte{
		"a tar header over a program":              polyglot,
		"a tar header over a program, compressed":  gzipped(t, polyglot),
		"a zip archive behind a program":           append(slices.Clone(program), text...),
		"a program behind text, in a zip archive":  append([]byte("text"), asMode(0o755)...),
		"a zip member that is a directory":         asMode(fs.ModeDir | 0o755),
		"a zip member that is a link":              asMode(fs.ModeSymlink | 0o777),
		"a zip member with the directory bit":      zipOfMember(t, func(h *zip.FileHeader) { h.ExternalAttrs = 0x10 }, program),
		"a zip member that is encrypted":           zipOfMember(t, func(h *zip.FileHeader) { h.Flags = 1 }, program),
		"a zip member that has no directory entry": slices.Concat(local, text),
		"a tar member of type V":                   tarOfMember("p", 'V', program),
		"a tar member of type D":                   tarOfMember("p", 'D', program),
		"a tar member of an unknown type":          tarOfMember("p", 'Z', program),
		"a tar member whose name ends in a slash":  tarOfMember("p/", '0', program),
		"a tar member behind the end":              append(slices.Clone(data), tarOfMember("p", '0', program)...),
		"an RPM member that is a directory":        slices.Concat(lead, header, header, cpio),
		"a maintainer script":                      arOfMembers([2]string{"debian-binary", "2.0\n"}, [2]string{"control.tar", string(control)}, [2]string{"data.tar", string(data)}),
		"a member of an ar archive":                arOfMembers([2]string{"p", string(program)}),
	}
}

// Nothing that a file says about itself hides what is in it: by itself, in an archive, as
// the asset of a release.
func TestNothingHides(t *testing.T) {
	places := hidingPlaces(t)
	dir := t.TempDir()
	verify := func(env []string, args ...string) (int, string) {
		var out bytes.Buffer
		status := Main(t.Context(), append([]string{"verify", "--no-workflow"}, args...), env, &out, &out)
		return status, out.String()
	}
	isCaught := func(status int, text string) bool {
		said := strings.Contains(text, "NOT STATIC") || strings.Contains(text, "inspecting")
		return status == exitFellShort && said && !strings.Contains(text, "\nstatic ")
	}

	environ := append(os.Environ(), "GITHUB_ACTIONS=")
	sums := ""
	assets := map[string][]byte{}
	for what, data := range places {
		name := strings.Map(func(r rune) rune {
			if r == ' ' || r == ',' {
				return '-'
			}
			return r
		}, what)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
		if status, text := verify(environ, path); !isCaught(status, text) {
			t.Errorf("%s: status %d: %s", what, status, text)
		}
		outer := filepath.Join(dir, name+".tar.gz")
		if err := os.WriteFile(outer, gzipped(t, tarOfMember("in", '0', data)), 0o644); err != nil {
			t.Fatal(err)
		}
		if status, text := verify(environ, outer); !isCaught(status, text) {
			t.Errorf("%s in an archive: status %d: %s", what, status, text)
		}
		assets[name] = data
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)
	}
	assets["checksums.txt"] = []byte(sums)

	server := httptest.NewServer(githubtest.New(githubtest.Options{Token: testToken, Tags: map[string]string{"v1.0.0": githubtest.Head}}))
	defer server.Close()
	publishAssets(t, server.URL, assets)
	environ = append(environ, "GITHUB_API_URL="+server.URL, "INPUT_TOKEN=", "GITHUB_TOKEN=", "GH_TOKEN=")
	status, text := verify(environ, "octo/hello@v1.0.0")
	if status != exitFellShort {
		t.Errorf("published: status %d", status)
	}
	for name := range assets {
		if name != "checksums.txt" && !strings.Contains(text, "octo/hello@v1.0.0!"+name) {
			t.Errorf("%s, published, is not mentioned:\n%s", name, text)
		}
	}
}

// publishAssets makes a release of v1.0.0 with files on a fake GitHub.
func publishAssets(t *testing.T, url string, assets map[string][]byte) {
	t.Helper()
	post := func(url, contentType string, body []byte) map[string]any {
		request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testToken)
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("User-Agent", "test")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s: %s, %v", url, answer.Status, text, err)
		}
		var result map[string]any
		if err := json.Unmarshal(text, &result); err != nil {
			t.Fatal(err)
		}
		return result
	}
	release := post(url+"/repos/octo/hello/releases", "application/json", []byte(`{"tag_name": "v1.0.0"}`))
	for name, data := range assets {
		post(fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%.0f/assets?name=%s", url, release["id"], name), "application/octet-stream", data)
	}
}

// A sickRegistry has one image, which is called an attestation, and answers as fault wants.
func sickRegistry(t *testing.T, fault func(w http.ResponseWriter, r *http.Request) bool) (reference string, requests *atomic.Int64) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	requests = &atomic.Int64{}
	ready := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if !ready || !fault(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)

	statement := staticlayer.NewLayer(tarOfMember("p", '0', dynamicProgram()), "application/vnd.in-toto+json")
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), statement)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}})
	reference = strings.TrimPrefix(server.URL, "http://") + "/owner/image:tag"
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	ready = true
	requests.Store(0)
	return reference, requests
}

// What an image calls an attestation is looked at, and what a registry does has an end.
func TestRegistryHasAnEnd(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		part := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
	isManifest := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	isBlob := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }
	for what, fault := range map[string]struct {
		of     func(r *http.Request) bool
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"no fault": {func(*http.Request) bool { return false }, nil, "NOT STATIC"},
		"a redirect of a manifest to itself": {isManifest, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}, "redirects more than 10 times"},
		"a redirect of a blob to a longer address": {isBlob, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"?"+r.URL.RawQuery+strings.Repeat("x", 5000), http.StatusFound)
		}, "redirects more than 10 times"},
		"an endless manifest": {isManifest, endless, "inspecting"},
		"an endless blob":     {isBlob, endless, "inspecting"},
		"a manifest that is announced as endless": {isManifest, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99999999999")
			endless(w, r)
		}, "announces 99999999999 bytes"},
	} {
		reference, requests := sickRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !fault.of(r) {
				return false
			}
			fault.answer(w, r)
			return true
		})
		var out bytes.Buffer
		start := time.Now()
		status := Main(t.Context(), []string{"verify", "--no-workflow", reference}, append(os.Environ(), "GITHUB_ACTIONS="), &out, &out)
		if status != exitFellShort || !strings.Contains(out.String(), fault.want) || !strings.Contains(out.String(), reference) {
			t.Errorf("%s: status %d: %.500s", what, status, &out)
		}
		if requests.Load() > 50 || time.Since(start) > 30*time.Second {
			t.Errorf("%s: %d requests in %s", what, requests.Load(), time.Since(start))
		}
	}
}

// A tar archive that only the standard library wrote is as usual.
func TestOrdinaryArchiveIsStatic(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), 0)
	archive := filepath.Join(w.dist, "hello_1.2.3_linux_amd64.tar.gz")
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tar.NewReader(z).Next(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if status := Main(t.Context(), []string{"verify", "--no-workflow", w.dist}, append(os.Environ(), "GITHUB_ACTIONS="), &out, &out); status != 0 {
		t.Errorf("status %d: %s", status, &out)
	}
}
