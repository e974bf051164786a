package problem

import (
	"os/exec"
	"testing"
)

// A shell reads each word as it is.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"v1.2.3":               "v1.2.3",
		"tools/x/v1.2.3+linux": "tools/x/v1.2.3+linux",
		"":                     "''",
		"two words":            "'two words'",
		"it's":                 `'it'\''s'`,
		"$(id)/v1.2.3":         "'$(id)/v1.2.3'",
		"a;b&c|d<e>`f`\"g#h~i": "'a;b&c|d<e>`f`\"g#h~i'",
	} {
		got := ShellWord(word)
		if got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}

		shell, err := exec.LookPath("sh")
		if err != nil {
			continue
		}
		out, err := exec.Command(shell, "-c", "printf %s "+got).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: the shell reads %q, %v", word, out, err)
		}
	}
}
