package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/output"
)

func file(name string, size int64) File {
	return File{
		Artifact: output.Artifact{
			Output: output.Output{
				Name: name,
				Kind: output.Archive,
			},
			Size: size,
			Sums: map[string]string{"sha256": strings.Repeat("ab", 32)},
		},
	}
}

// mixed returns a run in which two targets failed with the same error, one failed with another,
// one was cancelled, and one is complete.
func mixed() *Report {
	archive := file("tool_x.tar.gz", 1500)
	archive.Target = "linux/amd64"
	tool := Binary{
		Name:  "tool",
		Size:  1,
		Proof: &build.Proof{Static: true, Claim: "static"},
	}
	const syntaxError = "a.go:1:1: ```` <script>alert(1)</script>"

	return &Report{
		Schema: Schema,
		Status: Failed,
		Why:    "refs/heads/a|b is not a tag",
		DryRun: true,
		Name:   "tool",
		Module: "example.com/tool",
		Go:     "go1.26.8",
		Source: &workspace.Source{
			Version: "1.2.3",
			Commit:  "c0ffee",
			Time:    time.Unix(0, 0).UTC(),
			Dir:     ".",
		},
		Targets: []Target{
			{Target: "linux/amd64", Status: OK, Binaries: []Binary{tool}},
			{Target: "linux/arm64", Status: Failed, Error: syntaxError},
			{Target: "windows/amd64", Status: Cancelled, Error: Cancelled},
			{Target: "darwin/arm64", Status: Failed, Error: syntaxError},
			{Target: "linux/386", Status: Failed, Error: "other"},
		},
		Files:  []File{archive},
		Errors: []string{"disk full | *really*"},
	}
}

func TestFailuresAreMergedInPlanOrder(t *testing.T) {
	r := mixed()

	f := r.Failures()
	if len(f) != 2 || strings.Join(f[0].Targets, " ") != "linux/arm64 darwin/arm64" || f[1].Error != "other" {
		t.Errorf("%+v", f)
	}
	if n := r.Unfinished(); n != 4 {
		t.Errorf("%d unfinished", n)
	}

	want := []string{
		"linux/arm64: a.go:1:1: ```` <script>alert(1)</script>",
		"windows/amd64: cancelled",
		"darwin/arm64: a.go:1:1: ```` <script>alert(1)</script>",
		"linux/386: other",
		"disk full | *really*",
	}
	if got := r.Err().Error(); got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	if got := r.Headline(); got != "tool 1.2.3 failed: 1 of 5 targets are complete, nothing was published" {
		t.Errorf("got %q", got)
	}
}

// Foreign text stays text, in Markdown and in HTML.
func TestForeignTextIsInert(t *testing.T) {
	md := mixed().Markdown()
	for _, want := range []string{
		"`````text\na.go:1:1: ```` <script>alert(1)</script>\n`````", // a longer fence
		`refs/heads/a&#124;b is not a tag`, `disk full &#124; &#42;really&#42;`,
		"| linux/amd64 | static | `tool_x.tar.gz` | 1.5 kB | `abab",
		"| windows/amd64 | **cancelled** |",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("%q is not in:\n%s", want, md)
		}
	}
	page, err := mixed().HTML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(page), "<script>") || !strings.Contains(string(page), "&lt;script&gt;") {
		t.Errorf("%s", page)
	}
}

func TestSummaryFitsGitHub(t *testing.T) {
	r := mixed()
	r.Targets[4].Error = strings.Repeat("ü", 1<<20)
	md := r.Markdown()
	const cut = "ü\n[cut; report.json has all of it]\n```\n\n</details>\n"
	if len(md) > maxFenced+4096 || !strings.HasSuffix(md, cut) || strings.ContainsRune(md, '\uFFFD') {
		t.Errorf("%d bytes, ends with %q", len(md), md[len(md)-60:])
	}

	for range 20 {
		r.Errors = append(r.Errors, strings.Repeat("x\n", maxFenced))
	}
	md = r.Markdown()
	if len(md) > 1<<20 || !strings.HasSuffix(md, "\n```\n\n\nCut at GitHub's limit; report.json has all of it.\n") {
		t.Errorf("%d bytes, ends with %q", len(md), md[len(md)-100:])
	}
}

// Wherever a person may look, it says that a program is not static.
func TestNotStaticIsLoud(t *testing.T) {
	r := mixed()
	r.Status = DryRun
	r.Targets = r.Targets[:1]
	r.Errors = nil
	r.Targets[0].Binaries = append(r.Targets[0].Binaries, Binary{
		Name: "toold",
		Size: 1,
		Proof: &build.Proof{
			Claim:       "static",
			Differences: []string{"needs libc.so.6"},
		},
	})

	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{
		"the row":      r.Targets[0].Row(r.Files),
		"the headline": r.Headline(),
		"the summary":  r.Markdown(),
		"the page":     string(page),
	} {
		if !strings.Contains(strings.ToLower(text), "not static") {
			t.Errorf("%s does not say it: %s", where, text)
		}
	}
	if got := r.NotStatic(); len(got) != 1 || got[0] != "linux/amd64 toold: needs libc.so.6" {
		t.Errorf("%q", got)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	data, err := mixed().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	again, err := back.JSON()
	if err != nil || string(again) != string(data) {
		t.Errorf("%v:\n%s\n%s", err, data, again)
	}
}
