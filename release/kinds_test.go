package release

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/report"
)

// declaredKinds returns all constants of the type output.Kind.
func declaredKinds(t *testing.T) (all []output.Kind) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("output", "output.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\bKind += "(\w+)"`).FindAllSubmatch(source, -1) {
		all = append(all, output.Kind(m[1]))
	}
	if len(all) < 4 || !slices.Contains(all, output.Archive) {
		t.Fatalf("found only %q in the source of package output", all)
	}
	return all
}

// Every kind of output has one row in the table, with a setting that exists.
func TestKinds(t *testing.T) {
	declared := declaredKinds(t)

	rows := map[output.Kind]int{}
	for _, k := range kinds {
		rows[k.kind]++
		if !slices.Contains(declared, k.kind) {
			t.Errorf("%q is not a kind of package output", k.kind)
		}
		isSetting := func(s config.Setting) bool { return s.Name == k.setting }
		if !slices.ContainsFunc(config.Settings, isSetting) {
			t.Errorf("%s: there is no setting %q", k.kind, k.setting)
		}
		if k.plan == nil || k.recipe == nil {
			t.Errorf("%s cannot be planned or made", k.kind)
		}
	}

	for _, k := range declared {
		if rows[k] != 1 {
			t.Errorf("%s has %d rows", k, rows[k])
		}
	}
}

// planOfEverything returns the plan of two programs for three targets, with outputs of all
// kinds.
func planOfEverything(t *testing.T) *Plan {
	t.Helper()
	p := &Plan{
		Plan: &build.Plan{
			Name: "tool",
			Source: &workspace.Source{
				Version: "1.2.3",
				Tag:     "v1.2.3",
				Time:    time.Unix(0, 0),
			},
		},
		Attach: []workspace.AttachedFile{
			{Path: "made/manual.pdf", Size: 1},
			{Path: "made/tool.1", Size: 1},
		},
	}
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		p.Builds = append(p.Builds, build.Build{
			Target: target.Target{OS: "linux", Arch: arch},
			Mains:  []build.Main{{Name: "tool"}, {Name: "toold"}},
		})
	}

	err := p.listOutputs(&config.Config{
		ArchiveName: "{{.Name}}_{{.OS}}_{{.Arch}}",
		Archives:    []string{"tar.gz", "zip", "binary"},
		Checksums:   []string{"sha256", "sha512"},
		Timeout:     time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Whatever the plan lists is made once: by a stage for all targets, or in one lane.
func TestEveryOutputIsMadeOnce(t *testing.T) {
	p := planOfEverything(t)

	planned := map[output.Kind]int{}
	for _, o := range p.Outputs {
		planned[o.Kind]++
	}
	for kind, want := range map[output.Kind]int{
		output.Archive:   3 * 2,
		output.Binary:    3 * 2,
		output.Attached:  2,
		output.Checksums: 2,
	} {
		if planned[kind] != want {
			t.Errorf("the plan has %d of the kind %s, want %d", planned[kind], kind, want)
		}
	}

	// The calls of execute, in its order: what comes before the lanes, the lanes, the joins.
	made := p.outputsOf(output.Start, "")
	for _, b := range p.Builds {
		made = append(made, p.outputsOf(output.Lane, b.Target.String())...)
	}
	made = append(made, p.outputsOf(output.Join, "")...)
	byName := func(a, b output.Output) int { return strings.Compare(a.Name, b.Name) }
	listed := slices.SortedFunc(slices.Values(p.Outputs), byName)
	slices.SortFunc(made, byName)
	if !slices.Equal(made, listed) {
		t.Errorf("made\n%v\nbut planned\n%v", made, listed)
	}
}

// The files of a run are those of its plan, in its order: in the report, in dist/ and on
// GitHub.
func TestFilesArePlanned(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.made("manual.pdf", "read this")
	w.made("hello.1", "and this")
	w.env = append(w.env,
		"INPUT_ATTACH=made/manual.pdf made/hello.1",
		"INPUT_ARCHIVE=tar.gz zip binary",
		"INPUT_CHECKSUMS=sha256 sha512",
	)

	var out bytes.Buffer
	p := newProgram(w.env, &out, &out)
	c, _, err := p.readSettings()
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := p.decide(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Outputs) != 2+2*3+2 {
		t.Errorf("%d files are planned", len(plan.Outputs))
	}

	w.run(t.Context(), exitOK)
	if got := reportedOutputs(t, w.dist); !slices.Equal(got, plan.Outputs) {
		t.Errorf("the report has\n%v\nbut planned were\n%v", got, plan.Outputs)
	}

	want := slices.Sorted(slices.Values(namesOf(plan.Outputs)))
	if got := publishedNames(t, w.dist); !slices.Equal(got, want) {
		t.Errorf("dist/ has\n%q\nbut planned were\n%q", got, want)
	}
	var attached []string
	for _, a := range w.gh.Releases()[0].Assets {
		attached = append(attached, a.Name)
	}
	if slices.Sort(attached); !slices.Equal(attached, want) {
		t.Errorf("GitHub has\n%q\nbut planned were\n%q", attached, want)
	}
}

// checksumsRecipe lists all files but the lists themselves.
func TestChecksumsListEverything(t *testing.T) {
	p := planOfEverything(t)
	r := &run{
		plan: p,
		rep:  &report.Report{},
	}
	var want []string
	for _, o := range p.Outputs {
		file := output.Artifact{
			Output: o,
			Sums:   map[string]string{"sha256": strings.Repeat("a", 64)},
		}
		r.rep.Files = append(r.rep.Files, report.File{Artifact: file})
		if o.Kind != output.Checksums {
			want = append(want, file.Sums["sha256"]+"  "+o.Name+"\n")
		}
	}

	recipe, err := checksumsRecipe(t.Context(), r, output.Output{Format: "sha256"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	if err := recipe.write(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if got := list.String(); got != strings.Join(want, "") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, ""))
	}
}

// reportedOutputs returns the files in report.json.
func reportedOutputs(t *testing.T, dir string) (outputs []output.Output) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, dist.ReportJSON))
	if err != nil {
		t.Fatal(err)
	}
	var rep report.Report
	if err := json.Unmarshal(data, &rep); err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Files {
		outputs = append(outputs, f.Output)
	}
	return outputs
}

// publishedNames returns the names of the files in a directory that are for the release.
func publishedNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !dist.IsReserved(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}
