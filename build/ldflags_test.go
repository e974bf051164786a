package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// What the linker's -X can set, as cmd/link of Go 1.26 does it, and for which declarations it
// fails.
func TestDeclarations(t *testing.T) {
	const rest = `
type text string
type alias = string

const devVersion, typed = "dev", text("x")

const (
	first = "1"
	second
)

var other = "x"

func name() string           { return "n" }
func number() int            { return 1 }
func two() (string, string)  { return "", "" }
`
	variable := func(isString answer, initial initial, value string) declaration {
		return declaration{kind: declaredVar, isString: isString, initial: initial, value: value}
	}
	for source, want := range map[string]declaration{
		"var version string":                           variable(yes, noInitial, ""),
		"var version = \"dev\"":                        variable(yes, constantInitial, "dev"),
		"var (\n\ta, version = 1, `dev`\n)":            variable(yes, constantInitial, "dev"),
		"var version string = \"x\"":                   variable(yes, constantInitial, "x"),
		"var version = devVersion":                     variable(yes, constantInitial, "dev"),
		"var version = second":                         variable(yes, constantInitial, "1"),
		"var version = \"a\" + devVersion":             variable(yes, constantInitial, "adev"),
		"var version = (\"p\")":                        variable(yes, constantInitial, "p"),
		"var version = string(typed)":                  variable(yes, constantInitial, "x"),
		"var version alias = \"x\"":                    variable(yes, constantInitial, "x"),
		"import \"pkg\"\n\nvar version string = pkg.K": variable(yes, unknownInitial, ""),
		"import \"pkg\"\n\nvar version = pkg.K":        variable(unknown, unknownInitial, ""),
		"var version pkg.String":                       variable(unknown, noInitial, ""),
		"var version = name()":                         variable(yes, computedInitial, ""),
		"var version = \"v\" + name()":                 variable(yes, computedInitial, ""),
		"var version = other":                          variable(yes, computedInitial, ""),
		"var a, version = two()":                       variable(unknown, computedInitial, ""),
		"var version string = pkg.F()":                 variable(yes, computedInitial, ""),
		"var version = pkg.F()":                        variable(unknown, computedInitial, ""),
		"var version = 3":                              variable(no, computedInitial, ""),
		"var version = number()":                       variable(no, computedInitial, ""),
		"var version = true":                           variable(no, constantInitial, ""),
		"var version = typed":                          variable(no, constantInitial, "x"),
		"var version text = \"x\"":                     variable(no, constantInitial, "x"),
		"var version int":                              variable(no, noInitial, ""),
		"var version []string":                         variable(no, noInitial, ""),
		"var version = []string{\"a\"}":                variable(no, computedInitial, ""),
		"const version = \"1\"":                        {kind: declaredConst},
		"func version() {}":                            {kind: declaredOther},
		"type version struct{ version string }":        {kind: declaredOther},
		"func f() { var version string }":              {kind: notDeclared},
		"var Version string":                           {kind: notDeclared},
		"type s struct{ version string }":              {kind: notDeclared},
		"this does not parse":                          {kind: notDeclared},
	} {
		dir := t.TempDir()
		gittest.WriteFiles(t, dir, map[string]string{
			"main.go": "package main\n\n" + source + "\n",
			"rest.go": "package main\n" + rest,
		})
		d := readDeclarations([]string{filepath.Join(dir, "main.go"), filepath.Join(dir, "rest.go")}, nil)
		got := d.find("version")

		got.file, got.line, got.typ = "", 0, ""
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", source, got, want)
		}
	}
}

// The linker sets exactly those variables that readDeclarations takes for settable.
func TestDeclarationsAndLinker(t *testing.T) {
	const source = `package main

import "os"

type alias = string

type text string

const (
	devVersion = "dev"
	typed text = "typed"
)

var (
	v0         string
	v1               = "a"
	v2               = devVersion
	v3               = "a" + devVersion + ("b")
	v4         alias = "alias"
	v5               = string(typed)
	v6, v7           = "a", os.Getenv("v7")
	v8               = other
	v9               = "x" + os.Getenv("v9")
	v10              = string([]byte("hi"))
	v11              = "abc"[0:1]
	v12              = map[string]string{"a": "b"}["a"]
	v13, v14         = two()
	v15 string       = *new(string)
	v16              = any("x").(string)
	v17              = struct{ s string }{"s"}.s
	v18              = alias("a") + "b"
)

var other = "x"

func two() (string, string) { return os.Getenv("a"), os.Getenv("b") }

func main() {
	for _, v := range []string{v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18} {
		println(v)
	}
}
`
	dir := t.TempDir()
	gittest.WriteFiles(t, dir, map[string]string{
		"go.mod":  goMod,
		"main.go": source,
	})

	flags := ""
	for i := range 19 {
		flags += fmt.Sprintf(" -X main.v%d=SET", i)
	}
	cmd := exec.Command("go", "run", "-ldflags="+flags, ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	d := readDeclarations([]string{filepath.Join(dir, "main.go")}, nil)
	for i, said := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		name := fmt.Sprintf("v%d", i)
		if got, want := d.find(name).settable(), said == "SET"; got != want {
			t.Errorf("%s: settable is %v, and with -X the program says %q", name, got, said)
		}
	}
}

// Constants that add each other up grow with every line, and names may lead in a circle.
func TestDeclarationsEnd(t *testing.T) {
	source := "package main\n\nconst c0 = \"0123456789\"\n"
	for i := range 100 {
		source += fmt.Sprintf("const c%d = c%d + c%d\n", i+1, i, i)
	}
	source += "var version = c100\nvar a = b\nvar b = a\nconst c = d + d\nconst d = c + c\n" +
		"type e = f\ntype f = e\nvar g e\n"

	dir := t.TempDir()
	gittest.WriteFiles(t, dir, map[string]string{"main.go": source})
	d := readDeclarations([]string{filepath.Join(dir, "main.go")}, nil)
	for _, name := range []string{"version", "a", "g"} {
		if found := d.find(name); found.settable() || len(found.value) > maxValue {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

// Names are told by their parts, whatever the style, and similar ones are left alone.
func TestRoles(t *testing.T) {
	for name, want := range map[string]string{
		"version":     "{{.Version}}",
		"VERSION":     "{{.Version}}",
		"App_Version": "{{.Version}}",
		"commitHash":  "{{.Commit}}",
		"GIT_SHA":     "{{.Commit}}",
		"Revision":    "{{.Commit}}",
		"build_time":  "{{.Date}}",
		"BuiltAt":     "{{.Date}}",
		"goVersion":   "",
		"apiVersion":  "",
		"showVersion": "",
		"versions":    "",
		"builtBy":     "",
		"treeState":   "",
		"tag":         "",
		"time":        "",
		"Build":       "",
	} {
		got := ""
		if role := roleOf(name); role >= 0 {
			got = roles[role].value
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A program is linked with what is set in the others unless one of them would fail, or do harm, in it.
func TestFits(t *testing.T) {
	common := []assignment{
		{name: "version", role: versionRole, value: "{{.Version}}"},
		{name: "date", role: 2, value: "{{.Date}}"},
	}
	for source, want := range map[string]bool{
		"":                      true,
		"var version = \"dev\"": true,
		"var commit = \"none\"": true,
		"const version = \"1\"": true,
		"func date() {}":        true,
		"var version = name()\n\nfunc name() string": true,
		"var version = 1":                               false,
		"var version = other.Version()":                 false,
		"var version = \"v0.0.0\"":                      false,
		"var date string\n\nfunc init() { use(&date) }": false,
		"var date []byte\n\nvar version string":         false,
	} {
		dir := t.TempDir()
		gittest.WriteFiles(t, dir, map[string]string{"main.go": "package main\n\n" + source + "\n"})
		d := readDeclarations([]string{filepath.Join(dir, "main.go")}, nil)
		if got := fits(d, common); got != want {
			t.Errorf("%s: got %v, want %v", source, got, want)
		}
	}
}

// docs/ldflags.md names every variable that is set by default.
func TestRolesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "ldflags.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := strings.Split(strings.ToLower(string(page)), "`")
	for _, role := range roles {
		for _, name := range role.names {
			if !slices.Contains(documented, name) {
				t.Errorf("docs/ldflags.md does not name %s", name)
			}
		}
	}
}

// The error about a -X points at the declaration that is in its way, as an annotation needs it.
func TestUselessFlagPosition(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"sub/go.mod":           "module example.com/tool\n\ngo 1.24\n",
		"sub/cmd/x/main.go":    "package main\n\nfunc main() {}\n",
		"sub/cmd/x/version.go": "package main\n\n// a comment\nconst version = \"1\"\n",
	})
	ws := open(t, options(filepath.Join(dir, "sub")))
	_, err := NewPlan(t.Context(), ws, &Spec{
		Targets: []string{"linux/amd64"},
		LDFlags: "-X main.version={{.Version}}",
	})
	if err == nil {
		t.Fatal("the plan has no error")
	}
	want := problem.Position{File: "cmd/x/version.go", Line: 4}
	if got := problem.PositionOf(err); got != want {
		t.Errorf("%v: got %+v, want %+v", err, got, want)
	}
}

// A field in the linker flags never becomes a flag of its own.
func TestFieldsInFlags(t *testing.T) {
	facts := LinkFacts{
		Facts: template.Facts{
			Name:    "tool",
			Tag:     "it's -extld=evil/v1.0.0",
			Version: "1.0.0-rc.1",
			Env: map[string]string{
				"GITHUB_ACTOR":    "octo",
				"GITHUB_REF_NAME": "it's -extld=evil/v1.0.0",
			},
		},
	}
	for text, ok := range map[string]bool{
		"-X main.v={{.Version}}": true,
		"-X main.n={{ .Name}}":   true,
		"-X 'main.t={{.Tag}}'":   false,

		"-X 'main.t={{replace .Tag \"/\" \" \"}}'":   false,
		"-X main.p={{.Prerelease}}.{{.ShortCommit}}": true,
		"-X main.a={{.Env.GITHUB_ACTOR}}":            true,
		"-X main.r={{.Env.GITHUB_REF_NAME}}":         false,
	} {
		if err := inOneWord(facts, text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
