package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/org/go-static-release/release"
	"github.com/org/go-static-release/release/config"
)

// writeManualPages writes a manual page for each command to a directory.
func writeManualPages(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing manual pages: %w", err)
	}

	root := release.CommandTree()
	root.DisableAutoGenTag = true // no line about cobra
	prepareForManual(root)

	header := &doc.GenManHeader{
		Section: "1",
		Source:  config.ActionName,
		Manual:  config.ActionName,
	}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("writing manual pages: %w", err)
	}
	return nil
}

// prepareForManual replaces the short texts of flags by the long ones. It escapes texts,
// because the manual pages are made from Markdown.
func prepareForManual(cmd *cobra.Command) {
	cmd.Long = escapeLines(cmd.Long)

	prepare := func(flag *pflag.Flag) {
		s, ok := config.Find(flag.Name)
		if !ok {
			flag.Usage = markdown.Replace(flag.Usage)
			flag.DefValue = "true"
			return
		}

		flag.Usage = markdown.Replace(upperFirst(s.Help)) + "."
		if s.Doc != "" {
			flag.Usage += " " + manualText(s.Doc)
		}
		flag.Usage += " Default: " + markdown.Replace(manualDefault(s))

		flag.DefValue = markdown.Replace(s.Argument)
		if s.Kind == config.Switch {
			flag.DefValue = "true|false"
		}
	}
	cmd.Flags().VisitAll(prepare)

	for _, sub := range cmd.Commands() {
		prepareForManual(sub)
	}
}

// manualDefault returns the default of a setting, or what an empty default means.
func manualDefault(s config.Setting) string {
	if s.Default != "" {
		return s.Default
	}
	return s.DefaultText
}

// markdown escapes a text for Markdown.
var markdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `{`, `\{`, `}`, `\}`,
	`[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`, `#`, `\#`, `|`, `\|`,
)

// link matches a link to another page of the documentation, which a manual page cannot have.
var link = regexp.MustCompile(`\[([^]` + "`" + `]+)\]\([^)]+\)`)

// manualText escapes a text for Markdown, except for its code spans, which become bold, and its
// links, of which the text remains.
func manualText(text string) string {
	text = link.ReplaceAllString(text, "$1")
	parts := strings.Split(text, "`")
	for i := range parts {
		parts[i] = markdown.Replace(parts[i])
		if i%2 == 1 {
			parts[i] = "**" + parts[i] + "**"
		}
	}
	return strings.Join(parts, "")
}

// escapeLines escapes the lines of a text for Markdown, except for indented ones, which are
// code.
func escapeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "    ") {
			lines[i] = markdown.Replace(line)
		}
	}
	return strings.Join(lines, "\n")
}
