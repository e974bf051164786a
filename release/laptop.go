package release

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// On a laptop the workflow of the repository is the configuration, and the repository may
// be somebody else's: a clone that was made to be looked at. Its workflow may choose what
// is built. Which program runs on this machine, and where is written, is for whoever types
// the command to say.
//
// A laptopRule is that decision for one setting. It returns why a value in the workflow
// does not count, "" if it does. In a workflow run it is not asked: the inputs come from
// whoever may change the workflow, and may run anything there anyway.
type laptopRule func(root, value string) (why string)

// chooses is the rule of a setting that chooses what is built and what it is called.
func chooses(_, _ string) string { return "" }

// meaningless is the answer of runnerOnly, which is not told.
const meaningless = "it means nothing outside of a workflow"

// runnerOnly is the rule of a setting that means nothing on a laptop: the command is the
// first argument here, a laptop publishes only when its own command line says so, and what
// is attached was made by earlier steps of the workflow.
func runnerOnly(_, _ string) string { return meaningless }

// needsFlag is the rule of a setting that counts only as a flag.
func needsFlag(why string) laptopRule {
	return func(_, _ string) string { return why }
}

// staysInside is the rule of a path: it must lie in the repository, and be no link to a
// directory elsewhere. That a file is no link out of it is checked where it is opened.
func staysInside(root, value string) string {
	const why = "it lies outside the repository"
	path := inRepository(root, value)
	if !isBelow(root, path) {
		return why
	}

	realRoot, rootErr := filepath.EvalSymlinks(root)
	realPath, pathErr := filepath.EvalSymlinks(path)
	if rootErr != nil || pathErr != nil {
		return "" // what does not exist is told where it is used
	}
	if fi, err := os.Stat(realPath); err == nil && fi.IsDir() && !isBelow(realRoot, realPath) {
		return why
	}
	return ""
}

// inRepository is a path that a workflow gives.
func inRepository(root, value string) string {
	if filepath.IsAbs(value) {
		return filepath.Clean(value)
	}
	return filepath.Join(root, value)
}

// isBelow reports whether a path is the directory or lies in it, by its name.
func isBelow(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// What a flag of the compiler or the linker may have for a value.
var (
	noValue  = regexp.MustCompile(`^(true|false|[0-9])?$`) // -v=2, -checklinkname=0
	anyValue = regexp.MustCompile(``)
)

// A toolFlag is a flag that may come from a workflow.
type toolFlag struct {
	value *regexp.Regexp
	alone bool // a word behind it is no value of it
}

// Flags of the Go linker and compiler that name no program and no file
// (`go tool link -h`, `go tool compile -h`). The others are not listed, so that a new one
// is not harmless before somebody has looked at it: -extld, -extar, -tmpdir, -cpuprofile, -o.
var (
	linkerFlags = map[string]toolFlag{
		"s":             {noValue, true},
		"w":             {noValue, true},
		"v":             {noValue, true},
		"e":             {noValue, true},
		"d":             {noValue, true},
		"aslr":          {noValue, true},
		"bindnow":       {noValue, true},
		"checklinkname": {noValue, true},
		"compressdwarf": {noValue, true},
		"X":             {value: anyValue},
		"B":             {value: anyValue},
		"buildid":       {value: anyValue},
		"H":             {value: anyValue},
		"linkmode":      {value: regexp.MustCompile(`^(internal|external|auto)$`)},
		"extldflags":    {value: regexp.MustCompile(`^ *(-static|-static-pie)? *$`)}, // others, such as -fplugin and -wrapper, run programs
	}
	compilerFlags = map[string]toolFlag{
		"N":                  {noValue, true},
		"l":                  {noValue, true},
		"B":                  {noValue, true},
		"C":                  {noValue, true},
		"L":                  {noValue, true},
		"S":                  {noValue, true},
		"e":                  {noValue, true},
		"m":                  {noValue, true},
		"v":                  {noValue, true},
		"dwarf":              {noValue, true},
		"dwarflocationlists": {noValue, true},
		"smallframes":        {noValue, true},
		"c":                  {value: regexp.MustCompile(`^[0-9]+$`)},
		"d":                  {value: regexp.MustCompile(`^checkptr(=[0-2])?$`)}, // ssa/... writes files
		"lang":               {value: regexp.MustCompile(`^go[0-9.]+$`)},
		"spectre":            {value: regexp.MustCompile(`^[a-z,]*$`)},
	}
)

// harmlessFlags is the rule of flags for a tool: all of them must be known to be harmless.
func harmlessFlags(known map[string]toolFlag) laptopRule {
	return func(_, value string) string {
		words, ok := flagWords(value)
		if !ok {
			return "its flags cannot be told apart"
		}

		for i := 0; i < len(words); i++ {
			// A tool reads more flags from FILE where a word is @FILE, and what a field of a
			// template begins with is not known here: fieldMark stands for it.
			if strings.HasPrefix(words[i], "@") {
				return fmt.Sprintf("%q may stand for any flags", words[i])
			}

			name, isFlag := strings.CutPrefix(words[i], "-")
			name, val, hasValue := strings.Cut(strings.TrimPrefix(name, "-"), "=")
			flag, isKnown := known[name]
			why := fmt.Sprintf("%q may run a program, or read or write files", words[i])
			if !isFlag || !isKnown {
				return why
			}

			if !hasValue && !flag.alone {
				i++
				if i == len(words) || strings.HasPrefix(words[i], "@") {
					return why
				}
				val = words[i]
			}
			if !flag.value.MatchString(val) {
				return fmt.Sprintf("-%s with the value %q may run a program, or read or write files", name, val)
			}
		}
		return ""
	}
}

var (
	// fieldAction is the only kind of template action whose result is known to be a part of
	// one word (build checks the values).
	fieldAction = regexp.MustCompile(`\{\{ *\.[A-Z][a-z]* *\}\}`)

	// flagWord is a word of -ldflags and -gcflags, in quotes or not (`go help build`,
	// "Elements in a list"). A quote inside a word is an ordinary character.
	flagWord = regexp.MustCompile(`^[ \t\r\n]*("[^"]*"|'[^']*'|[^ \t\r\n"'][^ \t\r\n]*)`)
)

// fieldMark stands for the value of a field.
const fieldMark = "@"

// flagWords splits the value of -ldflags or -gcflags into words, as the go command does
// when it has taken off the pattern in front: all=-N -l.
func flagWords(value string) (words []string, ok bool) {
	if strings.Contains(fieldAction.ReplaceAllString(value, ""), "{{") {
		return nil, false
	}
	value = strings.TrimSpace(fieldAction.ReplaceAllString(value, fieldMark))
	if value != "" && !strings.HasPrefix(value, "-") {
		if _, value, ok = strings.Cut(value, "="); !ok {
			return nil, false
		}
	}

	for strings.TrimLeft(value, " \t\r\n") != "" {
		m := flagWord.FindStringSubmatch(value)
		if m == nil {
			return nil, false
		}
		value = value[len(m[0]):]
		word := m[1]
		if word[0] == '"' || word[0] == '\'' {
			word = word[1 : len(word)-1]
		}
		words = append(words, word)
	}
	return words, true
}

// ignoredNote says that a setting of the workflow is ignored here, why, and what to type if it
// is meant.
func ignoredNote(s setting, root string, v given, why string) string {
	value := v.value
	if s.path {
		value = inRepository(root, value)
	}
	// In lists of words a line break is a space.
	value = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(value)

	advice := "to use it, give --" + s.name + " yourself"
	odd := strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
	if !odd && len(value) <= 500 {
		advice = "to use it: --" + s.name + " " + shellWord(value)
	}
	return fmt.Sprintf("%s: %s is ignored on this machine, because %s; %s", v.from, s.name, why, advice)
}

// flagOnly lists the settings that a workflow cannot make on a laptop whatever their value.
func flagOnly() (names []string) {
	for _, s := range settings {
		if why := s.workflow("", ""); why != "" && why != meaningless {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}
