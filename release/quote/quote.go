// Package quote makes text that somebody else wrote safe to show: file names, messages
// of servers and compilers, tags, notes.
//
// A character that a terminal or a browser would obey instead of showing it is written
// as an escape, as Go writes it in a string literal: control characters, among them the
// beginning of terminal escapes, marks that turn the direction of writing, characters
// without a width, white space other than the blank, and bytes that are not UTF-8. What
// is left is what a reader sees. It is a leaf.
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns text of several lines with every character in it visible. Line feeds and
// tabs stay. A carriage return before a line feed is dropped, as part of a line's end;
// any other could overwrite what stands before it, and becomes \r.
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

// Line is Text for what must not begin a line of its own, such as a name: line feeds,
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

// JSON returns the same JSON values, written so that they can be shown as they are: the
// characters that Text escapes are escaped in JSON's way. So is the beginning of a
// command of the Actions runner, which reads the lines of a log.
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

	// Outside of a string JSON has no "#".
	return []byte(strings.ReplaceAll(b.String(), "##[", `##\u005b`))
}

// isPlain reports whether s needs no look at its characters one by one.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}

	return true
}

// isVisible reports whether a reader sees r. strconv counts marks as printable, of which
// some, and some letters, have neither a width nor a shape ("default ignorable" in
// Unicode's DerivedCoreProperties.txt).
func isVisible(r rune) bool {
	return strconv.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// writeVisible writes a character, given as it was encoded and decoded.
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

// escape returns \uXXXX, or \UXXXXXXXX for what does not fit.
func escape(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

func writeUTF16(b *strings.Builder, unit rune) {
	const digits = "0123456789abcdef"

	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[unit>>shift&0xf])
	}
}
