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

// TestAct runs the workflow of the README in a repository of its own with act
// (github.com/nektos/act), on this machine and against a fake GitHub. Everything between
// `uses:` and the server is real: the expressions of action.yml, its shell, the build of
// the action's source, inputs, outputs, masks and the summary.
//
// act differs from a runner in one point: it passes inputs without a hyphen to composite
// steps by itself. TestActionHandsOverEveryInput in package release checks that action.yml
// passes each of them.
func TestAct(t *testing.T) {
	act := findAct(t)
	action := copyAction(t)

	for _, test := range []struct {
		name string
		run  func(*testing.T, *project)
	}{
		{"tag publishes", testTag},
		{"branch sends nothing", testBranch},
		{"dry run sends nothing", testDryRun},
		{"mistake is named", testMistake},
		{"read-only token is refused", testReadOnlyToken},
		{"prebuilt program is fetched", testPrebuilt},
		{"build cache is kept", testCache},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, newProject(t, act, action))
		})
	}
}

func testTag(t *testing.T, p *project) {
	p.writeWorkflow("release-name: Hello, World")
	p.commit("v1.2.3")
	job := p.push(writeToken)
	job.checkSucceeded(t, true)

	releases := p.gh.Releases()
	if len(releases) != 1 {
		t.Fatalf("%d releases, want 1:\n%s", len(releases), job.log)
	}
	rel := releases[0]
	if rel.Draft || rel.Tag != "v1.2.3" || rel.Name != "Hello, World" {
		t.Fatalf("the release is %+v\n%s", rel, job.log)
	}
	p.checkComplete(rel)
	for _, seen := range p.gh.History() {
		p.checkComplete(seen.Release)
	}

	outputs := p.checkOutputs(map[string]string{
		"version":    "1.2.3",
		"tag":        "v1.2.3",
		"published":  "true",
		"release-id": fmt.Sprint(rel.ID),
	})
	if !strings.HasSuffix(outputs["release-url"], "/octo/hello/releases/tag/v1.2.3") {
		t.Errorf("output release-url: %q", outputs["release-url"])
	}
	job.checkSummary(t,
		"### published hello 1.2.3",
		"| linux/amd64 | static |",
		"| windows/amd64 | system libraries only |",
	)

	if runtime.GOARCH != "amd64" {
		return // the programs do not run here
	}
	for _, program := range []string{"hello", "hellod"} {
		path := filepath.Join(p.keep, "dist", "bin", "linux_amd64", program)
		printed, err := exec.Command(path).CombinedOutput()
		if err != nil || string(printed) != program+" 1.2.3\n" {
			t.Errorf("%s printed %q, %v", program, printed, err)
		}
	}
}

func testBranch(t *testing.T, p *project) {
	p.writeWorkflow()
	p.commit("")
	job := p.push(writeToken)

	job.checkSucceeded(t, true)
	job.checkLog(t, "dry run: refs/heads/main is not a tag\n")
	p.checkNothingSent()
	outputs := p.checkOutputs(map[string]string{
		"tag":         "",
		"published":   "false",
		"release-id":  "",
		"release-url": "",
	})
	if !strings.HasPrefix(outputs["version"], "0.0.0-2026") {
		t.Errorf("output version: %q, want a pseudo-version", outputs["version"])
	}
	job.checkSummary(t, "### dry run of hello 0.0.0-2026")
}

func testDryRun(t *testing.T, p *project) {
	p.writeWorkflow("dry-run: true")
	p.commit("v1.2.3")
	job := p.push(writeToken)

	job.checkSucceeded(t, true)
	job.checkLog(t, "dry run: dry-run is true (input dry-run)\n")
	p.checkNothingSent()
	p.checkOutputs(map[string]string{
		"version":     "1.2.3",
		"tag":         "v1.2.3",
		"published":   "false",
		"release-id":  "",
		"release-url": "",
	})
	job.checkSummary(t, "### dry run of hello 1.2.3: 3 files, 4 programs for 2 targets, each proved")
}

func testMistake(t *testing.T, p *project) {
	p.targets = "linux/amd46"
	p.writeWorkflow()
	p.commit("v1.2.3")
	job := p.push(writeToken)

	// act reads the output of a step from a pseudo-terminal, and loses the last line in
	// one run of ten.
	for tries := 0; tries < 4 && !strings.Contains(job.log, "::error"); tries++ {
		job = p.push(writeToken)
	}

	job.checkSucceeded(t, false)
	job.checkLog(t,
		"error: input targets: unknown target \"linux/amd46\"\n",
		"hint: did you mean linux/amd64?\n",
		"::error title=go-static-release::input targets: unknown target",
	)
	p.checkNothingSent()

	_, err := os.Stat(filepath.Join(p.keep, "outputs.json"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the step after the failed one ran: %v", err)
	}
}

func testReadOnlyToken(t *testing.T, p *project) {
	p.writeWorkflow()
	p.commit("v1.2.3")
	job := p.push(readToken)

	job.checkSucceeded(t, false)
	job.checkLog(t,
		"Resource not accessible by integration",
		"hint: permissions: # in the workflow, at its top or in the job\n  contents: write\n",
	)
	if left := p.gh.Releases(); len(left) > 0 {
		t.Errorf("releases: %+v", left)
	}
}

// findAct returns the path of act. It skips the test if act is not installed.
func findAct(t *testing.T) string {
	t.Helper()

	if runtime.GOOS != "linux" {
		t.Skip("THE ACTION ITSELF IS NOT TESTED HERE: act runs every job as one for Linux")
	}

	name := os.Getenv("GSR_ACT")
	if name == "" {
		path, err := exec.LookPath("act")
		if err != nil {
			t.Skip("THE ACTION ITSELF IS NOT TESTED: act is not on PATH, and GSR_ACT does not name it; bash .ci/run builds it")
		}
		name = path
	}

	// Someone who sets GSR_ACT wants the test to run: a mistake in it is an error.
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("GSR_ACT: %v", err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// copyAction copies what a runner would download to a new directory. It leaves out the
// history, dist/ and hidden directories, because act reads the whole directory into memory
// several times.
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
		if !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go") {
			return nil
		}

		// A commit that is about to be tagged has the digests of programs that cannot
		// be fetched yet.
		if name == "VERSION" || name == "SHA256SUMS" {
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

	addEmptyStep(t, filepath.Join(to, "action.yml"))
	return to
}

// belongsToAction reports whether copyAction copies the directory.
func belongsToAction(dir string) bool {
	switch filepath.ToSlash(dir) {
	case ".", ".github":
		return true
	case ".github/workflows", "dist":
		return false
	}

	name := filepath.Base(dir)
	return !strings.HasPrefix(name, ".") && name != "testdata"
}

// addEmptyStep appends a step to action.yml that does nothing.
//
// act treats what the last step of an action writes to GITHUB_OUTPUT as outputs of the
// action, whatever action.yml says. After a step that writes nothing it does not.
func addEmptyStep(t *testing.T, path string) {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, "\n    - { shell: sh, run: 'true' }\n"...)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
