package release

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/gotooltest"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/org/go-static-release/build/workspace/gittest"
)

// TestMain makes this test binary play three parts: the tests, the program when a script calls
// it, and the go command when it is on PATH under that name.
func TestMain(m *testing.M) {
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == "go" {
		os.Exit(fakeGo())
	}

	testscript.Main(m, map[string]func(){
		"go-static-release": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the program with the real compiler. Each script has one subject.
func TestScripts(t *testing.T) {
	p := testscript.Params{
		Dir:                 filepath.Join("..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, gittest.Settings...)
			e.Vars = append(e.Vars, "GOFLAGS=", "GOTOOLCHAIN=local")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"commit": cmdCommit,
			"status": cmdStatus,
			"same":   cmdSame,
		},
	}
	if err := gotooltest.Setup(&p); err != nil {
		t.Fatal(err)
	}

	// gotooltest sets GOPATH to a directory of the script, which would be in the checkout here.
	setup := p.Setup
	gopath := newGoPath(t)
	p.Setup = func(e *testscript.Env) error {
		err := setup(e)
		e.Setenv("GOPATH", gopath)
		return err
	}

	testscript.Run(t, p)
}

// cmdCommit implements the command "commit [tag...]". It commits everything in the current
// directory, which it makes a repository if it is none, and tags the commit.
func cmdCommit(ts *testscript.TestScript, neg bool, tags []string) {
	if neg {
		ts.Fatalf("commit does not fail")
	}

	if _, err := os.Stat(ts.MkAbs(".git")); err != nil {
		ts.Check(ts.Exec("git", "init", "--quiet", "--initial-branch=main"))
	}
	ts.Check(ts.Exec("git", "add", "--all"))
	ts.Check(ts.Exec("git", "commit", "--quiet", "--allow-empty", "--message=change"))
	for _, tag := range tags {
		ts.Check(ts.Exec("git", "tag", tag))
	}
}

// cmdStatus implements the command "status N args...". It runs the program, which must exit
// with status N. It must not leave temporary files behind, nor anything else where nothing was
// started.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N [args...]")
	}

	directories := []string{ts.Getenv("TMPDIR")}
	if args[0] == "2" {
		directories = append(directories, ts.MkAbs("."))
	}
	before := filesIn(ts, directories)

	got := "exit status 0"
	if err := ts.Exec("go-static-release", args[1:]...); err != nil {
		got = err.Error()
	}
	if got != "exit status "+args[0] {
		ts.Fatalf("got %s, expected %s", got, args[0])
	}

	if diff := cmp.Diff(before, filesIn(ts, directories)); diff != "" {
		ts.Fatalf("what it left behind or removed (-before +after):\n%s", diff)
	}
}

// filesIn returns the names of the files in some directories.
func filesIn(ts *testscript.TestScript, directories []string) (names []string) {
	for _, dir := range directories {
		entries, err := os.ReadDir(dir)
		ts.Check(err)
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// cmdSame implements the command "same A B". It fails unless the two directories hold the same
// files with the same bytes. Only the timings in report.json may differ.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same A B")
	}

	if diff := diffTrees(ts.MkAbs(args[0]), ts.MkAbs(args[1])); diff != "" {
		ts.Fatalf("%s", diff)
	}
}
