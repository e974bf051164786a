// Package quote makes text from other sources safe to show, such as file names, tags, release
// notes, and messages from servers and compilers.
//
// Characters that a terminal or a browser would interpret or hide are replaced with the
// escapes of Go string literals: control characters, including the start of terminal escape
// sequences, marks that change the writing direction, characters without a width, white
// space other than the space, and bytes that are not UTF-8. Everything else stays as it is.
//
// The package imports nothing of this module.
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with every invisible character escaped, except for line feeds and tabs. A
// carriage return is dropped before a line feed, because it belongs to the line ending.
// Elsewhere it is escaped, because it could overwrite the text before it.
func Text(s string) string {
	if isPlain(s) {
		return s
	}

	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])

		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == '\r' && strings.HasPrefix(s[i+size:], "\n"):
			// The line feed that follows ends the line.
		default:
			writeVisible(&b, s[i:i+size], r)
		}

		i += size
	}

	return b.String()
}

// Line is like Text, but for text that must stay on one line, such as a name. It also escapes
// line feeds, carriage returns and tabs.
func Line(s string) string {
	if isPlain(s) && !strings.ContainsAny(s, "\n\t") {
		return s
	}

	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		writeVisible(&b, s[i:i+size], r)
		i += size
	}

	return b.String()
}

// Name returns name in a form that cannot be mistaken for anything else. A name that contains
// invisible characters or line breaks, or that begins with a quotation mark, is quoted as a
// Go string. Every other name is returned unchanged.
func Name(name string) string {
	if Line(name) == name && !strings.HasPrefix(name, `"`) {
		return name
	}
	return Line(strconv.Quote(name))
}

// JSON returns JSON that has the same values as data and is safe to show. The characters that
// Text escapes become JSON escapes, and so does the bracket of "##[", which begins a command
// to the Actions runner.
func JSON(data []byte) []byte {
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r == '\n' || isVisible(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			writeUTF16(&b, high)
			writeUTF16(&b, low)
		default:
			writeUTF16(&b, r)
		}
	}

	// JSON has no "#" outside a string.
	return []byte(strings.ReplaceAll(b.String(), "##[", `##\u005b`))
}

// isPlain reports whether s consists of visible ASCII characters, line feeds and tabs.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		isShown := ' ' <= c && c <= '~' || c == '\n' || c == '\t'
		if !isShown {
			return false
		}
	}

	return true
}

// isVisible reports whether a reader sees r. Some marks and letters that are printable to
// strconv have neither a width nor a shape. Unicode calls them "default ignorable"
// (DerivedCoreProperties.txt).
func isVisible(r rune) bool {
	isIgnorable := unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	return strconv.IsPrint(r) && !isIgnorable
}

// writeVisible writes the character r, escaped if it is not visible. encoded holds the bytes
// that r was decoded from.
func writeVisible(b *strings.Builder, encoded string, r rune) {
	invalid := r == utf8.RuneError && len(encoded) == 1

	switch {
	case !invalid && isVisible(r):
		b.WriteString(encoded)
	case !invalid && strconv.IsPrint(r): // strconv.Quote would not escape it
		b.WriteString(escape(r))
	default:
		quoted := strconv.Quote(encoded)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
}

// escape returns \uXXXX, or \UXXXXXXXX for a character above U+FFFF.
func escape(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

// writeUTF16 writes the JSON escape of one UTF-16 code unit.
func writeUTF16(b *strings.Builder, unit rune) {
	const digits = "0123456789abcdef"

	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[unit>>shift&0xf])
	}
}
