package config

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/actions"

	"github.com/org/go-static-release/build/problem"
)

func Names() []string {
	names := make([]string, len(Settings))
	for i, s := range Settings {
		names[i] = s.Name
	}
	return names
}

// Read fills a Config: flags win over inputs, inputs over the workflow, the
// workflow over defaults. All mistakes are reported, each with the place it was made.
func Read(flags map[string]string, noWorkflow bool, runner *actions.Runner) (*Config, []string, error) {
	c := &Config{From: map[string]string{}}
	var errs []error
	var notices []string
	values := map[string]given{}
	if !runner.Active() && !noWorkflow {
		fromWorkflow, notes, err := workflowValues(flags)
		if err != nil {
			errs = append(errs, err)
		}
		maps.Copy(values, fromWorkflow)
		notices = notes
	}
	for _, s := range Settings {
		if v := runner.Input(s.Name); v != "" {
			values[s.Name] = given{v, "input " + s.Name}
		}
		if v, ok := flags[s.Name]; ok {
			from := "--" + s.Name
			if s.Name == "command" {
				from = "command line"
			}
			values[s.Name] = given{v, from}
		}
		value := s.Def
		if v := values[s.Name]; v.value != "" && v.value != s.Def { // action.yml gives every default as an input
			value, c.From[s.Name] = v.value, v.from
		}
		if value == "" {
			continue
		}
		if err := s.set(c, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Where(s.Name), err))
			if s.Def != "" { // go on as if it had not been given, to find other mistakes too
				_ = s.set(c, s.Def) // a default is right
			}
		}
	}
	if c.Notes != "" && c.NotesFile != "" {
		errs = append(errs, fmt.Errorf("%s and %s: one text of the release is enough", c.Where("notes"), c.Where("notes-file")))
	}
	if len(c.CC) > 0 && c.Cgo == "off" {
		errs = append(errs, problem.With(problem.Set("cgo", "static"), fmt.Errorf("%s: no C compiler is used, because cgo is off", c.Where("cc"))))
	}
	if c.NotesFile != "" && len(errs) == 0 {
		text, err := ReadNotes(c.NotesFile, c.Dist)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Where("notes-file"), err))
		}
		c.Notes = text
	}
	return c, notices, errors.Join(errs...)
}

// settingOf finds a setting by its name.
func settingOf(name string) (Setting, bool) {
	i := slices.IndexFunc(Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return Settings[i], true
}

// workflowValues returns the values that the repository's workflow sets, with absolute
// paths. It leaves out a setting that counts on a laptop only as a flag, with a note unless
// the flag is given.
func workflowValues(flags map[string]string) (values map[string]given, notes []string, err error) {
	directory := flags["directory"]
	if directory == "" {
		directory = "."
	}
	workflow, err := readWorkflow(directory)
	if err != nil {
		return nil, nil, err
	}

	values = map[string]given{}
	notes = workflow.notes
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(workflow.values)) {
		v := workflow.values[name]
		s, known := settingOf(name)
		_, flag := flags[name]
		if !known {
			err := fmt.Errorf("%s: unknown input %q", v.from, name)
			if near := problem.Nearest(name, Names()); near != "" {
				err = problem.With(problem.Guess(near), err)
			}
			errs = append(errs, err)
			continue
		}
		isDefault := v.value == s.Def || s.path && path.Clean(v.value) == s.Def
		if v.value == "" || isDefault || flag {
			continue
		}

		if why := s.workflow(workflow.root, v.value); why != "" {
			notes = append(notes, ignoredNote(s, workflow.root, v, why))
			continue
		}
		if s.path {
			v.value = inRepository(workflow.root, v.value)
		}
		values[name] = v
	}
	return values, notes, errors.Join(errs...)
}

// Mode decides whether this run publishes, and says why.
func (c *Config) Mode(runner *actions.Runner, ref string) (publish bool, why string, err error) {
	switch {
	case c.DryRun != nil && *c.DryRun:
		return false, fmt.Sprintf("dry-run is true (%s)", c.Where("dry-run")), nil
	case c.DryRun != nil && c.Token == "":
		return false, "", problem.With(problem.Run("export GITHUB_TOKEN=..."), fmt.Errorf("%s: publishing needs a token", c.Where("dry-run")))
	case c.DryRun != nil:
		return true, fmt.Sprintf("dry-run is false (%s)", c.Where("dry-run")), nil
	case !runner.Active():
		return false, "not in a workflow", nil
	case ref == "":
		return false, "the workflow names no tag", nil
	case !strings.HasPrefix(ref, TagRef):
		return false, ref + " is not a tag", nil
	case c.Token == "":
		return false, "there is no token", nil
	}
	return true, ref + " in a workflow with a token", nil
}

const TagRef = "refs/tags/"
