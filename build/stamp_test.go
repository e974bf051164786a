package build

import (
	"path/filepath"
	"testing"

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

// A field in the linker flags never becomes a flag of its own.
func TestFieldsInFlags(t *testing.T) {
	facts := linkFacts{
		Facts: template.Facts{Name: "tool", Tag: "it's -extld=evil/v1.0.0", Version: "1.0.0"},
	}
	for text, ok := range map[string]bool{
		"-X main.v={{.Version}}": true,
		"-X main.n={{ .Name}}":   true,
		"-X 'main.t={{.Tag}}'":   false,
	} {
		if err := inOneWord(facts, text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
