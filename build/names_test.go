package build

import "testing"

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/tool":       "tool",
		"example.com/tool/v2":    "tool",
		"example.com/tool/cmd/d": "d",
		"gopkg.in/yaml.v3":       "yaml.v3",
		"example.com/v1":         "v1",
		"tool":                   "tool",
		"v2":                     "v2",
		"example.com/x/v10":      "x",
	} {
		if got := binaryName(path); got != want {
			t.Errorf("program of %s: got %s, expected %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"github.com/o/tool": "tool", "github.com/o/tool/v3": "tool", "gopkg.in/yaml.v3": "yaml", "tool": "tool",
	} {
		if got := moduleName(path); got != want {
			t.Errorf("name of %s: got %s, expected %s", path, got, want)
		}
	}
}
