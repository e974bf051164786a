package release

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/dist"

	"github.com/org/go-static-release/release/github/githubtest"
)

// releaseOf makes a public release v1.2.3 with these files, whoever made them, and returns
// the environment in which the program finds it.
func releaseOf(t *testing.T, files map[string]string) []string {
	t.Helper()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	api := getenvOf(w.env)("GITHUB_API_URL")

	request := func(method, address string, body []byte, result any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testToken)
		req.Header.Set("Content-Type", "application/octet-stream")
		if bytes.HasPrefix(body, []byte("{")) {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s, %v: %s", method, address, resp.Status, err, data)
		}
		if err := json.Unmarshal(data, result); err != nil {
			t.Fatal(err)
		}
	}

	var rel struct {
		URL       string `json:"url"`
		UploadURL string `json:"upload_url"`
	}
	request("POST", api+"/repos/octo/hello/releases", []byte(`{"tag_name": "v1.2.3", "draft": true}`), &rel)
	upload, _, _ := strings.Cut(rel.UploadURL, "{")
	for name, content := range files {
		request("POST", upload+"?name="+url.QueryEscape(name), []byte(content), &struct{}{})
	}
	request("PATCH", rel.URL, []byte(`{"draft": false}`), &struct{}{})

	return append(slices.Clone(w.env), "GITHUB_ACTIONS=false", "INPUT_TOKEN=", "INPUT_DIRECTORY=", "INPUT_DIST=", "INPUT_TARGETS=")
}

// staticProgram is an executable that verify calls static.
func staticProgram(t *testing.T) string {
	t.Helper()
	data := make([]byte, 64+56)
	copy(data, "\x7fELF\x02\x01\x01")
	put := func(at int, value uint64, size int) {
		for i := range size {
			data[at+i] = byte(value >> (8 * i))
		}
	}
	put(16, 2, 2)  // ET_EXEC
	put(18, 62, 2) // x86-64
	put(20, 1, 4)  // version
	put(24, 0x40_0000, 8)
	put(32, 64, 8) // program headers
	put(52, 64, 2) // size of this header
	put(54, 56, 2) // of a program header
	put(56, 1, 2)  // how many
	put(58, 64, 2) // size of a section header
	put(64, 1, 4)  // PT_LOAD
	put(68, 5, 4)  // readable and executable
	put(80, 0x40_0000, 8)
	put(88, 0x40_0000, 8)
	put(96, uint64(len(data)), 8)
	put(104, uint64(len(data)), 8)
	put(112, 0x1000, 8)
	return string(data)
}

// A release is as good as its checksum lists say, and a list that cannot be read, or that
// does not list a file, says nothing.
func TestAttackChecksumLists(t *testing.T) {
	program := staticProgram(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	long := fmt.Sprintf("%x", sha512.Sum512([]byte(program)))
	wrong := strings.Repeat("0", 64)
	wide := func(s string) string { // UTF-16, as PowerShell writes it
		var b strings.Builder
		b.WriteString("\xff\xfe")
		for i := range len(s) {
			b.WriteString(s[i:i+1] + "\x00")
		}
		return b.String()
	}

	for _, c := range []struct {
		name  string
		files map[string]string
		says  string // "" if the release is right
	}{
		{"right", map[string]string{"checksums.txt": sum + "  tool\n"}, ""},
		{"right, in BSD's form", map[string]string{"checksums.txt": "SHA256 (tool) = " + sum + "\n"}, ""},
		{"right, by another name", map[string]string{"tool_1.2.3_checksums.txt": sum + " *./dist/tool\r\n"}, ""},
		{"right, bare", map[string]string{"tool.sha256": sum}, ""},
		{"right, and a signature", map[string]string{"SHA256SUMS": sum + "  tool\n", "SHA256SUMS.asc": "x", "tool.sig": "x"}, ""},
		{"right, SHA-512", map[string]string{"checksums-sha512.txt": long + "  tool\n"}, ""},
		{"wrong", map[string]string{"checksums.txt": wrong + "  tool\n"}, "tool has SHA-256 " + sum + ", and line 1 of checksums.txt says " + wrong},
		{"wrong, in BSD's form", map[string]string{"checksums.txt": "SHA256 (tool) = " + wrong + "\n"}, "tool has SHA-256"},
		{"wrong, by another name", map[string]string{"tool_1.2.3_checksums.txt": wrong + "  tool\n"}, "tool has SHA-256"},
		{"wrong, SHA256SUMS", map[string]string{"SHA256SUMS": wrong + "  tool\n"}, "tool has SHA-256"},
		{"wrong, bare", map[string]string{"tool.sha256": wrong}, "tool has SHA-256"},
		{"wrong, SHA-512", map[string]string{"checksums-sha512.txt": wrong + wrong + "  tool\n"}, "tool has SHA-512 " + long},
		{"wrong in the second list", map[string]string{"checksums.txt": sum + "  tool\n", "checksums-sha512.txt": wrong + wrong + "  tool\n"}, "tool has SHA-512"},
		{"wrong, one blank", map[string]string{"checksums.txt": wrong + " tool\n"}, "tool has SHA-256"},
		{"wrong, in OpenSSL's form", map[string]string{"checksums.txt": "SHA2-256(tool)= " + wrong + "\n"}, "tool has SHA-256"},
		{"wrong, of standard input", map[string]string{"tool.sha256": wrong + "  -\n"}, "tool has SHA-256"},
		{"wrong, signed", map[string]string{"SHA256SUMS": clearSigned(wrong + "  tool\n")}, "tool has SHA-256"},
		{"one blank and two", map[string]string{"checksums.txt": sum + " tool\n" + sum + "  tool\n"}, "checksum list checksums.txt: line 1: "},
		{"a tab", map[string]string{"checksums.txt": sum + "\ttool\n"}, "checksum list checksums.txt: line 1: "},
		{"a byte order mark", map[string]string{"checksums.txt": "\ufeff" + sum + "  tool\n"}, "line 1: byte order mark"},
		{"UTF-16", map[string]string{"checksums.txt": wide(sum + "  tool\n")}, "line 1: UTF-16 text"},
		{"63 digits", map[string]string{"checksums.txt": sum[1:] + "  tool\n"}, "line 1: no known algorithm has digests of 63 digits"},
		{"a page", map[string]string{"checksums.txt": "<html>\n" + sum + "  tool\n"}, "line 1: "},
		{"empty", map[string]string{"checksums.txt": "\n"}, "the list is empty"},
		{"a second line", map[string]string{"checksums.txt": sum + "  tool\n; " + wrong + "  tool\n"}, "line 2: "},
		{"a comment for a file", map[string]string{"checksums.txt": sum + "  tool\n# " + wrong + "  other\n", "other": program}, "other is not in the checksum list checksums.txt"},
		{"behind what is signed", map[string]string{"SHA256SUMS": clearSigned(sum+"  tool\n") + wrong + "  tool\n"}, "line 9: unsigned text after the signed message"},
		{"a file that is not there", map[string]string{"checksums.txt": sum + "  tool\n" + sum + "  gone\n"}, `lists "gone", which is not there`},
		{"not listed", map[string]string{"checksums.txt": sum + "  tool\n", "other": program}, "other is not in the checksum list checksums.txt"},
		{"wrong in a list of its own", map[string]string{"checksums.txt": sum + "  tool\n", "other": program, "other.sha256": wrong}, "other has SHA-256 " + sum + ", and line 1 of other.sha256 says " + wrong},
		{"in neither of two lists", map[string]string{"sha256sum-amd64.txt": sum + "  tool\n", "sha256sum-arm64.txt": sum + "  other\n", "other": program, "third": program}, "third is not in any checksum list"},
		{"a program that calls itself a signature", map[string]string{"checksums.txt": sum + "  tool\n", "tool.sig": program}, "tool.sig is not in the checksum list"},
		{"only some have a list", map[string]string{"tool.sha256": sum, "other": program}, "other is not in the checksum list tool.sha256"},
		{"the list of another file", map[string]string{"tool.sha256": sum + "  other\n", "other": program}, "by its name the list is only for \"tool\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files["tool"] = program
			env := releaseOf(t, c.files)
			want := exitOK
			if c.says != "" {
				want = exitFellShort
			}
			var out, log bytes.Buffer
			status := Main(t.Context(), []string{"verify", "--no-workflow", "octo/hello@v1.2.3"}, env, &out, &log)
			if status != want || !strings.Contains(log.String(), c.says) || strings.Contains(log.String(), "note: ") {
				t.Errorf("status %d, expected %d with %q:\n%s%s", status, want, c.says, &out, &log)
			}
		})
	}

	for files, says := range map[string]string{"README": "there is no checksum list to compare", "md5sums.txt": "md5sums.txt has md5 digests, which are not compared"} {
		env := releaseOf(t, map[string]string{"tool": program, files: strings.Repeat("0", 32) + "  tool\n"})
		var out, log bytes.Buffer
		if status := Main(t.Context(), []string{"verify", "--no-workflow", "octo/hello@v1.2.3"}, env, &out, &log); status != exitOK || !strings.Contains(log.String(), says) {
			t.Errorf("%s: status %d, expected a note %q:\n%s", files, status, says, &log)
		}
	}
}

// clearSigned is what gpg --clear-sign makes of a text.
func clearSigned(text string) string {
	return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + text + "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
}

// The lists that well-known projects publish are compared, and the releases are right: what
// GoReleaser, cargo-dist and hand-made workflows write, signed by what signs.
func TestChecksumListsOfProjects(t *testing.T) {
	program := staticProgram(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	long := fmt.Sprintf("%x", sha512.Sum512([]byte(program)))
	md5 := strings.Repeat("0", 32)

	for name, files := range map[string]map[string]string{
		"GoReleaser": {"tool_1.2.3_linux_amd64": program, "tool_1.2.3_linux_arm64": program,
			"tool_1.2.3_checksums.txt":               sum + "  tool_1.2.3_linux_amd64\n" + sum + "  tool_1.2.3_linux_arm64\n",
			"tool_1.2.3_checksums.txt.pem":           "x",
			"tool_1.2.3_checksums.txt.sig":           "x",
			"tool_1.2.3_checksums.txt.sigstore.json": "{}",
		},
		"GoReleaser, one list for each": {"tool_linux": program, "tool_linux.sha256": sum, "tool_arm": program, "tool_arm.sha256": sum},
		"caddy, SHA-512":                {"caddy_2.8.4_linux_amd64": program, "caddy_2.8.4_checksums.txt": long + "  caddy_2.8.4_linux_amd64\n"},
		"cargo-dist": {"tool-x86_64-unknown-linux-musl": program, "tool-x86_64-unknown-linux-musl.sha256": sum + " *tool-x86_64-unknown-linux-musl\n",
			"sha256.sum": sum + " *tool-x86_64-unknown-linux-musl\n"},
		"rclone, signed in clear text": {"rclone-v1.68.0-linux-amd64": program,
			"MD5SUMS":    clearSigned(md5 + "  rclone-v1.68.0-linux-amd64\n"),
			"SHA256SUMS": clearSigned(sum + "  rclone-v1.68.0-linux-amd64\n"),
		},
		"k3s, one list for each architecture": {"k3s": program, "k3s-arm64": program, "sha256sum-amd64.txt": sum + "  k3s\n", "sha256sum-arm64.txt": sum + "  k3s-arm64\n"},
		"kind":                                {"kind-linux-amd64": program, "kind-linux-amd64.sha256sum": sum + "  kind-linux-amd64\n"},
		"minikube":                            {"minikube-linux-amd64": program, "minikube-linux-amd64.sha256": sum},
		"Terraform's providers": {"terraform-provider-tool_1.2.3_linux_amd64": program,
			"terraform-provider-tool_1.2.3_SHA256SUMS":              sum + "  terraform-provider-tool_1.2.3_linux_amd64\n",
			"terraform-provider-tool_1.2.3_SHA256SUMS.sig":          "x",
			"terraform-provider-tool_1.2.3_SHA256SUMS.72D7468F.sig": "x"},
		"cosign": {"cosign-linux-amd64": program, "cosign_checksums.txt": sum + "  cosign-linux-amd64\n", "cosign-linux-amd64-keyless.pem": "x",
			"cosign-linux-amd64-keyless.sig": "x", "cosign_checksums.txt-keyless.sig": "x", "multiple.intoto.jsonl": "{}"},
		"Fedora":                {"tool": program, "tool-1.2.3-CHECKSUM": clearSigned("# tool: 120 bytes\nSHA256 (tool) = " + sum + "\n")},
		"find on Windows":       {"tool.exe": program, "checksums.txt": sum + ` *.\dist\tool.exe` + "\r\n"},
		"a script":              {"tool": program, "SHA256SUMS.txt": sum + " tool\n\n"},
		"openssl dgst":          {"tool": program, "tool.sha256": "SHA2-256(dist/tool)= " + sum + "\n"},
		"cat and sha256sum":     {"tool": program, "tool.sha256": sum + "  -\n"},
		"a list that is listed": {"tool": program, "checksums.txt": sum + "  tool\n", "checksums.txt.sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(sum+"  tool\n")))},
		"age, with proofs":      {"age": program, "age.proof": "version=1\n", "checksums.txt": sum + "  age\n"},
	} {
		t.Run(name, func(t *testing.T) {
			env := releaseOf(t, files)
			var out, log bytes.Buffer
			status := Main(t.Context(), []string{"verify", "--no-workflow", "octo/hello@v1.2.3"}, env, &out, &log)
			if status != exitOK || strings.Contains(log.String(), "there is no checksum list") {
				t.Errorf("status %d:\n%s%s", status, &out, &log)
			}
		})
	}
}

// What a run has left in dist is compared with the lists there.
func TestAttackDistLists(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), 0, "INPUT_DRY_RUN=true", "INPUT_CHECKSUMS=sha256 sha512")
	verify := func(status int, says string) {
		t.Helper()
		w.run(t.Context(), status, "INPUT_COMMAND=verify")
		w.said(says)
	}
	verify(0, "4 executables, 0 not static")

	archive := w.dist + "/hello_1.2.3_linux_amd64.tar.gz"
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	changed := slices.Clone(data)
	changed[4] = 1 // the time of a gzip file: its content is the same
	write(archive, string(changed))
	verify(1, "hello_1.2.3_linux_amd64.tar.gz has SHA-512")
	write(archive, string(data))
	write(w.dist+"/added", "x")
	verify(1, "added is not in any checksum list")
	if err := os.Remove(w.dist + "/added"); err != nil {
		t.Fatal(err)
	}
	write(w.dist+"/checksums.txt", "")
	verify(1, "the list is empty")
}

// Nothing is written, or read, where a link in dist leads, nor where dist itself does.
func TestAttackDistLinks(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	link := func(from, to string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(from), 0o755), os.Symlink(to, from)); err != nil {
			t.Skip(err) // Windows, without the right to it
		}
	}
	nothingThere := func(what string) {
		t.Helper()
		if left, err := filepath.Glob(elsewhere + "*"); err != nil || len(left) > 0 {
			t.Errorf("%s: written through a link: %q, %v", what, left, err)
		}
	}
	dryRun := []string{"INPUT_DRY_RUN=true", "INPUT_TARGETS=linux/amd64", "INPUT_TIMEOUT=1m"}

	for _, name := range []string{dist.LockName, dist.ReportJSON, dist.ReportHTML, dist.BinDir, "checksums.txt", "hello_1.2.3_linux_amd64.tar.gz"} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		link(filepath.Join(w.dist, name), elsewhere)
		if err := os.WriteFile(filepath.Join(w.dist, ".gitignore"), []byte(dist.Mark), 0o644); err != nil {
			t.Fatal(err)
		}
		if name == dist.LockName {
			w.run(t.Context(), exitFellShort, dryRun...)
			w.said(".lock: not a regular file")
		} else {
			w.run(t.Context(), exitOK, dryRun...)
		}
		nothingThere(name)
	}

	// Reading has an end, whatever is there.
	for _, device := range []string{"/dev/zero", "/dev/stdin"} {
		for _, name := range []string{dist.ReportJSON, ".gitignore"} {
			w := newWorkshop(t, helloSource, githubtest.Options{})
			link(filepath.Join(w.dist, name), device)
			status := exitBadRequest // it is not ours
			if name == dist.ReportJSON {
				status = exitOK
				if err := os.WriteFile(filepath.Join(w.dist, ".gitignore"), []byte(dist.Mark), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			w.run(t.Context(), status, dryRun...)
		}
	}

	for _, end := range []string{"", string(filepath.Separator)} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		empty := t.TempDir()
		link(w.dist, empty)
		w.run(t.Context(), exitBadRequest, append(dryRun, "INPUT_DIST="+w.dist+end)...)
		w.said("is a link; give the directory that it leads to")
		if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
			t.Errorf("written where dist leads: %v, %v", left, err)
		}
	}
}
