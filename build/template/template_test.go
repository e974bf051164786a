package template

import (
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/problem"
)

// facts are those of a release.
var facts = Facts{
	Name:    "tool",
	Version: "1.22.3-rc.1+meta",
	Tag:     "sub/v1.22.3-rc.1+meta",
	Commit:  "0123456789abcdef0123456789abcdef01234567",
	Date:    "2026-01-02T03:04:05Z",
	Go:      "go1.26.8",
	Env:     map[string]string{"GITHUB_RUN_NUMBER": "42", "GITHUB_REPOSITORY": "octo/hello"},
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                      "",
		"no template":                                           "no template",
		"{{.Name}}_{{.Version}}":                                "tool_1.22.3-rc.1+meta",
		"{{.ShortCommit}}":                                      "0123456",
		"{{.Major}}.{{.Minor}}":                                 "1.22",
		"{{.Patch}} {{.Prerelease}}":                            "3 rc.1",
		"{{if gt .Minor 9}}new{{end}}":                          "new",
		"{{if .Prerelease}}pre{{end}}":                          "pre",
		"{{.Env.GITHUB_RUN_NUMBER}}":                            "42",
		"{{$.Env.GITHUB_REPOSITORY}}":                           "octo/hello",
		`{{title "linux"}}`:                                     "Linux",
		`{{title "macOS x-y 1a"}}`:                              "MacOS X-Y 1a",
		`{{title ""}}`:                                          "",
		`{{lower "ABC"}}{{upper "d"}}`:                          "abcD",
		`{{replace .Tag "/" "-"}}`:                              "sub-v1.22.3-rc.1+meta",
		`{{replace "aaa" "a" ""}}`:                              "",
		`{{replace "ab" "" "-"}}`:                               "-a-b-",
		`{{trimprefix .Tag "sub/v"}}`:                           "1.22.3-rc.1+meta",
		`{{trimsuffix "a.exe" ".exe"}}`:                         "a",
		`{{.Name | upper}}`:                                     "TOOL",
		`{{printf "%.3s|%4s" "abcdef" "x"}}`:                    "abc|   x",
		`{{print "a" 1}}{{println}}{{html "<"}}`:                "a1\n&lt;",
		`{{slice .Commit 0 4}} {{len .Name}} {{urlquery .Tag}}`: "0123 4 sub%2Fv1.22.3-rc.1%2Bmeta",
		`{{if eq .Name "x" "tool"}}yes{{end}}{{"{{"}} not }} this`:   "yes{{ not }} this",
		`{{if and (ge .Major 1) (not .Tag)}}a{{else}}{{"b"}}{{end}}`: "b",
		strings.Repeat("x", 2*maxExpanded):                           strings.Repeat("x", 2*maxExpanded),
	} {
		if got, err := Expand(text, facts); got != want || err != nil {
			t.Errorf("%.50s: got %.50q, %v; expected %.50q", text, got, err, want)
		}
	}

	// Other mistakes leave a plan without a version, and it is enough to report those.
	if got, err := Expand("{{.Major}}{{.Prerelease}}{{.ShortCommit}}", Facts{}); got != "0" || err != nil {
		t.Errorf("without facts: got %q, %v", got, err)
	}
}

func TestMistakes(t *testing.T) {
	const fields = "; the fields are .Name, .Version, .Tag, .Commit, .Date, .Go, .Env, " +
		".Major, .Minor, .Patch, .Prerelease, .ShortCommit"
	const functions = "; the functions are lower, replace, title, trimprefix, trimsuffix, upper, " +
		"and of Go's own and, eq, ge, gt, le, len, lt, ne, not, or, print, printf, slice, urlquery"
	const variables = ", only GITHUB_ACTOR, GITHUB_REF_NAME, GITHUB_REPOSITORY, GITHUB_REPOSITORY_OWNER, " +
		"GITHUB_RUN_ATTEMPT, GITHUB_RUN_ID, GITHUB_RUN_NUMBER, GITHUB_SERVER_URL"

	for _, test := range []struct{ text, err, remedy string }{
		{"{{.Nam}}", `expanding template "{{.Nam}}": can't evaluate field Nam` + fields, ".Name"},
		{"{{.version}}", "can't evaluate field version" + fields, ".Version"},
		{"{{.Verison}}", "can't evaluate field Verison" + fields, ".Version"},
		{"{{.ShortSha}}", "can't evaluate field ShortSha" + fields, ""},
		{"{{.ProjectName}}", "can't evaluate field ProjectName" + fields, ".Name"},
		{"{{.Version.Major}}", "can't evaluate field Major" + fields, ".Major"},
		{"{{.Values.image}}", "can't evaluate field Values" + fields, ""},
		{"one\n{{.Nam}}\n", `template "one\n{{.Nam}}\n": line 2: can't evaluate field Nam; the fields are`, ".Name"},

		{"{{.Name", `reading template "{{.Name": unclosed action`, ""},
		{"one\ntwo {{ three four }}\n", `: line 2: function "three" not defined` + functions, ""},
		{"{{env 1}}", `reading template "{{env 1}}": function "env" not defined` + functions, ""},
		{"{{toupper .Name}}", `function "toupper" not defined` + functions, "upper"},
		{"{{trimPrefix .Tag}}", `function "trimPrefix" not defined` + functions, "trimprefix"},
		{`{{trimprefix .Tag}}`, "wrong number of args for trimprefix: want 2 got 1", ""},
		{`{{upper .Major}}`, "expected string; got uint64", ""},
		{`{{slice .Commit 0 50}}`, "error calling slice: index out of range: 50", ""},
		{strings.Repeat("x", 300) + "{{", strings.Repeat("x", 200) + `"...: unclosed action`, ""},

		{"{{.Env.GITHUB_ACTOR}}", "the environment variable GITHUB_ACTOR is not set", "export GITHUB_ACTOR=..."},
		{
			"{{.Env.GITHUB_RUN_NUBMER}}",
			"templates cannot use the environment variable GITHUB_RUN_NUBMER" + variables,
			".Env.GITHUB_RUN_NUMBER",
		},
		{
			"{{.Env.GITHUB_TOKEN}}",
			"templates cannot use the environment variable GITHUB_TOKEN" + variables,
			"",
		},
		{
			"{{.Env.CHANNEL}}",
			"templates cannot use the environment variable CHANNEL" + variables,
			"write ${{ env.CHANNEL }} instead, which GitHub replaces by the value",
		},
		{`{{index .Env "GITHUB_ACTOR"}}`, "error calling index: write .Env.NAME", ""},
	} {
		_, err := Expand(test.text, facts)
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%.50s: got error %v, expected %s", test.text, err, test.err)
		}

		remedy := problem.RemedyOf(err)
		if remedy.Kind == problem.ThereKind {
			remedy = remedy.Of[0]
		}
		if remedy.Text != test.remedy {
			t.Errorf("%.50s: got remedy %q, expected %q", test.text, remedy.Text, test.remedy)
		}
	}

	large := Facts{Version: "1.99999999999999999999.0"}
	if _, err := Expand("{{.Minor}}", large); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("got error %v", err)
	}
}

// None of these ends within a lifetime, or in the memory of a machine.
func TestHarmfulTemplates(t *testing.T) {
	const notAllowed = "range, define, block and template are not allowed"
	const tooLarge = "the result is larger than 65536 bytes"

	for text, want := range map[string]string{
		"{{range 1000000000000000}}{{end}}":                                    notAllowed,
		"{{if .Name}}{{with .Name}}{{range 1000000000}}x{{end}}{{end}}{{end}}": notAllowed,
		"{{if .Nam}}{{else}}{{range 1000000000}}x{{end}}{{end}}":               notAllowed,
		`{{define "x"}}{{template "x"}}{{end}}`:                                notAllowed,
		`{{if .Name}}{{template "" .}}{{template "" .}}{{end}}`:                notAllowed,
		`{{block "x" .}}{{end}}`:                                               notAllowed,

		`{{printf "%999999s" .Name}}`:                                             tooLarge,
		`{{printf "%.99999999999999999999d" 1}}`:                                  tooLarge,
		`{{printf "%*d" 999999 1}}`:                                               "a format must not contain *",
		`{{printf "` + strings.Repeat("%60000d", 100) + `" 1}}`:                   "the format is longer than 256 bytes",
		`{{printf "` + strings.Repeat("%60000[1]d", 20) + `" 1}}`:                 tooLarge,
		doubling("print $x $x"):                                                   tooLarge,
		doubling("println $x $x"):                                                 tooLarge,
		doubling("html $x $x"):                                                    tooLarge,
		doubling("js $x $x"):                                                      tooLarge,
		doubling("urlquery $x $x"):                                                tooLarge,
		doubling(`printf "%s%s" $x $x`):                                           tooLarge,
		doubling(`replace $x "x" "xx"`):                                           tooLarge,
		doubling(`upper (print $x $x)`):                                           tooLarge,
		`{{$x := printf "%60000s" ""}}` + strings.Repeat("{{$x}}", 100):           tooLarge,
		`{{with printf "%60000s" ""}}` + strings.Repeat("{{.}}", 100) + "{{end}}": tooLarge,
	} {
		if _, err := Expand(text, facts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got error %v, expected %s", text, err, want)
		}
	}
}

// Many large arguments are refused before they are joined.
func TestManyArguments(t *testing.T) {
	const arguments = 2000
	text := `{{$x := printf "%60000s" ""}}{{print` + strings.Repeat(" $x", arguments) + `}}`

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Expand(text, facts)
	runtime.ReadMemStats(&after)

	if err == nil || !strings.Contains(err.Error(), errTooLarge.Error()) {
		t.Errorf("got error %v", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > arguments*60000/4 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// doubling returns a template that executes an action on $x a hundred times, each with the result
// of the last.
func doubling(action string) string {
	return `{{$x := "xxxxxxxxxxxxxxxx"}}` + strings.Repeat("{{$x = "+action+"}}", 100)
}

// No secret can become a field.
func TestEnvironment(t *testing.T) {
	env := Environment(func(name string) string {
		if name == "GITHUB_ACTOR" {
			return ""
		}
		return "value of " + name
	})
	if len(env) != len(Variables)-1 || env["GITHUB_RUN_ID"] != "value of GITHUB_RUN_ID" {
		t.Errorf("got %v", env)
	}
	for _, name := range Variables {
		for _, word := range []string{"TOKEN", "SECRET", "PASSWORD", "KEY"} {
			if strings.Contains(name, word) {
				t.Errorf("%s may hold a secret", name)
			}
		}
	}
}
