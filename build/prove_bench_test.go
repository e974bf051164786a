package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// BenchmarkProve proves a program of some 50 MB. It compares the time with a go build that
// only has to link the program, which is the fastest build there is. The program is act, one of the tools in .ci/tools.
//
//	go test ./build -run '^$' -bench Prove
func BenchmarkProve(b *testing.B) {
	tools, err := filepath.Abs(filepath.Join("..", ".ci", "tools"))
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "act")
	var took time.Duration
	for range 2 { // the first one fills the cache
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", path,
			"github.com/nektos/act")
		cmd.Dir, cmd.Env = tools, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if err := os.RemoveAll(path); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Skipf("act cannot be built here: %v\n%s", err, out)
		}
		took = time.Since(start)
	}
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		b.Fatal(err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	ws := &workspace.Workspace{
		LocalDirs: []string{
			strings.TrimSpace(string(root)),
			filepath.Join(home, "go"),
			filepath.Join(home, ".cache"),
			tools,
		},
	}
	p := &Plan{Source: &workspace.Source{}, Go: runtime.Version()}
	bin := Binary{
		Main:   Main{ImportPath: "github.com/nektos/act"},
		Target: target.Target{OS: runtime.GOOS, Arch: runtime.GOARCH},
		Path:   path,
		Size:   fi.Size(),
	}
	b.ReportAllocs()
	for b.Loop() {
		proof, _ := Verify(ws, p, Build{Target: bin.Target}, bin) // it has no commit, which is an error
		if proof == nil || !proof.Static {
			b.Fatalf("%+v", proof)
		}
	}
	b.ReportMetric(float64(fi.Size())/1e6, "MB")
	b.ReportMetric(100*b.Elapsed().Seconds()/float64(b.N)/took.Seconds(), "%ofbuild")
}
