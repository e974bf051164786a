package release

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/quote"
)

// A Layout says where an archive has its files.
type Layout struct {
	Dir      string            `json:"dir,omitempty"` // that holds everything, "" for none
	Programs map[string]string `json:"programs"`      // path in the archive, by name of the program
}

// extraName returns the path in the archive of a file that goes with the programs.
func (l Layout) extraName(f workspace.ExtraFile) string { return path.Join(l.Dir, f.Name) }

// wrapFacts are the fields that the template wrap may use.
type wrapFacts struct {
	fileFacts
	Archive string // name of the archive without its extension
}

// programFacts are the fields that the template program-path may use.
type programFacts struct {
	fileFacts
	Program string
}

// layOut returns where an archive for a target has its files. archive is its name without the
// extension.
func (p *Plan) layOut(c *config.Config, b build.Build, archive string) (Layout, error) {
	facts := p.factsFor(c, b)
	l := Layout{Programs: map[string]string{}}

	dir, err := expandPath("wrap", c.Wrap, wrapFacts{facts, archive})
	if err != nil {
		return Layout{}, err
	}
	l.Dir = dir

	text := c.ProgramPath
	isDir := strings.HasSuffix(text, "/") || path.Clean(text) == "."
	if isDir {
		text = path.Join(text, "{{.Program}}")
	}

	owners := map[string]string{} // program by path, in lower case
	for _, m := range b.Mains {
		place, err := expandPath("program-path", text, programFacts{facts, m.Name})
		if err != nil {
			return Layout{}, err
		}
		place = b.Target.Exe(place)

		key := strings.ToLower(place)
		other, taken := owners[key]
		if taken && strings.EqualFold(other, m.Name) {
			continue // the setting packages has to name one of them in another way, which is reported
		}
		if taken {
			return Layout{}, &problem.Problem{
				Setting: "program-path",
				Err:     fmt.Errorf("%s and %s would both be packed as %s", other, m.Name, place),
				Remedy:  problem.Set("program-path", path.Join(path.Dir(place), "{{.Program}}")),
			}
		}
		owners[key] = m.Name
		l.Programs[m.Name] = path.Join(l.Dir, place)
	}

	return l, nil
}

// expandPath expands a template for a path in an archive. An empty template gives "".
func expandPath(setting, text string, facts any) (string, error) {
	if text == "" {
		return "", nil
	}

	expanded, err := template.Expand(text, facts)
	if err == nil {
		err = pack.CheckChosenName(expanded)
	}
	if err != nil {
		return "", &problem.Problem{Setting: setting, Err: err}
	}

	return path.Clean(expanded), nil
}

// checkLayouts finds extra files that cannot be packed where the archives would have them,
// because of a program or of a directory. rename returns what to do about the name of one.
func (p *Plan) checkLayouts(rename func(workspace.ExtraFile) problem.Remedy) error {
	var errs []error
	told := map[string]bool{} // the same mistake is in the archives of all targets

	for _, o := range p.Outputs {
		if o.Kind != output.Archive {
			continue
		}
		for _, err := range p.Layouts[o.Name].check(p.Extra, rename) {
			if !told[err.Error()] {
				told[err.Error()] = true
				errs = append(errs, err)
			}
		}
	}

	return errors.Join(errs...)
}

// check returns a problem for each extra file whose name, or the name of whose directory, is
// the one of another file in the archive. It ignores case, as Windows and macOS do.
func (l Layout) check(
	extra []workspace.ExtraFile, rename func(workspace.ExtraFile) problem.Remedy,
) (problems []error) {
	files := map[string]string{}       // what a path is, by path in lower case
	directories := map[string]string{} // the first extra file in a directory
	relative := func(name string) string { return strings.TrimPrefix(name, l.Dir+"/") }

	for _, program := range l.Programs {
		files[strings.ToLower(program)] = "the name of a program"
	}

	report := func(remedy problem.Remedy, format string, args ...any) {
		problems = append(problems, &problem.Problem{
			Setting: "files",
			Err:     fmt.Errorf(format, args...),
			Remedy:  remedy,
		})
	}

	for _, f := range extra {
		key := strings.ToLower(l.extraName(f))
		if is, taken := files[key]; taken {
			report(rename(f), "%s has %s", f.Name, is)
		}
		files[key] = "the name of the file " + f.Name

		for _, dir := range parents(key) {
			if _, known := directories[dir]; !known {
				directories[dir] = f.Name
			}
		}
	}
	for dir, first := range directories {
		if is, taken := files[dir]; taken {
			report(problem.Remedy{}, "the directory of %s has %s", first, is)
		}
	}

	// A program may be in a directory that has the name of an extra file.
	for _, program := range l.Programs {
		for _, dir := range parents(program) {
			if is, taken := files[strings.ToLower(dir)]; taken {
				report(problem.Remedy{}, "the directory of the program %s has %s", relative(program), is)
			}
		}
	}

	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return problems
}

// parents returns the directories in the name of a file.
func parents(name string) (directories []string) {
	for i, c := range name {
		if c == '/' {
			directories = append(directories, name[:i])
		}
	}
	return directories
}

// describeLayout returns the names in the first archive, "" if it has no directories but those
// of the repository.
func (p *Plan) describeLayout() string {
	i := slices.IndexFunc(p.Outputs, func(o output.Output) bool { return o.Kind == output.Archive })
	if i < 0 {
		return ""
	}

	l := p.Layouts[p.Outputs[i].Name]
	names := slices.Collect(maps.Values(l.Programs))
	isFlat := l.Dir == "" && !slices.ContainsFunc(names, func(name string) bool { return path.Dir(name) != "." })
	if isFlat {
		return ""
	}

	for _, f := range p.Extra {
		names = append(names, l.extraName(f))
	}
	slices.Sort(names)

	text := fmt.Sprintf("in %s:\n", p.Outputs[i].Name)
	for _, name := range names {
		text += "  " + quote.Line(name) + "\n"
	}
	return text
}
