package actiontest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The action as its users meet it: the workflow of the README in a repository of its
// own, run by act (github.com/nektos/act) on this machine, against a fake GitHub.
// Everything between `uses:` and the server is real: the expressions of action.yml,
// its shell, the build of the action's source, inputs, outputs, masks, the summary.
//
// act is no runner in one point: it gives inputs without a hyphen to composite steps by
// itself. That action.yml hands over each is for TestActionHandsOverEveryInput to say.
func TestAct(t *testing.T) {
	act, action := findAct(t), copyAction(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *actUser)
	}{
		{"tag publishes", actPublishes},
		{"branch sends nothing", actBranch},
		{"dry run sends nothing", actDryRun},
		{"mistake is named", actMistake},
		{"read-only token is refused", actReadOnly},
		{"prebuilt program is fetched", actPrebuilt},
		{"build cache is kept", actCache},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newActUser(t, act, action)) })
	}
}

func actPublishes(t *testing.T, u *actUser) {
	u.write("release-name: Hello, World")
	u.commit("v1.2.3")
	job := u.push(actToken)
	job.ended(t, true)

	all := u.gh.Releases()
	if len(all) != 1 || all[0].Draft || all[0].Tag != "v1.2.3" || all[0].Name != "Hello, World" {
		t.Fatalf("releases: %+v\n%s", all, job.log)
	}

	rel := all[0]
	u.complete(rel)

	for _, seen := range u.gh.History() {
		u.complete(seen.Release)
	}

	out := u.outputs(map[string]string{
		"version": "1.2.3", "tag": "v1.2.3", "published": "true", "release-id": fmt.Sprint(rel.ID),
	})
	if !strings.HasSuffix(out["release-url"], "/octo/hello/releases/tag/v1.2.3") {
		t.Errorf("output release-url: %q", out["release-url"])
	}

	job.summarizes(t, "### published hello 1.2.3", "| linux/amd64 | static |", "| windows/amd64 | system libraries only |")
	for _, program := range []string{"hello", "hellod"} {
		path := filepath.Join(u.keep, "dist", "bin", "linux_amd64", program)
		if said, err := exec.Command(path).CombinedOutput(); runtime.GOARCH == "amd64" && (err != nil || string(said) != program+" 1.2.3\n") {
			t.Errorf("%s: %v, %q", program, err, said)
		}
	}
}

func actBranch(t *testing.T, u *actUser) {
	u.write()
	u.commit("")
	job := u.push(actToken)
	job.ended(t, true)
	job.said(t, "dry run: refs/heads/main is not a tag\n")
	u.sentNothing()
	out := u.outputs(map[string]string{"tag": "", "published": "false", "release-id": "", "release-url": ""})
	if !strings.HasPrefix(out["version"], "0.0.0-2026") {
		t.Errorf("version: %q, expected a pseudo-version", out["version"])
	}

	job.summarizes(t, "### dry run of hello 0.0.0-2026")
}

func actDryRun(t *testing.T, u *actUser) {
	u.write("dry-run: true")
	u.commit("v1.2.3")
	job := u.push(actToken)
	job.ended(t, true)
	job.said(t, "dry run: dry-run is true (input dry-run)\n")
	u.sentNothing()
	u.outputs(map[string]string{"version": "1.2.3", "tag": "v1.2.3", "published": "false", "release-id": "", "release-url": ""})
	job.summarizes(t, "### dry run of hello 1.2.3: 3 files, 4 programs for 2 targets, each proved")
}

func actMistake(t *testing.T, u *actUser) {
	u.targets = "linux/amd46"
	u.write()
	u.commit("v1.2.3")
	job := u.push(actToken)

	// act reads a step's output from a pseudo-terminal, and loses the last line of one run in ten.
	for tries := 0; tries < 4 && !strings.Contains(job.log, "::error"); tries++ {
		job = u.push(actToken)
	}

	job.ended(t, false)
	job.said(t, "error: input targets: unknown target \"linux/amd46\"\n", "hint: did you mean linux/amd64?\n", "::error title=go-static-release::input targets: unknown target")
	u.sentNothing()
	if _, err := os.Stat(filepath.Join(u.keep, "outputs.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the step after the failed one ran: %v", err)
	}
}

func actReadOnly(t *testing.T, u *actUser) {
	u.write()
	u.commit("v1.2.3")
	job := u.push(actReadToken)
	job.ended(t, false)
	job.said(t, "Resource not accessible by integration", "hint: permissions: # in the workflow, at its top or in the job\n  contents: write\n")
	if left := u.gh.Releases(); len(left) > 0 {
		t.Errorf("releases: %+v", left)
	}
}

// findAct returns the path of act, and skips the test where there is none.
func findAct(t *testing.T) string {
	t.Helper()

	if runtime.GOOS != "linux" {
		t.Skip("THE ACTION ITSELF IS NOT TESTED HERE: act takes every job for one on Linux")
	}

	name := os.Getenv("GSR_ACT")
	path, err := exec.LookPath(name)
	if name != "" && err != nil { // asked for by name: to skip would hide that it is not tested
		t.Fatalf("GSR_ACT: %v", err)
	}
	if name == "" {
		path, err = exec.LookPath("act")
	}
	if err != nil {
		t.Skip("THE ACTION ITSELF IS NOT TESTED: act is not on PATH, and GSR_ACT does not name it; bash .ci/run builds it")
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}

	return path
}

// belongsToAction reports whether copyAction copies the directory.
func belongsToAction(dir string) bool {
	switch filepath.ToSlash(dir) {
	case ".", ".github":
		return true
	case ".github/workflows":
		return false
	}

	name := filepath.Base(dir)
	return !strings.HasPrefix(name, ".") && name != "dist" && name != "testdata"
}

// copyAction copies what a runner would download: act reads the whole directory into
// memory several times, so the history, dist/ and whatever lies hidden stay away.
func copyAction(t *testing.T) string {
	t.Helper()

	to := t.TempDir()
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		name, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if !belongsToAction(name) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		// In a commit to be tagged there are digests of programs that nobody can fetch yet.
		if !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go") || name == "VERSION" || name == "SHA256SUMS" {
			return nil
		}

		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		return os.WriteFile(filepath.Join(to, name), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}

	// act takes what the last step of an action writes to GITHUB_OUTPUT for outputs of
	// the action, whatever action.yml says. After a step that writes nothing it does not.
	f, err := os.OpenFile(filepath.Join(to, "action.yml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n    - { shell: sh, run: 'true' }\n"); err != nil {
		t.Fatal(err)
	}

	return to
}
