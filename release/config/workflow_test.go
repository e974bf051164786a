package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeWorkflows makes a repository of nothing but workflows and actions.
func writeWorkflows(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	all := map[string]string{".git/HEAD": "ref: refs/heads/main\n"}
	maps.Copy(all, files)
	for name, content := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// summary is what a workflow says, on one line: settings, then notes.
func (c workflowConfig) summary() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		parts = append(parts, fmt.Sprintf("%s=%s", name, c.values[name].text))
	}
	return strings.Join(append(parts, c.notes...), "; ")
}

// Workflows are read as GitHub reads them: github/docs "YAML anchors and aliases";
// actions/runner, ObjectTemplating.
func TestReadWorkflow(t *testing.T) {
	const steps = "jobs:\n  r:\n    steps:\n"
	for name, test := range map[string]struct{ yaml, want string }{
		"none":  {"jobs: {r: {steps: [{uses: other/action@v1, with: {targets: x}}]}}", ""},
		"plain": {steps + "      - uses: org/go-static-release@v1\n        with: {targets: a, name: b}\n", "name=b; targets=a"},

		"alias of with":       {"x: &w {targets: a}\n" + steps + "      - {uses: org/go-static-release@v1, with: *w}\n", "targets=a"},
		"alias of a value":    {"x: &t a b\n" + steps + "      - {uses: org/go-static-release@v1, with: {targets: *t}}\n", "targets=a b"},
		"alias of a key":      {"x: &k targets\n" + steps + "      - {uses: org/go-static-release@v1, with: {*k : a}}\n", "targets=a"},
		"alias of a step":     {steps + "      - &s {uses: org/go-static-release@v1, with: {targets: a}}\n  again: {steps: [*s]}\n", "targets=a"},
		"alias of steps":      {"jobs:\n  a: {steps: &s [{uses: org/go-static-release@v1, with: {targets: a}}]}\n  b: {steps: *s}\n", "targets=a"},
		"alias of a job":      {"jobs:\n  a: &j {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}\n  b: *j\n", "targets=a"},
		"alias of jobs":       {"x: &j {a: {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}}\njobs: *j\n", "targets=a"},
		"alias of uses":       {"x: &u org/go-static-release@v1\n" + steps + "      - {uses: *u, with: {targets: a}}\n", "targets=a"},
		"anchored":            {"&d\n" + steps + "      - &s\n        uses: &u org/go-static-release@v1\n        with: &w\n          targets: &t a\n", "targets=a"},
		"an anchor redefined": {"x: &t a\ny: &t b\n" + steps + "      - {uses: org/go-static-release@v1, with: {targets: *t}}\n", "targets=b"},

		"merge key": {"x: &d {targets: a, name: b}\n" + steps + "      - uses: org/go-static-release@v1\n        with:\n          <<: *d\n          name: c\n",
			"name=c; targets=a; W:7: GitHub accepts anchors and aliases, but not merge keys (<<); it will refuse this file"},
		"merge keys": {"x: &d {targets: a}\ny: &e {targets: b, name: c}\n" + steps + "      - {uses: org/go-static-release@v1, with: {<<: [*d, *e]}}\n",
			"name=c; targets=a; W:6: GitHub accepts anchors and aliases, but not merge keys (<<); it will refuse this file"},
		"no merge key": {steps + "      - {uses: org/go-static-release@v1, with: {\"<<\": a}}\n", "<<=a"},

		"block scalars":   {steps + "      - uses: org/go-static-release@v1\n        with:\n          targets: |\n            a\n            b\n          notes: >-\n            one\n            two\n", "notes=one two; targets=a\nb"},
		"quotes":          {steps + "      - {uses: \"org/go-static-release@v1\", with: {'targets': 'a', \"name\": \"1.10\"}}\n", "name=1.10; targets=a"},
		"scalars":         {steps + "      - {uses: org/go-static-release@v1, with: {draft: TRUE, parallelism: 4, cache: no, verify: False, timeout: 0x10, name: 1.10, tag: +1e3, notes: 0o17, release-name: 010}}\n", "cache=no; draft=true; name=1.1; notes=15; parallelism=4; release-name=10; tag=1000; timeout=16; verify=false"},
		"tagged":          {steps + "      - {uses: org/go-static-release@v1, with: {name: !!str 1.10}}\n", "name=1.10"},
		"null":            {steps + "      - {uses: org/go-static-release@v1, with: {files: , targets: ~, name: null, notes: 'null'}}\n", "files=; name=; notes=null; targets="},
		"with null":       {steps + "      - uses: org/go-static-release@v1\n        with:\n", ""},
		"steps null":      {"# go-static-release\njobs:\n  a:\n    steps:\n  b:\n", ""},
		"nothing":         {"# go-static-release\n", ""},
		"an expression":   {steps + "      - {uses: org/go-static-release@v1, with: {targets: \"${{ matrix.t }}\", name: a, token: \"${{ x }}\"}}\n", "name=a; the workflow's targets is an expression that only a runner can evaluate; it is ignored here"},
		"only a runner's": {steps + "      - {uses: org/go-static-release@v1, with: {attach: a, dry-run: false, token: x, command: release, name: a}}\n", "name=a"},

		"another case":              {steps + "      - {uses: Org/Go-Static-Release@v1, with: {Targets: a}}\n", "targets=a"},
		"white space":               {steps + "      - {uses: ' org/go-static-release@v1 ', with: {targets: ' a '}}\n", "targets=a"},
		"another directory":         {steps + "      - {uses: org/go-static-release/sub@v1, with: {targets: a}}\n", ""},
		"an image":                  {steps + "      - {uses: 'docker://org/go-static-release@v1', with: {targets: a}}\n", ""},
		"no version":                {steps + "      - {uses: org/go-static-release, with: {targets: a}}\n", ""},
		"another command":           {steps + "      - {uses: org/go-static-release@v1, with: {command: plan, targets: b}}\n      - {uses: org/go-static-release@v1, with: {targets: a}}\n", "targets=a"},
		"no command":                {steps + "      - {uses: org/go-static-release@v1, with: {command: , targets: a}}\n", "targets=a"},
		"a command of the runner's": {steps + "      - {uses: org/go-static-release@v1, with: {command: \"${{ x }}\", targets: a}}\n", "targets=a"},
		"twice the same":            {steps + "      - {uses: org/go-static-release@v1, with: {targets: a}}\n      - {uses: org/go-static-release@v2, with: {targets: a}}\n", "targets=a"},
		"a reusable workflow": {"on: {workflow_call: {inputs: {t: {type: string}}}}\njobs: {r: {steps: [{uses: org/go-static-release@v1, with: {targets: '${{ inputs.t }}', name: a}}]}}\n",
			"name=a; the workflow's targets is an expression that only a runner can evaluate; it is ignored here"},

		"twice an input":     {steps + "      - uses: org/go-static-release@v1\n        with:\n          targets: a\n          targets: b\n", "error: W:7: \"targets\" is given twice"},
		"twice, other case":  {steps + "      - uses: org/go-static-release@v1\n        with:\n          targets: a\n          Targets: b\n", "error: W:7: the input \"targets\" is given twice"},
		"twice a job":        {"# go-static-release\njobs:\n  a: {}\n  a: {}\n", "error: W:4: \"a\" is given twice"},
		"a sequence":         {steps + "      - uses: org/go-static-release@v1\n        with:\n          targets: [a, b]\n", "error: W:6: targets is not text; write a list as one text, as in targets: 'a b'"},
		"a mapping":          {steps + "      - uses: org/go-static-release@v1\n        with:\n          targets: {a: b}\n", "error: W:6: targets is not text; write a list as one text, as in targets: 'a b'"},
		"with is text":       {steps + "      - uses: org/go-static-release@v1\n        with: a\n", "error: W:5: with is not a mapping"},
		"steps are no list":  {"# go-static-release\njobs: {a: {steps: {}}}\n", "error: W:2: steps is not a list"},
		"a key is a mapping": {steps + "      - uses: org/go-static-release@v1\n        with: {{a: b}: c}\n", "error: W:5: a key of with is not a word"},
		"an unknown anchor":  {"# go-static-release\njobs: *j\n", "error: W: yaml: unknown anchor 'j' referenced"},
		"differently":        {steps + "      - {uses: org/go-static-release@v1, with: {targets: a}}\n      - {uses: org/go-static-release@v1, with: {targets: b}}\n", "error: W:4 and W:5 configure this action differently, and only one of them can be meant"},
	} {
		dir := writeWorkflows(t, map[string]string{".github/workflows/w.yml": test.yaml})
		c, err := readWorkflow(dir)
		got := c.summary()
		if err != nil {
			got = "error: " + strings.TrimPrefix(err.Error(), "reading workflow ")
		}
		if got = strings.ReplaceAll(got, ".github/workflows/w.yml", "W"); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// An action of the repository that a workflow uses may use this one; and may be this one.
func TestReadWorkflowOfLocalActions(t *testing.T) {
	const composite = "runs: {using: composite, steps: [{uses: org/go-static-release@v1, with: {targets: a, name: '${{ inputs.n }}'}}]}\n"
	const note = "targets=a; the workflow's name is an expression that only a runner can evaluate; it is ignored here"
	workflow := func(uses string) string {
		return "jobs: {r: {steps: [{uses: '" + uses + "', with: {name: b}}]}}\n"
	}
	for name, test := range map[string]struct {
		uses  string
		files map[string]string
		want  string
	}{
		"composite":   {"./.github/actions/release", map[string]string{".github/actions/release/action.yml": composite}, note},
		"yaml":        {"./.github/actions/release/", map[string]string{".github/actions/release/action.yaml": composite}, note},
		"two of them": {"./a", map[string]string{"a/action.yml": "runs: {steps: [{uses: ./b}]}\n", "b/action.yml": composite}, note},
		"in a circle": {"./a", map[string]string{"a/action.yml": "runs: {steps: [{uses: ./b}, {uses: ./a}]}\n", "b/action.yml": "runs: {steps: [{uses: ./a}]}\n"}, ""},
		"not used":    {"./b", map[string]string{"a/action.yml": composite}, ""},
		"itself":      {"./", map[string]string{"action.yml": "name: go-static-release\nruns: {steps: [{run: x}]}\n"}, "name=b"},
		"a directory": {"./tools/x", map[string]string{"tools/x/action.yml": "name: go-static-release\n"}, "name=b"},
		"another one": {"./", map[string]string{"action.yml": "name: other # ./\n"}, ""},
		"outside":     {"./../x", map[string]string{"x/action.yml": composite}, ""},
		"broken":      {"./a", map[string]string{"a/action.yml": "# ./\nruns: ["}, "error: a/action.yml: yaml: line 2: did not find expected node content"},
	} {
		test.files[".github/workflows/w.yml"] = workflow(test.uses)
		c, err := readWorkflow(writeWorkflows(t, test.files))
		got := c.summary()
		if err != nil {
			got = "error: " + strings.TrimPrefix(err.Error(), "reading workflow ")
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// The largest files take no more than moments, whatever is in them.
func TestReadWorkflowInTime(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, (maxWorkflow-100)/len(s)) }
	for name, content := range map[string]string{
		"comments":     "# go-static-release\n" + fill("#\n"),
		"dashes":       "# go-static-release\n" + fill("- "),
		"keys":         "# go-static-release\njobs:\n" + fill(" a:\n"),
		"flow":         "# go-static-release\njobs: " + fill("{a: "),
		"anchors":      "# go-static-release\njobs: [" + fill("&a x,") + "]",
		"aliases":      "# go-static-release\nx: &a {}\njobs: [" + fill("*a,") + "]",
		"questions":    "# go-static-release\n" + fill("? "),
		"one scalar":   "# go-static-release\njobs: \"" + fill("\\x00") + "\"",
		"documents":    "# go-static-release\n" + fill("---\n"),
		"many jobs":    "# go-static-release\nx: &s [" + strings.Repeat("{},", 1e5) + "{}]\njobs:\n" + strings.Repeat("  ? a\n  : {steps: *s}\n", 1e4),
		"merges":       "# go-static-release\nx: &m {a: b}\njobs: {<<: [" + fill("*m,") + "]}",
		"merged lists": "# go-static-release\nx: &m [" + strings.Repeat("{},", 1e5) + "{}]\njobs:\n" + strings.Repeat("  - {<<: *m}\n", 1e4),
	} {
		dir := writeWorkflows(t, map[string]string{".github/workflows/w.yml": content[:min(len(content), maxWorkflow)]})
		start := time.Now()
		_, err := readWorkflow(dir)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %s, %v", name, took, err)
		} else {
			t.Logf("%s: %s, %.100v", name, took, err)
		}
	}
}

// FuzzReadWorkflow looks for a file that makes the reader panic, or take long.
func FuzzReadWorkflow(f *testing.F) {
	for _, seed := range []string{
		"", "# go-static-release", "jobs: {r: {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}}",
		"x: &w {targets: a}\njobs: {r: &j {steps: [{uses: org/go-static-release@v1, with: *w}]}, s: *j}",
		"x: &d {<<: *d}\njobs: {<<: [*d, *d]}", "jobs: {r: {steps: [{uses: ./}]}}", "jobs: &j {a: *j}", "---\n---\n", "%YAML 1.2\n---\n!!str a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseDocument("w.yml", data)
		if err != nil {
			return
		}
		r := &workflowReader{bytesLeft: maxWorkflows, localActions: map[string]bool{".": true}}
		start := time.Now()
		_ = r.readJobs(doc) // whatever is wrong with it
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		for _, s := range r.steps {
			for name, v := range s.values {
				if isRunnerOnly(name) || strings.Contains(v.text, "${{") {
					t.Errorf("%s: %q", name, v.text)
				}
			}
		}
	})
}
