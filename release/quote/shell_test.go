package quote

import (
	"testing"
)

// The command of the plan can be pasted, whatever the settings are.
func TestShellWords(t *testing.T) {
	words := []string{"go", "-tags=`id`", "-ldflags=$(id)", "$HOME", "", "$OUT/", "$OUT/.go-build-0/", "$OUT/a b"}
	const want = "go '-tags=`id`' '-ldflags=$(id)' '$HOME' '' \"$OUT\"/ \"$OUT\"/.go-build-0/ \"$OUT\"'/a b'"
	if got := ShellWords(words); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
