package build

import (
	"testing"

	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/build/workspace/gittest"
)

const goMod = "module example.com/tool\n\ngo 1.24\n"

const mainFile = "package main\n\nfunc main() {}\n"

// options returns the options of a workspace in dir. GOFLAGS and settings of "go env -w" on this
// machine do not count.
func options(dir string) workspace.Options {
	return workspace.Options{
		Dir:     dir,
		Environ: append(gittest.Environ(), "GOENV=off", "GOFLAGS="),
		Jobs:    2,
	}
}

// open opens a workspace.
func open(t *testing.T, opts workspace.Options) *workspace.Workspace {
	t.Helper()
	ws, err := workspace.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}
