package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetSmokeTest(t *testing.T) {
	for value, want := range map[string][]SmokeTest{
		"--version":                {{Args: []string{"--version"}}},
		"  --config  x --version ": {{Args: []string{"--config", "x", "--version"}}},
		"--config=x":               {{Args: []string{"--config=x"}}},
		"none":                     {{None: true}},
		"a=":                       {{Program: "a", Args: []string{}}},
		"--version\n\n a.b=version --client\r\nc=none\n": {
			{Args: []string{"--version"}},
			{Program: "a.b", Args: []string{"version", "--client"}},
			{Program: "c", None: true},
		},
		"a=--x=y": {{Program: "a", Args: []string{"--x=y"}}},
	} {
		var c Config
		if err := setSmokeTest(&c, value); err != nil {
			t.Errorf("%q: %v", value, err)
		}
		if diff := cmp.Diff(want, c.SmokeTest); diff != "" {
			t.Errorf("%q (-want +have):\n%s", value, diff)
		}
	}

	for value, want := range map[string]string{
		"--a\n--b":    `"--a" and "--b" are both for every program`,
		"a=1\nb\na=1": `"a=1" and "a=1" are both for program a`,
	} {
		if err := setSmokeTest(&Config{}, value); err == nil || err.Error() != want {
			t.Errorf("%q: %v, expected %s", value, err, want)
		}
	}
}

// A line for one program wins over the line for all.
func TestSmokeArgs(t *testing.T) {
	var c Config
	if err := setSmokeTest(&c, "b=none\n--version\na=version x"); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{"a": "version x", "b": "not started", "c": "--version"} {
		got := "not started"
		if args, start := c.SmokeArgs(program); start {
			got = strings.Join(args, " ")
		}
		if got != want {
			t.Errorf("%s: %s, expected %s", program, got, want)
		}
	}
	if _, start := (&Config{}).SmokeArgs("a"); start {
		t.Error("a program is started without a setting")
	}
}

// On a laptop the note about the setting of a workflow can be pasted.
func TestIgnoredSmokeTest(t *testing.T) {
	s, _ := Find("smoke-test")
	note := ignoredNote(s, "", setValue{text: "--version -q\n  \n  ctl=version\r\n", from: "release.yml:9"}, "of the test")
	const want = "release.yml:9: smoke-test is ignored on this machine, because of the test; " +
		"to use it: --smoke-test '--version -q' --smoke-test ctl=version"
	if note != want {
		t.Errorf("got %q", note)
	}
}
