package smoke

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/org/go-static-release/build/process"
)

// printed is what a program printed: the beginning and the end, each of at most maxOutput
// bytes.
type printed struct {
	beginning []byte
	end       process.Tail
}

func newPrinted() *printed { return &printed{end: process.Tail{Keep: maxOutput}} }

func (p *printed) Write(data []byte) (int, error) {
	left := maxOutput - len(p.beginning)
	p.beginning = append(p.beginning, data[:min(left, len(data))]...)
	return p.end.Write(data)
}

// maxSaid limits the line that is shown of what a program printed, in bytes.
const maxSaid = 200

// terminalStyle matches the sequences by which a program colours its output (ECMA-48, SGR).
var terminalStyle = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// firstLine returns the first line that is not empty, shortened.
func (p *printed) firstLine() string {
	for line := range strings.Lines(string(p.beginning)) {
		line = strings.TrimSpace(terminalStyle.ReplaceAllString(line, ""))
		switch {
		case line == "":
			continue
		case len(line) <= maxSaid:
			return line
		}

		cut := maxSaid
		for !utf8.RuneStart(line[cut]) && cut > maxSaid-utf8.UTFMax {
			cut--
		}
		return line[:cut] + "..."
	}
	return ""
}

// all returns everything that is kept, without styles.
func (p *printed) all() string {
	text := string(p.beginning) + "\n" + p.end.String()
	return terminalStyle.ReplaceAllString(text, "")
}

// A Version says whether a program that was asked for its version said the one of the release.
// It is "" if the program was not asked.
type Version string

// Values of a Version.
const (
	Stated  Version = "stated"
	Missing Version = "missing"
)

// asksForVersion reports whether one of the arguments asks a program for its version, as in
// "--version", "-version=true", "version --client" or "-V".
func asksForVersion(args []string) bool {
	for _, arg := range args {
		word, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if arg == "-V" || strings.EqualFold(word, "version") {
			return true
		}
	}
	return false
}

// containsVersion reports whether text has a version as a word of its own, with or without a
// v before it. Build metadata, such as "+dirty", does not count (semver.org, 10), nor does a
// hash of a commit after a hyphen, which some programs add. 1.2.3 is neither in 11.2.3 nor
// in 1.2.30, 1.2.3-rc.1, 1.2.3.4 or go1.2.3.
func containsVersion(text, version string) bool {
	version, _, _ = strings.Cut(version, "+")
	for rest := text; ; {
		i := strings.Index(rest, version)
		if i < 0 {
			return false
		}

		before := text[:len(text)-len(rest)+i]
		before = before[max(0, len(before)-2*utf8.UTFMax):] // a v and the character before it
		after := rest[i+len(version):]
		if beginsVersion.MatchString(before) && endsVersion.MatchString(after) {
			return true
		}
		rest = rest[i+1:]
	}
}

var (
	// What may stand before a version: no letter but a v, no digit and no dot.
	beginsVersion = regexp.MustCompile(`(^|[^\pL\pN.])[vV]?$`)

	// What may stand behind it.
	endsVersion = regexp.MustCompile(`^($|\+|\.?([^\pL\pN.+-]|$)|-g?[0-9a-f]{7,40}([^\pL\pN]|$)|-([^\pL\pN]|$))`)
)
