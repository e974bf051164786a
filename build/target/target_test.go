package target

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
)

var testPlatforms = []Platform{
	{"android", "arm64", false},
	{"darwin", "amd64", true},
	{"darwin", "arm64", true},
	{"linux", "386", true},
	{"linux", "amd64", true},
	{"linux", "arm", true},
	{"linux", "arm64", true},
	{"linux", "mips", false},
	{"windows", "amd64", true},
	{"windows", "arm64", false},
}

func TestSelectTargets(t *testing.T) {
	for _, test := range []struct{ patterns, want, problem string }{
		{patterns: "linux/amd64 darwin/arm64", want: "linux/amd64 darwin/arm64"},
		{patterns: "linux/*", want: "linux/386 linux/amd64 linux/arm linux/arm64 linux/mips"},
		{patterns: "linux/* !linux/386 !*/mips", want: "linux/amd64 linux/arm linux/arm64"},
		{patterns: "*/arm64 linux/arm64", want: "android/arm64 darwin/arm64 linux/arm64 windows/arm64"},
		{patterns: "first-class !linux/*", want: "darwin/amd64 darwin/arm64 windows/amd64"},
		{patterns: "all !first-class", want: "android/arm64 linux/mips windows/arm64"},
		{
			patterns: "linux/arm/6 linux/arm/7 linux/amd64 linux/amd64/v3",
			want:     "linux/arm/6 linux/arm/7 linux/amd64 linux/amd64/v3",
		},
		{patterns: "linux/arm/6 linux/arm/7 !linux/arm/6", want: "linux/arm/7"},
		{patterns: "linux/arm/6 linux/arm/7 linux/amd64 !linux/arm", want: "linux/amd64"},
		{patterns: "linux/mips/softfloat", want: "linux/mips/softfloat"},
		{patterns: "linux/amd64 !linux/*", problem: `no target is left of "linux/amd64 !linux/*"`},
		{patterns: "", problem: "no target is left"},
		{patterns: "linux/amd46", problem: `unknown target "linux/amd46"; guess linux/amd64`},
		{patterns: "Linux/x86_64", problem: `unknown target "Linux/x86_64"; guess linux/amd64`},
		{patterns: "macos/aarch64", problem: `; guess darwin/arm64`},
		{patterns: "linux/armv6", problem: `; guess linux/arm/6`},
		{patterns: "!linux/amd46", problem: `unknown target "linux/amd46"`},
		{patterns: "solarwind/quantum", problem: `unknown target "solarwind/quantum"; run go tool dist list`},
		{patterns: "linux", problem: `unknown target "linux"`},
		{patterns: "linux/[", problem: `reading target pattern "linux/["`},
		{patterns: "linux/arm64/v10.0", problem: "v10.0 is not a level of arm64"},
		{patterns: "linux/arm/8", problem: "GOARM has 5, 6, 7"},
		{patterns: "android/arm64 linux/*/v2", problem: "v2 is not a level of 386"},
		{patterns: "linux/arm linux/arm/7", problem: "targets linux/arm and linux/arm/7 are the same"},
	} {
		targets, _, ps := Select(strings.Fields(test.patterns), testPlatforms)
		var names, problems []string
		for _, target := range targets {
			names = append(names, target.String())
		}
		for _, p := range ps {
			problems = append(problems, p.Error()+"; "+string(p.Remedy.Kind)+" "+p.Remedy.Text)
		}
		problem := strings.Join(problems, "\n")
		if !strings.Contains(problem, test.problem) || test.problem == "" && problem != "" {
			t.Errorf("%q: problem %q, expected %q", test.patterns, problem, test.problem)
		} else if diff := cmp.Diff(test.want, strings.Join(names, " ")); test.problem == "" && diff != "" {
			t.Errorf("%q (-want +have):\n%s", test.patterns, diff)
		}
	}
}

// A guess is what was meant, or none: the system and the architecture are guessed by themselves.
func TestGuessTarget(t *testing.T) {
	platforms := append(slices.Clone(testPlatforms),
		Platform{"aix", "ppc64", false},
		Platform{"freebsd", "amd64", false},
		Platform{"js", "wasm", false},
		Platform{"linux", "ppc64le", false},
		Platform{"linux", "riscv64", false},
		Platform{"linux", "s390x", false},
		Platform{"wasip1", "wasm", false},
	)
	for pattern, want := range map[string]string{
		"linux/amd46":     "linux/amd64",
		"linux/amd":       "linux/amd64",
		"linux/adm64/v3":  "linux/amd64/v3",
		"linx/amd64":      "linux/amd64",
		"lniux/amd46":     "linux/amd64",
		"Linux/AMD64":     "linux/amd64",
		"free/amd64":      "freebsd/amd64",
		"linux/s390":      "linux/s390x",
		"linux/riscv":     "linux/riscv64",
		"linux/ppc64el":   "linux/ppc64le",
		"linux/x86_64":    "linux/amd64",
		"linux/x86_64/v3": "linux/amd64/v3",
		"linux/i686":      "linux/386",
		"linux/armhf":     "linux/arm/7",
		"linux/armv6":     "linux/arm/6",
		"linux/arm32v7":   "linux/arm/7",
		"linux/arm6":      "linux/arm/6",
		"linux/armv6/v9":  "linux/arm/6",
		"windows/aarch64": "windows/arm64",
		"win64/x64":       "windows/amd64",
		"macos/arm64":     "darwin/arm64",
		"osx/*":           "darwin/*",
		"linx/arm*":       "linux/arm*",
		"*/x86_64":        "*/amd64",
		"wasi/wasm32":     "wasip1/wasm",
		"linux_amd64":     "linux/amd64",
		"linux-x86_64":    "linux/amd64",
		"macos-aarch64":   "darwin/arm64",
		"amd64/linux":     "linux/amd64",
		"x86_64/linux":    "linux/amd64",
		"linux":           "linux/*",
		"macos":           "darwin/*",
		"arm64":           "*/arm64",
		"x86_64":          "*/amd64",
		"linux/":          "linux/*",

		"linux/foo":         "",
		"linux/sparc":       "",
		"linux/wasm":        "",
		"darwin/386":        "",
		"darwin/i386":       "",
		"darwin/mips":       "",
		"foo/amd64":         "",
		"foo/bar":           "",
		"beos/*":            "",
		"*/foo":             "",
		"foo":               "",
		"all-of-them":       "",
		"solarwind/quantum": "",
		"/":                 "",
		"":                  "",
	} {
		p := unknownTarget(pattern, platforms)
		got := ""
		if p.Remedy.Kind == problem.GuessKind {
			got = p.Remedy.Text
		}
		if got != want {
			t.Errorf("%q: got %q, expected %q", pattern, got, want)
		}
		if want == "" {
			continue
		}
		if _, _, ps := Select([]string{want}, platforms); len(ps) > 0 {
			t.Errorf("%q: the guess %s is wrong itself: %v", pattern, want, ps)
		}
	}
}

// Every architecture that has levels gets an explicit one, so that neither the
// environment nor `go env -w` decides. Every architecture has the names that C compilers
// and emulators go by.
func TestArchitectures(t *testing.T) {
	for arch, a := range architectures {
		if a.CPU == "" || a.QEMU == "" {
			t.Errorf("%s has no name for a C compiler or for QEMU: %+v", arch, a)
		}
		if a.Variable == "" {
			continue
		}

		env := Target{OS: "linux", Arch: arch}.Env()
		want := a.Variable + "=" + a.Default
		if !slices.Contains(env, want) {
			t.Errorf("%s: no %s in %q", arch, want, env)
		}
		if err := checkLevel(arch, a.Default); err != nil {
			t.Errorf("%s: the default is refused: %v", arch, err)
		}
	}
}
