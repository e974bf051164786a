package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
)

// words splits a list at spaces, commas and newlines.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return strings.ContainsRune(", \n\t\r", r)
	})
}

// The functions below return the set function of a row, for a field of a type.

// text is for a field that has the value as it is.
func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

// list is for a field that has the words of the value, at least one.
func list(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = words(v)
		if len(*field(c)) == 0 {
			return fmt.Errorf("%q is an empty list", v)
		}
		return nil
	}
}

// patterns is list for a field that has file names and patterns.
func patterns(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = patternWords(v)
		if len(*field(c)) == 0 {
			return fmt.Errorf("%q is an empty list", v)
		}
		return nil
	}
}

// patternWords is words for patterns: a comma in braces, as in *.{md,txt}, does not end a word.
func patternWords(s string) (all []string) {
	for _, text := range strings.Fields(s) {
		depth := 0
		start := 0
		for i, c := range []byte(text + ",") {
			switch {
			case c == '{':
				depth++
			case c == '}':
				depth--
			case c == ',' && (depth <= 0 || i == len(text)):
				if i > start {
					all = append(all, text[start:i])
				}
				start = i + 1
			}
		}
	}
	return all
}

// boolean is for a field that is true or false.
func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := parseBool(v)
		if err != nil {
			return err
		}
		*field(c) = b
		return nil
	}
}

// optional is boolean for a field that stays nil if the setting is empty.
func optional(field func(*Config) **bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := parseBool(v)
		if err != nil {
			return err
		}
		*field(c) = &b
		return nil
	}
}

func parseBool(v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", v)
	}
	return b, nil
}

// oneOf is text for a field that has only these values.
func oneOf(field func(*Config) *string, known []string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !slices.Contains(known, v) {
			return notOneOf(v, known)
		}
		*field(c) = v
		return nil
	}
}

// someOf is list for a field that has only these words, each at most once.
func someOf(field func(*Config) *[]string, known []string) func(*Config, string) error {
	return func(c *Config, v string) error {
		err := list(field)(c, v)
		if err != nil {
			return err
		}

		var all []string // each once
		for _, word := range *field(c) {
			if !slices.Contains(known, word) {
				return notOneOf(word, known)
			}
			if !slices.Contains(all, word) {
				all = append(all, word)
			}
		}
		*field(c) = all
		return nil
	}
}

func notOneOf(v string, known []string) error {
	return fmt.Errorf("%q is not one of: %s", v, strings.Join(known, ", "))
}

func setCommand(c *Config, v string) error {
	if v == CacheKey {
		c.Command = v
		return nil
	}
	return oneOf(func(c *Config) *string { return &c.Command }, Commands)(c, v)
}

func setTag(c *Config, v string) error {
	if invalidInTag.MatchString(v) {
		return fmt.Errorf("%q cannot be the name of a tag", v)
	}
	c.Tag = strings.TrimPrefix(v, TagRef)
	return nil
}

// invalidInTag matches what git refuses anywhere in the name of a tag (git-check-ref-format(1)).
var invalidInTag = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{`)

func setTagPrefix(c *Config, v string) error {
	if invalidInTag.MatchString(v) {
		return fmt.Errorf("%q cannot be the beginning of a tag", v)
	}
	c.TagPrefix = strings.TrimPrefix(v, TagRef)
	return nil
}

func setTags(c *Config, v string) error {
	c.Tags = strings.Join(words(v), ",")
	return nil
}

// setWrap parses the directory of an archive: true is the one with the archive's name.
func setWrap(c *Config, v string) error {
	switch strings.ToLower(v) {
	case "false":
		c.Wrap = ""
	case "true":
		c.Wrap = "{{.Archive}}"
	default:
		c.Wrap = v
	}
	return nil
}

// A SmokeTest says with which arguments a program is started.
type SmokeTest struct {
	Program string // without ".exe"; "" for every program that is not named
	Args    []string
	None    bool // do not start it
}

// namedTest matches a line of smoke-test that is for one program: PROGRAM=ARGS.
var namedTest = regexp.MustCompile(`^([^-=\s][^=\s]*)=(.*)$`)

// setSmokeTest parses the arguments with which programs are started, one line for each.
func setSmokeTest(c *Config, v string) error {
	c.SmokeTest = nil
	lines := map[string]string{} // by program
	for line := range strings.Lines(v) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}

		var test SmokeTest
		args := line
		if m := namedTest.FindStringSubmatch(line); m != nil {
			test.Program = m[1]
			args = strings.TrimSpace(m[2])
		}
		if args == "none" {
			test.None = true
		} else {
			test.Args = strings.Fields(args)
		}

		if other, taken := lines[test.Program]; taken {
			err := fmt.Errorf("%q and %q are both for program %s", other, line, test.Program)
			if test.Program == "" {
				err = fmt.Errorf("%q and %q are both for every program", other, line)
			}
			return problem.With(problem.Set("smoke-test", "PROGRAM="+line).For("is for one program"), err)
		}
		lines[test.Program] = line
		c.SmokeTest = append(c.SmokeTest, test)
	}
	return nil
}

// SmokeArgs returns the arguments with which a program is started. It reports false if the
// program is not started.
func (c *Config) SmokeArgs(program string) (args []string, start bool) {
	for _, name := range []string{program, ""} {
		i := slices.IndexFunc(c.SmokeTest, func(t SmokeTest) bool { return t.Program == name })
		if i >= 0 {
			return c.SmokeTest[i].Args, !c.SmokeTest[i].None
		}
	}
	return nil, false
}

// archiveFormats returns the values of the setting archive.
func archiveFormats() []string { return append(pack.Formats(), pack.Binary) }

// checksumAlgorithms returns the values of the setting checksums.
func checksumAlgorithms() []string { return slices.Clone(output.ListAlgorithms) }

// compilerStart matches the word that begins a compiler: TARGET=COMMAND.
var compilerStart = regexp.MustCompile(`^([^-=/]+/[^=]+)=(.+)$`)

// setCC parses C compilers. A command may have arguments, so a compiler extends to the next
// word that names a target.
func setCC(c *Config, v string) error {
	c.CC = nil
	for _, word := range strings.Fields(v) {
		if strings.ContainsAny(word, `"'`) {
			return fmt.Errorf("%s: quotes are not supported; put the compiler on the PATH", word)
		}

		m := compilerStart.FindStringSubmatch(word)
		last := len(c.CC) - 1
		switch {
		case m != nil:
			c.CC = append(c.CC, cc.Choice{Targets: m[1], CC: m[2]})
		case last < 0:
			return fmt.Errorf("%q does not begin with a target, as in linux/amd64=musl-gcc", word)
		default:
			c.CC[last].CC += " " + word
		}
	}
	return nil
}

func setParallelism(c *Config, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of at least 1", v)
	}
	c.Parallelism = n
	return nil
}

func setTimeout(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 30m or 2h", v)
	}
	c.Timeout = d
	return nil
}
