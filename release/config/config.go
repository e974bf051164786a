// Package config reads the settings of one run: flags, inputs of the action, and the
// repository's own workflow, which is the configuration on a laptop.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/actions"
)

// A setValue is the text of a setting together with the place where it was set.
type setValue struct {
	text string
	from string // the place, for messages
	file string // the file of the repository that sets it, "" if none does
}

// Read returns the settings. Flags win over inputs, inputs over the workflow, and the
// workflow over defaults. The notices are for the user.
//
// The error holds all mistakes, each with its place. The Config then has the settings
// without a mistake, and the defaults of the others.
func Read(flags map[string]string, noWorkflow bool, runner *actions.Runner) (c *Config, notices []string, err error) {
	c = &Config{
		From:          map[string]string{},
		workflowFiles: map[string]string{},
	}
	var errs []error

	var workflow workflowConfig
	if !runner.Active() && !noWorkflow {
		workflow, err = readLaptopConfig(flags)
		errs = append(errs, err)
		c.workflowRoot = workflow.root
	}

	for _, s := range Settings {
		v := workflow.values[s.Name]
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

	return c, workflow.notes, errors.Join(errs...)
}

// flagName returns what a user typed to set a setting, for messages.
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
		if v.file != "" {
			c.workflowFiles[s.Name] = v.file
		}
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
		_ = s.set(c, s.Default) // a default is always valid
	}
	return fmt.Errorf("%s: %w", c.Where(s.Name), err)
}

// checkCombinations finds settings that exclude one another.
func (c *Config) checkCombinations() error {
	var errs []error

	if c.Notes != "" && c.NotesFile != "" {
		errs = append(errs, fmt.Errorf("%s and %s exclude each other", c.Where("notes"), c.Where("notes-file")))
	}

	if len(c.CC) > 0 && c.Cgo == "off" {
		err := fmt.Errorf("%s: no C compiler is used, because cgo is off", c.Where("cc"))
		errs = append(errs, problem.With(problem.Set("cgo", "static"), err))
	}

	return errors.Join(errs...)
}

// readLaptopConfig returns the part of the repository's workflow that counts on a laptop,
// with absolute paths. It leaves out a setting that counts there only as a flag, with a
// note unless the user gave the flag.
func readLaptopConfig(flags map[string]string) (workflowConfig, error) {
	directory := cmp.Or(flags["directory"], ".")
	workflow, err := readWorkflow(directory)
	if err != nil {
		return workflowConfig{}, err
	}

	used := workflowConfig{
		root:   workflow.root,
		values: map[string]setValue{},
		notes:  workflow.notes,
	}
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
			used.notes = append(used.notes, ignoredNote(s, workflow.root, v, why))
			continue
		}

		if s.isPath {
			v.text = inRepository(workflow.root, v.text)
		}
		used.values[name] = v
	}

	return used, errors.Join(errs...)
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

// WorkflowFile returns the file of the repository that sets a setting of this run on a
// laptop: the workflow, or an action that it uses. It returns "" if none does.
func (c *Config) WorkflowFile(name string) string { return c.workflowFiles[name] }

// WorkflowInput returns the text that sets a setting to a value in the repository's own
// workflow. It reports false if such a text would not count on a laptop.
func (c *Config) WorkflowInput(name, value string) (input string, ok bool) {
	s, known := Find(name)
	if !known || c.workflowRoot == "" || s.onLaptop(c.workflowRoot, value) != "" {
		return "", false
	}

	if s.isPath && filepath.IsAbs(value) {
		inside, err := filepath.Rel(c.workflowRoot, value)
		if err != nil {
			return "", false
		}
		value = filepath.ToSlash(inside)
	}
	return value, true
}

// Workspace returns the settings that say what is checked out, and where.
func (c *Config) Workspace(environ []string) workspace.Options {
	return workspace.Options{
		Dir:       c.Directory,
		Tag:       c.Tag,
		TagPrefix: c.TagPrefix,
		Dist:      c.Dist,
		Generated: c.Generated,
		Environ:   environ,
		Secrets:   []string{c.Token},
		Jobs:      c.Parallelism,
	}
}

// Spec returns the settings that decide what is built.
func (c *Config) Spec() *build.Spec {
	return &build.Spec{
		Packages:   c.Packages,
		Targets:    c.Targets,
		Name:       c.Name,
		Tag:        c.Tag,
		TagPrefix:  c.TagPrefix,
		Tags:       c.Tags,
		LDFlags:    c.LDFlags,
		GCFlags:    c.GCFlags,
		Cgo:        c.Cgo == "static",
		CC:         c.CC,
		Generated:  c.Generated,
		AllowStubs: c.Static == "report",
		Env:        c.Env,
	}
}
