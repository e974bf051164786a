package cc

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
)

// A Missing is the error of a target that needs a C compiler and has none.
type Missing struct {
	Request
	Reasons []string // for each compiler that was tried
}

func (m *Missing) Error() string {
	return fmt.Sprintf("%s: %s", m.Target, strings.Join(m.Reasons, "; "))
}

// Explain makes one problem of all targets that lack a C compiler, nil if there are none.
func Explain(missing []*Missing) *problem.Problem {
	if len(missing) == 0 {
		return nil
	}

	var lines, packages []string
	for _, m := range missing {
		lines = append(lines, "  "+m.Error())
		for _, path := range m.Packages {
			if !slices.Contains(packages, path) {
				packages = append(packages, path)
			}
		}
	}
	if len(packages) == 0 { // android and ios link with C, whatever is in the program
		packages = []string{"the linker"}
	}

	return &problem.Problem{
		Setting: "cgo",
		Err: fmt.Errorf("there is no C compiler that links statically for these targets (cgo is needed by %s):\n%s",
			strings.Join(packages, ", "), strings.Join(lines, "\n")),
		Remedy: install(missing),
	}
}

// install returns the ways to get the compilers that are missing, and how to try those
// that the user chose.
func install(missing []*Missing) problem.Remedy {
	var ways []problem.Remedy

	if list := packages(missing, debianPackage); list != "" {
		command := "sudo apt-get install -y " + list
		ways = append(ways, problem.On("Debian and Ubuntu", problem.There(
			problem.Step("- run: sudo apt-get update && "+command),
			problem.Run(command),
		)))
	}
	if list := packages(missing, alpinePackage); list != "" {
		ways = append(ways, problem.On("Alpine", stepOrCommand("apk add "+list)))
	}
	if list := packages(missing, brewPackage); list != "" {
		ways = append(ways, problem.On("macOS", stepOrCommand("brew install "+list)))
	}

	needsMac := slices.ContainsFunc(missing, func(m *Missing) bool {
		return m.Target.OS == "darwin" && m.Choice == ""
	})
	if needsMac {
		ways = append(ways, problem.There(
			problem.Advise("runs-on: macos-latest").For("for darwin; zig and mingw-w64 make the others there"),
			problem.Advise("build on macOS, for darwin; zig and mingw-w64 make the others there"),
		))
	}

	for _, m := range missing {
		if m.Choice != "" {
			trial := fmt.Sprintf("echo 'int main(void) { return 0; }' | %s %s -o /tmp/a.out -x c -",
				m.Choice, LinkFlags(m.Target))
			ways = append(ways, problem.Run(trial).For(fmt.Sprintf("what %s has to pass", m.Target)))
		}
	}

	return problem.Lines(ways...)
}

// stepOrCommand returns the remedy of running a command before this one.
func stepOrCommand(command string) problem.Remedy {
	return problem.There(problem.Step("- run: "+command), problem.Run(command))
}

// packages returns the names of the packages to install, each once. Targets whose compiler
// the user chose need none.
func packages(missing []*Missing, packageFor func(*Missing) string) string {
	var names []string
	for _, m := range missing {
		name := packageFor(m)
		if name != "" && m.Choice == "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// debianPackage returns the package of Debian and Ubuntu that has a static C compiler for
// the target, "" if there is none. musl-tools has none for C++.
func debianPackage(m *Missing) string {
	t := m.Target
	native := t.OS == "linux" && t.Arch == runtime.GOARCH
	cpu := strings.ReplaceAll(target.ArchitectureOf(t.Arch).CPU, "_", "-")
	language := "gcc"
	if m.CXX {
		language = "g++"
	}

	suffix, ok := t.ABI("gnu")
	switch {
	case native && m.CXX:
		return "g++"
	case native:
		return "musl-tools"
	case t.OS == "linux" && ok:
		return language + "-" + cpu + "-linux-" + suffix
	case t.OS == "windows" && t.Arch != "arm64":
		return language + "-mingw-w64-" + cpu
	}
	return ""
}

// alpinePackage returns the same for Alpine, where zig is one compiler for all targets.
func alpinePackage(m *Missing) string {
	t := m.Target
	native := t.OS == "linux" && t.Arch == runtime.GOARCH

	switch {
	case native && m.CXX:
		return "g++"
	case native:
		return "gcc musl-dev"
	case t.OS == "windows" && t.Arch == "amd64":
		return "mingw-w64-gcc"
	case t.OS == "windows" && t.Arch == "386":
		return "i686-mingw-w64-gcc"
	case t.OS == "linux", t.OS == "windows":
		return "zig"
	}
	return ""
}

// brewPackage returns the same for Homebrew on macOS.
func brewPackage(m *Missing) string {
	t := m.Target

	switch {
	case t.OS == "windows" && t.Arch != "arm64":
		return "mingw-w64"
	case t.OS == "linux", t.OS == "windows":
		return "zig"
	}
	return ""
}
