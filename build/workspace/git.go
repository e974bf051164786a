package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// A repo is a git repository that has been checked out, pinned to one directory.
//
// git looks for a repository by itself, from the directory in which it is called, and the
// configuration of a repository can name programs that git runs. A tree can contain such a
// repository as ordinary files (HEAD, config, objects, refs), and git would find it in any
// directory of a clone. Every call of git therefore goes through this type, which names
// the repository and switches off what its configuration would start.
type repo struct {
	top string // the root of the working tree: absolute, without symbolic links
	env []string
}

// openRepo opens the repository around dir. The second result is the environment for
// other programs that call git in it, such as the go command.
func openRepo(ctx context.Context, dir string, env []string) (repo, []string, error) {
	top, ok := FindRoot(dir)
	if !ok {
		return repo{}, nil, &problem.Problem{
			Setting: "directory",
			Err:     fmt.Errorf("%s is not in a git repository", dir),
			Remedy: problem.There(
				problem.Step("- uses: actions/checkout@v7"),
				problem.Run("git init && git add -A && git commit -m 'first commit'"),
			),
		}
	}

	// The go command recognizes a repository only by a directory .git. Without one it
	// stamps no commit, or the commit of an enclosing repository, and does not fail.
	fi, err := os.Stat(filepath.Join(top, ".git"))
	if err != nil || !fi.IsDir() {
		return repo{}, nil, &problem.Problem{
			Setting: "directory",
			Err: fmt.Errorf("%s is a worktree or a submodule of another repository, "+
				"whose commits the go command does not see", top),
			Remedy: problem.There(
				problem.Advise("let actions/checkout check this repository out into "+
					"a directory of its own, and name it in the input directory"),
				problem.Run("git clone . ../release && cd ../release"),
			),
		}
	}

	r, env, err := pinRepo(ctx, top, env)
	if err != nil {
		return repo{}, nil, explainGit(dir, err)
	}

	return r, env, nil
}

// FindRoot returns the nearest directory, from dir upwards, that git and the go command take
// for the root of a working tree. Both ignore a directory .git without a HEAD.
func FindRoot(dir string) (root string, ok bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}

	for !isRoot(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
	return dir, true
}

// isRoot reports whether dir is the root of a working tree.
func isRoot(dir string) bool {
	git := filepath.Join(dir, ".git")
	fi, err := os.Stat(git)
	if err != nil {
		return false
	}
	if !fi.IsDir() {
		return true // a file that names the repository
	}

	_, err = os.Lstat(filepath.Join(git, "HEAD"))
	return err == nil
}

// pinRepo pins the repository whose working tree begins at top.
func pinRepo(ctx context.Context, top string, env []string) (repo, []string, error) {
	env = addGitConfig(env, append(caseSettings(runtime.GOOS), gitSettings...)...)

	// GIT_DIR is not set yet: git checks the owner of a repository only where it has to
	// find it. Neither rev-parse nor config starts a program, whatever the repository says.
	first := repo{top: top, env: append(slices.Clip(env), gitMessages...)}
	out, err := first.git(ctx, "rev-parse", "--show-toplevel", "--absolute-git-dir")
	if err != nil {
		return repo{}, nil, err
	}

	found, gitDir, ok := strings.Cut(out, "\n")
	if !ok {
		return repo{}, nil, fmt.Errorf("reading the output of git rev-parse: %q", out)
	}
	if !sameFile(top, filepath.FromSlash(found)) {
		return repo{}, nil, &problem.Problem{
			Setting: "directory",
			Err: fmt.Errorf("the repository in %s has its working tree in %s (core.worktree), "+
				"so that git and go would look at different files", top, found),
			Remedy: problem.Run("git config --unset core.worktree"),
		}
	}

	local, err := first.localConfig(ctx)
	if err != nil {
		return repo{}, nil, err
	}

	disabled := disablePrograms(local)
	if err := checkPartialClone(local); err != nil {
		major, minor, versionErr := first.version(ctx)
		fetches := major < 2 || major == 2 && minor < 45 // later ones obey GIT_NO_LAZY_FETCH
		if versionErr != nil || fetches {
			return repo{}, nil, errors.Join(err, versionErr)
		}
	}

	ignored, err := first.ignoreSubmodules(ctx)
	if err != nil {
		return repo{}, nil, err
	}

	more := append(disabled, ignored...)
	i := slices.IndexFunc(more, gitSetting.needsCount)
	if i >= 0 {
		err := first.checkCountedConfig(ctx, more[i].key)
		if err != nil {
			return repo{}, nil, err
		}
	}

	env = addGitConfig(env, more...)
	env = append(env, "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1")

	own := addGitConfig(env, ownGitSettings...)
	own = append(own, gitMessages...)
	own = append(own,
		"GIT_DIR="+filepath.FromSlash(gitDir),
		"GIT_WORK_TREE="+top,
		"GIT_OPTIONAL_LOCKS=0", // git status must not rewrite the index
	)

	return repo{top: top, env: own}, env, nil
}

// gitMessages make git write the messages that explainGit understands.
var gitMessages = []string{"LC_ALL=C", "LANGUAGE="}

// gitSettings apply to every git in the repository, including the one that the go
// command starts. Source: git-config(1).
var gitSettings = []gitSetting{
	// Start no program of the repository.
	{"core.fsmonitor", "false"},
	{"core.hooksPath", os.DevNull}, // refreshing the index calls post-index-change
	{"log.showSignature", "false"},
	{"safe.bareRepository", "explicit"},

	// Read no file that the repository names.
	{"diff.orderFile", os.DevNull},

	// Run no git in a submodule (see ignoreSubmodules).
	{"diff.ignoreSubmodules", "dirty"},

	// See every change in the tree.
	{"status.showUntrackedFiles", "normal"},
	{"core.ignoreStat", "false"},
	{"core.trustctime", "true"},
	{"core.checkStat", "default"},
	{"diff.autoRefreshIndex", "true"}, // else git diff lists files of which only the time changed

	// Of all settings that `git help --config` lists, the others that change what the commands
	// print that this program and the go command run, or that make them fail.
	{"submodule.recurse", "false"}, // git ls-files --others has no such mode
	{"color.ui", "false"},
	{"color.diff", "false"},
	{"color.status", "false"},
	{"column.ui", "never"},
	{"column.tag", "never"},
	{"column.status", "never"},
	{"core.quotePath", "true"},
	{"core.safecrlf", "false"}, // git hash-object would fail, and git diff warn
	{"diff.relative", "false"},
	{"diff.renames", "false"},
	{"diff.submodule", "short"},
	{"status.renames", "false"},
	{"status.relativePaths", "false"},
	{"status.branch", "false"},
	{"status.showStash", "false"},
	{"status.submoduleSummary", "false"},
	{"status.aheadBehind", "false"},
	{"tag.gpgSign", "false"}, // the go command names commits in its module cache by git tag
	{"log.follow", "false"},
	{"log.mailmap", "false"},
	{"log.diffMerges", "off"},
	{"i18n.logOutputEncoding", "UTF-8"},
}

// caseSettings returns the settings for file systems that distinguish case. A configuration
// that was copied from another machine may say that this one does not, and git would then
// mistake Main.go for the main.go of the commit. On Windows and macOS git must know that
// case is ignored.
func caseSettings(goos string) []gitSetting {
	if goos == "windows" || goos == "darwin" {
		return nil
	}
	return []gitSetting{{"core.ignoreCase", "false"}}
}

// ownGitSettings apply only to the git that this program calls. The go command also fetches
// modules with git, in repositories of its own, and needs the network for that.
var ownGitSettings = []gitSetting{
	{"protocol.allow", "never"},
	{"core.untrackedCache", "false"},
}

// git runs git in the root of the repository and returns its standard output without
// the final newline.
func (r repo) git(ctx context.Context, args ...string) (string, error) {
	command := process.Command{
		Args: append([]string{"git"}, args...),
		Dir:  r.top,
	}
	return command.Output(ctx, r.env)
}

// A gitSetting is one line of a git configuration.
type gitSetting struct {
	key   string // section and name in lower case, as git prints them
	value string
}

// addGitConfig returns env with settings for git, which override every file. It uses both
// ways that git has: the documented one, from version 2.31 on, and the one by which git
// passes its option -c to its children, which all versions have and which overrides the
// other.
func addGitConfig(env []string, settings ...gitSetting) []string {
	env = addCountedConfig(env, settings...)

	const name = "GIT_CONFIG_PARAMETERS="
	var parameters []string
	kept := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, name); ok {
			parameters = []string{value} // the last value of a name wins
			continue
		}
		kept = append(kept, kv)
	}

	for _, s := range settings {
		if !s.needsCount() {
			parameters = append(parameters, "'"+strings.ReplaceAll(s.key+"="+s.value, "'", `'\''`)+"'")
		}
	}
	return append(kept, name+strings.Join(parameters, " "))
}

// needsCount reports whether a setting needs the way of git 2.31: the other one ends the key
// at the first equals sign.
func (s gitSetting) needsCount() bool { return strings.Contains(s.key, "=") }

// addCountedConfig returns env with settings in the way that git documents, after those that
// env has already. Entries are numbered.
func addCountedConfig(env []string, settings ...gitSetting) []string {
	count := 0
	kept := make([]string, 0, len(env)+2*len(settings)+1)
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "GIT_CONFIG_COUNT="); ok {
			n, err := strconv.Atoi(value)
			if err == nil && n > 0 {
				count = n
			}
			continue
		}
		kept = append(kept, kv)
	}

	for _, s := range settings {
		kept = append(kept,
			fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", count, s.key),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count, s.value),
		)
		count++
	}

	return append(kept, fmt.Sprintf("GIT_CONFIG_COUNT=%d", count))
}

// localConfig returns the repository's own configuration, with the files it includes.
// The user's own configuration is trusted.
func (r repo) localConfig(ctx context.Context) ([]gitSetting, error) {
	local, err := r.git(ctx, "config", "--local", "--includes", "--null", "--list")
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of the repository: %w", err)
	}
	settings := parseGitConfig(local)

	// git reads a configuration of the worktree only if the repository says so.
	perWorktree := slices.ContainsFunc(settings, func(s gitSetting) bool {
		return s.key == "extensions.worktreeconfig"
	})
	if !perWorktree {
		return settings, nil
	}

	worktree, err := r.git(ctx, "config", "--worktree", "--includes", "--null", "--list")
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of the worktree: %w", err)
	}

	return append(settings, parseGitConfig(worktree)...), nil
}

// parseGitConfig reads the output of git config --null --list.
func parseGitConfig(list string) (settings []gitSetting) {
	for _, entry := range strings.Split(list, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if key != "" {
			settings = append(settings, gitSetting{key, value})
		}
	}

	return settings
}

// filterKey is a setting that names a program through which git reads or writes files.
var filterKey = regexp.MustCompile(`(?s)^filter\.(.*)\.(clean|smudge|process|required)$`)

// disablePrograms returns the settings that switch off the filters of a configuration.
// Filters are the only programs that git starts to compare a tree with its commit and
// that gitSettings does not switch off.
//
// Git LFS may have written its filter into the repository (git lfs install --local, which
// actions/checkout runs). That filter is kept, unless the repository configures
// extensions of Git LFS, which are programs as well.
func disablePrograms(local []gitSetting) (disabled []gitSetting) {
	extended := slices.ContainsFunc(local, func(s gitSetting) bool {
		return strings.HasPrefix(s.key, "lfs.extension.")
	})

	seen := map[string]bool{}
	for _, s := range local {
		m := filterKey.FindStringSubmatch(s.key)
		if m == nil || seen[m[1]] {
			continue
		}
		name := m[1]
		seen[name] = true

		if name == "lfs" && !extended && isGitLFS(local) {
			continue
		}

		for _, variable := range []string{"clean", "smudge", "process"} {
			disabled = append(disabled, gitSetting{"filter." + name + "." + variable, ""})
		}
		disabled = append(disabled, gitSetting{"filter." + name + ".required", "false"})
	}

	return disabled
}

// gitLFS are the filters that git lfs install writes (git-lfs, lfs/attribute.go).
var gitLFS = []gitSetting{
	{"filter.lfs.clean", "git-lfs clean -- %f"},
	{"filter.lfs.smudge", "git-lfs smudge -- %f"},
	{"filter.lfs.smudge", "git-lfs smudge --skip -- %f"},
	{"filter.lfs.process", "git-lfs filter-process"},
	{"filter.lfs.process", "git-lfs filter-process --skip"},
	{"filter.lfs.required", "true"},
}

// isGitLFS reports whether every setting of the filter lfs is one that Git LFS writes.
func isGitLFS(local []gitSetting) bool {
	return !slices.ContainsFunc(local, func(s gitSetting) bool {
		return strings.HasPrefix(s.key, "filter.lfs.") && !slices.Contains(gitLFS, s)
	})
}

// gitVersion is the beginning of what git --version prints.
var gitVersion = regexp.MustCompile(`^git version (\d+)\.(\d+)`)

// version returns the version of git.
func (r repo) version(ctx context.Context) (major, minor int, err error) {
	out, err := r.git(ctx, "--version")
	if err != nil {
		return 0, 0, err
	}
	m := gitVersion.FindStringSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("reading the output of git --version: %q", out)
	}
	major, _ = strconv.Atoi(m[1]) // digits only
	minor, _ = strconv.Atoi(m[2])
	return major, minor, nil
}

// checkCountedConfig fails if git is older than 2.31. Such a git cannot override the
// repository's value of key.
func (r repo) checkCountedConfig(ctx context.Context, key string) error {
	major, minor, err := r.version(ctx)
	if err != nil {
		return err
	}
	if major > 2 || major == 2 && minor >= 31 {
		return nil
	}

	return &problem.Problem{
		Setting: "directory",
		Err: fmt.Errorf("the repository's configuration may name a program for git to run (%q), "+
			"which git %d.%d cannot be kept from running", key, major, minor),
		Remedy: problem.Advise("use git 2.31 or newer"),
	}
}

// networkKey matches settings that decide how, and by which program, git reaches other
// repositories.
var networkKey = regexp.MustCompile(`(?s)^(core\.(sshcommand|gitproxy|askpass)|credential\.(.*\.)?helper|` +
	`remote\..*\.(vcs|uploadpack)|url\..*|protocol\.(.*\.)?allow)$`)

// checkPartialClone fails for a partial clone whose configuration decides how git reaches the
// network. Any command of a git before 2.45 may fetch missing objects, by a program that
// the repository chooses.
func checkPartialClone(local []gitSetting) error {
	partial := slices.ContainsFunc(local, func(s gitSetting) bool {
		if s.key == "extensions.partialclone" {
			return true
		}
		return strings.HasPrefix(s.key, "remote.") && strings.HasSuffix(s.key, ".promisor")
	})
	if !partial {
		return nil
	}

	for _, s := range local {
		// A URL with "::" names a remote helper, and the one of "ext::" runs any command.
		isURL := strings.HasPrefix(s.key, "remote.") && strings.HasSuffix(s.key, ".url")
		helper := isURL && strings.Contains(s.value, "::")
		if !helper && !networkKey.MatchString(s.key) {
			continue
		}

		return &problem.Problem{
			Setting: "directory",
			Err: fmt.Errorf("the configuration of this partial clone (%s) names a program "+
				"for git to fetch missing objects with", s.key),
			Remedy: problem.There(
				problem.Step("- {uses: actions/checkout@v7, with: {persist-credentials: false}}"),
				problem.Run("git config --unset-all "+problem.ShellWord(s.key)),
			),
		}
	}

	return nil
}

// maxGitmodules is the largest .gitmodules that is read, in bytes.
const maxGitmodules = 1 << 20

// ignoreSubmodules returns the settings that make git compare only the commit of each
// submodule, whatever .gitmodules says. To look for changes in a submodule, git would
// run in it and obey its configuration. checkSources compares the files that the go
// command reads in a submodule.
func (r repo) ignoreSubmodules(ctx context.Context) (settings []gitSetting, err error) {
	args := []string{"config", "--null", "--name-only"}

	file := filepath.Join(r.top, ".gitmodules")
	fi, err := os.Lstat(file)
	switch {
	case err != nil:
		args = append(args, "--blob", ":.gitmodules") // as git does where the file is missing
	case !fi.Mode().IsRegular() || fi.Size() > maxGitmodules:
		return nil, fmt.Errorf("reading .gitmodules: not a regular file of at most %d bytes", maxGitmodules)
	default:
		args = append(args, "--file", file)
	}

	out, err := r.git(ctx, append(args, "--get-regexp", `^submodule\..*\.path$`)...)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, nil // there is no .gitmodules, or no submodule in it
	}

	for _, key := range strings.Split(out, "\x00") {
		if name, ok := strings.CutSuffix(key, ".path"); ok {
			settings = append(settings, gitSetting{name + ".ignore", "dirty"})
		}
	}

	return settings, nil
}

// unpinned returns env without the variables that pin git to one repository.
func unpinned(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "GIT_DIR=") || strings.HasPrefix(kv, "GIT_WORK_TREE=")
	})
}

// has reports whether the index has a file, whatever is on disk.
func (r repo) has(ctx context.Context, file string) (bool, error) {
	rel, err := filepath.Rel(r.top, file)
	if err != nil || !filepath.IsLocal(rel) {
		return false, nil // outside the repository
	}

	out, err := r.git(ctx, "ls-files", "-z", "--", ":(literal)"+filepath.ToSlash(rel))
	if err != nil {
		return false, fmt.Errorf("asking git for %s: %w", rel, err)
	}

	return out != "", nil
}

// head returns the commit that is checked out and its time.
func (r repo) head(ctx context.Context) (commit string, at time.Time, err error) {
	commit, err = r.git(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return "", time.Time{}, explainGit(r.top, err)
	}

	unix, err := r.git(ctx, "show", "--no-show-signature", "--no-patch", "--format=%ct", commit)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("reading the commit time: %w", err)
	}
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("reading the commit time: %w", err)
	}

	return commit, time.Unix(seconds, 0).UTC(), nil
}

// changes returns the lines of git status, which the go command also asks before it
// stamps vcs.modified. Untracked files count, ignored ones do not: see checkSources.
func (r repo) changes(ctx context.Context) ([]string, error) {
	out, err := r.git(ctx, "status", "--porcelain", "--untracked-files=normal")
	if err != nil {
		return nil, fmt.Errorf("asking git for changes: %w", err)
	}

	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' }), nil
}

// explainGit replaces the errors of git that have a known remedy.
func explainGit(dir string, err error) error {
	var known *problem.Problem
	if errors.As(err, &known) {
		return err
	}

	switch text := err.Error(); {
	case strings.Contains(text, "executable file not found"):
		return &problem.Problem{
			Err:    errors.New("git is not installed"),
			Remedy: problem.Advise("install git; a release is made from a commit"),
		}
	case strings.Contains(text, "dubious ownership"):
		return &problem.Problem{
			Err:    fmt.Errorf("git does not trust %s: it belongs to another user", dir),
			Remedy: problem.Run("git config --global --add safe.directory " + problem.ShellWord(dir)),
		}
	case strings.Contains(text, "ambiguous argument 'HEAD'"),
		strings.Contains(text, "unknown revision"),
		strings.Contains(text, "Needed a single revision"):
		return &problem.Problem{
			Setting: "directory",
			Err:     fmt.Errorf("the repository of %s has no commit yet", dir),
			Remedy:  problem.Run("git add -A && git commit -m 'first commit'"),
		}
	}

	return fmt.Errorf("asking git about %s: %w", dir, err)
}

// sameFile reports whether two paths lead to the same file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
