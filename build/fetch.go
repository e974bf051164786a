package build

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// fetch downloads the modules that the programs need while the rest of the plan is made,
// if any module is not on this machine yet, and returns a function that waits until it
// has. What cannot be downloaded, or only some targets need, is left to the go build that
// needs it, which says so.
func (p *Plan) fetch(ctx context.Context, spec *Spec) (wait func()) {
	if !spec.Fetch || p.Mod != "readonly" || !lacksModules(p.requires, p.modCache) {
		return func() {}
	}
	packages := spec.Packages
	if len(packages) == 0 {
		packages = []string{".", "./cmd/..."}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		args := append([]string{"list", "-deps", "-e", "-tags=" + spec.Tags, "-f=", "--"}, packages...)
		_, _ = p.goCommand(ctx, nil, args...) // every go build asks again
	}()
	return func() { <-done }
}

// lacksModules reports whether a module that go.mod names is not in the cache. A go.mod
// names all that a build may need (go.dev/ref/mod, "Module graph pruning").
func lacksModules(file *modfile.File, cache string) bool {
	for _, r := range file.Require {
		path, err := module.EscapePath(r.Mod.Path)
		if err != nil {
			continue
		}
		version, err := module.EscapeVersion(r.Mod.Version)
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(cache, filepath.FromSlash(path)+"@"+version)); err != nil {
			return true
		}
	}
	return false
}
