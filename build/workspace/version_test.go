package workspace

import (
	"cmp"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
)

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

// With a prefix, what follows it is the version, and the tag names no directory.
func TestParseTagWithPrefix(t *testing.T) {
	for _, test := range []struct{ prefix, tag, want string }{
		{"name-", "name-v1.2.3", " 1.2.3"},
		{"name-", "name-1.2.3-rc.1", " 1.2.3-rc.1"},
		{"name-v", "name-v1.2.3", " 1.2.3"},
		{"release/", "release/v1.2.3", " 1.2.3"},
		{"v", "v1.2.3", " 1.2.3"},
		{"", "tools/v1.2.3", "tools 1.2.3"},
		{"name-", "v1.2.3", "error"},
		{"name-", "name-", "error"},
		{"name-", "name-v1", "error"},
		{"name-", "name-tools/v1.2.3", "error"},
		{"name-", "", "error"},
	} {
		source := Source{TagPrefix: test.prefix}
		dir, version, err := source.ParseTag(test.tag)
		got := dir + " " + version
		if err != nil {
			got = "error"
		}
		if got != test.want {
			t.Errorf("%q with the prefix %q: got %q, expected %q", test.tag, test.prefix, got, test.want)
		}
	}
}

func TestGuessPrefix(t *testing.T) {
	for tag, want := range map[string]string{
		"name-v1.2.3":         "name-",
		"name-1.2.3":          "name-",
		"name_v1.2.3-rc.1+x":  "name_",
		"go1.2.3":             "go",
		"release/v1.2.3":      "release/",
		"name-v1-v1.2.3":      "name-v1-",
		"v1.2.3":              "",
		"1.2.3":               "",
		"vv1.2.3":             "",
		"v01.2.3":             "",
		"name-v1.2":           "",
		"name-v1.02.3":        "",
		"nightly":             "",
		"name-2026.11.25":     "name-", // a calendar version can be a semantic one
		"name-2026.01.25":     "",
		"name-v1.2.3.4":       "",
		"build-12-v1.2.3-a.b": "build-12-",
	} {
		if got := guessPrefix(tag); got != want {
			t.Errorf("%s: got %q, expected %q", tag, got, want)
		}
	}
}

// Without a tag in the settings, the highest tag is chosen that go can stamp.
func TestChooseTag(t *testing.T) {
	for name, test := range map[string]struct {
		module string
		prefix string
		tags   string
		want   string
	}{
		"the highest":         {tags: "v1.2.0 v1.10.0 v1.9.0", want: "v1.10.0"},
		"with v":              {tags: "1.2.0 v1.2.0", want: "v1.2.0"},
		"without v":           {tags: "1.2.0 1.3.0", want: "1.3.0"},
		"that fits":           {tags: "v1.2.0 v2.0.0", want: "v1.2.0"},
		"that fits v2":        {module: "example.com/tool/v2", tags: "v1.2.0 v2.0.0 v3.0.0", want: "v2.0.0"},
		"that fits nowhere":   {module: "example.com/tool/v2", tags: "v1.2.0 v1.3.0", want: "v1.3.0"},
		"without metadata":    {tags: "v1.3.0+linux v1.2.0", want: "v1.2.0"},
		"other kinds of tags": {tags: "v1 v1.2 nightly name-v1.2.3 sub/v1.2.3", want: ""},
		"with a prefix":       {prefix: "name-", tags: "v3.0.0 name-v1.2.3 name-v1.3.0 other-v2.0.0", want: "name-v1.3.0"},
	} {
		module := cmp.Or(test.module, "example.com/tool")
		root := gittest.NewRepository(t, map[string]string{"go.mod": goModOf(module), "main.go": emptyMain})
		for _, tag := range strings.Fields(test.tags) {
			gittest.Run(t, root, "tag", tag)
		}

		src, ps := openIn(t, root, "").Source(t.Context(), SourceOptions{TagPrefix: test.prefix})
		if len(ps) > 0 || src.Tag != test.want {
			t.Errorf("%s: got %q, %v, expected %q", name, src.Tag, ps.Err(), test.want)
		}
	}
}

// A tag chooses the module that it is a version of.
func TestChooseModule(t *testing.T) {
	root := gittest.NewRepository(t, map[string]string{
		"go.mod":        goModOf("example.com/tool"),
		"v2/go.mod":     goModOf("example.com/tool/v2"),
		"v3/go.mod":     goModOf("example.com/tool/three"),
		"sub/go.mod":    goModOf("example.com/tool/sub"),
		"sub/v2/go.mod": goModOf("example.com/tool/sub/v2"),
		"new/go.mod":    goModOf("example.com/tool/new/v2"),
		"dir/x.go":      "package x\n",
	})
	t.Chdir(root)

	for _, test := range []struct{ prefix, tag, want string }{
		{"", "", "example.com/tool"},
		{"", "v1.2.3", "example.com/tool"},
		{"", "v2.2.3", "example.com/tool/v2"},
		{"", "v3.2.3", "example.com/tool"},
		{"", "nightly", "example.com/tool"},
		{"", "sub/v1.2.3", "example.com/tool/sub"},
		{"", "sub/v2.0.0", "example.com/tool/sub/v2"},
		{"", "new/v2.0.0", "example.com/tool/new/v2"},
		{"", "dir/v1.2.3", "error"},
		{"dir/", "dir/v1.2.3", "example.com/tool"},
		{"sub/", "sub/v1.2.3", "example.com/tool"},
	} {
		w, err := Open(t.Context(), Options{
			Tag:       test.tag,
			TagPrefix: test.prefix,
			Environ:   gittest.Environ(),
		})
		got := "error"
		if err == nil {
			got = w.Module
		}
		if got != test.want {
			t.Errorf("%s: got %s, %v, expected %s", test.tag, got, err, test.want)
		}
	}
}

func TestTagWith(t *testing.T) {
	for prefix, want := range map[string]string{
		"":         "v1.2.3",
		"name-":    "name-v1.2.3",
		"name-v":   "name-v1.2.3",
		"v":        "v1.2.3",
		"release/": "release/v1.2.3",
	} {
		if got := tagWith(prefix, "1.2.3"); got != want {
			t.Errorf("%q: got %s, expected %s", prefix, got, want)
		}
		_, version, err := parseTag(prefix, want)
		if err != nil || version != "1.2.3" {
			t.Errorf("%s: got %s, %v", want, version, err)
		}
	}
}
