package build

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/org/go-static-release/build/workspace"
)

// refusePointers returns a problem if a file that a program embeds is only a pointer of Git LFS.
// It looks at the packages of the repository, which a checkout with Git LFS changes.
func (g graph) refusePointers(ctx context.Context, ws *workspace.Workspace) error {
	var files []string
	for _, n := range g {
		if n.Standard {
			continue
		}
		for _, name := range n.EmbedFiles {
			files = append(files, filepath.Join(n.Dir, filepath.FromSlash(name)))
		}
	}

	slices.Sort(files)
	return ws.RefusePointers(ctx, "embedded", slices.Compact(files))
}
