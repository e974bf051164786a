package actiontest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// How the action starts, under act: the program it fetches, and the build cache.

// fetchProgram makes the action a commit that was released. Its source does not even
// compile, so that the program can only be the one that is fetched.
func (u *actUser) fetchProgram() {
	u.t.Helper()

	program := filepath.Join(u.t.TempDir(), "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-X github.com/org/go-static-release/release.version=9.8.7", "-o", program, repository)
	if out, err := build.CombinedOutput(); err != nil {
		u.t.Fatalf("%v: %s", err, out)
	}

	var err error
	if u.prebuilt, err = os.ReadFile(program); err != nil {
		u.t.Fatal(err)
	}

	u.action = copyAction(u.t)
	for name, content := range map[string]string{
		"VERSION":    "9.8.7\n",
		"SHA256SUMS": fmt.Sprintf("%x  %s\n", sha256.Sum256(u.prebuilt), actPrebuiltFile()),
		"main.go":    "this is not Go\n",
	} {
		if err := os.WriteFile(filepath.Join(u.action, name), []byte(content), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
}

const actPrebuiltPath = "/org/go-static-release/releases/download/v9.8.7/"

func actPrebuiltFile() string { return "go-static-release_9.8.7_linux_" + runtime.GOARCH }

func actPrebuilt(t *testing.T, u *actUser) {
	u.fetchProgram()
	u.write()
	u.commit("v1.2.3")
	job := u.push(actToken)
	job.ended(t, true)
	job.said(t, "fetched and checked: http://127.0.0.1:", "no build cache is kept: the job has its own, named by GOCACHE\n")
	u.complete(u.gh.Releases()[0])
	if report := u.kept("dist", "report.json"); !bytes.Contains(report, []byte(`"program": "9.8.7"`)) {
		t.Errorf("not made by the program that was fetched:\n%s", report)
	}

	u.cached("")
}

// actCaches makes an actions/cache that keeps what it is given in the directory $CACHES: act
// has no cache service that the real one could talk to.
func actCaches(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	const inputs = "inputs:\n  path: { required: true }\n  key: { required: true }\n"

	for name, content := range map[string]string{
		"restore": inputs + `  restore-keys: { default: '' }
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
`,
		"save": inputs + `runs:
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
`,
	} {
		path := filepath.Join(dir, name, "action.yml")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("name: "+name+"\ndescription: a stand-in\n"+content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// event is the payload of the push.
func (u *actUser) event() string {
	u.t.Helper()
	path := filepath.Join(u.t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		u.t.Fatal(err)
	}

	return path
}

// cached fails the test unless this was done with caches since it was called last. KEY
// stands for any key.
func (u *actUser) cached(want string) {
	u.t.Helper()

	path := filepath.Join(u.caches, "log")
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		u.t.Fatal(err)
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
		u.t.Errorf("caches: %q, expected %q:\n%s", got, want, data)
	}
	if err := os.RemoveAll(path); err != nil {
		u.t.Fatal(err)
	}
}

// next makes the next commit of the same repository, as a fresh runner gets it.
func (u *actUser) next(tag string) {
	u.t.Helper()

	for _, dir := range []string{u.keep, filepath.Join(u.dir, "dist")} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			u.t.Fatal(err)
		}

		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				u.t.Fatal(err)
			}
		}
	}

	u.file("notes.txt", tag)
	u.commit(tag)
}

// actCache: main is compiled from nothing and saved; the tag that follows needs no
// compiler, and saves nothing that only it could read.
func actCache(t *testing.T, u *actUser) {
	u.fetchProgram()
	u.ownCache, u.targets = true, "linux/amd64"
	u.write()
	u.commit("")
	job := u.push(actToken)
	job.ended(t, true)
	job.said(t, " to save; 0 B in 0 files removed, which this run did not use\n")
	u.cached("restored '', saved KEY")
	kept := u.cacheEntries()

	job = u.push(actToken) // main again: it is there
	job.ended(t, true)
	u.cached("restored KEY")

	u.next("v1.2.3")
	job = u.push(actToken)
	job.ended(t, true)
	u.cached("restored KEY")
	if len(u.gh.Releases()) != 1 {
		t.Errorf("releases: %+v", u.gh.Releases())
	}

	// Other dependencies: main starts from the nearest there is and saves its own.
	u.file("go.sum", "example.com/dependency v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	u.git("tag", "--delete", "v1.2.3")
	u.next("")
	job = u.push(actToken)
	job.ended(t, true)
	u.cached("restored KEY, saved KEY")
	if now := u.cacheEntries(); now < kept+10 {
		t.Errorf("%d entries in two caches, and %d in the first", now, kept)
	}

	u.write("cache: false")
	u.next("v1.2.4")
	job = u.push(actToken)
	job.ended(t, true)
	job.said(t, "no build cache is kept: cache is false (input cache)\n")
	u.cached("")
}

// cacheEntries counts the files in all caches that were saved.
func (u *actUser) cacheEntries() (n int) {
	u.t.Helper()

	err := filepath.WalkDir(u.caches, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil || n < 50 {
		u.t.Fatalf("%d files in the saved caches, %v", n, err)
	}

	return n
}
