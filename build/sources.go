package build

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/build/problem"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/build/crash"
)

// A Generated is a source file that is not in the commit, because a step before the build
// makes it, and that the setting "generated" allows.
type Generated struct {
	Path   string `json:"path"`   // relative to the repository, slashes
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // in hex
}

// A straySource is a file that the go command reads and that is not part of the commit.
type straySource struct {
	path   string // relative to the repository, slashes; ../ where it is outside
	why    string
	remedy problem.Remedy
}

// checkSources compares the files that the go command will read with the commit. The go
// command itself stamps a binary as unmodified if git status is empty, which says nothing
// about ignored files, about files that git was told not to look at, and about other
// directories that a replace directive or a workspace leads to.
//
// A file that is not part of the commit is an error when publishing and a note
// otherwise, unless the setting "generated" names it.
func (p *Plan) checkSources(ctx context.Context, spec *Spec) error {
	for _, pattern := range spec.Generated {
		if !doublestar.ValidatePattern(pattern) {
			return &problem.Problem{
				Setting: "generated",
				Err:     fmt.Errorf("reading pattern %q: %w", pattern, doublestar.ErrBadPattern),
			}
		}
	}

	stray, generated, err := p.compareSources(ctx, spec.Generated)
	if err != nil {
		return fmt.Errorf("comparing the sources with the commit: %w", err)
	}
	p.generated = spec.Generated
	p.Generated = generated

	for _, pattern := range spec.Generated {
		used := slices.ContainsFunc(generated, func(g Generated) bool {
			file := filepath.Join(p.Source.top, filepath.FromSlash(g.Path))
			return p.isGenerated(file, []string{pattern})
		})
		if !used {
			p.note(problem.Remedy{}, "generated: %q matches no file that is compiled and not in the commit", pattern)
		}
	}

	if len(stray) == 0 {
		return nil
	}

	err = describeStray(stray, p.Source.Commit)
	if !spec.Publish {
		p.note(stray[0].remedy, "%v\npublishing would be refused", err)
		return nil
	}

	return &problem.Problem{Err: err, Remedy: stray[0].remedy}
}

// RecheckSources fails if the files that the go command reads have changed since the plan
// was made. git status, which the go command asks, does not see changes of ignored files.
func (p *Plan) RecheckSources(ctx context.Context) error {
	changes, err := p.git.changes(ctx)
	if err != nil {
		return err
	}
	if len(changes) > 0 && !p.Source.Dirty {
		return fmt.Errorf("comparing the sources: the working tree was changed while the programs were compiled:\n  %s",
			describeChanges(changes))
	}

	stray, generated, err := p.compareSources(ctx, p.generated)
	if err != nil {
		return fmt.Errorf("comparing the sources with the commit: %w", err)
	}
	if len(stray) > 0 {
		return describeStray(stray, p.Source.Commit)
	}

	for _, now := range generated {
		i := slices.IndexFunc(p.Generated, func(before Generated) bool { return before.Path == now.Path })
		switch {
		case i < 0:
			return fmt.Errorf("comparing the sources: %s was made while the programs were compiled", now.Path)
		case p.Generated[i] != now:
			return fmt.Errorf("comparing the sources: %s was changed while the programs were compiled", now.Path)
		}
	}

	return nil
}

// describeStray names the first few files that are not part of the commit.
func describeStray(stray []straySource, commit string) error {
	const most = 5

	lines := make([]string, 0, most+1)
	for _, s := range stray[:min(most, len(stray))] {
		lines = append(lines, fmt.Sprintf("%s: %s", s.path, s.why))
	}
	if more := len(stray) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}

	return fmt.Errorf("the programs would be compiled from files that are not part of commit %.12s:\n  %s",
		commit, strings.Join(lines, "\n  "))
}

// isGenerated reports whether a pattern, relative to the module, matches a file.
func (p *Plan) isGenerated(file string, patterns []string) bool {
	rel, err := filepath.Rel(p.dir, file)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := doublestar.Match(pattern, filepath.ToSlash(rel))
		return err == nil && ok
	})
}

// compareSources returns the files that the go command will read and that are not part of
// the commit: in generated those that patterns allow, in stray the others.
func (p *Plan) compareSources(
	ctx context.Context, patterns []string,
) (stray []straySource, generated []Generated, err error) {
	index, err := p.git.index(ctx)
	if err != nil {
		return nil, nil, err
	}

	others, err := p.git.hasOthers(ctx, p.dist)
	if err != nil {
		return nil, nil, err
	}

	elsewhere, err := p.readsElsewhere()
	if err != nil {
		return nil, nil, err
	}

	// In a fresh clone every file is part of the commit, so go list need not be asked.
	if !others && !elsewhere && index.plain() {
		return nil, nil, nil
	}

	absent, err := index.absent()
	if err != nil {
		return nil, nil, err
	}
	files, err := p.sourceFiles(ctx, absent)
	if err != nil {
		return nil, nil, err
	}

	d, err := door.Open(p.Source.top, p.dist)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	for _, file := range files {
		s, err := index.compare(ctx, file)
		if err != nil {
			return nil, nil, err
		}
		if s == nil {
			continue
		}

		if s.why == notInCommit && p.isGenerated(file, patterns) {
			g, err := digestGenerated(d, s.path)
			if err != nil {
				return nil, nil, err
			}
			generated = append(generated, g)
			continue
		}

		stray = append(stray, *s)
	}

	return stray, generated, nil
}

// digestGenerated describes one generated file.
func digestGenerated(d *door.Door, path string) (Generated, error) {
	f, _, err := d.Open(path)
	if err != nil {
		return Generated{}, err
	}
	defer f.Close()

	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return Generated{}, err
	}

	return Generated{
		Path:   path,
		Size:   size,
		SHA256: fmt.Sprintf("%x", h.Sum(nil)),
	}, nil
}

// readsElsewhere reports whether the go command may read files that are neither in this
// module nor in the module cache: there is a workspace, or go.mod replaces a module by a
// directory.
func (p *Plan) readsElsewhere() (bool, error) {
	if p.work != "" {
		return true, nil
	}

	gomod := filepath.Join(p.dir, "go.mod")
	data, err := p.readText(gomod)
	if err != nil {
		return false, err
	}
	file, err := modfile.Parse(gomod, data, nil) // ParseLax ignores replace directives
	if err != nil {
		return true, nil // a go.mod that is newer than this program may have some
	}

	return slices.ContainsFunc(file.Replace, func(r *modfile.Replace) bool {
		return r.New.Version == ""
	}), nil
}

// A sourcePackage is what go list says about the files of one package.
type sourcePackage struct {
	Dir      string
	Standard bool
	Module   *sourceModule

	GoFiles      []string
	CgoFiles     []string
	CFiles       []string
	CXXFiles     []string
	MFiles       []string
	HFiles       []string
	FFiles       []string
	SFiles       []string
	SwigFiles    []string
	SwigCXXFiles []string
	SysoFiles    []string
	EmbedFiles   []string

	EmbedPatterns []string

	CgoCFLAGS   []string
	CgoCPPFLAGS []string
	CgoCXXFLAGS []string
	CgoLDFLAGS  []string
}

// A sourceModule is the module of a package.
type sourceModule struct {
	Version string
	GoMod   string
	Replace *sourceModule
}

// downloaded reports whether the module is one that go.sum vouches for. A directory has
// no version, wherever it is.
func (m *sourceModule) downloaded() bool {
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	return m != nil && m.Version != ""
}

// sourceFields are the fields of a sourcePackage, for go list.
const sourceFields = "Dir,Standard,Module,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles," +
	"SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles,EmbedPatterns,CgoCFLAGS,CgoCPPFLAGS,CgoCXXFLAGS,CgoLDFLAGS"

// sourceFiles lists every file that the go command reads to build the plan, for all of
// its targets, but for the standard library and the module cache, which go.sum vouches
// for. Those that it would read, too, if they were not absent are listed as well. The paths
// are absolute and sorted.
func (p *Plan) sourceFiles(ctx context.Context, absent absentFiles) ([]string, error) {
	sets := make([]map[string]bool, len(p.Builds))

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, p.jobs))
	for i, b := range p.Builds {
		g.Go(func() error {
			return crash.Catch(func() (err error) {
				sets[i], err = p.filesOf(ctx, b, absent)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}

	all := map[string]bool{}
	for _, set := range sets {
		maps.Copy(all, set)
	}

	dirs, err := p.moduleDirs()
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		addFile(all, filepath.Join(dir, "go.mod"))
		addFile(all, filepath.Join(dir, "go.sum"))
	}

	modDir := p.dir
	if p.work != "" {
		modDir = filepath.Dir(p.work)
		addFile(all, p.work)
		if !p.workSumMade {
			addFile(all, p.work+".sum")
		}
	}
	modules := filepath.Join(modDir, "vendor", "modules.txt")
	if p.Mod == "vendor" {
		addFile(all, modules)
	}
	for dir, names := range absent {
		if slices.Contains(names, "go.work") && door.Within(dir, p.dir) {
			all[filepath.Join(dir, "go.work")] = true
		}
	}
	if slices.Contains(absent[filepath.Dir(modules)], filepath.Base(modules)) {
		all[modules] = true
	}

	return slices.Sorted(maps.Keys(all)), nil
}

// moduleDirs lists the directories whose go.mod decides about the versions of
// dependencies, whether or not a package of theirs is built: of the module, of those in
// its workspace, and of those that a replace directive takes from a directory.
func (p *Plan) moduleDirs() ([]string, error) {
	dirs := []string{p.dir}
	required := map[string]bool{}
	replaced := map[string]string{} // module -> directory
	if p.work != "" {
		data, err := p.readText(p.work)
		if err != nil {
			return nil, err
		}
		file, err := modfile.ParseWork(p.work, data, nil)
		if err != nil {
			return nil, fmt.Errorf("reading go.work: %w", err)
		}
		workDir := filepath.Dir(p.work)
		for _, use := range file.Use {
			dirs = append(dirs, local(workDir, filepath.FromSlash(use.Path)))
		}
		addReplaced(replaced, workDir, file.Replace)
	}

	for _, dir := range dirs {
		gomod := filepath.Join(dir, "go.mod")
		data, err := door.ReadRegular(gomod, maxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the go command says so, if it needs it
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", gomod, err)
		}
		file, err := modfile.Parse(gomod, data, nil) // ParseLax passes over replace directives
		if err != nil {
			continue // one of a newer Go: what is built of it is compared in any case
		}
		for _, r := range file.Require {
			required[r.Mod.Path] = true
		}
		addReplaced(replaced, dir, file.Replace)
	}

	// vendor/modules.txt stands for all of them.
	if p.Mod == "vendor" {
		return dirs, nil
	}
	for _, path := range slices.Sorted(maps.Keys(replaced)) {
		if required[path] { // else the go command does not look there
			dirs = append(dirs, replaced[path])
		}
	}
	return dirs, nil
}

// addReplaced adds what the replace directives of a file in dir take from directories.
func addReplaced(replaced map[string]string, dir string, list []*modfile.Replace) {
	for _, r := range list {
		if r.New.Version == "" {
			replaced[r.Old.Path] = local(dir, filepath.FromSlash(r.New.Path))
		}
	}
}

// addFile adds a file if there is one.
func addFile(set map[string]bool, path string) {
	if _, err := os.Lstat(path); err == nil {
		set[path] = true
	}
}

// filesOf lists the files of one target.
func (p *Plan) filesOf(ctx context.Context, b Build, absent absentFiles) (map[string]bool, error) {
	args := []string{
		"go", "list", "-e", "-deps",
		"-mod=" + p.Mod,
		"-tags=" + b.Tags,
		"-json=" + sourceFields,
		"--",
	}
	for _, m := range b.Mains {
		args = append(args, m.ImportPath)
	}

	command := process.Command{
		Args: args,
		Env:  append(b.Target.Env(), b.CC.env()...),
		Dir:  p.dir,
	}
	out, _, err := command.Run(ctx, p.env)
	if err != nil {
		return nil, err
	}

	files := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var pkg sourcePackage
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the output of go list: %w", err)
		}
		// A package that cannot be found is the compiler's to complain about.
		if pkg.Standard || pkg.Dir == "" || pkg.Module.downloaded() && door.Within(p.modCache, pkg.Dir) {
			continue
		}
		pkg.addTo(files, b.CC != nil, p.Source.top)
		for _, file := range pkg.wouldRead(absent) {
			files[file] = true
		}
	}

	for _, m := range b.Mains {
		addFile(files, filepath.Join(m.dir, "default.pgo")) // go.dev/doc/pgo
	}

	return files, nil
}

// addTo adds the files of a package to a set.
func (pkg *sourcePackage) addTo(files map[string]bool, cgo bool, top string) {
	cgo = cgo && len(pkg.CgoFiles) > 0

	lists := [][]string{pkg.GoFiles, pkg.SFiles, pkg.SysoFiles, pkg.EmbedFiles}
	if cgo || len(pkg.SFiles) > 0 {
		lists = append(lists, pkg.HFiles)
	}
	if cgo {
		lists = append(lists,
			pkg.CgoFiles,
			pkg.CFiles,
			pkg.CXXFiles,
			pkg.MFiles,
			pkg.FFiles,
			pkg.SwigFiles,
			pkg.SwigCXXFiles,
		)
	}

	for _, list := range lists {
		for _, name := range list {
			files[filepath.Join(pkg.Dir, filepath.FromSlash(name))] = true
		}
	}

	if pkg.Module != nil && pkg.Module.GoMod != "" {
		files[pkg.Module.GoMod] = true
	}

	// An assembler or a C compiler also reads files outside the package. Files outside the
	// repository belong to the machine, as the compiler does.
	for _, file := range append(pkg.included(cgo), pkg.libraries(cgo)...) {
		if door.Within(top, file) {
			files[file] = true
		}
	}
}

// sourceName is the name of a file that the go command reads in the directory of a package.
var sourceName = regexp.MustCompile(`^([^._].*\.(go|s|S|sx|c|cc|cpp|cxx|m|h|hh|hpp|hxx|f|F|f90|for|swig|swigcxx|syso)|go\.mod|default\.pgo)$`)

// wouldRead returns those of the absent files that the go command would read, for some
// target, if they were there.
func (pkg *sourcePackage) wouldRead(absent absentFiles) (files []string) {
	for _, name := range absent[pkg.Dir] {
		if sourceName.MatchString(name) && !strings.HasSuffix(name, "_test.go") {
			files = append(files, filepath.Join(pkg.Dir, name))
		}
	}
	if len(pkg.EmbedPatterns) == 0 {
		return files
	}

	for dir, names := range absent {
		rel, err := filepath.Rel(pkg.Dir, dir)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		for _, name := range names {
			if pkg.wouldEmbed(path.Join(filepath.ToSlash(rel), name)) {
				files = append(files, filepath.Join(dir, name))
			}
		}
	}
	return files
}

// wouldEmbed reports whether a pattern of the package matches a file, relative to the
// package, or a directory that the file is in.
func (pkg *sourcePackage) wouldEmbed(file string) bool {
	return slices.ContainsFunc(pkg.EmbedPatterns, func(pattern string) bool {
		pattern = strings.TrimPrefix(pattern, "all:")
		for name := file; name != "."; name = path.Dir(name) {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				return true
			}
		}
		return pattern == "."
	})
}
