package release

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/release/config"
)

const helpWidth = 80

// helpText is what --help prints.
func helpText() string {
	var b strings.Builder
	b.WriteString(`go-static-release turns a Go repository into a release: every main package, for
every platform, compiled in parallel, proved to need nothing installed, packed
the same way every time, and published only when every byte on the server has
been checked.

usage: go-static-release [command] [flags]

commands:
`)
	for _, c := range commandHelp {
		fmt.Fprintf(&b, "  %-9s %s\n", c.name, c.help)
	}
	b.WriteString("\nsettings, as flags; in a workflow they are the inputs of the action:\n")
	for _, s := range config.Settings {
		if s.Name == "command" {
			continue
		}
		fmt.Fprintf(&b, "  --%s\n", s.Name)
		text := s.Help
		if d := s.Defaults(); d != "" {
			text += " (default: " + d + ")"
		}
		b.WriteString(wrap(text, "        "))
	}
	b.WriteString(`
flags of the command line alone:
  --json         print the plan for machines
  --no-workflow  ignore the workflow in .github/workflows that uses this action
  --version      print the version of this program

`)
	b.WriteString(wrap(workflowHelp(), ""))
	b.WriteString(`
examples:
  go-static-release                             a dry run into dist/
  go-static-release plan --targets 'linux/*'    what that would do
  go-static-release --targets all --archive binary
  go-static-release verify /usr/bin             what these programs need to run
  go-static-release verify ghcr.io/owner/image:tag

exit status: 0 done, 1 something fell short, 2 the request was wrong
`)
	return b.String()
}

// workflowHelp returns the help on what the workflow of a repository may set on a laptop.
func workflowHelp() string {
	names := config.FlagOnly()
	last := len(names) - 1
	return `On a laptop, the "with:" block of the workflow that uses this action is the configuration. ` +
		"The workflow may be somebody else's, so it chooses what is built, " +
		"but neither what runs on this machine nor where files are written: " +
		strings.Join(names[:last], ", ") + " and " + names[last] + " count only as flags, " +
		"and so do compiler and linker flags that could run a program or write a file, and paths outside the repository."
}

// wrap breaks text into indented lines of at most helpWidth columns.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > helpWidth && line != indent {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
