package dist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// CheckPlace returns a problem if dir is inside a repository by its name, but a link leads out
// of the repository, because the link may have come with the repository. It also refuses a
// directory in git's own directory. Unlike Check it follows links above dir.
func CheckPlace(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return unusable("locating %s: %w", dir, err)
	}
	root, found := workspace.FindRoot(filepath.Dir(abs))
	if !found {
		return nil
	}

	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return unusable("locating %s: %w", dir, err)
	}
	existing, err := nearestExisting(abs, root)
	if err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(existing)
	if err != nil {
		return unusable("locating %s: %w", dir, err)
	}

	switch {
	case !door.Within(realRoot, resolved):
		p := unusable("%s is a link that leads out of the repository, to %s", dir, resolved)
		p.Remedy = problem.Set("dist", filepath.Join(resolved, strings.TrimPrefix(abs, existing)))
		return p

	case door.Within(filepath.Join(realRoot, ".git"), resolved):
		p := unusable("%s is in git's own directory", dir)
		p.Remedy = problem.Set("dist", "dist-release")
		return p
	}

	return nil
}

// nearestExisting returns dir, or the nearest directory above it, up to root, that exists. dir
// will be created there. A link that leads nowhere is a problem, because creating dir would
// follow it.
func nearestExisting(dir, root string) (string, error) {
	for dir != root {
		_, err := filepath.EvalSymlinks(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			break // the caller finds any other error
		}

		if _, err := os.Lstat(dir); err == nil {
			return "", unusable("%s is a link that leads nowhere", dir)
		}
		dir = filepath.Dir(dir)
	}

	return dir, nil
}

// unusable returns a problem with the setting dist.
func unusable(format string, args ...any) *problem.Problem {
	return &problem.Problem{
		Setting: "dist",
		Err:     fmt.Errorf(format, args...),
	}
}
