package workspace

import (
	"strings"
	"testing"

	"github.com/org/go-static-release/build/problem"
)

// A word is split where a name is given, not at a "=" that belongs to the source.
func TestParseFileWord(t *testing.T) {
	for word, want := range map[string]fileWord{
		"a":         {source: "a"},
		"a=b":       {source: "a", name: "b", isRename: true},
		"a=b=c":     {source: "a", name: "b=c", isRename: true},
		`a\=b`:      {source: "a=b"},
		`a\=b=c`:    {source: "a=b", name: "c", isRename: true},
		`a\\=b`:     {source: `a\\`, name: "b", isRename: true},
		`\*`:        {source: `\*`},
		"[=a]=b":    {source: "[=a]", name: "b", isRename: true},
		"=b":        {name: "b", isRename: true},
		"a=":        {source: "a", isRename: true},
		`a\`:        {source: `a\`},
		"x/{a,b}=c": {source: "x/{a,b}", name: "c", isRename: true},
	} {
		want.word = word
		if got := parseFileWord(word); got != want {
			t.Errorf("%s: %+v, want %+v", word, got, want)
		}
	}
}

// The word that a remedy adds is read as the file and a name that GitHub keeps.
func TestRenameRemedy(t *testing.T) {
	for file, want := range map[string]string{
		"made/a.txt":   "made/a.txt=made-a.txt",
		"a b,c.txt":    "a?b?c.txt=a-b-c.txt",
		"tool.1":       "tool.1=tool-2.1",
		"a=b":          `a\=b=a-b`,
		"[x]/*.md":     "?x?/?.md=x---.md",
		".hidden":      ".hidden=hidden",
		"none":         "./none=none-2",
		"grün/\u00a0x": "grün/?x=gr-n--x",
	} {
		r := RenameRemedy("attach", []string{"made/*"}, file)
		if r.Kind != problem.SetKind || r.Setting != "attach" || r.Value != "made/* "+want {
			t.Errorf("%s: %+v, want %s", file, r, want)
		}

		word := parseFileWord(strings.TrimPrefix(r.Value, "made/* "))
		if len(strings.Fields(r.Value)) != 2 || word.name == "" || strings.ContainsAny(word.source, "*{") {
			t.Errorf("%s: %+v", file, word)
		}
	}

	if r := RenameRemedy("files", nil, "a"); r.Value != "default a=a-2" {
		t.Errorf("without words: %s", r.Value)
	}
}
