package report

import (
	"strings"
	"testing"

	"github.com/org/go-static-release/build/smoke"
)

// asked returns the result of a program that was asked for its version.
func asked(said string, version smoke.Version) *smoke.Result {
	return &smoke.Result{
		Ran:     true,
		Args:    []string{"--version"},
		Said:    said,
		Version: version,
	}
}

// answering returns a run in which one program says its version on two targets only.
func answering() *Report {
	r := mixed()
	tool := r.Targets[0].Binaries[0]
	r.Targets = nil
	for target, result := range map[string]*smoke.Result{
		"linux/amd64":   asked("tool 1.2.3", smoke.Stated),
		"windows/amd64": asked("tool 1.2.3", smoke.Stated),
		"linux/arm64":   asked("tool dev", smoke.Missing),
		"plan9/386":     {How: "not run: this is linux/amd64"},
		"js/wasm":       nil,
	} {
		b := tool
		b.Smoke = result
		if target == "windows/amd64" {
			b.Name += ".exe"
		}
		r.Targets = append(r.Targets, Target{Target: target, Status: OK, Binaries: []Binary{b}})
	}
	return r
}

func TestAnswers(t *testing.T) {
	answers := answering().Answers()
	if len(answers) != 2 {
		t.Fatalf("%+v", answers)
	}
	for _, a := range answers {
		want := "prints: tool 1.2.3"
		n := 2
		if a.Version == smoke.Missing {
			want = "prints: tool dev"
			n = 1
		}
		if a.Command() != "tool --version" || a.Words() != want || len(a.Targets) != n {
			t.Errorf("%+v", a)
		}
	}
}

// A version that is missing is a warning for a tag, and else a note.
func TestMissingVersions(t *testing.T) {
	const want = "tool --version does not print the version 1.2.3; it prints: tool dev"
	r := answering()
	notes := r.MissingVersions()
	if len(notes) != 1 || notes[0].Text != want || len(r.Warnings()) > 0 {
		t.Errorf("without a tag: notes %+v, warnings %+v", notes, r.Warnings())
	}

	r.Source.Tag = "v1.2.3"
	warnings := r.Warnings()
	if len(warnings) != 1 || warnings[0].Text != want || len(r.MissingVersions()) > 0 {
		t.Errorf("with a tag: notes %+v, warnings %+v", r.MissingVersions(), warnings)
	}
}

func TestStarted(t *testing.T) {
	ran := Binary{Smoke: &smoke.Result{Ran: true}}
	notRun := Binary{Smoke: &smoke.Result{}}
	none := Binary{}
	for want, binaries := range map[string][]Binary{
		"":               {none, none},
		"started":        {none, ran, ran},
		"not run":        {notRun, none},
		"1 of 2 started": {none, ran, notRun},
	} {
		target := Target{Binaries: binaries}
		if got := strings.TrimSpace(target.Started()); got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
}
