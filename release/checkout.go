package release

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/org/go-static-release/build/workspace"
)

// trustCheckout lets git read the repository that the workflow has checked out.
//
// In the container of a job it belongs to another user, so git refuses it. actions/checkout
// tells git to trust it, but the next step does not know that (actions/checkout#766). For a
// repository outside the runner's workspace git decides by itself. So does a git before 2.38
// for every repository, because it reads this setting from files only (git-config(1) of 2.37).
func (p *program) trustCheckout(dir string, getenv func(string) string) {
	if !p.runner.Active() || getenv("GITHUB_WORKSPACE") == "" {
		return
	}

	root, found := workspace.FindRoot(dir)
	if !found {
		return // opening the repository will say so
	}
	root, err := filepath.EvalSymlinks(root) // git compares real paths
	if err != nil {
		return
	}
	runnerWorkspace, err := filepath.EvalSymlinks(getenv("GITHUB_WORKSPACE"))
	if err != nil {
		return
	}
	rel, err := filepath.Rel(runnerWorkspace, root)
	if err != nil || !filepath.IsLocal(rel) {
		return
	}

	count, err := strconv.Atoi(cmp.Or(getenv("GIT_CONFIG_COUNT"), "0"))
	if err != nil {
		return // git will say so
	}
	p.environ = append(slices.Clip(p.environ),
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", count+1),
		fmt.Sprintf("GIT_CONFIG_KEY_%d=safe.directory", count),
		fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count, filepath.ToSlash(root)),
	)
}
