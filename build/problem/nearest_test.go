package problem

import "testing"

// Of several candidates at the same distance, the first one is returned.
func TestNearest(t *testing.T) {
	platforms := []string{"darwin/amd64", "darwin/arm64", "linux/386", "linux/amd64", "linux/arm", "linux/arm64"}
	for word, want := range map[string]string{
		"linux/adm64": "linux/amd64", "linux/amr": "linux/arm", "darwn/arm64": "darwin/arm64", "linux/arm": "linux/arm",
		"lniux/386": "linux/386", "beos/ppc": "", "": "",
	} {
		if got := Nearest(word, platforms); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	flags := []string{"--notes", "--name", "--go"}
	for word, want := range map[string]string{
		"--bogus": "", "--note": "--notes", "--nam": "--name", "--nmae": "--name", "--xy": "",
	} {
		if got := Nearest(word, flags); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if n := editDistance("abcd", "badc"); n != 2 {
		t.Errorf("two swaps: %d", n)
	}
}
