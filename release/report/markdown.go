package report

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode"

	"github.com/org/go-static-release/release/quote"
)

// GitHub reads Markdown in two passes. A parser comes first. Then filters look for mentions,
// addresses and references in the text that the parser made. Escapes affect only the parser.
// Neither changes code, so foreign text is shown as code.

// code returns foreign text as code on one line, also for the cell of a table.
func code(s string) string {
	s = quote.Line(s)

	if s != "" && !strings.ContainsFunc(s, isOddInSpan) && strings.TrimSpace(s) == s {
		return "`" + s + "`"
	}

	// Between these tags Markdown is still parsed, but a character reference is never part
	// of its syntax.
	return "<code>" + references(s) + "</code>"
}

// isOddInSpan reports whether r could have a meaning inside a code span in the cell of a
// table.
func isOddInSpan(r rune) bool {
	return r < unicode.MaxASCII && !isAlphanumeric(r) && !strings.ContainsRune(" ._-+/:,=()@", r)
}

// isOdd reports whether r could have a meaning in Markdown.
func isOdd(r rune) bool {
	return r < unicode.MaxASCII && !isAlphanumeric(r) && !strings.ContainsRune(" -+/,()", r)
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || isDigit(r)
}

// prose returns our own text that may contain foreign words, such as a version, and that is
// not shown as code.
func prose(s string) string { return references(quote.Line(s)) }

// references returns s with odd characters as character references. An empty tag follows
// those that could make a filter see a mention, an address or an emoji.
func references(s string) string {
	var b strings.Builder
	var previous rune
	for i, r := range s {
		rest := s[i+len(string(r)):]
		atEnd := rest == "" || rest[0] == ' '
		inNumber := r == '.' && isDigit(previous) && rest != "" && isDigit(rune(rest[0]))

		switch {
		case (r == '.' || r == ':') && (atEnd || inNumber):
			b.WriteRune(r)
		case strings.ContainsRune("@#:.", r):
			fmt.Fprintf(&b, "&#%d;<b></b>", r)
		case isOdd(r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}

		previous = r
	}

	return b.String()
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// link returns foreign text as a link to an address that the server gave. If it is not the
// address of a web page, link returns both as text.
func link(text, address string) string {
	if isWebAddress(address) {
		return "[" + code(text) + "](" + strings.ReplaceAll(address, "&", "&amp;") + ")"
	}

	if text == address {
		return code(text)
	}
	return code(text) + " " + code(address)
}

// isWebAddress reports whether an address can lead to a web page and is safe in a link.
func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return false
	}

	return !strings.ContainsFunc(address, isUnsafeInLink)
}

// isUnsafeInLink reports whether r must be escaped in an address, or could end the
// destination of a link or the cell of a table (RFC 3986, 2; CommonMark, "Links").
func isUnsafeInLink(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("-._~:/?#@!$&+,;=%", r)
}

// message returns foreign text to follow a word of ours. Short text stays on the same line.
func message(s string) string {
	s = strings.TrimRight(s, "\n")
	if !strings.Contains(s, "\n") && len(s) < maxMessage {
		return " " + code(s)
	}

	return "\n\n" + fenced(s)
}

const (
	maxMessage = 1000     // bytes of a message on one line
	maxFenced  = 64 << 10 // bytes of one block, so that the summary has room for several
)

// fenced returns foreign text as a block of code. The fence is longer than any run of
// backticks in the text, and the word after it says that the text is not a diagram.
func fenced(s string) string {
	s = strings.TrimRight(quote.Text(s), "\n")
	if len(s) > maxFenced {
		s = strings.ToValidUTF8(s[:maxFenced], "") + "\n[cut; report.json has all of it]"
	}

	longest, run := 2, 0
	for _, c := range s {
		if c == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}

	fence := strings.Repeat("`", longest+1)
	return fence + "text\n" + s + "\n" + fence
}

// inTag returns foreign text for the inside of an HTML element.
func inTag(s string) string { return html.EscapeString(quote.Line(s)) }
