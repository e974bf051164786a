package release

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/org/go-static-release/release/config"
)

// settingsURL is where settings are described at length.
const settingsURL = "https://github.com/org/go-static-release/blob/main/docs/settings.md"

// An example is a command line, and what it does.
type example struct{ command, what string }

// examples returns the examples of a command for its help.
func examples(all ...example) string {
	width := 0
	for _, e := range all {
		width = max(width, len(e.command))
	}

	var lines []string
	for _, e := range all {
		lines = append(lines, fmt.Sprintf("  %-*s  %s", width, e.command, e.what))
	}
	return strings.Join(lines, "\n")
}

// help writes the help of a command. Cobra calls it for --help.
func (p *program) help(cmd *cobra.Command, _ []string) {
	_, p.helpErr = io.WriteString(p.out, helpText(cmd))
}

// helpText returns the help of a command: what it does, its flags in groups with one line
// each, and examples.
func helpText(cmd *cobra.Command) string {
	var b strings.Builder

	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(long), cmd.UseLine())
	if cmd.HasAvailableSubCommands() {
		writeCommands(&b, cmd)
	}
	writeFlags(&b, cmd)
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}

	if !cmd.HasParent() {
		fmt.Fprintf(&b, `
Exit status: 0 done, 1 a build, check or upload failed, 2 invalid settings, nothing was
started.

Run "%s COMMAND --help" for the flags of a command.
`, cmd.Name())
	}
	return b.String()
}

// isVisible reports whether the help lists a command. Cobra does not count help itself.
func isVisible(cmd *cobra.Command) bool { return cmd.IsAvailableCommand() || cmd.Name() == "help" }

// writeCommands writes the commands below cmd, by group.
func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}

	for _, g := range groups {
		fmt.Fprintf(b, "\n%s:\n", g.Title)
		for _, sub := range cmd.Commands() {
			if isVisible(sub) && sub.GroupID == g.ID {
				fmt.Fprintf(b, "  %-10s  %s\n", sub.Name(), sub.Short)
			}
		}
	}
}

// otherFlags is the heading of flags without a group.
const otherFlags = "Other"

// writeFlags writes the flags of a command, by group. The root leaves those to its commands.
func writeFlags(b *strings.Builder, cmd *cobra.Command) {
	groups := map[string][]*pflag.Flag{}
	width := 0
	visit := func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		group := flagGroup(flag)
		groups[group] = append(groups[group], flag)
		width = max(width, len(flagTerm(flag)))
	}

	if cmd.HasParent() {
		cmd.NonInheritedFlags().VisitAll(visit)
		cmd.InheritedFlags().VisitAll(visit)
	} else {
		cmd.PersistentFlags().VisitAll(visit)
	}

	for _, group := range slices.Concat(config.Groups, []string{otherFlags}) {
		flags := groups[group]
		if len(flags) == 0 {
			continue
		}

		slices.SortStableFunc(flags, inTableOrder)
		fmt.Fprintf(b, "\n%s:\n", group)
		for _, flag := range flags {
			fmt.Fprintf(b, "  %-*s  %s\n", width, flagTerm(flag), flagText(flag))
		}
	}

	if cmd.HasParent() && len(groups[config.RunGroup]) > 0 {
		fmt.Fprintf(b, "\nAll settings at length: %s\n", settingsURL)
	}
}

// flagGroup returns the heading that a flag stands under.
func flagGroup(flag *pflag.Flag) string {
	if s, ok := config.Find(flag.Name); ok {
		return s.Group
	}
	if commandsWith(flag.Name) != nil {
		return config.RunGroup
	}
	return otherFlags
}

// inTableOrder compares flags by the order of the settings; flags that are no settings come
// last, in alphabetical order.
func inTableOrder(a, b *pflag.Flag) int { return tableIndex(a) - tableIndex(b) }

func tableIndex(flag *pflag.Flag) int {
	i := slices.Index(config.Names(), flag.Name)
	if i < 0 {
		return len(config.Settings)
	}
	return i
}

// flagTerm returns the flag as one types it.
func flagTerm(flag *pflag.Flag) string {
	term := "--" + flag.Name
	if flag.Shorthand != "" {
		term = "-" + flag.Shorthand + ", " + term
	}
	if s, ok := config.Find(flag.Name); ok && s.Argument != "" {
		term += " " + s.Argument
	}
	return term
}

// flagText returns what a flag does, and its default. That a switch is off is not said.
func flagText(flag *pflag.Flag) string {
	text := flag.Usage

	s, _ := config.Find(flag.Name)
	def := s.ShownDefault()
	if def != "" && def != "none" && def != "false" {
		text += " (default: " + def + ")"
	}
	return text
}
