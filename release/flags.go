package release

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
)

// A commandLine is the result of parsing a command line.
type commandLine struct {
	settings map[string]string // by name; a flag that was not given has no entry

	json       bool
	noWorkflow bool
	version    bool

	started   bool  // the command line is valid, and its command is called
	swallowed error // not nil if a flag was taken for the value of the flag before it
}

// An option is a flag that is not a setting. It has no input, and no meaning in a workflow.
type option struct {
	name     string
	help     string
	commands []string // that have the flag
	field    func(*commandLine) *bool
}

var options = []option{
	{
		name:     "json",
		help:     "print JSON for machines",
		commands: []string{config.Plan, config.Verify},
		field:    func(l *commandLine) *bool { return &l.json },
	},
	{
		name:     "no-workflow",
		help:     "ignore the workflow of the repository that uses this action",
		commands: []string{config.Release, config.Plan, config.Verify},
		field:    func(l *commandLine) *bool { return &l.noWorkflow },
	},
}

// commandsWith returns the commands that have a flag. It returns nil if there is no such flag,
// or if all commands have it.
func commandsWith(flag string) []string {
	if s, ok := config.Find(flag); ok {
		return s.Commands
	}
	for _, o := range options {
		if o.name == flag {
			return o.commands
		}
	}
	return nil
}

// addFlags registers the flags of a command. The root has the flags of all commands, because
// flags may come before the command. It shows only the flags of release.
func (p *program) addFlags(cmd *cobra.Command) {
	isRoot := cmd.Name() == config.ActionName
	flags := cmd.Flags()

	for _, s := range config.Settings {
		if s.BelongsTo(cmd.Name()) || isRoot && len(s.Commands) > 0 {
			p.line.addSetting(flags, s)
		}
	}
	for _, o := range options {
		if isRoot || slices.Contains(o.commands, cmd.Name()) {
			flags.BoolVar(o.field(&p.line), o.name, false, o.help)
		}
	}
	if !isRoot {
		return
	}

	flags.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = !slices.Contains(commandsWith(flag.Name), config.Release)
	})
	cmd.PersistentFlags().BoolP("help", "h", false, "print this help")
	cmd.PersistentFlags().BoolVar(&p.line.version, "version", false, "print the version of this program")
}

// addSetting registers the flag of a setting.
func (l *commandLine) addSetting(flags *pflag.FlagSet, s config.Setting) {
	value := &settingValue{setting: s, line: l}
	flag := flags.VarPF(value, s.Name, "", s.Help)
	if s.Kind == config.Switch {
		flag.NoOptDefVal = "true"
	}
}

// A settingValue is the flag of a setting. It records the text of the value, which package
// config reads.
type settingValue struct {
	setting config.Setting
	line    *commandLine
}

func (v *settingValue) String() string {
	if v.line == nil {
		return "" // pflag calls String on a zero value
	}
	return v.line.settings[v.setting.Name]
}

// Type returns a name of the type. Cobra completes a flag of a slice more than once.
func (v *settingValue) Type() string {
	switch v.setting.Kind {
	case config.List, config.Lines:
		return "stringSlice"
	case config.Switch:
		return "bool"
	}
	return "text"
}

// Set records a value. The values of a list and of lines add up.
func (v *settingValue) Set(text string) error {
	name := v.setting.Name
	before, repeated := v.line.settings[name]
	if v.setting.Kind.AddsUp() && repeated {
		v.line.settings[name] = before + "\n" + text
	} else {
		v.line.settings[name] = text
	}

	flag := strings.TrimLeft(text, "-")
	if flag != text && commandsWith(flag) != nil {
		v.line.swallowed = fmt.Errorf("--%s has the value %s", name, text)
	}
	return nil
}

// checkSwallowed returns an error if a flag was taken for the value of the flag before it, as
// in --tags --targets linux/amd64. The argument is probably the value of that flag.
func (p *program) checkSwallowed(cmd *cobra.Command, argument string) error {
	if p.line.swallowed == nil {
		return nil
	}
	return problem.With(flagsRemedy(cmd), fmt.Errorf("%w, and %q is left", p.line.swallowed, argument))
}

// checkArgsBefore returns an error if there are arguments before a command.
func (p *program) checkArgsBefore(cmd *cobra.Command) error {
	args := cmd.Root().Flags().Args()
	if len(args) == 0 {
		return nil
	}
	if err := p.checkSwallowed(cmd, args[0]); err != nil {
		return err
	}

	err := fmt.Errorf("unexpected argument %q before the command %s", args[0], cmd.Name())
	return problem.With(flagsRemedy(cmd), err)
}

// checkFlagsBefore returns an error if a flag before a command does not belong to it.
func checkFlagsBefore(cmd *cobra.Command) error {
	var err error
	cmd.Root().Flags().Visit(func(flag *pflag.Flag) {
		commands := commandsWith(flag.Name)
		if err == nil && commands != nil && !slices.Contains(commands, cmd.Name()) {
			err = flagOfOthers(cmd, flag, commands)
		}
	})
	return err
}

// flagOfOthers returns the error for a flag that only other commands have.
func flagOfOthers(cmd *cobra.Command, flag *pflag.Flag, commands []string) error {
	var visible []string
	for _, name := range commands {
		if slices.Contains(config.Commands, name) {
			visible = append(visible, name)
		}
	}

	what := "the command " + visible[0]
	if last := len(visible) - 1; last > 0 {
		what = "the commands " + strings.Join(visible[:last], ", ") + " and " + visible[last]
	}

	// A setting that was given to the wrong command may not do what was meant with another one.
	remedy := flagsRemedy(cmd)
	_, isSetting := config.Find(flag.Name)
	if flag.NoOptDefVal != "" && !isSetting {
		remedy = problem.Run(cmd.Root().Name() + " " + visible[0] + " --" + flag.Name)
	}
	return problem.With(remedy, fmt.Errorf("--%s is for %s", flag.Name, what))
}

// explainCommandLine returns the error for an invalid command line. It rewords the errors of
// cobra and pflag, and adds a remedy.
func explainCommandLine(cmd *cobra.Command, err error) error {
	var explained *problem.Problem
	if errors.As(err, &explained) {
		return err
	}

	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return unknownFlag(cmd, unknown)
	}

	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "bool" {
		if _, parseErr := strconv.ParseBool(invalid.GetValue()); parseErr != nil {
			err = fmt.Errorf("--%s: %q is neither true nor false", invalid.GetFlag().Name, invalid.GetValue())
		}
	}
	return problem.With(flagsRemedy(cmd), err)
}

// unknownFlag returns the error for a flag that the command does not have.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name := unknown.GetSpecifiedName()
	dashes := "--"
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		name, _, _ = strings.Cut(letters, "=")
		dashes = "-"
	}

	// The root has the flags of all commands.
	elsewhere := cmd.Root().Flags().Lookup(name)
	if elsewhere != nil && dashes == "--" {
		return flagOfOthers(cmd, elsewhere, commandsWith(name))
	}

	err := fmt.Errorf("unknown flag %s%s", dashes, name)

	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden || !cmd.HasParent() {
			names = append(names, flag.Name)
		}
	})
	near := problem.Nearest(name, names)
	if near == "" {
		return problem.With(flagsRemedy(cmd), err)
	}
	return problem.With(problem.Guess("--"+near), err)
}
