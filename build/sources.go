package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// checkSources compares the files that the go command will read with the commit. The go
// command itself stamps a binary as unmodified if git status is empty, which says nothing
// about ignored files, about files that git was told not to look at, and about other
// directories that a replace directive or a workspace leads to.
//
// A file that is not part of the commit is an error when publishing and a note
// otherwise, unless the setting "generated" names it.
func checkSources(ctx context.Context, ws *workspace.Workspace, p *Plan, publish bool) error {
	for _, pattern := range p.GeneratedPatterns {
		if !doublestar.ValidatePattern(pattern) {
			return &problem.Problem{
				Setting: "generated",
				Err:     fmt.Errorf("reading pattern %q: %w", pattern, doublestar.ErrBadPattern),
			}
		}
	}

	stray, generated, err := compareSources(ctx, ws, p)
	if err != nil {
		return err
	}
	p.Generated = generated

	var unused []string
	for _, pattern := range p.GeneratedPatterns {
		used := slices.ContainsFunc(generated, func(g workspace.Generated) bool {
			file := filepath.Join(ws.Root, filepath.FromSlash(g.Path))
			return ws.IsGenerated(file, []string{pattern})
		})
		if !used {
			unused = append(unused, fmt.Sprintf(
				"generated: %q matches no file that is compiled and not in the commit", pattern))
		}
	}

	if len(stray) == 0 || !publish {
		for _, text := range unused {
			p.note(problem.Remedy{}, "%s", text)
		}
	}
	if len(stray) == 0 {
		return nil
	}

	err = describeStray(stray, p.Source.Commit)
	remedy := strayRemedy(stray, ws.ModuleDir())
	if !publish {
		p.note(remedy, "%v\npublishing would be refused", err)
		return nil
	}

	// A refused run shows no notes, and a pattern that is mistyped may be the reason.
	for _, text := range unused {
		err = fmt.Errorf("%w\n%s", err, text)
	}
	return &problem.Problem{Err: err, Remedy: remedy}
}

// compareSources compares the files that the go command reads for the plan with the commit.
func compareSources(
	ctx context.Context, ws *workspace.Workspace, p *Plan,
) (stray []workspace.StraySource, generated []workspace.Generated, err error) {
	programs := make([]workspace.Programs, len(p.Builds))
	for i, b := range p.Builds {
		programs[i] = workspace.Programs{
			Env:  b.env(),
			Tags: b.Tags,
			Cgo:  b.CC != nil,
		}
		for _, m := range b.Mains {
			programs[i].Packages = append(programs[i].Packages, m.ImportPath)
			programs[i].Dirs = append(programs[i].Dirs, m.Dir)
		}
	}

	stray, generated, err = ws.CompareSources(ctx, programs, p.GeneratedPatterns)
	var refused *workspace.GoError
	if errors.As(err, &refused) {
		return nil, nil, explainRefused(ctx, ws, p, err)
	}
	var known *problem.Problem
	if errors.As(err, &known) {
		return nil, nil, known
	}
	if err != nil {
		return nil, nil, fmt.Errorf("comparing the sources with the commit: %w", err)
	}
	return stray, generated, nil
}

// explainRefused returns why the go command cannot load the packages of the first build for
// which it cannot, or else err.
func explainRefused(ctx context.Context, ws *workspace.Workspace, p *Plan, err error) error {
	for _, b := range p.Builds {
		if failure := loadFailures(ctx, ws, p, b); failure != nil {
			return failure
		}
	}
	return err
}

// RecheckSources fails if the files that the go command reads have changed since the plan
// was made. git status, which the go command asks, does not see changes of ignored files.
func RecheckSources(ctx context.Context, ws *workspace.Workspace, p *Plan) error {
	changes, err := ws.Changes(ctx)
	if err != nil {
		return err
	}
	if len(changes) > 0 && !p.Source.Dirty {
		return fmt.Errorf("comparing the sources: "+
			"the working tree was changed while the programs were compiled:\n  %s",
			workspace.DescribeChanges(changes))
	}

	stray, generated, err := compareSources(ctx, ws, p)
	if err != nil {
		return err
	}
	if len(stray) > 0 {
		return describeStray(stray, p.Source.Commit)
	}

	for _, g := range generated {
		switch p.compareGenerated(g) {
		case unplanned:
			return fmt.Errorf("comparing the sources: %s was made while the programs were compiled", g.Path)
		case changed:
			return fmt.Errorf("comparing the sources: %s was changed while the programs were compiled", g.Path)
		}
	}
	return nil
}

// checkGenerated returns a problem for each source file of the workspace that is neither part
// of the commit nor the same generated file as in the plan, and for each one that is missing.
func (p *Plan) checkGenerated(ctx context.Context, ws *workspace.Workspace) (ps problem.List) {
	stray, generated, err := compareSources(ctx, ws, p)
	if !ps.Keep("directory", err) {
		return ps
	}
	if len(stray) > 0 {
		ps.AddWith("directory", strayRemedy(stray, ws.ModuleDir()), "%w", describeStray(stray, p.Source.Commit))
	}

	present := map[string]bool{}
	for _, g := range generated {
		present[g.Path] = true
		switch p.compareGenerated(g) {
		case unplanned:
			ps.Add("generated", "%s is neither in the commit nor in the plan", g.Path)
		case changed:
			ps.Add("generated", "%s is not the file with which the plan was made", g.Path)
		}
	}
	for _, g := range p.Generated {
		if !present[g.Path] {
			ps.Add("generated", "%s is missing, which was generated when the plan was made", g.Path)
		}
	}
	return ps
}

// What became of a generated file since the plan was made.
type generatedState int

const (
	unchanged generatedState = iota
	changed
	unplanned // the plan does not have it
)

// compareGenerated compares a generated file with the plan.
func (p *Plan) compareGenerated(g workspace.Generated) generatedState {
	i := slices.IndexFunc(p.Generated, func(planned workspace.Generated) bool { return planned.Path == g.Path })
	switch {
	case i < 0:
		return unplanned
	case p.Generated[i] != g:
		return changed
	}
	return unchanged
}

// strayRemedy returns what to do about stray files: the remedy of the first one, or a remedy
// for all those that are not in the commit. moduleDir is the directory of the module in the
// repository.
func strayRemedy(stray []workspace.StraySource, moduleDir string) problem.Remedy {
	if stray[0].Why != workspace.NotInCommit {
		return stray[0].Remedy
	}

	byDir := map[string][]string{}
	for _, s := range stray {
		if s.Why == workspace.NotInCommit {
			dir := path.Dir(s.Path)
			byDir[dir] = append(byDir[dir], s.Path)
		}
	}

	// Many files of one directory are named by a pattern. git is told where names begin,
	// because the command may run in the module or in the root.
	const most = 3
	top := ""
	if moduleDir != "." {
		top = ":/"
	}
	var add, generated []string
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		names := byDir[dir]
		if len(names) > most && dir != "." && dir != moduleDir {
			names = []string{dir + "/*"}
		}
		for _, name := range names {
			add = append(add, problem.ShellWord(top+name))
			generated = append(generated, generatedPattern(name, moduleDir))
		}
	}

	return problem.Either(
		problem.Run("git add --force "+strings.Join(add, " ")+" && git commit"),
		problem.Set("generated", strings.Join(generated, " ")).For("if a step of the build makes it"),
	)
}

// generatedPattern returns a pattern for the setting "generated", which is relative to the
// module. The setting is a list, so a separator in a name is matched by "?".
func generatedPattern(name, moduleDir string) string {
	rel, err := filepath.Rel(filepath.FromSlash(moduleDir), filepath.FromSlash(name))
	if err != nil { // never for two relative paths without ".." at the beginning
		rel = name
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ,\t\r\n[]{}\\", r) {
			return '?'
		}
		return r
	}, filepath.ToSlash(rel))
}

// describeStray names the first few files that are not part of the commit.
func describeStray(stray []workspace.StraySource, commit string) error {
	const most = 5

	lines := make([]string, 0, most+1)
	for _, s := range stray[:min(most, len(stray))] {
		lines = append(lines, fmt.Sprintf("%s: %s", s.Path, s.Why))
	}
	if more := len(stray) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}

	return fmt.Errorf("the programs would be compiled from files that are not part of commit %.12s:\n  %s",
		commit, strings.Join(lines, "\n  "))
}
