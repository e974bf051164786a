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

// A Listed is a file in a checksum list.
type Listed struct {
	Line      int    // of the list, starting at 1
	Algorithm string // one of the keys of hexLengths, such as "sha256"
	Sum       string // lower-case hex
	Name      string // as written in the list, without escapes
}

// hexLengths maps an algorithm to the number of hex digits of its digests.
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

// algorithmsByLength maps a number of hex digits to the algorithm that is assumed if neither
// the line nor the name of the list names one.
var algorithmsByLength = map[int]string{
	32:  "md5",
	40:  "sha1",
	56:  "sha224",
	64:  "sha256",
	96:  "sha384",
	128: "sha512",
}

// tagNames maps the names of algorithms in BSD lines to ours. They are written by coreutils,
// b3sum, OpenSSL and the BSDs.
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

// Computed reports whether Sums can compute digests of the algorithm.
func Computed(algorithm string) bool { return newHash[algorithm] != nil }

var (
	// DIGEST, a space, a space (text) or an asterisk (binary), NAME. Written by sha256sum and
	// shasum.
	gnuLine = regexp.MustCompile(`^(\\?)([0-9a-fA-F]+) [ *](.+)$`)
	// DIGEST, a space, NAME. Written by sha256 -r of the BSDs and by many scripts.
	reversedLine = regexp.MustCompile(`^()([0-9a-fA-F]+) ([^ *].*)$`)
	// ALGORITHM (NAME) = DIGEST. Written by sha256sum --tag and by sha256 of the BSDs.
	bsdLine = regexp.MustCompile(`^(\\?)([A-Za-z0-9-]+) \((.+)\) = ([0-9a-fA-F]+)$`)
	// ALGORITHM(NAME)= DIGEST. Written by openssl dgst.
	opensslLine = regexp.MustCompile(`^()([A-Za-z0-9-]+)\((.+)\)= ([0-9a-fA-F]+)$`)
	// DIGEST alone, in a list that is named after its only file.
	bareLine = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// ParseChecksums parses a checksum list. It understands the forms that tools write and
// sha256sum --check reads:
//
//   - the form of GNU coreutils, for text or binary files
//   - the same with a single space, if no line of the list has two
//   - the form of the BSDs, and the similar one of openssl dgst
//
// In the forms of GNU and BSD, a backslash at the beginning of a line means that coreutils
// has escaped backslashes and line breaks in the name. Empty lines and lines that begin with
// "#" are ignored. The list may be in a message that gpg has signed in clear text; the
// signature is not verified.
//
// Digits may be in upper case. Lines end in a line feed, or all of them in a carriage return
// and a line feed. The end of the last line may be missing. Everything else is an error.
//
// algorithm is the algorithm that the name of the list indicates, or "". only is the file
// that the list is named after, or ""; such a list may consist of the digest alone.
func ParseChecksums(data []byte, algorithm, only string) ([]Listed, error) {
	if err := checkText(data); err != nil {
		return nil, err
	}
	lines, err := splitLines(string(data))
	if err != nil {
		return nil, err
	}
	lines, err = signedLines(lines)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("the list has no entries")
	}

	digestFirst := gnuLine
	if !slices.ContainsFunc(lines, isGNULine) {
		digestFirst = reversedLine
	}

	var list []Listed
	for _, line := range lines {
		isOnly := only != "" && len(lines) == 1

		var entry Listed
		if isOnly && bareLine.MatchString(line.text) {
			entry, err = newListed("", line.text, only, algorithm)
		} else {
			entry, err = parseLine(line.text, algorithm, digestFirst)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line.number, err)
		}

		if isOnly && entry.Name == "-" { // the tool read the file from its standard input
			entry.Name = only
		}
		entry.Line = line.number
		list = append(list, entry)
	}

	return list, nil
}

// A numberedLine is a line of a list, without its line ending.
type numberedLine struct {
	number int
	text   string
}

// splitLines splits text into lines, which must all have the same line ending.
func splitLines(text string) ([]numberedLine, error) {
	parts := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	wantReturn := strings.HasSuffix(parts[0], "\r")

	var lines []numberedLine
	for i, part := range parts {
		line, hasReturn := strings.CutSuffix(part, "\r")
		isUnfinished := i == len(parts)-1 && !strings.HasSuffix(text, "\n") && !hasReturn
		if hasReturn != wantReturn && !isUnfinished {
			return nil, fmt.Errorf("line %d: the line ending differs from the lines before", i+1)
		}
		lines = append(lines, numberedLine{i + 1, line})
	}

	return lines, nil
}

// The lines that delimit a message signed in clear text (RFC 9580, 7).
const (
	beginSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// signedLines returns the lines of a list that can be entries. Of a signed message these are
// the lines that the signature covers. Lines outside the message are an error, because
// someone who reads only the message would not see them.
func signedLines(lines []numberedLine) ([]numberedLine, error) {
	if lines[0].text != beginSigned {
		return entryLines(lines), nil
	}

	index := func(text string) int {
		return slices.IndexFunc(lines, func(line numberedLine) bool { return line.text == text })
	}
	headersEnd := index("")
	signature := index(beginSignature)
	end := index(endSignature)
	if headersEnd < 0 || signature < headersEnd || end < signature {
		return nil, errors.New("line 1: the signed message that begins here has no end")
	}

	for _, line := range lines[1:headersEnd] {
		if !strings.HasPrefix(line.text, "Hash: ") {
			return nil, fmt.Errorf("line %d: unexpected header in a signed message", line.number)
		}
	}
	if rest := entryLines(lines[end+1:]); len(rest) > 0 {
		return nil, fmt.Errorf("line %d: unsigned text after the signed message", rest[0].number)
	}

	signed := slices.Clone(lines[headersEnd+1 : signature])
	for i, line := range signed {
		text, isEscaped := strings.CutPrefix(line.text, "- ")
		if !isEscaped && strings.HasPrefix(line.text, "-") {
			return nil, fmt.Errorf("line %d: unescaped dash in a signed message", line.number)
		}
		signed[i].text = text
	}

	return entryLines(signed), nil
}

// entryLines returns the lines that sha256sum --check does not ignore, which it does with
// empty lines and comments.
func entryLines(lines []numberedLine) []numberedLine {
	var entries []numberedLine
	for _, line := range lines {
		if line.text != "" && !strings.HasPrefix(line.text, "#") {
			entries = append(entries, line)
		}
	}
	return entries
}

// isGNULine reports whether a space or an asterisk marks the name, as in the form of GNU. In
// a list that has such a line, a line with a single space is a mistake.
func isGNULine(line numberedLine) bool { return gnuLine.MatchString(line.text) }

// checkText returns an error unless data is text in UTF-8.
func checkText(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("the list is empty")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("line 1: byte order mark, which no checksum tool accepts")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return errors.New("line 1: UTF-16 text, which no checksum tool accepts")
	}

	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.IndexByte(line, 0) >= 0 || !utf8.Valid(line) {
			return fmt.Errorf("line %d: not text", i+1)
		}
	}

	return nil
}

// parseLine parses one line. digestFirst is the form of lines that begin with the digest.
func parseLine(line, algorithm string, digestFirst *regexp.Regexp) (Listed, error) {
	var escape, tag, sum, name string

	plain := digestFirst.FindStringSubmatch(line)
	tagged := bsdLine.FindStringSubmatch(line)
	if tagged == nil {
		tagged = opensslLine.FindStringSubmatch(line)
	}
	switch {
	case plain != nil:
		escape = plain[1]
		sum = plain[2]
		name = plain[3]
	case tagged != nil:
		escape = tagged[1]
		tag = tagged[2]
		name = tagged[3]
		sum = tagged[4]
	default:
		return Listed{}, errors.New(`expected "DIGEST  NAME", "DIGEST *NAME" or "ALGORITHM (NAME) = DIGEST"`)
	}

	if escape != "" {
		var err error
		name, err = unescapeName(name)
		if err != nil {
			return Listed{}, err
		}
	}

	return newListed(tag, sum, name, algorithm)
}

// newListed returns an entry of a list after determining its algorithm. tag is the algorithm
// that the line names, and algorithm the one that the name of the list indicates. Either may
// be "". They must agree with each other and with the number of digits.
func newListed(tag, sum, name, algorithm string) (Listed, error) {
	found := algorithm
	if tag != "" {
		found = tagNames[tag]
		if found == "" {
			return Listed{}, fmt.Errorf("unknown algorithm %q", tag)
		}
		if algorithm != "" && found != algorithm {
			return Listed{}, fmt.Errorf("%s digest in a %s list", found, algorithm)
		}
	}

	if found == "" {
		found = algorithmsByLength[len(sum)]
		if found == "" {
			return Listed{}, fmt.Errorf("no known algorithm has digests of %d digits", len(sum))
		}
	}

	want := hexLengths[found]
	if len(sum) != want {
		return Listed{}, fmt.Errorf("digest of %d digits; %s has %d", len(sum), found, want)
	}

	return Listed{
		Algorithm: found,
		Sum:       strings.ToLower(sum),
		Name:      name,
	}, nil
}

// unescapeName undoes the escapes that coreutils writes for backslashes, line feeds and
// carriage returns in a name.
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
			return "", fmt.Errorf("invalid escape in the name %q", name)
		}
	}

	return b.String(), nil
}

// A ListName is what the name of a checksum list says about its contents.
type ListName struct {
	Algorithm string // "" if the name does not say
	Only      string // the only file in the list, "" for a list of all files
}

var (
	// A word that names a list, with or without an algorithm: sha256sum, SHA512SUMS, shasums,
	// SHASUMS256, b3sums, checksums.
	sumsWord = regexp.MustCompile(
		`^(?:(md5|sha1|sha224|sha256|sha384|sha512|b2|b3|blake2b|blake3|sha)sums?(1|224|256|384|512)?|checksums?)$`)
	// An algorithm as a word of its own, or as an extension.
	algorithmWord = regexp.MustCompile(`^(md5|sha1|sha224|sha256|sha384|sha512|b2|b3|blake2b|blake3)$`)
)

// ParseListName reports whether name is the name of a checksum list, and what it says about
// the list. It knows the names that tools and projects use:
//
//   - checksums.txt, tool_1.2.3_checksums.txt, checksums-sha512.txt, checksums.sha256
//   - SHA256SUMS, tool_1.2.3_SHA256SUMS, sha256sums.txt, SHASUMS256.txt
//   - sha256.txt, sha256.sum
//   - tool.tar.gz.sha256, the list of tool.tar.gz alone if isFile reports that it exists
func ParseListName(name string, isFile func(string) bool) (ListName, bool) {
	lower := lowerASCII(name) // has the same length as name

	stem := lower
	extension := ""
	if dot := strings.LastIndexByte(lower, '.'); dot > 0 {
		stem = lower[:dot]
		extension = lower[dot+1:]
	}

	// tool.tar.gz.sha256, checksums.sha256sum
	if algorithmWord.MatchString(extension) || sumsWord.MatchString(extension) {
		list := ListName{Algorithm: algorithmOf(extension)}
		if file := name[:len(stem)]; isFile(file) {
			list.Only = file
		}
		return list, true
	}

	// sha256.sum
	if extension == "sum" && algorithmWord.MatchString(stem) {
		return ListName{Algorithm: algorithmOf(stem)}, true
	}

	if extension == "txt" {
		return parseTextName(name, stem, isFile)
	}

	// In the name of a file that is not a text file, only algorithms may follow a word such
	// as "checksums": checksum_1.2.3_linux_amd64 is a program.
	words := strings.FieldsFunc(lower, isSeparator)
	isList := false
	for i, word := range words {
		if sumsWord.MatchString(word) {
			isList = onlyAlgorithms(words[i+1:])
		}
	}

	if !isList {
		return ListName{}, false
	}

	return ListName{Algorithm: lastAlgorithm(words)}, true
}

// parseTextName is ParseListName for a name that ends in .txt. stem is the name without that,
// in lower case.
func parseTextName(name, stem string, isFile func(string) bool) (ListName, bool) {
	// tool.tar.gz.sha256.txt
	last := lastWord(stem)
	if algorithmWord.MatchString(last) && len(stem) > len(last) {
		file := name[:len(stem)-len(last)-1]
		if isFile(file) {
			return ListName{Algorithm: algorithmOf(last), Only: file}, true
		}
	}

	// A word such as "checksums" may be anywhere in the name.
	words := strings.FieldsFunc(stem, isSeparator)
	isList := slices.ContainsFunc(words, func(word string) bool {
		return sumsWord.MatchString(word) || algorithmWord.MatchString(word)
	})

	if !isList {
		return ListName{}, false
	}

	return ListName{Algorithm: lastAlgorithm(words)}, true
}

// lowerASCII returns s with its ASCII letters in lower case. Unlike with strings.ToLower, the
// length stays the same.
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

// lastWord returns the part of s after the last separator.
func lastWord(s string) string { return s[strings.LastIndexFunc(s, isSeparator)+1:] }

// onlyAlgorithms reports whether each word names an algorithm or the form of a list.
func onlyAlgorithms(words []string) bool {
	for _, word := range words {
		if !algorithmWord.MatchString(word) && word != "bsd" && word != "gnu" {
			return false
		}
	}
	return true
}

// lastAlgorithm returns the algorithm that the last of the words to name one stands for, or
// "" if none does.
func lastAlgorithm(words []string) string {
	for _, word := range slices.Backward(words) {
		if algorithm := algorithmOf(word); algorithm != "" {
			return algorithm
		}
	}
	return ""
}

// algorithmOf returns the algorithm that a word of a file name stands for, or "".
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
