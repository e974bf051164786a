package build

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
)

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/tool":       "tool",
		"example.com/tool/v2":    "tool",
		"example.com/tool/cmd/d": "d",
		"gopkg.in/yaml.v3":       "yaml.v3",
		"example.com/v1":         "v1",
		"tool":                   "tool",
		"v2":                     "v2",
		"example.com/x/v10":      "x",
	} {
		if got := binaryName(path); got != want {
			t.Errorf("program of %s: got %s, expected %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"github.com/o/tool": "tool", "github.com/o/tool/v3": "tool", "gopkg.in/yaml.v3": "yaml", "tool": "tool",
	} {
		if got := moduleName(path); got != want {
			t.Errorf("name of %s: got %s, expected %s", path, got, want)
		}
	}
}

// Directories that name nothing leave the name to those above them, and to the module.
func TestProgramName(t *testing.T) {
	const module = "github.com/docker/compose/v2"
	for dir, want := range map[string]string{
		"":                    "compose",
		"/cmd":                "compose",
		"/src":                "compose",
		"/main":               "compose",
		"/app":                "compose",
		"/cmd/cli":            "compose",
		"/cmd/app":            "compose",
		"/src/main":           "compose",
		"/src/cmd/main/v2":    "compose",
		"/cmd/server":         "server",
		"/cmd/tool":           "tool",
		"/cmd/tool/main":      "tool",
		"/cmd/tool/v3":        "tool",
		"/services/auth/cmd":  "auth",
		"/internal/clique":    "clique",
		"er/cmd":              "cmd", // another module, whose path begins alike
		"/cmd/compose-switch": "compose-switch",
	} {
		if got := programName(module+dir, module); got != want {
			t.Errorf("%s: got %s, expected %s", dir, got, want)
		}
	}
}

// main returns the main package in a directory of a module.
func mainIn(module, dir string) Main {
	importPath := module
	if dir != "." {
		importPath += "/" + dir
	}
	return Main{
		Name:       binaryName(importPath),
		ImportPath: importPath,
		Dir:        dir,
	}
}

// A generic name is kept if the better one is taken. A program has one name for all targets.
func TestNameMains(t *testing.T) {
	const module = "example.com/tool"
	for _, test := range []struct {
		name     string
		dirs     [][]string // of each build
		patterns []pattern
		want     map[string]string
	}{
		{
			name: "alone",
			dirs: [][]string{{"cmd"}},
			want: map[string]string{"cmd": "tool"},
		},
		{
			name: "beside others",
			dirs: [][]string{{"cmd/cli", "cmd/server"}},
			want: map[string]string{"cmd/cli": "tool", "cmd/server": "server"},
		},
		{
			name: "taken by the root",
			dirs: [][]string{{".", "cmd/cli"}},
			want: map[string]string{".": "tool", "cmd/cli": "cli"},
		},
		{
			name: "taken on another target",
			dirs: [][]string{{"cmd/cli"}, {".", "cmd/cli"}},
			want: map[string]string{".": "tool", "cmd/cli": "cli"},
		},
		{
			name: "two that are generic",
			dirs: [][]string{{"cmd/app", "cmd/cli"}},
			want: map[string]string{"cmd/app": "app", "cmd/cli": "cli"},
		},
		{
			name: "never cmd.exe",
			dirs: [][]string{{".", "cmd"}},
			want: map[string]string{".": "tool", "cmd": "tool"}, // refused, with a remedy
		},
		{
			name:     "chosen by the user",
			dirs:     [][]string{{"cmd/cli"}},
			patterns: []pattern{{name: "cli", text: "./cmd/cli"}},
			want:     map[string]string{"cmd/cli": "cli"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			builds := make([]Build, len(test.dirs))
			for i, dirs := range test.dirs {
				for _, dir := range dirs {
					builds[i].Mains = append(builds[i].Mains, mainIn(module, dir))
				}
			}
			nameMains(builds, module, test.patterns)
			for _, b := range builds {
				for _, m := range b.Mains {
					if m.Name != test.want[m.Dir] {
						t.Errorf("%s: got %s, expected %s", m.Dir, m.Name, test.want[m.Dir])
					}
				}
			}
		})
	}
}

func TestCheckProgramName(t *testing.T) {
	for name, want := range map[string]string{
		"age":             "",
		"age-keygen":      "",
		"tool_v2.1":       "",
		"console":         "",
		"com":             "",
		"nullify":         "",
		"größe":           "",
		"":                "is empty",
		"a/b":             "separator",
		`a\b`:             "separator",
		"..":              `begins with "."`,
		".hidden":         `begins with "."`,
		"-rf":             `begins with "-"`,
		"tool.":           "Windows removes",
		"Nul":             "Windows reserves",
		"con.txt":         "Windows reserves",
		"LPT1":            "Windows reserves",
		"tool.EXE":        "suffix .EXE",
		"tool.wasm":       "suffix .wasm",
		"a b":             "contains ' '",
		"a:b":             "contains ':'",
		"a\nb":            `contains '\n'`,
		"what?":           "contains '?'",
		"tool\x7f":        `contains '\x7f'`,
		"conin$":          "Windows reserves",
		"prnt":            "",
		"age-plugin-com1": "",
	} {
		err := checkProgramName(name)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, expected %s", name, err, want)
		}
	}
}

// The remedy for programs of one name gives each of them another one.
func TestCheckNames(t *testing.T) {
	const module = "example.com/tool"
	mains := []Main{
		mainIn(module, "."),
		mainIn(module, "a/Tool"),
		mainIn(module, "b/tool"),
		mainIn(module, "c/b/tool"),
		mainIn(module, "cmd/nul"),
		mainIn(module, "other"),
	}
	mains[5].Name = "renamed"

	ps := checkNames(mains)
	var got []string
	for _, p := range ps {
		got = append(got, p.Error())
	}
	want := []string{
		"main packages example.com/tool and example.com/tool/a/Tool would both be written as Tool",
		"main packages example.com/tool and example.com/tool/b/tool would both be written as tool",
		"main packages example.com/tool and example.com/tool/c/b/tool would both be written as tool",
		`example.com/tool/cmd/nul: "nul" is no name of a program: Windows reserves it`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}

	const remedy = ". a-Tool=./a/Tool b-tool=./b/tool tool-2=./c/b/tool ./cmd/nul renamed=./other"
	if diff := cmp.Diff(problem.Set("packages", remedy).For("names them differently"), ps[0].Remedy); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	if diff := cmp.Diff(problem.Set("packages", "NAME=./cmd/nul"), ps[3].Remedy); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}
