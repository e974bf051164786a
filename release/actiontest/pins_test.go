package actiontest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repository is the root of this repository, where action.yml is.
var repository = filepath.Join("..", "..")

// actionFile is the part of action.yml that these tests read.
type actionFile struct {
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Steps []struct{ Uses string }
	}
}

func readAction(t *testing.T) actionFile {
	t.Helper()

	data, err := os.ReadFile(filepath.Join(repository, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}

	var action actionFile
	if err := yaml.Unmarshal(data, &action); err != nil {
		t.Fatal(err)
	}

	return action
}

// actionsCache returns the version of actions/cache that action.yml uses: the repository, an
// at sign and a commit.
func actionsCache(t *testing.T) string {
	t.Helper()

	for _, step := range readAction(t).Runs.Steps {
		if commit, ok := strings.CutPrefix(step.Uses, "actions/cache/restore@"); ok {
			return "actions/cache@" + commit
		}
	}

	t.Fatal("action.yml does not use actions/cache/restore")

	return ""
}

// An organization can require that workflows use actions at full commits. The rule covers
// what an action uses itself: with one tag in action.yml they could not use it.
func TestActionUsesFullCommits(t *testing.T) {
	pinned := regexp.MustCompile(`^actions/[a-z/-]+@[0-9a-f]{40}$`)
	_, cacheCommit, _ := strings.Cut(actionsCache(t), "@")

	for _, step := range readAction(t).Runs.Steps {
		if step.Uses != "" && !pinned.MatchString(step.Uses) {
			t.Errorf("not an action of GitHub's at a full commit: %s", step.Uses)
		}

		name, commit, _ := strings.Cut(step.Uses, "@")
		if strings.HasPrefix(name, "actions/cache/") && commit != cacheCommit {
			t.Errorf("%s is at another commit than actions/cache/restore, %s", step.Uses, cacheCommit)
		}
	}
}

// The workflows use the toolchain that the committed digests come from.
func TestWorkflowsUseTheToolchain(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(repository, ".github", "action", "prebuilt"))
	if err != nil {
		t.Fatal(err)
	}

	match := regexp.MustCompile(`(?m)^toolchain=go(\S+)$`).FindSubmatch(script)
	if match == nil {
		t.Fatal("prebuilt names no toolchain")
	}

	toolchain := string(match[1])

	workflows, err := filepath.Glob(filepath.Join(repository, ".github", "workflows", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}

	versions := 0
	for _, path := range workflows {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		for _, match := range regexp.MustCompile(`go-version: *([^ }\n]+)`).FindAllSubmatch(data, -1) {
			versions++
			if got := strings.Trim(string(match[1]), `'"`); got != toolchain {
				t.Errorf("%s: go-version %s, want %s", path, got, toolchain)
			}
		}
	}

	if versions == 0 {
		t.Error("no workflow names a go-version")
	}
}
