package release

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/org/go-static-release/build/workspace"
)

// trustCheckout lets git read the repository that the workflow has checked out. In the
// container of a job it belongs to another user, and what actions/checkout says about
// that is forgotten before the next step (its issue 766). Of a repository outside of the
// workspace git still judges by itself; so does a git before 2.38 of all of them, which
// takes this from files only (git-config(1) of 2.37).
func (p *program) trustCheckout(dir string, getenv func(string) string) {
	if !p.runner.Active() || getenv("GITHUB_WORKSPACE") == "" {
		return
	}
	root, found := workspace.FindRoot(dir)
	checkouts, err := filepath.EvalSymlinks(getenv("GITHUB_WORKSPACE"))
	if !found || err != nil {
		return // who reads it says what is wrong
	}
	if root, err = filepath.EvalSymlinks(root); err != nil { // git compares real paths
		return
	}
	n, err := strconv.Atoi(cmp.Or(getenv("GIT_CONFIG_COUNT"), "0"))
	if rel, relErr := filepath.Rel(checkouts, root); err != nil || relErr != nil || !filepath.IsLocal(rel) {
		return
	}
	p.environ = append(slices.Clip(p.environ), fmt.Sprintf("GIT_CONFIG_COUNT=%d", n+1),
		fmt.Sprintf("GIT_CONFIG_KEY_%d=safe.directory", n), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, filepath.ToSlash(root)))
}
