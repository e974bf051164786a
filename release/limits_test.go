package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"

	"github.com/org/go-static-release/build/problem"

	"github.com/org/go-static-release/build"
)

// The setting that is blamed is the one to change.
func TestTooManyAttached(t *testing.T) {
	for _, test := range []struct {
		targets, attached int
		want              string
	}{{1, 999, "attach"}, {999, 1, "attach"}, {1000, 1, "targets"}} {
		p := &Plan{Plan: &build.Plan{Name: "tool"}}
		for i := range test.targets {
			p.Builds = append(p.Builds, build.Build{Target: target.Target{OS: "linux", Arch: fmt.Sprint("a", i)}})
			p.Outputs = append(p.Outputs, output.Output{Name: fmt.Sprint("tool_", i, ".zip"), Kind: output.Archive})
		}
		for i := range test.attached {
			p.Attach = append(p.Attach, workspace.AttachedFile{Path: fmt.Sprint("manual_", i), Size: 1})
			p.Outputs = append(p.Outputs, output.Output{Name: fmt.Sprint("manual_", i), Kind: output.Attached})
		}
		p.Outputs = append(p.Outputs, output.Output{Name: "checksums.txt", Kind: output.Checksums})

		var problem *problem.Problem
		if err := p.checkOutputs(&config.Config{Checksums: []string{"sha256"}, Timeout: time.Hour}); !errors.As(err, &problem) || problem.Setting != test.want {
			t.Errorf("%d targets, %d attached: %v, expected %s", test.targets, test.attached, err, test.want)
		}
	}
}

// More files than a release takes, or than GitHub takes within the timeout, are refused
// before anything is compiled or sent.
func TestTooManyFiles(t *testing.T) {
	for _, test := range []struct {
		targets int // each with one file; the checksums are one more
		publish bool
		timeout time.Duration
		want    string // of the error
	}{
		{999, false, time.Hour, ""},
		{1000, false, time.Hour, "the release would have 1001 files, but GitHub allows at most 1000"},
		{999, true, 3 * time.Hour, ""},
		{999, true, time.Hour, "uploading 1000 files takes at least 2h0m0s, because GitHub accepts 80 a minute " +
			"and 500 an hour, but the timeout is 1h0m0s"},
		{60, true, 2 * time.Minute, ""},
	} {
		p := &Plan{Plan: &build.Plan{Name: "tool"}, Publish: test.publish}
		for i := range test.targets {
			p.Builds = append(p.Builds, build.Build{Target: target.Target{OS: "linux", Arch: fmt.Sprint("a", i)}})
			p.Outputs = append(p.Outputs, output.Output{Name: fmt.Sprint("tool_", i, ".zip"), Kind: output.Archive})
		}
		p.Outputs = append(p.Outputs, output.Output{Name: "checksums.txt", Kind: output.Checksums})
		err := p.checkOutputs(&config.Config{Checksums: []string{"sha256"}, Timeout: test.timeout})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%d files in %s: %v", test.targets+1, test.timeout, err)
		}
	}
}
