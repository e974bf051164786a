package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func planOf(archive string, mains ...mainPackage) plan {
	var p plan
	p.Builds = append(p.Builds, struct {
		Mains []mainPackage
		Files []string
	}{mains, []string{archive}})
	return p
}

// What a plan lacks is lost, what it has beside is too much, and an error is expected or not.
func TestCompare(t *testing.T) {
	shipped := project{
		name:     "tool",
		tag:      "v1.0.0",
		programs: []string{"cmd/tool", "tool-server=cmd/server"},
		archive:  "tool-linux.tar.gz",
	}
	refused := shipped
	refused.refusal = "several elsewhere"

	tool := mainPackage{Name: "tool", Dir: "cmd/tool"}
	server := mainPackage{Name: "tool-server", Dir: "cmd/server"}
	for _, test := range []struct {
		name    string
		project project
		plan    plan
		err     error
		row     string
		fails   bool
	}{
		{
			name:    "the same",
			project: shipped,
			plan:    planOf("tool.tar.gz", tool, server),
			row:     "| tool v1.0.0 | tool, tool-server |  |  |  | tool.tar.gz | tool-linux.tar.gz |",
		},
		{
			name:    "lost",
			project: shipped,
			plan:    planOf("tool.tar.gz", tool),
			row:     "| tool v1.0.0 | tool | tool-server=cmd/server |  |  | tool.tar.gz | tool-linux.tar.gz |",
			fails:   true,
		},
		{
			name:    "too many",
			project: shipped,
			plan:    planOf("tool.tar.gz", tool, server, mainPackage{Name: "x", Dir: "cmd/x"}),
			row:     "| tool v1.0.0 | tool, tool-server, x |  | x |  | tool.tar.gz | tool-linux.tar.gz |",
		},
		{
			name:    "another name",
			project: shipped,
			plan:    planOf("tool.tar.gz", tool, mainPackage{Name: "server", Dir: "cmd/server"}),
			row: "| tool v1.0.0 | tool, server, server is called tool-server there |  |  |  | tool.tar.gz | " +
				"tool-linux.tar.gz |",
		},
		{
			name:    "an error",
			project: shipped,
			err:     errors.New("no go.mod"),
			row: "| tool v1.0.0 | error: no go.mod | cmd/tool, tool-server=cmd/server |  |  |  | " +
				"tool-linux.tar.gz |",
			fails: true,
		},
		{
			name:    "the expected error",
			project: refused,
			err:     errors.New("error: several elsewhere: ./a ./b"),
			row:     "| tool v1.0.0 | refused: several elsewhere |  |  |  |  | tool-linux.tar.gz |",
		},
		{
			name:    "another error",
			project: refused,
			err:     errors.New("no go.mod"),
			row: "| tool v1.0.0 | error: no go.mod | cmd/tool, tool-server=cmd/server |  |  |  | " +
				"tool-linux.tar.gz |",
			fails: true,
		},
		{
			name:    "no error",
			project: refused,
			plan:    planOf("tool.tar.gz", tool),
			row: `| tool v1.0.0 | error: got 1 builds, and an error with "several elsewhere" was expected ` +
				"|  |  |  |  | tool-linux.tar.gz |",
			fails: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			results := []result{compare(test.project, test.plan, test.err)}
			var table strings.Builder
			printTable(&table, results, false)
			if got := strings.Split(table.String(), "\n")[2]; got != test.row {
				t.Errorf("got  %s\nwant %s", got, test.row)
			}
			if err := verdict(results); (err != nil) != test.fails {
				t.Errorf("verdict: %v", err)
			}
		})
	}
}

// The notes say what was left out. The counts are of projects, but of programs that are lost.
func TestCounts(t *testing.T) {
	found := planOf("t.tar.gz", mainPackage{Name: "a", Dir: "a"}, mainPackage{Name: "b", Dir: "b"})
	found.Notes = append(found.Notes,
		struct{ Text string }{"left out what looks like tools of the project's own: ./cmd/gen ./cmd/x"},
		struct{ Text string }{"uncommitted changes: go.mod"},
	)
	results := []result{
		compare(project{name: "one", tag: "v1", programs: []string{"c", "d"}}, found, nil),
		compare(project{name: "two", tag: "v1", programs: []string{"a", "b"}}, found, nil),
	}
	results[0].said = "v1 |\n<of today>"

	var table strings.Builder
	printTable(&table, results, true)
	const want = `| project | programs | lost | too many | left out, with a note | archive | theirs | the program says |
|---|---|---|---|---|---|---|---|
| one v1 | a, b | c, d | a, b | ./cmd/gen ./cmd/x | t.tar.gz |  | v1 \| &lt;of today> |
| two v1 | a, b |  |  | ./cmd/gen ./cmd/x | t.tar.gz |  |  |

2 projects: 2 programs lost, 1 projects with programs too many, 0 with a program of another name, 0 refused with advice, 0 failed
`
	if table.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", table.String(), want)
	}
}

// The table is complete: each project says what it ships, or why it cannot be planned.
func TestProjects(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range projects {
		if seen[p.name] {
			t.Errorf("%s: twice", p.name)
		}
		seen[p.name] = true

		isRefused := p.refusal != ""
		if isRefused == (len(p.programs) > 0) || isRefused == (len(p.ask) > 0) || isRefused == (p.archive != "") {
			t.Errorf("%s: programs, archive and arguments, or a refusal", p.name)
		}
		tagged := path.Base(p.tag)
		named := false
		for _, m := range p.modules {
			named = named || strings.HasSuffix(m.version, "@"+tagged)
		}
		if !named {
			t.Errorf("%s: no module has the version %s", p.name, tagged)
		}
	}
	if len(projects) < 20 {
		t.Errorf("%d projects", len(projects))
	}
}

// The proxy leaves out most of vendor, and other modules.
func TestRemoveIncomplete(t *testing.T) {
	for _, test := range []struct {
		use   string
		keeps bool
	}{
		{".", true},
		{"./sub", true},
		{"./missing", false},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"go.mod":             "module example.com/x\n",
			"sub/go.mod":         "module example.com/x/sub\n",
			"go.work":            "go 1.24\n\nuse " + test.use + "\n",
			"vendor/modules.txt": "",
		} {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}

		if err := removeIncomplete(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "vendor")); err == nil {
			t.Error("vendor is left")
		}
		if _, err := os.Stat(filepath.Join(dir, "go.work")); (err == nil) != test.keeps {
			t.Errorf("use %s: go.work: %v", test.use, err)
		}
	}
}

// Mistakes in the arguments are reported before anything is fetched.
func TestArguments(t *testing.T) {
	for args, want := range map[string]string{
		"-only=nobody": `-only: no project is called "nobody"`,
		"age":          `unexpected argument "age"`,
	} {
		var stderr strings.Builder
		err := run(t.Context(), strings.Fields(args), &stderr, &stderr)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
