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

// writeWorkflows makes a repository with nothing but workflows and actions.
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

// summary returns the configuration on one line: settings, then notes.
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
	use := func(inputs string) string {
		return "      - {uses: org/go-static-release@v1, with: {" + inputs + "}}\n"
	}
	for name, test := range map[string]struct {
		yaml string
		want string
	}{
		"none": {
			yaml: "jobs: {r: {steps: [{uses: other/action@v1, with: {targets: x}}]}}",
			want: "",
		},
		"plain": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with: {targets: a, name: b}\n",
			want: "name=b; targets=a",
		},
		"alias of with": {
			yaml: "x: &w {targets: a}\n" +
				steps +
				"      - {uses: org/go-static-release@v1, with: *w}\n",
			want: "targets=a",
		},
		"alias of a value": {
			yaml: "x: &t a b\n" +
				steps + use("targets: *t"),
			want: "targets=a b",
		},
		"alias of a key": {
			yaml: "x: &k targets\n" +
				steps + use("*k : a"),
			want: "targets=a",
		},
		"alias of a step": {
			yaml: steps +
				"      - &s {uses: org/go-static-release@v1, with: {targets: a}}\n" +
				"  again: {steps: [*s]}\n",
			want: "targets=a",
		},
		"alias of steps": {
			yaml: "jobs:\n" +
				"  a: {steps: &s [{uses: org/go-static-release@v1, with: {targets: a}}]}\n" +
				"  b: {steps: *s}\n",
			want: "targets=a",
		},
		"alias of a job": {
			yaml: "jobs:\n" +
				"  a: &j {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}\n" +
				"  b: *j\n",
			want: "targets=a",
		},
		"alias of jobs": {
			yaml: "x: &j {a: {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}}\n" +
				"jobs: *j\n",
			want: "targets=a",
		},
		"alias of uses": {
			yaml: "x: &u org/go-static-release@v1\n" +
				steps +
				"      - {uses: *u, with: {targets: a}}\n",
			want: "targets=a",
		},
		"anchored": {
			yaml: "&d\n" +
				steps +
				"      - &s\n" +
				"        uses: &u org/go-static-release@v1\n" +
				"        with: &w\n" +
				"          targets: &t a\n",
			want: "targets=a",
		},
		"an anchor redefined": {
			yaml: "x: &t a\n" +
				"y: &t b\n" +
				steps + use("targets: *t"),
			want: "targets=b",
		},
		"merge key": {
			yaml: "x: &d {targets: a, name: b}\n" +
				steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          <<: *d\n" +
				"          name: c\n",
			want: "name=c; targets=a; " +
				"W:7: GitHub accepts anchors and aliases, but not merge keys (<<); it will refuse this file",
		},
		"merge keys": {
			yaml: "x: &d {targets: a}\n" +
				"y: &e {targets: b, name: c}\n" +
				steps + use("<<: [*d, *e]"),
			want: "name=c; targets=a; " +
				"W:6: GitHub accepts anchors and aliases, but not merge keys (<<); it will refuse this file",
		},
		"no merge key": {
			yaml: steps + use("\"<<\": a"),
			want: "<<=a",
		},
		"block scalars": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          targets: |\n" +
				"            a\n" +
				"            b\n" +
				"          notes: >-\n" +
				"            one\n" +
				"            two\n",
			want: "notes=one two; targets=a\nb",
		},
		"quotes": {
			yaml: steps +
				"      - {uses: \"org/go-static-release@v1\", with: {'targets': 'a', \"name\": \"1.10\"}}\n",
			want: "name=1.10; targets=a",
		},
		"scalars": {
			yaml: steps + use("draft: TRUE, parallelism: 4, cache: no, verify: False, timeout: 0x10, "+
				"name: 1.10, tag: +1e3, notes: 0o17, release-name: 010"),
			want: "cache=no; " +
				"draft=true; name=1.1; notes=15; parallelism=4; release-name=10; tag=1000; timeout=16; " +
				"verify=false",
		},
		"tagged": {
			yaml: steps + use("name: !!str 1.10"),
			want: "name=1.10",
		},
		"null": {
			yaml: steps + use("files: , targets: ~, name: null, notes: 'null'"),
			want: "files=; name=; notes=null; targets=",
		},
		"with null": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n",
			want: "",
		},
		"steps null": {
			yaml: "# go-static-release\n" +
				"jobs:\n" +
				"  a:\n" +
				"    steps:\n" +
				"  b:\n",
			want: "",
		},
		"nothing": {
			yaml: "# go-static-release\n",
			want: "",
		},
		"an expression": {
			yaml: steps + use("targets: \"${{ matrix.t }}\", name: a, token: \"${{ x }}\""),
			want: "name=a; " +
				"the workflow's targets is an expression that only a runner can evaluate; it is ignored here",
		},
		"only a runner's": {
			yaml: steps + use("attach: a, dry-run: false, token: x, command: release, name: a"),
			want: "name=a",
		},
		"another case": {
			yaml: steps +
				"      - {uses: Org/Go-Static-Release@v1, with: {Targets: a}}\n",
			want: "targets=a",
		},
		"white space": {
			yaml: steps +
				"      - {uses: ' org/go-static-release@v1 ', with: {targets: ' a '}}\n",
			want: "targets=a",
		},
		"another directory": {
			yaml: steps +
				"      - {uses: org/go-static-release/sub@v1, with: {targets: a}}\n",
			want: "",
		},
		"an image": {
			yaml: steps +
				"      - {uses: 'docker://org/go-static-release@v1', with: {targets: a}}\n",
			want: "",
		},
		"no version": {
			yaml: steps +
				"      - {uses: org/go-static-release, with: {targets: a}}\n",
			want: "",
		},
		"another command": {
			yaml: steps + use("command: plan, targets: b") +
				use("targets: a"),
			want: "targets=a",
		},
		"no command": {
			yaml: steps + use("command: , targets: a"),
			want: "targets=a",
		},
		"a command of the runner's": {
			yaml: steps + use("command: \"${{ x }}\", targets: a"),
			want: "targets=a",
		},
		"twice the same": {
			yaml: steps + use("targets: a") +
				"      - {uses: org/go-static-release@v2, with: {targets: a}}\n",
			want: "targets=a",
		},
		"a reusable workflow": {
			yaml: "on: {workflow_call: {inputs: {t: {type: string}}}}\n" +
				"jobs: {r: {steps: [{uses: org/go-static-release@v1, with: {targets: '${{ inputs.t }}', name: a}}]}}\n",
			want: "name=a; " +
				"the workflow's targets is an expression that only a runner can evaluate; it is ignored here",
		},
		"twice an input": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          targets: a\n" +
				"          targets: b\n",
			want: "error: W:7: \"targets\" is given twice",
		},
		"twice, other case": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          targets: a\n" +
				"          Targets: b\n",
			want: "error: W:7: the input \"targets\" is given twice",
		},
		"twice a job": {
			yaml: "# go-static-release\n" +
				"jobs:\n" +
				"  a: {}\n" +
				"  a: {}\n",
			want: "error: W:4: \"a\" is given twice",
		},
		"a sequence": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          targets: [a, b]\n",
			want: "error: W:6: targets is not text; write a list as one text, as in targets: 'a b'",
		},
		"a mapping": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with:\n" +
				"          targets: {a: b}\n",
			want: "error: W:6: targets is not text; write a list as one text, as in targets: 'a b'",
		},
		"with is text": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with: a\n",
			want: "error: W:5: with is not a mapping",
		},
		"steps are no list": {
			yaml: "# go-static-release\n" +
				"jobs: {a: {steps: {}}}\n",
			want: "error: W:2: steps is not a list",
		},
		"a key is a mapping": {
			yaml: steps +
				"      - uses: org/go-static-release@v1\n" +
				"        with: {{a: b}: c}\n",
			want: "error: W:5: a key of with is not a word",
		},
		"an unknown anchor": {
			yaml: "# go-static-release\n" +
				"jobs: *j\n",
			want: "error: W: yaml: unknown anchor 'j' referenced",
		},
		"differently": {
			yaml: steps + use("targets: a") +
				use("targets: b"),
			want: "error: W:4 and W:5 configure this action differently, and only one of them can be meant",
		},
	} {
		dir := writeWorkflows(t, map[string]string{".github/workflows/w.yml": test.yaml})
		c, err := readWorkflow(dir)
		got := c.summary()
		if err != nil {
			got = "error: " + strings.TrimPrefix(err.Error(), "reading workflow ")
		}

		got = strings.ReplaceAll(got, ".github/workflows/w.yml", "W")
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// An action of the repository that a workflow uses may use this action, or be this action.
func TestReadWorkflowOfLocalActions(t *testing.T) {
	const composite = "runs:\n" +
		"  using: composite\n" +
		"  steps: [{uses: org/go-static-release@v1, with: {targets: a, name: '${{ inputs.n }}'}}]\n"
	const fromComposite = "targets=a; " +
		"the workflow's name is an expression that only a runner can evaluate; it is ignored here"
	workflow := func(uses string) string {
		return "jobs: {r: {steps: [{uses: '" + uses + "', with: {name: b}}]}}\n"
	}
	for name, test := range map[string]struct {
		uses  string
		files map[string]string
		want  string
	}{
		"composite": {
			uses:  "./.github/actions/release",
			files: map[string]string{".github/actions/release/action.yml": composite},
			want:  fromComposite,
		},
		"yaml": {
			uses:  "./.github/actions/release/",
			files: map[string]string{".github/actions/release/action.yaml": composite},
			want:  fromComposite,
		},
		"two of them": {
			uses: "./a",
			files: map[string]string{
				"a/action.yml": "runs: {steps: [{uses: ./b}]}\n",
				"b/action.yml": composite,
			},
			want: fromComposite,
		},
		"in a circle": {
			uses: "./a",
			files: map[string]string{
				"a/action.yml": "runs: {steps: [{uses: ./b}, {uses: ./a}]}\n",
				"b/action.yml": "runs: {steps: [{uses: ./a}]}\n",
			},
			want: "",
		},
		"not used": {
			uses:  "./b",
			files: map[string]string{"a/action.yml": composite},
			want:  "",
		},
		"itself": {
			uses:  "./",
			files: map[string]string{"action.yml": "name: go-static-release\nruns: {steps: [{run: x}]}\n"},
			want:  "name=b",
		},
		"a directory": {
			uses:  "./tools/x",
			files: map[string]string{"tools/x/action.yml": "name: go-static-release\n"},
			want:  "name=b",
		},
		"another one": {
			uses:  "./",
			files: map[string]string{"action.yml": "name: other # ./\n"},
			want:  "",
		},
		"outside": {
			uses:  "./../x",
			files: map[string]string{"x/action.yml": composite},
			want:  "",
		},
		"broken": {
			uses:  "./a",
			files: map[string]string{"a/action.yml": "# ./\nruns: ["},
			want:  "error: a/action.yml: yaml: line 2: did not find expected node content",
		},
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

// The largest files are read within moments, whatever is in them.
func TestReadWorkflowInTime(t *testing.T) {
	const mention = "# go-static-release\n"
	fill := func(s string) string { return strings.Repeat(s, (maxWorkflow-100)/len(s)) }
	longList := "[" + strings.Repeat("{},", 1e5) + "{}]\n"
	for name, content := range map[string]string{
		"comments":     mention + fill("#\n"),
		"dashes":       mention + fill("- "),
		"keys":         mention + "jobs:\n" + fill(" a:\n"),
		"flow":         mention + "jobs: " + fill("{a: "),
		"anchors":      mention + "jobs: [" + fill("&a x,") + "]",
		"aliases":      mention + "x: &a {}\njobs: [" + fill("*a,") + "]",
		"questions":    mention + fill("? "),
		"one scalar":   mention + "jobs: \"" + fill("\\x00") + "\"",
		"documents":    mention + fill("---\n"),
		"many jobs":    mention + "x: &s " + longList + "jobs:\n" + strings.Repeat("  ? a\n  : {steps: *s}\n", 1e4),
		"merges":       mention + "x: &m {a: b}\njobs: {<<: [" + fill("*m,") + "]}",
		"merged lists": mention + "x: &m " + longList + "jobs:\n" + strings.Repeat("  - {<<: *m}\n", 1e4),
	} {
		content = content[:min(len(content), maxWorkflow)]
		dir := writeWorkflows(t, map[string]string{".github/workflows/w.yml": content})

		start := time.Now()
		_, err := readWorkflow(dir)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %s, %v", name, took, err)
		} else {
			t.Logf("%s: %s, %.100v", name, took, err)
		}
	}
}

// FuzzReadWorkflow looks for a file that makes the reader panic or take long.
func FuzzReadWorkflow(f *testing.F) {
	for _, seed := range []string{
		"",
		"# go-static-release",
		"jobs: {r: {steps: [{uses: org/go-static-release@v1, with: {targets: a}}]}}",
		"x: &w {targets: a}\njobs: {r: &j {steps: [{uses: org/go-static-release@v1, with: *w}]}, s: *j}",
		"x: &d {<<: *d}\njobs: {<<: [*d, *d]}",
		"jobs: {r: {steps: [{uses: ./}]}}",
		"jobs: &j {a: *j}",
		"---\n---\n",
		"%YAML 1.2\n---\n!!str a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseDocument("w.yml", data)
		if err != nil {
			return
		}

		r := &workflowReader{
			bytesLeft:    maxWorkflows,
			localActions: map[string]bool{".": true},
		}
		start := time.Now()
		_ = r.readJobs(doc) // most inputs are invalid
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
