package workspace

import "testing"

func TestParseTag(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.2.3":          " 1.2.3",
		"1.2.3":           " 1.2.3",
		"v1.2.3-rc.1+b.2": " 1.2.3-rc.1+b.2",
		"tools/x/v0.1.0":  "tools/x 0.1.0",
		"v1":              "error",
		"v1.2":            "error",
		"v1.2-rc.1":       "error",
		"nightly":         "error",
		"":                "error",
		"v01.2.3":         "error",
		"vv1.2.3":         "error",
		"/v1.0.0":         "error",
		"./v1.0.0":        "error",
		"a/../v1.0.0":     "error",
		"a//v1.0.0":       "error",
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
