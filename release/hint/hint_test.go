package hint

import (
	"os/exec"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/build/problem"
)

// A remedy is worded for the place where the user is.
func TestWords(t *testing.T) {
	for name, test := range map[string]struct {
		remedy              problem.Remedy
		workflow, elsewhere string
	}{
		"none": {
			remedy: problem.Remedy{},
		},
		"setting": {
			remedy:    problem.Set("tags", "netgo"),
			workflow:  "tags: netgo",
			elsewhere: "--tags netgo",
		},
		"value_with_blanks": {
			remedy:    problem.Set("cc", "linux/arm64=zig cc -target aarch64-linux-musl"),
			workflow:  "cc: linux/arm64=zig cc -target aarch64-linux-musl",
			elsewhere: "--cc 'linux/arm64=zig cc -target aarch64-linux-musl'",
		},
		"value_that_YAML_would_misread": {
			remedy:    problem.Set("archive-name", "{{.Name}}: x"),
			workflow:  "archive-name: '{{.Name}}: x'",
			elsewhere: "--archive-name '{{.Name}}: x'",
		},
		"number": {
			remedy:    problem.Set("parallelism", "1"),
			workflow:  "parallelism: 1",
			elsewhere: "--parallelism 1",
		},
		"boolean": {
			remedy:    problem.Set("overwrite", "true"),
			workflow:  "overwrite: true",
			elsewhere: "--overwrite",
		},
		"flag": {
			remedy:    problem.Flag("--no-workflow"),
			workflow:  "--no-workflow",
			elsewhere: "--no-workflow",
		},
		"command": {
			remedy:    problem.Run("git tag v1.2.3"),
			workflow:  "git tag v1.2.3",
			elsewhere: "git tag v1.2.3",
		},
		"guess": {
			remedy:    problem.Guess("linux/amd64"),
			workflow:  "did you mean linux/amd64?",
			elsewhere: "did you mean linux/amd64?",
		},
		"either": {
			remedy: problem.Either(
				problem.Set("tags", "netgo"),
				problem.Advise("replace it"),
				problem.Set("cgo", "static"),
			),
			workflow:  "tags: netgo\nor: replace it\nor: cgo: static",
			elsewhere: "--tags netgo\nor: replace it\nor: --cgo static",
		},
		"either, without the first": {
			remedy: problem.Either(
				problem.Remedy{},
				problem.There(problem.Remedy{}, problem.Run("a")),
				problem.Set("cgo", "static"),
			),
			workflow:  "cgo: static",
			elsewhere: "a\nor: --cgo static",
		},
		"both": {
			remedy:    problem.Both(problem.Set("cgo", "static"), problem.Set("tags", "musl")),
			workflow:  "cgo: static\ntags: musl",
			elsewhere: "--cgo static --tags musl",
		},
		"on": {
			remedy: problem.On("Alpine", problem.There(
				problem.Step("- run: apk add gcc"),
				problem.Run("apk add gcc"),
			)),
			workflow:  "- run: apk add gcc # a step before this one, on Alpine",
			elsewhere: "apk add gcc # on Alpine",
		},
		"lines": {
			remedy:    problem.Lines(problem.Run("a"), problem.Set("cgo", "static")),
			workflow:  "a\ncgo: static",
			elsewhere: "a\n--cgo static",
		},
		"purpose": {
			remedy: problem.Either(
				problem.Set("tags", "netgo"),
				problem.Set("static", "report").For("publishes it anyway, with a warning"),
			),
			workflow:  "tags: netgo\nor: static: report # publishes it anyway, with a warning",
			elsewhere: "--tags netgo\nor: --static report # publishes it anyway, with a warning",
		},
		"there": {
			remedy: problem.There(
				problem.Step("- uses: actions/checkout@v7"),
				problem.Run("git init"),
			),
			workflow:  "- uses: actions/checkout@v7 # a step before this one",
			elsewhere: "git init",
		},
	} {
		if got := Words(test.remedy, true); got != test.workflow {
			t.Errorf("%s in a workflow: got %q, want %q", name, got, test.workflow)
		}
		if got := Words(test.remedy, false); got != test.elsewhere {
			t.Errorf("%s elsewhere: got %q, want %q", name, got, test.elsewhere)
		}
	}
}

// A hint means the same after it was pasted, with the comment behind it: into the with: block
// of a step, and into a shell.
func TestWordsCanBePasted(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no POSIX shell here: ", err)
	}

	for _, value := range []string{
		"netgo",
		"report",
		"{{.Name}}: x",
		"it's # no comment",
		"$(id) `id` \"$HOME\"",
		"${{ github.token }}",
		"two\nlines",
		"",
	} {
		remedy := problem.Set("name", value).For("it is the one that was meant (by: somebody)")

		var with map[string]string
		if err := yaml.Unmarshal([]byte(Words(remedy, true)), &with); err != nil || with["name"] != value {
			t.Errorf("as YAML: %q is %q, %v", Words(remedy, true), with["name"], err)
		}

		script := "printf '<%s>' " + Words(remedy, false)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
		if err != nil || string(out) != "<--name><"+value+">" {
			t.Errorf("in a shell: %s is %s, %v", script, out, err)
		}
	}
}
