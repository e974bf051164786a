package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// A result is what a release of a project would be, compared with what the project ships.
type result struct {
	project project
	found   []mainPackage // programs, in the plan's order
	archive string        // ours
	said    string        // by the first program, asked for its version
	leftOut []string      // notes about programs that are not released

	lost    []string // programs that the project ships and that would not be released
	tooMany []string // programs that would be released and that the project does not ship
	renamed []string // programs of another name than the project gives them
	err     error
}

// measure plans the release of a project, and makes it with -build.
func (c *comparison) measure(ctx context.Context, p project) result {
	root, err := c.checkout(ctx, p)
	if err != nil {
		return result{project: p, err: err}
	}
	defer os.RemoveAll(root) // the repositories together would fill the disk

	found, err := c.plan(ctx, p, root)
	r := compare(p, found, err)
	if !c.build || r.err != nil || r.isRefused() || len(p.ask) == 0 {
		return r
	}

	r.said, err = c.askVersion(ctx, p, root, found)
	if err != nil {
		r.said = "error: " + err.Error()
	}
	return r
}

// compare compares a plan with what a project ships. err is why there is no plan.
func compare(p project, found plan, err error) result {
	r := result{project: p}
	if err != nil {
		isExpected := p.refusal != "" && strings.Contains(err.Error(), p.refusal)
		if !isExpected {
			r.err = err
			r.lost = p.programs
		}
		return r
	}
	if p.refusal != "" || len(found.Builds) != 1 {
		r.err = fmt.Errorf("got %d builds, and an error with %q was expected", len(found.Builds), p.refusal)
		return r
	}

	build := found.Builds[0]
	r.found = build.Mains
	if len(build.Files) > 0 {
		r.archive = build.Files[0]
	}
	for _, n := range found.Notes {
		if strings.Contains(n.Text, "left out") || strings.Contains(n.Text, "not released") {
			_, programs, _ := strings.Cut(n.Text, ": ")
			r.leftOut = append(r.leftOut, strings.Fields(programs)...)
		}
	}

	for _, program := range p.programs {
		name, dir := splitProgram(program)
		i := slices.IndexFunc(build.Mains, func(m mainPackage) bool { return m.Dir == dir })
		switch {
		case i < 0:
			r.lost = append(r.lost, program)
		case build.Mains[i].Name != name:
			r.renamed = append(r.renamed, fmt.Sprintf("%s is called %s there", build.Mains[i].Name, name))
		}
	}
	for _, m := range build.Mains {
		isShipped := slices.ContainsFunc(p.programs, func(program string) bool {
			_, dir := splitProgram(program)
			return m.Dir == dir
		})
		if !isShipped {
			r.tooMany = append(r.tooMany, m.Name)
		}
	}
	return r
}

// isRefused reports whether the run was refused, as expected: the project's layout says too
// little.
func (r result) isRefused() bool { return r.project.refusal != "" && r.err == nil }

// splitProgram splits NAME=DIR, or DIR with the name of its last element.
func splitProgram(program string) (name, dir string) {
	name, dir, named := strings.Cut(program, "=")
	if named {
		return name, dir
	}
	return path.Base(program), program
}

// printTable prints the results in Markdown, and how many there are of each kind.
func printTable(w io.Writer, results []result, built bool) {
	columns := []string{"project", "programs", "lost", "too many", "left out, with a note", "archive", "theirs"}
	if built {
		columns = append(columns, "the program says")
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))

	var lost, tooMany, renamed, refused, failed int
	for _, r := range results {
		cells := r.cells()
		if built {
			cells = append(cells, r.said)
		}
		for i := range cells {
			cells[i] = strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(cells[i])
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))

		lost += len(r.lost)
		tooMany += min(1, len(r.tooMany))
		renamed += min(1, len(r.renamed))
		if r.isRefused() {
			refused++
		}
		if r.err != nil {
			failed++
		}
	}

	fmt.Fprintf(w, "\n%d projects: %d programs lost, %d projects with programs too many, "+
		"%d with a program of another name, %d refused with advice, %d failed\n",
		len(results), lost, tooMany, renamed, refused, failed)
}

// cells returns the cells of a project's row.
func (r result) cells() []string {
	version := r.project.tag
	for _, setting := range r.project.settings {
		version += ", " + setting
	}

	var programs []string
	for _, m := range r.found {
		programs = append(programs, m.Name)
	}
	shown := strings.Join(append(programs, r.renamed...), ", ")
	switch {
	case r.err != nil:
		shown = "error: " + r.err.Error()
	case r.isRefused():
		shown = "refused: " + r.project.refusal
	}

	return []string{
		r.project.name + " " + version,
		shown,
		strings.Join(r.lost, ", "),
		strings.Join(r.tooMany, ", "),
		strings.Join(r.leftOut, " "),
		r.archive,
		r.project.archive,
	}
}

// verdict returns an error if a program is lost, or if a project could not be compared.
func verdict(results []result) error {
	var errs []error
	for _, r := range results {
		if len(r.lost) > 0 {
			errs = append(errs, fmt.Errorf("%s: lost %s", r.project.name, strings.Join(r.lost, ", ")))
		}
		if r.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.project.name, r.err))
		}
	}
	return errors.Join(errs...)
}
