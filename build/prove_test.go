package build

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// Each claim of the plan is compared with the build info, and each difference is named.
func TestBuildInfoIsCompared(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	p := &Plan{
		Go:     "go1.26.8",
		Source: &workspace.Source{Commit: commit},
		Stamps: []workspace.Stamp{{Module: "example.com/tool", Version: "v1.2.3"}},
	}
	b := Build{Tags: "a,b"}
	bin := Binary{
		Main:   Main{ImportPath: "example.com/tool/cmd/tool", Module: "example.com/tool"},
		Target: target.Target{OS: "linux", Arch: "amd64", Level: "v3"},
	}
	right := []debug.BuildSetting{
		{Key: "-trimpath", Value: "true"},
		{Key: "-tags", Value: "a,b"},
		{Key: "CGO_ENABLED", Value: "0"},
		{Key: "GOARCH", Value: "amd64"},
		{Key: "GOOS", Value: "linux"},
		{Key: "GOAMD64", Value: "v3"},
		{Key: "vcs.revision", Value: commit},
		{Key: "vcs.modified", Value: "false"},
	}
	info := func() *debug.BuildInfo {
		return &debug.BuildInfo{
			GoVersion: "go1.26.8 X:jsonv2",
			Path:      "example.com/tool/cmd/tool",
			Main:      debug.Module{Path: "example.com/tool", Version: "v1.2.3"},
			Settings:  slices.Clone(right),
		}
	}
	if wrong := p.checkBuildInfo(b, bin, info()); len(wrong) > 0 {
		t.Fatalf("what is right is called wrong: %q", wrong)
	}
	for i, s := range right {
		for _, value := range []string{"other", ""} {
			changed := info()
			changed.Settings[i].Value = value
			wrong := p.checkBuildInfo(b, bin, changed)
			if value == "" {
				value = "nothing"
			}
			if want := s.Key + ": expected " + s.Value + ", found " + value; len(wrong) != 1 || wrong[0] != want {
				t.Errorf("got %q, expected %q", wrong, want)
			}
		}
	}
	changed := info()
	changed.GoVersion, changed.Path = "go1.25.0", "example.com/other"
	changed.Main = debug.Module{Path: "example.com/other", Version: "v1.2.2"}
	want := "main package: expected example.com/tool/cmd/tool, found example.com/other\n" +
		"main module: expected example.com/tool, found example.com/other\n" +
		"module version: expected v1.2.3, found v1.2.2\n" +
		"toolchain: expected go1.26.8, found go1.25.0"
	if wrong := strings.Join(p.checkBuildInfo(b, bin, changed), "\n"); wrong != want {
		t.Errorf("got %q", wrong)
	}
	experiment := info()
	experiment.Settings = append(experiment.Settings, debug.BuildSetting{Key: "GOEXPERIMENT", Value: "jsonv2"})
	want = "GOEXPERIMENT: expected nothing, found jsonv2"
	if wrong := strings.Join(p.checkBuildInfo(b, bin, experiment), "\n"); wrong != want {
		t.Errorf("got %q", wrong)
	}
	certified := info()
	certified.Settings[1].Value = "a,b,fips140v1.0"
	certified.Settings = append(certified.Settings, debug.BuildSetting{Key: "GOFIPS140", Value: "v1.0.0-c2097c7c"})
	want = "GOFIPS140: expected nothing, found v1.0.0-c2097c7c"
	if wrong := strings.Join(p.checkBuildInfo(b, bin, certified), "\n"); wrong != want {
		t.Errorf("got %q", wrong)
	}

	modified := info()
	modified.Settings[7].Value = "true"
	wrong := p.checkBuildInfo(b, bin, modified)
	if len(wrong) != 1 || !strings.Contains(wrong[0], "git status shows what") {
		t.Errorf("got %q", wrong)
	}
}

// Only the flag -s leaves out the symbol table, and no text that a variable is set to.
func TestLeavesOutSymbols(t *testing.T) {
	for flags, want := range map[string]bool{
		"-s -w":                      true,
		"-w '-s'":                    true,
		"all=-w --s=true":            true,
		"":                           false,
		"-w":                         false,
		"-s=false":                   false,
		"-X 'main.help=try -s here'": false,
		"-X main.flag=-s":            false,
	} {
		if got := leavesOutSymbols(flags); got != want {
			t.Errorf("%s: got %t", flags, got)
		}
	}
}

// A file that is no binary, or a truncated one, is an error and never proved.
func TestVerifyFailsClosed(t *testing.T) {
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{Source: &workspace.Source{}}
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("#!/bin/sh\n"), "half": self[:len(self)/2]} {
		bin := Binary{
			Main:   Main{Name: name},
			Target: target.Target{OS: "linux", Arch: "amd64"},
			Path:   filepath.Join(t.TempDir(), name),
			Size:   int64(len(data)),
		}
		if err := os.WriteFile(bin.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		proof, err := Verify(&workspace.Workspace{}, p, Build{}, bin)
		isProved := proof != nil && proof.Static && len(proof.Differences) == 0
		if err == nil || isProved {
			t.Errorf("%s: %+v, %v", name, proof, err)
		}
	}
}
