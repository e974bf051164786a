package release

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github/githubtest"
)

// documented are the facts of the release that docs/templates.md uses as an example.
var documented = template.Facts{
	Name:    "tool",
	Version: "1.22.3-rc.1",
	Tag:     "v1.22.3-rc.1",
	Commit:  "0123456789abcdef0123456789abcdef01234567",
	Date:    "2026-01-02T03:04:05Z",
	Go:      "go1.26.8",
	Env: map[string]string{
		"GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_REPOSITORY": "octo/tool",
	},
}

// docs/templates.md names every field, function and variable, and says what templates expand to.
func TestDocumentedTemplates(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "docs", "templates.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)

	own, builtin := template.Functions()
	names := slices.Concat(own, builtin, template.Variables,
		template.Fields(fileFacts{}), template.Fields(listFacts{}))
	for _, name := range names {
		if name == ".Env" {
			name = ".Env.NAME"
		}
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("`%s` is not in docs/templates.md", name)
		}
	}

	type allFacts struct {
		template.Facts
		OS, Arch, Algorithm string
	}
	facts := allFacts{
		Facts:     documented,
		OS:        "linux",
		Arch:      "amd64",
		Algorithm: "sha256",
	}

	// Rows such as | `.Name` | `tool` | and | for | `{{.Name}}` | `tool` |.
	fields := regexp.MustCompile("(?m)^\\| ((?:`\\.\\w+` ?)+)\\| ((?:`[^`]+`,? ?)+)\\|").FindAllStringSubmatch(text, -1)
	recipes := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1)
	examples := map[string]string{} // template -> result
	for _, row := range fields {
		values := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(row[2]))
		for i, field := range strings.Fields(strings.ReplaceAll(row[1], "`", "")) {
			examples["{{"+field+"}}"] = values[i]
		}
	}
	for _, row := range recipes {
		if strings.Contains(row[1], "{{") {
			examples[row[1]] = row[2]
		}
	}
	if len(examples) < 25 {
		t.Fatalf("found only %d examples: %v", len(examples), examples)
	}
	for example, want := range examples {
		got, err := template.Expand(example, facts)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; the page says %q", example, got, err, want)
		}
	}
}

// planNamed returns the plan for a release with checksum lists of the given name.
func planNamed(lists string, algorithms ...string) error {
	p := &Plan{Plan: &build.Plan{
		Name:   "tool",
		Source: &workspace.Source{Version: "1.2.3", Tag: "v1.2.3"},
	}}
	return p.listOutputs(&config.Config{
		ArchiveName:   "{{.Name}}",
		ChecksumsName: lists,
		Checksums:     algorithms,
		Timeout:       time.Hour,
	})
}

// The name of a list must say what it is, because verify finds the lists of a release by their
// names. The remedy is a name that does.
func TestNamesOfLists(t *testing.T) {
	for _, test := range []struct{ name, algorithms, err, remedy string }{
		{name: "checksums.txt", algorithms: "sha256"},
		{name: "{{.Name}}_{{.Version}}_checksums.txt", algorithms: "sha512"},
		{name: "{{.Name}}_{{.Version}}_SHA256SUMS", algorithms: "sha256"},
		{name: "{{upper .Algorithm}}SUMS", algorithms: "sha256 sha512"},
		{name: "checksums.{{.Algorithm}}", algorithms: "sha256 sha512"},
		{name: defaultOf("checksums-name"), algorithms: "sha256 sha512"},

		{
			name:       "checksums.txt",
			algorithms: "sha256 sha512",
			err:        `the lists of sha256 and sha512 digests would both have the name "checksums.txt"`,
			remedy:     "checksums_{{.Algorithm}}.txt",
		},
		{
			name:       "SHA256SUMS",
			algorithms: "sha256 sha512",
			err:        `the lists of sha256 and sha512 digests would both have the name "SHA256SUMS"`,
			remedy:     "{{upper .Algorithm}}SUMS",
		},
		{
			name:       "SHA256SUMS",
			algorithms: "sha512",
			err:        "by its name, SHA256SUMS lists sha256 digests, and not those of sha512",
			remedy:     "{{upper .Algorithm}}SUMS",
		},
		{
			name:       "digests.txt",
			algorithms: "sha256",
			err:        "nothing in the name digests.txt says that the file is a checksum list",
			remedy:     "{{.Name}}_{{.Version}}_checksums.txt",
		},
		{
			name:       "digests-{{.Algorithm}}.list",
			algorithms: "sha256 sha512",
			err:        "nothing in the name digests-sha256.list says that the file is a checksum list",
			remedy:     "{{.Name}}_{{.Version}}_checksums_{{.Algorithm}}.txt",
		},
		{
			name:       "{{.Name}} sums",
			algorithms: "sha256",
			err:        `the checksums: file name "tool sums" would be rewritten by GitHub`,
		},
		{
			name:       "{{.Prerelease}}",
			algorithms: "sha256",
			err:        `the checksums: file name "" would be rewritten by GitHub`,
		},
		{
			name:       "{{.OS}}_checksums.txt",
			algorithms: "sha256",
			err:        "can't evaluate field OS; the fields are",
		},
	} {
		err := planNamed(test.name, strings.Fields(test.algorithms)...)
		if test.err == "" && err != nil || test.err != "" && err == nil {
			t.Errorf("%s for %s: got %v, expected %s", test.name, test.algorithms, err, test.err)
			continue
		}
		if err == nil {
			continue
		}

		if !strings.Contains(err.Error(), test.err) || settingOf(err) != "checksums-name" {
			t.Errorf("%s for %s: got %v, expected %s", test.name, test.algorithms, err, test.err)
		}
		remedy := problem.RemedyOf(err)
		if test.remedy != "" && remedy.Value != test.remedy {
			t.Errorf("%s for %s: got remedy %+v, expected %s", test.name, test.algorithms, remedy, test.remedy)
		}
		if test.remedy != "" {
			if err := planNamed(test.remedy, strings.Fields(test.algorithms)...); err != nil {
				t.Errorf("the remedy %s for %s: %v", test.remedy, test.algorithms, err)
			}
		}
	}
}

// The name of the list, the title and the notes are templates, with variables of the workflow.
// What is published under these names can be verified, as the files that are left can.
func TestPublishTemplates(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.env = append(w.env,
		"GITHUB_RUN_NUMBER=42",
		"INPUT_CHECKSUMS=sha256 sha512",
		"INPUT_CHECKSUMS_NAME={{.Name}}_{{.Version}}_{{upper .Algorithm}}SUMS",
		"INPUT_RELEASE_NAME={{title .Name}} {{.Major}}.{{.Minor}}, build {{.Env.GITHUB_RUN_NUMBER}}",
		"INPUT_NOTES=From {{.ShortCommit}}.",
		"INPUT_VERIFY=true",
	)
	w.run(t.Context(), exitOK)
	w.said("verified as published: 2 executables\n")

	rel := w.gh.Releases()[0]
	if rel.Name != "Hello 1.2, build 42" {
		t.Errorf("the title is %q", rel.Name)
	}
	for _, want := range []string{
		"From " + w.commit[:7] + ".\n",
		"sha256sum --ignore-missing --check hello_1.2.3_SHA256SUMS\n",
		"/releases/download/v1.2.3/hello_1.2.3_SHA256SUMS)",
	} {
		if !strings.Contains(rel.Body, want) {
			t.Errorf("%q is not in the notes:\n%s", want, rel.Body)
		}
	}
	for _, name := range []string{"hello_1.2.3_SHA256SUMS", "hello_1.2.3_SHA512SUMS"} {
		if _, ok := rel.Asset(name); !ok {
			t.Errorf("there is no %s", name)
		}
	}
	if got, want := w.output("checksums"), filepath.Join(w.dist, "hello_1.2.3_SHA256SUMS"); got != want {
		t.Errorf("output checksums: %q, expected %q", got, want)
	}

	// A stranger compares with the lists.
	status, _, log := runVerify(t, w.strangerEnv(), "octo/hello@v1.2.3")
	if status != exitOK || strings.Contains(log, "there is no checksum list") {
		t.Errorf("status %d: %s", status, log)
	}
}

// verify finds the lists in dist/ whatever their names: in the report, and without one by name.
func TestNamedListsInDist(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.env = append(w.env, "INPUT_CHECKSUMS_NAME=SHA256SUMS")

	// A file with the name of a list is attached, so it is none.
	w.write(".gitignore", "/made/\n")
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message=second")
	w.write("made/checksums.txt", "nothing of this release\n")
	w.run(t.Context(), exitOK, "INPUT_DRY_RUN=true", "INPUT_TAG=v1.2.4", "INPUT_ATTACH=made/*")

	verify := func(status int, says string) {
		t.Helper()
		w.run(t.Context(), status, "INPUT_COMMAND=verify")
		w.said(says)
	}
	verify(exitOK, "4 executables, 0 not static")

	other := filepath.Join(w.dist, "other.sha256")
	writeFile(t, other, "nothing of this release\n")
	verify(exitFailed, "other.sha256 is not in the checksum list SHA256SUMS")
	remove(t, other)

	archive := filepath.Join(w.dist, "hello_1.2.4_linux_amd64.tar.gz")
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	data[4] = 1 // the time in the header of gzip
	writeFile(t, archive, string(data))
	verify(exitFailed, "hello_1.2.4_linux_amd64.tar.gz has SHA-256")

	list := filepath.Join(w.dist, "SHA256SUMS")
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, list)
	verify(exitFailed, "comparing SHA256SUMS with the checksums: ")
	writeFile(t, list, string(content))

	remove(t, filepath.Join(w.dist, "checksums.txt"))
	remove(t, filepath.Join(w.dist, "report.json"))
	verify(exitFailed, "hello_1.2.4_linux_amd64.tar.gz has SHA-256")
}

// A run that failed leaves the attached files without a list. One with the name of a list is none.
func TestAttachedListOfFailedRun(t *testing.T) {
	w := newWorkshop(t, "package main\n\nfunc main() { x }\n", githubtest.Options{})
	w.env = append(w.env, "INPUT_CHECKSUMS_NAME=SHA256SUMS")
	w.write("made/checksums.txt", "nothing of this release\n")
	w.run(t.Context(), exitFailed, "INPUT_DRY_RUN=true", "INPUT_ATTACH=made/*")
	if _, err := os.Stat(filepath.Join(w.dist, "checksums.txt")); err != nil {
		t.Fatal(err)
	}

	w.run(t.Context(), exitFailed, "INPUT_COMMAND=verify")
	w.said("no executable in ")
	w.neverSaid("checksums.txt")
}
