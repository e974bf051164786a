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

// dynamicProgram returns a small program for linux/amd64 that needs an interpreter. Its bytes
// from 64 to 512 are unused.
func dynamicProgram() []byte {
	const interpreter = "/lib64/ld-linux-x86-64.so.2\x00"
	program := make([]byte, 1024)
	copy(program, "\x7fELF\x02\x01\x01")
	copy(program[800:], interpreter)

	le := binary.LittleEndian
	le.PutUint16(program[16:], 2)        // e_type: ET_EXEC
	le.PutUint16(program[18:], 62)       // e_machine: x86-64
	le.PutUint32(program[20:], 1)        // e_version
	le.PutUint64(program[24:], 0x400000) // e_entry
	le.PutUint64(program[32:], 512)      // e_phoff
	le.PutUint16(program[52:], 64)       // e_ehsize
	le.PutUint16(program[54:], 56)       // e_phentsize
	le.PutUint16(program[56:], 2)        // e_phnum

	segments := []struct {
		kind, flags uint32
		offset      uint64
		size        uint64
	}{
		{3, 4, 800, uint64(len(interpreter))}, // PT_INTERP
		{1, 5, 0, 1024},                       // PT_LOAD
	}
	for i, s := range segments {
		header := program[512+56*i:]
		le.PutUint32(header, s.kind)
		le.PutUint32(header[4:], s.flags)
		le.PutUint64(header[8:], s.offset)
		le.PutUint64(header[16:], 0x400000+s.offset) // p_vaddr
		le.PutUint64(header[24:], 0x400000+s.offset) // p_paddr
		le.PutUint64(header[32:], s.size)            // p_filesz
		le.PutUint64(header[40:], s.size)            // p_memsz
		le.PutUint64(header[48:], 1)                 // p_align
	}

	return program
}

// withTarHeader returns a copy of data whose first 512 bytes are also the header of a member
// of a tar archive.
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

// tarOfMember returns a tar archive of one member.
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

// zipOfMember returns a zip archive of one stored member, whose header change may alter.
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

// arOfMembers returns an ar archive of members, each with its name and content.
func arOfMembers(members ...[2]string) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		name := m[0]
		content := m[1]
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", len(content))
		b.WriteString(content + strings.Repeat("\n", len(content)%2))
	}
	return b.Bytes()
}

// rpmOfDirectory returns an RPM package whose only member has the mode of a directory, and
// the program as its content.
func rpmOfDirectory(program []byte) []byte {
	lead := append([]byte("\xed\xab\xee\xdb"), make([]byte, 92)...)
	header := append([]byte("\x8e\xad\xe8\x01"), make([]byte, 12)...)

	fields := []any{1, 0o040755, 0, 0, 1, 0, len(program), 0, 0, 0, 0, 2, 0}
	cpio := []byte("070701")
	for _, field := range fields {
		cpio = fmt.Appendf(cpio, "%08x", field)
	}
	cpio = slices.Concat(cpio, []byte("p\x00"), program)

	trailer := fmt.Appendf(nil, "070701%0104d", 0)
	copy(trailer[94:], "0000000b") // the length of its name
	cpio = slices.Concat(cpio, trailer, []byte("TRAILER!!!\x00\x00\x00\x00"))

	return slices.Concat(lead, header, header, cpio)
}

// hidingPlaces returns files in which a program that is not static hides. Each of them
// becomes a file that runs when an ordinary tool unpacks it or starts it.
func hidingPlaces(t *testing.T) map[string][]byte {
	t.Helper()
	program := dynamicProgram()

	polyglot := append(withTarHeader(program, "", '0', 512), make([]byte, 1024)...)
	copy(polyglot, program[:64])
	polyglot = withTarHeader(polyglot, "", '0', 512)

	zipWith := func(change func(*zip.FileHeader)) []byte {
		return zipOfMember(t, change, program)
	}
	zipWithMode := func(mode fs.FileMode) []byte {
		return zipWith(func(h *zip.FileHeader) { h.SetMode(mode) })
	}
	zipOfText := zipOfMember(t, func(h *zip.FileHeader) {}, []byte("text"))

	// A member before the archive, which its directory does not list.
	unlisted := slices.Concat(
		[]byte("PK\x03\x04\x14\x00"),
		make([]byte, 20),
		[]byte{1, 0, 0, 0},
		[]byte("q"),
		program,
	)
	binary.LittleEndian.PutUint32(unlisted[18:], uint32(len(program)))
	binary.LittleEndian.PutUint32(unlisted[22:], uint32(len(program)))

	control := tarOfMember("preinst", '0', program)
	data := tarOfMember("README", '0', []byte("text"))
	deb := arOfMembers(
		[2]string{"debian-binary", "2.0\n"},
		[2]string{"control.tar", string(control)},
		[2]string{"data.tar", string(data)},
	)

	return map[string][]byte{
		"a tar header over a program":              polyglot,
		"a tar header over a program, compressed":  gzipped(t, polyglot),
		"a zip archive behind a program":           append(slices.Clone(program), zipOfText...),
		"a program behind text, in a zip archive":  append([]byte("text"), zipWithMode(0o755)...),
		"a zip member that is a directory":         zipWithMode(fs.ModeDir | 0o755),
		"a zip member that is a link":              zipWithMode(fs.ModeSymlink | 0o777),
		"a zip member with the directory bit":      zipWith(func(h *zip.FileHeader) { h.ExternalAttrs = 0x10 }),
		"a zip member that is encrypted":           zipWith(func(h *zip.FileHeader) { h.Flags = 1 }),
		"a zip member that has no directory entry": slices.Concat(unlisted, zipOfText),
		"a tar member of type V":                   tarOfMember("p", 'V', program),
		"a tar member of type D":                   tarOfMember("p", 'D', program),
		"a tar member of an unknown type":          tarOfMember("p", 'Z', program),
		"a tar member whose name ends in a slash":  tarOfMember("p/", '0', program),
		"a tar member behind the end":              append(slices.Clone(data), tarOfMember("p", '0', program)...),
		"an RPM member that is a directory":        rpmOfDirectory(program),
		"a maintainer script":                      deb,
		"a member of an ar archive":                arOfMembers([2]string{"p", string(program)}),
	}
}

// Nothing that a file says about itself hides its content from verify: neither in a file, nor
// in an archive, nor in an asset of a release.
func TestNothingHides(t *testing.T) {
	isCaught := func(status int, out, log string) bool {
		said := strings.Contains(out+log, "NOT STATIC") || strings.Contains(out+log, "inspecting")
		return status == exitFailed && said && !strings.Contains("\n"+out+log, "\nstatic ")
	}

	dir := t.TempDir()
	environ := laptopEnv()
	checksums := ""
	assets := map[string][]byte{}
	for what, data := range hidingPlaces(t) {
		name := strings.NewReplacer(" ", "-", ",", "-").Replace(what)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
		if status, out, log := runVerify(t, environ, path); !isCaught(status, out, log) {
			t.Errorf("%s: status %d: %s%s", what, status, out, log)
		}

		outer := filepath.Join(dir, name+".tar.gz")
		writeFile(t, outer, string(gzipped(t, tarOfMember("in", '0', data))))
		if status, out, log := runVerify(t, environ, outer); !isCaught(status, out, log) {
			t.Errorf("%s in an archive: status %d: %s%s", what, status, out, log)
		}

		assets[name] = data
		checksums += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)
	}
	assets["checksums.txt"] = []byte(checksums)

	server := httptest.NewServer(githubtest.New(githubtest.Options{
		Token: testToken,
		Tags:  map[string]string{"v1.0.0": githubtest.Head},
	}))
	defer server.Close()
	publishAssets(t, server.URL, assets)
	environ = append(environ,
		"GITHUB_API_URL="+server.URL,
		"INPUT_TOKEN=",
		"GITHUB_TOKEN=",
		"GH_TOKEN=",
	)

	status, out, log := runVerify(t, environ, "octo/hello@v1.0.0")
	if status != exitFailed {
		t.Errorf("published: status %d", status)
	}
	for name := range assets {
		if name != "checksums.txt" && !strings.Contains(out+log, "octo/hello@v1.0.0!"+name) {
			t.Errorf("%s, published, is not mentioned:\n%s%s", name, out, log)
		}
	}
}

// publishAssets makes a release v1.0.0 with files on a fake GitHub.
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
		upload := fmt.Sprintf("%s/uploads/repos/octo/hello/releases/%.0f/assets?name=%s", url, release["id"], name)
		post(upload, "application/octet-stream", data)
	}
}

// newFaultyRegistry starts a registry with one image, which is marked as an attestation. The
// function fault may answer a request instead of the registry; it reports whether it has.
func newFaultyRegistry(
	t *testing.T,
	fault func(w http.ResponseWriter, r *http.Request) bool,
) (reference string, requests *atomic.Int64) {
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
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: img,
		Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
		},
	})

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

// An image that is marked as an attestation is inspected like any other, and verify ends
// whatever the registry does.
func TestFaultyRegistry(t *testing.T) {
	never := func(*http.Request) bool { return false }
	isManifest := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	isBlob := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }

	endless := func(w http.ResponseWriter, r *http.Request) {
		part := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}

	for what, fault := range map[string]struct {
		of     func(r *http.Request) bool
		answer http.HandlerFunc
		want   string
	}{
		"no fault": {
			of:   never,
			want: "NOT STATIC",
		},
		"a redirect of a manifest to itself": {
			of: isManifest,
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.String(), http.StatusFound)
			},
			want: "redirects more than 10 times",
		},
		"a redirect of a blob to a longer address": {
			of: isBlob,
			answer: func(w http.ResponseWriter, r *http.Request) {
				address := r.URL.Path + "?" + r.URL.RawQuery + strings.Repeat("x", 5000)
				http.Redirect(w, r, address, http.StatusFound)
			},
			want: "redirects more than 10 times",
		},
		"an endless manifest": {
			of:     isManifest,
			answer: endless,
			want:   "inspecting",
		},
		"an endless blob": {
			of:     isBlob,
			answer: endless,
			want:   "inspecting",
		},
		"a manifest that is announced as endless": {
			of: isManifest,
			answer: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "99999999999")
				endless(w, r)
			},
			want: "announces 99999999999 bytes",
		},
	} {
		reference, requests := newFaultyRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !fault.of(r) {
				return false
			}
			fault.answer(w, r)
			return true
		})

		start := time.Now()
		status, out, log := runVerify(t, laptopEnv(), reference)
		said := out + log
		if status != exitFailed || !strings.Contains(said, fault.want) || !strings.Contains(said, reference) {
			t.Errorf("%s: status %d: %.500s", what, status, said)
		}
		if requests.Load() > 50 || time.Since(start) > 30*time.Second {
			t.Errorf("%s: %d requests in %s", what, requests.Load(), time.Since(start))
		}
	}
}

// An archive that the program made is an ordinary one, which the standard library reads and
// verify accepts.
func TestOrdinaryArchiveIsStatic(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK)

	f, err := os.Open(filepath.Join(w.dist, "hello_1.2.3_linux_amd64.tar.gz"))
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

	if status, out, log := runVerify(t, laptopEnv(), w.dist); status != exitOK {
		t.Errorf("status %d: %s%s", status, out, log)
	}
}
