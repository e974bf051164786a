package build

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/org/go-static-release/build/template"
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

// A field in the linker flags never becomes a flag of its own.
func TestFieldsInFlags(t *testing.T) {
	facts := template.Facts{
		Name:    "tool",
		Tag:     "it's -extld=evil/v1.0.0",
		Version: "1.0.0-rc.1",
		Env: map[string]string{
			"GITHUB_ACTOR":    "octo",
			"GITHUB_REF_NAME": "it's -extld=evil/v1.0.0",
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
