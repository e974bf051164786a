package release

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A path that names nothing gets the full form of what was probably meant, if that is clear.
func TestVerifySuggests(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeFile(t, filepath.Join(dir, "file"), "text")
	if err := os.Mkdir(filepath.Join(dir, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}

	digest := "@sha256:" + strings.Repeat("0", 64)
	for path, want := range map[string]string{
		"alpine:3":          "did you mean docker.io/library/alpine:3?",
		"alpine" + digest:   "did you mean docker.io/library/alpine" + digest + "?",
		"docker://alpine:3": "did you mean docker.io/library/alpine:3?",
		"octo/hello:1.0": "did you mean docker.io/octo/hello:1.0?\n" +
			"or: did you mean ghcr.io/octo/hello:1.0?",
		"octo/hello" + digest: "did you mean docker.io/octo/hello" + digest + "?\n" +
			"or: did you mean ghcr.io/octo/hello" + digest + "?",
		"octo/hello": "go-static-release verify octo/hello@TAG # a release on GitHub\n" +
			"or: go-static-release verify docker.io/octo/hello:TAG # an image",
		"octo/hello@": "go-static-release verify octo/hello@TAG # a release on GitHub\n" +
			"or: go-static-release verify docker.io/octo/hello:TAG # an image",
		"Octo/Hello": "go-static-release verify Octo/Hello@TAG # a release on GitHub",

		"oci://ghcr.io/octo/hello:1.0": "did you mean ghcr.io/octo/hello:1.0?",
		"ghcr.io/Octo/Hello:1.0":       "did you mean ghcr.io/octo/hello:1.0?",
		"localhost:5000/UPPER":         "did you mean localhost:5000/upper?",

		"github.com/octo/hello":                                            "go-static-release verify octo/hello@TAG",
		"https://github.com/octo/hello.git":                                "go-static-release verify octo/hello@TAG",
		"github.com/octo/hello@v1.2.3":                                     "did you mean octo/hello@v1.2.3?",
		"https://github.com/octo/hello/releases/tag/sub%2Fv1.2.3":          "did you mean octo/hello@sub/v1.2.3?",
		"https://github.com/octo/hello/releases/download/v1.2.3/hello.tgz": "did you mean octo/hello@v1.2.3?",
		"https://git.example.com/octo/hello/releases/tag/v1.2.3":           "did you mean octo/hello@v1.2.3?",
		"github.com/octo/hello@a..b":                                       "go-static-release verify octo/hello@TAG",
		"https://git.example.com/octo/hello:1":                             "go-static-release verify octo/hello@TAG",
		"https://github.com/octo/hello/releases/tag/%zz":                   "go-static-release verify octo/hello@TAG",
		"https://github.com/octo/hello/releases/tag/..":                    "go-static-release verify octo/hello@TAG",

		"v1.2.3": "did you mean octo/home@v1.2.3?",
		"1.2.3":  "did you mean octo/home@1.2.3?",

		"nope":                           "",
		"v1":                             "",
		"nope.tar.gz":                    "",
		"main.go:12":                     "",
		"dist/nope":                      "",
		"dist/nope:1":                    "",
		"file/nope":                      "",
		"./octo/hello":                   "",
		"a/b/c":                          "",
		"C:3":                            "",
		"owner/image@sha256:0000":        "",
		"https://example.com/x/y.tar.gz": "",
		"https://ghcr.io/octo/hello:1.0": "did you mean ghcr.io/octo/hello:1.0?",
		"":                               "",
	} {
		env := append(laptopEnv(),
			"GITHUB_REPOSITORY=octo/home",
			"GITHUB_SERVER_URL=https://git.example.com",
		)
		status, out, log := runVerify(t, env, path)
		if status != exitInvalid || out != "" {
			t.Errorf("%q: status %d: %s%s", path, status, out, log)
		}

		got := hintIn(log)
		if got != want {
			t.Errorf("%q: got hint %q, expected %q", path, got, want)
		}
	}

	// A server of another kind may be a registry, too: this is no mistake.
	v := &verification{p: newProgram(nil, os.Stdout, os.Stderr)}
	v.p.event = &githubactions.GitHubContext{ServerURL: "https://git.example.com"}
	if _, err := v.subjectOf("git.example.com/octo/hello:1"); err != nil {
		t.Error(err)
	}

	// Without a repository there is a placeholder.
	_, _, log := runVerify(t, append(laptopEnv(), "GITHUB_REPOSITORY="), "v1.2.3")
	if got := hintIn(log); got != "go-static-release verify OWNER/REPO@v1.2.3" {
		t.Errorf("got hint %q", got)
	}
}

// hintIn returns the hint in the log of a run that has one error at most.
func hintIn(log string) string {
	_, hint, _ := strings.Cut(log, "\nhint: ")
	return strings.TrimSuffix(hint, "\n")
}

// The exit status does not depend on what else is verified: a path that names nothing is a mistake
// in the command line, and nothing is read then. What cannot be read, or has no executable, fails.
func TestVerifyStatus(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK, "INPUT_DRY_RUN=true", "INPUT_TARGETS=linux/amd64")
	dir := t.TempDir()
	t.Chdir(dir)
	dist := w.dist
	writeFile(t, filepath.Join(dir, "file"), "text")
	writeFile(t, filepath.Join(dir, "broken.zip"), "PK")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}

	type test struct {
		args   []string
		status int
		says   string
	}
	tests := []test{
		{[]string{dist}, exitOK, ""},
		{[]string{dist, dist}, exitOK, ""},
		{[]string{"nope"}, exitInvalid, "inspecting nope: there is no such file or directory"},
		{[]string{dist, "nope"}, exitInvalid, "inspecting nope: there is no such file or directory"},
		{[]string{"nope", dist}, exitInvalid, "inspecting nope: there is no such file or directory"},
		{[]string{"file", "nope"}, exitInvalid, "inspecting nope: there is no such file or directory"},
		{[]string{"file/nope"}, exitInvalid, "inspecting file/nope: there is no such file or directory"},
		{[]string{dist, "file/nope"}, exitInvalid, "inspecting file/nope: "},
		{[]string{""}, exitInvalid, "inspecting a path: it is empty"},
		{[]string{dist, ""}, exitInvalid, "inspecting a path: it is empty"},
		{[]string{"localhost:5000/UPPER"}, exitInvalid, `inspecting "localhost:5000/UPPER": `},
		{[]string{dist, "localhost:5000/UPPER"}, exitInvalid, `inspecting "localhost:5000/UPPER": `},
		{[]string{"octo/hello@a..b"}, exitInvalid, `"a..b" cannot be the name of a tag`},
		{[]string{dist, "octo/hello@a..b"}, exitInvalid, `"a..b" cannot be the name of a tag`},

		{[]string{"file"}, exitFailed, "inspecting file: not an executable"},
		{[]string{dist, "file"}, exitFailed, "inspecting file: not an executable"},
		{[]string{"empty"}, exitFailed, "no executable in empty"},
		{[]string{dist, "empty"}, exitFailed, "no executable in empty"},
		{[]string{"empty", dist}, exitFailed, "no executable in empty"},
		{[]string{"broken.zip"}, exitFailed, "inspecting broken.zip: "},
		{[]string{dist, "broken.zip"}, exitFailed, "inspecting broken.zip: "},
	}
	if err := os.Symlink("nowhere", "link"); err == nil {
		tests = append(tests,
			test{[]string{"link"}, exitInvalid, "inspecting link: the link leads to nothing"},
			test{[]string{dist, "link"}, exitInvalid, "inspecting link: the link leads to nothing"},
		)
	}
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		writeFile(t, filepath.Join(dir, "secret"), "text")
		if err := os.Chmod(filepath.Join(dir, "secret"), 0); err != nil {
			t.Fatal(err)
		}
		tests = append(tests,
			test{[]string{"secret"}, exitFailed, "permission denied"},
			test{[]string{dist, "secret"}, exitFailed, "permission denied"},
		)
	}

	for _, test := range tests {
		status, out, log := runVerify(t, laptopEnv(), test.args...)
		if status != test.status || !strings.Contains(log, test.says) {
			t.Errorf("%q: status %d, expected %d and %q:\n%s%s",
				test.args, status, test.status, test.says, out, log)
		}
		if status == exitInvalid && out != "" {
			t.Errorf("%q: something was read: %s", test.args, out)
		}
	}

	// For machines, a mistake in the command line has no result.
	status, out, _ := runVerify(t, laptopEnv(), "--json", dist, "nope")
	if status != exitInvalid || out != "" {
		t.Errorf("status %d: %s", status, out)
	}
}
