package config

import "testing"

// A tag that git cannot have is a mistake where it is set, in a dry run too.
func TestSetTag(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.2.3":             "v1.2.3",
		"sub/v1.2.3-rc.1+x":  "sub/v1.2.3-rc.1+x",
		"refs/tags/v1.2.3":   "v1.2.3",
		"$(id)/v1.2.3":       "$(id)/v1.2.3", // git allows it
		"x\n::error::/1.2.3": "",
		"my tool/v1.2.3":     "",
		"../v1.2.3":          "",
		"a@{1}-v1.2.3":       "",
		"v1.2.3^{commit}":    "",
		"v*":                 "",
		"dir\\v1.2.3":        "",
	} {
		var c Config
		err := setTag(&c, tag)
		if c.Tag != want || (err != nil) != (want == "") {
			t.Errorf("tag %q: %q, %v", tag, c.Tag, err)
		}

		err = setTagPrefix(&c, tag)
		if c.TagPrefix != want || (err != nil) != (want == "") {
			t.Errorf("tag prefix %q: %q, %v", tag, c.TagPrefix, err)
		}
	}
}
