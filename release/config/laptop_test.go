package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every setting decides what its value in the workflow of a clone may do on a laptop. A new
// setting also belongs in this table.
func TestEverySettingDecidesAboutWorkflows(t *testing.T) {
	root := t.TempDir()

	// For each setting a value that could be dangerous, and whether it counts.
	counts := map[string]struct {
		value string
		want  bool
	}{
		"command":        {"plan", false},
		"directory":      {"../elsewhere", false},
		"packages":       {"./cmd/...", true},
		"targets":        {"linux/arm64", true},
		"name":           {"tool", true},
		"tag":            {"v1.2.3", true},
		"tag-prefix":     {"name-", true},
		"tags":           {"netgo", true},
		"ldflags":        {"-extld=evil", false},
		"gcflags":        {"-o evil", false},
		"cgo":            {"static", true}, // with the compilers of this machine
		"cc":             {"linux/amd64=evil", false},
		"static":         {"report", true},
		"smoke-test":     {"--version", false},
		"archive":        {"zip", true},
		"archive-name":   {"{{.Name}}", true},
		"wrap":           {"true", true},
		"program-path":   {"bin/{{.Program}}", true},
		"files":          {"LICENSE", true},
		"attach":         {"made/*", false},
		"generated":      {"dist/**", true},
		"checksums":      {"sha512", true},
		"checksums-name": {"SHA256SUMS", true},
		"token":          {"ghp_", false},
		"release-name":   {"Release", true},
		"notes":          {"text", true},
		"notes-file":     {"../notes.md", false},
		"draft":          {"true", true},
		"prerelease":     {"true", true},
		"make-latest":    {"true", true},
		"overwrite":      {"true", true},
		"verify":         {"true", true},
		"dry-run":        {"false", false},
		"fail-fast":      {"true", true},
		"parallelism":    {"4", true},
		"cache":          {"false", true},
		"dist":           {"elsewhere", false},
		"timeout":        {"2h", true},
	}
	for _, s := range Settings {
		test, ok := counts[s.Name]
		if s.onLaptop == nil || !ok {
			t.Errorf("nobody has decided what %s of a workflow may do on a laptop", s.Name)
			continue
		}
		if why := s.onLaptop(root, test.value); (why == "") != test.want {
			t.Errorf("%s: %s: %q", s.Name, test.value, why)
		}
	}
	if got := FlagOnly(); !slices.Equal(got, []string{"cc", "dist", "smoke-test"}) {
		t.Errorf("only as flags: %q", got)
	}
}

func TestStaysInside(t *testing.T) {
	parent := t.TempDir()
	root := filepath.Join(parent, "root")
	for _, dir := range []string{filepath.Join(root, "sub"), filepath.Join(parent, "rooted")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}

	for value, want := range map[string]bool{
		"sub":                           true,
		".":                             true,
		"sub/..":                        true,
		"missing":                       true,
		filepath.Join(root, "sub"):      true,
		"../root/sub":                   true,
		"..":                            false,
		"../rooted":                     false,
		"../missing":                    false,
		"sub/../..":                     false,
		parent:                          false,
		filepath.Join(parent, "rooted"): false,
	} {
		if why := staysInside(root, filepath.FromSlash(value)); (why == "") != want {
			t.Errorf("%s: %q", value, why)
		}
	}
}

func TestHarmlessFlags(t *testing.T) {
	for value, want := range map[string]bool{
		"-s -w": true,
		"-s -w -X main.version={{.Version}} -X 'main.date={{ .Date }}'": true,
		"-X main.commit={{.ShortCommit}}":                               true,
		"-X=main.a=b --X=main.c=d -buildid=":                            true,
		"-buildid= -B none -H windowsgui -checklinkname=0":              true,
		"all=-s -w":                                      true,
		"example.com/...=-s":                             true,
		"-linkmode external -extldflags -static":         true,
		"-linkmode=external -extldflags=-static":         true,
		"-linkmode=external '-extldflags=-static'":       true,
		"-linkmode external -extldflags \"-static-pie\"": true,
		"-X main.a=-extld":                               true, // it is a value
		"-X 'main.a=-s -extld=/evil'":                    true, // so is this
		"":                                               true,
		"-extld=/evil":                                   false,
		"-extld /evil":                                   false,
		"--extld=/evil":                                  false,
		"-s -extld=/evil":                                false,
		"-s\n-extld=/evil":                               false,
		"-s\t-extld=/evil":                               false,
		"all=-extld=/evil":                               false,
		"'-extld=/evil'":                                 false, // the go command refuses it, too
		"\u00a0-extld=-s":                                false, // white space begins no pattern
		"-s '-extld=/evil'":                              false,
		"-s \"-extld=/evil\"":                            false,
		"-X 'main.a=b' -extld=/evil":                     false,
		"-X 'main.a=b'-extld=/evil":                      false, // two words, the second without a space before it
		"-X main.a='b -extld=/evil'":                     false, // a quote inside a word is none
		"-extar=/evil":                                   false,
		"-extldflags=-fplugin=/evil.so":                  false,
		"-extldflags '-static -wrapper /evil'":           false,
		"-extldflags '-static' -B/evil":                  false,
		"-extldflags":                                    false,
		"-X":                                             false,
		"-linkmode=evil":                                 false,
		"-tmpdir=/evil":                                  false,
		"-capturehostobjs=/evil":                         false,
		"-cpuprofile /evil":                              false,
		"-memprofile=/evil":                              false,
		"-benchmarkprofile=/evil":                        false,
		"-fipso=/evil":                                   false,
		"-o /evil":                                       false,
		"-importcfg=/evil":                               false,
		"-I /evil":                                       false,
		"-L /evil":                                       false,
		"-dumpdep":                                       false,
		"-X @evil":                                       false, // the linker reads more flags from the file evil
		"@evil":                                          false,
		"-X {{.Tag}}":                                    false, // which may begin with @
		"{{.Name}}":                                      false,
		"{{.Defaults}}":                                  true,
		"{{.Defaults}}{{if eq .OS \"windows\"}} -H=windowsgui{{end}}":                    true,
		"-s {{- if ne .Arch \"arm\"}} -w {{else}} -X main.a={{.OS}} {{end}}":             true,
		"{{if eq .OS \"windows\"}}-extld=/evil{{end}}":                                   false,
		"{{if eq .OS \"windows\"}}-s{{else}}-extld=/evil{{end}}":                         false,
		"{{if eq .OS \"windows\"}}-X{{end}} -extld=/evil":                                false, // a value on Windows only
		"{{if eq .Arch \"arm\"}}-X{{end}} {{if eq .OS \"linux\"}}-X{{end}} -extld=/evil": false,
		"{{if .Tag}}-X{{end}} -extld=/evil":                                              false,
		"{{if eq .Tag \"x\"}}-s{{end}}":                                                  false,
		"-extldflags {{.Defaults}}":                                                      false,
		"{{.Facts}}":                                                                     false,
		"{{.}}":                                                                          false,
		"{{.OS":                                                                          false,
		"{{.Env.HOME}}":                                                                  false,
		"-X main.a={{printf \"%s\" .Tag}}":                                               false,
		"-ex{{/* */}}tld=/evil":                                                          false,
		"-s -X main.a=b{{- \" -extld=/evil\" -}}":                                        false,
		"{{\"-extld=/evil\"}}":                                                           false,
		"-s {{":                                                                          false,
		"-- -extld=/evil":                                                                false,
		"-s - -extld=/evil":                                                              false,
		"-s=maybe":                                                                       false,
		"-s file.a":                                                                      false,
		"-s 'unterminated":                                                               false,
		"\u00a0-s -extld=/evil":                                                          false,
		"pattern":                                                                        false,
	} {
		if why := harmlessTemplate(linkerFlags)("", value); (why == "") != want {
			t.Errorf("linker: %q: %q", value, why)
		}
	}
	for value, want := range map[string]bool{
		"all=-N -l":                  true,
		"-l=4 -B -m=2 -m":            true,
		"-lang=go1.21 -c=4":          true,
		"-d=checkptr=0":              true,
		"-d=ssa/prove/dump=main":     false,
		"-cpuprofile=/evil":          false,
		"-memprofile /evil":          false,
		"-traceprofile=/evil":        false,
		"-blockprofile=/evil":        false,
		"-mutexprofile=/evil":        false,
		"-asmhdr=/evil":              false,
		"-linkobj=/evil":             false,
		"-symabis=/evil":             false,
		"-embedcfg=/evil":            false,
		"-pgoprofile=/evil":          false,
		"-json=0,/evil":              false,
		"-bench=/evil":               false,
		"-trimpath=/":                false,
		"-o=/evil":                   false,
		"all=-N @evil":               false,
		"-D /evil":                   false,
		"all=-N -l -cpuprofile=evil": false,
	} {
		if why := harmlessFlags(compilerFlags)("", value); (why == "") != want {
			t.Errorf("compiler: %q: %q", value, why)
		}
	}
}

// The flag to paste means the same to a shell, and controls no terminal.
func TestIgnoredNote(t *testing.T) {
	cc, _ := Find("cc")
	for value, want := range map[string]string{
		"linux/amd64=musl-gcc":         "; to use it: --cc linux/amd64=musl-gcc",
		"linux/*=zig cc":               "; to use it: --cc 'linux/*=zig cc'",
		"linux/amd64=a\nlinux/arm64=b": "; to use it: --cc 'linux/amd64=a linux/arm64=b'",
		"$(id) `id` $HOME 'x'":         `; to use it: --cc '$(id) ` + "`id`" + ` $HOME '\''x'\'''`,
		"a\x1b[2Jb":                    "; to use it, give --cc yourself",
		"a\u202eb":                     "; to use it, give --cc yourself",
		"a\rb":                         "; to use it, give --cc yourself",
		"a\xffb":                       "; to use it, give --cc yourself",
		"linux/amd64=" + strings.Repeat("x", 600): "; to use it, give --cc yourself",
	} {
		got := ignoredNote(cc, "", setValue{text: value, from: "FILE:1"}, "it is so")
		if got != "FILE:1: cc is ignored on this machine, because it is so"+want {
			t.Errorf("%q: %s", value, got)
		}
	}
}
