package release

import (
	"fmt"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

const sixTargets = "INPUT_TARGETS=linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64"

// refusedModule requires modules that go.sum does not have, and imports many of their packages.
func refusedModule(pkg string) (goMod, source string) {
	var mod, src strings.Builder
	mod.WriteString("module example.com/hello\n\ngo 1.24\n\n")
	fmt.Fprintf(&src, "package %s\n\n", pkg)
	for i := range 40 {
		fmt.Fprintf(&mod, "require example.org/lib%02d v1.0.0\n", i)
		for _, sub := range []string{"", "/a", "/b", "/c"} {
			fmt.Fprintf(&src, "import _ \"example.org/lib%02d%s\"\n", i, sub)
		}
	}
	return mod.String(), src.String()
}

// lines counts lines, without those that are empty.
func lines(text string) (n int) {
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// A mistake in go.sum takes less than 20 lines of the log, once for all targets, and marks the
// import in the workflow run. The plan finds it for all targets, the compiler for those that the
// plan does not look into.
func TestMissingSumsAreShort(t *testing.T) {
	goMod, source := refusedModule("main")

	t.Run("found by the plan", func(t *testing.T) {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		w.write("go.mod", goMod)
		w.write("main.go", source+"\nfunc main() {}\n")
		w.recommit()

		w.run(t.Context(), exitInvalid, sixTargets, "INPUT_COMMAND=release")
		w.said("::error ", "file=main.go,", "missing go.sum entry", "hint: go mod tidy # then commit go.mod and go.sum")
		w.neverSaid("ImportPath", "go get")
		if n := lines(w.out); n >= 20 {
			t.Errorf("%d lines in the log:\n%s", n, w.out)
		}
	})

	t.Run("found by the compiler", func(t *testing.T) {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		w.write("go.mod", "module example.com/hello\n\ngo 1.24\n\nrequire example.org/lib v1.0.0\n")
		w.write("go.sum", "example.org/lib v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
		w.write("more.go", "//go:build !(linux && amd64)\n\npackage main\n\n"+
			"import _ \"example.org/lib\"\nimport _ \"example.org/lib/a\"\n")
		w.recommit()

		w.run(t.Context(), exitFailed, sixTargets, "INPUT_COMMAND=release", "INPUT_DRY_RUN=true")
		w.said("::group::failed: linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64\n", "file=more.go,line=5",
			"hint: go mod tidy # then commit go.mod and go.sum")
		if n := strings.Count(w.out, "hint: "); n > 2 { // the log and the annotation
			t.Errorf("%d hints:\n%s", n, w.out)
		}
		if n := lines(w.out); n >= 20 {
			t.Errorf("%d lines in the log:\n%s", n, w.out)
		}
		summary := w.file("GITHUB_STEP_SUMMARY")
		if n := lines(summary); n >= 20 || len(summary) > 4096 {
			t.Errorf("%d lines, %d bytes in the summary:\n%s", n, len(summary), summary)
		}
	})
}
