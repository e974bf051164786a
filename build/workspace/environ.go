package workspace

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// secretVars are GitHub's variables that no child may see, whatever their value.
var secretVars = []string{
	"GITHUB_TOKEN",
	"GH_TOKEN",
	"GH_ENTERPRISE_TOKEN",
	"GITHUB_ENTERPRISE_TOKEN",
	"ACTIONS_RUNTIME_TOKEN",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN",
}

// ambientVars are variables that would silently change what is built or what git answers.
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
	"GOFLAGS",            // may hold -toolexec or -mod=mod; processesOf reads -p from it
	"GO111MODULE",        // off would hide the module
	"GOBIN",              // of no use to a cross build, and go refuses some uses of it

	// git(1): these name another repository, or another state of it.
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE",
	"GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_ATTR_SOURCE", "GIT_CONFIG",
	"GIT_EXTERNAL_DIFF", "GIT_CEILING_DIRECTORIES",

	// git(1): these send what git prints to a file, on Windows.
	"GIT_REDIRECT_STDIN", "GIT_REDIRECT_STDOUT", "GIT_REDIRECT_STDERR",

	// git(1): these change what our path patterns mean.
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",

	"PWD", // names our directory, not the child's
}

// secretWords are the words by which a variable's name says that it holds a secret.
var secretWords = []string{
	"TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD",
	"CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "APIKEY", "PAT", "AUTH",
}

// secretEndings are the endings of such words where several are written as one, as in
// SYSTEM_ACCESSTOKEN.
var secretEndings = []string{
	"TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIALS",
	"APIKEY", "ACCESSKEY", "SECRETKEY", "PRIVATEKEY", "SIGNINGKEY",
}

// downloadVars are the variables that look like secrets, or may hold one, and that the
// download of modules needs: see `go help environment`, git(1), ssh(1) and curl(1). They
// are whole names: ssh knows no SSH_PRIVATE_KEY.
var downloadVars = []string{
	"GOPROXY", "GOSUMDB", "GOAUTH", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "NETRC",
	"GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_CONFIG_PARAMETERS",
	"GIT_SSL_KEY", "GIT_SSL_CERT_PASSWORD_PROTECTED",
	"GIT_PROXY_SSL_KEY", "GIT_PROXY_SSL_CERT_PASSWORD_PROTECTED",
	"SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_AUTH_SOCK", "SSH_AGENT_PID",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
}

// downloadPrefixes are prefixes of such variables: git's configuration, and what is said to
// the Git Credential Manager and to the terminal of VS Code, which answer git.
var downloadPrefixes = []string{"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GCM_", "VSCODE_GIT_"}

// secretValue matches well-known tokens, private keys, and URLs with a password.
var secretValue = regexp.MustCompile(
	`^(gh[pousr]_|github_pat_|glpat-|npm_|pypi-|xox[abeoprs]-|AKIA|ASIA|sk-|hvs\.|dckr_pat_)` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY` +
		`|^[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@`)

// looksSecret reports whether a variable, its name in upper case, looks like a secret
// that no download of modules needs.
func looksSecret(name, value string) bool {
	if servesDownload(name) {
		return false
	}

	named := slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool {
		ends := func(ending string) bool { return strings.HasSuffix(word, ending) }
		return slices.Contains(secretWords, word) || slices.ContainsFunc(secretEndings, ends)
	})
	return named || secretValue.MatchString(value)
}

// servesDownload reports whether the download of modules may need a variable, its name in
// upper case.
func servesDownload(name string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	return slices.Contains(downloadVars, name) || slices.ContainsFunc(downloadPrefixes, begins)
}

// A childEnviron is the environment of child processes, and what it lacks.
type childEnviron struct {
	env []string

	// Names of variables that are left out: because they look like secrets; because they hold
	// one of the secrets, although the download of modules may need them; because they are
	// for tokens of GitHub, whatever their value.
	lookSecret []string
	holdSecret []string
	tokens     []string

	// Variables that are left out because only settings decide what is built.
	setAside []Variable
}

// A Variable is a variable of the environment, or one that the user saved with go env -w.
type Variable struct {
	Name  string
	Value string
	Saved bool
}

// newChildEnviron returns the part of the ambient environment that children get. It leaves out
// settings that would leak into the build, the inputs of the action, variables that hold
// one of the secrets, and variables that look like a secret.
//
// A command in GOAUTH reads what it needs from the environment (`go help goauth`), and
// only its author knows what that is. If there is one, no variable is withheld because of
// its looks.
//
// GOEXPERIMENT, GOFIPS140 and GODEBUG stay: a project may need them, and the binary
// records them. So do proxy and cache settings.
func newChildEnviron(ambient, secrets []string) (c childEnviron) {
	c.env = make([]string, 0, len(ambient)+3)
	hidden := func(text string) bool {
		return slices.ContainsFunc(secrets, func(s string) bool { return holds(text, s) })
	}
	ownAuth := authCommand(ambient)
	aside := map[string]string{}

	for _, kv := range ambient {
		name, value, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name) // Windows names are case-insensitive
		switch {
		case strings.HasPrefix(name, "INPUT_"),
			strings.HasPrefix(name, "GSR_"): // what the steps of the action tell one another
		case slices.Contains(secretVars, name):
			if value != "" && !strings.HasPrefix(name, "ACTIONS_") {
				c.tokens = append(c.tokens, name)
			}
		case slices.Contains(ambientVars, name):
			aside[name] = value // the last value of a name wins
		case hidden(value):
			if servesDownload(name) {
				c.holdSecret = append(c.holdSecret, name)
			}
		case !ownAuth && value != "" && looksSecret(name, value):
			c.lookSecret = append(c.lookSecret, name)
		default:
			c.env = append(c.env, kv)
		}
	}
	for _, name := range ambientVars {
		if aside[name] != "" && name != "PWD" {
			c.setAside = append(c.setAside, Variable{Name: name, Value: aside[name]})
		}
	}
	for _, names := range []*[]string{&c.lookSecret, &c.holdSecret, &c.tokens} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}

	// `go env -w` saves settings in a file. An empty variable does not override them, so
	// each gets a value that changes nothing.
	c.env = append(countGitConfig(c.env), "GOFLAGS=-mod=readonly", "GO111MODULE=on", "CGO_ENABLED=0")
	return c
}

// authCommand reports whether GOAUTH names a command, other than the methods that are
// built into the go command.
func authCommand(environ []string) (found bool) {
	for _, kv := range environ {
		value, ok := strings.CutPrefix(kv, "GOAUTH=")
		if !ok {
			continue
		}

		found = false // the last value of a name wins
		for _, method := range strings.Split(value, ";") {
			words := strings.Fields(method)
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case "off", "netrc", "git":
			default:
				found = true
			}
		}
	}

	return found
}

// countGitConfig numbers the settings that env holds for git again. git refuses to start
// if the name or the value of one of them is missing, and either may have been withheld: a
// token is part of the name in url.https://TOKEN@github.com/.insteadOf. The other half is left
// out too.
func countGitConfig(env []string) []string {
	const count, key, value = "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"

	number := -1
	keys := map[int]string{}
	values := map[int]string{}
	rest := make([]string, 0, len(env))
	for _, kv := range env {
		name, text, _ := strings.Cut(kv, "=")
		n, isKey := cutNumber(name, key)
		m, isValue := cutNumber(name, value)

		switch {
		case name == count:
			var err error
			number, err = strconv.Atoi(text)
			if err != nil {
				return env // git reports the mistake
			}
		case isKey:
			keys[n] = text
		case isValue:
			values[m] = text
		default:
			rest = append(rest, kv)
		}
	}
	if number < 0 {
		return rest
	}

	var settings []gitSetting
	for _, n := range slices.Sorted(maps.Keys(keys)) {
		text, complete := values[n]
		if complete && n < number {
			settings = append(settings, gitSetting{keys[n], text})
		}
	}
	return addCountedConfig(rest, settings...)
}

// cutNumber returns the number behind a prefix.
func cutNumber(name, prefix string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0
}

// holds reports whether a value contains the secret, also as part of a base64 word, as HTTP's
// basic authentication has it. A secret that is too short to be a token has to be the whole
// value, because it may occur anywhere by chance.
func holds(value, secret string) bool {
	if len(secret) < 8 {
		return secret != "" && value == secret
	}
	if strings.Contains(value, secret) {
		return true
	}

	return slices.ContainsFunc(base64Word.FindAllString(value, -1), func(word string) bool {
		decoded, err := base64.RawStdEncoding.DecodeString(word)
		return err == nil && strings.Contains(string(decoded), secret)
	})
}

// base64Word matches base64 without the padding. Whatever else stands around it is no part of it:
// the configuration in GIT_CONFIG_PARAMETERS is in quotes.
var base64Word = regexp.MustCompile(`[A-Za-z0-9+/]+`)

// processFlag matches the only flag of GOFLAGS that changes nothing of what is built.
var processFlag = regexp.MustCompile(`^--?p=([1-9][0-9]{0,5})$`)

// processesOf returns the -p in GOFLAGS of an environment, 0 if there is none.
func processesOf(environ []string) (n int) {
	for _, kv := range environ {
		flags, ok := strings.CutPrefix(kv, "GOFLAGS=")
		if !ok {
			continue
		}

		n = 0 // the last value of a name wins, and so does the last flag
		for _, flag := range strings.Fields(flags) {
			if m := processFlag.FindStringSubmatch(flag); m != nil {
				n, _ = strconv.Atoi(m[1]) // digits only
			}
		}
	}
	return n
}

// SetsRuntime reports whether the ambient environment decides about a variable of the Go
// runtime. GOGC and GOMEMLIMIT both bound memory: who sets one decides about both.
func (w *Workspace) SetsRuntime(name string) bool {
	return slices.ContainsFunc(w.env, func(kv string) bool {
		set, _, _ := strings.Cut(kv, "=")
		bounds := set == "GOGC" || set == "GOMEMLIMIT"
		return set == name || bounds && name != "GOMAXPROCS"
	})
}
