package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/release/quote"
)

// A laptopRule decides whether the value of one setting in the repository's workflow
// counts on a laptop. It returns the reason why not, or "".
//
// On a laptop the workflow of the repository is the configuration, and the repository may
// be a clone of somebody else's. Its workflow may choose what is built. Only the command
// line may choose which programs run on this machine and where files are written. In a
// workflow run the rules do not apply: whoever writes the inputs can run anything there.
type laptopRule func(root, value string) (why string)

// chooses is the rule of a setting that chooses what is built and what it is called.
func chooses(_, _ string) string { return "" }

// meaningless is the answer of runnerOnly. The user is not told about such a setting.
const meaningless = "it means nothing outside a workflow"

// runnerOnly is the rule of a setting that means nothing on a laptop. The command is the
// first argument there, only the command line can make a laptop publish, and the files to
// attach are made by earlier steps of the workflow.
func runnerOnly(_, _ string) string { return meaningless }

// needsFlag is the rule of a setting that counts only as a flag.
func needsFlag(why string) laptopRule {
	return func(_, _ string) string { return why }
}

// staysInside is the rule of a path. It must lie in the repository and must not be a link
// to a directory elsewhere. A link to a file is checked by whoever opens the file.
func staysInside(root, value string) string {
	const why = "it lies outside the repository"

	path := inRepository(root, value)
	if !door.Within(root, path) {
		return why
	}

	realRoot, rootErr := filepath.EvalSymlinks(root)
	realPath, pathErr := filepath.EvalSymlinks(path)
	if rootErr != nil || pathErr != nil {
		return "" // whoever uses the path reports that it does not exist
	}

	fi, err := os.Stat(realPath)
	if err == nil && fi.IsDir() && !door.Within(realRoot, realPath) {
		return why
	}

	return ""
}

// inRepository returns the absolute path for a path that a workflow gives.
func inRepository(root, value string) string {
	if filepath.IsAbs(value) {
		return filepath.Clean(value)
	}
	return filepath.Join(root, value)
}

// Values that a flag of the compiler or the linker may have.
var (
	noValue  = regexp.MustCompile(`^(true|false|[0-9])?$`) // -v=2, -checklinkname=0
	anyValue = regexp.MustCompile(``)
)

// A toolFlag is a flag that may come from a workflow.
type toolFlag struct {
	value *regexp.Regexp
	alone bool // it has no value, or one in the same word
}

// Flags of the Go linker and compiler that name no program and no file
// (`go tool link -h`, `go tool compile -h`). A flag that is not listed is refused, so that
// a new one has to be looked at first. Examples are -extld, -extar, -tmpdir, -cpuprofile
// and -o.
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

		// Flags of the C compiler such as -fplugin and -wrapper run programs.
		"extldflags": {value: regexp.MustCompile(`^ *(-static|-static-pie)? *$`)},
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

// harmlessFlags returns the rule for the flags of a tool: each must be known to be
// harmless.
func harmlessFlags(known map[string]toolFlag) laptopRule {
	return func(_, value string) string {
		_, words, err := build.SplitFlags(value)
		if err != nil {
			return "it cannot be split into flags"
		}
		return checkFlags(words, known)
	}
}

// harmlessTemplate returns the rule for the flags of a tool that are a template: they must be
// harmless for every platform.
func harmlessTemplate(known map[string]toolFlag) laptopRule {
	rule := harmlessFlags(known)
	return func(root, value string) string {
		texts, ok := expansions(value)
		if !ok {
			return "it cannot be split into flags"
		}
		for _, text := range texts {
			if why := rule(root, text); why != "" {
				return why
			}
		}
		return ""
	}
}

// checkFlags returns the reason why the words may do harm, or "".
func checkFlags(words []string, known map[string]toolFlag) string {
	for i := 0; i < len(words); i++ {
		// For a word @FILE, a tool reads more flags from that file. The value of a
		// template field, for which fieldMark stands here, may begin with @ too.
		if strings.HasPrefix(words[i], "@") {
			return fmt.Sprintf("%q may stand for any flags", words[i])
		}

		// A flag begins with one or two dashes.
		name, isFlag := strings.CutPrefix(words[i], "-")
		name = strings.TrimPrefix(name, "-")
		name, value, hasValue := strings.Cut(name, "=")

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
			value = words[i]
		}
		if !flag.value.MatchString(value) {
			return fmt.Sprintf("-%s with the value %q may run a program, or read or write files", name, value)
		}
	}

	return ""
}

var (
	// action matches the actions of a template.
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

	// fieldAction matches an action whose result is known to be part of one word: package
	// build checks the values.
	fieldAction = regexp.MustCompile(`^\{\{-? *\.([A-Z][A-Za-z]*) *-?\}\}$`)

	// platformAction matches the parts of a condition that depends on the platform alone.
	platformAction = regexp.MustCompile(
		`^\{\{-? *((else +)?if +(eq|ne) +\.(OS|Arch)( +"[a-z0-9]*")+|else|end) *-?\}\}$`)
	platformName = regexp.MustCompile(`"[a-z0-9]*"`)
)

// fieldMark stands for the value of a template field.
const fieldMark = "@"

// maxPlatformNames limits how many platforms the conditions of a template may name.
const maxPlatformNames = 8

// expansions returns every text that the template value may expand to, with fieldMark for its
// fields. ok is false if it has actions of which that is not known.
func expansions(value string) (texts []string, ok bool) {
	fields := build.LinkFacts{Defaults: "-s -w"} // others may follow, each with its value
	facts := reflect.ValueOf(&fields.Facts).Elem()

	names := []string{"other"}
	for _, a := range action.FindAllString(value, -1) {
		if m := fieldAction.FindStringSubmatch(a); m != nil {
			if facts.MethodByName(m[1]).IsValid() { // a part of the version, or of the commit
				value = strings.ReplaceAll(value, a, fieldMark)
				continue
			}

			field := facts.FieldByName(m[1])
			isFact := field.IsValid() && field.Kind() == reflect.String
			if isFact {
				field.SetString(fieldMark)
			}
			if isFact || m[1] == "OS" || m[1] == "Arch" || m[1] == "Defaults" {
				continue
			}
			return nil, false
		}
		if !platformAction.MatchString(a) {
			return nil, false
		}
		for _, name := range platformName.FindAllString(a, -1) {
			names = append(names, strings.Trim(name, `"`))
		}
	}
	if len(names) > maxPlatformNames {
		return nil, false
	}

	for _, fields.OS = range names {
		for _, fields.Arch = range names {
			text, err := template.Expand(value, fields)
			if err != nil {
				return nil, false
			}
			texts = append(texts, text)
		}
	}
	return texts, true
}

// ignoredNote returns the note that a setting of the workflow is ignored, why, and what to
// type to use it.
func ignoredNote(s Setting, root string, v setValue, why string) string {
	value := v.text
	if s.isPath {
		value = inRepository(root, value)
	}

	// Lines are flags of their own. In lists of words a line break is a space.
	lines := []string{value}
	if s.Kind == Lines {
		lines = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	}
	spaces := strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ")
	var flags []string
	for _, line := range lines {
		line = strings.TrimSpace(spaces.Replace(line))
		if line != "" || len(lines) == 1 {
			flags = append(flags, "--"+s.Name+" "+quote.ShellWord(line))
		}
	}
	typed := strings.Join(flags, " ")

	// A value that cannot be shown as it is cannot be pasted either.
	advice := "to use it, give --" + s.Name + " yourself"
	unprintable := strings.ContainsFunc(typed, func(r rune) bool {
		return !unicode.IsPrint(r) || r == unicode.ReplacementChar
	})
	if !unprintable && len(value) <= 500 {
		advice = "to use it: " + typed
	}

	return fmt.Sprintf("%s: %s is ignored on this machine, because %s; %s", v.from, s.Name, why, advice)
}

// FlagOnly returns the names of the settings that a workflow cannot set on a laptop,
// whatever their value.
func FlagOnly() (names []string) {
	for _, s := range Settings {
		why := s.onLaptop("", "")
		if why != "" && why != meaningless {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)

	return names
}
