package target

import (
	"fmt"
	"regexp"
	"strings"
)

// An Architecture is what no command prints about one GOARCH.
type Architecture struct {
	CPU  string // its name in the target triples of C compilers (GNU config.sub)
	QEMU string // its name in QEMU's user emulators, qemu-NAME-static
	Level
}

// A Level is the environment variable by which an architecture chooses its instruction
// set. The zero Level stands for an architecture without a choice.
//
// `go help environment` lists the variables, and internal/buildcfg/cfg.go (Go 1.26) their
// values. The go command cannot be trusted to refuse a bad value: Go 1.26 compiles
// GOAMD64=v9 and GOARM=9 without a word.
type Level struct {
	Variable string // "GOAMD64"
	Default  string // for a release: Go's own default when it cross-compiles
	valid    string // regular expression that matches every valid value
	help     string // the valid values, for people
}

// architectures holds every GOARCH for which C compilers, emulators or levels exist.
var architectures = map[string]Architecture{
	"386": {
		CPU:  "i686",
		QEMU: "i386",
		Level: Level{
			Variable: "GO386",
			Default:  "sse2",
			valid:    `sse2|softfloat`,
			help:     "sse2, softfloat",
		},
	},
	"amd64": {
		CPU:  "x86_64",
		QEMU: "x86_64",
		Level: Level{
			Variable: "GOAMD64",
			Default:  "v1",
			valid:    `v[1-4]`,
			help:     "v1, v2, v3, v4",
		},
	},
	"arm": {
		CPU:  "arm",
		QEMU: "arm",
		Level: Level{
			Variable: "GOARM",
			Default:  "7",
			valid:    `[567]`,
			help:     "5, 6, 7",
		},
	},
	"arm64": {
		CPU:  "aarch64",
		QEMU: "aarch64",
		Level: Level{
			Variable: "GOARM64",
			Default:  "v8.0",
			valid:    `v8\.[0-9]|v9\.[0-5]`,
			help:     "v8.0 to v8.9, v9.0 to v9.5",
		},
	},
	"loong64": {
		CPU:  "loongarch64",
		QEMU: "loongarch64",
	},
	"mips": {
		CPU:   "mips",
		QEMU:  "mips",
		Level: floatingPoint("GOMIPS"),
	},
	"mipsle": {
		CPU:   "mipsel",
		QEMU:  "mipsel",
		Level: floatingPoint("GOMIPS"),
	},
	"mips64": {
		CPU:   "mips64",
		QEMU:  "mips64",
		Level: floatingPoint("GOMIPS64"),
	},
	"mips64le": {
		CPU:   "mips64el",
		QEMU:  "mips64el",
		Level: floatingPoint("GOMIPS64"),
	},
	"ppc64": {
		CPU:   "powerpc64",
		QEMU:  "ppc64",
		Level: power,
	},
	"ppc64le": {
		CPU:   "powerpc64le",
		QEMU:  "ppc64le",
		Level: power,
	},
	"riscv64": {
		CPU:  "riscv64",
		QEMU: "riscv64",
		Level: Level{
			Variable: "GORISCV64",
			Default:  "rva20u64",
			valid:    `rva2[023]u64`,
			help:     "rva20u64, rva22u64, rva23u64",
		},
	},
	"s390x": {
		CPU:  "s390x",
		QEMU: "s390x",
	},
}

// power is the level of both PowerPC architectures.
var power = Level{
	Variable: "GOPPC64",
	Default:  "power8",
	valid:    `power(8|9|10)`,
	help:     "power8, power9, power10",
}

// floatingPoint returns the level of a MIPS architecture.
func floatingPoint(variable string) Level {
	return Level{
		Variable: variable,
		Default:  "hardfloat",
		valid:    `hardfloat|softfloat`,
		help:     "hardfloat, softfloat",
	}
}

// ArchitectureOf returns what is known about a GOARCH, the zero value if nothing is.
func ArchitectureOf(goarch string) Architecture { return architectures[goarch] }

// checkLevel returns an error if arch does not have the level. The level "", which stands
// for the default, is always right.
func checkLevel(arch, level string) error {
	choice := architectures[arch].Level

	switch {
	case level == "":
		return nil
	case choice.Variable == "":
		return fmt.Errorf("%s has no levels", arch)
	case !regexp.MustCompile(`^(?:` + choice.valid + `)$`).MatchString(level):
		return fmt.Errorf("%s is not a level of %s (%s has %s)", level, arch, choice.Variable, choice.help)
	}

	return nil
}

// LevelVariable returns the environment variable that chooses the target's level, and its
// value. Both are "" if the architecture has no levels. The value is never empty otherwise:
// an ambient value, or one saved with `go env -w`, must not decide what is shipped.
func (t Target) LevelVariable() (name, value string) {
	choice := architectures[t.Arch].Level
	if choice.Variable == "" {
		return "", ""
	}
	if t.Level == "" {
		return choice.Variable, choice.Default
	}

	return choice.Variable, t.Level
}

// ABI returns the last element of the target's triple on Linux, for libc "musl" or "gnu",
// such as "musleabihf". ok reports whether a C compiler with that triple generates code for
// the target's level: Debian's gnueabihf is ARMv7, and no compiler for MIPS defaults to
// soft floating point.
func (t Target) ABI(libc string) (suffix string, ok bool) {
	_, level := t.LevelVariable()

	switch {
	case t.Arch == "arm" && level == "5":
		return libc + "eabi", true
	case t.Arch == "arm":
		return libc + "eabihf", level == "7" || libc == "musl"
	case strings.HasPrefix(t.Arch, "mips64") && libc == "gnu":
		return "gnuabi64", level != "softfloat"
	}

	return libc, level != "softfloat"
}
