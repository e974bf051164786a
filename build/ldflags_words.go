package build

import (
	"fmt"
	"strings"
)

// SplitFlags splits the value of -ldflags or -gcflags as the go command does: into a pattern of
// packages, if there is one in front ("all=-s"), and words, in quotes or not.
// Sources: cmd/go/internal/load PerPackageFlag.Set and cmd/internal/quoted Split.
func SplitFlags(text string) (pattern string, words []string, err error) {
	text = strings.TrimSpace(text)
	if text != "" && !strings.HasPrefix(text, "-") {
		var ok bool
		pattern, text, ok = strings.Cut(text, "=")
		if !ok {
			return "", nil, fmt.Errorf("%q is no flag: flags begin with a dash", pattern)
		}
	}

	for {
		text = strings.TrimLeft(text, flagSpace)
		if text == "" {
			return pattern, words, nil
		}

		// A quote inside a word is an ordinary character.
		end := strings.IndexAny(text, flagSpace)
		if quote := text[0]; quote == '"' || quote == '\'' {
			text = text[1:]
			end = strings.IndexByte(text, quote)
			if end < 0 {
				return "", nil, fmt.Errorf("no %c ends the word %q", quote, text)
			}
			words = append(words, text[:end])
			text = text[end+1:]
			continue
		}
		if end < 0 {
			end = len(text)
		}
		words = append(words, text[:end])
		text = text[end:]
	}
}

// flagSpace is the white space between flags.
const flagSpace = " \t\r\n"

// joinFlags is the reverse of SplitFlags without a pattern. Words that come from SplitFlags
// never need both kinds of quotes.
func joinFlags(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		beginsQuoted := strings.HasPrefix(word, `"`) || strings.HasPrefix(word, "'")
		if word == "" || beginsQuoted || strings.ContainsAny(word, flagSpace) {
			quote := "'"
			if strings.Contains(word, quote) {
				quote = `"`
			}
			quoted[i] = quote + word + quote
		}
	}
	return strings.Join(quoted, " ")
}

// A setFlag is one -X among the flags of the linker.
type setFlag struct {
	pkg   string // "main", or an import path
	name  string // of the variable
	value string
	first int // index of its first word
	words int // how many words it consists of
}

// variable returns what the flag sets, as it is written after -X.
func (x setFlag) variable() string { return x.pkg + "." + x.name }

// setFlags returns every -X among the words of -ldflags.
func setFlags(words []string) (list []setFlag, err error) {
	for i := 0; i < len(words); i++ {
		x := setFlag{first: i, words: 1}
		flag, definition, hasValue := strings.Cut(words[i], "=")
		if flag != "-X" && flag != "--X" {
			continue
		}

		if !hasValue {
			i++
			x.words = 2
			if i == len(words) {
				return nil, fmt.Errorf("nothing follows %s: "+
					"it sets a variable, as in -X main.version=1.0.0", flag)
			}
			definition = words[i]
		}

		variable, value, ok := strings.Cut(definition, "=")
		dot := strings.LastIndexByte(variable, '.')
		if !ok || dot < 0 {
			return nil, fmt.Errorf("-X %s sets no variable: "+
				"it must be of the form PACKAGE.NAME=VALUE", definition)
		}
		x.pkg = variable[:dot]
		x.name = variable[dot+1:]
		x.value = value
		list = append(list, x)

		if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			return nil, fmt.Errorf("%q after -X %s is no flag: a value with spaces must be in quotes, "+
				"as in -X 'main.title=My Tool'", words[i+1], definition)
		}
	}
	return list, nil
}

// withoutFlags returns words without those -X that drop chooses.
func withoutFlags(words []string, drop func(setFlag) bool) ([]string, error) {
	flags, err := setFlags(words)
	if err != nil {
		return nil, err
	}

	var kept []string
	next := 0
	for _, x := range flags {
		kept = append(kept, words[next:x.first]...)
		next = x.first
		if drop(x) {
			next += x.words
		}
	}
	return append(kept, words[next:]...), nil
}
