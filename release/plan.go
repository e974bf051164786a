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
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/quote"
)

// A Plan is everything that is decided before the first compiler starts: what build decides,
// and the files of the release.
type Plan struct {
	*build.Plan
	Publish bool
	Why     string // it publishes, or does not
	Outputs []output.Output
	Attach  []workspace.AttachedFile
	Extra   []workspace.ExtraFile // packed into every archive
}

// newPlan resolves the settings. Its error holds every mistake that can be found without
// compiling. Nothing has been written or sent then, except what dist.Heal writes.
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

func (p *Plan) prerelease(c *config.Config) bool {
	if c.Prerelease != nil {
		return *c.Prerelease
	}
	return semver.Prerelease("v"+p.Source.Version) != ""
}

// fileFacts are what the template archive-name may use.
type fileFacts struct {
	build.Facts
	OS, Arch string
}

// archName is the architecture in file names: with its level, if one was asked for.
func archName(t target.Target) string {
	switch {
	case t.Level == "":
		return t.Arch
	case t.Arch == "arm":
		return "armv" + t.Level // armv6, as everybody writes it
	}
	return t.Arch + "_" + t.Level
}

// expandName expands the name of a file for a target. name is that of the project or of the
// program in the file.
func (p *Plan) expandName(c *config.Config, b build.Build, name string) (string, error) {
	facts := fileFacts{
		Facts: p.Facts(),
		OS:    b.Target.OS,
		Arch:  archName(b.Target),
	}
	facts.Name = name

	expanded, err := build.Expand(c.ArchiveName, facts)
	if err != nil {
		return "", &problem.Problem{Setting: "archive-name", Err: err}
	}

	return expanded, nil
}

// listOutputs lists every file of the release: by stage, and in the lanes by target.
func (p *Plan) listOutputs(c *config.Config) error {
	targets := map[string]int{}
	for i, b := range p.Builds {
		targets[b.Target.String()] = i
	}

	for _, k := range kinds {
		outputs, err := k.plan(p, c)
		if err != nil {
			return err
		}
		p.Outputs = append(p.Outputs, outputs...)
	}

	slices.SortStableFunc(p.Outputs, func(a, b output.Output) int {
		return cmp.Or(
			cmp.Compare(slices.Index(output.Stages, a.Stage), slices.Index(output.Stages, b.Stage)),
			cmp.Compare(targets[a.Target], targets[b.Target]),
		)
	})

	return p.checkOutputs(c)
}

// outputsOf returns the outputs of a stage. In the lanes those are the outputs of one target.
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
	owners := map[string]string{
		dist.ReportJSON: "the report",
		dist.ReportHTML: "the report",
		dist.MarkName:   "git",
		dist.BinDir:     "the programs",
	}
	attached := map[string]bool{} // names

	for _, o := range p.Outputs {
		owner := ownerOf(o)
		if err := github.CheckName(o.Name); err != nil {
			errs = append(errs, &problem.Problem{
				Setting: kindOf(o.Kind).setting,
				Err:     fmt.Errorf("%s: %w", owner, err),
			})
		}

		key := strings.ToLower(o.Name) // one file on Windows and macOS
		other, taken := owners[key]
		if taken {
			setting := kindOf(o.Kind).setting
			if attached[key] {
				setting = kindOf(output.Attached).setting
			}
			errs = append(errs, sameName(setting, o.Name, other, owner))
			continue
		}
		owners[key] = owner
		attached[key] = o.Kind == output.Attached
	}

	for _, f := range p.Attach {
		if err := github.CheckSize(f.Path, f.Size); err != nil {
			errs = append(errs, &problem.Problem{Setting: "attach", Err: err})
		}
	}

	return errors.Join(append(errs, p.checkNumber(c))...)
}

// ownerOf says in messages what an output is for.
func ownerOf(o output.Output) string {
	switch {
	case o.Target != "":
		return o.Target
	case o.Source != "":
		return o.Source
	}
	return "the " + string(o.Kind)
}

// sameName is the problem that the files of two owners have the same name.
func sameName(setting, name, owner, other string) error {
	p := &problem.Problem{
		Setting: setting,
		Err:     fmt.Errorf("two files are called %s: that of %s and that of %s", name, owner, other),
	}
	if setting == "archive-name" {
		p.Remedy = problem.Set("archive-name", defaultOf("archive-name"))
	}

	return p
}

// checkNumber fails if there are more files than a release on GitHub can have, or than can be
// sent within the timeout.
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
			Err:     fmt.Errorf("%d files, and a release on GitHub takes %d", total, github.MaxAssets),
		})
	}

	least := github.LeastTime(total, c.Overwrite)
	if p.Publish && least > c.Timeout {
		errs = append(errs, &problem.Problem{
			Setting: "timeout",
			Err: fmt.Errorf("%d files take at least %s, because GitHub takes 80 a minute and 500 an hour, and the run may take %s",
				total, least, c.Timeout),
			Remedy: problem.Set("timeout", fmt.Sprintf("%.0fh", least.Hours()+1)),
		})
	}

	return errors.Join(errs...)
}

// fileNames returns the names of all files of the release.
func (p *Plan) fileNames() []string {
	names := make([]string, len(p.Outputs))
	for i, o := range p.Outputs {
		names[i] = o.Name
	}

	return names
}

// findAttached finds the files that are attached as they are.
func (p *Plan) findAttached(c *config.Config, ws *workspace.Workspace) (err error) {
	p.Attach, err = ws.AttachedFiles(c.Attach)
	return err
}

// findExtra finds the files that are packed with the programs, and makes sure that none has
// the name of a program.
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

// hasProgram reports whether a program has that file name on some target. Case does not
// count, as on Windows and macOS.
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

func defaultOf(name string) string {
	i := slices.IndexFunc(config.Settings, func(s config.Setting) bool { return s.Name == name })
	return config.Settings[i].Default
}

// JSON returns the plan for machines. Its schema changes with report.Schema.
func (p *Plan) JSON(schema int) ([]byte, error) {
	type plannedBuild struct {
		build.Build
		Command process.Command `json:"command"`
		Files   []string        `json:"files"`
	}

	builds := make([]plannedBuild, len(p.Builds))
	for i, b := range p.Builds {
		builds[i] = plannedBuild{
			Build:   b,
			Command: p.Command(b, "$OUT"),
		}
		for _, o := range p.outputsOf(output.Lane, b.Target.String()) {
			builds[i].Files = append(builds[i].Files, o.Name)
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
	}{
		Schema:  schema,
		DryRun:  !p.Publish,
		Why:     p.Why,
		Plan:    p.Plan,
		Builds:  builds,
		Outputs: p.Outputs,
		Attach:  p.Attach,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}

	return append(data, '\n'), nil
}

// Text is the plan for people.
func (p *Plan) Text(workflow bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, commit %.12s of %s, %s\n", p.Name, p.Source.Version, p.Source.Commit, p.Facts().Date, p.Go)
	fmt.Fprintf(&b, "programs:\n")
	for _, m := range p.Mains() {
		fmt.Fprintf(&b, "  %-16s  %s\n", m.Name, m.ImportPath)
	}
	fmt.Fprintf(&b, "targets:\n")
	for _, bld := range p.Builds {
		var names []string
		for _, o := range p.outputsOf(output.Lane, bld.Target.String()) {
			names = append(names, o.Name)
		}
		fmt.Fprintf(&b, "  %-16s  %s\n", bld.Target, strings.Join(names, " "))
		if bld.CC != nil {
			fmt.Fprintf(&b, "  %-16s  with C, linked statically by %s: %s\n", "", bld.CC.CC, bld.CC.Version)
		}
	}
	for _, s := range p.Skipped {
		fmt.Fprintf(&b, "  %-16s  left out: %s\n", s.Target, s.Reason)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", strings.ReplaceAll(hint.Note(n, workflow), "\n", "\n  "))
	}
	for _, g := range p.Generated {
		fmt.Fprintf(&b, "generated: %s (%d bytes, SHA-256 %s)\n", g.Path, g.Size, g.SHA256)
	}
	var names []string
	for _, f := range p.Extra {
		names = append(names, quote.Line(f.Name))
	}
	fmt.Fprintf(&b, "packed with each: %s\n", strings.Join(names, " "))
	if len(p.Attach) > 0 {
		fmt.Fprintf(&b, "attached as they are:\n")
	}
	for _, f := range p.Attach {
		fmt.Fprintf(&b, "  %s\n", quote.Line(f.Path))
	}
	if len(p.Builds) > 0 {
		cmd := p.Command(p.Builds[0], "$OUT")
		fmt.Fprintf(&b, "command for %s:\n  %s \\\n  %s\n", p.Builds[0].Target, quote.ShellWords(cmd.Env), quote.ShellWords(cmd.Args))
	}
	return b.String()
}
