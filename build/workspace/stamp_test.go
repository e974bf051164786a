package workspace

import (
	"cmp"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
)

// A history is a repository in which the go command is asked for the version of a module.
type history struct {
	files    map[string]string
	steps    [][]string // calls of git, after the first commit
	dir      string     // of the module, "" for the root
	tag      string     // to release
	settings []string   // of git, as environment variables
	dirty    bool
	want     string // what go stamps; PSEUDO stands for the time and the commit
	old      string // what Go 1.24 stamps, "" if the same
}

func goModOf(path string) string { return "module " + path + "\n\ngo 1.24\n" }

const emptyMain = "package main\n\nfunc main() {}\n"

// steps returns calls of git, one a line.
func steps(lines ...string) (calls [][]string) {
	for _, line := range lines {
		calls = append(calls, strings.Fields(line))
	}
	return calls
}

// Calls of git that commit. The commits differ only by their messages.
const (
	commit = "commit --quiet --allow-empty --message=next"
	other  = "commit --quiet --allow-empty --message=other"
)

// histories holds what the go command stamps in repositories of many kinds.
var histories = map[string]history{
	"no tag":              {want: "v0.0.0-PSEUDO"},
	"a tag":               {steps: steps("tag v1.2.3"), want: "v1.2.3"},
	"an annotated tag":    {steps: steps("tag --annotate --message=x v1.2.3"), want: "v1.2.3"},
	"a tag, uncommitted":  {steps: steps("tag v1.2.3"), dirty: true, want: "v1.2.3+dirty"},
	"no tag, uncommitted": {dirty: true, want: "v0.0.0-PSEUDO+dirty"},
	"after a tag":         {steps: steps("tag v1.2.3", commit), want: "v1.2.4-0.PSEUDO"},
	"after a prerelease":  {steps: steps("tag v1.2.3-rc.1", commit), want: "v1.2.3-rc.1.0.PSEUDO"},
	"a prerelease":        {steps: steps("tag v1.2.3-rc.1"), want: "v1.2.3-rc.1"},
	"two tags":            {steps: steps("tag v1.46.2", "tag v1.47.0"), want: "v1.47.0"},
	"the lower tag": {
		steps: steps("tag v1.46.2", "tag v1.47.0"),
		tag:   "v1.46.2",
		want:  "v1.46.2",
	},
	"the higher tag": {
		steps: steps("tag v1.46.2", "tag v1.47.0"),
		tag:   "v1.47.0",
		want:  "v1.47.0",
	},
	"a release candidate": {
		steps: steps("tag v1.0.0-rc.1", "tag v1.0.0"),
		tag:   "v1.0.0-rc.1",
		want:  "v1.0.0-rc.1",
	},
	"the lower, annotated": {
		steps: steps("tag --annotate --message=x v1.1.0", "tag -a -m x v1.2.0"),
		tag:   "v1.1.0",
		want:  "v1.1.0",
	},
	"a tag that is missing": {
		steps: steps("tag v1.46.2", "tag v1.47.0"),
		tag:   "v1.99.0",
		want:  "v1.47.0",
	},
	"without v":          {steps: steps("tag 1.2.3"), want: "v0.0.0-PSEUDO"},
	"with and without v": {steps: steps("tag 1.9.0", "tag v1.2.3"), want: "v1.2.3"},
	"build metadata":     {steps: steps("tag v1.2.3+linux"), want: "v1.2.4-0.PSEUDO"},
	"metadata and none":  {steps: steps("tag v1.2.3+linux", "tag v1.2.2"), want: "v1.2.2"},
	"after metadata":     {steps: steps("tag v1.2.3+linux", commit), want: "v1.2.4-0.PSEUDO"},
	"short tags":         {steps: steps("tag v1", "tag v1.2"), want: "v0.0.0-PSEUDO"},
	"a moving tag": {
		steps: steps("tag v1.2.3", commit, "tag v1", commit),
		want:  "v1.2.4-0.PSEUDO",
	},
	"the highest before it": {
		steps: steps("tag v1.10.0", commit, "tag v1.9.0", commit, "tag v1.3.0", commit),
		want:  "v1.10.1-0.PSEUDO",
	},
	"another kind of tag": {steps: steps("tag name-v1.2.3", "tag nightly"), want: "v0.0.0-PSEUDO"},
	"a pseudo-version": {
		steps: steps("tag v0.0.0-20260102010405-0123456789ab"),
		want:  "v0.0.0-PSEUDO",
	},
	"on another branch": {
		steps: steps("tag v1.0.0", "checkout --quiet -b other", other, "tag v1.8.0",
			"checkout --quiet main", commit),
		want: "v1.0.1-0.PSEUDO",
	},
	"on a merged branch": {
		steps: steps("tag v1.0.0", "checkout --quiet -b other", other, "tag v1.8.0",
			"checkout --quiet main", commit, "merge --quiet --no-edit other"),
		want: "v1.8.1-0.PSEUDO",
	},

	// Major versions.
	"v2 without /v2": {steps: steps("tag v2.0.0"), want: "v0.0.0-PSEUDO"},
	"after v2 without /v2": {
		steps: steps("tag v1.4.0", commit, "tag v2.0.0", commit),
		want:  "v1.4.1-0.PSEUDO",
	},
	"v1 and v2": {steps: steps("tag v1.4.0", "tag v2.0.0"), want: "v1.4.0"},
	"a v2 module": {
		files: second,
		steps: steps("tag v1.4.0", "tag v2.1.0", "tag v3.0.0"),
		want:  "v2.1.0",
		old:   Devel,
	},
	"a v2 module without a tag of it": {
		files: second,
		steps: steps("tag v1.4.0"),
		want:  "v2.0.0-PSEUDO",
		old:   Devel,
	},
	"after v2": {
		files: second,
		steps: steps("tag v2.1.0", commit, "tag v1.5.0"),
		want:  "v2.1.1-0.PSEUDO",
		old:   Devel,
	},
	"a directory v2": {
		files: map[string]string{
			"go.mod":     goModOf("example.com/tool"),
			"v2/go.mod":  goModOf("example.com/tool/v2"),
			"v2/main.go": emptyMain,
		},
		dir:   "v2",
		steps: steps("tag v1.4.0", "tag v2.1.0", "tag v2.0.5", "tag v2/v2.7.0"),
		tag:   "v2.0.5",
		want:  "v2.0.5",
		old:   "v1.4.1-0.PSEUDO",
	},
	"two v2 modules": {
		files: map[string]string{
			"go.mod":     goModOf("example.com/tool/v2"),
			"main.go":    emptyMain,
			"v2/go.mod":  goModOf("example.com/tool/v2"),
			"v2/main.go": emptyMain,
		},
		steps: steps("tag v2.1.0"),
		want:  Devel,
	},
	"gopkg.in": {
		files: map[string]string{"go.mod": goModOf("gopkg.in/tool.v2"), "main.go": emptyMain},
		steps: steps("tag v2.1.0"),
		want:  Devel,
		old:   "v0.0.0-PSEUDO",
	},

	// Nested modules.
	"nested": {
		files: nested,
		dir:   "sub",
		steps: steps("tag sub/v1.2.3", "tag v1.9.0"),
		want:  "v1.2.3",
		old:   "v1.9.0",
	},
	"nested, the root's tag": {
		files: nested,
		dir:   "sub",
		steps: steps("tag v1.9.0"),
		want:  "v0.0.0-PSEUDO",
		old:   "v1.9.0",
	},
	"nested, after": {
		files: nested,
		dir:   "sub",
		steps: steps("tag sub/v1.2.3", commit, "tag v1.9.0"),
		want:  "v1.2.4-0.PSEUDO",
		old:   "v1.9.0",
	},
	"nested, the lower tag": {
		files: nested,
		dir:   "sub",
		steps: steps("tag sub/v1.2.3", "tag sub/v1.3.0"),
		tag:   "sub/v1.2.3",
		want:  "v1.2.3",
		old:   "v0.0.0-PSEUDO",
	},
	"nested, tag of the root": {
		files: nested,
		dir:   "sub",
		steps: steps("tag sub/v1.2.3", "tag v1.3.0"),
		tag:   "v1.3.0",
		want:  "v1.2.3",
		old:   "v1.3.0",
	},
	"nested, a pseudo-version": {
		files: nested,
		dir:   "sub",
		steps: steps("tag sub/v0.0.1-0.20260102010405-0123456789ab"),
		want:  Devel,
		old:   "v0.0.0-PSEUDO",
	},
	"the root of nested": {files: nested, steps: steps("tag sub/v1.2.3"), want: "v0.0.0-PSEUDO"},
	"nested, of another path": {
		files: map[string]string{
			"go.mod":      goModOf("example.com/tool"),
			"sub/go.mod":  goModOf("example.com/other"),
			"sub/main.go": emptyMain,
		},
		dir:   "sub",
		steps: steps("tag sub/v1.2.3"),
		want:  Devel,
		old:   "v0.0.0-PSEUDO",
	},
	"nested, in another directory": {
		files: map[string]string{
			"go.mod":           goModOf("example.com/tool"),
			"hack/sub/go.mod":  goModOf("example.com/tool/sub"),
			"hack/sub/main.go": emptyMain,
		},
		dir:   "hack/sub",
		steps: steps("tag hack/sub/v1.2.3", "tag sub/v1.2.3"),
		want:  Devel,
		old:   "v0.0.0-PSEUDO",
	},
	"nested in v2": {
		files: map[string]string{
			"go.mod":      goModOf("example.com/tool/v2"),
			"sub/go.mod":  goModOf("example.com/tool/sub/v3"),
			"sub/main.go": emptyMain,
		},
		dir:   "sub",
		steps: steps("tag sub/v3.2.1", "tag v2.0.0"),
		want:  "v3.2.1",
		old:   Devel,
	},
	"nothing in the root": {
		files: map[string]string{"sub/go.mod": goModOf("example.com/tool/sub"), "sub/main.go": emptyMain},
		dir:   "sub",
		steps: steps("tag sub/v1.2.3"),
		want:  Devel,
		old:   "v0.0.0-PSEUDO",
	},

	// go.mod is not in the commit.
	"ignored go.mod": {
		files: ignored,
		steps: steps("tag v2.1.0"),
		want:  "v2.1.0+incompatible",
	},
	"ignored go.mod, later": {
		files: ignored,
		steps: steps("tag v2.1.0", commit),
		want:  "v2.1.1-0.PSEUDO+incompatible",
	},

	"retracted": {
		files: map[string]string{
			"go.mod":  goModOf("example.com/tool") + "\nretract v1.2.3\n",
			"main.go": emptyMain,
		},
		steps: steps("tag v1.2.3"),
		want:  "v1.2.3",
	},
	"vendored": {
		files: map[string]string{
			"go.mod":                        goModOf("example.com/tool") + "\nrequire example.com/dep v1.0.0\n",
			"main.go":                       "package main\n\nimport _ \"example.com/dep\"\n\nfunc main() {}\n",
			"vendor/modules.txt":            "# example.com/dep v1.0.0\n## explicit\nexample.com/dep\n",
			"vendor/example.com/dep/dep.go": "package dep\n",
		},
		steps: steps("tag v1.2.3"),
		want:  "v1.2.3",
	},
	"hidden by the user": {
		steps: steps("tag v1.2.3"),
		settings: []string{
			"GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=log.excludeDecoration",
			"GIT_CONFIG_VALUE_0=refs/tags/*",
		},
		tag:  "v1.2.3",
		want: "v1.2.4-0.PSEUDO",
	},
	"some hidden by the user": {
		steps: steps("tag v1.2.3", "tag v1.4.0", "tag v1.5.0"),
		settings: []string{
			"GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=log.excludeDecoration",
			"GIT_CONFIG_VALUE_0=refs/tags/v1.4.0",
		},
		tag:  "v1.2.3",
		want: "v1.2.3",
	},
}

// Files of repositories.
var (
	single = map[string]string{
		"go.mod":  goModOf("example.com/tool"),
		"main.go": emptyMain,
	}
	second = map[string]string{
		"go.mod":  goModOf("example.com/tool/v2"),
		"main.go": emptyMain,
	}
	ignored = map[string]string{
		".gitignore": "go.mod\n",
		"go.mod":     goModOf("example.com/tool"),
		"main.go":    emptyMain,
	}
	nested = map[string]string{
		"go.mod":      goModOf("example.com/tool"),
		"main.go":     emptyMain,
		"sub/go.mod":  goModOf("example.com/tool/sub"),
		"sub/main.go": emptyMain,
	}
)

// What is predicted is what the go command stamps.
func TestStampIsWhatGoStamps(t *testing.T) {
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if h.files == nil {
				h.files = single
			}
			root := gittest.NewRepository(t, h.files)
			for _, call := range h.steps {
				gittest.Run(t, root, call...)
			}
			if h.dirty {
				gittest.WriteFiles(t, root, map[string]string{"main.go": emptyMain + "// changed\n"})
			}

			w := openIn(t, filepath.Join(root, h.dir), h.tag, h.settings...)
			stamp, err := w.Stamp(t.Context(), w.Module, h.dirty)
			if err != nil {
				t.Fatal(err)
			}

			isOld := w.olderThan("go1.25")
			w.Toolchain = "go1.24.13"
			oldStamp, err := w.Stamp(t.Context(), w.Module, h.dirty)
			if err != nil {
				t.Fatal(err)
			}

			pseudo := w.Time.Format("20060102150405") + "-" + w.Commit[:12]
			want := strings.Replace(h.want, "PSEUDO", pseudo, 1)
			old := strings.Replace(cmp.Or(h.old, h.want), "PSEUDO", pseudo, 1)
			if oldStamp.Version != old {
				t.Errorf("predicted %s (%s) for Go 1.24, expected %s", oldStamp.Version, oldStamp.Reason, old)
			}

			if isOld {
				want = old
			}
			built := buildVersion(t, w)
			if stamp.Version != built || built != want {
				t.Errorf("predicted %s (%s), go stamps %s, expected %s", stamp.Version, stamp.Reason, built, want)
			}
			if (stamp.Version == Devel) != (stamp.Reason != "") {
				t.Errorf("%s with the reason %q", stamp.Version, stamp.Reason)
			}
		})
	}
}

// A shallow clone knows only the tags that were fetched, and so does the go command.
func TestStampInShallowClone(t *testing.T) {
	root := gittest.NewRepository(t, single)
	for _, call := range steps("tag v1.2.3", commit, commit) {
		gittest.Run(t, root, call...)
	}

	for depth, want := range map[string]string{"1": "v0.0.0-", "3": "v1.2.4-0."} {
		clone := filepath.Join(t.TempDir(), "clone")
		gittest.Run(t, root, "clone", "--quiet", "--no-local", "--depth="+depth, root, clone)

		w := openIn(t, clone, "")
		stamp, err := w.Stamp(t.Context(), w.Module, false)
		if err != nil {
			t.Fatal(err)
		}
		built := buildVersion(t, w)
		if stamp.Version != built || !strings.HasPrefix(built, want) {
			t.Errorf("depth %s: predicted %s, go stamps %s, expected %s", depth, stamp.Version, built, want)
		}
	}
}

// A clone with all tags and a shallow one with only the released tag give the same bytes.
func TestOtherTagsDoNotChangeBytes(t *testing.T) {
	root := gittest.NewRepository(t, single)
	for _, call := range steps("tag v1.46.2", "tag v1.47.0", "tag v1.46.3-rc.1") {
		gittest.Run(t, root, call...)
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	gittest.Run(t, root, "clone", "--quiet", "--no-local", "--depth=1", "--branch=v1.46.2", "--no-tags",
		root, shallow)
	if tags := gittest.Run(t, shallow, "tag"); tags != "v1.46.2" {
		t.Fatalf("tags of the shallow clone: %s", tags)
	}

	full := buildProgram(t, openIn(t, root, "v1.46.2"))
	if full != buildProgram(t, openIn(t, shallow, "v1.46.2")) {
		t.Error("the bytes differ")
	}
	if full == buildProgram(t, openIn(t, root, "v1.47.0")) {
		t.Error("another version has the same bytes")
	}
}

// The reason names what has to change.
func TestWhyNotStamped(t *testing.T) {
	for name, test := range map[string]struct {
		tag  string
		want StampReason
	}{
		"two tags":           {"v1.46.2", TagLower},
		"a tag":              {"v9.0.0", TagOfOtherMajor},
		"no tag":             {"v1.0.0", TagMissing},
		"after a tag":        {"v1.2.3", TagElsewhere},
		"without v":          {"1.2.3", TagUnknownToGo},
		"build metadata":     {"v1.2.3+linux", TagUnknownToGo},
		"v2 without /v2":     {"v2.0.0", TagOfOtherMajor},
		"nested":             {"v1.9.0", TagUnknownToGo},
		"hidden by the user": {"v1.2.3", TagHidden},
	} {
		h := histories[name]
		if h.files == nil {
			h.files = single
		}
		root := gittest.NewRepository(t, h.files)
		for _, call := range h.steps {
			gittest.Run(t, root, call...)
		}

		w := openIn(t, filepath.Join(root, h.dir), "", h.settings...)
		got, err := w.WhyNotStamped(t.Context(), test.tag)
		if err != nil || got != test.want {
			t.Errorf("%s, %s: got %d, %v, expected %d", name, test.tag, got, err, test.want)
		}
	}
}

// openIn opens the module in a directory, to release a tag.
func openIn(t *testing.T, dir, tag string, settings ...string) *Workspace {
	t.Helper()
	w, err := Open(t.Context(), Options{
		Dir:     dir,
		Tag:     tag,
		Environ: append(gittest.Environ(), settings...),
		Jobs:    1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// buildVersion builds the module with the go command and returns the version in its build
// info.
func buildVersion(t *testing.T, w *Workspace) string {
	t.Helper()
	info, err := buildinfo.Read(strings.NewReader(buildProgram(t, w)))
	if err != nil {
		t.Fatal(err)
	}
	return info.Main.Version
}

// buildProgram returns the bytes of the module's program.
func buildProgram(t *testing.T, w *Workspace) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	_, err := w.RunGo(t.Context(), nil, "build", "-buildvcs=true", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
