package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"unicode"
)

// maxExpanded limits, in bytes, what a function returns, and what a template adds to its own
// text.
const maxExpanded = 64 << 10

var errTooLarge = fmt.Errorf("the result is larger than %d bytes", maxExpanded)

// functions are the functions of this package.
//
// The arguments of replace, trimprefix and trimsuffix have the order that they have in GoReleaser.
var functions = texttemplate.FuncMap{
	"lower":      func(s string) (string, error) { return limited(strings.ToLower(s)) },
	"upper":      func(s string) (string, error) { return limited(strings.ToUpper(s)) },
	"title":      func(s string) (string, error) { return limited(title(s)) },
	"replace":    replace,
	"trimprefix": strings.TrimPrefix,
	"trimsuffix": strings.TrimSuffix,
}

// replacements are used instead of functions of text/template that could fill the memory:
// {{$x = print $x $x}} doubles a text. With them, no value in a template is larger than
// maxExpanded or than the template itself.
var replacements = texttemplate.FuncMap{
	"print":    onSmall(fmt.Sprint),
	"println":  onSmall(fmt.Sprintln),
	"printf":   printf,
	"html":     onSmall(texttemplate.HTMLEscaper),
	"js":       onSmall(texttemplate.JSEscaper),
	"urlquery": onSmall(texttemplate.URLQueryEscaper),

	// For a variable that is not set it would return "".
	"index": func(...any) (string, error) { return "", errors.New("write .Env.NAME") },
}

// builtins are the functions of text/template that are useful with these fields.
var builtins = []string{
	"and", "eq", "ge", "gt", "le", "len", "lt", "ne", "not", "or", "print", "printf", "slice", "urlquery",
}

// Functions returns the names of the functions that a template may use: those of this package, and
// the useful ones of text/template.
func Functions() (own, builtin []string) {
	return slices.Sorted(maps.Keys(functions)), slices.Clone(builtins)
}

// limited returns s, or an error if it is too large.
func limited(s string) (string, error) {
	if len(s) > maxExpanded {
		return "", errTooLarge
	}
	return s, nil
}

// onSmall returns f with a limit on its arguments and its result. None of these functions makes
// more than a few bytes of one.
func onSmall(f func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		if sizeOf(args) > maxExpanded {
			return "", errTooLarge
		}
		return limited(f(args...))
	}
}

// sizeOf returns the number of bytes in the strings among the values. All other values are small.
func sizeOf(values []any) int {
	size := 0
	for _, v := range values {
		if s, ok := v.(string); ok {
			size += len(s)
		}
	}

	return size
}

// title returns s with the first letter of each word in upper case. The other letters stay, so
// that macOS does not become Macos.
func title(s string) string {
	previous := ' '
	return strings.Map(func(r rune) rune {
		isStart := unicode.IsSpace(previous) || previous == '-'
		previous = r
		if isStart {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// replace returns s with every old replaced.
func replace(s, old, new string) (string, error) {
	n := strings.Count(s, old)
	if len(s)+n*(len(new)-len(old)) > maxExpanded {
		return "", errTooLarge
	}

	return strings.ReplaceAll(s, old, new), nil
}

// maxFormat limits the format of printf, in bytes. A few bytes of it can stand for a large
// argument, or for one with a large width.
const maxFormat = 256

// number matches an index, a width or a precision in a format.
var number = regexp.MustCompile(`[0-9]+`)

// printf is fmt.Sprintf with limits.
func printf(format string, args ...any) (string, error) {
	if len(format) > maxFormat {
		return "", fmt.Errorf("the format is longer than %d bytes", maxFormat)
	}
	if strings.Contains(format, "*") {
		return "", errors.New("a format must not contain *")
	}
	for _, digits := range number.FindAllString(format, -1) {
		n, err := strconv.Atoi(digits)
		if err != nil || n > maxExpanded {
			return "", errTooLarge
		}
	}

	return limited(fmt.Sprintf(format, args...))
}
