package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A contestant is a way to make a release.
type contestant struct {
	name string

	// command returns the command that makes a release in out. It runs in the checkout.
	command func(targets []string, out string) ([]string, error)
}

const ours = "go-static-release"

// prepare makes the checkout and builds this program, and returns the contestants.
func (b *benchmark) prepare(ctx context.Context) ([]contestant, error) {
	if err := b.checkout(ctx); err != nil {
		return nil, err
	}

	program := b.path(ours + ".exe")
	_, err := output(ctx, ".",
		"go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/org/go-static-release")
	if err != nil {
		return nil, err
	}
	packages, err := b.packages(ctx, program)
	if err != nil {
		return nil, err
	}

	contestants := []contestant{b.thisProgram(program)}
	for _, name := range b.against {
		switch name {
		case "sequential":
			contestants = append(contestants, b.loop(name, 1, packages))
		case "parallel":
			contestants = append(contestants, b.loop(name, runtime.GOMAXPROCS(0), packages))
		case "goreleaser":
			path, err := exec.LookPath(name)
			if err != nil {
				fmt.Fprintln(os.Stderr, "goreleaser is not on PATH: nothing is compared with it")
				continue
			}
			contestants = append(contestants, b.goreleaser(path, packages))
		}
	}

	// Download the modules that are missing here, or the first contestant would have to.
	list := append([]string{"list", "-deps"}, packages...)
	if _, err := output(ctx, b.source(), "go", list...); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path("loop.sh"), []byte(loopScript), 0o644); err != nil {
		return nil, err
	}

	return contestants, nil
}

func (b *benchmark) thisProgram(path string) contestant {
	command := func(targets []string, out string) ([]string, error) {
		return []string{
			path,
			"--no-workflow",
			"--archive=tar.gz",
			"--dist=" + out,
			"--packages=" + b.pattern,
			"--targets=" + strings.Join(targets, ","),
		}, nil
	}

	return contestant{ours, command}
}

// loop returns a contestant that runs loopScript, with a number of builds at a time.
func (b *benchmark) loop(name string, parallel int, packages []string) contestant {
	command := func(targets []string, out string) ([]string, error) {
		script := []string{"sh", b.path("loop.sh"), fmt.Sprint(parallel), out, strings.Join(packages, " ")}
		return append(script, targets...), nil
	}

	return contestant{name, command}
}

// loopScript is the best version of what people write: one go build for all programs of a
// target. Its arguments are the number of builds at a time, the directory for the files,
// the packages in one argument, and the targets.
const loopScript = `set -eu
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

func (b *benchmark) goreleaser(path string, packages []string) contestant {
	command := func(targets []string, out string) ([]string, error) {
		config := b.path("goreleaser.yaml")
		if err := os.WriteFile(config, goreleaserConfig(packages, targets, out), 0o644); err != nil {
			return nil, err
		}
		return []string{
			path,
			"release",
			"--clean",
			"--skip=publish,announce,validate",
			"--config=" + config,
		}, nil
	}

	return contestant{"goreleaser", command}
}

// goreleaserConfig returns the configuration for the same release: GoReleaser's defaults,
// with one build for each program.
func goreleaserConfig(packages, targets []string, out string) []byte {
	var y strings.Builder
	fmt.Fprintf(&y, "version: 2\nproject_name: project\ndist: %s\nbuilds:\n", out)

	for _, p := range packages {
		name := filepath.Base(p)
		if p == "." {
			name = "project"
		}

		fmt.Fprintf(&y, "  - id: %s\n    main: %s\n    binary: %s\n", name, p, name)
		fmt.Fprintf(&y, "    env: [CGO_ENABLED=0]\n    flags: [-trimpath]\n")
		fmt.Fprintf(&y, "    ldflags: ['-s -w -X main.version={{.Version}}']\n    targets:\n")
		for _, t := range targets {
			fmt.Fprintf(&y, "      - %s\n", strings.ReplaceAll(t, "/", "_"))
		}
	}

	return []byte(y.String())
}

// firstTargets returns n platforms that Go builds for without C: first those that most
// releases are for, then the others.
func firstTargets(ctx context.Context, n int) ([]string, error) {
	out, err := output(ctx, ".", "go", "tool", "dist", "list")
	if err != nil {
		return nil, err
	}

	targets := []string{
		"linux/amd64",
		"linux/arm64",
		"darwin/amd64",
		"darwin/arm64",
		"windows/amd64",
		"windows/arm64",
		"linux/386",
		"linux/arm",
		"freebsd/amd64",
		"freebsd/arm64",
	}
	for _, t := range strings.Fields(out) {
		if !slices.Contains(targets, t) && buildsForAll(t) {
			targets = append(targets, t)
		}
	}
	if n > len(targets) {
		return nil, fmt.Errorf("-targets: there are %d", len(targets))
	}

	return targets[:n], nil
}

// buildsForAll reports whether all contestants can build for a target.
func buildsForAll(target string) bool {
	system, _, _ := strings.Cut(target, "/")

	switch {
	case system == "ios", system == "android" && target != "android/arm64":
		return false // needs C
	case system == "js":
		return false
	case target == "openbsd/ppc64":
		return false // not in GoReleaser's list
	}

	return true
}

// output runs a command that is not measured, and returns its output.
func output(ctx context.Context, dir string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr

	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
