//go:build unix

package release

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// In the container of a job the checkout belongs to another user. The program trusts it if it
// is the workspace of the job or lies in it, and no other repository.
func TestCheckoutOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	w := newWorkshop(t, helloSource, githubtest.Options{})
	err := filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 12345, 12345)
	})
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(w.dir, "cmd")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"SUDO_UID=", "INPUT_DRY_RUN=true", "INPUT_TARGETS=linux/amd64"}

	for _, workspace := range []string{w.dir, filepath.Dir(w.dir)} {
		w.run(t.Context(), exitOK, append(env,
			"GITHUB_WORKSPACE="+workspace,
			"GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=a.b",
			"GIT_CONFIG_VALUE_0=c",
		)...)
	}

	for _, workspace := range []string{"", t.TempDir(), below} {
		w.run(t.Context(), exitInvalid, append(env, "GITHUB_WORKSPACE="+workspace)...)
		w.said("git does not trust", "hint: git config --global --add safe.directory ")
	}
}
