package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/quote"
)

var update = flag.Bool("update", false, "rewrite the help texts in testdata/help and the list testdata/hints.txt")

// commandLineOf runs the program outside a workflow and returns its exit status and output.
func commandLineOf(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	environ := append(os.Environ(), "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=")
	status = Main(t.Context(), args, environ, &out, &log)
	return status, out.String(), log.String()
}

// allCommands returns every command of the tree with its command line.
func allCommands() (commands []*cobra.Command, lines [][]string) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		commands = append(commands, cmd)
		lines = append(lines, strings.Fields(cmd.CommandPath())[1:])
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(CommandTree())
	return commands, lines
}

// The help of each command is about that command, whichever way one asks for it.
func TestHelp(t *testing.T) {
	_, lines := allCommands()
	for _, line := range lines {
		name := strings.Join(append([]string{config.ActionName}, line...), "-")
		t.Run(name, func(t *testing.T) {
			status, text, log := commandLineOf(t, append(slices.Clone(line), "--help")...)
			if status != exitOK || log != "" {
				t.Fatalf("exit status %d: %s", status, log)
			}

			golden := filepath.Join("testdata", "help", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("%s (-want +have); to accept it, run: go test ./release -run TestHelp -update\n%s",
					golden, diff)
			}

			for _, args := range [][]string{
				append([]string{"help"}, line...),
				append([]string{"--help"}, line...),
				append(slices.Clone(line), "-h"),
			} {
				if _, other, log := commandLineOf(t, args...); other != text {
					t.Errorf("%q is other help: %s%s", args, other, log)
				}
			}
		})
	}
}

func TestHelpFitsTheTerminal(t *testing.T) {
	commands, _ := allCommands()
	for _, cmd := range commands {
		for _, line := range strings.Split(helpText(cmd), "\n") {
			if len(line) >= 100 {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
			}
		}
	}
}

// Each setting is in the help of its commands and in no other. The command that only the
// action calls is in none.
func TestHelpHasTheSettings(t *testing.T) {
	commands, _ := allCommands()
	for _, cmd := range commands {
		text := helpText(cmd)
		for _, s := range config.Settings {
			has := strings.Contains(text, "\n  --"+s.Name+" ")
			if has != s.BelongsTo(cmd.Name()) {
				t.Errorf("%s: --%s is in the help: %v", cmd.CommandPath(), s.Name, has)
			}
		}
		if cmd.Name() != config.CacheKey && strings.Contains(text, config.CacheKey) {
			t.Errorf("the help of %s has %s", cmd.CommandPath(), config.CacheKey)
		}
		if slices.Contains(config.Commands, cmd.Name()) {
			if n := strings.Count(cmd.Example, "\n") + 1; n < 3 {
				t.Errorf("%s has %d examples", cmd.CommandPath(), n)
			}
		}
	}
}

// The commands that an input may name are commands of the tree, and every row of the
// settings names such commands.
func TestCommandsAreOfTheTree(t *testing.T) {
	root := CommandTree()
	known := append([]string{config.CacheKey}, config.Commands...)
	for _, name := range known {
		cmd, _, err := root.Find([]string{name})
		if err != nil || cmd.Name() != name || cmd.RunE == nil {
			t.Errorf("%s: %v, %v", name, cmd, err)
		}
	}

	for _, s := range config.Settings {
		for _, name := range s.Commands {
			if !slices.Contains(known, name) {
				t.Errorf("%s is a flag of %s, which is no command", s.Name, name)
			}
		}
		if s.Name != "command" && !s.BelongsTo(config.Release) {
			t.Errorf("%s is no flag of release", s.Name)
		}
		if s.Default == "" && s.DefaultText == "" {
			t.Errorf("nobody says what an empty %s means", s.Name)
		}
		if !slices.Contains(config.Groups, s.Group) {
			t.Errorf("%s is in the group %q, which the help does not have", s.Name, s.Group)
		}
	}
}

// An invalid command line gives one error with one hint, and nothing is started.
func TestWrongCommandLines(t *testing.T) {
	for line, test := range map[string]struct {
		err  string
		hint string
	}{
		"publsh": {
			err:  `command line: "publsh" is not one of: release, plan, verify`,
			hint: "go-static-release --help",
		},
		"verifi x": {
			err:  `command line: "verifi" is not one of: release, plan, verify`,
			hint: "did you mean verify?",
		},
		"help nonsense": {
			err:  `command line: "nonsense" is not one of: release, plan, verify`,
			hint: "go-static-release --help",
		},
		"plan dist": {
			err:  `unexpected argument "dist" after the command plan`,
			hint: "go-static-release plan --help",
		},
		"-- x plan": {
			err:  `unexpected argument "x" before the command plan`,
			hint: "go-static-release plan --help",
		},

		"--target x": {
			err:  "unknown flag --target",
			hint: "did you mean --targets?",
		},
		"plan --target x": {
			err:  "unknown flag --target",
			hint: "did you mean --targets?",
		},
		"-targets x plan": {
			err:  "unknown flag -targets",
			hint: "did you mean --targets?",
		},
		"verify --jsn x": {
			err:  "unknown flag --jsn",
			hint: "did you mean --json?",
		},
		"--zzzzzzzzzzz": {
			err:  "unknown flag --zzzzzzzzzzz",
			hint: "go-static-release release --help",
		},

		// Flags of other commands, before and after the command.
		"verify --targets x .": {
			err:  "--targets is for the commands release and plan",
			hint: "go-static-release verify --help",
		},
		"--targets x verify .": {
			err:  "--targets is for the commands release and plan",
			hint: "go-static-release verify --help",
		},
		"--draft verify .": {
			err:  "--draft is for the commands release and plan",
			hint: "go-static-release verify --help",
		},
		"-- plan": {
			err:  `command line: the command "plan" stands where no command is expected`,
			hint: "go-static-release plan",
		},
		"help plan extra": {
			err:  `command line: unexpected argument "extra" after help plan`,
			hint: "go-static-release --help",
		},
		"--dry-run false": {
			err:  `command line: "false" is not part of the flag before it`,
			hint: "join them, as in --dry-run=false",
		},
		"--targets linux/amd64 linux/arm64": {
			err:  `command line: "linux/arm64" is not part of the flag before it`,
			hint: "quote a list, as in --targets 'linux/amd64 linux/arm64', or repeat the flag",
		},
		"plan --parallelism 2": {
			err:  "--parallelism is for the command release",
			hint: "go-static-release plan --help",
		},
		"plan --fail-fast": {
			err:  "--fail-fast is for the command release",
			hint: "go-static-release plan --help",
		},
		"--json": {
			err:  "--json is for the commands plan and verify",
			hint: "go-static-release plan --json",
		},
		"release --json": {
			err:  "--json is for the commands plan and verify",
			hint: "go-static-release plan --json",
		},
		"--name x completion bash": {
			err:  "--name is for the commands release and plan",
			hint: "go-static-release completion bash --help",
		},
		"--no-workflow help release": {
			err:  "--no-workflow is for the commands release, plan and verify",
			hint: "go-static-release release --no-workflow",
		},

		// A flag that was taken for a value.
		"--tags --targets x": {
			err:  `--tags has the value --targets, and "x" is left`,
			hint: "go-static-release release --help",
		},
		"--tags --targets x plan": {
			err:  `--tags has the value --targets, and "x" is left`,
			hint: "go-static-release plan --help",
		},
		"plan --tags --targets x": {
			err:  `--tags has the value --targets, and "x" is left`,
			hint: "go-static-release plan --help",
		},
		"verify --dist --token x .": {
			err:  `--dist has the value --token, and "x" is left`,
			hint: "go-static-release verify --help",
		},

		"plan --archive-name": {
			err:  "flag needs an argument: --archive-name",
			hint: "go-static-release plan --help",
		},
		"plan --json=maybe": {
			err:  `--json: "maybe" is neither true nor false`,
			hint: "go-static-release plan --help",
		},
		"completion": {
			err:  "name a shell: bash, fish, powershell, zsh",
			hint: "go-static-release completion --help",
		},
		"completion tcsh": {
			err:  `"tcsh" is not one of: bash, fish, powershell, zsh`,
			hint: "go-static-release completion --help",
		},
	} {
		want := "error: " + test.err + "\nhint: " + test.hint + "\n"
		status, stdout, stderr := commandLineOf(t, strings.Fields(line)...)
		if status != exitInvalid || stdout != "" || stderr != want {
			t.Errorf("%s: exit status %d\n got %s%s\nwant %s", line, status, stdout, stderr, want)
		}
	}
}

// The inputs of an action that its command does not use are ignored, because action.yml
// passes all of them. Flags are checked in a workflow too.
func TestInputsOfOtherCommandsAreIgnored(t *testing.T) {
	environ := append(os.Environ(),
		"GITHUB_ACTIONS=true",
		"GITHUB_OUTPUT=",
		"GITHUB_STEP_SUMMARY=",
		"INPUT_COMMAND=verify",
		"INPUT_DRAFT=true",
		"INPUT_TARGETS=linux/amd64",
		"INPUT_DIST="+t.TempDir(),
	)
	check := func(environ, args []string, wantStatus int, want string) {
		t.Helper()
		var out bytes.Buffer
		status := Main(t.Context(), args, environ, &out, &out)
		if status != wantStatus || !strings.Contains(out.String(), want) {
			t.Errorf("exit status %d: %s", status, &out)
		}
	}

	check(environ, nil, exitFailed, "no executable in")
	check(environ, []string{"--draft"}, exitInvalid, "--draft is for the commands")

	environ = append(environ, "INPUT_COMMAND=completion")
	check(environ, nil, exitInvalid,
		`error: input command: "completion" is not one of: release, plan, verify`)
}

// settingsOf returns the settings that a command line gives.
func settingsOf(t *testing.T, args ...string) map[string]string {
	t.Helper()
	p := newProgram(nil, io.Discard, io.Discard)
	root := p.newCommandTree()
	cmd, flags, err := root.Traverse(args)
	if err == nil {
		err = cmd.ParseFlags(flags)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.line.settings
}

// Flags may come before and after the command. A repeated list adds up, and of any other flag
// the last one wins.
func TestFlags(t *testing.T) {
	for line, want := range map[string]string{
		"--packages ./cmd/a --packages ./cmd/b":             "packages=./cmd/a\n./cmd/b",
		"--packages ./cmd/a release --packages=./cmd/b":     "packages=./cmd/a\n./cmd/b",
		"--targets x,y plan --targets z":                    "targets=x,y\nz",
		"plan --archive zip --archive tar.gz --archive zip": "archive=zip\ntar.gz\nzip",
		"--tags a --tags b --cc x/y=a --cc x/z=b":           "cc=x/y=a\nx/z=b tags=a\nb",
		"--name a plan --name b":                            "name=b",
		"--ldflags -s --ldflags=-w":                         "ldflags=-w",
		"--smoke-test --help --smoke-test a=--version":      "smoke-test=--help\na=--version",
		"--draft":                            "draft=true",
		"--draft=false":                      "draft=false",
		"--draft --draft=false plan --draft": "draft=true",
		"--dry-run=false --prerelease plan":  "dry-run=false prerelease=true",
		"verify --dist a b --timeout 1m c":   "dist=a timeout=1m",
		"plan --name=":                       "name=",
	} {
		var have []string
		settings := settingsOf(t, strings.Fields(line)...)
		for _, name := range slices.Sorted(mapKeys(settings)) {
			have = append(have, name+"="+settings[name])
		}
		if got := strings.Join(have, " "); got != want {
			t.Errorf("%s:\n got %q\nwant %q", line, got, want)
		}
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// The values of a repeated list are settings like those of one list.
func TestRepeatedListsAddUp(t *testing.T) {
	newLaptop(t, nil)
	status, stdout, stderr := commandLineOf(t,
		"--targets", "linux/amd64", "plan", "--targets", "linux/arm64", "--archive", "zip", "--archive", "binary")

	for _, target := range []string{"linux/amd64", "linux/arm64"} {
		name := "tool_1.0.0_" + strings.ReplaceAll(target, "/", "_")
		want := target + "       " + name + ".zip " + name + "\n"
		if status != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit status %d, expected %q:\n%s%s", status, want, stdout, stderr)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	want := programVersion() + "\n"
	for _, line := range []string{"--version", "plan --version", "--version verify x", "--draft --version"} {
		status, stdout, stderr := commandLineOf(t, strings.Fields(line)...)
		if status != exitOK || stdout != want || stderr != "" {
			t.Errorf("%s: exit status %d: %q, %q", line, status, stdout, stderr)
		}
	}
}

// What a shell offers for a command line. The quote marks its end.
func TestCompletions(t *testing.T) {
	offers := func(args ...string) string {
		t.Helper()
		status, stdout, _ := commandLineOf(t, append([]string{"__completeNoDesc"}, args...)...)
		if status != exitOK {
			t.Errorf("%q: exit status %d", args, status)
		}
		return strings.ReplaceAll(strings.TrimSuffix(stdout, "\n"), "\n", " ")
	}
	const nothingElse, files, directories = ":4", ":0", ":16"

	for line, want := range map[string]string{
		"'":                           "completion help plan release verify " + nothingElse,
		"--targets x p'":              "plan " + nothingElse,
		"help v'":                     "verify " + nothingElse,
		"completion '":                "bash fish powershell zsh " + nothingElse,
		"plan --cgo '":                "off static " + nothingElse,
		"plan --cgo=s'":               "static " + nothingElse,
		"--static '":                  "require report " + nothingElse,
		"release --archive t'":        "tar.gz tar.xz tar.zst " + nothingElse,
		"release --archive tar.gz,z'": "tar.gz,zip " + nothingElse,
		"--checksums '":               "sha256 sha512 " + nothingElse,
		"--targets linux/amd64,linux/a'": "linux/amd64,linux/amd64 linux/amd64,linux/arm linux/amd64,linux/arm64 " +
			nothingElse,
		"--name '":                  nothingElse,
		"--notes-file '":            files,
		"verify '":                  files,
		"verify --dist '":           directories,
		"plan --dr'":                "--draft --dry-run " + nothingElse,
		"verify --d'":               "--dist " + nothingElse,
		"plan --packages a --pack'": "--packages " + nothingElse, // a list may be repeated
		"plan --json --js'":         nothingElse,
		"--js'":                     nothingElse, // no flag of release
		"cache'":                    nothingElse,
	} {
		args := strings.Split(strings.TrimSuffix(line, "'"), " ")
		if got := offers(args...); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// Targets that a shell offers are platforms of the go command.
func TestOfferedTargetsExist(t *testing.T) {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	platforms := append(strings.Fields(string(out)), "all", "first-class")

	s, _ := config.Find("targets")
	for _, name := range s.Values {
		if !slices.Contains(platforms, name) {
			t.Errorf("%s is no platform", name)
		}
	}
	for _, name := range strings.Fields(s.Default) {
		if !slices.Contains(s.Values, name) {
			t.Errorf("%s is not offered", name)
		}
	}
}

// The scripts load in their shells, and complete there.
func TestCompletionScripts(t *testing.T) {
	for shell, load := range map[string]string{
		"bash": `set -eu
source %[1]s
complete -p go-static-release
words=(go-static-release plan --cgo "")
cword=3 cur=""
__go-static-release_get_completion_results
echo "offers: $out"`,
		"zsh": `set -e
autoload -U compinit && compinit -u -D
source %[1]s
whence -w _go-static-release
print "offers: $(go-static-release __completeNoDesc plan --cgo '')"`,
		"fish": `source %[1]s
complete --do-complete 'go-static-release plan --cgo ' | string join ' ' | read words
echo "offers: $words"`,
	} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s", shell)
			}

			status, script, log := commandLineOf(t, "completion", shell)
			if status != exitOK || log != "" {
				t.Fatalf("exit status %d: %s", status, log)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "completion."+shell)
			if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}

			// The test binary is the program under this name (TestMain).
			program, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(program, filepath.Join(dir, config.ActionName)); err != nil {
				t.Skip(err)
			}

			cmd := exec.CommandContext(t.Context(), path, "-c", fmt.Sprintf(load, file))
			cmd.Env = append(os.Environ(),
				"PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
				"HOME="+dir,
				"GITHUB_ACTIONS=",
			)
			out, err := cmd.CombinedOutput()
			offered := strings.Contains(string(out), "offers: off") && strings.Contains(string(out), "static")
			if err != nil || !offered {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}

	status, script, _ := commandLineOf(t, "completion", "powershell")
	if status != exitOK || !strings.Contains(script, "Register-ArgumentCompleter") {
		t.Errorf("exit status %d: %s", status, script)
	}
}

// On a laptop, a mistake in the workflow is corrected there. A flag is advised where a flag
// set the setting, or where the setting would not count in the workflow.
func TestAdviceForTheWorkflow(t *testing.T) {
	const file = ".github/workflows/release.yml"
	workflow := strings.Join([]string{
		"jobs:",
		"  release:",
		"    steps:",
		"      - uses: org/go-static-release@v1",
		"        with:",
		"          targets: linux/amd64",
		"          tags: netgo",
		"          cgo: static",
		"",
	}, "\n")

	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{".git/HEAD": "ref: refs/heads/main\n", file: workflow} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	runner := newProgram(nil, io.Discard, io.Discard).runner
	flags := map[string]string{"directory": dir, "tags": "osusergo"}
	c, _, err := config.Read(flags, false, runner)
	if err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		setting string
		remedy  problem.Remedy
		want    string
	}{
		"a setting of the workflow": {
			setting: "targets",
			remedy:  problem.Set("targets", "linux/*"),
			want:    "targets: linux/* # in " + file,
		},
		"another setting of the workflow": {
			remedy: problem.Set("targets", "linux/arm64"),
			want:   "targets: linux/arm64 # in " + file,
		},
		"a setting that nobody set": {
			setting: "targets",
			remedy:  problem.Set("name", "tool"),
			want:    "name: tool # in " + file,
		},
		"neither is of the workflow": {
			setting: "archive",
			remedy:  problem.Set("name", "tool"),
			want:    "--name tool",
		},
		"set by a flag": {
			setting: "tags",
			remedy:  problem.Set("tags", "netgo"),
			want:    "--tags netgo",
		},
		"set by a flag, about a setting of the workflow": {
			setting: "cgo",
			remedy:  problem.Set("tags", "netgo"),
			want:    "--tags netgo",
		},
		"counts only as a flag": {
			setting: "cgo",
			remedy:  problem.Set("cc", "linux/amd64=musl-gcc"),
			want:    "--cc linux/amd64=musl-gcc",
		},
		"a path": {
			setting: "targets",
			remedy:  problem.Set("notes-file", filepath.Join(dir, "docs", "notes.md")),
			want:    "notes-file: docs/notes.md # in " + file,
		},
		"a path elsewhere": {
			setting: "targets",
			remedy:  problem.Set("directory", filepath.Dir(dir)),
			want:    "--directory " + quote.ShellWord(filepath.Dir(dir)),
		},
		"either": {
			setting: "targets",
			remedy: problem.Either(
				problem.Set("static", "report"),
				problem.Advise("replace it"),
				problem.Set("targets", "linux/arm64"),
			),
			want: "static: report # in " + file + "\nor: replace it\nor: targets: linux/arm64 # in " + file,
		},
		"both": {
			setting: "targets",
			remedy:  problem.Both(problem.Set("static", "report"), problem.Set("targets", "linux/arm64")),
			want:    "static: report # in " + file + "\ntargets: linux/arm64 # in " + file,
		},
		"both as flags": {
			remedy: problem.Both(problem.Set("static", "report"), problem.Set("name", "tool")),
			want:   "--static report --name tool",
		},
		"elsewhere than in a workflow run": {
			setting: "targets",
			remedy:  problem.There(problem.Step("- run: x"), problem.Set("targets", "linux/arm64")),
			want:    "targets: linux/arm64 # in " + file,
		},
		"elsewhere than in a workflow run, with a purpose": {
			remedy: problem.There(problem.Step("- run: x"), problem.Run("x")).For("makes it"),
			want:   "x # makes it",
		},
		"a command": {
			setting: "targets",
			remedy:  problem.Run("go list ./..."),
			want:    "go list ./...",
		},
	} {
		err := &problem.Problem{
			Setting: test.setting,
			Err:     errors.New("it is wrong"),
			Remedy:  test.remedy,
		}
		if got := adviceFor(c, err, false); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// In a workflow, a redirected plan is JSON and nothing else: no command to the runner, no note,
// and above all no token in the command that masks it.
func TestJSONAlone(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})

	var stdout, stderr bytes.Buffer
	status := Main(t.Context(), []string{"plan", "--json"}, w.env, &stdout, &stderr)
	if status != exitOK {
		t.Fatalf("exit status %d:\n%s", status, &stderr)
	}

	var plan struct{ Schema int }
	if err := json.Unmarshal(stdout.Bytes(), &plan); err != nil || plan.Schema == 0 {
		t.Errorf("stdout is not the plan: %v\n%s", err, &stdout)
	}
	if strings.Contains(stdout.String(), testToken) {
		t.Error("the token is in stdout")
	}
	if !strings.Contains(stderr.String(), "::add-mask::"+testToken) {
		t.Errorf("the token is not masked:\n%s", &stderr)
	}
}

// In a workflow, a setting that was given as a flag is corrected as a flag.
func TestAdviceForFlags(t *testing.T) {
	err := &problem.Problem{
		Setting: "dist",
		Err:     errors.New("it is in use"),
		Remedy: problem.Either(
			problem.Set("dist", "dist-release"),
			problem.There(problem.Step("- run: x"), problem.Run("x")),
		),
	}

	for from, want := range map[string]string{
		"--dist":     "--dist dist-release\nor: - run: x # a step before this one",
		"input dist": "dist: dist-release\nor: - run: x # a step before this one",
	} {
		c := &config.Config{From: map[string]string{"dist": from}}
		if got := adviceFor(c, err, true); got != want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
	}
}
