// Package quote makes foreign text safe to show: file names, messages of servers and
// compilers, tags, notes.
//
// Characters that a terminal or a browser would obey instead of showing are written as
// escapes, as in a Go string literal: control characters, including the beginning of
// terminal escapes, marks that change the direction of writing, characters without a
// width, white space other than the blank, and bytes that are not UTF-8. Everything else
// stays as it is. The package imports nothing of this module.
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns text of several lines in which every character is visible. Line feeds and
// tabs stay. A carriage return before a line feed is dropped, because it is part of the end
// of a line. Any other could overwrite the text before it and becomes \r.
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

// Line is like Text, but for text that must stay on one line, such as a name: line feeds,
// carriage returns and tabs become escapes, too.
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

// JSON returns JSON with the same values that is safe to show. The characters that Text
// escapes are written as JSON escapes, and so is "##[", with which a command to the Actions
// runner begins.
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
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}

	return true
}

// isVisible reports whether a reader sees r. Some marks and letters that strconv counts as
// printable have neither a width nor a shape ("default ignorable" in Unicode's
// DerivedCoreProperties.txt).
func isVisible(r rune) bool {
	return strconv.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// writeVisible writes a character so that it is visible. encoded holds its bytes in the
// text, and r is what they decode to.
func writeVisible(b *strings.Builder, encoded string, r rune) {
	invalid := r == utf8.RuneError && len(encoded) == 1

	switch {
	case !invalid && isVisible(r):
		b.WriteString(encoded)
	case !invalid && strconv.IsPrint(r): // strconv would not escape it
		b.WriteString(escape(r))
	default:
		quoted := strconv.Quote(encoded)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
}

// escape returns \uXXXX, or \UXXXXXXXX for a character that does not fit.
func escape(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

// writeUTF16 writes the JSON escape of one UTF-16 unit.
func writeUTF16(b *strings.Builder, unit rune) {
	const digits = "0123456789abcdef"

	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[unit>>shift&0xf])
	}
}
