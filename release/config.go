package release

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/actions"

	"github.com/org/go-static-release/build/problem"
)

// options are the flags that are no settings: they have no input and no meaning in a workflow.
type options struct {
	version, json, noWorkflow bool
	paths                     []string // of the command verify
}

// errHelp asks for the help text.
var errHelp = errors.New("help")

// parseArgs reads the command line: the command, if there is one, and flags in any order.
func parseArgs(args []string) (values map[string]string, opts options, err error) {
	values = map[string]string{}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&opts.version, "version", false, "")
	fs.BoolVar(&opts.json, "json", false, "")
	fs.BoolVar(&opts.noWorkflow, "no-workflow", false, "")
	var swallowed error // what looks like a flag was taken for the value of another one
	for _, s := range settings {
		if s.name == "command" {
			continue
		}
		set := func(v string) error {
			values[s.name] = v
			if name := strings.TrimPrefix(strings.TrimPrefix(v, "-"), "-"); name != v && slices.Contains(settingNames(), name) {
				swallowed = fmt.Errorf("--%s has the value %s", s.name, v)
			}
			return nil
		}
		if s.flag {
			fs.BoolFunc(s.name, "", set)
		} else {
			fs.Func(s.name, "", set)
		}
	}
	for len(args) > 0 {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, opts, errHelp
		}
		if err != nil {
			return nil, opts, explainFlag(err)
		}
		args = fs.Args()
		if len(args) == 0 {
			break
		}
		if args[0] == "help" {
			return nil, opts, errHelp
		}
		if swallowed != nil && !slices.Contains(commandNames(), args[0]) {
			return nil, opts, hinted("go-static-release --help", fmt.Errorf("%w, and %q is left", swallowed, args[0]))
		}
		if values["command"] == "verify" {
			opts.paths, args = append(opts.paths, args[0]), args[1:]
			continue
		}
		if first, ok := values["command"]; ok {
			return nil, opts, hinted("go-static-release --help", fmt.Errorf("unexpected argument %q after the command %s", args[0], first))
		}
		values["command"], args = args[0], args[1:]
	}
	return values, opts, nil
}

// explainFlag says flag errors in the house's words.
func explainFlag(err error) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return hinted("go-static-release --help", errors.New(strings.Replace(err.Error(), ": -", ": --", 1)))
	}
	hint := "go-static-release --help"
	if near := problem.Nearest(strings.TrimPrefix(name, "-"), settingNames()); near != "" {
		hint = "did you mean --" + near + "?"
	}
	return hinted(hint, fmt.Errorf("unknown flag --%s", strings.TrimPrefix(name, "-")))
}

func settingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

// readConfig fills a Config: flags win over inputs, inputs over the workflow, the
// workflow over defaults. All mistakes are reported, each with the place it was made.
func readConfig(flags map[string]string, noWorkflow bool, runner *actions.Runner) (*Config, []string, error) {
	c := &Config{from: map[string]string{}}
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
	for _, s := range settings {
		if v := runner.Input(s.name); v != "" {
			values[s.name] = given{v, "input " + s.name}
		}
		if v, ok := flags[s.name]; ok {
			from := "--" + s.name
			if s.name == "command" {
				from = "command line"
			}
			values[s.name] = given{v, from}
		}
		value := s.def
		if v := values[s.name]; v.value != "" && v.value != s.def { // action.yml gives every default as an input
			value, c.from[s.name] = v.value, v.from
		}
		if value == "" {
			continue
		}
		if err := s.set(c, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.where(s.name), err))
			if s.def != "" { // go on as if it had not been given, to find other mistakes too
				_ = s.set(c, s.def) // a default is right
			}
		}
	}
	if c.Notes != "" && c.NotesFile != "" {
		errs = append(errs, fmt.Errorf("%s and %s: one text of the release is enough", c.where("notes"), c.where("notes-file")))
	}
	if len(c.CC) > 0 && c.Cgo == "off" {
		errs = append(errs, hinted("--cgo static", fmt.Errorf("%s: no C compiler is used, because cgo is off", c.where("cc"))))
	}
	if c.NotesFile != "" && len(errs) == 0 {
		text, err := readNotes(c.NotesFile, c.Dist)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.where("notes-file"), err))
		}
		c.Notes = text
	}
	return c, notices, errors.Join(errs...)
}

// settingOf finds a setting by its name.
func settingOf(name string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
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
			if near := problem.Nearest(name, settingNames()); near != "" {
				err = hinted("did you mean "+near+"?", err)
			}
			errs = append(errs, err)
			continue
		}
		isDefault := v.value == s.def || s.path && path.Clean(v.value) == s.def
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

// mode decides whether this run publishes, and says why.
func (c *Config) mode(runner *actions.Runner, ref string) (publish bool, why string, err error) {
	switch {
	case c.DryRun != nil && *c.DryRun:
		return false, fmt.Sprintf("dry-run is true (%s)", c.where("dry-run")), nil
	case c.DryRun != nil && c.Token == "":
		return false, "", hinted("export GITHUB_TOKEN=...", fmt.Errorf("%s: publishing needs a token", c.where("dry-run")))
	case c.DryRun != nil:
		return true, fmt.Sprintf("dry-run is false (%s)", c.where("dry-run")), nil
	case !runner.Active():
		return false, "not in a workflow", nil
	case ref == "":
		return false, "the workflow names no tag", nil
	case !strings.HasPrefix(ref, tagRef):
		return false, ref + " is not a tag", nil
	case c.Token == "":
		return false, "there is no token", nil
	}
	return true, ref + " in a workflow with a token", nil
}

const tagRef = "refs/tags/"
