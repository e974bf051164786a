// Package config reads the settings of one run: flags, inputs of the action, and the
// repository's own workflow, which is the configuration on a laptop.
package config

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/actions"
)

// A setValue is the text of a setting together with the place where it was set.
type setValue struct {
	text string
	from string
}

// Read returns the settings. Flags win over inputs, inputs over the workflow, and the
// workflow over defaults. The error holds all mistakes, each with its place; the Config is
// then filled with what is right. The notices are for the user.
func Read(flags map[string]string, noWorkflow bool, runner *actions.Runner) (c *Config, notices []string, err error) {
	c = &Config{From: map[string]string{}}
	var errs []error

	var values map[string]setValue
	if !runner.Active() && !noWorkflow {
		values, notices, err = workflowValues(flags)
		errs = append(errs, err)
	}

	for _, s := range Settings {
		v := values[s.Name]
		if input := runner.Input(s.Name); input != "" {
			v = setValue{text: input, from: "input " + s.Name}
		}
		if flag, ok := flags[s.Name]; ok {
			v = setValue{text: flag, from: flagName(s)}
		}
		errs = append(errs, s.apply(c, v))
	}

	errs = append(errs, c.checkCombinations())

	if c.NotesFile != "" && errors.Join(errs...) == nil {
		c.Notes, err = ReadNotes(c.NotesFile, c.Dist)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Where("notes-file"), err))
		}
	}

	return c, notices, errors.Join(errs...)
}

// flagName returns what a user typed to set a setting.
func flagName(s Setting) string {
	if s.Name == "command" {
		return "command line"
	}
	return "--" + s.Name
}

// apply sets the setting in c to a value, or to its default.
func (s Setting) apply(c *Config, v setValue) error {
	// action.yml hands over every default as an input, which is not worth a mention.
	text := s.Default
	if v.text != "" && v.text != s.Default {
		text = v.text
		c.From[s.Name] = v.from
	}
	if text == "" {
		return nil
	}

	err := s.set(c, text)
	if err == nil {
		return nil
	}

	// Go on with the default, to find other mistakes too.
	if s.Default != "" {
		_ = s.set(c, s.Default) // a default is right
	}
	return fmt.Errorf("%s: %w", c.Where(s.Name), err)
}

// checkCombinations finds settings that exclude one another.
func (c *Config) checkCombinations() error {
	var errs []error

	if c.Notes != "" && c.NotesFile != "" {
		errs = append(errs,
			fmt.Errorf("%s and %s: one text of the release is enough", c.Where("notes"), c.Where("notes-file")))
	}

	if len(c.CC) > 0 && c.Cgo == "off" {
		err := fmt.Errorf("%s: no C compiler is used, because cgo is off", c.Where("cc"))
		errs = append(errs, problem.With(problem.Set("cgo", "static"), err))
	}

	return errors.Join(errs...)
}

// workflowValues returns the values that the repository's workflow sets, with absolute
// paths. It leaves out a setting that counts on a laptop only as a flag, with a note unless
// the user gave the flag.
func workflowValues(flags map[string]string) (values map[string]setValue, notes []string, err error) {
	directory := flags["directory"]
	if directory == "" {
		directory = "."
	}
	workflow, err := readWorkflow(directory)
	if err != nil {
		return nil, nil, err
	}

	values = map[string]setValue{}
	notes = workflow.notes
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(workflow.values)) {
		v := workflow.values[name]

		s, known := Find(name)
		if !known {
			errs = append(errs, unknownInput(name, v))
			continue
		}

		isDefault := v.text == s.Default || s.isPath && path.Clean(v.text) == s.Default
		_, isFlag := flags[name]
		if v.text == "" || isDefault || isFlag {
			continue
		}

		if why := s.onLaptop(workflow.root, v.text); why != "" {
			notes = append(notes, ignoredNote(s, workflow.root, v, why))
			continue
		}

		if s.isPath {
			v.text = inRepository(workflow.root, v.text)
		}
		values[name] = v
	}

	return values, notes, errors.Join(errs...)
}

func unknownInput(name string, v setValue) error {
	err := fmt.Errorf("%s: unknown input %q", v.from, name)

	near := problem.Nearest(name, Names())
	if near == "" {
		return err
	}
	return problem.With(problem.Guess(near), err)
}

// Where says where the value of a setting came from, for messages.
func (c *Config) Where(name string) string {
	if from, ok := c.From[name]; ok {
		return from
	}
	return name + " (default)"
}

// Workspace returns the settings of the checkout.
func (c *Config) Workspace(environ []string) workspace.Options {
	return workspace.Options{
		Dir:       c.Directory,
		Tag:       c.Tag,
		Dist:      c.Dist,
		Generated: c.Generated,
		Environ:   environ,
		Secrets:   []string{c.Token},
		Jobs:      c.Parallelism,
	}
}

// Spec returns the settings of what is built.
func (c *Config) Spec() *build.Spec {
	return &build.Spec{
		Packages:  c.Packages,
		Targets:   c.Targets,
		Name:      c.Name,
		Tag:       c.Tag,
		Tags:      c.Tags,
		LDFlags:   c.LDFlags,
		GCFlags:   c.GCFlags,
		Cgo:       c.Cgo == "static",
		CC:        c.CC,
		Generated: c.Generated,
	}
}

// TagRef begins the name of a tag's ref.
const TagRef = "refs/tags/"

// Mode decides whether this run publishes, and says why. The ref is the one that the
// workflow runs for, "" if there is none.
func (c *Config) Mode(runner *actions.Runner, ref string) (publish bool, why string, err error) {
	if c.DryRun != nil {
		return c.explicitMode()
	}

	switch {
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

// explicitMode is Mode for a run with the setting dry-run.
func (c *Config) explicitMode() (publish bool, why string, err error) {
	if *c.DryRun {
		return false, fmt.Sprintf("dry-run is true (%s)", c.Where("dry-run")), nil
	}

	if c.Token == "" {
		err := fmt.Errorf("%s: publishing needs a token", c.Where("dry-run"))
		return false, "", problem.With(problem.Run("export GITHUB_TOKEN=..."), err)
	}
	return true, fmt.Sprintf("dry-run is false (%s)", c.Where("dry-run")), nil
}
