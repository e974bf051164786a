package release

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/config"

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
	for _, s := range config.Settings {
		if s.Name == "command" {
			continue
		}
		set := func(v string) error {
			values[s.Name] = v
			if name := strings.TrimPrefix(strings.TrimPrefix(v, "-"), "-"); name != v && slices.Contains(config.Names(), name) {
				swallowed = fmt.Errorf("--%s has the value %s", s.Name, v)
			}
			return nil
		}
		if s.Flag {
			fs.BoolFunc(s.Name, "", set)
		} else {
			fs.Func(s.Name, "", set)
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
		if swallowed != nil && !slices.Contains(config.Commands, args[0]) {
			return nil, opts, problem.With(problem.Run("go-static-release --help"), fmt.Errorf("%w, and %q is left", swallowed, args[0]))
		}
		if values["command"] == "verify" {
			opts.paths, args = append(opts.paths, args[0]), args[1:]
			continue
		}
		if first, ok := values["command"]; ok {
			return nil, opts, problem.With(problem.Run("go-static-release --help"), fmt.Errorf("unexpected argument %q after the command %s", args[0], first))
		}
		values["command"], args = args[0], args[1:]
	}
	return values, opts, nil
}

// explainFlag says flag errors in the house's words.
func explainFlag(err error) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return problem.With(problem.Run("go-static-release --help"), errors.New(strings.Replace(err.Error(), ": -", ": --", 1)))
	}
	remedy := problem.Run("go-static-release --help")
	if near := problem.Nearest(strings.TrimPrefix(name, "-"), config.Names()); near != "" {
		remedy = problem.Guess("--" + near)
	}
	return problem.With(remedy, fmt.Errorf("unknown flag --%s", strings.TrimPrefix(name, "-")))
}
