package release

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// releaseOf makes a public release v1.2.3 with the given files, as any tool could have made
// it, and returns an environment in which the program finds it.
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

	return w.strangerEnv()
}

// staticProgram returns an executable that verify calls static.
func staticProgram(t *testing.T) string {
	t.Helper()
	data := make([]byte, 64+56)
	copy(data, "\x7fELF\x02\x01\x01")
	put := func(at int, value uint64, size int) {
		for i := range size {
			data[at+i] = byte(value >> (8 * i))
		}
	}

	// The file header.
	put(16, 2, 2)         // e_type: ET_EXEC
	put(18, 62, 2)        // e_machine: x86-64
	put(20, 1, 4)         // e_version
	put(24, 0x40_0000, 8) // e_entry
	put(32, 64, 8)        // e_phoff
	put(52, 64, 2)        // e_ehsize
	put(54, 56, 2)        // e_phentsize
	put(56, 1, 2)         // e_phnum
	put(58, 64, 2)        // e_shentsize

	// One program header.
	put(64, 1, 4)                  // p_type: PT_LOAD
	put(68, 5, 4)                  // p_flags: readable and executable
	put(80, 0x40_0000, 8)          // p_vaddr
	put(88, 0x40_0000, 8)          // p_paddr
	put(96, uint64(len(data)), 8)  // p_filesz
	put(104, uint64(len(data)), 8) // p_memsz
	put(112, 0x1000, 8)            // p_align

	return string(data)
}

// utf16Text returns an ASCII text as PowerShell writes it.
func utf16Text(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for i := range len(s) {
		b.WriteString(s[i:i+1] + "\x00")
	}
	return b.String()
}

// clearSigned returns what gpg --clear-sign makes of a text.
func clearSigned(text string) string {
	return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + text +
		"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
}

// The checksum lists of a release must match its files. A list that cannot be read, or that
// omits a file, is an error, because nothing is proved then.
func TestChecksumLists(t *testing.T) {
	program := staticProgram(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	long := fmt.Sprintf("%x", sha512.Sum512([]byte(program)))
	wrong := strings.Repeat("0", 64)

	tests := []struct {
		name  string
		files map[string]string // beside tool, which is the program
		says  string            // "" if the release is right
	}{
		{
			name:  "right",
			files: map[string]string{"checksums.txt": sum + "  tool\n"},
		},
		{
			name:  "right, in BSD's form",
			files: map[string]string{"checksums.txt": "SHA256 (tool) = " + sum + "\n"},
		},
		{
			name:  "right, by another name",
			files: map[string]string{"tool_1.2.3_checksums.txt": sum + " *./dist/tool\r\n"},
		},
		{
			name:  "right, bare",
			files: map[string]string{"tool.sha256": sum},
		},
		{
			name: "right, and a signature",
			files: map[string]string{
				"SHA256SUMS":     sum + "  tool\n",
				"SHA256SUMS.asc": "x",
				"tool.sig":       "x",
			},
		},
		{
			name:  "right, SHA-512",
			files: map[string]string{"checksums-sha512.txt": long + "  tool\n"},
		},

		// Digests of other bytes, in every form.
		{
			name:  "wrong",
			files: map[string]string{"checksums.txt": wrong + "  tool\n"},
			says:  "tool has SHA-256 " + sum + ", and line 1 of checksums.txt says " + wrong,
		},
		{
			name:  "wrong, in BSD's form",
			files: map[string]string{"checksums.txt": "SHA256 (tool) = " + wrong + "\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, by another name",
			files: map[string]string{"tool_1.2.3_checksums.txt": wrong + "  tool\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, SHA256SUMS",
			files: map[string]string{"SHA256SUMS": wrong + "  tool\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, bare",
			files: map[string]string{"tool.sha256": wrong},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, SHA-512",
			files: map[string]string{"checksums-sha512.txt": wrong + wrong + "  tool\n"},
			says:  "tool has SHA-512 " + long,
		},
		{
			name: "wrong in the second list",
			files: map[string]string{
				"checksums.txt":        sum + "  tool\n",
				"checksums-sha512.txt": wrong + wrong + "  tool\n",
			},
			says: "tool has SHA-512",
		},
		{
			name:  "wrong, one blank",
			files: map[string]string{"checksums.txt": wrong + " tool\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, in OpenSSL's form",
			files: map[string]string{"checksums.txt": "SHA2-256(tool)= " + wrong + "\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, of standard input",
			files: map[string]string{"tool.sha256": wrong + "  -\n"},
			says:  "tool has SHA-256",
		},
		{
			name:  "wrong, signed",
			files: map[string]string{"SHA256SUMS": clearSigned(wrong + "  tool\n")},
			says:  "tool has SHA-256",
		},

		// Lists that are not understood.
		{
			name:  "one blank and two",
			files: map[string]string{"checksums.txt": sum + " tool\n" + sum + "  tool\n"},
			says:  "checksum list checksums.txt: line 1: ",
		},
		{
			name:  "a tab",
			files: map[string]string{"checksums.txt": sum + "\ttool\n"},
			says:  "checksum list checksums.txt: line 1: ",
		},
		{
			name:  "a byte order mark",
			files: map[string]string{"checksums.txt": "\ufeff" + sum + "  tool\n"},
			says:  "line 1: byte order mark",
		},
		{
			name:  "UTF-16",
			files: map[string]string{"checksums.txt": utf16Text(sum + "  tool\n")},
			says:  "line 1: UTF-16 text",
		},
		{
			name:  "63 digits",
			files: map[string]string{"checksums.txt": sum[1:] + "  tool\n"},
			says:  "line 1: no known algorithm has digests of 63 digits",
		},
		{
			name:  "a page",
			files: map[string]string{"checksums.txt": "<html>\n" + sum + "  tool\n"},
			says:  "line 1: ",
		},
		{
			name:  "empty",
			files: map[string]string{"checksums.txt": "\n"},
			says:  "the list is empty",
		},
		{
			name:  "a second line",
			files: map[string]string{"checksums.txt": sum + "  tool\n; " + wrong + "  tool\n"},
			says:  "line 2: ",
		},
		{
			name: "a comment for a file",
			files: map[string]string{
				"checksums.txt": sum + "  tool\n# " + wrong + "  other\n",
				"other":         program,
			},
			says: "other is not in the checksum list checksums.txt",
		},
		{
			name: "behind what is signed",
			files: map[string]string{
				"SHA256SUMS": clearSigned(sum+"  tool\n") + wrong + "  tool\n",
			},
			says: "line 9: unsigned text after the signed message",
		},

		// Lists and files that do not go together.
		{
			name:  "a file that is not there",
			files: map[string]string{"checksums.txt": sum + "  tool\n" + sum + "  gone\n"},
			says:  `lists "gone", which is not there`,
		},
		{
			name:  "not listed",
			files: map[string]string{"checksums.txt": sum + "  tool\n", "other": program},
			says:  "other is not in the checksum list checksums.txt",
		},
		{
			name: "wrong in a list of its own",
			files: map[string]string{
				"checksums.txt": sum + "  tool\n",
				"other":         program,
				"other.sha256":  wrong,
			},
			says: "other has SHA-256 " + sum + ", and line 1 of other.sha256 says " + wrong,
		},
		{
			name: "in neither of two lists",
			files: map[string]string{
				"sha256sum-amd64.txt": sum + "  tool\n",
				"sha256sum-arm64.txt": sum + "  other\n",
				"other":               program,
				"third":               program,
			},
			says: "third is not in any checksum list",
		},
		{
			name:  "a program that calls itself a signature",
			files: map[string]string{"checksums.txt": sum + "  tool\n", "tool.sig": program},
			says:  "tool.sig is not in the checksum list",
		},
		{
			name:  "only some have a list",
			files: map[string]string{"tool.sha256": sum, "other": program},
			says:  "other is not in the checksum list tool.sha256",
		},
		{
			name:  "the list of another file",
			files: map[string]string{"tool.sha256": sum + "  other\n", "other": program},
			says:  "by its name the list is only for \"tool\"",
		},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.files["tool"] = program
			env := releaseOf(t, test.files)

			want := exitOK
			if test.says != "" {
				want = exitFailed
			}
			status, out, log := runVerify(t, env, "octo/hello@v1.2.3")
			if status != want || !strings.Contains(log, test.says) || strings.Contains(log, "note: ") {
				t.Errorf("status %d, expected %d with %q:\n%s%s", status, want, test.says, out, log)
			}
		})
	}
}

// A release without a list that can be compared is verified, with a note.
func TestNoChecksumList(t *testing.T) {
	for name, says := range map[string]string{
		"README":      "there is no checksum list to compare",
		"md5sums.txt": "md5sums.txt has md5 digests, which are not compared",
	} {
		env := releaseOf(t, map[string]string{
			"tool": staticProgram(t),
			name:   strings.Repeat("0", 32) + "  tool\n",
		})

		status, _, log := runVerify(t, env, "octo/hello@v1.2.3")
		if status != exitOK || !strings.Contains(log, says) {
			t.Errorf("%s: status %d, expected a note %q:\n%s", name, status, says, log)
		}
	}
}

// The checksum lists of well-known projects are read, whether GoReleaser, cargo-dist or a
// workflow of their own writes them, and whatever signs them.
func TestChecksumListsOfProjects(t *testing.T) {
	program := staticProgram(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	long := fmt.Sprintf("%x", sha512.Sum512([]byte(program)))
	md5 := strings.Repeat("0", 32)

	for name, files := range map[string]map[string]string{
		"GoReleaser": {
			"tool_1.2.3_linux_amd64":                 program,
			"tool_1.2.3_linux_arm64":                 program,
			"tool_1.2.3_checksums.txt":               sum + "  tool_1.2.3_linux_amd64\n" + sum + "  tool_1.2.3_linux_arm64\n",
			"tool_1.2.3_checksums.txt.pem":           "x",
			"tool_1.2.3_checksums.txt.sig":           "x",
			"tool_1.2.3_checksums.txt.sigstore.json": "{}",
		},
		"GoReleaser, one list for each": {
			"tool_linux":        program,
			"tool_linux.sha256": sum,
			"tool_arm":          program,
			"tool_arm.sha256":   sum,
		},
		"caddy, SHA-512": {
			"caddy_2.8.4_linux_amd64":   program,
			"caddy_2.8.4_checksums.txt": long + "  caddy_2.8.4_linux_amd64\n",
		},
		"cargo-dist": {
			"tool-x86_64-unknown-linux-musl":        program,
			"tool-x86_64-unknown-linux-musl.sha256": sum + " *tool-x86_64-unknown-linux-musl\n",
			"sha256.sum":                            sum + " *tool-x86_64-unknown-linux-musl\n",
		},
		"rclone, signed in clear text": {
			"rclone-v1.68.0-linux-amd64": program,
			"MD5SUMS":                    clearSigned(md5 + "  rclone-v1.68.0-linux-amd64\n"),
			"SHA256SUMS":                 clearSigned(sum + "  rclone-v1.68.0-linux-amd64\n"),
		},
		"k3s, one list for each architecture": {
			"k3s":                 program,
			"k3s-arm64":           program,
			"sha256sum-amd64.txt": sum + "  k3s\n",
			"sha256sum-arm64.txt": sum + "  k3s-arm64\n",
		},
		"kind": {
			"kind-linux-amd64":           program,
			"kind-linux-amd64.sha256sum": sum + "  kind-linux-amd64\n",
		},
		"minikube": {
			"minikube-linux-amd64":        program,
			"minikube-linux-amd64.sha256": sum,
		},
		"Terraform's providers": {
			"terraform-provider-tool_1.2.3_linux_amd64":             program,
			"terraform-provider-tool_1.2.3_SHA256SUMS":              sum + "  terraform-provider-tool_1.2.3_linux_amd64\n",
			"terraform-provider-tool_1.2.3_SHA256SUMS.sig":          "x",
			"terraform-provider-tool_1.2.3_SHA256SUMS.72D7468F.sig": "x",
		},
		"cosign": {
			"cosign-linux-amd64":               program,
			"cosign_checksums.txt":             sum + "  cosign-linux-amd64\n",
			"cosign-linux-amd64-keyless.pem":   "x",
			"cosign-linux-amd64-keyless.sig":   "x",
			"cosign_checksums.txt-keyless.sig": "x",
			"multiple.intoto.jsonl":            "{}",
		},
		"Fedora": {
			"tool":                program,
			"tool-1.2.3-CHECKSUM": clearSigned("# tool: 120 bytes\nSHA256 (tool) = " + sum + "\n"),
		},
		"find on Windows": {
			"tool.exe":      program,
			"checksums.txt": sum + ` *.\dist\tool.exe` + "\r\n",
		},
		"a script": {
			"tool":           program,
			"SHA256SUMS.txt": sum + " tool\n\n",
		},
		"openssl dgst": {
			"tool":        program,
			"tool.sha256": "SHA2-256(dist/tool)= " + sum + "\n",
		},
		"cat and sha256sum": {
			"tool":        program,
			"tool.sha256": sum + "  -\n",
		},
		"a list that is listed": {
			"tool":                 program,
			"checksums.txt":        sum + "  tool\n",
			"checksums.txt.sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(sum+"  tool\n"))),
		},
		"age, with proofs": {
			"age":           program,
			"age.proof":     "version=1\n",
			"checksums.txt": sum + "  age\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := releaseOf(t, files)

			status, out, log := runVerify(t, env, "octo/hello@v1.2.3")
			if status != exitOK || strings.Contains(log, "there is no checksum list") {
				t.Errorf("status %d:\n%s%s", status, out, log)
			}
		})
	}
}

// verify compares the files that a run left in dist with the lists there.
func TestChecksumListsInDist(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK, "INPUT_DRY_RUN=true", "INPUT_CHECKSUMS=sha256 sha512")
	verify := func(status int, says string) {
		t.Helper()
		w.run(t.Context(), status, "INPUT_COMMAND=verify")
		w.said(says)
	}
	verify(exitOK, "4 executables, 0 not static")

	// An archive with other bytes but the same content.
	archive := w.dist + "/hello_1.2.3_linux_amd64.tar.gz"
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(data)
	changed[4] = 1 // the time in the header of gzip
	writeFile(t, archive, string(changed))
	verify(exitFailed, "hello_1.2.3_linux_amd64.tar.gz has SHA-512")
	writeFile(t, archive, string(data))

	// A file that no list has.
	writeFile(t, w.dist+"/added", "x")
	verify(exitFailed, "added is not in any checksum list")
	remove(t, w.dist+"/added")

	writeFile(t, w.dist+"/checksums.txt", "")
	verify(exitFailed, "the list is empty")
}
