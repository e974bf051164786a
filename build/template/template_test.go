package template

import (
	"strings"
	"testing"
)

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
