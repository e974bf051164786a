package output

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Listed file is one line of a checksum list.
type Listed struct {
	Line      int
	Algorithm string // "sha256", "sha512", or another one that is not computed here
	Sum       string // lower-case hex
	Name      string // as it stands in the list, without escapes
}

// hexLengths holds the number of hex digits of a digest, by algorithm.
var hexLengths = map[string]int{
	"md5":     32,
	"sha1":    40,
	"sha224":  56,
	"sha256":  64,
	"sha384":  96,
	"sha512":  128,
	"blake2b": 128,
	"blake3":  64,
}

// algorithmsByLength holds the algorithm that is assumed for a digest with that many
// digits, if neither its line nor its list names one.
var algorithmsByLength = map[int]string{
	32:  "md5",
	40:  "sha1",
	56:  "sha224",
	64:  "sha256",
	96:  "sha384",
	128: "sha512",
}

// tagNames are algorithms as the BSD form calls them: those of coreutils, b3sum, OpenSSL and
// the BSDs.
var tagNames = map[string]string{
	"MD5":      "md5",
	"SHA1":     "sha1",
	"SHA224":   "sha224",
	"SHA256":   "sha256",
	"SHA384":   "sha384",
	"SHA512":   "sha512",
	"SHA2-224": "sha224",
	"SHA2-256": "sha256",
	"SHA2-384": "sha384",
	"SHA2-512": "sha512",
	"BLAKE2b":  "blake2b",
	"BLAKE3":   "blake3",
}

// Computed reports whether the digests of an algorithm can be compared here.
func Computed(algorithm string) bool { return newHash[algorithm] != nil }

var (
	// DIGEST, a blank, a blank (text) or an asterisk (binary), NAME: sha256sum and shasum.
	gnuLine = regexp.MustCompile(`^(\\?)([0-9a-fA-F]+) [ *](.+)$`)
	// DIGEST, a blank, NAME: sha256 -r of the BSDs, and many a script.
	reversedLine = regexp.MustCompile(`^()([0-9a-fA-F]+) ([^ *].*)$`)
	// ALGORITHM (NAME) = DIGEST: sha256sum --tag, and sha256 of the BSDs.
	bsdLine = regexp.MustCompile(`^(\\?)([A-Za-z0-9-]+) \((.+)\) = ([0-9a-fA-F]+)$`)
	// ALGORITHM(NAME)= DIGEST: openssl dgst.
	opensslLine = regexp.MustCompile(`^()([A-Za-z0-9-]+)\((.+)\)= ([0-9a-fA-F]+)$`)
	// DIGEST alone, in a list of one file that is named after it.
	bareLine = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// ParseChecksums reads a checksum list in one of the forms that tools write and sha256sum
// --check reads: GNU's, text or binary, and BSD's, both with the backslash at the beginning
// of a line in whose name coreutils has escaped backslashes and ends of lines; GNU's with one
// blank, if no line has two; that of openssl dgst. Empty lines and lines that begin with "#"
// say nothing. A list may be in a message that gpg has signed in clear text.
//
// Upper-case digits are the same digits. All lines end in a line feed, or all in a carriage
// return and a line feed; the last one may lack it. Everything else is an error with the
// number of its line: of a line that cannot be read it is not known what it would say.
//
// algorithm is the one that the name of the list says, or "". only is the file that the
// list is named after, or ""; such a list may consist of the digest alone.
func ParseChecksums(data []byte, algorithm, only string) ([]Listed, error) {
	if err := checkText(data); err != nil {
		return nil, err
	}
	lines, err := splitLines(string(data))
	if err != nil {
		return nil, err
	}
	if lines, err = signedLines(lines); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("it lists nothing")
	}

	gnu := gnuLine
	if isReversed(lines) {
		gnu = reversedLine
	}

	var list []Listed
	for _, line := range lines {
		entry, err := parseListed(line.text, algorithm, gnu)
		if err != nil && only != "" && len(lines) == 1 && bareLine.MatchString(line.text) {
			entry, err = listed("", line.text, only, algorithm)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line.number, err)
		}

		if only != "" && len(lines) == 1 && entry.Name == "-" { // of what was piped into the tool
			entry.Name = only
		}
		entry.Line = line.number
		list = append(list, entry)
	}

	return list, nil
}

// A numberedLine is a line of a list, without its end.
type numberedLine struct {
	number int
	text   string
}

// splitLines splits a text into lines, all of which must end in the same way.
func splitLines(text string) ([]numberedLine, error) {
	parts := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	windows := strings.HasSuffix(parts[0], "\r")

	var lines []numberedLine
	for i, part := range parts {
		bare, hasReturn := strings.CutSuffix(part, "\r")
		atEnd := i == len(parts)-1 && !strings.HasSuffix(text, "\n")
		if hasReturn != windows && !(atEnd && !hasReturn) {
			return nil, fmt.Errorf("line %d does not end as the lines before it do", i+1)
		}
		lines = append(lines, numberedLine{i + 1, bare})
	}

	return lines, nil
}

// Where a message that is signed in clear text begins and ends (RFC 9580, 7).
const (
	beginSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// signedLines returns the lines that say something, of a signed message those that are
// signed. Nothing may stand around it: who reads only the message would not see that. Whose
// the signature is and whether it is right is not known here.
func signedLines(lines []numberedLine) ([]numberedLine, error) {
	if lines[0].text != beginSigned {
		return speakingLines(lines), nil
	}

	is := func(text string) func(numberedLine) bool {
		return func(line numberedLine) bool { return line.text == text }
	}
	head := slices.IndexFunc(lines, is(""))
	foot := slices.IndexFunc(lines, is(beginSignature))
	end := slices.IndexFunc(lines, is(endSignature))
	if head < 0 || foot < head || end < foot {
		return nil, errors.New("line 1: it begins a signed message, which has no end")
	}
	for _, line := range lines[1:head] {
		if !strings.HasPrefix(line.text, "Hash: ") {
			return nil, fmt.Errorf("line %d: a signed message has no such header", line.number)
		}
	}
	if rest := speakingLines(lines[end+1:]); len(rest) > 0 {
		return nil, fmt.Errorf("line %d: it is behind the signed message", rest[0].number)
	}

	signed := slices.Clone(lines[head+1 : foot])
	for i, line := range signed {
		text, escaped := strings.CutPrefix(line.text, "- ")
		if !escaped && strings.HasPrefix(line.text, "-") {
			return nil, fmt.Errorf("line %d: a signed message has no such line", line.number)
		}
		signed[i].text = text
	}

	return speakingLines(signed), nil
}

// speakingLines leaves out what sha256sum --check passes over: empty lines and comments.
func speakingLines(lines []numberedLine) (speaking []numberedLine) {
	for _, line := range lines {
		if line.text != "" && !strings.HasPrefix(line.text, "#") {
			speaking = append(speaking, line)
		}
	}
	return speaking
}

// isReversed reports whether no line has what GNU's have between digest and name. In a list in
// which some have that, a line with one blank is a mistake.
func isReversed(lines []numberedLine) bool {
	return !slices.ContainsFunc(lines, func(line numberedLine) bool { return gnuLine.MatchString(line.text) })
}

// checkText says what a file is that is no text of lines.
func checkText(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("line 1: it is empty")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("line 1 begins with a byte order mark, which no checksum tool accepts")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return errors.New("line 1: it is UTF-16, which no checksum tool accepts")
	}

	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.IndexByte(line, 0) >= 0 || !utf8.Valid(line) {
			return fmt.Errorf("line %d is not text", i+1)
		}
	}

	return nil
}

// parseListed reads one line, without its end. gnu is the form in which the digest comes
// first.
func parseListed(line, algorithm string, gnu *regexp.Regexp) (Listed, error) {
	var escape, tag, sum, name string

	plain := gnu.FindStringSubmatch(line)
	tagged := bsdLine.FindStringSubmatch(line)
	if tagged == nil {
		tagged = opensslLine.FindStringSubmatch(line)
	}
	switch {
	case plain != nil:
		escape, sum, name = plain[1], plain[2], plain[3]
	case tagged != nil:
		escape, tag, name, sum = tagged[1], tagged[2], tagged[3], tagged[4]
	default:
		return Listed{}, errors.New("it is neither DIGEST, two blanks (or a blank and an asterisk) and a name, nor ALGORITHM (NAME) = DIGEST")
	}

	if escape != "" {
		var err error
		name, err = unescapeName(name)
		if err != nil {
			return Listed{}, err
		}
	}

	return listed(tag, sum, name, algorithm)
}

// listed decides the algorithm of a digest. The tag of the line, the name of the list and
// the number of digits must not contradict one another.
func listed(tag, sum, name, algorithm string) (Listed, error) {
	found := algorithm
	if tag != "" {
		found = tagNames[tag]
		if found == "" {
			return Listed{}, fmt.Errorf("unknown algorithm %q", tag)
		}
		if algorithm != "" && found != algorithm {
			return Listed{}, fmt.Errorf("it is a %s digest in a %s list", found, algorithm)
		}
	}

	if found == "" {
		found = algorithmsByLength[len(sum)]
		if found == "" {
			return Listed{}, fmt.Errorf("no digest has %d digits", len(sum))
		}
	}

	want := hexLengths[found]
	if len(sum) != want {
		return Listed{}, fmt.Errorf("the digest has %d digits; %s has %d", len(sum), found, want)
	}

	return Listed{
		Algorithm: found,
		Sum:       strings.ToLower(sum),
		Name:      name,
	}, nil
}

// unescapeName undoes the escapes that coreutils writes for a backslash, a line feed and a
// carriage return in a name.
func unescapeName(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}

		i++
		switch {
		case i < len(name) && name[i] == '\\':
			b.WriteByte('\\')
		case i < len(name) && name[i] == 'n':
			b.WriteByte('\n')
		case i < len(name) && name[i] == 'r':
			b.WriteByte('\r')
		default:
			return "", fmt.Errorf("the name %q has a backslash that escapes nothing", name)
		}
	}

	return b.String(), nil
}

// A ListName holds the facts that the name of a checksum list tells.
type ListName struct {
	Algorithm string // "" if the name does not tell
	Only      string // the only file that is listed; "" for a list of all files
}

var (
	// sha256sum, SHA512SUMS, shasums, SHASUMS256, b3sums
	sumsWord = regexp.MustCompile(`^(?:(md5|sha1|sha224|sha256|sha384|sha512|b2|b3|blake2b|blake3|sha)sums?(1|224|256|384|512)?|checksums?)$`)
	// the algorithm as a word of its own, or as an extension
	algorithmWord = regexp.MustCompile(`^(md5|sha1|sha224|sha256|sha384|sha512|b2|b3|blake2b|blake3)$`)
)

// NamesList reports whether a file of a release has the name of a checksum list, as tools
// and projects call them: checksums.txt, tool_1.2.3_checksums.txt, checksums-sha512.txt,
// SHA256SUMS, tool_1.2.3_SHA256SUMS, sha256sums.txt, SHASUMS256.txt, checksums.sha256,
// sha256.txt, sha256.sum; and tool.tar.gz.sha256, the list of tool.tar.gz alone if isFile
// says that it exists.
func NamesList(name string, isFile func(string) bool) (list ListName, ok bool) {
	lower := lowerASCII(name) // as long as name

	// An extension that is an algorithm, or sum with one before it.
	stem, extension := lower, ""
	if dot := strings.LastIndexByte(lower, '.'); dot > 0 {
		stem, extension = lower[:dot], lower[dot+1:]
	}
	if m := sumsWord.FindStringSubmatch(extension); algorithmWord.MatchString(extension) || m != nil {
		list.Algorithm = algorithmOf(extension)
		if isFile(name[:len(stem)]) {
			list.Only = name[:len(stem)]
		}
		return list, true
	}
	if extension == "sum" && algorithmWord.MatchString(stem) {
		return ListName{Algorithm: algorithmOf(stem)}, true
	}

	isText := extension == "txt"
	if !isText {
		stem = lower
	}

	// tool.tar.gz.sha256.txt
	last := lastWord(stem)
	if isText && algorithmWord.MatchString(last) && len(stem) > len(last) {
		only := name[:len(stem)-len(last)-1]
		if isFile(only) {
			return ListName{Algorithm: algorithmOf(last), Only: only}, true
		}
	}

	// In the name of a text file a word such as "checksums" may stand anywhere. In another
	// name only the algorithm may follow: checksum_1.2.3_linux_amd64 is a program.

	words := strings.FieldsFunc(stem, isSeparator)
	for i, word := range words {
		if algorithm := algorithmOf(word); algorithm != "" {
			list.Algorithm = algorithm
		}
		switch {
		case isText:
			ok = ok || sumsWord.MatchString(word) || algorithmWord.MatchString(word)
		case sumsWord.MatchString(word):
			ok = onlyAlgorithms(words[i+1:])
		}
	}
	if !ok {
		return ListName{}, false
	}

	return list, true
}

// lowerASCII returns s with ASCII letters in lower case. Unlike strings.ToLower it keeps
// the length.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}

func isSeparator(r rune) bool { return r == '.' || r == '_' || r == '-' }

// lastWord returns the part of a name after the last separator.
func lastWord(s string) string { return s[strings.LastIndexFunc(s, isSeparator)+1:] }

// onlyAlgorithms reports whether each word names an algorithm or a form of list.
func onlyAlgorithms(words []string) bool {
	for _, word := range words {
		if !algorithmWord.MatchString(word) && word != "bsd" && word != "gnu" {
			return false
		}
	}
	return true
}

// algorithmOf returns the algorithm that a word of a name stands for, or "".
func algorithmOf(word string) string {
	if algorithmWord.MatchString(word) {
		switch word {
		case "b2":
			return "blake2b"
		case "b3":
			return "blake3"
		}
		return word
	}

	m := sumsWord.FindStringSubmatch(word)
	switch {
	case m == nil:
		return ""
	case m[1] == "sha" && m[2] != "":
		return "sha" + m[2]
	case m[1] == "sha" || m[1] == "":
		return ""
	}
	return algorithmOf(m[1])
}
