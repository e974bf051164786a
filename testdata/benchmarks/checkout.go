package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// path returns the path of a file or directory of the run.
func (b *benchmark) path(name string) string { return filepath.Join(b.work, name) }

// source returns the directory of the module in the checkout.
func (b *benchmark) source() string { return filepath.Join(b.path("project"), b.module) }

// out returns the directory that a contestant writes to.
func (b *benchmark) out(c contestant) string { return b.path("out-" + c.name) }

// cache returns the build cache of the contestant that runs.
func (b *benchmark) cache() string { return b.path(fmt.Sprint("cache-", b.caches)) }

// checkout makes a repository of the project.
func (b *benchmark) checkout(ctx context.Context) error {
	switch {
	case b.project == small:
		return b.commitFiles(ctx, smallFiles)
	case b.project == large:
		return b.commitFiles(ctx, largeFiles())
	case strings.Contains(b.project, "@"):
		return b.commitModule(ctx)
	default:
		return b.clone(ctx)
	}
}

// commitFiles makes a repository of a built-in project.
func (b *benchmark) commitFiles(ctx context.Context, files map[string]string) error {
	dir := b.path(b.project)
	if err := writeFiles(dir, files); err != nil {
		return err
	}
	return b.commitDirectory(ctx, dir)
}

// commitModule makes a repository of a module at a version.
func (b *benchmark) commitModule(ctx context.Context) error {
	out, err := output(ctx, b.work, "go", "mod", "download", "-json", b.project)
	if err != nil {
		return err
	}

	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &module); err != nil {
		return fmt.Errorf("reading the output of go mod download: %w", err)
	}

	return b.commitDirectory(ctx, module.Dir)
}

// commitDirectory makes a repository with one commit, which has the files of dir.
func (b *benchmark) commitDirectory(ctx context.Context, dir string) error {
	if err := os.CopyFS(b.source(), os.DirFS(dir)); err != nil {
		return err
	}

	for _, args := range [][]string{
		{"init", "--quiet"},
		{"remote", "add", "origin", "https://github.com/octo/project"}, // GoReleaser requires one, and does not use it
		{"add", "--all"},
		commitArgs("first"),
	} {
		if _, err := output(ctx, b.source(), "git", args...); err != nil {
			return err
		}
	}

	return nil
}

// clone clones the repository that the directory b.project is in.
func (b *benchmark) clone(ctx context.Context) error {
	root, err := output(ctx, b.project, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if _, err := output(ctx, b.work, "git", "clone", "--quiet", "--no-tags", root, b.source()); err != nil {
		return err
	}

	b.module, err = output(ctx, b.project, "git", "rev-parse", "--show-prefix")
	return err
}

// commitArgs returns the arguments of a git commit that needs no settings.
func commitArgs(message string) []string {
	return []string{
		"-c", "user.name=n",
		"-c", "user.email=n@example.com",
		"commit", "--quiet", "--allow-empty", "--message=" + message,
	}
}

// newVersion makes a commit without changes and tags it with a new version.
func (b *benchmark) newVersion(ctx context.Context) error {
	count, err := output(ctx, b.source(), "git", "rev-list", "--count", "HEAD")
	if err != nil {
		return err
	}
	if _, err := output(ctx, b.source(), "git", commitArgs("next")...); err != nil {
		return err
	}
	_, err = output(ctx, b.source(), "git", "tag", "v1.1000."+count)
	return err
}

// packages returns the packages that this program releases, as paths for the other
// contestants, such as ./cmd/age.
func (b *benchmark) packages(ctx context.Context, program string) ([]string, error) {
	out, err := output(ctx, b.source(), program, "plan", "--json", "--no-workflow",
		"--packages="+b.pattern, "--targets=linux/amd64", "--tag=v1.0.0")
	if err != nil {
		return nil, err
	}

	var plan struct {
		Module string
		Builds []struct{ Mains []struct{ ImportPath string } }
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}

	var packages []string
	for _, m := range plan.Builds[0].Mains {
		packages = append(packages, "."+strings.TrimPrefix(m.ImportPath, plan.Module))
	}
	return packages, nil
}
