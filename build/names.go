package build

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// majorVersion is a path element such as v2, which names no program.
// Source: cmd/go/internal/load isVersionElement.
var majorVersion = regexp.MustCompile(`^v([2-9]|[1-9][0-9]+)$`)

// binaryName returns the name that go build gives the program of a main package.
// Source: cmd/go/internal/load DefaultExecName.
func binaryName(importPath string) string {
	dir, elem := path.Split(importPath)
	if dir != "" && majorVersion.MatchString(elem) {
		return path.Base(path.Clean(dir))
	}
	return elem
}

// moduleName returns the project's name if the user gave none: the last element of the
// module path without a major version. It is the same in every clone and fork,
// which the name of a repository or of a directory is not.
func moduleName(modulePath string) string {
	prefix, _, ok := module.SplitPathVersion(modulePath)
	if !ok {
		prefix = modulePath
	}
	return path.Base(prefix)
}

// genericNames are directories that hold the source of a program without naming it. Their
// parents do, and in the end the module does: cmd/main.go of github.com/docker/compose is
// compose.
//
// The value says whether the name can be a program's if the better one is taken. A module may
// have one program in its root and another one in cmd/cli, but nothing should be cmd.exe.
var genericNames = map[string]bool{
	"app":  true,
	"cli":  true,
	"cmd":  false,
	"main": false,
	"src":  false,
}

// programName returns the name of the program of a main package in a module.
func programName(importPath, modulePath string) string {
	for importPath != modulePath && strings.HasPrefix(importPath, modulePath+"/") {
		name := binaryName(importPath)
		if _, isGeneric := genericNames[name]; !isGeneric {
			return name
		}

		if majorVersion.MatchString(path.Base(importPath)) {
			importPath = path.Dir(importPath)
		}
		importPath = path.Dir(importPath)
		if importPath == modulePath {
			return moduleName(modulePath)
		}
	}
	return binaryName(importPath)
}

// nameMains names the programs of all builds, each the same for every target. It keeps the
// names that the user chose with a pattern.
func nameMains(builds []Build, modulePath string, patterns []pattern) {
	isChosen := func(name string) bool {
		return slices.ContainsFunc(patterns, func(p pattern) bool { return p.name == name })
	}
	better := map[string]string{} // import path -> name
	users := map[string]int{}     // name in lower case -> how many programs would have it
	for _, b := range builds {
		for _, m := range b.Mains {
			if _, seen := better[m.ImportPath]; seen {
				continue
			}

			name := m.Name
			if !isChosen(name) {
				name = programName(m.ImportPath, modulePath)
			}
			better[m.ImportPath] = name
			users[strings.ToLower(name)]++
		}
	}

	for _, b := range builds {
		for i, m := range b.Mains {
			name := better[m.ImportPath]
			if users[strings.ToLower(name)] == 1 || !genericNames[m.Name] {
				b.Mains[i].Name = name
			}
		}
	}
}

// checkProgramName fails if a program cannot have that name on every system.
func checkProgramName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name of the program is empty")
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q is no name of a program: it has a separator of directories", name)
	case strings.HasPrefix(name, "."), strings.HasPrefix(name, "-"):
		return fmt.Errorf("%q is no name of a program: it begins with %q", name, name[:1])
	case strings.HasSuffix(name, "."), strings.HasSuffix(name, " "):
		return fmt.Errorf("%q is no name of a program: Windows removes the last character", name)
	case strings.HasSuffix(strings.ToLower(name), ".exe"), strings.HasSuffix(strings.ToLower(name), ".wasm"):
		return fmt.Errorf("%q is no name of a program: targets that need the suffix %s add it",
			name, path.Ext(name))
	case door.IsReserved(name):
		return fmt.Errorf("%q is no name of a program: Windows reserves it", name)
	}

	for _, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`<>:"|?*`, r) {
			return fmt.Errorf("%q is no name of a program: it contains %q", name, r)
		}
	}
	return nil
}

// checkNames finds main packages whose programs would be written over one another, and names
// that no file can have.
func checkNames(mains []Main) (ps problem.List) {
	first := map[string]Main{}
	for _, m := range mains {
		if err := checkProgramName(m.Name); err != nil {
			ps.AddWith("packages", problem.Set("packages", "NAME="+m.pattern()), "%s: %w", m.ImportPath, err)
			continue
		}

		// Two names that differ only in case are one file on Windows and macOS.
		key := strings.ToLower(m.Name)
		other, taken := first[key]
		if !taken {
			first[key] = m
			continue
		}

		remedy := problem.Set("packages", distinctNames(mains)).For("names them differently")
		if len(ps) > 0 {
			remedy = problem.Remedy{} // the first one is for all of them
		}
		ps.AddWith("packages", remedy, "main packages %s and %s would both be written as %s",
			other.ImportPath, m.ImportPath, m.Name)
	}
	return ps
}

// distinctNames returns patterns for main packages that give them different names. Of several
// programs of one name the first keeps it, and the others are named after their parent
// directories as well: the program of cmd/b/tool becomes b-tool.
func distinctNames(mains []Main) string {
	taken := map[string]bool{}
	for _, m := range mains {
		taken[strings.ToLower(m.Name)] = true
	}
	isFree := func(name string) bool { return !taken[strings.ToLower(name)] && checkProgramName(name) == nil }

	var patterns []string
	seen := map[string]bool{}
	for _, m := range mains {
		name := m.Name
		if seen[strings.ToLower(name)] {
			name = path.Base(path.Dir(m.ImportPath)) + "-" + m.Name
			for n := 2; !isFree(name); n++ {
				name = fmt.Sprintf("%s-%d", m.Name, n)
			}
			taken[strings.ToLower(name)] = true
		}
		seen[strings.ToLower(name)] = true

		pattern := m.pattern()
		if name != binaryName(m.ImportPath) {
			pattern = name + "=" + pattern
		}
		patterns = append(patterns, pattern)
	}
	return strings.Join(patterns, " ")
}
