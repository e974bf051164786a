package workspace

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/workspace/gittest"
)

const goMod = "module example.com/tool\n\ngo 1.24\n"

const mainFile = "package main\n\nfunc main() {}\n"

// The repository is the one with a .git, never one whose files are in the tree.
func TestOpenRepoPassesOverEmbeddedOnes(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"sub/HEAD":          "ref: refs/heads/main\n",
		"sub/config":        "[core]\n\tbare = true\n",
		"sub/objects/.keep": "",
		"sub/refs/.keep":    "",
		"sub/deep/file":     "",
	})
	if err := os.MkdirAll(filepath.Join(dir, "sub", "deep", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}

	for _, sub := range []string{"", "sub", "sub/deep"} {
		r, _, err := openRepo(t.Context(), filepath.Join(real, filepath.FromSlash(sub)), gittest.Environ())
		if err != nil {
			t.Errorf("%q: %v", sub, err)
			continue
		}
		if r.top != real {
			t.Errorf("%q: the repository is in %s, expected %s", sub, r.top, real)
		}
		if head, _, err := r.head(t.Context()); err != nil || head != gittest.Run(t, dir, "rev-parse", "HEAD") {
			t.Errorf("%q: %+v, %v", sub, head, err)
		}
	}
}

// Options -c of a git that started this process reach its children, and would override the
// documented variables.
func TestGitOptionsOfTheEnvironment(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{"go.mod": goMod, "main.go": mainFile})
	gittest.WriteFiles(t, dir, map[string]string{"more.go": "package main\n"})
	env := append(gittest.Environ(),
		"GIT_CONFIG_PARAMETERS='status.showuntrackedfiles=no' 'core.ignorestat=true' 'user.name=it'\\''s me'")

	w, err := Open(t.Context(), Options{Dir: dir, Environ: env})
	if err != nil {
		t.Fatal(err)
	}
	if changes, err := w.Changes(t.Context()); err != nil || len(changes) == 0 {
		t.Errorf("a new file was not seen: %q, %v", changes, err)
	}
	if name, err := w.RunGit(t.Context(), "config", "user.name"); err != nil || name != "it's me" {
		t.Errorf("user.name is %q, %v", name, err)
	}
}

// Settings for the output of git do not change what is read.
func TestGitOutputIsPinned(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{"go.mod": goMod, "main.go": mainFile, "lib/lib.go": "package lib\n"})
	gittest.Run(t, dir, "tag", "v1.0.0")
	gittest.Run(t, dir, "tag", "v1.1.0")
	for key, value := range map[string]string{
		"submodule.recurse": "true", "diff.relative": "true", "diff.orderFile": "nowhere", "color.ui": "always",
		"column.ui": "always", "tag.sort": "-version:refname", "status.short": "true", "status.branch": "true",
		"status.showStash": "true", "log.decorate": "full", "log.showSignature": "true", "diff.noprefix": "true",
		"diff.mnemonicPrefix": "true", "status.relativePaths": "true", "core.quotePath": "false",
		"core.abbrev": "4", "format.pretty": "oneline", "log.date": "relative", "grep.patternType": "fixed",
	} {
		gittest.Run(t, dir, "config", key, value)
	}

	for _, change := range []map[string]string{nil, {"main.go": mainFile + "// changed\n"}} {
		gittest.WriteFiles(t, dir, change)
		w, err := Open(t.Context(), Options{Dir: dir, Environ: gittest.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		changes, err := w.Changes(t.Context())
		if err != nil || len(changes) != len(change) {
			t.Errorf("changes: %q, %v", changes, err)
		}
		src, ps := w.Source(t.Context(), SourceOptions{Dirty: len(changes) > 0})
		if src.Tag != "v1.1.0" || len(ps) > 0 || len(w.Notes) > 0 {
			t.Errorf("%+v, %v, notes %+v", src, ps, w.Notes)
		}
	}
}

// Every filter of the repository is switched off, except Git LFS as it configures itself.
func TestDisablePrograms(t *testing.T) {
	lfs := []gitSetting{
		{"filter.lfs.clean", "git-lfs clean -- %f"},
		{"filter.lfs.smudge", "git-lfs smudge --skip -- %f"},
		{"filter.lfs.process", "git-lfs filter-process --skip"},
		{"filter.lfs.required", "true"},
	}
	off := func(name string) []gitSetting {
		return []gitSetting{
			{"filter." + name + ".clean", ""},
			{"filter." + name + ".smudge", ""},
			{"filter." + name + ".process", ""},
			{"filter." + name + ".required", "false"},
		}
	}

	for name, test := range map[string]struct {
		local []gitSetting
		want  []gitSetting
	}{
		"nothing": {
			local: []gitSetting{{"core.bare", "false"}},
		},
		"Git LFS": {
			local: lfs,
		},
		"Git LFS and another": {
			local: append(slices.Clone(lfs), gitSetting{"filter.a.b.clean", "x"}),
			want:  off("a.b"),
		},
		"Git LFS with extension": {
			local: append(slices.Clone(lfs), gitSetting{"lfs.extension.e.clean", "x"}),
			want:  off("lfs"),
		},
		"called Git LFS": {
			local: append(slices.Clone(lfs), gitSetting{"filter.lfs.clean", "git-lfs clean -- %f; x"}),
			want:  off("lfs"),
		},
		"a name with a line end": {
			local: []gitSetting{{"filter.a\nb.process", "x"}},
			want:  off("a\nb"),
		},
	} {
		if diff := cmp.Diff(test.want, disablePrograms(test.local), cmp.AllowUnexported(gitSetting{})); diff != "" {
			t.Errorf("%s (-want +have):\n%s", name, diff)
		}
	}
}

// A partial clone fetches missing objects by a program that the repository may name.
func TestPartialClone(t *testing.T) {
	promisor := gitSetting{"remote.origin.promisor", "true"}
	for _, test := range []struct {
		local []gitSetting
		ok    bool
	}{
		{nil, true},
		{[]gitSetting{promisor, {"remote.origin.url", "https://example.com/x"}}, true},
		{[]gitSetting{{"core.sshcommand", "ssh -i key"}}, true}, // as actions/checkout writes it; nothing is missing
		{[]gitSetting{promisor, {"core.sshcommand", "ssh -i key"}}, false},
		{[]gitSetting{{"extensions.partialclone", "origin"}, {"credential.https://example.com.helper", "x"}}, false},
		{[]gitSetting{promisor, {"remote.origin.uploadpack", "x"}}, false},
		{[]gitSetting{promisor, {"remote.origin.url", "ext::x"}}, false},
		{[]gitSetting{promisor, {"url.ext::x.insteadof", "https://"}}, false},
		{[]gitSetting{promisor, {"protocol.ext.allow", "always"}}, false},
	} {
		if err := checkPartialClone(test.local); (err == nil) != test.ok {
			t.Errorf("%q: %v", test.local, err)
		}
	}
}

// A git before 2.31 accepts settings only in the way of its option -c. They override those
// that the caller passed in that way.
func TestGitConfigForEveryVersion(t *testing.T) {
	env := addGitConfig([]string{"GIT_CONFIG_PARAMETERS='e.f=theirs' 'x.y=1'"},
		gitSetting{"e.f", "it's ours"}, gitSetting{"filter.a=b.clean", ""})
	const want = "GIT_CONFIG_PARAMETERS='e.f=theirs' 'x.y=1' 'e.f=it'\\''s ours'"
	if !slices.Contains(env, want) {
		t.Errorf("%q, expected %s", env, want)
	}

	for key, want := range map[string]string{"e.f": "it's ours", "x.y": "1", "filter.a=b.clean": ""} {
		cmd := exec.Command("git", "config", "--get", key)
		cmd.Dir = t.TempDir()
		cmd.Env = append(slices.Clone(env),
			"PATH="+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != want+"\n" {
			t.Errorf("git has %q for %s, %v; expected %q", out, key, err, want)
		}
	}
}

// Settings are added after those of the caller. They are numbered again if one was withheld,
// because git refuses to start if a number, or half of a setting, is missing.
func TestGitConfigIsCounted(t *testing.T) {
	const token = "s3cret-token"
	for name, test := range map[string]struct {
		ambient []string
		want    string
	}{
		"a value in the middle": {
			ambient: []string{
				"GIT_CONFIG_COUNT=3",
				"GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=1",
				"GIT_CONFIG_KEY_1=http.extraheader", "GIT_CONFIG_VALUE_1=AUTHORIZATION: bearer " + token,
				"GIT_CONFIG_KEY_2=c.d", "GIT_CONFIG_VALUE_2=2",
			},
			want: "a.b=1\nc.d=2\n",
		},
		"a name": {
			ambient: []string{
				"GIT_CONFIG_COUNT=2",
				"GIT_CONFIG_KEY_0=url.https://x:" + token + "@github.com/.insteadOf",
				"GIT_CONFIG_VALUE_0=https://github.com/",
				"GIT_CONFIG_KEY_1=a.b", "GIT_CONFIG_VALUE_1=1",
			},
			want: "a.b=1\n",
		},
		"names and values before the last": {
			ambient: []string{
				"GIT_CONFIG_COUNT=3",
				"GIT_CONFIG_KEY_0=a." + token, "GIT_CONFIG_VALUE_0=" + token,
				"GIT_CONFIG_KEY_1=b." + token, "GIT_CONFIG_VALUE_1=" + token,
				"GIT_CONFIG_KEY_2=a.b", "GIT_CONFIG_VALUE_2=1",
			},
			want: "a.b=1\n",
		},
		"everything": {
			ambient: []string{
				"GIT_CONFIG_COUNT=1",
				"GIT_CONFIG_KEY_0=http.extraheader", "GIT_CONFIG_VALUE_0=" + token,
			},
		},
		"more than are counted": {
			ambient: []string{
				"GIT_CONFIG_COUNT=1",
				"GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=",
				"GIT_CONFIG_KEY_1=c.d", "GIT_CONFIG_VALUE_1=2",
			},
			want: "a.b=\n",
		},
		"no count": {
			ambient: []string{"GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=1"},
		},
	} {
		env := addGitConfig(newChildEnviron(test.ambient, []string{token}).env, gitSetting{"e.f", "3"})
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "GIT_CONFIG_PARAMETERS=") })
		cmd := exec.Command("git", "config", "--list")
		cmd.Dir = t.TempDir()
		cmd.Env = append(env,
			"PATH="+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != test.want+"e.f=3\n" {
			t.Errorf("%s: git has %q, %v", name, out, err)
		}
	}
}
