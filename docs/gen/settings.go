package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/org/go-static-release/release/config"
)

// settingsPage returns docs/settings.md.
func settingsPage() string {
	var b strings.Builder
	b.WriteString(pageStart())

	for _, group := range config.Groups {
		fmt.Fprintf(&b, "\n## %s\n", group)
		for _, s := range config.Settings {
			if s.Group == group {
				writeSetting(&b, s)
			}
		}
	}
	return b.String()
}

// pageStart returns the page up to the first setting.
func pageStart() string {
	names := config.FlagOnly()
	for i, name := range names {
		names[i] = "`" + name + "`"
	}
	last := len(names) - 1
	flagOnly := strings.Join(names[:last], ", ") + " and " + names[last]

	return `<!-- Written by "go run ./docs/gen" from release/config/settings.go: edit that. -->

# Settings

Every setting is an input of the action and a flag of the command: ` + "`targets: linux/*`" + ` in a
workflow is ` + "`--targets 'linux/*'`" + ` in a terminal. Flags win over inputs, inputs over the
repository's own workflow, and the workflow over the defaults. An unknown setting is an error.

* **Lists** are separated by spaces, commas or newlines. A repeated flag adds to the list.
* **Switches** need no value: ` + "`--draft` is `--draft=true`" + `.
* **An empty input** means its default, so ` + "`files: ''`" + ` packs the usual ones.
* **Templates** have the fields and functions that [templates.md](templates.md) lists.
* **Flags of other commands** are errors. The inputs of an action that its command does not use
  are ignored.

## On a laptop

The ` + "`with:`" + ` block of the workflow that uses this action is the configuration, and
` + "`--no-workflow`" + ` ignores it. The repository may be somebody else's. Therefore its workflow
chooses what is built, but neither what runs on your machine nor where files are written.
These count only as flags there:

* ` + flagOnly + `
* compiler and linker flags that could run a program or write a file
* paths outside the repository

A note names each setting that was ignored, with the flag to paste. ` + "`attach`" + ` is ignored,
because the steps that make such files have not run.

A file that a setting names, or that is found in the repository, is read only if it is a regular
file inside the repository and not one of git's own. Links that lead out are refused.
`
}

// writeSetting writes the entry of a setting.
func writeSetting(b *strings.Builder, s config.Setting) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s.\n", s.Name, escapeStars(upperFirst(s.Help)))
	if s.Doc != "" {
		fmt.Fprintf(b, "\n%s\n", s.Doc)
	}

	kind := ""
	switch s.Kind {
	case config.List:
		kind = " (a list)"
	case config.Lines:
		kind = " (one on each line)"
	case config.Switch:
		kind = " (a switch)"
	}
	fmt.Fprintf(b, "\n* Default: %s%s\n", markdownDefault(s), kind)

	commands := visibleCommands(s)
	if len(commands) > 0 {
		fmt.Fprintf(b, "* Flag of: %s\n", strings.Join(commands, ", "))
	}
}

// visibleCommands returns the commands that have a setting as a flag, without those that only
// the action calls.
func visibleCommands(s config.Setting) []string {
	var names []string
	for _, name := range config.Commands {
		if s.BelongsTo(name) {
			names = append(names, "`"+name+"`")
		}
	}
	return names
}

func markdownDefault(s config.Setting) string {
	if s.Default != "" {
		return "`" + s.Default + "`"
	}
	return escapeStars(s.DefaultText)
}

// escapeStars escapes the wildcards in a text, which Markdown would read as emphasis.
func escapeStars(text string) string { return strings.ReplaceAll(text, "*", `\*`) }

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// commonSettings are the settings that README.md lists.
var commonSettings = []string{
	"targets",
	"packages",
	"name",
	"ldflags",
	"cgo",
	"archive",
	"files",
	"attach",
	"smoke-test",
	"draft",
	"dry-run",
}

// Marks around the table in README.md.
const (
	tableStart = "<!-- The table is written by: go run ./docs/gen -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

// table matches the table in README.md with its marks.
var table = regexp.MustCompile(`(?s)` + regexp.QuoteMeta(tableStart) + `.*` + regexp.QuoteMeta(tableEnd))

// updateReadme replaces the table of common settings.
func updateReadme(old string) (string, error) {
	if !table.MatchString(old) {
		return "", errors.New("the marks of the table are missing")
	}
	return table.ReplaceAllLiteralString(old, tableStart+commonTable()+tableEnd), nil
}

// commonTable returns the table of common settings for README.md.
func commonTable() string {
	var b strings.Builder
	b.WriteString("| setting | default | meaning |\n|---|---|---|\n")

	for _, name := range commonSettings {
		s, ok := config.Find(name)
		if !ok {
			panic("no setting " + name)
		}
		fmt.Fprintf(&b, "| [`%s`](docs/settings.md#%s) | %s | %s |\n",
			s.Name, s.Name, markdownDefault(s), escapeStars(s.Help))
	}
	return b.String()
}
