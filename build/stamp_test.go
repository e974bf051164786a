package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The linker fails on -X for a variable that is no string, and Go modules do have an
// `int` named version.
func TestStampable(t *testing.T) {
	for source, want := range map[string]bool{
		"var version string":                 true,
		"var version = \"dev\"":              true,
		"var (\n\ta, version = 1, `dev`\n)":  true,
		"var version string = \"x\"":         true,
		"var version = 3":                    false,
		"var version int":                    false,
		"var version = name()":               false,
		"const version = \"1\"":              false,
		"func version() {}":                  false,
		"func f() { var version string }":    false,
		"var Version string":                 false,
		"var a, version = two()":             false,
		"this does not parse":                false,
		"type s struct{ version string }":    false,
		"var version []string":               false,
		"var version pkg.String":             false,
		"import \"x\"\n\nvar version string": true,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "main.go")
		if err := os.WriteFile(path, []byte("package main\n\n"+source+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := stampable([]program{{sources: []string{path}}}, "version"); got != want {
			t.Errorf("%s: got %v, expected %v", source, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	const notAllowed = "range, define, block and template are not allowed"
	facts := Facts{Name: "tool", Version: "1.2.3"}
	if got, err := Expand("{{.Name}}_{{.Version}}", facts); got != "tool_1.2.3" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]string{
		"{{.Nam}}": `expanding template "{{.Nam}}": can't evaluate field Nam; ` +
			"the fields are .Name, .Version, .Tag, .Commit, .Date, .Go",
		"{{.Name":   `reading template "{{.Name": unclosed action`,
		"{{env 1}}": `function "env" not defined`,

		// None of these ends within a lifetime, or in the memory of a machine.
		"{{range 1000000000000000}}{{end}}":                                    notAllowed,
		"{{if .Name}}{{with .Name}}{{range 1000000000}}x{{end}}{{end}}{{end}}": notAllowed,
		"{{if .Nam}}{{else}}{{range 1000000000}}x{{end}}{{end}}":               notAllowed,
		`{{define "x"}}{{template "x"}}{{end}}`:                                notAllowed,
		`{{if .Name}}{{template "" .}}{{template "" .}}{{end}}`:                notAllowed,
		`{{block "x" .}}{{end}}`:                                               notAllowed,
		`{{printf "%999999s" .Name}}`:                                          "the result is larger than 65536 bytes",
	} {
		if _, err := Expand(text, facts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, expected %s", text, err, want)
		}
	}
}

// A field in the linker flags never becomes a flag of its own.
func TestFieldsInFlags(t *testing.T) {
	facts := Facts{Name: "tool", Tag: "it's -extld=evil/v1.0.0", Version: "1.0.0"}
	for text, ok := range map[string]bool{
		"-X main.v={{.Version}}": true,
		"-X main.n={{ .Name}}":   true,
		"-X 'main.t={{.Tag}}'":   false,
	} {
		if err := facts.inOneWord(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
