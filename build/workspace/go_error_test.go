package workspace

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// Each reason for which the go command loads no packages is told in a few lines, and has its
// own remedy. The messages are those of Go 1.26.
func TestGoErrors(t *testing.T) {
	newerGo := problem.There(setupGo, problem.Run("export GOTOOLCHAIN=auto"))
	private := privateModule(nil, []string{"", "github.com/octo/hidden"})
	network := "run the job again"

	for name, test := range map[string]struct {
		message string
		text    string
		remedy  any // a problem.Remedy, or the beginning of the first text in it
	}{
		"missing entries of go.sum": {
			message: "main.go:2:8: missing go.sum entry for module providing package golang.org/x/mod/semver " +
				"(imported by example.com/tool); to add:\n\tgo get example.com/tool\n",
			text: "main.go:2:8: missing go.sum entry for module providing package golang.org/x/mod/semver " +
				"(imported by example.com/tool)",
			remedy: tidy,
		},
		"a version of Go that there cannot be": {
			message: "go: errors parsing go.mod:\ngo.mod:3: invalid go version '1.abc': must match format 1.23.0\n",
			text:    "go: errors parsing go.mod:\ngo.mod:3: invalid go version '1.abc': must match format 1.23.0",
			remedy:  "https://go.dev/ref/mod#go-mod-file",
		},
		"a toolchain that does not exist": {
			message: "go: download go1.99.0: golang.org/toolchain@v0.0.1-go1.99.0.linux-amd64: reading " +
				"https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go1.99.0.linux-amd64.zip: 404 Not Found\n",
			text: "go: download go1.99.0: golang.org/toolchain@v0.0.1-go1.99.0.linux-amd64: reading " +
				"https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go1.99.0.linux-amd64.zip: 404 Not Found",
			remedy: "https://go.dev/dl lists the versions",
		},
		"missing go.mod hash": {
			message: "go: nx.invalid/lib@v0.0.0: missing go.sum entry for go.mod file; to add it:\n" +
				"\tgo mod download nx.invalid/lib\n",
			text:   "go: nx.invalid/lib@v0.0.0: missing go.sum entry for go.mod file",
			remedy: tidy,
		},
		"missing module": {
			message: "main.go:3:8: no required module provides package example.org/x; to add it:\n\tgo get example.org/x",
			text:    "main.go:3:8: no required module provides package example.org/x",
			remedy:  tidy,
		},
		"go.mod is not tidy": {
			message: "go: updates to go.mod needed, disabled by -mod=readonly; to update it:\n\tgo mod tidy\n",
			text:    "go: updates to go.mod needed, disabled by -mod=readonly",
			remedy:  tidy,
		},
		"a replacement that is not required": {
			message: "x.go:3:8: module example.org/x provides package example.org/x and is replaced but not required; " +
				"to add it:\n\tgo get example.org/x\n",
			text:   "x.go:3:8: module example.org/x provides package example.org/x and is replaced but not required",
			remedy: problem.Run("go get example.org/x").For("then commit go.mod and go.sum"),
		},
		"inconsistent vendoring": {
			message: "go: inconsistent vendoring in /src/tool:\n" +
				"\tgolang.org/x/mod@v0.30.0: is explicitly required in go.mod, but not marked as explicit\n\n" +
				"\tTo ignore the vendor directory, use -mod=readonly or -mod=mod.\n" +
				"\tTo sync the vendor directory, run:\n\t\tgo mod vendor\n",
			text: "go: inconsistent vendoring:\n" +
				"  golang.org/x/mod@v0.30.0: is explicitly required in go.mod, but not marked as explicit",
			remedy: vendor,
		},
		"a package that is not vendored": {
			message: "main.go:2:8: cannot find module providing package golang.org/x/mod/semver: " +
				"import lookup disabled by -mod=vendor",
			text: "main.go:2:8: cannot find module providing package golang.org/x/mod/semver: " +
				"import lookup disabled by -mod=vendor",
			remedy: vendor,
		},
		"a replacement that does not exist": {
			message: "main.go:2:8: example.org/lib@v0.0.0: replacement directory ../gone does not exist",
			text:    "main.go:2:8: example.org/lib@v0.0.0: replacement directory ../gone does not exist",
			remedy:  "go mod edit -dropreplace=example.org/lib && go get example.org/lib@latest",
		},
		"a replacement that does not exist, of an old go.mod": {
			message: "go: example.org/lib@v0.0.0 (replaced by ../gone): reading ../gone/go.mod: " +
				"open /src/gone/go.mod: no such file or directory",
			text: "go: example.org/lib@v0.0.0 (replaced by ../gone): reading ../gone/go.mod: " +
				"open /src/gone/go.mod: no such file or directory",
			remedy: "go mod edit -dropreplace=example.org/lib",
		},
		"a replacement without a go.mod": {
			message: "main.go:2:8: module ./lib: reading lib/go.mod: open /src/tool/lib/go.mod: no such file or directory",
			text:    "main.go:2:8: module ./lib: reading lib/go.mod: open lib/go.mod: no such file or directory",
			remedy:  "./lib needs a go.mod",
		},
		"a module of go.work that does not exist": {
			message: "go: cannot load module gone listed in go.work file: open gone/go.mod: no such file or directory",
			text:    "go: cannot load module gone listed in go.work file: open gone/go.mod: no such file or directory",
			remedy:  "go work edit -dropuse=./gone",
		},
		"a go.work that is too old": {
			message: "go: module . listed in go.work file requires go >= 1.24.0, but go.work lists go 1.24; to update it:\n" +
				"\tgo work use\n",
			text:   "go: module . listed in go.work file requires go >= 1.24.0, but go.work lists go 1.24",
			remedy: "go work use",
		},
		"an old toolchain": {
			message: "go: module ./lib requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)",
			text:    "go: module ./lib requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)",
			remedy:  newerGo,
		},
		"go.mod": {
			message: "go: errors parsing go.mod:\ngo.mod:5: unknown directive: requires\n",
			text:    "go: errors parsing go.mod:\ngo.mod:5: unknown directive: requires",
			remedy:  "https://go.dev/ref/mod#go-mod-file",
		},
		"a checksum": {
			message: "go: downloading golang.org/x/mod v0.30.0\nverifying golang.org/x/mod@v0.30.0: checksum mismatch\n" +
				"\tdownloaded: h1:f=\n\tgo.sum:     h1:A=\n\nSECURITY ERROR\n" +
				"This download does NOT match an earlier download recorded in go.sum.\n",
			text: "verifying golang.org/x/mod@v0.30.0: checksum mismatch\n  downloaded: h1:f=\n  go.sum:     h1:A=",
			remedy: problem.Either(
				problem.Run("go clean -modcache").For("if this cache is damaged"),
				problem.Run("grep -v '^golang.org/x/mod v0.30.0' go.sum >go.sum.new; mv go.sum.new go.sum; go mod tidy").For(
					"if its authors moved the tag and you trust them"),
			),
		},
		"a private module in the checksum database": {
			message: "x.go:2:8: github.com/octo/hidden@v1.0.0: verifying module: github.com/octo/hidden@v1.0.0: reading " +
				"https://sum.golang.org/lookup/github.com/octo/hidden@v1.0.0: 404 Not Found",
			text: "x.go:2:8: github.com/octo/hidden@v1.0.0: verifying module: github.com/octo/hidden@v1.0.0: reading " +
				"https://sum.golang.org/lookup/github.com/octo/hidden@v1.0.0: 404 Not Found",
			remedy: private,
		},
		"a private module without credentials": {
			message: "go: github.com/octo/hidden@v1.0.0: reading github.com/octo/hidden/go.mod at revision v1.0.0: " +
				"git ls-remote -q origin in /root/go/pkg/mod/cache/vcs/1: exit status 128:\n" +
				"\tfatal: could not read Username for 'https://github.com': terminal prompts disabled\n",
			text: "go: github.com/octo/hidden@v1.0.0: reading github.com/octo/hidden/go.mod at revision v1.0.0: " +
				"git ls-remote -q origin in /root/go/pkg/mod/cache/vcs/1: exit status 128:\n" +
				"  fatal: could not read Username for 'https://github.com': terminal prompts disabled",
			remedy: private,
		},
		"a module that the proxy refuses": {
			message: "main.go:2:8: github.com/octo/hidden@v1.0.0: reading https://proxy.example/github.com/octo/hidden" +
				"/@v/v1.0.0.zip: 403 Forbidden\n\tserver response: not available.",
			text: "main.go:2:8: github.com/octo/hidden@v1.0.0: reading https://proxy.example/github.com/octo/hidden" +
				"/@v/v1.0.0.zip: 403 Forbidden\n  server response: not available.",
			remedy: private,
		},
		"a version that does not exist": {
			message: "go: github.com/octo/hidden@v1.9.0: reading https://proxy.example/github.com/octo/hidden" +
				"/@v/v1.9.0.mod: 404 Not Found\n\tserver response: not found: invalid version: unknown revision v1.9.0",
			text: "go: github.com/octo/hidden@v1.9.0: reading https://proxy.example/github.com/octo/hidden" +
				"/@v/v1.9.0.mod: 404 Not Found\n  server response: not found: invalid version: unknown revision v1.9.0",
			remedy: problem.Either(
				problem.Run("go get github.com/octo/hidden@latest && go mod tidy").For("if there is no version v1.9.0"),
				private,
			),
		},
		"DNS": {
			message: "go: example.org/x@v1.0.0: Get \"https://proxy.example/example.org/x/@v/v1.0.0.mod\": " +
				"dial tcp: lookup proxy.example: no such host",
			text: "go: example.org/x@v1.0.0: Get \"https://proxy.example/example.org/x/@v/v1.0.0.mod\": " +
				"dial tcp: lookup proxy.example: no such host",
			remedy: network,
		},
		"a timeout": {
			message: "go: example.org/x@v1.0.0: Get \"https://proxy.example/x\": net/http: TLS handshake timeout",
			text:    "go: example.org/x@v1.0.0: Get \"https://proxy.example/x\": net/http: TLS handshake timeout",
			remedy:  network,
		},
		"a broken proxy": {
			message: "go: example.org/x@v1.0.0: reading https://proxy.example/x.mod: 502 Bad Gateway",
			text:    "go: example.org/x@v1.0.0: reading https://proxy.example/x.mod: 502 Bad Gateway",
			remedy:  network,
		},
		"a download that breaks off": {
			message: "go: example.org/x@v1.0.0: Get \"https://proxy.example/x.zip\": unexpected EOF",
			text:    "go: example.org/x@v1.0.0: Get \"https://proxy.example/x.zip\": unexpected EOF",
			remedy:  network,
		},
		"a file that ends too early": {
			message: "main.go:3:1: syntax error: unexpected EOF, expecting }",
			text:    "main.go:3:1: syntax error: unexpected EOF, expecting }",
			remedy:  problem.Remedy{},
		},
		"a certificate": {
			message: "go: example.org/x@v1.0.0: Get \"https://p.example/x\": tls: failed to verify certificate: " +
				"x509: certificate signed by unknown authority",
			text: "go: example.org/x@v1.0.0: Get \"https://p.example/x\": tls: failed to verify certificate: " +
				"x509: certificate signed by unknown authority",
			remedy: network,
		},
		"no proxy": {
			message: "main.go:2:8: module lookup disabled by GOPROXY=off",
			text:    "main.go:2:8: module lookup disabled by GOPROXY=off",
			remedy:  "give the step a proxy",
		},
		"an ambiguous import": {
			message: "x.go:3:8: ambiguous import: found package a.example/b/c in multiple modules:\n" +
				"\ta.example/b v1.0.0 (/m/b)\n\ta.example/b/c v1.1.0 (/m/c)\n",
			text: "x.go:3:8: ambiguous import: found package a.example/b/c in multiple modules:\n" +
				"  a.example/b v1.0.0 (/m/b)\n  a.example/b/c v1.1.0 (/m/c)",
			remedy: problem.Run("go get a.example/b@latest && go mod tidy").For("then commit go.mod and go.sum"),
		},
		"a cycle": {
			message: "package a\n\timports b\n\timports a: import cycle not allowed",
			text:    "package a\n  imports b\n  imports a: import cycle not allowed",
			remedy:  "move what both packages need",
		},
		"an internal package": {
			message: "main.go:2:8: use of internal package golang.org/x/mod/internal/lazyregexp not allowed",
			text:    "main.go:2:8: use of internal package golang.org/x/mod/internal/lazyregexp not allowed",
			remedy:  "import a package that is not below internal/: only packages of golang.org/x/mod can",
		},
		"a program": {
			message: `main.go:2:8: import "example.com/tool/a" is a program, not an importable package`,
			text:    `main.go:2:8: import "example.com/tool/a" is a program, not an importable package`,
			remedy:  "move what is imported",
		},
		"two packages": {
			message: "main.go:2:8: found packages a (a.go) and b (b.go) in /src/tool/a",
			text:    "main.go:2:8: found packages a (a.go) and b (b.go) in a",
			remedy:  "a directory holds one package: move a.go or b.go",
		},
		"a package of a newer Go": {
			message: "main.go:3:8: package encoding/xyz is not in std (/usr/local/go/src/encoding/xyz)",
			text:    "main.go:3:8: package encoding/xyz is not in std",
			remedy:  newerGo.For("if a newer Go has the package"),
		},
		"an unknown message": {
			message: "go: something else\n\tof two lines",
			text:    "go: something else\n  of two lines",
			remedy:  problem.Remedy{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &Workspace{Dir: "/src/tool", Module: "example.com/tool", Mod: "readonly"}
			err := w.ExplainGo(fmt.Errorf("listing: %w", &process.CommandError{
				Args:   []string{"go", "list"},
				Output: test.message,
				Err:    errors.New("exit status 1"),
			}))
			if diff := cmp.Diff(test.text, err.Error()); diff != "" {
				t.Errorf("text (-want +have):\n%s", diff)
			}

			have := problem.RemedyOf(err)
			if text, ok := test.remedy.(string); ok {
				if !strings.HasPrefix(firstText(have), text) {
					t.Errorf("remedy: got %+v, expected %q", have, text)
				}
			} else if diff := cmp.Diff(test.remedy, have); diff != "" {
				t.Errorf("remedy (-want +have):\n%s", diff)
			}
		})
	}
}

// firstText returns the text of the first remedy that has one.
func firstText(r problem.Remedy) string {
	if r.Text != "" || len(r.Of) == 0 {
		return r.Text
	}
	return firstText(r.Of[0])
}

// A module that is vendored, or part of a go.work, needs other commands.
func TestRemedyDependsOnWorkspace(t *testing.T) {
	const message = "missing go.sum entry for module providing package golang.org/x/mod/semver"
	vendored := &Workspace{Dir: "/src", Mod: "vendor"}
	if got := vendored.RemedyFor(message); !cmp.Equal(got, vendor) {
		t.Errorf("vendored: got %+v", got)
	}

	shared := &Workspace{Dir: "/src/tool", Mod: "readonly", Work: "/src/go.work"}
	if got := shared.RemedyFor(message); !strings.Contains(got.Text, "go work sync") {
		t.Errorf("go.work: got %+v", got)
	}
	if got := shared.RemedyFor("go: inconsistent vendoring in /src:"); !strings.Contains(got.Text, "go work vendor") {
		t.Errorf("go.work with vendor: got %+v", got)
	}
}

// However much the go command writes, a person reads little of it. What go list wrote as JSON
// before it failed is not shown.
func TestGoErrorsAreShort(t *testing.T) {
	w := &Workspace{Dir: "/src/tool"}
	var long strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&long, "x.go:%d:8: %s\n", i+1, strings.Repeat("é", 1000))
	}
	text := w.Shorten(long.String())
	if lines := strings.Count(text, "\n") + 1; lines > 13 || len(text) > 13*510 {
		t.Errorf("%d lines, %d bytes", lines, len(text))
	}
	if !strings.HasSuffix(text, "\nand 988 more lines") {
		t.Errorf("got %q", text[len(text)-100:])
	}

	failed := func(output string) error {
		return w.ExplainGo(&process.CommandError{
			Args:   []string{"go", "list"},
			Output: output,
			Err:    errors.New("exit status 1"),
		})
	}
	json := "{\n\t\"ImportPath\": \"a\",\n\t\"Error\": {\n\t\t\"Err\": \"missing go.sum entry for \\\"a\\\"\"\n\t}\n}\n"
	if err := failed(json); err.Error() != `missing go.sum entry for "a"` {
		t.Errorf("got %q", err)
	}
	if err := failed("{\n\t\"ImportPath\": \"a\"\n}\n"); err.Error() != "asking go about the module: exit status 1" {
		t.Errorf("got %q", err)
	}
}

// The place that a message names is one in the module, or none.
func TestPositionIn(t *testing.T) {
	for message, want := range map[string]problem.Position{
		"go: errors parsing go.mod:\ngo.mod:5: unknown directive: x": {
			File: "go.mod", Line: 5, Message: "unknown directive: x",
		},
		"./cmd/x.go:3:8: no required module": {File: "cmd/x.go", Line: 3, Column: 8, Message: "no required module"},
		"../x.go:3:8: outside":               {},
		"/abs/x.go:3:8: outside":             {},
		"x.go:99999999999999999999:8: far":   {},
		"nothing":                            {},
	} {
		if got := positionIn(message); got != want {
			t.Errorf("%q: got %+v, expected %+v", message, got, want)
		}
	}
}

// A file of a dependency is named as the module cache does, and is no place in the module.
func TestPositionOfDependency(t *testing.T) {
	w := &Workspace{Dir: filepath.FromSlash("/src/tool"), modCache: filepath.FromSlash("/root/go/pkg/mod")}
	for place, want := range map[string]string{
		"main.go:3:8":            "main.go:3:8",
		"/src/tool/cmd/x.go:3:8": "cmd/x.go:3:8",
		"../../root/go/pkg/mod/example.org/x@v1/x.go:3:8": "example.org/x@v1/x.go:3:8",
		"/root/go/pkg/mod/example.org/x@v1.0.0/x.go:3:8":  "example.org/x@v1.0.0/x.go:3:8",
		"../other/x.go:3:8": "../other/x.go:3:8",
		"":                  "",
	} {
		if got := w.ShortPosition(place); got != want {
			t.Errorf("%q: got %q, expected %q", place, got, want)
		}
		_, ok := w.PositionIn(place)
		if isOwn := want == "main.go:3:8" || want == "cmd/x.go:3:8"; ok != isOwn {
			t.Errorf("%q: in the module: %v", place, ok)
		}
	}
}
