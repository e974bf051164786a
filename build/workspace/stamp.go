package workspace

import (
	"context"
	"fmt"
	goversion "go/version"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A Stamp is the version of a main module that the go command writes into the build info of
// the programs of that module.
type Stamp struct {
	Module  string `json:"module"`           // path
	Version string `json:"version"`          // "v1.2.3", a pseudo-version, or Devel
	Reason  string `json:"reason,omitempty"` // why it is Devel
}

// Devel is the version that the go command stamps if it cannot tell the version.
const Devel = "(devel)"

// Stamp returns what the go command stamps for a main module in this checkout. dirty says
// that the working tree differs from the commit.
//
// It asks git the same questions and applies the same rules as the go command does: see
// setBuildInfo in cmd/go/internal/load, codeRepo.convert in cmd/go/internal/modfetch and
// gitRepo in its package codehost. The go command ignores retractions here, because it lists
// the versions of a module only in remote repositories.
func (w *Workspace) Stamp(ctx context.Context, modulePath string, dirty bool) (Stamp, error) {
	version, reason, err := w.stampedVersion(ctx, modulePath)
	if err != nil {
		return Stamp{}, fmt.Errorf("predicting the version that go stamps: %w", err)
	}
	if reason != "" {
		return Stamp{Module: modulePath, Version: Devel, Reason: reason}, nil
	}

	switch {
	case dirty && w.olderThan("go1.25"):
		version += "+dirty"
	case dirty:
		version += dirtySuffix(version)
	}
	return Stamp{Module: modulePath, Version: version}, nil
}

// dirtySuffix returns how the go command marks a version if there are uncommitted changes.
// Build metadata is separated by dots (semver.org, item 10).
func dirtySuffix(version string) string {
	if strings.Contains(version, "+") {
		return ".dirty"
	}
	return "+dirty"
}

// stampedVersion returns the version that the go command stamps if there are no uncommitted
// changes, or the reason why it stamps none.
func (w *Workspace) stampedVersion(ctx context.Context, modulePath string) (version, reason string, err error) {
	if w.olderThan("go1.24") {
		return "", w.Toolchain + " stamps no version, Go 1.24 and later do", nil
	}

	root, err := w.rootModule()
	if err != nil {
		return "", "", err
	}
	tags, reason := tagsOfModule(root, modulePath)
	if w.olderThan("go1.25") {
		tags, reason = tagsOfRoot(w.Root, root)
	}
	if reason != "" {
		return "", reason, nil
	}

	files := goModFiles{repo: w.repo, commit: w.Commit, paths: map[string]string{}}
	if reason := tags.misplaced(ctx, files); reason != "" {
		return "", reason, nil
	}

	onCommit, err := w.repo.decorations(ctx, w.Commit)
	if err != nil {
		if ctx.Err() != nil {
			return "", "", context.Cause(ctx)
		}
		return "", "go cannot ask git for the tags of the commit, which needs git 2.24 or later", nil
	}

	highest := ""
	for _, tag := range onCommit {
		v, canonical := tags.version(tag)
		if canonical && semver.Compare(highest, v) < 0 && tags.allows(ctx, v, files) {
			highest = v
		}
	}

	switch {
	case highest == "":
		highest, err = w.pseudoVersion(ctx, tags, func(v string) bool { return tags.allows(ctx, v, files) })
		if err != nil {
			return "", "", err
		}

	case module.IsPseudoVersion(highest): // go looks for the module in the commit that it names
		named, _ := module.PseudoVersionRev(highest)
		files := goModFiles{repo: w.repo, commit: named, paths: map[string]string{}}
		if tags.misplaced(ctx, files) != "" {
			return "", "the tag on the commit is a pseudo-version of another commit", nil
		}
	}

	if !module.MatchPathMajor(highest, tags.major) {
		highest += "+incompatible"
	}
	return highest, "", ctx.Err()
}

// olderThan reports whether the toolchain is older than a version of Go. One that is built from
// source is not.
func (w *Workspace) olderThan(version string) bool {
	return goversion.IsValid(w.Toolchain) && goversion.Compare(w.Toolchain, version) < 0
}

// rootModule returns the path of the module in the root of the repository, "" if there is
// none.
func (w *Workspace) rootModule() (string, error) {
	file := filepath.Join(w.Root, "go.mod")
	if !isFile(file) {
		return "", nil
	}

	data, err := w.ReadText(file)
	if err != nil {
		return "", fmt.Errorf("reading go.mod in the root of the repository: %w", err)
	}
	return modfile.ModulePath(data), nil
}

// moduleTags describes the tags that the go command takes for versions of a module.
type moduleTags struct {
	module string // its path
	atRoot bool   // the path is the one of the root module without its major version
	dir    string // where the path says that the module is: "sub", "" for the root
	major  string // of the path: "/v2", "" for v0 and v1
	prefix string // of the tags: "sub/", "" for the root
}

// tagsOfModule returns which tags are versions of a module, according to its path and the
// one of the module in the root of the repository. If the go command cannot tell, it returns
// why.
func tagsOfModule(root, modulePath string) (t moduleTags, reason string) {
	if root == "" {
		return t, "there is no go.mod in the root of the repository"
	}
	codeRoot, _, ok := module.SplitPathVersion(root)
	if !ok {
		return t, fmt.Sprintf("the module path %s in the root of the repository has no valid version", root)
	}
	trimmed, major, ok := module.SplitPathVersion(modulePath)
	switch {
	case !ok:
		return t, fmt.Sprintf("the module path %s has no valid version", modulePath)
	case strings.HasPrefix(major, "."): // whose dot is not taken for the end of a path element
		return t, "go stamps no version in modules of gopkg.in"
	}

	t = moduleTags{
		module: modulePath,
		atRoot: modulePath == codeRoot,
		major:  major,
	}
	if t.atRoot {
		return t, ""
	}

	if !hasPathPrefix(trimmed, codeRoot) {
		return t, fmt.Sprintf("module %s is not below %s, the path in the root of the repository",
			modulePath, codeRoot)
	}
	t.dir = strings.Trim(trimmed[len(codeRoot):], "/")
	if t.dir != "" {
		t.prefix = t.dir + "/"
	}
	return t, ""
}

// tagsOfRoot is tagsOfModule for Go 1.24, which takes the directory of the repository for the
// path of every module in it. So it looks only for the tags of the root, and usually for v0
// and v1. root is the path of the module in the root, "" if there is none.
func tagsOfRoot(dir, root string) (t moduleTags, reason string) {
	_, major, ok := module.SplitPathVersion(dir)
	if !ok {
		return t, fmt.Sprintf("Go 1.24 takes the name of the directory %s for an invalid version", dir)
	}
	if root != "" && !sameMajor(root, major) {
		return t, "Go 1.24 stamps no version in modules from v2 on, Go 1.25 and later do"
	}

	return moduleTags{module: root, atRoot: true, major: major}, ""
}

// hasPathPrefix reports whether a path is prefix or lies below it.
func hasPathPrefix(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// version returns the version that a tag stands for, "" if none. Only a canonical one names
// the commit by itself; v1.2.3+meta does not.
func (t moduleTags) version(tag string) (v string, canonical bool) {
	trimmed, ok := strings.CutPrefix(tag, t.prefix)
	if !ok || module.IsPseudoVersion(tag) {
		return "", false
	}

	v = semver.Canonical(trimmed)
	if v == "" || !strings.HasPrefix(trimmed, v) {
		return "", false // such as v1 and v1.2
	}
	return v, v == trimmed
}

// allows reports whether the module can have a version.
func (t moduleTags) allows(ctx context.Context, v string, files goModFiles) bool {
	if module.MatchPathMajor(v, t.major) {
		return true
	}

	// The version would be marked as +incompatible, which is for a commit without go.mod.
	return t.dir == "" && t.major == "" &&
		files.modulePath(ctx, "go.mod") == "" &&
		files.modulePath(ctx, path.Join(semver.Major(v), "go.mod")) == ""
}

// misplaced returns why the go command does not find the module in the commit where the path
// of the module says that it is, "" if it does.
func (t moduleTags) misplaced(ctx context.Context, files goModFiles) string {
	file := path.Join(t.dir, "go.mod")
	found := files.modulePath(ctx, file)
	fits := found != "" && sameMajor(found, t.major)

	if t.major != "" && !t.atRoot {
		below := path.Join(t.dir, t.major[1:], "go.mod")
		foundBelow := files.modulePath(ctx, below)
		fitsBelow := foundBelow != "" && sameMajor(foundBelow, t.major)

		switch {
		case fits && fitsBelow:
			return fmt.Sprintf("%s and %s are both for %s", file, below, t.major[1:])
		case fitsBelow:
			return ""
		case foundBelow != "":
			return fmt.Sprintf("the path %s in %s does not end in %s", foundBelow, below, t.major)
		}
	}

	switch {
	case fits:
		return ""
	case found != "":
		return fmt.Sprintf("the path %s in %s does not have the major version of %s", found, file, t.module)
	case t.dir == "" && t.major == "":
		return ""
	}
	return fmt.Sprintf("the commit has no %s, which is where the path %s belongs", file, t.module)
}

// sameMajor reports whether a module path has a major version as it is written in paths. An
// empty one means v0 or v1.
func sameMajor(modulePath, major string) bool {
	_, have, ok := module.SplitPathVersion(modulePath)
	if !ok {
		return false
	}

	if major == "" {
		prefix := module.PathMajorPrefix(have)
		return prefix == "" || prefix == "v0" || prefix == "v1" || strings.HasPrefix(modulePath, "gopkg.in/")
	}
	return have != "" && have[1:] == major[1:]
}

// goModFiles reads the module paths in the go.mod files of a commit, each once.
type goModFiles struct {
	repo   repo
	commit string
	paths  map[string]string // by file
}

// modulePath returns the module path in a go.mod of the commit, "" if there is none.
func (c goModFiles) modulePath(ctx context.Context, file string) string {
	found, ok := c.paths[file]
	if ok {
		return found
	}

	data, err := c.repo.git(ctx, "cat-file", "blob", c.commit+":"+file)
	if err == nil { // otherwise there is no such file, which is how the go command sees it too
		found = modfile.ModulePath([]byte(data))
	}
	c.paths[file] = found
	return found
}

// decorations lists the tags of a commit as git log names them, which is how the go command
// asks. Unlike git tag, git log obeys log.excludeDecoration.
func (r repo) decorations(ctx context.Context, commit string) (tags []string, err error) {
	out, err := r.git(ctx, "log", "--no-decorate", "-n1", "--format=format:%D", "--end-of-options", commit, "--")
	if err != nil {
		return nil, err
	}

	// "HEAD -> main, tag: v1.2.4, tag: v1.2.3, origin/main"
	for _, ref := range strings.Split(out, ", ") {
		if tag, ok := strings.CutPrefix(ref, "tag: "); ok {
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// pseudoVersion returns the version that the go command gives a commit without a tag: one
// that follows the highest version before it.
func (w *Workspace) pseudoVersion(
	ctx context.Context, tags moduleTags, allowed func(v string) bool,
) (string, error) {
	out, err := w.repo.git(ctx, "for-each-ref", "--format=%(refname)", "--merged="+w.Commit, "refs/tags/")
	if err != nil {
		return "", fmt.Errorf("listing the tags before the commit: %w", err)
	}

	highest := ""
	for _, ref := range strings.Split(out, "\n") {
		v, _ := tags.version(strings.TrimPrefix(ref, "refs/tags/"))
		if v != "" && semver.Compare(v, highest) > 0 && allowed(v) {
			highest = v
		}
	}

	prefix := module.PathMajorPrefix(tags.major)
	return module.PseudoVersion(prefix, highest, w.Time, w.Commit[:12]), nil
}

// hideTags keeps the other version tags on the commit from the go command, if it could stamp
// the given one: it stamps the highest that it sees. So a clone with all tags gives the same
// programs as one with this tag alone.
//
// git log, which the go command asks, leaves out the tags that log.excludeDecoration names,
// from git 2.27 on. The values of all configurations count.
func (w *Workspace) hideTags(ctx context.Context, tag string) error {
	own := w.ownTags()
	if !own.stampable(tag) {
		return nil
	}
	tags, err := w.repo.tagsOnHead(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(tags, tag) {
		return nil
	}

	var hidden []gitSetting
	for _, other := range tags {
		_, canonical := own.version(other)
		if canonical && other != tag {
			hidden = append(hidden, gitSetting{"log.excludedecoration", "refs/tags/" + other})
		}
	}
	if len(hidden) > 0 {
		w.env = addGitConfig(w.env, hidden...)
		w.repo.env = addGitConfig(w.repo.env, hidden...)
	}
	return nil
}

// stampable reports whether the go command can stamp the version of a tag.
func (t moduleTags) stampable(tag string) bool {
	v, canonical := t.version(tag)
	return canonical && module.MatchPathMajor(v, t.major)
}

// ownTags describes the version tags of the module by the directory in which it is.
func (w *Workspace) ownTags() moduleTags {
	_, major, _ := module.SplitPathVersion(w.Module)
	t := moduleTags{
		module: w.Module,
		dir:    w.tagDir(),
		major:  major,
	}
	if t.dir != "" {
		t.prefix = t.dir + "/"
	}
	return t
}

// tagDir returns the directory that the tags of the module begin with, "" for the root. A
// directory for a major version, such as v2, is not part of them (go.dev/ref/mod, "Mapping
// versions to commits").
func (w *Workspace) tagDir() string {
	dir := w.ModuleDir()
	_, major, _ := module.SplitPathVersion(w.Module)
	if major != "" && "/"+path.Base(dir) == major {
		dir = path.Dir(dir)
	}
	if dir == "." {
		return ""
	}
	return dir
}

// A StampReason says why the go command does not stamp the version of a tag.
type StampReason int

// Reasons why the go command does not stamp the version of a tag.
const (
	TagLower        StampReason = iota // another tag on the commit is higher
	TagMissing                         // the clone does not have it
	TagElsewhere                       // it is on another commit
	TagUnknownToGo                     // it is no tag of the module, or is written in another way
	TagOfOtherMajor                    // the path of the module is for another major version
	TagHidden                          // git hides it from the go command
	TagOfNested                        // Go 1.24 looks only at the tags of the root
)

// WhyNotStamped returns why the go command does not stamp the version of a tag.
func (w *Workspace) WhyNotStamped(ctx context.Context, tag string) (StampReason, error) {
	own := w.ownTags()
	v, canonical := own.version(tag)
	switch {
	case canonical && own.dir != "" && w.olderThan("go1.25"):
		return TagOfNested, nil
	case !canonical:
		return TagUnknownToGo, nil
	case !module.MatchPathMajor(v, own.major):
		return TagOfOtherMajor, nil
	}

	onHead, err := w.repo.tagsOnHead(ctx)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(onHead, tag) {
		found, err := w.repo.git(ctx, "for-each-ref", "--format=%(refname)", "refs/tags/"+tag)
		if err != nil {
			return 0, fmt.Errorf("looking for tag %s: %w", tag, err)
		}
		if found == "refs/tags/"+tag {
			return TagElsewhere, nil
		}
		return TagMissing, nil
	}

	seen, err := w.repo.decorations(ctx, w.Commit)
	if err != nil {
		return 0, fmt.Errorf("asking git for the tags of the commit: %w", err)
	}
	if !slices.Contains(seen, tag) {
		return TagHidden, nil
	}
	return TagLower, nil
}

// TagFor returns the tag that the go command takes for a version, without v, of the module.
func (w *Workspace) TagFor(version string) string { return w.ownTags().prefix + "v" + version }
