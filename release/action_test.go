package release

import (
	"fmt"
	"os"
	"path/filepath"
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
		def := s.Default
		if s.Name == "token" {
			def = tokenDefault
		}
		rows = append(rows, row{s.Name, def, s.Help + automatic(s)})
	}
	return rows
}

// automatic says in action.yml what an empty default means.
func automatic(s config.Setting) string {
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

// The Marketplace takes no longer description.
func TestActionDescriptionIsShort(t *testing.T) {
	if d := readAction(t).Description; d == "" || len(d) >= 125 {
		t.Errorf("%d characters, expected less than 125: %q", len(d), d)
	}
}

// Inputs of a composite action are not in the environment by themselves
// (actions/runner#665): each must be handed over by name.
func TestActionHandsOverEveryInput(t *testing.T) {
	a := readAction(t)
	want := map[string]string{}
	for _, s := range config.Settings {
		want[s.Variable()] = "${{ inputs." + s.Name + " }}"
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
		t.Errorf("environment of the step (-want +have); run: go run ./docs/gen\n%s", diff)
	}
	slices.Sort(key)
	if diff := cmp.Diff([]string{"CACHE", "CC", "CGO", "DIRECTORY", "GCFLAGS", "PACKAGES", "TAG", "TAGS", "TARGETS"}, key); diff != "" {
		t.Errorf("environment of the step that finds the cache (-want +have); run: go run ./docs/gen\n%s", diff)
	}
}

// A policy that asks for full commits holds for what an action uses, too: one tag in here,
// and such organisations cannot use it.
func TestActionUsesFullCommits(t *testing.T) {
	pinned := regexp.MustCompile(`^actions/[a-z/-]+@[0-9a-f]{40}$`)
	for _, step := range readAction(t).Runs.Steps {
		if step.Uses != "" && !pinned.MatchString(step.Uses) {
			t.Errorf("not an action of GitHub's at a full commit: %s", step.Uses)
		}
		if cache, _, ok := strings.Cut(step.Uses, "@"); ok && !strings.HasSuffix(actionsCache, strings.TrimPrefix(step.Uses, cache)) {
			t.Errorf("%s is another commit than that of %s", step.Uses, actionsCache)
		}
	}
}

// The workflows use the toolchain that the committed digests come from.
func TestWorkflowsUseTheToolchain(t *testing.T) {
	script, err := os.ReadFile("../.ci/prebuilt")
	if err != nil {
		t.Fatal(err)
	}
	toolchain := regexp.MustCompile(`(?m)^toolchain=go(\S+)$`).FindSubmatch(script)
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(workflows) == 0 || toolchain == nil {
		t.Fatal(workflows, err, toolchain)
	}
	found := 0
	for _, path := range workflows {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range regexp.MustCompile(`go-version: *([^ }\n]+)`).FindAllSubmatch(data, -1) {
			found++
			if got := strings.Trim(string(v[1]), `'"`); got != string(toolchain[1]) {
				t.Errorf("%s: go-version %s, want %s", path, got, toolchain[1])
			}
		}
	}
	if found == 0 {
		t.Error("no workflow names a go-version")
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
		want := fmt.Sprintf("| [`%s`](docs/settings.md#%s) | %s | %s |", s.Name, s.Name, shownDefault(s), escape(s.Help))
		if !ok || have[0] != want {
			t.Errorf("README.md differs from the settings; run: go run ./docs/gen\n got %s\nwant %s", have[0], want)
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
