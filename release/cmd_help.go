package release

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build/problem"
)

// helpCommand returns the command help.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		GroupID: moreCommands,
		Short:   "print the help of a command",
		Example: examples(
			example{"go-static-release help", "the commands"},
			example{"go-static-release help verify", "one of them, like verify --help"},
			example{"go-static-release help completion bash", "how to load completions"},
		),
		ValidArgsFunction: completeCommands,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 && about.HasParent() {
				err := fmt.Errorf("command line: unexpected argument %q after help %s", rest[0], about.Name())
				return &invalidError{problem.With(helpRemedy(cmd.Root()), err)}
			}
			if err != nil || len(rest) > 0 {
				return &invalidError{unknownCommand(cmd.Root(), args[0])}
			}

			about.InitDefaultHelpFlag() // adds the flags of the root
			p.help(about, nil)
			return nil
		},
	}
}

// completeCommands offers the names of commands for the first argument.
func completeCommands(
	cmd *cobra.Command,
	args []string,
	typed string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeWords(visibleCommands(cmd.Root()), false)(cmd, args, typed)
}
