package release

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/config"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// actionFile is the part of action.yml that must follow the tables in Go.
type actionFile struct {
	Name        string
	Description string
	Inputs      yaml.Node
	Outputs     map[string]struct{ Description, Value string }
	Runs        struct {
		Using string
		Steps []struct {
			ID, Name, Uses, Run string
			ContinueOnError     bool `yaml:"continue-on-error"`
			Env                 map[string]string
		}
	}
}

type row struct{ Name, Default, Help string }

// tokenDefault is the one default that differs: in a workflow the job has a token.
const tokenDefault = "${{ github.token }}"

func wantRows() (rows []row) {
	for _, s := range config.Settings {
		def := s.Def
		if s.Name == "token" {
			def = tokenDefault
		}
		rows = append(rows, row{s.Name, def, s.Help + automatic(s)})
	}
	return rows
}

// automatic says in action.yml what an empty default means.
func automatic(s config.Setting) string {
	if s.Auto == "" || s.Name == "token" {
		return ""
	}
	return " (default: " + s.Auto + ")"
}

func readAction(t *testing.T) actionFile {
	t.Helper()
	data, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a actionFile
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestActionInputsAreTheSettings(t *testing.T) {
	a := readAction(t)
	var have []row
	for i := 0; i+1 < len(a.Inputs.Content); i += 2 {
		var in struct{ Description, Default string }
		if err := a.Inputs.Content[i+1].Decode(&in); err != nil {
			t.Fatal(err)
		}
		have = append(have, row{a.Inputs.Content[i].Value, in.Default, in.Description})
	}
	if diff := cmp.Diff(wantRows(), have); diff != "" {
		t.Errorf("action.yml differs from the settings (-settings +action.yml):\n%s\nthe inputs should read:\n%s", diff, inputsYAML())
	}
	if a.Name != config.ActionName {
		t.Errorf("name: %s, expected %s", a.Name, config.ActionName)
	}
}

// The Marketplace takes no longer description.
func TestActionDescriptionIsShort(t *testing.T) {
	if d := readAction(t).Description; d == "" || len(d) >= 125 {
		t.Errorf("%d characters, expected less than 125: %q", len(d), d)
	}
}

func inputsYAML() string {
	var b strings.Builder
	for _, r := range wantRows() {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    default: %s\n", r.Name, quoteYAML(r.Help), quoteYAML(r.Default))
	}
	return b.String()
}

func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Inputs of a composite action are not in the environment by themselves
// (actions/runner#665): each must be handed over by name.
func TestActionHandsOverEveryInput(t *testing.T) {
	a := readAction(t)
	want := map[string]string{}
	for _, s := range config.Settings {
		want["INPUT_"+strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))] = "${{ inputs." + s.Name + " }}"
	}
	have := map[string]string{}
	var key []string // what decides where the cache is, and what it is called
	for _, step := range a.Runs.Steps {
		for name, value := range step.Env {
			if strings.HasPrefix(name, "INPUT_") && step.ID == "release" {
				have[name] = value
			}
			if step.ID == "cache" {
				key = append(key, strings.TrimPrefix(name, "INPUT_"))
			}
			if strings.HasPrefix(name, "INPUT_") && value != want[name] {
				t.Errorf("step %s: %s is %s, expected %s", step.ID, name, value, want[name])
			}
		}
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an expression in a run line is open to injection: %s", step.Run)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("environment of the step (-want +have):\n%s", diff)
	}
	slices.Sort(key)
	if diff := cmp.Diff([]string{"CACHE", "CC", "CGO", "DIRECTORY", "GCFLAGS", "PACKAGES", "TAG", "TAGS", "TARGETS"}, key); diff != "" {
		t.Errorf("environment of the step that finds the cache (-want +have):\n%s", diff)
	}
}

// The cache can only make a run faster: what goes wrong with it fails no run. What goes
// wrong with the program or the release does.
func TestActionCacheFailsNoRun(t *testing.T) {
	for _, step := range readAction(t).Runs.Steps {
		if cache := strings.HasSuffix(step.Name, "the build cache"); step.ContinueOnError != cache {
			t.Errorf("%s: continue-on-error is %v", step.Name, step.ContinueOnError)
		}
	}
}

func TestActionOutputsAreTheProgram(t *testing.T) {
	a := readAction(t)
	want := map[string]string{}
	for _, name := range outputNames {
		want[name] = "${{ steps.release.outputs." + name + " }}"
	}
	have := map[string]string{}
	for name, o := range a.Outputs {
		have[name] = o.Value
		if o.Description == "" {
			t.Errorf("output %s has no description", name)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("outputs (-want +have):\n%s", diff)
	}
}

func TestReadmeHasTheSettings(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, line := range strings.Split(string(data), "\n") {
		if regexp.MustCompile("^\\| `[a-z-]+` \\| .* \\| .* \\|$").MatchString(line) {
			have = append(have, line)
		}
	}
	var want []string
	for _, s := range config.Settings {
		def := s.Defaults()
		if s.Auto == "" {
			def = "`" + def + "`"
		}
		want = append(want, strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s |", s.Name, def, s.Help), "!PATTERN", "`!PATTERN`"))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("README.md differs from the settings (-settings +README):\n%s\nthe rows should read:\n%s", diff, strings.Join(want, "\n"))
	}
}

func TestHelpFitsTheTerminal(t *testing.T) {
	for _, line := range strings.Split(helpText(), "\n") {
		if len(line) > helpWidth {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	for _, s := range config.Settings {
		if s.Name != "command" && !strings.Contains(helpText(), "--"+s.Name+"\n") {
			t.Errorf("--%s is not in the help", s.Name)
		}
	}
}
