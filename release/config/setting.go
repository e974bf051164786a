package config

import (
	"slices"
	"strings"
)

// A Setting is one row of the table from which everything else follows: the flag --NAME,
// the environment variable INPUT_NAME, the input in action.yml, and the entry in
// docs/settings.md.
type Setting struct {
	Name     string
	Group    string   // heading of the help and of the documentation
	Commands []string // that have the setting as a flag; the others do not use it
	Kind     Kind
	Default  string // value if the setting is empty, "" if the program decides

	// For people.
	DefaultText string // what the default means, if Default is empty or long
	Argument    string // stands for the value in the help, as in --name NAME
	Help        string // one line
	Doc         string // paragraphs for the documentation, after Help

	// For completions in a shell.
	Values []string // all values, or those that most people use
	Paths  Paths

	// isPath reports whether the value is one path. A workflow gives it relative to the
	// repository, and a flag relative to the current directory.
	isPath bool

	// onLaptop decides whether a value in the repository's own workflow counts on a laptop.
	onLaptop laptopRule

	set func(c *Config, value string) error
}

// A Kind says how a flag takes its value.
type Kind int

const (
	Text   Kind = iota // --name NAME; the last one wins
	List               // words, separated by spaces, commas or newlines; repeated flags add up
	Lines              // a text on each line; repeated flags add up
	Switch             // --draft, --draft=false
)

// AddsUp reports whether the values of a repeated flag add up, each on a line.
func (k Kind) AddsUp() bool { return k == List || k == Lines }

// Paths says which paths a value names.
type Paths int

const (
	NoPaths Paths = iota
	FilePaths
	DirectoryPaths
)

// Groups of settings, in the order in which people read them.
const (
	BuildGroup   = "What to build"
	CheckGroup   = "What to check"
	FilesGroup   = "Files"
	PublishGroup = "Publishing"
	RunGroup     = "Running"
)

// Groups lists the groups in order.
var Groups = []string{BuildGroup, CheckGroup, FilesGroup, PublishGroup, RunGroup}

// ShownDefault returns the default as people read it, "" if the value is empty by default.
func (s Setting) ShownDefault() string {
	if s.DefaultText != "" {
		return s.DefaultText
	}
	return s.Default
}

// BelongsTo reports whether a command has the setting as a flag.
func (s Setting) BelongsTo(command string) bool { return slices.Contains(s.Commands, command) }

// Variable returns the name of the environment variable that holds the input. It has no
// hyphens, because dash, the sh of Debian, does not hand such variables to its children.
func (s Setting) Variable() string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Find returns the setting of this name.
func Find(name string) (s Setting, ok bool) {
	i := slices.IndexFunc(Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return Settings[i], true
}

// Names returns the names of all settings.
func Names() []string {
	names := make([]string, len(Settings))
	for i, s := range Settings {
		names[i] = s.Name
	}
	return names
}
