package build

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// embedTarget returns the file or directory that a pattern of //go:embed names, or the
// directory in which a pattern with wildcards looks.
func embedTarget(dir, pattern string) string {
	name := strings.TrimPrefix(pattern, "all:")
	for strings.ContainsAny(name, `*?[\`) {
		name = path.Dir(name)
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// ignoreRule returns the rule that makes git ignore what a generator would write to target, as
// "FILE:LINE: PATTERN", "" if there is none.
func (l *loader) ignoreRule(ctx context.Context, target string) string {
	name := l.ws.InRoot(target)
	args := []string{"check-ignore", "--verbose", "--no-index", "--", name}
	for _, file := range []string{"x.go", "x.pb.go", "x_gen.go", "index.html"} {
		args = append(args, name+"/"+file)
	}

	out, err := l.ws.RunGit(ctx, args...)
	if err != nil { // exit status 1: no rule matches
		return ""
	}
	first, _, _ := strings.Cut(out, "\n")
	rule, _, _ := strings.Cut(first, "\t")
	file, rest, _ := strings.Cut(rule, ":")
	line, pattern, ok := strings.Cut(rest, ":")
	if !ok || strings.HasPrefix(pattern, "!") {
		return ""
	}
	return file + ":" + line + ": " + pattern
}

// A generatedKind is a kind of what generators make.
type generatedKind int

const (
	goPackage    generatedKind = iota
	embeddedFile               // or a directory of them
)

// A missing is a file or a directory of the module that a generator probably makes.
type missing struct {
	path string // on disk
	kind generatedKind
	rule string // that makes git ignore it, "" if none does
}

// makeRemedy returns what to do about what is missing: make it, and commit it or say that the
// commit need not have it.
func (l *loader) makeRemedy(list []missing) problem.Remedy {
	var lines []problem.Remedy
	var unknown, patterns, committed []string
	for _, m := range list {
		name := l.ws.InRoot(m.path)
		command, dir := l.generator(m.path, m.kind)
		if command == "" {
			unknown = append(unknown, name)
		} else if create := l.runIn(dir, command); !containsRemedy(lines, create) {
			lines = append(lines, create)
		}

		pattern := generatedPattern(name, l.ws.ModuleDir())
		if path.Ext(pattern) == "" {
			pattern += "/**"
		}
		switch {
		case m.rule == "":
			committed = append(committed, problem.ShellWord(":/"+name))
		case !slices.Contains(l.generated, pattern) && !slices.Contains(patterns, pattern):
			patterns = append(patterns, pattern)
		}
	}

	if len(unknown) > 0 {
		const most = 3
		lines = append(lines, problem.Advise(
			"make "+problem.FirstNames(unknown, most)+" in a step before this one, if it is generated"))
	}
	if len(patterns) > 0 {
		list := strings.Join(joinPatterns(patterns), " ")
		lines = append(lines, problem.Set("generated", list).For("files that the commit need not have"))
	}
	if len(committed) > 0 {
		all := strings.Join(committed[:min(maxNamed, len(committed))], " ")
		lines = append(lines, problem.Run("git add "+all+" && git commit"))
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return problem.Lines(lines...)
}

// containsRemedy reports whether a list has a remedy.
func containsRemedy(list []problem.Remedy, r problem.Remedy) bool {
	return slices.ContainsFunc(list, func(other problem.Remedy) bool {
		return reflect.DeepEqual(other, r)
	})
}

// joinPatterns replaces patterns such as gen/a/** by one for the directory that they share, if
// there are many and they share one.
func joinPatterns(patterns []string) []string {
	if len(patterns) <= maxNamed {
		return patterns
	}

	shared := path.Dir(strings.TrimSuffix(patterns[0], "/**"))
	for _, pattern := range patterns {
		for !strings.HasPrefix(pattern, shared+"/") && shared != "." {
			shared = path.Dir(shared)
		}
	}
	if shared == "." || strings.HasPrefix(shared, "..") {
		return patterns
	}
	return []string{shared + "/**"}
}

// runIn is the remedy of running a command in a directory of the repository.
func (l *loader) runIn(dir, command string) problem.Remedy {
	name := l.ws.InRoot(dir)
	if name == "." {
		return problem.There(problem.Step("- run: "+command), problem.Run(command))
	}
	return problem.There(
		problem.Step("- {run: "+command+", working-directory: "+strconv.Quote(name)+"}"),
		problem.Run("(cd "+problem.ShellWord(dir)+" && "+command+")"),
	)
}

// generator returns the command that probably makes a file or a directory, and the directory to
// run it in: what a go:generate directive says, the build script of a front-end, or the
// configuration of a well-known generator. The command is "" if there is none.
func (l *loader) generator(target string, kind generatedKind) (command, dir string) {
	if dir := l.generateDirective(target); dir != "" && fitsOnLine(dir) {
		rel, err := filepath.Rel(l.ws.Dir, dir)
		if err == nil {
			return "go generate ./" + strings.TrimPrefix(filepath.ToSlash(rel), "."), l.ws.Dir
		}
	}

	if !fitsOnLine(target) {
		return "", ""
	}
	for dir := filepath.Dir(target); door.Within(l.ws.Root, dir); dir = filepath.Dir(dir) {
		if kind == embeddedFile {
			if command := frontEndBuild(dir); command != "" {
				return command, dir
			}
			continue
		}
		for _, g := range wellKnownGenerators {
			if isRegular(filepath.Join(dir, g.file)) {
				return g.command, dir
			}
		}
	}
	return "", ""
}

// wellKnownGenerators are generators of Go code with the file that configures each.
var wellKnownGenerators = []struct{ file, command string }{
	{"buf.gen.yaml", "buf generate"},
	{"sqlc.yaml", "sqlc generate"},
	{"sqlc.yml", "sqlc generate"},
	{"sqlc.json", "sqlc generate"},
	{"gqlgen.yml", "go run github.com/99designs/gqlgen generate"},
}

// frontEndBuild returns the command that builds the front-end in a directory, "" if its
// package.json has no script for that.
func frontEndBuild(dir string) string {
	data, err := door.ReadRegular(filepath.Join(dir, "package.json"), workspace.MaxSource)
	if err != nil {
		return ""
	}
	var manifest struct{ Scripts map[string]string }
	if json.Unmarshal(data, &manifest) != nil || manifest.Scripts["build"] == "" {
		return ""
	}

	switch {
	case isRegular(filepath.Join(dir, "pnpm-lock.yaml")):
		return "corepack enable && pnpm install --frozen-lockfile && pnpm run build"
	case isRegular(filepath.Join(dir, "yarn.lock")):
		return "corepack enable && yarn install --frozen-lockfile && yarn run build"
	case isRegular(filepath.Join(dir, "package-lock.json")):
		return "npm ci && npm run build"
	}
	return "npm install && npm run build"
}

// directive matches a go:generate directive (go help generate).
var directive = regexp.MustCompile(`(?m)^//go:generate (.+)$`)

// generateDirective returns the directory of the go:generate directive that probably makes
// target: one that names it, or one beside it or in its parent. It is "" if there is none.
func (l *loader) generateDirective(target string) (found string) {
	beside := ""
	base := []byte(filepath.Base(target))
	err := filepath.WalkDir(l.ws.Dir, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // the go command does not read it either
		case d.IsDir() && file != l.ws.Dir && ignoredByWildcards(d.Name()):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go":
			return nil
		}

		data, err := door.ReadRegular(file, workspace.MaxSource)
		if err != nil {
			return nil
		}
		dir := filepath.Dir(file)
		for _, m := range directive.FindAllSubmatch(data, -1) {
			if bytes.Contains(m[1], base) {
				found = dir
				return fs.SkipAll
			}
			if dir == target || dir == filepath.Dir(target) {
				beside = dir
			}
		}
		return nil
	})
	if err != nil { // never: the function returns no other error
		return ""
	}
	if found == "" {
		return beside
	}
	return found
}

// isRegular reports whether a path is a regular file.
func isRegular(file string) bool {
	fi, err := os.Stat(file)
	return err == nil && fi.Mode().IsRegular()
}
