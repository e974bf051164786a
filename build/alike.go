package build

import (
	"bufio"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mainsAlike reports whether the main packages of the module are the same for every
// target, so that the go command need be asked only once: no file of a package main is
// for some platforms only. It may say no where they are all the same.
//
// With cgo, and in a workspace, which has other modules, it says no.
//
// Source: go.dev/cmd/go, "Build constraints" and "Package lists and patterns".
func (p *Plan) mainsAlike() (alike bool, err error) {
	if p.hasC || p.cgo || p.work != "" {
		return false, nil
	}
	alike = true
	err = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != p.dir && (hidden || name == "testdata" || name == "vendor"):
			return fs.SkipDir
		case d.IsDir() || hidden || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		if constrained, err := p.constrainedMain(path); err != nil || !constrained {
			return err
		}
		alike = false
		return fs.SkipAll
	})
	if err != nil {
		return false, fmt.Errorf("looking for main packages: %w", err)
	}
	return alike, nil
}

// constrainedMain reports whether a source file of a package main may be left out for
// some targets: by its name or by a line before its package clause. The common "ignore"
// leaves it out for all of them.
func (p *Plan) constrainedMain(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // a link that leads nowhere
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	constrained := !forAll(filepath.Base(path))
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadString('\n')
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "package "); ok {
			return constrained && strings.HasPrefix(strings.TrimSpace(name), "main"), nil
		}
		if line == "//go:build ignore" && !slices.Contains(strings.Split(p.Tags, ","), "ignore") {
			return false, nil
		}
		constrained = constrained || strings.HasPrefix(line, "//go:build") || strings.HasPrefix(line, "//") && strings.Contains(line, "+build")
		if err == io.EOF {
			return constrained, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// forAll reports whether a file with this name is for every platform: it is then for one
// that does not exist, too.
func forAll(name string) bool {
	nowhere := build.Context{GOOS: "nowhere", GOARCH: "none", Compiler: "gc", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package main\n")), nil
	}}
	match, err := nowhere.MatchFile("", name)
	return err == nil && match
}
