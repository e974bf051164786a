package actiontest

import (
	"bytes"
	"crypto/sha256"
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

const prebuiltPath = "/org/go-static-release/releases/download/v9.8.7/"

func prebuiltFile() string { return "go-static-release_9.8.7_linux_" + runtime.GOARCH }

// usePrebuilt makes the action a commit that was released. Its source does not compile, so
// the program can only be the one that is fetched.
func (p *project) usePrebuilt() {
	p.t.Helper()

	program := filepath.Join(p.t.TempDir(), "program")
	build := exec.Command("go", "build", "-trimpath",
		"-ldflags", "-X github.com/org/go-static-release/release.version=9.8.7",
		"-o", program, repository)
	if out, err := build.CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
	prebuilt, err := os.ReadFile(program)
	if err != nil {
		p.t.Fatal(err)
	}

	p.prebuilt = prebuilt
	p.action = copyAction(p.t)
	for name, content := range map[string]string{
		"VERSION":    "9.8.7\n",
		"SHA256SUMS": fmt.Sprintf("%x  %s\n", sha256.Sum256(prebuilt), prebuiltFile()),
		"main.go":    "this is not Go\n",
	} {
		if err := os.WriteFile(filepath.Join(p.action, name), []byte(content), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

func testPrebuilt(t *testing.T, p *project) {
	p.usePrebuilt()
	p.writeWorkflow()
	p.commit("v1.2.3")
	job := p.push(writeToken)

	job.checkSucceeded(t, true)
	job.checkLog(t,
		"fetched and checked: http://127.0.0.1:",
		"no build cache is kept: the job has its own, named by GOCACHE\n",
	)
	p.checkComplete(p.gh.Releases()[0])
	p.checkCaches("")

	report := p.readKept("dist", "report.json")
	if !bytes.Contains(report, []byte(`"program": "9.8.7"`)) {
		t.Errorf("not made by the program that was fetched:\n%s", report)
	}
}

// The actions actions/cache/restore and actions/cache/save for act, which has no cache
// service. They store caches as directories in $CACHES, and log what they do there.
const (
	restoreAction = `name: restore
description: a stand-in
inputs:
  path: { required: true }
  key: { required: true }
  restore-keys: { default: '' }
outputs:
  cache-matched-key: { value: '${{ steps.find.outputs.cache-matched-key }}' }
runs:
  using: composite
  steps:
    - id: find
      shell: sh
      run: |
        found=
        for kept in "$CACHES/$RESTORE"*; do [ ! -d "$kept" ] || found=${kept##*/}; done
        [ ! -d "$CACHES/$KEY" ] || found=$KEY
        [ -z "$found" ] || cp -Rp "$CACHES/$found/." "$DIR"
        echo "restored '$found'" >>"$CACHES/log"
        echo "cache-matched-key=$found" >>"$GITHUB_OUTPUT"
      env:
        DIR: ${{ inputs.path }}
        KEY: ${{ inputs.key }}
        RESTORE: ${{ inputs.restore-keys }}
`

	saveAction = `name: save
description: a stand-in
inputs:
  path: { required: true }
  key: { required: true }
runs:
  using: composite
  steps:
    - shell: sh
      run: |
        mkdir "$CACHES/$KEY"
        cp -Rp "$DIR/." "$CACHES/$KEY"
        echo "saved '$KEY'" >>"$CACHES/log"
      env:
        DIR: ${{ inputs.path }}
        KEY: ${{ inputs.key }}
`
)

// fakeActionsCache returns a directory that replaces actions/cache.
func fakeActionsCache(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	for name, action := range map[string]string{
		"restore": restoreAction,
		"save":    saveAction,
	} {
		path := filepath.Join(dir, name, "action.yml")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(action), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// checkCaches checks what was done with caches since the last call, such as "restored KEY,
// saved KEY", where KEY stands for any key.
func (p *project) checkCaches(want string) {
	p.t.Helper()

	path := filepath.Join(p.caches, "log")
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}

	var have []string
	for line := range strings.Lines(string(data)) {
		verb, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key != "''" {
			key = "KEY"
		}
		have = append(have, verb+" "+key)
	}
	if got := strings.Join(have, ", "); got != want {
		p.t.Errorf("caches: %q, want %q:\n%s", got, want, data)
	}

	if err := os.RemoveAll(path); err != nil {
		p.t.Fatal(err)
	}
}

// commitForNewRunner makes another commit and removes the files of earlier jobs, which a
// new runner does not have.
func (p *project) commitForNewRunner(tag string) {
	p.t.Helper()

	for _, dir := range []string{p.keep, filepath.Join(p.dir, "dist")} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				p.t.Fatal(err)
			}
		}
	}

	p.writeFile("notes.txt", tag)
	p.commit(tag)
}

// A run on the default branch fills the build cache, and the run of the tag that follows
// uses it. That run does not save a cache, because no other run could read it.
func testCache(t *testing.T, p *project) {
	p.usePrebuilt()
	p.ownCache = true
	p.targets = "linux/amd64"
	p.writeWorkflow()
	p.commit("")
	job := p.push(writeToken)
	job.checkSucceeded(t, true)
	job.checkLog(t, " to save; 0 B in 0 files removed, which this run did not use\n")
	p.checkCaches("restored '', saved KEY")
	entries := p.cacheEntries()

	// The same commit again: its cache exists.
	job = p.push(writeToken)
	job.checkSucceeded(t, true)
	p.checkCaches("restored KEY")

	p.commitForNewRunner("v1.2.3")
	job = p.push(writeToken)
	job.checkSucceeded(t, true)
	p.checkCaches("restored KEY")
	if len(p.gh.Releases()) != 1 {
		t.Errorf("releases: %+v", p.gh.Releases())
	}

	// With other dependencies the run starts with the nearest cache and saves its own.
	p.writeFile("go.sum", "example.com/dependency v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	p.git("tag", "--delete", "v1.2.3")
	p.commitForNewRunner("")
	job = p.push(writeToken)
	job.checkSucceeded(t, true)
	p.checkCaches("restored KEY, saved KEY")
	if now := p.cacheEntries(); now < entries+10 {
		t.Errorf("%d entries in two caches, and %d in the first", now, entries)
	}

	p.writeWorkflow("cache: false")
	p.commitForNewRunner("v1.2.4")
	job = p.push(writeToken)
	job.checkSucceeded(t, true)
	job.checkLog(t, "no build cache is kept: cache is false (input cache)\n")
	p.checkCaches("")
}

// cacheEntries returns the number of files in all saved caches.
func (p *project) cacheEntries() (n int) {
	p.t.Helper()

	err := filepath.WalkDir(p.caches, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil || n < 50 {
		p.t.Fatalf("%d files in the saved caches, %v", n, err)
	}

	return n
}
