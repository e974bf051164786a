package report

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/smoke"
	"github.com/org/go-static-release/release/quote"
)

// Text that means something in Markdown, in HTML, to a filter of GitHub's or to a browser.
var foreign = []string{
	"![x](https://evil.example/x.png)", "[x](javascript:alert(1))",
	"<img src=x onerror=alert(1)>", "<!--", "</details>",
	"https://evil.example", "www.evil.example", "www.1evil.example", "mail@evil.example",
	"@octocat", "octo/hello#1", "#1", ":skull:",
	"$x$", "$`x`$", "a|b", `a\|b`, `a\`, "`", "``x``", "a`b|c",
	"```mermaid\ngraph TD\n```", "~~~", "a\n\n# b", "a\n| b | c |",
	"> x", "- x", "1. x", "*x*", "_x_", "&lt;", "&#64;octocat",
	"a\u202eb", "a\x1b[2Jb", " x ", "",
}

// What code and prose may write. Nothing in it is Markdown, and an element breaks what a filter
// could recognize.
var (
	inertSpan  = regexp.MustCompile("^`[^`|\\\\<>*&\n]+`$")
	inertProse = regexp.MustCompile(`^([^\x00-\x1f\x7f]|&#\d+;)*$`)
	ourTags    = strings.NewReplacer("<b></b>", "", "<code>", "", "</code>", "")
	asciiMarks = regexp.MustCompile("[`|\\\\<>*_\\[\\]!~$\\\"'{}]")
	filtered   = regexp.MustCompile(`(?i)@\w|#\w|://|www\.\w|:\w+:`)
)

func FuzzMarkdown(f *testing.F) {
	for _, s := range foreign {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := code(s)
		if inertSpan.MatchString(shown) {
			if strings.Trim(shown, "`") != quote.Line(s) {
				t.Fatalf("%q is shown as %q", s, shown)
			}
		} else {
			checkInert(t, s, shown)
		}
		checkInert(t, s, prose(s))

		text := fenced(s)
		fence, _, _ := strings.Cut(text, "text\n")
		inside := strings.TrimPrefix(text, fence+"text\n")
		if strings.Index(inside, fence) != len(inside)-len(fence) {
			t.Fatalf("%q ends its fence: %q", s, text)
		}
	})
}

func checkInert(t *testing.T, s, shown string) {
	t.Helper()
	text := ourTags.Replace(shown)
	if !inertProse.MatchString(text) || asciiMarks.MatchString(text) {
		t.Fatalf("%q is not inert: %q", s, shown)
	}
	if got := html.UnescapeString(text); got != quote.Line(s) {
		t.Fatalf("%q is read as %q", s, got)
	}

	// A filter reads the text between two tags.
	inside := strings.TrimSuffix(strings.TrimPrefix(shown, "<code>"), "</code>")
	for part := range strings.SplitSeq(inside, "<b></b>") {
		if found := filtered.FindString(html.UnescapeString(part)); found != "" {
			t.Fatalf("%q: a filter finds %q in %q", s, found, shown)
		}
	}
}

func TestLink(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/o/r?a=1&copy=2": "[`x`](https://github.com/o/r?a=1&amp;copy=2)",
		"javascript:alert(1)":               "`x` <code>",
		"data:text/html,x":                  "`x` ",
		"https://u:p@evil.example/":         "`x` ",
		"https://evil.example/)![](x":       "`x` ",
		"https://evil.example/\u202e":       "`x` ",
		"//evil.example":                    "`x` ",
		"https:/x":                          "`x` ",
		"https://evil.example/a b":          "`x` ",
		"":                                  "`x` ",
	} {
		got := link("x", address)
		isLink := strings.Contains(got, "](")
		if got != want && (strings.HasPrefix(want, "[") || isLink) {
			t.Errorf("%q: got %q, expected %q", address, got, want)
		}
	}
}

// Whatever a server, a compiler or a name says, it is text wherever the report is shown.
func TestHostileReport(t *testing.T) {
	for _, s := range foreign {
		r := mixed()
		r.Status = Published
		r.DryRun = false
		r.Why = s
		r.Release = &Release{URL: "javascript:" + s, Public: true}
		r.Errors = []string{s}
		r.Notices = []string{s}
		r.Files[0].URL = "javascript:" + s
		r.Targets[0].Binaries[0].Proof = &build.Proof{
			Claim:       s,
			Warnings:    []problem.Note{{Text: s}},
			Differences: []string{s},
		}
		r.Targets[0].Binaries[0].Smoke = &smoke.Result{
			Ran:     true,
			How:     s,
			Args:    []string{s},
			Said:    s,
			Version: smoke.Missing,
		}
		r.Files = append(r.Files, file(s, 1))

		md := r.Markdown()
		page, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		data, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(md, "](") || strings.Contains(string(page), "href=\"javascript") {
			t.Errorf("%q: a link to a script:\n%s\n%s", s, md, page)
		}
		for where, text := range map[string]string{
			"the summary": md,
			"the page":    string(page),
			"report.json": string(data),
		} {
			if quote.Text(text) != text {
				t.Errorf("%q: %s has something invisible", s, where)
			}
		}
		table, _, _ := strings.Cut(md, "\n**")
		rows := regexp.MustCompile(`(?m)^\|.*$`).FindAllString(table, -1)
		if len(rows) != 8 {
			t.Errorf("%q: %d rows of the table:\n%s", s, len(rows), md)
			continue
		}
		for _, row := range rows {
			if strings.Count(row, "|") != 6 {
				t.Errorf("%q: %s", s, row)
			}
		}
		_, answers, _ := strings.Cut(md, "\n| started | on | prints |\n|---|---|---|\n")
		answers, _, _ = strings.Cut(answers, "\n")
		if strings.Count(answers, "|") != 4 {
			t.Errorf("%q: %s", s, answers)
		}
	}
}
