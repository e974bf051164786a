package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// Each cause of a dirty tree has its own remedy. After the command that a laptop is told to run,
// the tree is clean, and no file that was made is lost.
func TestChangesRemedy(t *testing.T) {
	const forPrograms = "if the programs are compiled from them"
	manyFiles := map[string]string{}
	for i := range maxExact + 1 {
		manyFiles[fmt.Sprintf("many%02d.sh", i)] = "#!/bin/sh\n"
	}
	inWorkflow := func(command string) problem.Remedy { return problem.Step("- run: " + command) }

	for name, test := range map[string]struct {
		files  map[string]string
		change func(t *testing.T, dir string)
		remedy problem.Remedy
		stays  bool // the remedy only shows the changes
	}{
		"an untracked file": {
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{"it's [new].txt": ""})
			},
			remedy: problem.There(
				inWorkflow(`printf '%s\n' '/it'\''s \[new].txt' >> .git/info/exclude`).For(
					"or name them in .gitignore, and commit it"),
				problem.Run(`printf '%s\n' '/it'\''s \[new].txt' >>.gitignore && `+
					"git add :/.gitignore && git commit --message 'ignore what is generated'"),
			),
		},
		"untracked sources, and the dist of another tool": {
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{
					"dist/tool.tar.gz": "",
					"gen/gen.go":       "package gen\n",
					"version_gen.go":   "package main\n",
				})
			},
			remedy: problem.Lines(
				problem.There(
					inWorkflow(`printf '%s\n' /dist/ /gen/ /version_gen.go >> .git/info/exclude`).For(
						"or name them in .gitignore, and commit it"),
					problem.Run(`printf '%s\n' /dist/ /gen/ /version_gen.go >>.gitignore && `+
						"git add :/.gitignore && git commit --message 'ignore what is generated'"),
				),
				problem.Set("generated", "gen/** version_gen.go").For(forPrograms),
			),
		},
		"line endings that the commit has, and .gitattributes changes": {
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{"a.txt": "one\r\ntwo\r\n"})
				gittest.Run(t, dir, "add", "a.txt")
				gittest.Run(t, dir, "commit", "--quiet", "--message=crlf")
				gittest.WriteFiles(t, dir, map[string]string{".gitattributes": "*.txt text eol=lf\n"})
				gittest.Run(t, dir, "add", ".gitattributes")
				gittest.Run(t, dir, "commit", "--quiet", "--message=attributes")
				gittest.WriteFiles(t, dir, map[string]string{"a.txt": "one\r\ntwo\r\n"})
			},
			remedy: problem.Run("git add --renormalize :/ && git commit --message 'normalize line endings'").For(
				"the commit has line endings that .gitattributes or core.autocrlf changes"),
		},
		"line endings that a program wrote": {
			files: map[string]string{"a.txt": "one\ntwo\n"},
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{"a.txt": "one\r\ntwo\r\n"})
			},
			remedy: problem.Either(
				problem.There(inWorkflow("git checkout -- :/a.txt"), problem.Run("git checkout -- :/a.txt")).For(
					"something else than git changed only the ends of the lines"),
				problem.Run("echo '* text=auto' >>.gitattributes && git add :/.gitattributes && "+
					"git commit --message 'line endings' && git add --renormalize :/").For("git then ignores such changes"),
			),
		},
		"permissions": {
			files: map[string]string{"build.sh": "#!/bin/sh\n", "b.sh": "#!/bin/sh\n"},
			change: func(t *testing.T, dir string) {
				if runtime.GOOS == "windows" {
					t.Skip("files have no permissions here")
				}
				for _, file := range []string{"build.sh", "b.sh"} {
					if err := os.Chmod(filepath.Join(dir, file), 0o755); err != nil {
						t.Fatal(err)
					}
				}
			},
			remedy: problem.Either(
				problem.Run("git add --chmod=+x :/b.sh :/build.sh && git commit --message 'change modes'").For(
					"only the permissions differ"),
				problem.There(inWorkflow("git config core.fileMode false"), problem.Run("git config core.fileMode false")).For(
					"git then ignores permissions"),
			),
		},
		"permissions of many files": {
			files: manyFiles,
			change: func(t *testing.T, dir string) {
				if runtime.GOOS == "windows" {
					t.Skip("files have no permissions here")
				}
				for file := range manyFiles {
					if err := os.Chmod(filepath.Join(dir, file), 0o755); err != nil {
						t.Fatal(err)
					}
				}
			},
			remedy: problem.There(
				inWorkflow("git config core.fileMode false"),
				problem.Run("git config core.fileMode false"),
			).For("git then ignores permissions"),
		},
		"go.mod and go.sum": {
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{
					"go.mod": goMod + "\nrequire example.org/x v1.0.0\n",
					"go.sum": "",
				})
			},
			remedy: problem.Run("git add :/go.mod :/go.sum && git commit --message 'go mod tidy' :/go.mod :/go.sum").For(
				"if go mod tidy or go get changed them"),
		},
		"a name that would forge a line": {
			change: func(t *testing.T, dir string) {
				if runtime.GOOS == "windows" {
					t.Skip("there are no such names here")
				}
				gittest.WriteFiles(t, dir, map[string]string{"x\nhint: rm -r .": ""})
			},
			remedy: problem.Run("git status").For("shows what differs"),
			stays:  true,
		},
		"an edited file": {
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{"main.go": mainFile + "\n// more\n"})
			},
			remedy: problem.There(
				problem.Lines(
					problem.Advise("a step before this one changed main.go: commit what it writes, or run it after this one"),
					problem.Step("- run: git diff --exit-code").For("fails if those before it changed a file"),
				),
				problem.Either(
					problem.Run("git commit --all"),
					problem.Run("git stash").For("sets the changes aside; git stash pop brings them back"),
				),
			),
		},
		"a file that was removed": {
			files: map[string]string{"a.txt": "one\n"},
			change: func(t *testing.T, dir string) {
				gittest.Run(t, dir, "rm", "--quiet", "a.txt")
			},
			remedy: problem.There(
				problem.Advise("a step before this one, or a sparse checkout, removed a.txt"),
				problem.Run("git restore --staged --worktree :/a.txt").For("brings them back"),
			),
		},
		"a submodule at another commit": {
			change: func(t *testing.T, dir string) {
				other := gittest.NewRepository(t, map[string]string{"x": ""})
				gittest.Run(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "sub")
				gittest.Run(t, dir, "commit", "--quiet", "--message=sub")
				gittest.Run(t, filepath.Join(dir, "sub"), "commit", "--quiet", "--allow-empty", "--message=next")
			},
			remedy: problem.There(
				inWorkflow("git submodule update --init --recursive"),
				problem.Run("git submodule update --init --recursive"),
			),
		},
		"two causes": {
			files: map[string]string{"a.txt": "one\n"},
			change: func(t *testing.T, dir string) {
				gittest.WriteFiles(t, dir, map[string]string{"new": "", "a.txt": "two\n"})
			},
			remedy: problem.Lines(
				problem.There(
					problem.Lines(
						problem.Advise("a step before this one changed a.txt: commit what it writes, or run it after this one"),
						problem.Step("- run: git diff --exit-code").For("fails if those before it changed a file"),
					),
					problem.Either(
						problem.Run("git commit --all"),
						problem.Run("git stash").For("sets the changes aside; git stash pop brings them back"),
					),
				),
				problem.There(
					inWorkflow(`printf '%s\n' /new >> .git/info/exclude`).For("or name them in .gitignore, and commit it"),
					problem.Run(`printf '%s\n' /new >>.gitignore && `+
						"git add :/.gitignore && git commit --message 'ignore what is generated'"),
				),
			),
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"go.mod": goMod, "main.go": mainFile}
			for name, content := range test.files {
				files[name] = content
			}
			dir := gittest.NewRepository(t, files)
			test.change(t, dir)

			ps := planErrors(t, dir, &Spec{Publish: true, Tag: "v1.0.0"})
			dirty := ps[indexOfDirty(ps)]
			if diff := cmp.Diff(test.remedy, dirty.Remedy); diff != "" {
				t.Errorf("remedy (-want +have):\n%s", diff)
			}
			if strings.Contains(dirty.Error(), "stash") {
				t.Errorf("got %q", dirty)
			}

			if test.stays {
				return
			}
			for _, workflow := range []bool{false, true} {
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				if pasteCommands(t, copied, dirty.Remedy, workflow) {
					if left := gittest.Run(t, copied, "status", "--porcelain"); left != "" {
						t.Errorf("workflow %v: left after the remedy: %s", workflow, left)
					}
				}
			}
		})
	}
}

// indexOfDirty returns the index of the problem that is about the working tree.
func indexOfDirty(ps problem.List) int {
	for i, p := range ps {
		if strings.Contains(p.Error(), "the working tree differs from commit") {
			return i
		}
	}
	return -1
}

// pasteCommands runs the first way of a remedy in a shell. It reports whether it has commands.
func pasteCommands(t *testing.T, dir string, r problem.Remedy, workflow bool) bool {
	t.Helper()
	switch r.Kind {
	case problem.ThereKind:
		if workflow {
			return pasteCommands(t, dir, r.Of[0], workflow)
		}
		return pasteCommands(t, dir, r.Of[1], workflow)
	case problem.EitherKind:
		return pasteCommands(t, dir, r.Of[0], workflow)
	case problem.LinesKind:
		if r.Of[0].Kind == problem.AdviceKind {
			return false
		}
		all := true
		for _, of := range r.Of {
			all = (of.Kind == problem.SetKind || pasteCommands(t, dir, of, workflow)) && all
		}
		return all
	case problem.RunKind, problem.StepKind:
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.TrimPrefix(r.Text, "- run: "))
		cmd.Dir = dir
		cmd.Env = append(gittest.Environ(), "GIT_EDITOR=sh -c 'echo message >\"$1\"' -",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", r.Text, err, out)
		}
		return true
	}
	return false
}
