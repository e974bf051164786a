package door

import "testing"

func TestIsReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"con":       true,
		"NUL":       true,
		"aux.txt":   true,
		"com1.tar":  true,
		"lpt²":      true,
		"conin$":    true,
		"prn .txt":  true,
		"console":   false,
		"com":       false,
		"com10":     false,
		"nul-tool":  false,
		"my.con":    false,
		"auxiliary": false,
	} {
		if got := IsReserved(name); got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
