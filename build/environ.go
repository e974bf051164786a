package build

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// secretVars are variables of GitHub's that no child may see, whatever their value.
var secretVars = []string{
	"GITHUB_TOKEN",
	"GH_TOKEN",
	"GH_ENTERPRISE_TOKEN",
	"GITHUB_ENTERPRISE_TOKEN",
	"ACTIONS_RUNTIME_TOKEN",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN",
}

// ambientVars are variables that would change what is built, or what git is asked, behind
// our back.
var ambientVars = []string{
	// The target sets them.
	"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64",
	"GOPPC64", "GORISCV64", "GOWASM",

	// The plan decides about cgo. -trimpath keeps these out of the binary, so that
	// nobody would know of them.
	"CGO_ENABLED", "CC", "CXX", "FC", "AR",
	"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS",

	// gcc(1), ENVIRONMENT.
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH",
	"COMPILER_PATH", "GCC_EXEC_PREFIX",

	"GO_EXTLINK_ENABLED", // would force the external linker on a build without cgo
	"GOFLAGS",            // -toolexec, -mod=mod: the command line says all there is, but for -p (processesOf)
	"GO111MODULE",        // off would hide the module
	"GOBIN",              // of no use to a cross build, and go refuses some uses of it

	// git(1): they name another repository, or another state of it.
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE",
	"GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_ATTR_SOURCE", "GIT_CONFIG",
	"GIT_EXTERNAL_DIFF", "GIT_CEILING_DIRECTORIES",

	// git(1): our patterns would mean something else.
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",

	"PWD", // names our directory, not the child's
}

// secretWords are the parts of a name that speak of a secret.
var secretWords = []string{
	"TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS",
	"CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "APIKEY", "PAT",
}

// downloadVars begin the names of variables that may hold a secret because modules are
// downloaded with it, as documented: by `go help environment`, git(1), ssh(1), curl(1).
var downloadVars = []string{
	"GOPROXY", "GOSUMDB", "GOAUTH", "GONOPROXY", "GOPRIVATE", "NETRC",
	"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_ASKPASS", "GIT_SSH", "SSH_",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
}

// secretValue is how well-known tokens begin, a private key, and a password in a URL.
var secretValue = regexp.MustCompile(`^(gh[pousr]_|github_pat_|glpat-|npm_|pypi-|xox[abeoprs]-|AKIA|ASIA|sk-|hvs\.|dckr_pat_)` +
	`|-----BEGIN [A-Z ]*PRIVATE KEY|^[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@`)

// looksSecret reports whether a variable, its name in upper case, looks like a secret
// that no download of modules needs.
func looksSecret(name, value string) bool {
	for _, prefix := range downloadVars {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}

	spoken := slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool {
		return slices.Contains(secretWords, word)
	})
	return spoken || secretValue.MatchString(value)
}

// childEnv returns the part of the ambient environment that children get: without the
// settings that would leak into the build, without the inputs of the action, without any
// variable that holds one of the secrets, and without those that look like one by their
// name. The last are returned as well, by name: who wonders must be able to read it.
//
// A command in GOAUTH gets what it needs from the environment (`go help goauth`), and
// nobody but its author knows what that is: with one, only GitHub's own are withheld.
//
// GOEXPERIMENT, GOFIPS140 and GODEBUG stay: a project may need them, and the binary
// records them. So do proxy and cache settings.
func childEnv(ambient, secrets []string) (env, withheld []string) {
	env = make([]string, 0, len(ambient)+3)
	hidden := func(value string) bool {
		return slices.ContainsFunc(secrets, func(s string) bool { return holds(value, s) })
	}
	ownAuth := authCommand(ambient)

	for _, kv := range ambient {
		name, value, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name) // Windows names are case-insensitive
		switch {
		case strings.HasPrefix(name, "INPUT_"),
			slices.Contains(secretVars, name),
			slices.Contains(ambientVars, name),
			hidden(value):
			continue
		case !ownAuth && value != "" && looksSecret(name, value):
			withheld = append(withheld, name)
			continue
		}
		env = append(env, kv)
	}
	slices.Sort(withheld)

	// `go env -w` saves settings in a file that an empty variable does not override; a
	// value that says nothing new does.
	env = append(countGitConfig(env), "GOFLAGS=-mod=readonly", "GO111MODULE=on", "CGO_ENABLED=0")
	return env, slices.Compact(withheld)
}

// authCommand reports whether GOAUTH names a command, beside the ways that the go command
// has by itself.
func authCommand(environ []string) (found bool) {
	for _, kv := range environ {
		value, ok := strings.CutPrefix(kv, "GOAUTH=")
		if !ok {
			continue
		}
		found = false // the last value of a name wins
		for _, way := range strings.Split(value, ";") {
			switch words := strings.Fields(way); {
			case len(words) == 0, words[0] == "off", words[0] == "netrc", words[0] == "git":
			default:
				found = true
			}
		}
	}
	return found
}

// countGitConfig counts the settings that env holds for git once more: git refuses to
// start if one of them is missing, which may have been withheld.
func countGitConfig(env []string) []string {
	count := -1
	values := map[string]string{}
	rest := make([]string, 0, len(env))
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "GIT_CONFIG_COUNT":
			n, err := strconv.Atoi(value)
			if err != nil {
				return env // git says what is wrong
			}
			count = n
		case strings.HasPrefix(name, "GIT_CONFIG_KEY_"), strings.HasPrefix(name, "GIT_CONFIG_VALUE_"):
			values[name] = value
		default:
			rest = append(rest, kv)
		}
	}
	if count < 0 {
		return rest
	}

	var settings []gitSetting
	for i := range min(count, len(values)) {
		n := strconv.Itoa(i)
		key, hasKey := values["GIT_CONFIG_KEY_"+n]
		value, hasValue := values["GIT_CONFIG_VALUE_"+n]
		if hasKey && hasValue {
			settings = append(settings, gitSetting{key, value})
		}
	}
	return withCountedConfig(rest, settings...)
}

// holds reports whether a value has the secret in it. A word that is too short to be a
// token is one only by itself: it may be anywhere.
func holds(value, secret string) bool {
	if len(secret) < 8 {
		return secret != "" && value == secret
	}
	return strings.Contains(value, secret)
}
