package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"
)

// planOf returns a plan with an archive for each target, attached files, and checksums.
func planOf(targets, attached int) *Plan {
	p := &Plan{Plan: &build.Plan{Name: "tool"}}
	for i := range targets {
		p.Builds = append(p.Builds, build.Build{
			Target: target.Target{OS: "linux", Arch: fmt.Sprint("a", i)},
		})
		p.Outputs = append(p.Outputs, output.Output{
			Name: fmt.Sprint("tool_", i, ".zip"),
			Kind: output.Archive,
		})
	}

	for i := range attached {
		name := fmt.Sprint("manual_", i)
		p.Attach = append(p.Attach, workspace.AttachedFile{Path: name, Size: 1})
		p.Outputs = append(p.Outputs, output.Output{Name: name, Kind: output.Attached})
	}

	p.Outputs = append(p.Outputs, output.Output{Name: "checksums.txt", Kind: output.Checksums})
	return p
}

// An error about too many files names the setting that adds most of them.
func TestTooManyAttached(t *testing.T) {
	for _, test := range []struct {
		targets  int
		attached int
		want     string // the setting
	}{
		{1, 999, "attach"},
		{999, 1, "attach"},
		{1000, 1, "targets"},
	} {
		cfg := &config.Config{Checksums: []string{"sha256"}, Timeout: time.Hour}
		err := planOf(test.targets, test.attached).checkOutputs(cfg)

		var p *problem.Problem
		if !errors.As(err, &p) || p.Setting != test.want {
			t.Errorf("%d targets, %d attached: %v, expected %s", test.targets, test.attached, err, test.want)
		}
	}
}

// More files than a release may have, or than GitHub accepts within the timeout, are refused
// before anything is compiled or sent.
func TestTooManyFiles(t *testing.T) {
	for _, test := range []struct {
		targets int // each has one file; the checksums are one more
		publish bool
		timeout time.Duration
		want    string // in the error
	}{
		{
			targets: 999,
			timeout: time.Hour,
		},
		{
			targets: 1000,
			timeout: time.Hour,
			want:    "the release would have 1001 files, but GitHub allows at most 1000",
		},
		{
			targets: 999,
			publish: true,
			timeout: 3 * time.Hour,
		},
		{
			targets: 999,
			publish: true,
			timeout: time.Hour,
			want: "uploading 1000 files takes at least 2h0m0s, because GitHub accepts 80 a minute " +
				"and 500 an hour, but the timeout is 1h0m0s",
		},
		{
			targets: 60,
			publish: true,
			timeout: 2 * time.Minute,
		},
	} {
		p := planOf(test.targets, 0)
		p.Publish = test.publish
		cfg := &config.Config{Checksums: []string{"sha256"}, Timeout: test.timeout}

		err := p.checkOutputs(cfg)
		if test.want == "" {
			if err != nil {
				t.Errorf("%d files in %s: %v", test.targets+1, test.timeout, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d files in %s: %v, expected %q", test.targets+1, test.timeout, err, test.want)
		}
	}
}
