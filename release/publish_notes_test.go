package release

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Generated notes begin at the previous version of the module, which a shallow clone does not
// have, and not at the nearest tag.
func TestNotesOfModule(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.write("sub/go.mod", "module example.com/hello/sub\n\ngo 1.24\n")
	w.write("sub/main.go", helloSource)
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message=second")
	w.git("tag", "sub/v1.2.3")
	head := strings.TrimSpace(w.git("rev-parse", "HEAD"))

	for _, tag := range []string{"v1", "v1.2.2", "v1.2.3-rc.1", "sub/v0.1.0", "sub/v0.1.1-rc.1"} {
		w.gh.MoveTag(tag, w.commit)
	}
	w.gh.MoveTag("sub/v1.2.3", head)

	w.run(t.Context(), exitOK,
		"GITHUB_REF=refs/tags/sub/v1.2.3",
		"GITHUB_SHA="+head,
		"INPUT_DIRECTORY="+filepath.Join(w.dir, "sub"),
	)
	w.git("checkout", "--quiet", "v1.2.3")
	w.run(t.Context(), exitOK)

	all := w.gh.Releases()
	for i, compared := range []string{
		"/compare/sub/v0.1.0...sub/v1.2.3\n",
		"/compare/v1.2.2...v1.2.3\n",
	} {
		if i >= len(all) || !strings.Contains(all[i].Body, compared) {
			t.Errorf("%q is not in the notes of %+v", compared, all)
		}
	}
}
