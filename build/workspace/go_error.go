package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// A GoError is the error of a go command that cannot load packages. Its text is what the go
// command wrote, without what the remedy says better, and short.
type GoError struct {
	text     string
	position problem.Position
	err      error // of the go command, nil if it wrote about packages and went on
}

func (e *GoError) Error() string { return e.text }

func (e *GoError) Unwrap() error { return e.err }

// Position returns the place that the first line names, the zero Position if it names none.
func (e *GoError) Position() problem.Position { return e.position }

// ExplainGo returns an error of the go command with the known remedy, as a problem.Problem if
// there is one.
func (w *Workspace) ExplainGo(err error) error {
	var known *problem.Problem
	if errors.As(err, &known) {
		return err
	}

	if strings.Contains(err.Error(), "executable file not found") {
		return &problem.Problem{
			Err:    errors.New("go is not installed"),
			Remedy: problem.There(setupGo, problem.Advise("install Go from https://go.dev/dl")),
		}
	}

	var failed *process.CommandError
	if !errors.As(err, &failed) {
		return fmt.Errorf("asking go about the module: %w", err)
	}

	message := failed.Output
	isJSON := strings.HasPrefix(message, "{")
	if isJSON {
		message = errorsInJSON(message)
	}

	switch {
	case message != "":
		return w.goError(message, err)
	case isJSON: // nobody wants to read it
		return fmt.Errorf("asking go about the module: %w", failed.Err)
	}
	return fmt.Errorf("asking go about the module: %w", err)
}

// goError returns the problem of a message of the go command. err may be nil.
func (w *Workspace) goError(message string, err error) *problem.Problem {
	text := w.Shorten(message)
	return &problem.Problem{
		Err: &GoError{
			text:     text,
			position: positionIn(text),
			err:      err,
		},
		Remedy: w.RemedyFor(message),
	}
}

// jsonError matches the message in an error that go list -json writes.
var jsonError = regexp.MustCompile(`"Err": ("(?:[^"\\]|\\.)*")`)

// errorsInJSON returns the messages in the beginning of what go list -json wrote.
func errorsInJSON(output string) string {
	var messages []string
	for _, m := range jsonError.FindAllStringSubmatch(output, -1) {
		var message string
		if json.Unmarshal([]byte(m[1]), &message) == nil {
			messages = append(messages, message)
		}
	}
	return strings.Join(messages, "\n")
}

// filePosition matches a line that begins with a place in go.mod, go.work or a Go file.
var filePosition = regexp.MustCompile(`(?m)^(?:go: )?([^\s:]*(?:\.go|go\.mod|go\.work)):(\d+):(?:(\d+):)? (.*)$`)

// positionIn returns the first place in the module that a message of the go command names.
func positionIn(message string) problem.Position {
	m := filePosition.FindStringSubmatch(message)
	if m == nil || !filepath.IsLocal(m[1]) {
		return problem.Position{}
	}

	line, err := strconv.Atoi(m[2])
	if err != nil { // more digits than a line number has
		return problem.Position{}
	}
	column, err := strconv.Atoi(m[3])
	if err != nil {
		column = 0 // not every message has one
	}
	return problem.Position{
		File:    path.Clean(filepath.ToSlash(m[1])),
		Line:    line,
		Column:  column,
		Message: m[4],
	}
}

// PositionIn returns the place in a file of the module that the go command names as
// FILE:LINE:COLUMN. ok is false for other files, such as those of dependencies.
func (w *Workspace) PositionIn(place string) (at problem.Position, ok bool) {
	rel, ok := relativeTo(w.Dir, local(w.Dir, filepath.FromSlash(place)))
	if place == "" || !ok {
		return problem.Position{}, false
	}

	at = positionIn(rel + ": ")
	return at, at.File != ""
}

// ShortPosition returns a FILE:LINE:COLUMN of the go command with the name of the file
// relative to the module, or for dependencies to the module cache.
func (w *Workspace) ShortPosition(place string) string {
	file := local(w.Dir, filepath.FromSlash(place))
	for _, dir := range []string{w.Dir, w.modCache} {
		if rel, ok := relativeTo(dir, file); ok && place != "" {
			return rel
		}
	}
	return place
}

// relativeTo returns the name of a file relative to a directory, with slashes. ok is false if
// the file is not in it.
func relativeTo(dir, file string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, file)
	if dir == "" || err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// Limits of a message of the go command. It writes some lines for each package that it
// cannot load, and there may be hundreds.
const (
	maxMessageLines = 12
	maxMessageLine  = 500 // bytes
)

// sourceOfStandard matches where the go command looked for a package of the standard library.
var sourceOfStandard = regexp.MustCompile(`(is not in (?:std|GOROOT)) \(.*\)`)

// progress matches lines about what the go command does before it fails.
var progress = regexp.MustCompile(`^go: (downloading|finding|extracting|found) `)

// adviceOfGo matches the line that introduces what the go command advises, on the lines
// after it, and explanations that go on to the end of the message. Sources: cmd/go,
// modload/import.go, modload/init.go, modload/vendor.go; modfetch/fetch.go.
var (
	introducesAdvice = regexp.MustCompile(`; (?:to add|to add it|to update it|try):\s*$`)
	explains         = regexp.MustCompile(`^\s*(?:To ignore the vendor directory, use |To sync the vendor directory, ` +
		`run:|SECURITY ERROR$|This download does NOT match )`)
)

// Shorten returns the lines of a message of the go command that say what is wrong, each once,
// and not more than a person reads. Names of files are relative to the module.
func (w *Workspace) Shorten(message string) string {
	if w.Dir != "" {
		message = strings.ReplaceAll(message, w.Dir+string(filepath.Separator), "")
		message = strings.ReplaceAll(message, " in "+w.Dir, "")
	}
	message = sourceOfStandard.ReplaceAllString(message, "$1")

	var lines []string
	seen := map[string]bool{}
	inAdvice := false
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, "\r\n\t ")
		isIndented := strings.HasPrefix(line, "\t")

		switch {
		case inAdvice && isIndented, line == "", progress.MatchString(line), seen[line]:
			continue
		case explains.MatchString(line):
			return limitLines(lines)
		}

		seen[line] = true
		advice := introducesAdvice.FindStringIndex(line)
		inAdvice = advice != nil
		if inAdvice {
			line = line[:advice[0]]
		}
		lines = append(lines, strings.ReplaceAll(line, "\t", "  "))
	}
	return limitLines(lines)
}

// limitLines joins the first lines, without what is too long.
func limitLines(lines []string) string {
	more := len(lines) - maxMessageLines
	if more > 0 {
		lines = append(lines[:maxMessageLines:maxMessageLines], fmt.Sprintf("and %d more lines", more))
	}

	for i, line := range lines {
		if len(line) > maxMessageLine {
			lines[i] = strings.ToValidUTF8(line[:maxMessageLine], "") + "..."
		}
	}
	return strings.Join(lines, "\n")
}

// A goErrorKind is one reason for which the go command loads no packages.
type goErrorKind struct {
	match  *regexp.Regexp
	remedy func(w *Workspace, m []string) problem.Remedy // of the submatches
}

// always returns a function that returns r.
func always(r problem.Remedy) func(*Workspace, []string) problem.Remedy {
	return func(*Workspace, []string) problem.Remedy { return r }
}

// Remedies of several kinds. A step of a workflow must not run go mod tidy: the tree would
// differ from the commit.
var (
	tidy   = problem.Run("go mod tidy").For("then commit go.mod and go.sum")
	vendor = problem.Run("go mod tidy && go mod vendor").For("then commit go.mod, go.sum and vendor")
)

// modulePath matches the path of a module.
const modulePath = `[^\s:@()"]+`

// goErrorKinds are the reasons that are known, those that are more specific first. Sources:
// cmd/go, modload (import.go, init.go, load.go, vendor.go), modfetch (fetch.go, sumdb.go),
// load/pkg.go and gover/toolchain.go; golang.org/x/mod/modfile; net.
//
// They are compiled when the first one is needed, which is not in most runs.
var goErrorKinds = sync.OnceValue(func() []goErrorKind {
	return []goErrorKind{
		{ // a newer toolchain is needed
			regexp.MustCompile(`requires go >= \S+ \(running go|invalid go version '\d[\d.]*(?:rc\d+)?'|` +
				`unknown block type: (?:tool|ignore)|unknown directive: (?:toolchain|tool|ignore|godebug)`),
			always(problem.There(setupGo, problem.Run("export GOTOOLCHAIN=auto"))),
		},
		{ // a toolchain that was never released, or is not any more
			regexp.MustCompile(`golang\.org/toolchain@v(?s:.*)(?:40[34] |410 |Not Found|not available)`),
			always(problem.Advise("https://go.dev/dl lists the versions of Go that there are: " +
				"go.mod or GOTOOLCHAIN asks for another one")),
		},
		{
			regexp.MustCompile(`cannot load module (\S+) listed in go\.work file`),
			func(w *Workspace, m []string) problem.Remedy {
				return w.missingDir(m[1], problem.Run("go work edit -dropuse="+problem.ShellWord(goWorkDir(m[1]))))
			},
		},
		{
			regexp.MustCompile(`listed in go\.work file requires go >=|go\.work lists go`),
			always(problem.Run("go work use").For("then commit go.work")),
		},
		{
			regexp.MustCompile(`module (\./\S*|\.\./\S*): reading \S*go\.mod: open `),
			func(w *Workspace, m []string) problem.Remedy {
				return w.missingDir(m[1], problem.Advise(
					m[1]+" needs a go.mod of its own: go mod init, in that directory"))
			},
		},
		{
			regexp.MustCompile(`(` + modulePath + `)(?:@\S+)?(?: \(replaced by (\S+)\))?: ` +
				`(?:replacement directory (\S+) does not exist|reading \S*go\.mod: open )`),
			func(w *Workspace, m []string) problem.Remedy {
				drop := problem.Run("go mod edit -dropreplace=" + m[1] + " && go get " + m[1] + "@latest")
				return w.missingDir(m[2]+m[3], drop.For("then commit go.mod and go.sum"))
			},
		},
		{
			regexp.MustCompile(`inconsistent vendoring|import lookup disabled by -mod=vendor|` +
				`cannot find package "?\S+ in any of:\s+\S*vendor`),
			func(w *Workspace, _ []string) problem.Remedy {
				if w.Work != "" {
					return problem.Run("go work sync && go work vendor").For("then commit vendor")
				}
				return vendor
			},
		},
		{
			regexp.MustCompile(`is replaced but not required; to add it:\s+(go get \S+)`),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Run(m[1]).For("then commit go.mod and go.sum")
			},
		},
		{
			regexp.MustCompile(`missing go\.sum entry|updates to go\.mod needed|no required module provides package|` +
				`import lookup disabled by -mod=readonly|cannot find module providing package|` +
				`go\.mod file indicates go \S+, but maximum`),
			func(w *Workspace, _ []string) problem.Remedy {
				switch {
				case w.Mod == "vendor":
					return vendor
				case w.Work != "":
					return problem.Run("go mod tidy && go work sync").For("then commit go.mod, go.sum and go.work.sum")
				}
				return tidy
			},
		},
		{
			regexp.MustCompile(`ambiguous import: found package \S+ in multiple modules:\s+(\S+) `),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Run("go get " + m[1] + "@latest && go mod tidy").For("then commit go.mod and go.sum")
			},
		},
		{ // a private module: neither the checksum database nor the proxy knows it
			regexp.MustCompile(`verifying (?:module: )?(` + modulePath + `)@\S+: (?:\S+: )?(?:reading|initializing) `),
			privateModule,
		},
		{
			regexp.MustCompile(`verifying (` + modulePath + `)@([^\s:/]+)\S*: checksum mismatch`),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Either(
					problem.Run("go clean -modcache").For("if this cache is damaged"),
					problem.Run("grep -v '^"+m[1]+" "+m[2]+"' go.sum >go.sum.new; "+
						"mv go.sum.new go.sum; go mod tidy").For(
						"if its authors moved the tag and you trust them"),
				)
			},
		},
		{
			regexp.MustCompile(`module lookup disabled by GOPROXY=off`),
			always(problem.There(
				problem.Advise("give the step a proxy for modules: env: {GOPROXY: 'https://proxy.golang.org,direct'}"),
				problem.Run("export GOPROXY=https://proxy.golang.org,direct"),
			)),
		},
		{ // credentials
			regexp.MustCompile(`(` + modulePath + `)@\S+: (?s:.*)(?:could not read Username|` +
				`terminal prompts disabled|Permission denied \(publickey|Repository not found|` +
				`repository '[^']+' not found|Authentication failed|Host key verification failed|` +
				`40[13] |Unauthorized|Forbidden)`),
			privateModule,
		},
		{
			regexp.MustCompile(`(` + modulePath + `)@(\S+): (?s:.*)(?:unknown revision|invalid version|` +
				`no matching versions|404 Not Found|410 Gone)`),
			func(w *Workspace, m []string) problem.Remedy {
				return problem.Either(
					problem.Run("go get "+m[1]+"@latest && go mod tidy").For("if there is no version "+m[2]),
					privateModule(w, m),
				)
			},
		},
		{ // the network
			regexp.MustCompile(`dial tcp|no such host|i/o timeout|connection re(?:fused|set)|TLS handshake|` +
				`x509: |proxyconnect|context deadline exceeded|Client\.Timeout|server misbehaving|` +
				`https?://\S+: (?:.*unexpected EOF|400 |5\d\d )|Could not resolve host|[Nn]etwork is unreachable`),
			always(problem.There(
				problem.Advise("run the job again; if that does not help, give the step a proxy for modules "+
					"that this runner can reach: env: {GOPROXY: ADDRESS}"),
				problem.Run("go mod download").For("until it succeeds; go env GOPROXY HTTPS_PROXY shows the way there"),
			)),
		},
		{
			regexp.MustCompile(`import cycle not allowed`),
			always(problem.Advise("move what both packages need into a third package")),
		},
		{
			regexp.MustCompile(`use of internal package (\S+)/internal(?:/\S*)? not allowed`),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Advise("import a package that is not below internal/: " +
					"only packages of " + m[1] + " can import this one")
			},
		},
		{
			regexp.MustCompile(`is a program, not an importable package`),
			always(problem.Advise("move what is imported into a package that is not main")),
		},
		{
			regexp.MustCompile(`found packages (\S+) \((\S+)\) and (\S+) \((\S+)\) in `),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Advise(fmt.Sprintf("a directory holds one package: "+
					"move %s or %s, or give it the line %q", m[2], m[4], "//go:build ignore"))
			},
		},
		{
			regexp.MustCompile(`package (\S+) is not in (?:std|GOROOT)`),
			func(w *Workspace, m []string) problem.Remedy {
				if isDir(filepath.Join(w.Dir, filepath.FromSlash(m[1]))) && w.Dir != "" {
					return problem.Guess(strconv.Quote(w.Module + "/" + m[1]))
				}
				return problem.There(setupGo, problem.Run("export GOTOOLCHAIN=auto")).For(
					"if a newer Go has the package")
			},
		},
		{
			regexp.MustCompile(`is relative, but relative import paths are not supported|` +
				`local import "\S+" in non-local package`),
			func(w *Workspace, _ []string) problem.Remedy {
				return problem.Advise("write the whole import path, which begins with " + w.Module + "/")
			},
		},
		{
			regexp.MustCompile(`errors parsing go\.(mod|work):`),
			func(_ *Workspace, m []string) problem.Remedy {
				return problem.Advise(map[string]string{
					"mod":  "https://go.dev/ref/mod#go-mod-file describes what go.mod may hold",
					"work": "https://go.dev/ref/mod#workspaces describes what go.work may hold",
				}[m[1]])
			},
		},
	}
})

// RemedyFor returns what to do about a message of the go command, the zero Remedy if that is
// not known.
func (w *Workspace) RemedyFor(message string) problem.Remedy {
	for _, kind := range goErrorKinds() {
		if m := kind.match.FindStringSubmatch(message); m != nil {
			return kind.remedy(w, m)
		}
	}
	return problem.Remedy{}
}

// privateModule returns what to do about a module that cannot be read without credentials.
// The module's path is m[1].
func privateModule(_ *Workspace, m []string) problem.Remedy {
	elements := strings.Split(m[1], "/")
	private := strings.Join(elements[:min(2, len(elements))], "/")
	host := elements[0]

	return problem.There(
		problem.Lines(
			problem.Step(`- run: git config --global url."https://x:${{ secrets.MODULES_TOKEN }}@`+host+`/".insteadOf `+
				`https://`+host+`/`).For("MODULES_TOKEN may read "+private),
			problem.Advise("env: {GOPRIVATE: "+private+"}").For("of this step"),
		),
		problem.Run("go env -w GOPRIVATE="+private).For("if it is private; git then asks "+host+" for it"),
	)
}

// missingDir returns what to do about a directory with a module that is missing: check the
// submodule out that it is in, or else the given remedy. dir is relative to the module, or to
// the go.work.
func (w *Workspace) missingDir(dir string, otherwise problem.Remedy) problem.Remedy {
	from := w.Dir
	if w.Work != "" {
		from = filepath.Dir(w.Work)
	}

	if r, ok := w.SubmoduleRemedy(local(from, filepath.FromSlash(dir))); ok {
		return r
	}
	return otherwise
}

// SubmoduleRemedy returns what to do about a missing file or directory, an absolute path, if
// it belongs to a submodule, which a clone does not check out by itself.
func (w *Workspace) SubmoduleRemedy(file string) (r problem.Remedy, ok bool) {
	name := w.InRoot(file)
	for _, submodule := range w.submodulePaths() {
		if name == submodule || strings.HasPrefix(name, submodule+"/") {
			return checkOutSubmodules, true
		}
	}
	return problem.Remedy{}, false
}

// checkOutSubmodules is the remedy for a submodule that is missing or differs.
var checkOutSubmodules = problem.There(
	problem.Step("- {uses: actions/checkout@v7, with: {submodules: recursive}}"),
	problem.Run("git submodule update --init --recursive"),
)

// submodulePath matches a line of .gitmodules.
var submodulePath = regexp.MustCompile(`(?m)^\s*path\s*=\s*(.+?)\s*$`)

// submodulePaths returns the paths of the submodules that .gitmodules names.
func (w *Workspace) submodulePaths() (paths []string) {
	if w.Root == "" {
		return nil
	}
	data, err := w.ReadText(filepath.Join(w.Root, ".gitmodules"))
	if err != nil {
		return nil // most repositories have none
	}

	for _, m := range submodulePath.FindAllSubmatch(data, -1) {
		paths = append(paths, strings.Trim(string(m[1]), `"`))
	}
	return paths
}

// goWorkDir returns a directory as go.work names it.
func goWorkDir(dir string) string {
	if filepath.IsAbs(dir) || strings.HasPrefix(dir, ".") {
		return dir
	}
	return "./" + dir
}

// isDir reports whether path is a directory.
func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
