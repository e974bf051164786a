package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build/problem"

	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/quote"
)

// A Plan is everything that is decided before the first compiler starts: what build
// has to say, and the files of the release.
type Plan struct {
	*build.Plan
	Publish bool
	Why     string
	Files   [][]PlannedFile // of each build, in the order of Builds
	Attach  []workspace.AttachedFile
	extra   []pack.File // packed into every archive
	ws      *workspace.Workspace
}

// A PlannedFile is a file that will be written.
type PlannedFile struct {
	Name   string
	Format string // of pack, or pack.Binary
	Main   string // the program, for pack.Binary
}

// newPlan resolves the settings. Its error holds every mistake that can be found
// without compiling; then nothing has been written or sent, but for what healDist does.
func newPlan(ctx context.Context, c *config.Config, environ []string, publish bool, why, commit string) (*Plan, error) {
	distErr := distInside(c.Dist)
	if distErr == nil {
		distErr = healDist(c.Dist) // before git is asked for changes
	}
	ws, err := workspace.Open(ctx, c.Workspace(environ))
	if err != nil {
		return nil, errors.Join(err, distErr)
	}
	spec := c.Spec()
	spec.Publish, spec.TagCommit = publish, commit
	b, err := build.NewPlan(ctx, ws, spec)
	if b == nil || ctx.Err() != nil {
		return nil, errors.Join(err, distErr)
	}
	p := &Plan{Plan: b, Publish: publish, Why: why, ws: ws}
	if nameErr := github.CheckName(b.Name); nameErr != nil { // once, not for every file with it
		return p, errors.Join(err, &problem.Problem{Setting: "name", Err: nameErr})
	}
	errs := []error{err, distErr, p.findAttached(c), p.nameFiles(c), p.readExtra(ctx, c), checkDist(c.Dist)}
	if c.MakeLatest != nil && *c.MakeLatest && p.prerelease(c) {
		errs = append(errs, &problem.Problem{Setting: "make-latest", Err: fmt.Errorf("%s is a prerelease, which GitHub does not make the latest release", p.Source.Version)})
	}
	return p, errors.Join(errs...)
}

// distInside refuses a directory for the files whose name is in a repository and that a
// link leads out of it, because the link may be somebody else's. It also refuses one in
// git's own directory.
func distInside(dist string) error {
	abs, err := filepath.Abs(dist)
	if err != nil {
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("locating %s: %w", dist, err)}
	}

	root, found := workspace.FindRoot(filepath.Dir(abs))
	if !found {
		return nil
	}

	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("locating %s: %w", dist, err)}
	}

	// The directory will be created in the nearest parent that exists.
	existing := abs
	resolved, err := filepath.EvalSymlinks(existing)
	for errors.Is(err, fs.ErrNotExist) && existing != root {
		if _, linkErr := os.Lstat(existing); linkErr == nil {
			return &problem.Problem{Setting: "dist", Err: fmt.Errorf("%s is a link that leads nowhere", existing)}
		}
		existing = filepath.Dir(existing)
		resolved, err = filepath.EvalSymlinks(existing)
	}

	switch {
	case err != nil:
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("locating %s: %w", dist, err)}
	case !door.Within(realRoot, resolved):
		return &problem.Problem{
			Setting: "dist",
			Err:     fmt.Errorf("%s is a link that leads out of the repository, to %s", dist, resolved),
			Remedy:  problem.Set("dist", filepath.Join(resolved, strings.TrimPrefix(abs, existing))),
		}
	case door.Within(filepath.Join(realRoot, ".git"), resolved):
		return &problem.Problem{
			Setting: "dist",
			Err:     fmt.Errorf("%s is in git's own directory", dist),
			Remedy:  problem.Set("dist", "dist-release"),
		}
	}

	return nil
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

// nameFiles decides the name of every file of the release.
func (p *Plan) nameFiles(c *config.Config) error {
	for _, b := range p.Builds {
		formats := c.Archives
		if len(formats) == 0 {
			formats = []string{"tar.gz"}
			if b.Target.OS == "windows" {
				formats = []string{"zip"}
			}
		}
		facts := fileFacts{p.Facts(), b.Target.OS, archName(b.Target)}
		var files []PlannedFile
		for _, format := range formats {
			if format != pack.Binary {
				name, err := build.Expand(c.ArchiveName, facts)
				if err != nil {
					return &problem.Problem{Setting: "archive-name", Err: err}
				}
				files = append(files, PlannedFile{Name: name + "." + format, Format: format})
				continue
			}
			for _, m := range b.Mains {
				facts.Name = m.Name
				name, err := build.Expand(c.ArchiveName, facts)
				if err != nil {
					return &problem.Problem{Setting: "archive-name", Err: err}
				}
				files = append(files, PlannedFile{Name: b.Target.Exe(name), Format: format, Main: m.Name})
			}
			facts.Name = p.Name
		}
		p.Files = append(p.Files, files)
	}
	return p.checkNames(c)
}

// checkNames finds names that GitHub would change, and files that would be written
// over one another.
func (p *Plan) checkNames(c *config.Config) error {
	taken := map[string]string{reportJSON: "the report", reportHTML: "the report", ".gitignore": "git", binDir: "the programs"}
	for _, algorithm := range c.Checksums {
		taken[output.ChecksumFiles[algorithm]] = "the checksums"
	}
	var errs []error
	total := len(c.Checksums) + len(p.Attach)
	for i, files := range p.Files {
		target := p.Builds[i].Target.String()
		for _, f := range files {
			total++
			if err := github.CheckName(f.Name); err != nil {
				errs = append(errs, &problem.Problem{Setting: "archive-name", Err: fmt.Errorf("%s: %w", target, err)})
			}
			key := strings.ToLower(f.Name) // one file on Windows and macOS
			if other, ok := taken[key]; ok {
				errs = append(errs, &problem.Problem{Setting: "archive-name",
					Err: fmt.Errorf("the file %s of %s is also that of %s", f.Name, target, other), Remedy: problem.Set("archive-name", defaultOf("archive-name"))})
				continue
			}
			taken[key] = target
		}
	}
	errs = append(errs, p.checkAttached(taken))
	if total > github.MaxAssets {
		setting := "targets"
		if total-len(p.Attach) <= github.MaxAssets {
			setting = "attach"
		}
		errs = append(errs, &problem.Problem{Setting: setting, Err: fmt.Errorf("%d files, and a release on GitHub takes %d", total, github.MaxAssets)})
	}
	if least := github.LeastTime(total, c.Overwrite); p.Publish && least > c.Timeout {
		errs = append(errs, &problem.Problem{Setting: "timeout", Remedy: problem.Set("timeout", fmt.Sprintf("%.0fh", least.Hours()+1)),
			Err: fmt.Errorf("%d files take at least %s, because GitHub takes 80 a minute and 500 an hour, and the run may take %s", total, least, c.Timeout)})
	}
	return errors.Join(errs...)
}

// fileNames lists the names of all files of the release.
func (p *Plan) fileNames(c *config.Config) (names []string) {
	for _, files := range p.Files {
		for _, f := range files {
			names = append(names, f.Name)
		}
	}
	for _, f := range p.Attach {
		names = append(names, f.Name())
	}
	for _, algorithm := range c.Checksums {
		names = append(names, output.ChecksumFiles[algorithm])
	}
	return names
}

// readExtra reads the files that travel along, and makes sure that none has the name
// of a program.
func (p *Plan) readExtra(ctx context.Context, c *config.Config) error {
	_, given := c.From["files"]
	extra, notes, err := p.ws.ExtraFiles(ctx, c.Files, !given)
	if err != nil {
		return err
	}
	p.Notes = append(p.Notes, notes...)
	var errs []error
	for _, f := range extra {
		if err := pack.CheckName(f.Name); err != nil {
			errs = append(errs, &problem.Problem{Setting: "files", Err: err})
		}
		p.extra = append(p.extra, pack.File{
			Name:       f.Name,
			Executable: f.Executable,
			Size:       f.Size,
			SHA256:     f.SHA256,
			Open: func() (io.ReadCloser, error) {
				data, err := p.ws.ReadExtra(ctx, f)
				return io.NopCloser(bytes.NewReader(data)), err
			},
		})
		for _, b := range p.Builds {
			if slices.ContainsFunc(b.Mains, func(m build.Main) bool { return strings.EqualFold(b.Target.Exe(m.Name), f.Name) }) {
				errs = append(errs, &problem.Problem{Setting: "files", Err: fmt.Errorf("%s has the name of a program", f.Name)})
				break
			}
		}
	}
	return errors.Join(errs...)
}

func defaultOf(name string) string {
	i := slices.IndexFunc(config.Settings, func(s config.Setting) bool { return s.Name == name })
	return config.Settings[i].Def
}

// JSON is the plan for machines. Its schema changes with report.Schema.
func (p *Plan) JSON(schema int) ([]byte, error) {
	type plannedBuild struct {
		build.Build
		Command process.Command `json:"command"`
		Files   []string        `json:"files"`
	}
	builds := make([]plannedBuild, len(p.Builds))
	for i, b := range p.Builds {
		builds[i] = plannedBuild{Build: b, Command: p.Command(b, "$OUT")}
		for _, f := range p.Files[i] {
			builds[i].Files = append(builds[i].Files, f.Name)
		}
	}
	data, err := json.MarshalIndent(struct {
		Schema int    `json:"schema"`
		DryRun bool   `json:"dryRun"`
		Why    string `json:"why"`
		*build.Plan
		Builds []plannedBuild           `json:"builds"`
		Attach []workspace.AttachedFile `json:"attach,omitempty"`
	}{schema, !p.Publish, p.Why, p.Plan, builds, p.Attach}, "", "  ")
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
	for i, bld := range p.Builds {
		var names []string
		for _, f := range p.Files[i] {
			names = append(names, f.Name)
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
	for _, f := range p.extra {
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
