package build

import (
	"bufio"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
)

// mainsAlike reports whether the main packages of the module are the same for every
// target, so that the go command need be asked only once: no file of a package main is
// for some platforms only. It may say no where they are all the same.
//
// With cgo, and in a workspace, which has other modules, it says no; and where packages
// are named that no wildcard matches.
//
// Source: go.dev/cmd/go, "Build constraints" and "Package lists and patterns".
func (p *Plan) mainsAlike(patterns []string) (alike bool, err error) {
	if p.hasC || p.cgo || p.work != "" || slices.ContainsFunc(patterns, unmatched) {
		return false, nil
	}
	alike = true
	err = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && path != p.dir && unmatched(name):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !hiddenGo(name)
		if !source && d.Type().IsRegular() {
			return nil
		}
		fi, err := os.Stat(path)
		if err == nil && fi.IsDir() && len(patterns) > 0 { // a link: no wildcard follows it, but who names it does
			alike = false
			return fs.SkipAll
		}
		// What cannot be read is named by the go command, if it is asked for it.
		if !source || err != nil || !fi.Mode().IsRegular() {
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

// hiddenGo reports whether the go command sees no file or directory of that name.
func hiddenGo(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// unmatched reports whether a directory in a path is one that wildcards do not match.
func unmatched(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool {
		return hiddenGo(name) && strings.Trim(name, ".") != "" || name == "testdata" || name == "vendor"
	})
}

// maxHead is how many bytes of a source file are searched for its package clause.
const maxHead = 1 << 20

// constrainedMain reports whether a source file of a package main may be left out for
// some targets: by its name or by a line before its package clause. The common "ignore"
// leaves it out for all of them.
func (p *Plan) constrainedMain(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|door.DoNotWait, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	constrained, comment := !forAll(filepath.Base(path)), false
	head := &io.LimitedReader{R: f, N: maxHead}
	for r := bufio.NewReader(head); ; {
		line, err := r.ReadString('\n')
		if err == io.EOF && head.N == 0 {
			return true, nil // the package clause may follow; the go command will see
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if comment = comment || strings.HasPrefix(line, "/*"); comment && err == nil {
			comment = !strings.Contains(line, "*/")
			continue
		}
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
