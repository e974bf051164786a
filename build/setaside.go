package build

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// noteSetAside notes, once, which variables do not count because only settings decide what is
// built, and which settings do the same.
func (p *Plan) noteSetAside(variables []workspace.Variable) {
	var shown []string
	var settings []problem.Remedy
	for _, v := range variables {
		text, remedies := p.setAside(v)
		if text == "" {
			continue
		}
		if v.Saved {
			text += " (go env -w)"
		}
		shown = append(shown, text)
		settings = append(settings, remedies...)
	}

	var remedy problem.Remedy
	if len(settings) > 0 {
		remedy = problem.Lines(settings...)
	}
	if len(shown) > 0 {
		p.note(remedy, "only settings decide what is built, and not %s", strings.Join(shown, ", "))
	}
}

// setAside returns a variable as the note shows it, "" if it would change nothing, and the
// settings that do the same. Values that may hold anything are not shown.
func (p *Plan) setAside(v workspace.Variable) (shown string, settings []problem.Remedy) {
	exact := v.Name + "=" + v.Value
	arch, defaultLevel := archOfLevel(v.Name)

	switch {
	case v.Name == "GOFLAGS":
		return setAsideFlags(v.Value)

	case v.Name == "GOOS":
		if v.Value == runtime.GOOS {
			return "", nil
		}
		return exact, []problem.Remedy{problem.Set("targets", v.Value+"/*")}
	case v.Name == "GOARCH":
		if v.Value == runtime.GOARCH {
			return "", nil
		}
		return exact, []problem.Remedy{problem.Set("targets", "*/"+v.Value)}
	case arch != "":
		if v.Value == defaultLevel {
			return "", nil
		}
		return exact, []problem.Remedy{problem.Set("targets", fmt.Sprintf("linux/%s/%s", arch, v.Value))}

	case v.Name == "CGO_ENABLED":
		if v.Value == "1" && !p.Cgo {
			return exact, []problem.Remedy{problem.Set("cgo", "static")}
		}
		return "", nil
	case v.Name == "CC" && p.Cgo:
		return v.Name, []problem.Remedy{problem.Set("cc", fmt.Sprintf("linux/%s=%s", runtime.GOARCH, v.Value))}
	case slices.Contains(compilerVariables, v.Name) && !p.Cgo:
		return "", nil // nothing contains C

	case v.Name == "GO111MODULE" && v.Value != "off", v.Name == "GOBIN":
		return "", nil
	}
	return v.Name, nil
}

// compilerVariables are variables for C compilers, which many machines set for their own.
var compilerVariables = []string{
	"CC", "CXX", "FC", "AR",
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH",
	"COMPILER_PATH", "GCC_EXEC_PREFIX",
}

// archOfLevel returns the first architecture whose level a variable sets, with the level that
// is compiled if none is asked for. It returns "" if the variable sets no level.
func archOfLevel(variable string) (arch, level string) {
	for _, arch := range []string{"386", "amd64", "arm", "arm64", "mips", "mips64", "ppc64", "riscv64", "wasm"} {
		name, level := target.Target{OS: "linux", Arch: arch}.LevelVariable()
		if name == variable {
			return arch, level
		}
	}
	return "", ""
}

// plainFlags are flags in GOFLAGS that change nothing: every build has them, or they only say
// how much work is done at a time, or how much of it is shown.
var plainFlags = []string{
	"-p", "-v", "-x", "-trimpath", "-trimpath=true", "-buildvcs", "-buildvcs=true", "-buildvcs=auto",
	"-mod=readonly", "-mod=vendor",
}

// flagSettings are the settings that do what a flag does.
var flagSettings = map[string]string{
	"-tags":    "tags",
	"-ldflags": "ldflags",
	"-gcflags": "gcflags",
}

// setAsideFlags is setAside for GOFLAGS.
func setAsideFlags(flags string) (shown string, settings []problem.Remedy) {
	var names []string
	for _, word := range strings.Fields(flags) {
		flag := "-" + strings.TrimLeft(strings.Trim(word, `'"`), "-")
		name, value, _ := strings.Cut(flag, "=")
		isFlag := strings.HasPrefix(strings.Trim(word, `'"`), "-") // else it continues a value in quotes
		if !isFlag || name == "-p" || slices.Contains(plainFlags, flag) {
			continue
		}
		names = append(names, name)

		setting := flagSettings[name]
		if setting == "ldflags" {
			value = "{{.Defaults}} FLAGS" // it may set a variable to a secret
		}
		if setting != "" && value != "" {
			settings = append(settings, problem.Set(setting, value))
		}
	}

	if len(names) == 0 {
		return "", nil
	}
	return fmt.Sprintf("GOFLAGS (%s)", strings.Join(names, " ")), settings
}
