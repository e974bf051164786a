package release

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/release/config"
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

// A row is an input in action.yml.
type row struct {
	Name    string
	Default string
	Help    string
}

// tokenDefault is the default of the input token, the only one that differs from the setting.
const tokenDefault = "${{ github.token }}"

// wantRows returns the inputs that follow from the settings.
func wantRows() []row {
	var rows []row
	for _, s := range config.Settings {
		def := s.Default
		if s.Name == "token" {
			def = tokenDefault
		}
		rows = append(rows, row{
			Name:    s.Name,
			Default: def,
			Help:    s.Help + emptyDefault(s),
		})
	}
	return rows
}

// emptyDefault returns what action.yml says about an empty default.
func emptyDefault(s config.Setting) string {
	if s.Default != "" || s.Name == "token" {
		return ""
	}
	return " (default: " + s.DefaultText + ")"
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
		t.Errorf("action.yml differs from the settings (-settings +action.yml); run: go run ./docs/gen\n%s", diff)
	}
	if a.Name != config.ActionName {
		t.Errorf("name: %s, expected %s", a.Name, config.ActionName)
	}
}

// The Marketplace refuses a longer description.
func TestActionDescriptionIsShort(t *testing.T) {
	if d := readAction(t).Description; d == "" || len(d) >= 125 {
		t.Errorf("%d characters, expected less than 125: %q", len(d), d)
	}
}

// Inputs of a composite action are not in the environment by themselves
// (actions/runner#665), so each must be passed by name.
func TestActionHandsOverEveryInput(t *testing.T) {
	a := readAction(t)
	want := map[string]string{}
	for _, s := range config.Settings {
		want[s.Variable()] = "${{ inputs." + s.Name + " }}"
	}

	have := map[string]string{}
	var key []string // inputs that decide where the cache is, and its name
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
		t.Errorf("environment of the step (-want +have); run: go run ./docs/gen\n%s", diff)
	}
	slices.Sort(key)
	wantKey := []string{
		"CACHE", "CC", "CGO", "DIRECTORY", "GCFLAGS", "PACKAGES", "TAG", "TAGS", "TAG_PREFIX", "TARGETS",
	}
	if diff := cmp.Diff(wantKey, key); diff != "" {
		t.Errorf("environment of the step cache (-want +have); run: go run ./docs/gen\n%s", diff)
	}
}

// The cache only makes a run faster, so an error in its steps must not fail the run. An error
// in any other step must.
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

// README.md lists some settings, and docs/settings.md has all of them.
func TestDocumentationHasTheSettings(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}

	shownDefault := func(s config.Setting) string {
		if s.Default != "" {
			return "`" + s.Default + "`"
		}
		return s.DefaultText
	}
	escape := func(text string) string { return strings.ReplaceAll(text, "*", `\*`) }

	rows := regexp.MustCompile("(?m)^\\| \\[`([a-z-]+)`\\].* \\|$").FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 8 {
		t.Errorf("README.md lists %d settings", len(rows))
	}
	for _, have := range rows {
		s, ok := config.Find(have[1])
		want := fmt.Sprintf("| [`%s`](docs/settings.md#%s) | %s | %s |",
			s.Name, s.Name, shownDefault(s), escape(s.Help))
		if !ok || have[0] != want {
			t.Errorf("README.md differs from the settings; run: go run ./docs/gen\n got %s\nwant %s",
				have[0], want)
		}
	}

	for _, s := range config.Settings {
		_, entry, ok := strings.Cut(string(page), "\n### `"+s.Name+"`\n")
		entry, _, _ = strings.Cut(entry, "\n#")
		help := strings.ToUpper(s.Help[:1]) + s.Help[1:] + "."

		if !ok || !strings.HasPrefix(entry, "\n"+escape(help)+"\n") ||
			!strings.Contains(entry, s.Doc) || !strings.Contains(entry, "* Default: "+shownDefault(s)) {
			t.Errorf("docs/settings.md differs from the setting %s; run: go run ./docs/gen\n%s", s.Name, entry)
		}
	}
}
