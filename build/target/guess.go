package target

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// systemAliases are names that other ecosystems have for systems.
var systemAliases = map[string]string{
	"macos":  "darwin",
	"macosx": "darwin",
	"osx":    "darwin",
	"mac":    "darwin",
	"apple":  "darwin",

	"win":   "windows",
	"win32": "windows",
	"win64": "windows",

	"sunos": "solaris",
	"wasi":  "wasip1",
}

// archAliases are names that other ecosystems have for architectures: uname, Debian, Rust, Docker.
// Some of them say the level.
var archAliases = map[string]string{
	"x86_64":  "amd64",
	"x86-64":  "amd64",
	"x64":     "amd64",
	"intel64": "amd64",

	"i386": "386",
	"i486": "386",
	"i586": "386",
	"i686": "386",
	"ia32": "386",
	"x86":  "386",

	"aarch64": "arm64",
	"armv8":   "arm64",
	"arm64v8": "arm64",

	"armel":   "arm/5",
	"armv5":   "arm/5",
	"arm5":    "arm/5",
	"arm32v5": "arm/5",
	"armv6":   "arm/6",
	"armv6l":  "arm/6",
	"arm6":    "arm/6",
	"arm32v6": "arm/6",
	"armhf":   "arm/7",
	"armv7":   "arm/7",
	"armv7l":  "arm/7",
	"arm7":    "arm/7",
	"arm32v7": "arm/7",

	"loongarch64": "loong64",
	"mipsel":      "mipsle",
	"mips64el":    "mips64le",
	"powerpc64":   "ppc64",
	"powerpc64le": "ppc64le",
	"ppc64el":     "ppc64le",
	"riscv":       "riscv64",
	"riscv64gc":   "riscv64",
	"wasm32":      "wasm",
}

// unknownTarget returns the problem of a pattern that matches no platform, with a guess of
// what was meant.
func unknownTarget(pattern string, platforms []Platform) *problem.Problem {
	remedy := problem.Run("go tool dist list")
	if guess := guessTarget(strings.ToLower(pattern), platforms); guess != "" {
		remedy = problem.Guess(guess)
	}

	return &problem.Problem{
		Setting: "targets",
		Err:     fmt.Errorf("unknown target %q", pattern),
		Remedy:  remedy,
	}
}

// guessTarget returns the pattern that was probably meant, "" if that is not clear. The system and
// the architecture are guessed by themselves: there is no guess for linux/foo.
func guessTarget(pattern string, platforms []Platform) string {
	var systems, archs []string
	for _, p := range platforms {
		systems = append(systems, p.GOOS)
		archs = append(archs, p.GOARCH)
	}

	name, arch, level := splitPattern(pattern)
	if arch == "" { // one of the two alone
		if system := guessName(name, systemAliases, systems); system != "" {
			return system + "/*"
		}
		if arch := guessName(name, archAliases, archs); arch != "" {
			return "*/" + arch
		}
		return ""
	}

	system := guessName(name, systemAliases, systems)
	if system == "" && slices.Contains(systems, arch) { // in the other order
		system, arch = arch, name
	}

	var possible []string
	for _, p := range platforms {
		if ok, _ := path.Match(system, p.GOOS); ok { // a malformed pattern is reported elsewhere
			possible = append(possible, p.GOARCH)
		}
	}
	arch, aliasLevel, _ := strings.Cut(guessName(arch, archAliases, possible), "/")
	if system == "" || arch == "" {
		return ""
	}

	guess := Target{
		OS:    system,
		Arch:  arch,
		Level: cmp.Or(level, aliasLevel),
	}
	if checkLevel(guess.Arch, guess.Level) != nil {
		guess.Level = aliasLevel
	}
	return guess.String()
}

// splitPattern splits a pattern into system, architecture and level. Another separator than a
// slash is understood, as in linux_amd64 and linux-x86_64.
func splitPattern(pattern string) (system, arch, level string) {
	if !strings.Contains(pattern, "/") {
		_, isArch := archAliases[pattern]
		i := strings.IndexAny(pattern, "_-")
		if i < 0 || isArch {
			return pattern, "", ""
		}
		return pattern[:i], pattern[i+1:], ""
	}

	system, arch, _ = strings.Cut(pattern, "/")
	arch, level, _ = strings.Cut(arch, "/")
	return system, arch, level
}

// guessName returns the name of a system or an architecture that was probably meant by word, or "".
// A word with wildcards stays as it is.
func guessName(word string, aliases map[string]string, names []string) string {
	if strings.ContainsAny(word, "*?[") {
		return word
	}

	alias := aliases[word]
	base, _, _ := strings.Cut(alias, "/")
	if slices.Contains(names, base) {
		return alias
	}
	return problem.Nearest(word, names)
}
