package workspace

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/build/problem"
)

// A tag may hold nearly anything, and no command to paste runs what it says.
func TestRemediesForHostileTags(t *testing.T) {
	const tag = "$(touch${IFS}it's)/v1.2.3"
	dir := t.TempDir()

	for name, remedy := range map[string]problem.Remedy{
		"create":   createTag(tag),
		"no tag":   addTag(strings.TrimSuffix(tag, "v1.2.3"), nil),
		"prefix":   fixTag(strings.TrimSuffix(tag, "v1.2.3"), "nonsense"),
		"with tag": fixTag(strings.TrimSuffix(tag, "v1.2.3"), "v1.2.3").Of[0],
	} {
		if remedy.Kind != problem.RunKind || !strings.Contains(remedy.Text, "git tag ") {
			t.Errorf("%s: %+v", name, remedy)
			continue
		}
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Skip("there is no shell here")
		}

		cmd := exec.Command(shell, "-c", "git() { printf '%s\n' \"$2\"; }; "+remedy.Text)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		first, _, _ := strings.Cut(string(out), "\n")
		if err != nil || first != tag {
			t.Errorf("%s: %s: %q, %v", name, remedy.Text, out, err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("the commands made files: %v, %v", made, err)
	}

	var step struct{ With struct{ Ref string } }
	if err := yaml.Unmarshal([]byte(checkOutTag(tag).Text), &step); err != nil || step.With.Ref != tag {
		t.Errorf("%s: %+v, %v", checkOutTag(tag).Text, step, err)
	}
}
