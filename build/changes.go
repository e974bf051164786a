package build

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// A change is a file in the working tree that differs from the commit.
type change struct {
	path      string // relative to the repository, slashes; directories end with one
	status    string // of the index and of the working tree, such as ".M"; "??" if it is untracked
	submodule string // "N...", or which parts of a submodule differ, such as "SC.."
	oldMode   string // in the commit
	newMode   string // on disk
}

// Modes of files (git-status(1), --porcelain=v2).
const (
	modeExecutable = "100755"
	modeNone       = "000000"
)

// listChanges lists the changes of the working tree.
func listChanges(ctx context.Context, ws *workspace.Workspace) (changes []change, err error) {
	out, err := ws.RunGit(ctx, "status", "--porcelain=v2", "-z", "--untracked-files=normal", "--no-renames")
	if err != nil {
		return nil, fmt.Errorf("asking git for changes: %w", err)
	}

	for _, record := range strings.Split(out, "\x00") {
		kind, rest, _ := strings.Cut(record, " ")
		switch kind {
		case "?":
			changes = append(changes, change{path: rest, status: "??"})

		case "1": // XY SUBMODULE MODE-HEAD MODE-INDEX MODE-WORKTREE HASH-HEAD HASH-INDEX PATH
			fields := strings.SplitN(rest, " ", 8)
			if len(fields) == 8 {
				changes = append(changes, change{
					path:      fields[7],
					status:    fields[0],
					submodule: fields[1],
					oldMode:   fields[2],
					newMode:   fields[4],
				})
			}

		case "u": // XY SUBMODULE MODE-1 MODE-2 MODE-3 MODE-WORKTREE HASH-1 HASH-2 HASH-3 PATH
			fields := strings.SplitN(rest, " ", 10)
			if len(fields) == 10 {
				changes = append(changes, change{path: fields[9], status: "UU"})
			}
		}
	}
	return changes, nil
}

// compareLines lists the files whose content differs from the commit, and says for each whether
// all its lines are the same. With ignoreEnds the ends of lines do not count.
func compareLines(
	ctx context.Context, ws *workspace.Workspace, ignoreEnds bool,
) (same map[string]bool, err error) {
	args := []string{"diff", "--no-ext-diff", "--no-textconv", "--no-renames", "--numstat", "-z"}
	if ignoreEnds {
		args = append(args, "--ignore-cr-at-eol")
	}
	out, err := ws.RunGit(ctx, append(args, "HEAD", "--", ":/")...)
	if err != nil {
		return nil, fmt.Errorf("asking git for differences: %w", err)
	}

	same = map[string]bool{}
	for _, record := range strings.Split(out, "\x00") { // "ADDED\tDELETED\tPATH"
		counts, file, ok := splitNumstat(record)
		if ok {
			same[file] = counts == "0\t0"
		}
	}
	return same, nil
}

// splitNumstat splits a record of git diff --numstat.
func splitNumstat(record string) (counts, file string, ok bool) {
	fields := strings.SplitN(record, "\t", 3)
	if len(fields) != 3 {
		return "", "", false
	}
	return fields[0] + "\t" + fields[1], fields[2], true
}

// changesRemedy returns what to do about a working tree that differs from the commit. It
// depends on why it does. Which step of a workflow changed a file is not known.
func changesRemedy(ctx context.Context, ws *workspace.Workspace) problem.Remedy {
	changes, err := listChanges(ctx, ws)
	if err != nil {
		return showStatus
	}
	sameContent, err := compareLines(ctx, ws, false)
	if err != nil {
		return showStatus
	}
	sameLines, err := compareLines(ctx, ws, true)
	if err != nil {
		return showStatus
	}

	c := changeCauses{ws: ws}
	for _, ch := range changes {
		if !fitsOnLine(ch.path) {
			continue
		}
		same, listed := sameLines[ch.path]
		endsOnly := same || !listed

		isRequirement := slices.Contains(requirementFiles, path.Base(ch.path))
		switch {
		case ch.status == "??" && isRequirement:
			c.requirements = append(c.requirements, ch.path)
		case ch.status == "??":
			c.untracked = append(c.untracked, ch.path)
		case ch.status == "UU":
			c.conflicts = append(c.conflicts, ch.path)
		case strings.HasPrefix(ch.submodule, "S"):
			c.submodules = append(c.submodules, ch.path)
		case ch.newMode == modeNone:
			c.deleted = append(c.deleted, ch.path)
		case ch.oldMode != modeNone && ch.oldMode != ch.newMode && sameContent[ch.path]:
			c.modes = append(c.modes, ch)
		case ch.oldMode != modeNone && endsOnly:
			c.lineEnds = append(c.lineEnds, ch.path)
		case isRequirement:
			c.requirements = append(c.requirements, ch.path)
		default:
			c.edited = append(c.edited, ch.path)
		}
	}
	return c.remedy(ctx)
}

// requirementFiles are the files that go mod tidy and go work sync write.
var requirementFiles = []string{"go.mod", "go.sum", "go.work", "go.work.sum"}

// changeCauses are changed files by what to do about them.
type changeCauses struct {
	ws           *workspace.Workspace
	untracked    []string
	conflicts    []string
	submodules   []string // another commit is checked out
	deleted      []string
	modes        []change // only their modes differ
	lineEnds     []string // only the ends of their lines differ
	requirements []string
	edited       []string
}

// remedy returns what to do about the changes, a line for each cause.
func (c *changeCauses) remedy(ctx context.Context) problem.Remedy {
	var all []problem.Remedy
	if len(c.lineEnds) > 0 {
		all = append(all, c.renormalize(ctx))
	}
	if len(c.modes) > 0 {
		all = append(all, c.changeModes())
	}
	if len(c.submodules) > 0 {
		all = append(all, problem.There(
			problem.Step("- run: git submodule update --init --recursive"),
			problem.Run("git submodule update --init --recursive"),
		))
	}
	if len(c.requirements) > 0 {
		files := pathspecs(c.requirements)
		commit := "git add " + files + " && git commit --message 'go mod tidy' " + files
		all = append(all, problem.Run(commit).For("if go mod tidy or go get changed them"))
	}
	if len(c.deleted) > 0 {
		all = append(all, problem.There(
			problem.Advise("a step before this one, or a sparse checkout, removed "+c.deleted[0]),
			problem.Run("git restore --staged --worktree "+pathspecs(c.deleted)).For("brings them back"),
		))
	}
	if len(c.conflicts) > 0 {
		all = append(all, problem.Run("git status").For("says how to end the merge"))
	}
	if len(c.edited) > 0 {
		all = append(all, problem.There(
			problem.Lines(
				problem.Advise("a step before this one changed "+c.edited[0]+
					": commit what it writes, or run it after this one"),
				problem.Step("- run: git diff --exit-code").For("fails if those before it changed a file"),
			),
			problem.Either(
				problem.Run("git commit --all"),
				problem.Run("git stash").For("sets the changes aside; git stash pop brings them back"),
			),
		))
	}
	if len(c.untracked) > 0 {
		all = append(all, c.ignore())
	}

	switch len(all) {
	case 0:
		return showStatus
	case 1:
		return all[0]
	}
	return problem.Lines(all...)
}

// showStatus is the remedy if nothing better is known.
var showStatus = problem.Run("git status").For("shows what differs")

// fitsOnLine reports whether a name can be part of a command on one line. Git allows line feeds
// in names, with which a file could add lines of its own to a hint.
func fitsOnLine(name string) bool { return !strings.ContainsFunc(name, unicode.IsControl) }

// Limits of the files that a command names. Those of maxExact are all named, because a pattern
// for them would also match files that have to stay as they are.
const (
	maxNamed = 5
	maxExact = 20
)

// pathspecs returns the first files, of the repository, as arguments of git in any directory of
// it.
func pathspecs(files []string) string {
	var words []string
	for _, file := range files[:min(maxExact, len(files))] {
		words = append(words, problem.ShellWord(":/"+file))
	}
	return strings.Join(words, " ")
}

// renormalize returns what to do about files of which only the ends of the lines differ.
func (c *changeCauses) renormalize(ctx context.Context) problem.Remedy {
	args := []string{"ls-files", "--eol", "-z", "--"}
	for _, file := range c.lineEnds[:min(maxExact, len(c.lineEnds))] {
		args = append(args, ":(top,literal)"+file)
	}
	out, err := c.ws.RunGit(ctx, args...)
	commit := problem.Run("git add --renormalize :/ && git commit --message 'normalize line endings'").For(
		"the commit has line endings that .gitattributes or core.autocrlf changes")
	if err == nil && (strings.Contains(out, "i/crlf") || strings.Contains(out, "i/mixed")) {
		return commit
	}

	// Something wrote CRLF into files that the commit has with LF.
	attributes := problem.Run("echo '* text=auto' >>" + c.rootFile(".gitattributes") +
		" && git add :/.gitattributes && git commit --message 'line endings' && git add --renormalize :/",
	).For("git then ignores such changes")
	if len(c.lineEnds) > maxExact {
		return attributes
	}

	restore := "git checkout -- " + pathspecs(c.lineEnds)
	return problem.Either(
		problem.There(problem.Step("- run: "+restore), problem.Run(restore)).For(
			"something else than git changed only the ends of the lines"),
		attributes,
	)
}

// rootFile returns a file in the root of the repository as a word of a shell.
func (c *changeCauses) rootFile(name string) string {
	if c.ws.ModuleDir() == "." {
		return name
	}
	return `"$(git rev-parse --show-toplevel)"/` + name
}

// changeModes returns what to do about files of which only the permissions differ.
func (c *changeCauses) changeModes() problem.Remedy {
	ignore := problem.There(
		problem.Step("- run: git config core.fileMode false"),
		problem.Run("git config core.fileMode false"),
	).For("git then ignores permissions")
	if len(c.modes) > maxExact {
		return ignore
	}

	var commands []string
	for _, mode := range []string{modeExecutable, ""} {
		var files []string
		for _, ch := range c.modes {
			if (ch.newMode == modeExecutable) == (mode == modeExecutable) {
				files = append(files, ch.path)
			}
		}
		if len(files) == 0 {
			continue
		}

		chmod := "--chmod=-x"
		if mode == modeExecutable {
			chmod = "--chmod=+x"
		}
		commands = append(commands, "git add "+chmod+" "+pathspecs(files))
	}

	return problem.Either(
		problem.Run(strings.Join(commands, " && ")+" && git commit --message 'change modes'").For(
			"only the permissions differ"),
		ignore,
	)
}

// ignore returns what to do about files that git does not know.
func (c *changeCauses) ignore() problem.Remedy {
	var words, patterns []string
	for _, name := range c.untracked[:min(maxNamed, len(c.untracked))] {
		words = append(words, problem.ShellWord("/"+ignorePattern(name)))
		pattern := generatedPattern(strings.TrimSuffix(name, "/"), c.ws.ModuleDir())
		switch {
		case strings.HasSuffix(name, "/") && hasGoFile(filepath.Join(c.ws.Root, filepath.FromSlash(name))):
			patterns = append(patterns, pattern+"/**")
		case strings.HasSuffix(name, ".go"):
			patterns = append(patterns, pattern)
		}
	}
	list := "printf '%s\\n' " + strings.Join(words, " ") + " >>"

	exclude := yamlCommand(list + " .git/info/exclude")
	ignored := problem.There(
		problem.Step("- run: "+exclude).For("or name them in .gitignore, and commit it"),
		problem.Run(list+c.rootFile(".gitignore")+" && git add :/.gitignore && "+
			"git commit --message 'ignore what is generated'"),
	)
	if len(patterns) == 0 {
		return ignored
	}
	return problem.Lines(
		ignored,
		problem.Set("generated", strings.Join(patterns, " ")).For("if the programs are compiled from them"),
	)
}

// hasGoFile reports whether there is a Go file in a directory, or in one below it.
func hasGoFile(dir string) (found bool) {
	err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(file, ".go") {
			found = true
			return fs.SkipAll
		}
		return nil // directories that cannot be read hold no sources
	})
	return err == nil && found
}

// ignorePattern returns a name as .gitignore matches it (gitignore(5)).
func ignorePattern(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// yamlCommand returns a command as the value of run:, in quotes if YAML would misread it.
func yamlCommand(command string) string {
	if strings.Contains(command, ": ") || strings.Contains(command, " #") {
		return strconv.Quote(command)
	}
	return command
}
