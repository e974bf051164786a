package release

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/release/config"
)

// isCompletion reports whether a shell asks for completions.
func isCompletion(args []string) bool {
	requests := []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}
	return len(args) > 0 && slices.Contains(requests, args[0])
}

// addCompletions registers what a shell offers for the values of flags.
//
// Cobra keeps these functions in a global table, so they are registered only in a process
// that does nothing else.
func addCompletions(cmd *cobra.Command) error {
	for _, s := range config.Settings {
		flag := cmd.Flags().Lookup(s.Name)
		complete := completionOf(s)
		if flag == nil || complete == nil {
			continue
		}
		if err := cmd.RegisterFlagCompletionFunc(s.Name, complete); err != nil {
			return err
		}
	}

	for _, sub := range cmd.Commands() {
		if err := addCompletions(sub); err != nil {
			return err
		}
	}
	return nil
}

// completionOf returns the function that completes the values of a setting, nil if there is
// nothing to offer.
func completionOf(s config.Setting) cobra.CompletionFunc {
	switch {
	case len(s.Values) > 0:
		return completeWords(s.Values, s.Kind == config.List)
	case s.Paths == config.FilePaths:
		return completePaths
	case s.Paths == config.DirectoryPaths:
		return completeDirectories
	}
	return nil
}

// completeWords offers words. In a list with commas it completes the last word.
func completeWords(words []string, isList bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := ""
		if isList {
			before = typed[:strings.LastIndex(typed, ",")+1]
		}

		var offers []cobra.Completion
		for _, word := range words {
			if strings.HasPrefix(before+word, typed) {
				offers = append(offers, before+word)
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePaths lets the shell offer files and directories.
func completePaths(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// completeDirectories lets the shell offer directories.
func completeDirectories(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
