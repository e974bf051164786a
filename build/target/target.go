// Package target names the platforms that programs are built for, and holds the one table of
// architectures. It is a leaf but for package problem.
package target

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// A Target is one platform to build for. Its String, such as "linux/arm/6", is
// its name in every log line, error and report.
type Target struct {
	OS    string `json:"os"`              // GOOS
	Arch  string `json:"arch"`            // GOARCH
	Level string `json:"level,omitempty"` // GOARM, GOAMD64, ...; "" is the default and was not named by the user
}

func (t Target) String() string {
	if t.Level == "" {
		return t.OS + "/" + t.Arch
	}
	return t.OS + "/" + t.Arch + "/" + t.Level
}

// Dir returns the target as a directory name: "linux_arm_6".
func (t Target) Dir() string { return strings.ReplaceAll(t.String(), "/", "_") }

// Exe returns the file name of the program name on this target.
func (t Target) Exe(name string) string {
	switch {
	case t.OS == "windows":
		return name + ".exe"
	case t.Arch == "wasm":
		return name + ".wasm" // go build gives no suffix, but hosts and web servers need one
	}
	return name
}

// Env returns the environment that selects the target. It must come last in the
// environment of a child: the last value of a name wins.
func (t Target) Env() []string {
	env := []string{"GOOS=" + t.OS, "GOARCH=" + t.Arch}
	if name, value := t.LevelVariable(); name != "" {
		env = append(env, name+"="+value)
	}
	return env
}

// A Platform is one entry of `go tool dist list -json`.
type Platform struct {
	GOOS       string
	GOARCH     string
	FirstClass bool
}

func (p Platform) String() string { return p.GOOS + "/" + p.GOARCH }

// ParsePlatforms reads the output of `go tool dist list -json`.
func ParsePlatforms(distList []byte) ([]Platform, error) {
	var ps []Platform
	if err := json.Unmarshal(distList, &ps); err != nil {
		return nil, fmt.Errorf("reading the output of go tool dist list: %w", err)
	}
	return ps, nil
}

// Select resolves patterns over the platforms of the toolchain. A pattern
// is OS/ARCH or OS/ARCH/LEVEL, either part with * wildcards; "all"; or "first-class".
// A pattern that begins with ! excludes its matches. named holds the targets that were
// asked for by their own name rather than by a wildcard.
func Select(patterns []string, platforms []Platform) (targets []Target, named map[Target]bool, ps problem.List) {
	named = map[Target]bool{}
	for _, pattern := range patterns {
		body, exclude := strings.CutPrefix(pattern, "!")
		matches, wild, problem := matchTargets(body, platforms)
		if problem != nil {
			ps = append(ps, problem)
			continue
		}

		for _, t := range matches {
			if exclude {
				targets = slices.DeleteFunc(targets, func(have Target) bool { return t.covers(have) })
				continue
			}
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
			if !wild {
				named[t] = true
			}
		}
	}

	ps = append(ps, duplicates(targets)...)
	if len(targets) == 0 && len(ps) == 0 {
		ps.Add("targets", "no target is left of %q", strings.Join(patterns, " "))
	}
	return targets, named, ps
}

// covers reports whether other is t, or a level of t if t has none.
func (t Target) covers(other Target) bool {
	return other.OS == t.OS && other.Arch == t.Arch && (t.Level == "" || other.Level == t.Level)
}

// matchTargets resolves one pattern (without its !). wild reports whether it is a wildcard.
func matchTargets(pattern string, platforms []Platform) (matches []Target, wild bool, _ *problem.Problem) {
	osArch := pattern
	level := ""
	if parts := strings.Split(pattern, "/"); len(parts) == 3 {
		osArch = parts[0] + "/" + parts[1]
		level = parts[2]
	}
	if _, err := path.Match(osArch, ""); err != nil {
		return nil, false, &problem.Problem{
			Setting: "targets",
			Err:     fmt.Errorf("reading target pattern %q: %w", pattern, err),
		}
	}

	for _, p := range platforms {
		ok, _ := path.Match(osArch, p.String()) // the pattern was checked above
		if ok || pattern == "all" || pattern == "first-class" && p.FirstClass {
			matches = append(matches, Target{OS: p.GOOS, Arch: p.GOARCH, Level: level})
		}
	}
	if len(matches) == 0 {
		return nil, false, unknownTarget(pattern, platforms)
	}

	for _, t := range matches {
		if err := checkLevel(t.Arch, t.Level); err != nil {
			return nil, false, &problem.Problem{
				Setting: "targets",
				Err:     fmt.Errorf("unknown target %s: %w", t, err),
			}
		}
	}

	wild = pattern == "all" || pattern == "first-class" || strings.ContainsAny(osArch, "*?[")
	return matches, wild, nil
}

// duplicates returns a problem for each target that is the same as another one:
// linux/amd64 and linux/amd64/v1 would be built twice and differ only in their names.
func duplicates(targets []Target) (ps problem.List) {
	first := map[string]Target{}
	for _, t := range targets {
		key := strings.Join(t.Env(), " ")
		if other, ok := first[key]; ok {
			ps.Add("targets", "targets %s and %s are the same (%s)", other, t, key)
			continue
		}
		first[key] = t
	}
	return ps
}

// MarshalText writes the target as its name.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Parse returns the target with the name, such as "linux/arm/6". It does not know whether
// the go command has the platform.
func Parse(name string) (Target, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 2 && len(parts) != 3 || slices.Contains(parts, "") {
		return Target{}, fmt.Errorf("target %q is not of the form OS/ARCH or OS/ARCH/LEVEL", name)
	}

	t := Target{OS: parts[0], Arch: parts[1]}
	if len(parts) == 3 {
		t.Level = parts[2]
	}

	return t, checkLevel(t.Arch, t.Level)
}

// UnmarshalText reads what MarshalText wrote.
func (t *Target) UnmarshalText(text []byte) (err error) {
	*t, err = Parse(string(text))
	return err
}
