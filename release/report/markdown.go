package report

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode"

	"github.com/org/go-static-release/release/quote"
)

// Markdown of GitHub is read in two passes: by a parser, and then by filters that look for
// mentions, addresses and references in whatever text the parser made. Escapes only bind
// the parser. What is in code is left alone by both, so that foreign text goes there.

// code shows foreign text on one line, also in the cell of a table.
func code(s string) string {
	s = quote.Line(s)

	if s != "" && !strings.ContainsFunc(s, isOddInSpan) && strings.TrimSpace(s) == s {
		return "`" + s + "`"
	}

	// Between these tags Markdown is still read. No reference to a character is taken for
	// a part of its syntax.
	return "<code>" + references(s) + "</code>"
}

// isOddInSpan reports whether r could mean something inside of a code span in the cell
// of a table.
func isOddInSpan(r rune) bool {
	return r < unicode.MaxASCII && !isAlphanumeric(r) && !strings.ContainsRune(" ._-+/:,=()@", r)
}

// isOdd reports whether r could mean something where Markdown is read.
func isOdd(r rune) bool {
	return r < unicode.MaxASCII && !isAlphanumeric(r) && !strings.ContainsRune(" -+/,()", r)
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || isDigit(r)
}

// prose shows text of ours that may have foreign words in it, such as a version. It is
// for text that is not shown as code.
func prose(s string) string { return references(quote.Line(s)) }

// references writes odd characters as references. A tag that shows
// nothing stands after those that could make a filter see a mention, an address or an
// emoji, and before what follows a dot in the name of a host.
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

// link shows foreign text as a link to an address that the server gave, if that can be
// one of a web page.
func link(text, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsFunc(address, isUnsafeInLink) {
		if text == address {
			return code(text)
		}
		return code(text) + " " + code(address)
	}

	return "[" + code(text) + "](" + strings.ReplaceAll(address, "&", "&amp;") + ")"
}

// isUnsafeInLink reports whether r must be escaped in an address, or could end the
// destination of a link or the cell of a table (RFC 3986, 2; CommonMark, "Links").
func isUnsafeInLink(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("-._~:/?#@!$&+,;=%", r)
}

// message shows foreign text after a word of ours.
func message(s string) string {
	s = strings.TrimRight(s, "\n")
	if !strings.Contains(s, "\n") && len(s) < maxMessage {
		return " " + code(s)
	}

	return "\n\n" + fenced(s)
}

const (
	maxMessage = 1000     // bytes of a message in a line
	maxFenced  = 64 << 10 // bytes of one text: the summary has room for several
)

// fenced shows foreign text in lines of its own as it is: the fence is longer than any run
// of backticks in the text. The word after it says that the text is no diagram.
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

// inTag is foreign text for the inside of an HTML element.
func inTag(s string) string { return html.EscapeString(quote.Line(s)) }
