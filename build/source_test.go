package build

import "testing"

func TestParseTag(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.2.3": " 1.2.3", "1.2.3": " 1.2.3", "v1.2.3-rc.1+b.2": " 1.2.3-rc.1+b.2", "tools/x/v0.1.0": "tools/x 0.1.0",
		"v1": "error", "v1.2": "error", "v1.2-rc.1": "error", "nightly": "error", "": "error", "v01.2.3": "error", "vv1.2.3": "error",
		"/v1.0.0": "error", "./v1.0.0": "error", "a/../v1.0.0": "error", "a//v1.0.0": "error",
	} {
		dir, version, err := ParseTag(tag)
		got := dir + " " + version
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q, expected %q", tag, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/tool": "tool", "example.com/tool/v2": "tool", "example.com/tool/cmd/d": "d", "gopkg.in/yaml.v3": "yaml.v3",
		"example.com/v1": "v1", "tool": "tool", "v2": "v2", "example.com/x/v10": "x",
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
