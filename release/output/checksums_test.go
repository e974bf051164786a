package output_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/output"
)

var (
	sum256 = strings.Repeat("0123456789abcdef", 4)
	sum512 = sum256 + sum256
)

// signed returns a message as gpg --clear-sign writes it, followed by other text.
func signed(headers, text, after string) string {
	return "-----BEGIN PGP SIGNED MESSAGE-----\n" + headers + "\n" +
		text +
		"-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n" +
		after
}

func TestParseChecksums(t *testing.T) {
	for _, c := range []struct{ list, algorithm, only, want string }{
		{sum256 + "  a\n" + sum256 + " *b c\n", "", "", "[{1 sha256 SUM a} {2 sha256 SUM b c}]"},
		{strings.ToUpper(sum256) + "  a", "sha256", "", "[{1 sha256 SUM a}]"},
		{sum256 + "  a\r\n" + sum256 + "  b\r\n", "", "", "[{1 sha256 SUM a} {2 sha256 SUM b}]"},
		{sum256 + "  a\r\n" + sum256 + "  b", "", "", "[{1 sha256 SUM a} {2 sha256 SUM b}]"},
		{
			"SHA256 (a) = " + sum256 + "\nSHA512 (a) (b) = x) = " + sum512 + "\n",
			"",
			"",
			"[{1 sha256 SUM a} {2 sha512 SUMSUM a) (b) = x}]",
		},
		{
			`\` + sum256 + `  a\\n\n\r` + "\n" + sum256 + `  a\n` + "\n",
			"",
			"",
			`[{1 sha256 SUM a\n` + "\n\r" + `} {2 sha256 SUM a\n}]`,
		},
		{`\SHA256 (a\nb) = ` + sum256 + "\n", "sha256", "", "[{1 sha256 SUM a\nb}]"},
		{sum256 + "    a ", "", "", "[{1 sha256 SUM   a }]"},
		{sum256 + "\n", "", "a", "[{1 sha256 SUM a}]"},
		{sum256 + "  a\n", "blake3", "", "[{1 blake3 SUM a}]"},
		{sum256[:32] + "  a\n", "", "", "[{1 md5 0123456789abcdef0123456789abcdef a}]"},

		{sum256 + " a\n" + sum256 + " b *c\n", "", "", "[{1 sha256 SUM a} {2 sha256 SUM b *c}]"},
		{
			"SHA256(a)= " + sum256 + "\nSHA2-512(b)= " + sum512 + "\n",
			"",
			"",
			"[{1 sha256 SUM a} {2 sha512 SUMSUM b}]",
		},
		{"# all files\r\n\r\n" + sum256 + "  a\r\n#" + sum256 + "  b\r\n\r\n", "", "", "[{3 sha256 SUM a}]"},
		{sum256 + "\n\n", "", "a", "[{1 sha256 SUM a}]"},
		{sum256 + "  -\n", "", "a", "[{1 sha256 SUM a}]"},
		{sum256 + "  -\n", "", "", "[{1 sha256 SUM -}]"},
		{
			signed("Hash: SHA512\n", sum256+"  a\n"+sum256+"  b\n", ""),
			"",
			"",
			"[{4 sha256 SUM a} {5 sha256 SUM b}]",
		},
		{signed("", "- # -----\n- "+sum256+"  a\n\n", "\n"), "", "", "[{4 sha256 SUM a}]"},

		{
			signed("Hash: SHA512\n", sum256+"  a\n", sum256+"  b\n"),
			"",
			"",
			"line 9: unsigned text after the signed message",
		},
		{sum256 + "  b\n" + signed("", sum256+"  a\n", ""), "", "", "line 2: expected \"DIGEST  NAME\""},
		{signed("Comment: x\n", sum256+"  a\n", ""), "", "", "line 2: unexpected header in a signed message"},
		{signed("", "-"+sum256+"  a\n", ""), "", "", "line 3: unescaped dash in a signed message"},
		{
			strings.TrimSuffix(signed("", sum256+"  a\n", ""), "-----END PGP SIGNATURE-----\n"),
			"",
			"",
			"line 1: the signed message that begins here has no end",
		},
		{
			"-----BEGIN PGP SIGNED MESSAGE-----\n" + sum256 + "  a\n",
			"",
			"",
			"line 1: the signed message that begins here has no end",
		},
		{signed("", "", ""), "", "", "the list has no entries"},
		{"# nothing\n", "", "", "the list has no entries"},
		{sum256 + " a\n" + sum256 + "  b\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256 + "  a\n" + sum256 + " b\n", "", "", "line 2: expected \"DIGEST  NAME\""},
		{`\` + sum256 + ` a\nb` + "\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256 + "\ta\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256 + "  \n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256 + "\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256 + "  a\n" + sum256, "", "a", "line 2: expected \"DIGEST  NAME\""},
		{" " + sum256 + "  a\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{"SHA256 (a) = " + sum256 + " \n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{"<!DOCTYPE html>\n", "", "", "line 1: expected \"DIGEST  NAME\""},
		{sum256[1:] + "  a\n", "", "", "line 1: no known algorithm has digests of 63 digits"},
		{sum256 + "  a\n" + sum256[1:] + "  b\n", "sha256", "", "line 2: digest of 63 digits; sha256 has 64"},
		{sum512 + "  a\n", "sha256", "", "line 1: digest of 128 digits; sha256 has 64"},
		{"SHA512 (a) = " + sum256 + "\n", "", "", "line 1: digest of 64 digits; sha512 has 128"},
		{"SHA512 (a) = " + sum512 + "\n", "sha256", "", "line 1: sha512 digest in a sha256 list"},
		{"SHA3 (a) = " + sum512 + "\n", "", "", `line 1: unknown algorithm "SHA3"`},
		{`\` + sum256 + `  a\tb` + "\n", "", "", `line 1: invalid escape in the name "a\\tb"`},
		{`\` + sum256 + `  a\` + "\n", "", "", `line 1: invalid escape in the name "a\\"`},
		{
			sum256 + "  a\r\n" + sum256 + "  b\n",
			"",
			"",
			"line 2: the line ending differs from the lines before",
		},
		{
			sum256 + "  a\n" + sum256 + "  b\r\n",
			"",
			"",
			"line 2: the line ending differs from the lines before",
		},
		{"\ufeff" + sum256 + "  a\n", "", "", "line 1: byte order mark, which no checksum tool accepts"},
		{"\xff\xfe0\x00", "", "", "line 1: UTF-16 text, which no checksum tool accepts"},
		{sum256 + "  a\n" + sum256 + "  b\x00\n", "", "", "line 2: not text"},
		{sum256 + "  \xff\n", "", "", "line 1: not text"},
		{"", "", "", "the list is empty"},
		{"\r\n\n", "", "", "the list is empty"},
	} {
		list, err := output.ParseChecksums([]byte(c.list), c.algorithm, c.only)
		got := strings.ReplaceAll(fmt.Sprint(list), sum256, "SUM")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && !(err != nil && strings.HasPrefix(got, c.want)) {
			t.Errorf("%q (%s): got %s, expected %s", c.list, c.algorithm, got, c.want)
		}
	}
}

// Lists that tools write are parsed correctly, whatever the names of the files.
func TestParseChecksumsOfTools(t *testing.T) {
	names := []string{
		"plain",
		"with blanks ",
		" leading",
		"back\\slash",
		"new\nline",
		"return\rin it",
		"back\\nslash",
		"paren) = (",
		"*star",
		"ünïcode",
		"\\first",
	}
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Skipf("no such names here: %v", err)
		}
	}

	tried := 0
	for _, command := range []string{
		"sha256sum",
		"sha256sum --tag",
		"sha512sum -b",
		"sha384sum",
		"b2sum --tag",
		"md5sum",
		"shasum -a 256",
		"busybox sha256sum",
		"openssl dgst -sha256",
		"openssl dgst -sha512 -r",
	} {
		words := strings.Fields(command)
		cmd := exec.Command(words[0], append(append(words[1:], "--"), names...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Logf("NOT TRIED: %s: %v", command, err)
			continue
		}
		tried++
		list, err := output.ParseChecksums(out, "", "")
		if (words[0] == "busybox" || words[0] == "openssl") && err != nil {
			continue // they do not escape names, so a name with a line feed makes the list invalid
		}
		if err != nil || len(list) != len(names) {
			t.Errorf("%s: %d files, %v:\n%s", command, len(list), err, out)
			continue
		}

		for i, name := range names {
			if list[i].Name != name {
				t.Errorf("%s: got %q, expected %q", command, list[i].Name, name)
			}
			if !output.Computed(list[i].Algorithm) {
				continue
			}
			sums, err := output.Sums(strings.NewReader(name), []string{list[i].Algorithm})
			if err != nil || sums[list[i].Algorithm] != list[i].Sum {
				t.Errorf("%s: %q: %v, got %v, expected %v", command, name, err, sums, list[i].Sum)
			}
		}
	}

	if tried == 0 {
		t.Skip("NO TOOL THAT WRITES CHECKSUMS IS INSTALLED")
	}
}

func TestParseListName(t *testing.T) {
	isFile := func(name string) bool {
		return name == "tool.tar.gz" || name == "checksums.txt" || name == "Tool"
	}
	for name, want := range map[string]string{
		"checksums.txt":            "{ }",
		"checksum.txt":             "{ }",
		"checksums-sha512.txt":     "{sha512 }",
		"tool_1.2.3_checksums.txt": "{ }",
		"tool-1.2.3-checksums.txt": "{ }",
		"tool_1.2.3_SHA256SUMS":    "{sha256 }",
		"SHA256SUMS":               "{sha256 }",
		"SHA256SUMS.txt":           "{sha256 }",
		"sha256sums.txt":           "{sha256 }",
		"sha256sum.txt":            "{sha256 }",
		"SHASUMS256.txt":           "{sha256 }",
		"shasums.txt":              "{ }",
		"CHECKSUMS":                "{ }",
		"checksums-bsd":            "{ }",
		"sha256.txt":               "{sha256 }",
		"checksums.sha256":         "{sha256 }",
		"checksums_sha256.txt":     "{sha256 }",
		"sha256.sum":               "{sha256 }",
		"checksums-linux.txt":      "{ }",
		"B3SUMS":                   "{blake3 }",
		"md5sums.txt":              "{md5 }",
		"b2sums.txt":               "{blake2b }",
		"tool.tar.gz.sha256":       "{sha256 tool.tar.gz}",
		"tool.tar.gz.SHA512":       "{sha512 tool.tar.gz}",
		"tool.tar.gz.sha256sum":    "{sha256 tool.tar.gz}",
		"tool.tar.gz.sha256.txt":   "{sha256 tool.tar.gz}",
		"checksums.txt.sha256":     "{sha256 checksums.txt}",
		"Tool.md5":                 "{md5 Tool}",
		"gone.sha256":              "{sha256 }",
	} {
		if list, ok := output.ParseListName(name, isFile); !ok || fmt.Sprint(list) != want {
			t.Errorf("%s: got %v, %v, expected %s", name, list, ok, want)
		}
	}

	for _, name := range []string{
		"",
		".",
		"tool",
		"tool.tar.gz",
		"checksum_1.2.3_linux_amd64",
		"checksums.txt.sig",
		"checksums.txt.asc",
		"go.sum",
		"sha256sum_linux_amd64.tar.gz",
		"README.txt",
		"LICENSE",
		"tool_sha256",
		"tool.sum",
		"\xff\xfe",
		"İ.txt",
		"checksum.exe",
	} {
		if list, ok := output.ParseListName(name, isFile); ok {
			t.Errorf("%q is taken for a list: %v", name, list)
		}
	}
}

func FuzzParseChecksums(f *testing.F) {
	digits := map[string]int{
		"md5":     32,
		"sha1":    40,
		"sha224":  56,
		"sha256":  64,
		"sha384":  96,
		"sha512":  128,
		"blake2b": 128,
		"blake3":  64,
	}

	f.Add([]byte(sum256+"  a\n"+sum256+" *b\n"), "a")
	f.Add([]byte("SHA256 (a) = "+sum256+"\r\n"), "")
	f.Add([]byte(`\`+sum256+`  a\\b\n`+"\n"), "checksums.txt")
	f.Add([]byte(sum256), "tool.sha256")

	f.Fuzz(func(t *testing.T, data []byte, name string) {
		named, _ := output.ParseListName(name, func(s string) bool { return len(s)%2 == 0 })
		list, err := output.ParseChecksums(data, named.Algorithm, named.Only)
		if err != nil {
			return
		}

		// The name and the digest of every entry are in its line.
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		isEntry := map[int]bool{}
		for _, e := range list {
			isEntry[e.Line] = true
			line := lines[e.Line-1]
			name := e.Name
			if strings.HasPrefix(line, `\`) {
				name = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
			}

			hasName := name != "" && (strings.Contains(line, name) || name == named.Only)
			hasSum := strings.Contains(strings.ToLower(line), e.Sum)
			if !hasName || !hasSum || len(e.Sum) != digits[e.Algorithm] {
				t.Fatalf("%q: %+v", line, e)
			}
		}

		// Every line is an entry, empty or a comment.
		isSigned := strings.HasPrefix(lines[0], "-----BEGIN PGP SIGNED MESSAGE-----")
		for i, line := range lines {
			text := strings.TrimSuffix(line, "\r")
			isIgnored := text == "" || text[0] == '#'
			if !isIgnored && !isEntry[i+1] && !isSigned {
				t.Fatalf("line %d is not an entry: %q", i+1, line)
			}
		}
	})
}

// Lists that sha256sum --check accepts are accepted, with the same meaning. All others are
// rejected.
func TestParseChecksumsAsSha256sum(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("sha256sum IS NOT INSTALLED")
	}

	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	sums, err := output.Sums(strings.NewReader("content"), []string{"sha256"})
	if err != nil {
		t.Fatal(err)
	}
	right := sums["sha256"]
	wrong := strings.Repeat("0", 64)

	// Not included are forms that no tool writes: with a tab, or with spaces before the digest.
	forms := []string{
		"SUM  a\n",
		"SUM *a\n",
		"SUM a\n",
		"SHA256 (a) = SUM\n",
		"SHA256(a)= SUM\n",
		"# SUM  b\n",
		"\n",
		"SUM  b\n",
		"SUM b\n",
		"SUM  a",
		"x\n",
		"SUM\n",
	}

	lists := 0
	for i := range len(forms) * len(forms) {
		text := forms[i/len(forms)] + forms[i%len(forms)]
		for _, sum := range []string{right, wrong} {
			list := strings.ReplaceAll(text, "SUM", sum)
			cmd := exec.Command("sha256sum", "--check", "--strict", "--status", "-")
			cmd.Dir = dir
			cmd.Stdin = strings.NewReader(list)
			isAccepted := cmd.Run() == nil

			entries, err := output.ParseChecksums([]byte(list), "sha256", "")
			for _, e := range entries {
				if e.Sum != right || e.Name != "a" && e.Name != "b" {
					err = fmt.Errorf("line %d does not fit", e.Line)
				}
			}

			if (err == nil) != isAccepted {
				t.Errorf("%q: sha256sum: %v, here: %v", list, isAccepted, err)
			}
			lists++
		}
	}
	t.Logf("%d lists", lists)
}
