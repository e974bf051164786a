package config

import (
	"slices"
	"testing"
)

// A comma separates patterns, except in braces.
func TestPatternWords(t *testing.T) {
	for text, want := range map[string][]string{
		"a b,c\n d,\t,e":        {"a", "b", "c", "d", "e"},
		"*.{md,txt}, {a,{b,c}}": {"*.{md,txt}", "{a,{b,c}}"},
		"{a,b next":             {"{a,b", "next"},
		"a},b":                  {"a}", "b"},
		" ,\n":                  nil,
		"x={y,z}/a,b":           {"x={y,z}/a", "b"},
	} {
		if got := patternWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}

	var c Config
	set := patterns(func(c *Config) *[]string { return &c.Files })
	if err := set(&c, ", "); err == nil {
		t.Error("an empty list was accepted")
	}
}

// wrap is a switch or a template.
func TestSetWrap(t *testing.T) {
	for value, want := range map[string]string{
		"false":                  "",
		"False":                  "",
		"true":                   "{{.Archive}}",
		"{{.Name}}-{{.Version}}": "{{.Name}}-{{.Version}}",
	} {
		var c Config
		if err := setWrap(&c, value); err != nil || c.Wrap != want {
			t.Errorf("%s: %q, %v, want %q", value, c.Wrap, err, want)
		}
	}
}
