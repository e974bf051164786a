package build

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var testPlatforms = []platform{
	{"android", "arm64", false}, {"darwin", "amd64", true}, {"darwin", "arm64", true},
	{"linux", "386", true}, {"linux", "amd64", true}, {"linux", "arm", true}, {"linux", "arm64", true}, {"linux", "mips", false},
	{"windows", "amd64", true}, {"windows", "arm64", false},
}

func TestSelectTargets(t *testing.T) {
	for _, test := range []struct{ patterns, want, problem string }{
		{patterns: "linux/amd64 darwin/arm64", want: "linux/amd64 darwin/arm64"},
		{patterns: "linux/*", want: "linux/386 linux/amd64 linux/arm linux/arm64 linux/mips"},
		{patterns: "linux/* !linux/386 !*/mips", want: "linux/amd64 linux/arm linux/arm64"},
		{patterns: "*/arm64 linux/arm64", want: "android/arm64 darwin/arm64 linux/arm64 windows/arm64"},
		{patterns: "first-class !linux/*", want: "darwin/amd64 darwin/arm64 windows/amd64"},
		{patterns: "all !first-class", want: "android/arm64 linux/mips windows/arm64"},
		{patterns: "linux/arm/6 linux/arm/7 linux/amd64 linux/amd64/v3", want: "linux/arm/6 linux/arm/7 linux/amd64 linux/amd64/v3"},
		{patterns: "linux/arm/6 linux/arm/7 !linux/arm/6", want: "linux/arm/7"},
		{patterns: "linux/arm/6 linux/arm/7 linux/amd64 !linux/arm", want: "linux/amd64"},
		{patterns: "linux/mips/softfloat", want: "linux/mips/softfloat"},
		{patterns: "linux/amd64 !linux/*", problem: `no target is left of "linux/amd64 !linux/*"`},
		{patterns: "", problem: "no target is left"},
		{patterns: "linux/amd46", problem: `unknown target "linux/amd46"; did you mean linux/amd64?`},
		{patterns: "Linux/x86_64", problem: `unknown target "Linux/x86_64"; did you mean linux/amd64?`},
		{patterns: "macos/aarch64", problem: `; did you mean darwin/arm64?`},
		{patterns: "linux/armv6", problem: `; did you mean linux/arm/6?`},
		{patterns: "!linux/amd46", problem: `unknown target "linux/amd46"`},
		{patterns: "solarwind/quantum", problem: `unknown target "solarwind/quantum"; go tool dist list`},
		{patterns: "linux", problem: `unknown target "linux"`},
		{patterns: "linux/[", problem: `reading target pattern "linux/["`},
		{patterns: "linux/arm64/v10.0", problem: "v10.0 is not a level of arm64"},
		{patterns: "linux/arm/8", problem: "GOARM has 5, 6, 7"},
		{patterns: "android/arm64 linux/*/v2", problem: "v2 is not a level of 386"},
		{patterns: "linux/arm linux/arm/7", problem: "targets linux/arm and linux/arm/7 are the same"},
	} {
		targets, _, ps := selectTargets(strings.Fields(test.patterns), testPlatforms)
		var names, problems []string
		for _, target := range targets {
			names = append(names, target.String())
		}
		for _, p := range ps {
			problems = append(problems, p.Error()+"; "+p.Hint())
		}
		if problem := strings.Join(problems, "\n"); !strings.Contains(problem, test.problem) || test.problem == "" && problem != "" {
			t.Errorf("%q: problem %q, expected %q", test.patterns, problem, test.problem)
		} else if diff := cmp.Diff(test.want, strings.Join(names, " ")); test.problem == "" && diff != "" {
			t.Errorf("%q (-want +have):\n%s", test.patterns, diff)
		}
	}
}

func TestParseTag(t *testing.T) {
	for tag, want := range map[string]string{
		"v1.2.3": " 1.2.3", "1.2.3": " 1.2.3", "v1.2.3-rc.1+b.2": " 1.2.3-rc.1+b.2", "tools/x/v0.1.0": "tools/x 0.1.0",
		"v1": "error", "v1.2": "error", "v1.2-rc.1": "error", "nightly": "error", "": "error", "v01.2.3": "error", "vv1.2.3": "error",
		"/v1.0.0": "error", "./v1.0.0": "error", "a/../v1.0.0": "error", "a//v1.0.0": "error",
	} {
		dir, version, err := ParseTag(tag)
		got := dir + " " + version
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q, expected %q", tag, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/tool": "tool", "example.com/tool/v2": "tool", "example.com/tool/cmd/d": "d", "gopkg.in/yaml.v3": "yaml.v3",
		"example.com/v1": "v1", "tool": "tool", "v2": "v2", "example.com/x/v10": "x",
	} {
		if got := binaryName(path); got != want {
			t.Errorf("program of %s: got %s, expected %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"github.com/o/tool": "tool", "github.com/o/tool/v3": "tool", "gopkg.in/yaml.v3": "yaml", "tool": "tool",
	} {
		if got := moduleName(path); got != want {
			t.Errorf("name of %s: got %s, expected %s", path, got, want)
		}
	}
}
