package release

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build/problem"
)

// addCompletionCommand adds cobra's own command completion to the tree, with texts that fit
// the help of this program.
func (p *program) addCompletionCommand(root *cobra.Command) {
	root.SetCompletionCommandGroupID(moreCommands)
	root.InitDefaultCompletionCmd()

	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			p.adaptCompletion(cmd)
		}
	}
}

// adaptCompletion replaces the texts of cobra's command completion.
func (p *program) adaptCompletion(cmd *cobra.Command) {
	cmd.Use = "completion SHELL"
	cmd.Short = "print the script that completes command lines in a shell"
	cmd.Long = `Print the script that completes command lines in a shell. The help of each shell says how
to load it.`
	cmd.Example = examples(
		example{"source <(go-static-release completion bash)", "complete in this bash"},
		example{"go-static-release completion fish | source", "complete in this fish"},
		example{"go-static-release completion zsh --help", "how to load it in zsh"},
	)

	var shells []string
	for _, shell := range cmd.Commands() {
		shells = append(shells, shell.Name())
		shell.Short = "print the script for " + shell.Name()
		shell.Long = strings.NewReplacer("#### ", "", "\t", "    ").Replace(shell.Long)
	}

	// A known shell is a command of its own. Whatever gets here is a mistake.
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		known := strings.Join(shells, ", ")
		err := fmt.Errorf("name a shell: %s", known)
		if len(args) > 0 {
			err = fmt.Errorf("%q is not one of: %s", args[0], known)
		}
		return problem.With(helpRemedy(cmd), err)
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
}
