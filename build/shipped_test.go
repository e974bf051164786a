package build

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/workspace/gittest"
)

const (
	usesLibrary   = "package main\n\nimport \"MODULE/lib\"\n\nfunc main() { lib.Use() }\n"
	usesNothing   = "package main\n\nfunc main() { println() }\n"
	emptyMain     = "// Package main is for go install.\npackage main\n\nimport _ \"embed\"\n\nfunc main() {}\n"
	exportsToHost = "package main\n\n//go:wasmexport f\nfunc f() {}\n\nfunc main() {}\n"
)

// The programs that projects ship, in the layouts that they have.
func TestChooseShipped(t *testing.T) {
	for _, test := range []struct {
		name   string
		module string
		files  map[string]string // with the sources above
		want   string            // patterns of what is shipped
		others string            // patterns of what is left out with a note
	}{
		{
			name:   "the root",
			module: "github.com/junegunn/fzf",
			files:  map[string]string{"main.go": usesLibrary},
			want:   ".",
		},
		{
			name:   "a program named after the project, and programs for it",
			module: "github.com/projectdiscovery/nuclei/v3",
			files: map[string]string{
				"cmd/nuclei/main.go":           usesLibrary,
				"cmd/docgen/main.go":           usesLibrary,
				"cmd/functional-test/main.go":  usesLibrary,
				"cmd/integration_test/main.go": usesLibrary,
				"cmd/memo/main.go":             usesNothing,
				"cmd/tools/signer/main.go":     usesLibrary,
			},
			want:   "./cmd/nuclei",
			others: "./cmd/docgen ./cmd/functional-test ./cmd/integration_test ./cmd/memo",
		},
		{
			name:   "no program named after the project",
			module: "github.com/cli/cli/v2",
			files: map[string]string{
				"cmd/gh/main.go":       usesNothing,
				"cmd/gen-docs/main.go": usesLibrary,
			},
			want:   "./cmd/gh",
			others: "./cmd/gen-docs",
		},
		{
			name:   "names that only look like it",
			module: "github.com/FiloSottile/age",
			files: map[string]string{
				"cmd/age/main.go":                  usesLibrary,
				"cmd/age-keygen/main.go":           usesLibrary,
				"cmd/protoc-gen-buf-lint/main.go":  usesLibrary,
				"cmd/jsonnet-lint/main.go":         usesLibrary,
				"cmd/abigen/main.go":               usesLibrary,
				"cmd/controller-gen/main.go":       usesLibrary,
				"cmd/containerd-stress/main.go":    usesLibrary,
				"cmd/esmapping-generator/main.go":  usesLibrary,
				"cmd/docs-server/main.go":          usesLibrary,
				"cmd/contest/main.go":              usesLibrary,
				"cmd/gentoo/main.go":               usesLibrary,
				"cmd/sqlc-gen-json/main.go":        usesLibrary,
				"cmd/age-test-setup/main.go":       usesLibrary,
				"cmd/buf/internal/fixture/main.go": usesLibrary,
			},
			want: "./cmd/abigen ./cmd/age ./cmd/age-keygen ./cmd/containerd-stress ./cmd/contest ./cmd/controller-gen " +
				"./cmd/docs-server ./cmd/esmapping-generator ./cmd/gentoo ./cmd/jsonnet-lint ./cmd/protoc-gen-buf-lint",
			others: "./cmd/age-test-setup ./cmd/sqlc-gen-json",
		},
		{
			name:   "programs that stand alone, as the product does",
			module: "example.com/tool",
			files: map[string]string{
				"cmd/tool/main.go":  usesNothing,
				"cmd/toold/main.go": usesNothing,
				"lib/lib.go":        "package lib\n",
			},
			want: "./cmd/tool ./cmd/toold",
		},
		{
			name:   "programs without a product among them",
			module: "example.com/tools-of-ours",
			files: map[string]string{
				"cmd/one/main.go": usesLibrary,
				"cmd/two/main.go": usesNothing,
			},
			want: "./cmd/one ./cmd/two",
		},
		{
			name:   "the product is a generator",
			module: "github.com/kubernetes/gen-thing",
			files: map[string]string{
				"cmd/gen-thing/main.go": usesLibrary,
				"cmd/gen-docs/main.go":  usesLibrary,
			},
			want:   "./cmd/gen-thing",
			others: "./cmd/gen-docs",
		},
		{
			name:   "nothing else",
			module: "example.com/library",
			files: map[string]string{
				"cmd/gen-a/main.go": usesLibrary,
				"cmd/gen-b/main.go": usesLibrary,
			},
			want: "./cmd/gen-a ./cmd/gen-b",
		},
		{
			name:   "the root and helpers",
			module: "github.com/jesseduffield/lazygit",
			files: map[string]string{
				"main.go":             usesLibrary,
				"cmd/i18n/main.go":    usesLibrary,
				"cmd/lazyctl/main.go": usesLibrary,
			},
			want:   ". ./cmd/lazyctl",
			others: "./cmd/i18n",
		},
		{
			name:   "a copy of the root",
			module: "sigs.k8s.io/kind",
			files: map[string]string{
				"main.go":          usesLibrary,
				"cmd/kind/main.go": usesLibrary,
			},
			want:   ".",
			others: "./cmd/kind",
		},
		{
			name:   "an empty root",
			module: "github.com/traefik/traefik/v3",
			files: map[string]string{
				"doc.go":              emptyMain,
				"cmd/traefik/main.go": usesNothing,
			},
			want: "./cmd/traefik",
		},
		{
			name:   "a root that is a generator",
			module: "example.com/tool",
			files: map[string]string{
				"generate.go":      usesNothing,
				"cmd/tool/main.go": usesNothing,
			},
			want: "./cmd/tool",
		},
		{
			name:   "an empty main that a host calls",
			module: "example.com/tool",
			files: map[string]string{
				"cmd/plugin/main.go": exportsToHost,
				"cmd/tool/main.go":   usesNothing,
			},
			want: "./cmd/plugin ./cmd/tool",
		},
		{
			name:   "a main without a body",
			module: "example.com/tool",
			files:  map[string]string{"main.go": "package main\n\nfunc main()\n", "cmd/toold/main.go": usesNothing},
			want:   ". ./cmd/toold",
		},
		{
			name:   "the beginning of a project",
			module: "example.com/tool",
			files:  map[string]string{"main.go": emptyMain, "cmd/toold/main.go": emptyMain},
			want:   ". ./cmd/toold",
		},
		{
			name:   "cmd itself",
			module: "github.com/docker/compose/v2",
			files: map[string]string{
				"cmd/main.go":              usesLibrary,
				"docs/examples/tracing.go": usesLibrary,
				"pkg/yaml/main/main.go":    usesLibrary,
			},
			want: "./cmd",
		},
		{
			name:   "a generator, elsewhere",
			module: "go.uber.org/mock",
			files:  map[string]string{"mockgen/mockgen.go": usesNothing, "sample/user.go": usesLibrary},
			want:   "./mockgen",
		},
		{
			name:   "the project's name, elsewhere",
			module: "github.com/xtls/xray-core",
			files: map[string]string{
				"infra/vformat/main.go":   usesNothing,
				"infra/vprotogen/main.go": usesNothing,
				"main/main.go":            usesLibrary,
			},
			want:   "./main",
			others: "./infra/vformat ./infra/vprotogen",
		},
		{
			name:   "one beside helpers, elsewhere",
			module: "example.com/library",
			files:  map[string]string{"gen/main.go": usesLibrary, "tool/main.go": usesLibrary},
			want:   "./tool",
		},
		{
			name:   "elsewhere too",
			module: "filippo.io/age",
			files: map[string]string{
				"cmd/age/main.go":             usesLibrary,
				"extra/age-plugin-pq/main.go": usesLibrary,
				"internal/testkit/main.go":    usesLibrary,
				"deep/er/and/deeper/main.go":  usesLibrary,
				"examples/hello/main.go":      usesLibrary,
				"livereload/gen/main.go":      usesLibrary,
			},
			want:   "./cmd/age",
			others: "./extra/age-plugin-pq",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var all []program
			for file, source := range test.files {
				gittest.WriteFiles(t, dir, map[string]string{file: strings.ReplaceAll(source, "MODULE", test.module)})
				if !strings.HasPrefix(source, "package lib") {
					all = append(all, program{
						Main:    mainIn(test.module, filepath.ToSlash(filepath.Dir(file))),
						sources: []string{filepath.Join(dir, filepath.FromSlash(file))},
					})
				}
			}
			slices.SortFunc(all, func(a, b program) int { return compareMains(a.Main, b.Main) })

			r := &resolver{plan: &Plan{
				Module: test.module,
				Name:   moduleName(test.module),
			}}
			c, err := r.chooseShipped(all)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, patternsOf(c.shipped)); diff != "" {
				t.Errorf("shipped (-want +have):\n%s", diff)
			}
			others := slices.Concat(c.helpers, c.twins, c.elsewhere)
			if diff := cmp.Diff(test.others, patternsOf(others)); diff != "" {
				t.Errorf("left out (-want +have):\n%s", diff)
			}
		})
	}
}

// The names that one go build would write to one file are in different groups.
func TestGroups(t *testing.T) {
	const module = "example.com/tool"
	b := Build{Mains: []Main{
		mainIn(module, "a"),
		mainIn(module, "x/c"),
		mainIn(module, "y/C"),
		mainIn(module, "z/c"),
	}}
	p := &Plan{Mod: "readonly"}

	var got []string
	for _, command := range p.Commands(b, "/out") {
		i := slices.Index(command.Args, "-o")
		got = append(got, filepath.ToSlash(strings.Join(command.Args[i:], " ")))
	}
	want := []string{
		"-o /out/.go-build-0/ example.com/tool/a example.com/tool/x/c",
		"-o /out/.go-build-1/ example.com/tool/y/C",
		"-o /out/.go-build-2/ example.com/tool/z/c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	if got := filepath.ToSlash(b.OutputPath(b.Mains[2])); got != ".go-build-1/C" {
		t.Errorf("got %s", got)
	}

	// A program with another name than its package is kept away from the final names.
	b.Mains = b.Mains[:2]
	if got := b.OutputPath(b.Mains[1]); got != "c" {
		t.Errorf("got %s", got)
	}
	b.Mains[0].Name = "c2"
	if got := filepath.ToSlash(b.OutputPath(b.Mains[1])); got != ".go-build-0/c" {
		t.Errorf("got %s", got)
	}
}
