package quote_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/org/go-static-release/release/quote"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünïcödé 漢字 é 🙂":        "plain, ünïcödé 漢字 é 🙂",
		"two\n\tlines\r\nof Windows":   "two\n\tlines\nof Windows",
		"ok\rnot ok":                   `ok\rnot ok`,
		"\x1b[2J\x07\x00\x7f":          `\x1b[2J\a\x00\x7f`,
		"\u009b31m\u0085\u00a0":        `\u009b31m\u0085\u00a0`,
		"a\u202egnp.exe\u2066\u200f":   `a\u202egnp.exe\u2066\u200f`,
		"z\u200bw\u200d\ufeff\u00ad":   `z\u200bw\u200d\ufeff\u00ad`,
		"\u034f\u3164\ufe0f\U000e0041": `\u034f\u3164\ufe0f` + `\U000e0041`,
		"\u2003\u2028\v\f":             `\u2003\u2028\v\f`,
		"\xff\xc0\ufffd":               `\xff\xc0` + "\ufffd",
		`"quoted" \n`:                  `"quoted" \n`,
	} {
		if got := quote.Text(in); got != want {
			t.Errorf("%q: got %q, expected %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := quote.Line("a\nok\r\n\tb\u0085c"), `a\nok\r\n\tb\u0085c`; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

// Names are shown unchanged, and quoted where they could be mistaken for something else.
func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"a b/ü!c":        "a b/ü!c",
		`C:\x "y"`:       `C:\x "y"`,
		"a\nb":           `"a\nb"`,
		"\x1b[2J":        `"\x1b[2J"`,
		"\xff":           `"\xff"`,
		"\u202e":         `"\u202e"`,
		`"a"`:            `"\"a\""`,
		"\u009b":         `"\u009b"`,
		"a\u034fb":       `"a\u034fb"`,
		"\u3164":         `"\u3164"`,
		`a\b` + "\ufe0f": `"a\\b\ufe0f"`,
	} {
		if got := quote.Name(name); got != want {
			t.Errorf("%q: got %s, expected %s", name, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\n\x1b\u202e\xff\r\n")
	f.Add(`{"a":"##[x"}`)

	f.Fuzz(func(t *testing.T, s string) {
		text := quote.Text(s)
		line := quote.Line(s)

		for _, r := range text {
			isIgnorable := unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
			if r != '\n' && r != '\t' && (!unicode.IsPrint(r) || isIgnorable) {
				t.Errorf("%q is in %q", r, text)
			}
		}
		if strings.ContainsAny(line, "\n\t\r") || !utf8.ValidString(text+line) {
			t.Errorf("%q", line)
		}
		if quote.Text(text) != text || quote.Line(line) != line {
			t.Errorf("%q is escaped twice", s)
		}

		data, err := json.MarshalIndent(map[string]any{s: []string{s}}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		safe := quote.JSON(data)

		var want, got map[string]any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(safe, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %s became %s", err, data, safe)
		}

		if quote.Text(string(safe)) != string(safe) || strings.Contains(string(safe), "##[") {
			t.Errorf("%q is not safe to show", safe)
		}
	})
}
