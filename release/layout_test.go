package release

import (
	"slices"
	"testing"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

func noRemedy(workspace.ExtraFile) problem.Remedy { return problem.Remedy{} }

// Whatever would be a file and a directory, or two files, where case does not count is found.
func TestLayoutCollisions(t *testing.T) {
	for name, test := range map[string]struct {
		dir      string
		programs []string
		extra    []string
		want     []string
	}{
		"side by side": {
			programs: []string{"age", "age-keygen"},
			extra:    []string{"LICENSE", "doc/age", "doc/age.1"},
		},
		"in a directory of the program's name": {
			dir:      "age",
			programs: []string{"age/age"},
			extra:    []string{"README"},
		},
		"the program's name": {
			programs: []string{"age"},
			extra:    []string{"AGE"},
			want:     []string{"AGE has the name of a program"},
		},
		"a directory of the program's name": {
			dir:      "x",
			programs: []string{"x/age"},
			extra:    []string{"age/README", "Age/deep/er", "agent/README"},
			want:     []string{"the directory of age/README has the name of a program"},
		},
		"a program in a directory": {
			programs: []string{"bin/age"},
			extra:    []string{"bin/LICENSE", "age", "bin/age/README"},
			want:     []string{"the directory of bin/age/README has the name of a program"},
		},
		"a file where the programs are": {
			programs: []string{"opt/bin/age"},
			extra:    []string{"opt/BIN"},
			want:     []string{"the directory of the program opt/bin/age has the name of the file opt/BIN"},
		},
		"a file and a directory": {
			programs: []string{"age"},
			extra:    []string{"doc", "Doc/README"},
			want:     []string{"the directory of Doc/README has the name of the file doc"},
		},
		"a name that leads out": {
			programs: []string{"age"},
			extra:    []string{"/README", "../x"},
		},
	} {
		l := Layout{Dir: test.dir, Programs: map[string]string{}}
		for _, program := range test.programs {
			l.Programs[program] = program
		}
		var extra []workspace.ExtraFile
		for _, file := range test.extra {
			extra = append(extra, workspace.ExtraFile{Name: file})
		}

		var got []string
		for _, err := range l.check(extra, noRemedy) {
			got = append(got, err.Error())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A file is a program's twin only on the targets where the program has its name.
func TestLayoutsOfTargets(t *testing.T) {
	p := planOfEverything(t)
	p.Extra = []workspace.ExtraFile{{Name: "toold/README"}, {Name: "tool.exe"}}
	err := p.checkLayouts(noRemedy)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 1 {
		t.Errorf("the same mistake in the archives of all targets: %v", err)
	}

	p.Extra = []workspace.ExtraFile{{Name: "tool.exe"}}
	if err := p.checkLayouts(noRemedy); err != nil {
		t.Errorf("tool.exe beside tool: %v", err)
	}
}
