package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A contestant is a way to make a release of the directory it is run in.
type contestant struct {
	name    string
	command func(targets []string, out string) ([]string, error)
}

const ours = "go-static-release"

// prepare makes the project, this program, and the list of who takes part.
func (b *benchmark) prepare(ctx context.Context) ([]contestant, error) {
	if err := b.checkout(ctx); err != nil {
		return nil, err
	}

	program := b.path(ours + ".exe")
	if _, err := output(ctx, ".", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/org/go-static-release"); err != nil {
		return nil, err
	}

	packages, err := b.packages(ctx, program)
	if err != nil {
		return nil, err
	}

	everyone := []contestant{{ours, func(targets []string, out string) ([]string, error) {
		return []string{program, "--no-workflow", "--archive=tar.gz", "--dist=" + out, "--packages=" + b.pattern, "--targets=" + strings.Join(targets, ",")}, nil
	}}}
	for _, name := range b.against {
		switch name {
		case "sequential", "parallel":
			at := "1"
			if name == "parallel" {
				at = fmt.Sprint(runtime.GOMAXPROCS(0))
			}
			everyone = append(everyone, contestant{name, func(targets []string, out string) ([]string, error) {
				return slices.Concat([]string{"sh", b.path("loop.sh"), at, out, strings.Join(packages, " ")}, targets), nil
			}})
		case "goreleaser":
			path, err := exec.LookPath(name)
			if err != nil {
				fmt.Fprintln(os.Stderr, "goreleaser is not on PATH: nothing is compared with it")
				continue
			}
			everyone = append(everyone, contestant{name, func(targets []string, out string) ([]string, error) {
				config := b.path("goreleaser.yaml")
				err := os.WriteFile(config, goreleaserConfig(packages, targets, out), 0o644)
				return []string{path, "release", "--clean", "--skip=publish,announce,validate", "--config=" + config}, err
			}})
		}
	}

	// Nobody is to download for the others what this machine needs, too.
	if _, err := output(ctx, b.source(), "go", append([]string{"list", "-deps"}, packages...)...); err != nil {
		return nil, err
	}

	return everyone, os.WriteFile(b.path("loop.sh"), []byte(loop), 0o644)
}

// loop is what everybody writes, at its best: one go build for all programs of a target.
// Its arguments: how many at a time, where to, packages, targets.
const loop = `set -eu
at=$1 out=$2 packages=$3
shift 3
version=$(git describe --tags)
mkdir -p "$out"
printf '%s\n' "$@" | xargs -P "$at" -I TARGET sh -euc '
  t=TARGET out=$0
  GOOS=${t%/*} GOARCH=${t#*/} CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$1" -o "$out/bin/$t/" $2
  tar -czf "$out/$(echo "$t" | tr / _).tar.gz" -C "$out/bin/$t" .
' "$out" "$version" "$packages"
cd "$out"
sha256sum -- *.tar.gz >checksums.txt
`

// goreleaserConfig is the configuration of the same release: its defaults, and one build
// for each program.
func goreleaserConfig(packages, targets []string, out string) []byte {
	var y strings.Builder
	fmt.Fprintf(&y, "version: 2\nproject_name: project\ndist: %s\nbuilds:\n", out)
	for _, p := range packages {
		name := filepath.Base(p)
		if p == "." {
			name = "project"
		}

		fmt.Fprintf(&y, "  - id: %s\n    main: %s\n    binary: %s\n    env: [CGO_ENABLED=0]\n    flags: [-trimpath]\n    ldflags: ['-s -w -X main.version={{.Version}}']\n    targets:\n", name, p, name)
		for _, t := range targets {
			fmt.Fprintf(&y, "      - %s\n", strings.ReplaceAll(t, "/", "_"))
		}
	}

	return []byte(y.String())
}

func (b *benchmark) path(name string) string { return filepath.Join(b.work, name) }

// source is the checkout, out where a contestant writes, cache a build cache, which is its
// own as long as its turn lasts.
func (b *benchmark) source() string          { return filepath.Join(b.path("project"), b.module) }
func (b *benchmark) out(c contestant) string { return b.path("out-" + c.name) }
func (b *benchmark) cache() string           { return b.path(fmt.Sprint("cache-", b.caches)) }

// checkout makes a repository of the project, with one commit.
func (b *benchmark) checkout(ctx context.Context) error {
	dir := b.project
	switch {
	case dir == small || dir == large:
		files := smallFiles
		if dir == large {
			files = largeFiles()
		}
		dir = b.path(dir)
		if err := writeFiles(dir, files); err != nil {
			return err
		}
	case strings.Contains(dir, "@"):
		out, err := output(ctx, b.work, "go", "mod", "download", "-json", dir)
		if err != nil {
			return err
		}
		var module struct{ Dir string }
		if err := json.Unmarshal([]byte(out), &module); err != nil {
			return fmt.Errorf("reading the output of go mod download: %w", err)
		}
		dir = module.Dir
	default:
		top, err := output(ctx, dir, "git", "rev-parse", "--show-toplevel")
		if err != nil {
			return err
		}
		if _, err = output(ctx, b.work, "git", "clone", "--quiet", "--no-tags", top, b.source()); err != nil {
			return err
		}
		b.module, err = output(ctx, dir, "git", "rev-parse", "--show-prefix")
		return err
	}

	if err := os.CopyFS(b.source(), os.DirFS(dir)); err != nil {
		return err
	}

	// GoReleaser wants a remote, and asks it nothing.
	for _, args := range [][]string{{"init", "--quiet"}, {"remote", "add", "origin", "https://github.com/octo/project"}, {"add", "--all"}, commitArgs("first")} {
		if _, err := output(ctx, b.source(), "git", args...); err != nil {
			return err
		}
	}

	return nil
}

func commitArgs(message string) []string {
	return []string{"-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "--quiet", "--allow-empty", "--message=" + message}
}

// newVersion makes a commit and its tag: the same sources under a new version.
func (b *benchmark) newVersion(ctx context.Context) error {
	count, err := output(ctx, b.source(), "git", "rev-list", "--count", "HEAD")
	if err == nil {
		_, err = output(ctx, b.source(), "git", commitArgs("next")...)
	}
	if err == nil {
		_, err = output(ctx, b.source(), "git", "tag", "v1.1000."+count)
	}

	return err
}

// packages are those that this program releases, as the others take them: "./cmd/age".
func (b *benchmark) packages(ctx context.Context, program string) ([]string, error) {
	out, err := output(ctx, b.source(), program, "plan", "--json", "--no-workflow", "--packages="+b.pattern, "--targets=linux/amd64", "--tag=v1.0.0")
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

// firstTargets are n platforms that Go builds for without C: those that most releases are
// for, then the others.
func firstTargets(ctx context.Context, n int) ([]string, error) {
	out, err := output(ctx, ".", "go", "tool", "dist", "list")
	if err != nil {
		return nil, err
	}

	targets := []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64", "linux/386", "linux/arm", "freebsd/amd64", "freebsd/arm64"}
	for _, t := range strings.Fields(out) {
		system, _, _ := strings.Cut(t, "/")
		needsC := system == "ios" || system == "android" && t != "android/arm64"
		// GoReleaser has a list of its own, which lacks openbsd/ppc64.
		if !needsC && system != "js" && t != "openbsd/ppc64" && !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}

	if n > len(targets) {
		return nil, fmt.Errorf("-targets: there are %d", len(targets))
	}

	return targets[:n], nil
}

// output runs a command that is not measured.
func output(ctx context.Context, dir string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}

	return strings.TrimSpace(string(out)), err
}
