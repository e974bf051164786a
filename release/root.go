package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
)

// Groups of commands in the help.
const (
	mainCommands = "main"
	moreCommands = "more"
)

// newCommandTree returns the command line of the program. Each command has a file of its
// own, cmd_NAME.go.
//
// Each call of Main makes its own tree, which keeps no state after the call.
func (p *program) newCommandTree() *cobra.Command {
	root := &cobra.Command{
		Use:   config.ActionName + " [COMMAND]",
		Short: "Turn a Go repository into a release",
		Long: `go-static-release turns a Go repository into a release: every main package for every
platform, compiled in parallel, proved to need nothing installed, packed the same way
every time, and published only when every byte on the server has been checked.

Without a COMMAND it is "release", which accepts the flags of "release".`,
		Example: examples(
			example{"go-static-release", "a dry run into dist/"},
			example{"go-static-release plan --targets 'linux/*'", "what that would do"},
			example{"go-static-release --targets all --archive binary", "bare programs for every platform"},
			example{"go-static-release verify /usr/bin", "what these programs need to run"},
		),
		Args:              p.rootArgs,
		RunE:              p.runDefault,
		PersistentPreRunE: p.start,

		SilenceErrors:    true, // Main shows them, with hints
		SilenceUsage:     true,
		TraverseChildren: true, // flags of release may stand before a command
	}
	root.SetOut(p.out)
	root.SetErr(p.log)
	root.SetHelpFunc(p.help)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)

	root.AddGroup(
		&cobra.Group{ID: mainCommands, Title: "Commands"},
		&cobra.Group{ID: moreCommands, Title: "More commands"},
	)

	help := p.helpCommand()
	root.SetHelpCommand(help)
	root.AddCommand(
		p.releaseCommand(),
		p.planCommand(),
		p.verifyCommand(),
		p.cacheKeyCommand(),
		help,
	)
	p.addCompletionCommand(root)
	p.addFlags(root)

	return root
}

// CommandTree returns the command line of the program, to generate documentation from. It
// must not be executed.
func CommandTree() *cobra.Command {
	p := newProgram(nil, nil, nil)
	return p.newCommandTree()
}

// errDone is returned to stop a command line that is done before its command is started.
var errDone = errors.New("done")

// execute runs a command line.
func (p *program) execute(ctx context.Context, args []string) error {
	root := p.newCommandTree()

	// For nil, cobra uses the arguments of the process.
	root.SetArgs(append([]string{}, args...))

	if isCompletion(args) {
		if err := addCompletions(root); err != nil {
			return err
		}
	}

	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return p.helpErr
	case errors.Is(err, errDone):
		return nil
	case !p.line.started:
		return &invalidError{explainCommandLine(cmd, err)}
	}
	return err
}

// start is called after all flags have been parsed and before the command runs.
func (p *program) start(cmd *cobra.Command, _ []string) error {
	if p.line.version {
		_, err := fmt.Fprintln(p.out, programVersion())
		return errors.Join(err, errDone)
	}

	if cmd.HasParent() {
		if err := p.checkArgsBefore(cmd); err != nil {
			return err
		}
		p.line.settings["command"] = cmd.Name()
	} else {
		cmd = p.defaultCommand(cmd)
	}

	if err := checkFlagsBefore(cmd); err != nil {
		return err
	}

	p.line.started = true
	return nil
}

// runDefault runs the command for a command line that names none.
func (p *program) runDefault(root *cobra.Command, args []string) error {
	cmd := p.defaultCommand(root)
	cmd.SetContext(root.Context())
	return cmd.RunE(cmd, args)
}

// defaultCommand returns the command that the action's input names, or release.
func (p *program) defaultCommand(root *cobra.Command) *cobra.Command {
	name := cmp.Or(p.runner.Input("command"), config.Release)
	if name != config.CacheKey && !slices.Contains(config.Commands, name) {
		name = config.Release // reading the settings reports the input
	}

	commands := root.Commands()
	i := slices.IndexFunc(commands, func(c *cobra.Command) bool { return c.Name() == name })
	return commands[i]
}

// rootArgs refuses arguments of the root: the first of them is not a command.
func (p *program) rootArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := p.checkSwallowed(cmd, args[0]); err != nil {
		return err
	}
	return unknownCommand(cmd, args[0])
}

// unknownCommand returns the error for a word that should be a command.
func unknownCommand(root *cobra.Command, word string) error {
	switch {
	case slices.Contains(visibleCommands(root), word):
		err := fmt.Errorf("command line: the command %q stands where no command is expected", word)
		return problem.With(problem.Run(root.Name()+" "+word), err)

	case word == "true" || word == "false":
		err := fmt.Errorf("command line: %q is not part of the flag before it", word)
		return problem.With(problem.Advise("join them, as in --dry-run="+word), err)

	case strings.Contains(word, "/"):
		err := fmt.Errorf("command line: %q is not part of the flag before it", word)
		quoteList := problem.Advise("quote a list, as in --targets 'linux/amd64 linux/arm64', or repeat the flag")
		return problem.With(quoteList, err)
	}

	err := fmt.Errorf("command line: %q is not one of: %s", word, strings.Join(config.Commands, ", "))

	near := problem.Nearest(word, visibleCommands(root))
	if near == "" {
		return problem.With(helpRemedy(root), err)
	}
	return problem.With(problem.Guess(near), err)
}

// visibleCommands returns the names of the commands that the help lists.
func visibleCommands(root *cobra.Command) []string {
	var names []string
	for _, c := range root.Commands() {
		if isVisible(c) {
			names = append(names, c.Name())
		}
	}
	return names
}

// noArgs refuses arguments after a command.
func (p *program) noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := p.checkSwallowed(cmd, args[0]); err != nil {
		return err
	}

	err := fmt.Errorf("unexpected argument %q after the command %s", args[0], cmd.Name())
	return problem.With(helpRemedy(cmd), err)
}

// pathArgs accepts any arguments after a command.
func (p *program) pathArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return p.checkSwallowed(cmd, args[0])
}

// helpRemedy returns the remedy of reading the help of a command.
func helpRemedy(cmd *cobra.Command) problem.Remedy {
	return problem.Run(cmd.CommandPath() + " --help")
}

// flagsRemedy returns the remedy of reading which flags a command has. The root has the flags
// of release.
func flagsRemedy(cmd *cobra.Command) problem.Remedy {
	if !cmd.HasParent() {
		return problem.Run(cmd.Name() + " " + config.Release + " --help")
	}
	return helpRemedy(cmd)
}

// A commandFunc runs a command with its settings and arguments.
type commandFunc func(ctx context.Context, c *config.Config, args []string) error

// withSettings returns a function for cobra that reads the settings, and calls run if there
// is no mistake in them.
func (p *program) withSettings(run commandFunc) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()

		c, notices, err := p.readSettings()
		if c == nil {
			return err
		}

		for i, n := range notices {
			if !slices.Contains(notices[:i], n) {
				p.say("note: %s", n)
			}
		}
		if err != nil {
			if cmd.Name() == config.Verify {
				return &invalidError{err}
			}

			// Report the mistakes that a plan finds together with those in the settings.
			_, _, planErr := newPlan(ctx, c, p.environ, false, "", "")
			return &invalidError{errors.Join(err, planErr)}
		}

		cause := fmt.Errorf("%s: not done after %s", c.Where("timeout"), c.Timeout)
		ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, cause)
		defer cancel()

		return run(ctx, c, args)
	}
}
