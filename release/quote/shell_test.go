package quote

import (
	"testing"
)

// The command of the plan can be pasted, whatever the settings are.
func TestShellWords(t *testing.T) {
	if got, want := ShellWords([]string{"go", "-tags=`id`", "-ldflags=$(id)", "$HOME", "", "$OUT/"}), "go '-tags=`id`' '-ldflags=$(id)' '$HOME' '' \"$OUT\"/"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
