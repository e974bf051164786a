package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/quote"
)

// A Plan is everything that is decided before the first compiler starts: what package build
// decides, and the files of the release.
type Plan struct {
	*build.Plan
	Publish bool
	Why     string // the reason why it publishes, or why not
	Outputs []output.Output
	Attach  []workspace.AttachedFile
	Extra   []workspace.ExtraFile // packed into every archive
}

// newPlan resolves the settings. Its error holds every mistake that can be found without
// compiling. It sends nothing, and writes nothing but what dist.Heal writes.
func newPlan(
	ctx context.Context, c *config.Config, environ []string, publish bool, why, commit string,
) (*Plan, *workspace.Workspace, error) {
	distErr := dist.CheckPlace(c.Dist)
	if distErr == nil {
		distErr = dist.Heal(c.Dist) // before git is asked for changes
	}

	ws, err := workspace.Open(ctx, c.Workspace(environ))
	if err != nil {
		return nil, nil, errors.Join(err, distErr)
	}

	spec := c.Spec()
	spec.Publish = publish
	spec.TagCommit = commit
	b, err := build.NewPlan(ctx, ws, spec)
	if b == nil || ctx.Err() != nil {
		return nil, nil, errors.Join(err, distErr)
	}

	p := &Plan{
		Plan:    b,
		Publish: publish,
		Why:     why,
	}
	if nameErr := github.CheckName(b.Name); nameErr != nil { // once, not for every file with it
		return p, ws, errors.Join(err, &problem.Problem{Setting: "name", Err: nameErr})
	}

	errs := []error{
		err,
		distErr,
		p.findAttached(c, ws),
		p.listOutputs(c),
		p.findExtra(ctx, c, ws),
		dist.Check(c.Dist),
	}
	if c.MakeLatest != nil && *c.MakeLatest && p.prerelease(c) {
		errs = append(errs, &problem.Problem{
			Setting: "make-latest",
			Err:     fmt.Errorf("%s is a prerelease, which GitHub does not make the latest release", p.Source.Version),
		})
	}

	return p, ws, errors.Join(errs...)
}

// prerelease reports whether the release is a prerelease.
func (p *Plan) prerelease(c *config.Config) bool {
	if c.Prerelease != nil {
		return *c.Prerelease
	}
	return semver.Prerelease("v"+p.Source.Version) != ""
}

// fileFacts are the fields that the template archive-name may use.
type fileFacts struct {
	template.Facts
	OS, Arch string
}

// archName returns the architecture as it is written in file names. It includes the level, if
// one was asked for.
func archName(t target.Target) string {
	switch {
	case t.Level == "":
		return t.Arch
	case t.Arch == "arm":
		return "armv" + t.Level // armv6, as everybody writes it
	}
	return t.Arch + "_" + t.Level
}

// expandName expands the template archive-name for a target. name is the name of the project,
// or of the only program in the file.
func (p *Plan) expandName(c *config.Config, b build.Build, name string) (string, error) {
	facts := fileFacts{
		Facts: p.Facts(),
		OS:    b.Target.OS,
		Arch:  archName(b.Target),
	}
	facts.Name = name

	expanded, err := template.Expand(c.ArchiveName, facts)
	if err != nil {
		return "", &problem.Problem{Setting: "archive-name", Err: err}
	}

	return expanded, nil
}

// listedStages is the order in which files of a release are listed: the programs first, since
// most readers look for them.
var listedStages = []output.Stage{output.Lane, output.Start, output.Join}

// listOutputs lists every file of the release, the files of each target together.
func (p *Plan) listOutputs(c *config.Config) error {
	for _, k := range kinds {
		outputs, err := k.plan(p, c)
		if err != nil {
			return err
		}
		p.Outputs = append(p.Outputs, outputs...)
	}

	targets := map[string]int{} // name -> index
	for i, b := range p.Builds {
		targets[b.Target.String()] = i
	}
	stage := func(o output.Output) int { return slices.Index(listedStages, o.Stage) }
	slices.SortStableFunc(p.Outputs, func(a, b output.Output) int {
		return cmp.Or(
			cmp.Compare(stage(a), stage(b)),
			cmp.Compare(targets[a.Target], targets[b.Target]),
		)
	})

	return p.checkOutputs(c)
}

// outputsOf returns the outputs of a stage that belong to the target, or with "" those that
// belong to no target.
func (p *Plan) outputsOf(stage output.Stage, target string) (outputs []output.Output) {
	for _, o := range p.Outputs {
		if o.Stage == stage && o.Target == target {
			outputs = append(outputs, o)
		}
	}

	return outputs
}

// checkOutputs finds files that GitHub would refuse or rename, files that would overwrite each
// other, and too many files.
func (p *Plan) checkOutputs(c *config.Config) error {
	var errs []error
	owners := map[string]owner{ // by file name
		dist.ReportJSON: {is: "the report"},
		dist.ReportHTML: {is: "the report"},
		dist.MarkName:   {is: "git"},
		dist.BinDir:     {is: "the programs"},
	}

	for _, o := range p.Outputs {
		own := ownerOf(o)
		if err := github.CheckName(o.Name); err != nil {
			errs = append(errs, &problem.Problem{
				Setting: own.setting,
				Err:     fmt.Errorf("%s: %w", own.is, err),
			})
		}

		key := strings.ToLower(o.Name) // Windows and macOS ignore case
		other, taken := owners[key]
		if taken {
			errs = append(errs, sameName(o.Name, other, own))
			continue
		}
		owners[key] = own
	}

	for _, f := range p.Attach {
		if err := github.CheckSize(f.Path, f.Size); err != nil {
			errs = append(errs, &problem.Problem{Setting: "attach", Err: err})
		}
	}

	return errors.Join(append(errs, p.checkNumber(c))...)
}

// An owner is what a file name stands for.
type owner struct {
	is      string // in messages
	setting string // that names the file, "" if none does
}

// ownerOf returns the owner of an output's name.
func ownerOf(o output.Output) owner {
	own := owner{
		is:      "the " + string(o.Kind),
		setting: kindOf(o.Kind).setting,
	}
	if o.Kind == output.Checksums {
		own.setting = "" // the names of the lists are fixed
	}

	switch {
	case o.Kind == output.Binary:
		own.is = o.Target + " " + o.Source
	case o.Target != "":
		own.is = o.Target
	case o.Source != "":
		own.is = o.Source
	}

	return own
}

// sameName returns the problem that two owners need a file of the same name. The setting to
// change is the one of an attached file, which is easiest to rename, else one that names files.
func sameName(name string, first, second owner) error {
	setting := cmp.Or(second.setting, first.setting)
	for _, own := range []owner{first, second} {
		if own.setting == kindOf(output.Attached).setting {
			setting = own.setting
		}
	}

	p := &problem.Problem{
		Setting: setting,
		Err:     fmt.Errorf("%s and %s both use the file name %s", first.is, second.is, name),
	}
	if setting == kindOf(output.Archive).setting {
		p.Remedy = problem.Set(setting, defaultOf(setting))
	}

	return p
}

// checkNumber returns a problem if there are more files than a release on GitHub can have, or
// more than can be uploaded within the timeout.
func (p *Plan) checkNumber(c *config.Config) error {
	var errs []error

	total := len(p.Outputs)
	if total > github.MaxAssets {
		setting := "targets"
		if total-len(p.Attach) <= github.MaxAssets {
			setting = "attach"
		}
		errs = append(errs, &problem.Problem{
			Setting: setting,
			Err: fmt.Errorf("the release would have %d files, but GitHub allows at most %d",
				total, github.MaxAssets),
		})
	}

	least := github.LeastTime(total, c.Overwrite)
	if p.Publish && least > c.Timeout {
		errs = append(errs, &problem.Problem{
			Setting: "timeout",
			Err: fmt.Errorf("uploading %d files takes at least %s, because GitHub accepts 80 a minute "+
				"and 500 an hour, but the timeout is %s", total, least, c.Timeout),
			Remedy: problem.Set("timeout", fmt.Sprintf("%.0fh", least.Hours()+1)),
		})
	}

	return errors.Join(errs...)
}

// namesOf returns the file names of outputs.
func namesOf(outputs []output.Output) []string {
	names := make([]string, len(outputs))
	for i, o := range outputs {
		names[i] = o.Name
	}

	return names
}

// findAttached finds the files that will be attached as they are.
func (p *Plan) findAttached(c *config.Config, ws *workspace.Workspace) (err error) {
	p.Attach, err = ws.AttachedFiles(c.Attach)
	return err
}

// findExtra finds the files that will be packed with the programs. None may have the name of a
// program.
func (p *Plan) findExtra(ctx context.Context, c *config.Config, ws *workspace.Workspace) error {
	_, chosen := c.From["files"]
	extra, notes, err := ws.ExtraFiles(ctx, c.Files, !chosen)
	if err != nil {
		return err
	}
	p.Extra = extra
	p.Notes = append(p.Notes, notes...)

	var errs []error
	for _, f := range extra {
		if err := pack.CheckName(f.Name); err != nil {
			errs = append(errs, &problem.Problem{Setting: "files", Err: err})
		}
		if p.hasProgram(f.Name) {
			errs = append(errs, &problem.Problem{
				Setting: "files",
				Err:     fmt.Errorf("%s has the name of a program", f.Name),
			})
		}
	}

	return errors.Join(errs...)
}

// hasProgram reports whether a program has that file name on any target. It ignores case, as
// Windows and macOS do.
func (p *Plan) hasProgram(name string) bool {
	for _, b := range p.Builds {
		for _, m := range b.Mains {
			if strings.EqualFold(b.Target.Exe(m.Name), name) {
				return true
			}
		}
	}

	return false
}

// defaultOf returns the default of a setting.
func defaultOf(name string) string {
	i := slices.IndexFunc(config.Settings, func(s config.Setting) bool { return s.Name == name })
	return config.Settings[i].Default
}

// JSON returns the plan for machines. Its schema is the one of the report.
func (p *Plan) JSON(schema int) ([]byte, error) {
	type plannedBuild struct {
		build.Build
		Command process.Command   `json:"command"`
		Further []process.Command `json:"furtherCommands,omitempty"` // programs of the same name as one before
		Files   []string          `json:"files"`
	}

	builds := make([]plannedBuild, len(p.Builds))
	for i, b := range p.Builds {
		commands := p.Commands(b, "$OUT")
		builds[i] = plannedBuild{
			Build:   b,
			Command: commands[0],
			Further: commands[1:],
			Files:   namesOf(p.outputsOf(output.Lane, b.Target.String())),
		}
	}

	data, err := json.MarshalIndent(struct {
		Schema int    `json:"schema"`
		DryRun bool   `json:"dryRun"`
		Why    string `json:"why"`
		*build.Plan
		Builds  []plannedBuild           `json:"builds"`
		Outputs []output.Output          `json:"outputs"`
		Attach  []workspace.AttachedFile `json:"attach,omitempty"`
		Packed  []workspace.ExtraFile    `json:"packed,omitempty"` // with the programs of each target
	}{
		Schema:  schema,
		DryRun:  !p.Publish,
		Why:     p.Why,
		Plan:    p.Plan,
		Builds:  builds,
		Outputs: p.Outputs,
		Attach:  p.Attach,
		Packed:  p.Extra,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}

	return append(data, '\n'), nil
}

// Text returns the plan for people.
func (p *Plan) Text(workflow bool) string {
	var text strings.Builder
	printf := func(format string, args ...any) { fmt.Fprintf(&text, format, args...) }

	printf("%s %s, commit %.12s of %s, %s\n",
		p.Name, p.Source.Version, p.Source.Commit, p.Facts().Date, p.Go)

	printf("programs:\n")
	for _, m := range p.Mains() {
		printf("  %-16s  %s\n", m.Name, m.ImportPath)
	}

	printf("targets:\n")
	for _, b := range p.Builds {
		names := namesOf(p.outputsOf(output.Lane, b.Target.String()))
		printf("  %-16s  %s\n", b.Target, strings.Join(names, " "))
		if b.CC != nil {
			printf("  %-16s  with C, linked statically by %s: %s\n", "", b.CC.CC, b.CC.Version)
		}
	}
	for _, s := range p.Skipped {
		printf("  %-16s  left out: %s\n", s.Target, s.Reason)
	}

	for _, n := range p.Notes {
		printf("note: %s\n", strings.ReplaceAll(hint.Note(n, workflow), "\n", "\n  "))
	}
	for _, g := range p.Generated {
		printf("generated: %s (%d bytes, SHA-256 %s)\n", g.Path, g.Size, g.SHA256)
	}

	var extra []string
	for _, f := range p.Extra {
		extra = append(extra, quote.Line(f.Name))
	}
	printf("packed with each: %s\n", strings.Join(extra, " "))
	if len(p.Attach) > 0 {
		printf("attached as they are:\n")
	}
	for _, f := range p.Attach {
		printf("  %s\n", quote.Line(f.Path))
	}

	if len(p.Builds) > 0 {
		printf("command for %s:\n", p.Builds[0].Target)
		for _, cmd := range p.Commands(p.Builds[0], "$OUT") {
			printf("  %s \\\n  %s\n", quote.ShellWords(cmd.Env), quote.ShellWords(cmd.Args))
		}
	}

	return text.String()
}
