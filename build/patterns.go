package build

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// A pattern is one element of the setting packages: PATTERN or NAME=PATTERN.
type pattern struct {
	text string // for the go command
	name string // of the program; "": as its package says
}

// parsePatterns reads the setting packages for the module in dir.
func parsePatterns(dir string, elements []string) (patterns []pattern, ps problem.List) {
	for _, element := range elements {
		p := pattern{text: element}
		name, text, named := strings.Cut(element, "=")
		if named {
			p = pattern{name: name, text: text}
			if err := checkProgramName(name); err != nil {
				ps.Add("packages", "reading %q: %w", element, err)
				continue
			}
		}

		p.text = packagePattern(dir, p.text)
		if !slices.Contains(patterns, p) { // several files of one package are one program
			patterns = append(patterns, p)
		}
	}
	return patterns, ps
}

// packagePattern returns a pattern as the go command needs it. The go command looks for cmd/x
// in the standard library, and takes a file for a package of its own that belongs to no
// module. Where the module in dir has such a directory or file, its package is meant.
func packagePattern(dir, text string) string {
	text = filepath.ToSlash(text)

	if strings.HasSuffix(text, ".go") && isRegular(inDir(dir, text)) {
		text = path.Dir(text)
	}

	isPath := text == "." || text == ".." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")
	if isPath || filepath.IsAbs(text) {
		return text
	}

	fixed, _, hasWildcard := strings.Cut(text, "...")
	if hasWildcard {
		fixed, _ = path.Split(fixed)
	}
	if fixed != "" && isDirectory(inDir(dir, fixed)) {
		return "./" + text
	}
	return text
}

// inDir returns the path of a file that is named relative to dir, or absolutely.
func inDir(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

func isDirectory(dir string) bool {
	fi, err := os.Stat(dir)
	return err == nil && fi.IsDir()
}

// patternTexts returns the patterns for the go command. Without any it has to list every
// package of the module.
func patternTexts(patterns []pattern) []string {
	if len(patterns) == 0 {
		return []string{"./..."}
	}

	var texts []string
	for _, p := range patterns {
		if !slices.Contains(texts, p.text) {
			texts = append(texts, p.text)
		}
	}
	return texts
}

// setNames gives the programs of a listing the names that the user chose.
func setNames(programs []program, patterns []pattern) error {
	for i, p := range patterns {
		if p.name == "" {
			continue
		}

		var matching []*program
		for j := range programs {
			if slices.Contains(programs[j].matches, p.text) {
				matching = append(matching, &programs[j])
			}
		}
		if len(matching) == 0 { // excluded for this target, or reported as a pattern without a match
			continue
		}
		if len(matching) > 1 {
			var each []string
			for _, m := range matching {
				each = append(each, m.Name+"="+m.pattern())
			}
			return &problem.Problem{
				Setting: "packages",
				Err: fmt.Errorf("%s names %d programs, such as %s and %s, but a name is for one", p,
					len(matching), matching[0].ImportPath, matching[1].ImportPath),
				Remedy: problem.Set("packages", withInstead(patterns, i, each...)),
			}
		}

		named := matching[0]
		if named.isChosen && named.Name != p.name {
			return &problem.Problem{
				Setting: "packages",
				Err:     fmt.Errorf("%s has two names, %s and %s", named.ImportPath, named.Name, p.name),
				Remedy:  problem.Set("packages", withInstead(patterns, i)),
			}
		}
		named.Name = p.name
		named.isChosen = true
	}
	return nil
}

// String returns a pattern as the user could write it.
func (p pattern) String() string {
	if p.name == "" {
		return p.text
	}
	return p.name + "=" + p.text
}

// withInstead returns the setting packages with other elements instead of the i-th pattern.
func withInstead(patterns []pattern, i int, others ...string) string {
	var elements []string
	for _, p := range patterns {
		elements = append(elements, p.String())
	}
	return strings.Join(slices.Replace(elements, i, i+1, others...), " ")
}

// pattern returns the pattern that matches only this main package.
func (m Main) pattern() string {
	switch {
	case m.Dir == ".", strings.HasPrefix(m.Dir, "../"), path.IsAbs(m.Dir):
		return m.Dir
	}
	return "./" + m.Dir
}
