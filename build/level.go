package build

import (
	"fmt"
	"regexp"
	"strings"
)

// A levelVar is the environment variable by which one architecture chooses its
// instruction set. `go help environment` lists them; the values are those of
// internal/buildcfg/cfg.go (Go 1.26).
//
// This is the one list about targets that is kept by hand, because no command
// prints it, and because the go command cannot be trusted to refuse a bad value:
// Go 1.26 compiles GOAMD64=v9 and GOARM=9 without a word.
type levelVar struct {
	name  string
	def   string // what a release uses when no level is asked for: Go's own default when cross-compiling
	valid string // regular expression over the whole value
	help  string // the valid values, for people
}

var levelVars = map[string]levelVar{
	"386":      {"GO386", "sse2", `sse2|softfloat`, "sse2, softfloat"},
	"amd64":    {"GOAMD64", "v1", `v[1-4]`, "v1, v2, v3, v4"},
	"arm":      {"GOARM", "7", `[567]`, "5, 6, 7"},
	"arm64":    {"GOARM64", "v8.0", `v8\.[0-9]|v9\.[0-5]`, "v8.0 to v8.9, v9.0 to v9.5"},
	"mips":     {"GOMIPS", "hardfloat", `hardfloat|softfloat`, "hardfloat, softfloat"},
	"mipsle":   {"GOMIPS", "hardfloat", `hardfloat|softfloat`, "hardfloat, softfloat"},
	"mips64":   {"GOMIPS64", "hardfloat", `hardfloat|softfloat`, "hardfloat, softfloat"},
	"mips64le": {"GOMIPS64", "hardfloat", `hardfloat|softfloat`, "hardfloat, softfloat"},
	"ppc64":    {"GOPPC64", "power8", `power(8|9|10)`, "power8, power9, power10"},
	"ppc64le":  {"GOPPC64", "power8", `power(8|9|10)`, "power8, power9, power10"},
	"riscv64":  {"GORISCV64", "rva20u64", `rva2[023]u64`, "rva20u64, rva22u64, rva23u64"},
}

// checkLevel says what is wrong with asking arch for level; "" asks for the default.
func checkLevel(arch, level string) error {
	v, ok := levelVars[arch]
	switch {
	case level == "":
		return nil
	case !ok:
		return fmt.Errorf("%s has no levels", arch)
	case !regexp.MustCompile(`^(?:` + v.valid + `)$`).MatchString(level):
		return fmt.Errorf("%s is not a level of %s (%s has %s)", level, arch, v.name, v.help)
	}
	return nil
}

// levelEnv returns the assignment that chooses level ("" means the default) for
// arch, or "" if the architecture has no levels. It is always explicit: an
// ambient value, or one saved with `go env -w`, must not decide what we ship.
func levelEnv(arch, level string) string {
	v, ok := levelVars[arch]
	if !ok {
		return ""
	}
	if level == "" {
		level = v.def
	}
	return v.name + "=" + level
}

// levelOf returns the name and the value of levelEnv, both "" if there is none.
func levelOf(arch, level string) (name, value string) {
	name, value, _ = strings.Cut(levelEnv(arch, level), "=")
	return name, value
}
