package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/quote"
)

// ActionName is the repository name of this action. A fork keeps it.
const ActionName = "go-static-release"

// Where GitHub looks for workflows.
const workflowDir = ".github/workflows"

// A step is one use of the action in a workflow, or in an action of the repository that a
// workflow uses.
type step struct {
	place   string // "FILE:LINE"
	values  map[string]setValue
	skipped []string // names of inputs that are expressions
}

// A workflowReader finds the steps of a repository that release with this action.
type workflowReader struct {
	files *door.Door
	steps []step
	notes []string

	bytesLeft    int             // how many bytes may still be parsed
	localActions map[string]bool // by directory of an action: whether it is this one
}

// Limits in bytes. A runner takes workflows of up to 1 MiB (actions/runner,
// ParseOptions.cs).
const (
	maxWorkflow  = 1 << 20
	maxWorkflows = 16 << 20 // all files that are parsed
)

// A workflowConfig is the configuration that the workflows of a repository hold.
type workflowConfig struct {
	root   string // of the repository
	values map[string]setValue
	notes  []string
}

// readWorkflow returns the `with:` block of the workflow step that uses this action, in the
// repository around dir. Expressions (${{ }}) are left out with a note, because only a
// runner can evaluate them.
func readWorkflow(dir string) (c workflowConfig, err error) {
	// If dir is a link, the repository that will be built is around its target.
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}

	root, ok := workspace.FindRoot(dir)
	if !ok {
		return c, nil
	}
	c.root = root

	d, err := door.Open(root, "")
	if err != nil {
		return c, fmt.Errorf("reading workflows: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	r := &workflowReader{
		files:        d,
		bytesLeft:    maxWorkflows,
		localActions: map[string]bool{},
	}
	if err := r.readAll(); err != nil {
		err = fmt.Errorf("reading workflow %w", err)
		return c, problem.With(problem.Flag("--no-workflow"), err)
	}

	c.notes = r.notes
	if len(r.steps) == 0 {
		return c, nil
	}

	// All steps must agree.
	first := r.steps[0]
	skipped := map[string]bool{}
	for _, s := range r.steps {
		if !sameValues(first.values, s.values) {
			err := fmt.Errorf("%s and %s configure this action differently, and only one of them can be meant",
				first.place, s.place)
			return c, problem.With(problem.Flag("--no-workflow"), err)
		}

		for _, name := range s.skipped {
			skipped[name] = true
		}
	}
	c.values = first.values

	if len(skipped) > 0 {
		names := strings.Join(slices.Sorted(maps.Keys(skipped)), ", ")
		c.notes = append(c.notes,
			"the workflow's "+names+" is an expression that only a runner can evaluate; it is ignored here")
	}

	return c, nil
}

// readAll reads all workflows of the repository.
func (r *workflowReader) readAll() error {
	names, err := r.files.List(workflowDir)
	if err != nil {
		return err
	}

	// Read .yml before .yaml.
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Compare(path.Ext(b), path.Ext(a))
	})

	for _, name := range names {
		ext := path.Ext(name)
		if ext != ".yml" && ext != ".yaml" {
			continue
		}
		if err := r.readFile(path.Join(workflowDir, name)); err != nil {
			return err
		}
	}

	return nil
}

// readFile reads one workflow.
func (r *workflowReader) readFile(file string) error {
	doc, err := r.parse(file)
	if doc == nil || err != nil {
		return err
	}

	return r.readJobs(doc)
}

// readJobs reads the jobs of a workflow.
func (r *workflowReader) readJobs(doc *document) error {
	jobs, err := doc.lookup(doc.root, "the workflow", "jobs")
	if err != nil {
		return err
	}

	all, err := doc.fields(jobs, "jobs")
	if err != nil {
		return err
	}

	for _, job := range all {
		steps, err := doc.lookup(job.value, "the job "+job.key, "steps")
		if err == nil {
			err = r.readSteps(doc, steps)
		}
		if err != nil {
			return err
		}
	}

	r.noteMerge(doc)
	return nil
}

// mentionsAction reports whether a file can use this action, by its name or by a path in the
// repository.
func mentionsAction(data []byte) bool {
	hasName := bytes.Contains(bytes.ToLower(data), []byte(ActionName))
	hasPath := bytes.Contains(data, []byte("./"))
	return hasName || hasPath
}

// noteMerge notes that GitHub will refuse a file with merge keys, which is accepted here.
func (r *workflowReader) noteMerge(doc *document) {
	if doc.mergeLine == 0 {
		return
	}

	note := fmt.Sprintf("%s:%d: GitHub accepts anchors and aliases, but not merge keys (<<); it will refuse this file",
		doc.name, doc.mergeLine)
	r.notes = append(r.notes, note)
}

// parse reads a YAML file of the repository. It returns nil for one that cannot use, or be,
// this action.
func (r *workflowReader) parse(file string) (*document, error) {
	data, err := r.files.ReadFile(file, maxWorkflow)
	if err != nil {
		return nil, err
	}
	if !mentionsAction(data) {
		return nil, nil // it may not even be YAML
	}

	r.bytesLeft -= len(data)
	if r.bytesLeft < 0 {
		return nil, fmt.Errorf("%s: the workflows have more than %d MiB together", file, maxWorkflows>>20)
	}

	return parseDocument(quote.Name(file), data)
}

// readSteps finds the uses of this action in a list of steps.
func (r *workflowReader) readSteps(doc *document, list *yaml.Node) error {
	steps, err := doc.list(list, "steps")
	if err != nil {
		return err
	}

	for _, node := range steps {
		fields, err := doc.fields(node, "a step")
		if err != nil {
			return err
		}

		var uses, with field
		for _, f := range fields {
			switch f.key {
			case "uses":
				uses = f
			case "with":
				with = f
			}
		}
		if uses.value == nil {
			continue
		}

		action, err := doc.text(uses.value, "uses")
		if err != nil {
			return err
		}

		ours, err := r.isThisAction(strings.TrimSpace(action))
		if err != nil {
			return err
		}
		if !ours {
			continue
		}

		if err := r.readStep(doc, uses.line, with.value); err != nil {
			return err
		}
	}

	return nil
}

// readStep reads the settings of one step.
func (r *workflowReader) readStep(doc *document, line int, with *yaml.Node) error {
	use := step{
		place:  fmt.Sprintf("%s:%d", doc.name, line),
		values: map[string]setValue{},
	}

	inputs, err := doc.fields(with, "with")
	if err != nil {
		return err
	}

	for _, in := range inputs {
		value, err := doc.text(in.value, in.key)
		if err != nil {
			return err
		}
		value = strings.TrimSpace(value)

		// GitHub ignores the case of input names.
		name := strings.ToLower(in.key)
		expression := strings.Contains(value, "${{")

		switch {
		case use.values[name].from != "":
			return fmt.Errorf("%s:%d: the input %q is given twice", doc.name, in.line, name)
		case name == "command" && value != "" && value != "release" && !expression:
			return nil // a step that plans or verifies does not configure a release
		case expression && !isRunnerOnly(name):
			use.skipped = append(use.skipped, name)
		case !isRunnerOnly(name):
			use.values[name] = setValue{
				text: value,
				from: fmt.Sprintf("%s:%d", doc.name, in.line),
				file: doc.name,
			}
		}
	}

	r.steps = append(r.steps, use)
	return nil
}

// isRunnerOnly reports whether a setting has no meaning outside a workflow run.
func isRunnerOnly(name string) bool {
	s, ok := Find(name)
	return ok && s.onLaptop("", "") == meaningless
}

// isThisAction reports whether `uses:` names this action: OWNER/go-static-release@REF, or
// a directory of the repository, such as ./, that contains it. For another action in the
// repository it also reads the steps, which may use this one.
func (r *workflowReader) isThisAction(uses string) (bool, error) {
	dir, local := strings.CutPrefix(uses, "./")
	if local || uses == "." {
		return r.readLocal(path.Clean(dir))
	}

	name, _, ok := strings.Cut(uses, "@")
	_, repo, _ := strings.Cut(name, "/")
	return ok && strings.EqualFold(repo, ActionName), nil
}

// readLocal reads the action in a directory of the repository, and reports whether it is
// this one.
func (r *workflowReader) readLocal(dir string) (ours bool, err error) {
	ours, known := r.localActions[dir]
	if known || !fs.ValidPath(dir) {
		return ours, nil
	}
	r.localActions[dir] = false // before its steps are read, since two actions may use each other

	for _, name := range []string{"action.yml", "action.yaml"} {
		doc, err := r.parse(path.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // an earlier step of the workflow may create it
		}
		if doc == nil || err != nil {
			return false, err
		}

		ours, err := r.readAction(doc)
		if err != nil {
			return false, err
		}
		r.localActions[dir] = ours
		return ours, nil
	}

	return false, nil
}

// readAction reads the steps of an action, and reports whether it is this one.
func (r *workflowReader) readAction(doc *document) (ours bool, err error) {
	fields, err := doc.fields(doc.root, "the action")
	if err != nil {
		return false, err
	}

	for _, f := range fields {
		switch f.key {
		case "name":
			name, err := doc.text(f.value, "name")
			if err != nil {
				return false, err
			}
			ours = name == ActionName

		case "runs":
			steps, err := doc.lookup(f.value, "runs", "steps")
			if err == nil {
				err = r.readSteps(doc, steps)
			}
			if err != nil {
				return false, err
			}
		}
	}

	r.noteMerge(doc)
	return ours, nil
}

// sameValues reports whether two steps set the same values, wherever they set them.
func sameValues(a, b map[string]setValue) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if b[name].text != v.text {
			return false
		}
	}
	return true
}
