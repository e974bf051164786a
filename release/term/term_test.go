package term_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/report"
	"github.com/org/go-static-release/release/term"
)

// forged is foreign text that tries to look like messages of this program.
const forged = "x.c:1: warning\nerror: forged\nhint: forged\n"

// A finished lane, with a file that was uploaded.
var (
	lane = report.Target{
		Target: "linux/amd64",
		Status: report.OK,
		Binaries: []report.Binary{{
			Name:  "tool",
			Proof: &build.Proof{Static: true, Claim: "static"},
		}},
		Seconds: report.Seconds{Wait: 90, Compile: 1.5, Prove: 0.25, Pack: 0.25},
	}
	files = []report.File{{
		Artifact: output.Artifact{
			Output: output.Output{Name: "tool.tar.gz"},
			Size:   1500,
		},
		Upload: publish.Uploaded,
	}}
)

const laneRow = "ok         linux/amd64              2.0s  static                 tool.tar.gz (1.5 kB) uploaded\n"

// printed returns what is printed for an event. In a workflow foreign text is grouped.
func printed(e report.Event, workflow bool) string {
	var b bytes.Buffer
	var group func(title, text string)
	if workflow {
		group = func(title, text string) { fmt.Fprintf(&b, "[%s|%s]\n", title, text) }
	}
	term.NewLines(&b, group).Event(e)
	return b.String()
}

func TestEvents(t *testing.T) {
	noisy := lane
	noisy.Output = forged
	failed := report.Target{
		Target:  "windows/amd64",
		Status:  report.Failed,
		Error:   forged,
		Seconds: report.Seconds{Compile: 1},
	}
	const failedRow = "failed     windows/amd64            1.0s\n"

	for name, test := range map[string]struct {
		event    report.Event
		want     string
		workflow string // "" if it is the same
	}{
		"a step begins": {
			event: report.Event{Target: "linux/amd64", Step: report.Compile, State: report.Started},
		},
		"a step ends": {
			event: report.Event{Target: "linux/amd64", Step: report.Put, State: report.Done},
		},
		"a lane ends": {
			event: report.Event{
				Target: "linux/amd64",
				Step:   report.Lane,
				State:  report.Done,
				Lane:   &lane,
				Files:  files,
			},
			want: laneRow,
		},
		"a lane ends, and the compiler printed something": {
			event: report.Event{
				Target: "linux/amd64",
				Step:   report.Lane,
				State:  report.Done,
				Lane:   &noisy,
				Files:  files,
			},
			want:     laneRow + "linux/amd64:\n  x.c:1: warning\n  error: forged\n  hint: forged\n",
			workflow: laneRow + "[linux/amd64|" + forged + "]\n",
		},
		"a lane fails": {
			event: report.Event{
				Target: "windows/amd64",
				Step:   report.Lane,
				State:  report.Failing,
				Lane:   &failed,
			},
			want: failedRow, // the reason follows as a failure
		},
		"a failure": {
			event: report.Event{
				Step:  report.Run,
				State: report.Failing,
				Failure: &report.Failure{
					Targets: []string{"linux/amd64", "linux/arm64"},
					Error:   forged,
				},
			},
			want: "failed: linux/amd64 linux/arm64:\n" +
				"  x.c:1: warning\n  error: forged\n  hint: forged\n",
			workflow: "[failed: linux/amd64 linux/arm64|" + forged + "]\n",
		},
		"a failure with a hint": {
			event: report.Event{
				Step:  report.Run,
				State: report.Failing,
				Failure: &report.Failure{
					Targets: []string{"linux/amd64"},
					Error:   "no compiler",
					Hint:    "cgo: static\ntags: musl",
				},
			},
			want:     "failed: linux/amd64:\n  no compiler\nhint: cgo: static\ntags: musl\n",
			workflow: "[failed: linux/amd64|no compiler]\nhint: cgo: static\ntags: musl\n",
		},
		"a note": {
			event: report.Event{Step: report.Run, State: report.Note, Text: "one\ntwo"},
			want:  "note: one\n  two\n",
		},
		"a warning": {
			event: report.Event{Step: report.Run, State: report.Warning, Text: "one\ntwo"},
			want:  "warning: one\n  two\n",
		},
		"waiting": {
			event: report.Event{Step: report.Put, State: report.Waiting, Text: "waiting 10s\ntwo"},
			want:  "waiting 10s\n  two\n",
		},
		"a headline": {
			event: report.Event{Step: report.Run, State: report.Headline, Text: "dry run: no tag\nerror: x"},
			want:  "dry run: no tag\n  error: x\n",
		},
		"a prominent warning": {
			event: report.Event{Step: report.Run, State: report.Prominent, Text: "NOT STATIC:\ntool"},
			want:  "NOT STATIC:\n  tool\n",
		},
	} {
		if got := printed(test.event, false); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}

		want := test.want
		if test.workflow != "" {
			want = test.workflow
		}
		if got := printed(test.event, true); got != want {
			t.Errorf("%s, in a workflow: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A title cannot begin a line of its own.
func TestForeignTitle(t *testing.T) {
	event := report.Event{
		Failure: &report.Failure{
			Targets: []string{"a\nerror: b"},
			Error:   "x",
		},
	}
	if got, want := printed(event, false), "failed: a\\nerror: b:\n  x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every line of a message but the first is indented, and there is no empty line after it. A
// hint is printed as it is.
func TestPrintAndHint(t *testing.T) {
	var b bytes.Buffer
	lines := term.NewLines(&b, nil)

	lines.Print("error: %s", "one\ntwo\n\n")
	lines.Hint("--cgo static\n--tags musl")
	lines.Hint("")

	want := "error: one\n  two\nhint: --cgo static\n--tags musl\n"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
