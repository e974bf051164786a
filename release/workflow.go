package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A given is a value of a setting together with the place where it was given.
type given struct{ value, from string }

// actionName is the repository name of this action. A fork keeps it.
const actionName = "go-static-release"

// Settings of a workflow that mean nothing on a laptop: the command is the first
// argument here, a laptop publishes only when its own command line says so, and what is
// attached was made by earlier steps of the workflow.
var workflowOnly = []string{"command", "dry-run", "token", "attach"}

// readWorkflow returns the `with:` block of the workflow step that uses this action,
// for the repository around dir: the workflow is the configuration. Expressions
// (${{ }}) are left out, since only a runner can evaluate them; their names are
// returned in skipped.
func readWorkflow(dir string) (values map[string]given, root string, skipped []string, err error) {
	root, ok := repositoryRoot(dir)
	if !ok {
		return nil, "", nil, nil
	}
	var uses []step
	for _, pattern := range []string{"*.yml", "*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", pattern))
		if err != nil {
			return nil, "", nil, fmt.Errorf("looking for workflows: %w", err)
		}
		slices.Sort(files)
		for _, file := range files {
			steps, err := usesIn(root, file)
			if err != nil {
				return nil, "", nil, err
			}
			uses = append(uses, steps...)
		}
	}
	if len(uses) == 0 {
		return nil, root, nil, nil
	}
	for _, other := range uses[1:] {
		if !sameValues(uses[0].values, other.values) {
			return nil, root, nil, hinted("--no-workflow",
				fmt.Errorf("%s and %s configure this action differently, and only one of them can be meant", uses[0].at, other.at))
		}
	}
	return uses[0].values, root, uses[0].skipped, nil
}

// repositoryRoot is the directory at or above dir that has a .git.
func repositoryRoot(dir string) (string, bool) {
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, ".git")); statErr == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return "", false
}

// A step is one use of the action in a workflow.
type step struct {
	at      string // "FILE:LINE"
	values  map[string]given
	skipped []string
}

// usesIn finds the steps of one workflow file that release with this action.
func usesIn(root, file string) ([]step, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading workflow: %w", err)
	}
	if !bytes.Contains(data, []byte(actionName)) && !bytes.Contains(data, []byte("./")) {
		return nil, nil // whatever it is, it does not use this action
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		return nil, fmt.Errorf("reading workflow: %w", err)
	}
	name = filepath.ToSlash(name)
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses yaml.Node `yaml:"uses"`
				With yaml.Node `yaml:"with"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(data, &workflow); err != nil {
		return nil, hinted("--no-workflow", fmt.Errorf("reading workflow %s: %w", name, err))
	}
	var found []step
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if !isThisAction(root, s.Uses.Value) {
				continue
			}
			use := step{at: fmt.Sprintf("%s:%d", name, s.Uses.Line), values: map[string]given{}}
			release := true
			for i := 0; i+1 < len(s.With.Content); i += 2 {
				key, value := s.With.Content[i], s.With.Content[i+1]
				switch {
				case key.Value == "command":
					release = value.Value == "release"
				case slices.Contains(workflowOnly, key.Value):
				case strings.Contains(value.Value, "${{"):
					use.skipped = append(use.skipped, key.Value)
				default:
					use.values[key.Value] = given{strings.TrimSpace(value.Value), fmt.Sprintf("%s:%d", name, key.Line)}
				}
			}
			if release {
				found = append(found, use)
			}
		}
	}
	slices.SortFunc(found, func(a, b step) int { return strings.Compare(a.at, b.at) }) // jobs are a map
	return found, nil
}

// isThisAction reports whether `uses:` names this action: OWNER/go-static-release@REF,
// or ./ in the action's own repository.
func isThisAction(root, uses string) bool {
	if path, _, ok := strings.Cut(uses, "@"); ok {
		_, repo, _ := strings.Cut(path, "/")
		return repo == actionName
	}
	if strings.TrimSuffix(uses, "/") != "." {
		return false
	}
	data, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var action struct{ Name string }
	return err == nil && yaml.Unmarshal(data, &action) == nil && action.Name == actionName
}

func sameValues(a, b map[string]given) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if b[name].value != v.value {
			return false
		}
	}
	return true
}
