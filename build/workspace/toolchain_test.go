package workspace

import "testing"

// Toolchains and linkers of different ages write experiments and development versions in
// different ways.
func TestToolchainVersion(t *testing.T) {
	for text, want := range map[string]string{
		"go1.26.8":                               "go1.26.8",
		"go1.26rc1":                              "go1.26rc1",
		"go1.25.3 X:jsonv2":                      "go1.25.3",
		"go1.26.8-X:jsonv2":                      "go1.26.8",
		"go1.26.8-X:nodwarf5,nogreenteagc":       "go1.26.8",
		"go1.26.8-bigcorp":                       "go1.26.8-bigcorp",
		"go1.26.8-bigcorp X:jsonv2,synctest":     "go1.26.8-bigcorp",
		"go1.27-devel_1a2b3c4 Mon Jan 1":         "go1.27-devel_1a2b3c4",
		"go1.27-devel_1a2b3c4 Mon Jan 1 X:a,b":   "go1.27-devel_1a2b3c4",
		"devel go1.24-1a2b3c4 Mon Jan 1":         "go1.24-1a2b3c4",
		"devel go1.24-1a2b3c4 Mon Jan 1 X:a":     "go1.24-1a2b3c4",
		"devel +1a2b3c4 Mon Jan 1 12:00:00 2020": "+1a2b3c4",
	} {
		if got := ToolchainVersion(text); got != want {
			t.Errorf("%q: %q, expected %q", text, got, want)
		}
	}
}
