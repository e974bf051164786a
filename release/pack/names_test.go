package pack

import "testing"

// A name that somebody chooses can be written on every system.
func TestCheckChosenName(t *testing.T) {
	for name, valid := range map[string]bool{
		"tool":                  true,
		"bin/tool":              true,
		"./bin/tool.exe":        true,
		"tool-1.2.3":            true,
		".config/tool":          true,
		"console":               true,
		"com10":                 true,
		"share/man/man1/tool.1": true,

		"":               false,
		"..":             false,
		"../tool":        false,
		"bin/../../tool": false,
		"/bin/tool":      false,
		`bin\tool`:       false,
		"C:tool":         false,
		"bin/CON":        false,
		"nul.txt":        false,
		"aux/tool":       false,
		"com1.tar.gz":    false,
		"LPT9":           false,
		"conin$":         false,
		"tool.":          false,
		"tool /x":        false,
		"a?b":            false,
		"a*":             false,
		`say "x"`:        false,
		"a|b":            false,
		"a\tb":           false,
		"a\nb":           false,
	} {
		if err := CheckChosenName(name); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
