package workspace

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

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// A Generated is a source file that is not in the commit, because a step before the build
// makes it, and that the setting "generated" allows.
type Generated struct {
	Path   string `json:"path"`   // relative to the repository, slashes
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // in hex
}

// A StraySource is a file that the go command reads and that is not part of the commit.
type StraySource struct {
	Path   string // relative to the repository, slashes; ../ where it is outside
	Why    string
	Remedy problem.Remedy // none if the file is NotInCommit: those have one together
}

// Programs are the programs of one target, as far as they decide which files the go
// command reads.
type Programs struct {
	Env      []string // that selects the target and the C compiler
	Tags     string   // build tags, separated by commas
	Cgo      bool
	Packages []string // import paths
	Dirs     []string // of the packages, relative to the module, with slashes
}

// IsGenerated reports whether a pattern, relative to the module, matches a file.
func (w *Workspace) IsGenerated(file string, patterns []string) bool {
	rel, err := filepath.Rel(w.Dir, file)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := doublestar.Match(pattern, filepath.ToSlash(rel))
		return err == nil && ok
	})
}

// CompareSources compares the files that the go command reads to build programs with the
// commit. It returns the files that are not part of the commit: in generated those that
// patterns allow, in stray the others.
func (w *Workspace) CompareSources(
	ctx context.Context, programs []Programs, patterns []string,
) (stray []StraySource, generated []Generated, err error) {
	index, err := w.repo.index(ctx)
	if err != nil {
		return nil, nil, err
	}

	others, err := w.repo.hasOthers(ctx, w.dist)
	if err != nil {
		return nil, nil, err
	}

	elsewhere, err := w.readsElsewhere()
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
	files, err := w.sourceFiles(ctx, programs, absent)
	if err != nil {
		return nil, nil, err
	}

	d, err := door.Open(w.Root, w.dist)
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

		if s.Why == NotInCommit && w.IsGenerated(file, patterns) {
			g, err := digestGenerated(d, s.Path)
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
func (w *Workspace) readsElsewhere() (bool, error) {
	if w.Work != "" {
		return true, nil
	}

	gomod := filepath.Join(w.Dir, "go.mod")
	data, err := w.ReadText(gomod)
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
	Error    *struct{ Pos, Err string }

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
const sourceFields = "Dir,Standard,Module,Error,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles," +
	"SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles,EmbedPatterns,CgoCFLAGS,CgoCPPFLAGS,CgoCXXFLAGS,CgoLDFLAGS"

// sourceFiles lists every file that the go command reads to build the programs, except for
// the standard library and the module cache, which go.sum vouches for. The list includes
// absent files that it would read if they were there. The paths are absolute and sorted.
func (w *Workspace) sourceFiles(
	ctx context.Context, programs []Programs, absent absentFiles,
) ([]string, error) {
	sets := make([]map[string]bool, len(programs))

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.Jobs)
	for i, p := range programs {
		g.Go(func() error {
			return crash.Catch(func() (err error) {
				sets[i], err = w.filesOf(ctx, p, absent)
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

	dirs, err := w.moduleDirs()
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		addFile(all, filepath.Join(dir, "go.mod"))
		addFile(all, filepath.Join(dir, "go.sum"))
	}

	// The files that name dependencies.
	modDir := w.Dir
	if w.Work != "" {
		modDir = filepath.Dir(w.Work)
		addFile(all, w.Work)
		if !w.workSumMade {
			addFile(all, w.Work+".sum")
		}
	}
	modules := filepath.Join(modDir, "vendor", "modules.txt")
	if w.Mod == "vendor" {
		addFile(all, modules)
	}

	// Those that would count if they were there.
	for dir, names := range absent {
		if slices.Contains(names, "go.work") && door.Within(dir, w.Dir) {
			all[filepath.Join(dir, "go.work")] = true
		}
	}
	if slices.Contains(absent[filepath.Dir(modules)], filepath.Base(modules)) {
		all[modules] = true
	}

	return slices.Sorted(maps.Keys(all)), nil
}

// moduleDirs lists the directories whose go.mod decides about the versions of
// dependencies, whether or not a package of theirs is built: the module, the modules of its
// go.work, and those that a replace directive takes from a directory.
func (w *Workspace) moduleDirs() ([]string, error) {
	dirs := []string{w.Dir}
	required := map[string]bool{}
	replaced := map[string]string{} // module -> directory
	if w.Work != "" {
		work, err := w.readWork()
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, w.usedDirs(work)...)
		addReplaced(replaced, filepath.Dir(w.Work), work.Replace)
	}

	for _, dir := range dirs {
		gomod := filepath.Join(dir, "go.mod")
		data, err := door.ReadRegular(gomod, maxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the go command reports it, if it needs the file
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", gomod, err)
		}

		file, err := modfile.Parse(gomod, data, nil) // ParseLax ignores replace directives
		if err != nil {
			continue // it may be newer than this program; the packages are compared in any case
		}
		for _, r := range file.Require {
			required[r.Mod.Path] = true
		}
		addReplaced(replaced, dir, file.Replace)
	}

	// vendor/modules.txt stands for all of them.
	if w.Mod == "vendor" {
		return dirs, nil
	}
	for _, path := range slices.Sorted(maps.Keys(replaced)) {
		if required[path] { // else the go command does not look there
			dirs = append(dirs, replaced[path])
		}
	}
	return dirs, nil
}

// readWork reads the go.work.
func (w *Workspace) readWork() (*modfile.WorkFile, error) {
	data, err := w.ReadText(w.Work)
	if err != nil {
		return nil, fmt.Errorf("reading go.work: %w", err)
	}
	work, err := modfile.ParseWork(w.Work, data, nil)
	if err != nil {
		return nil, fmt.Errorf("reading go.work: %w", err)
	}
	return work, nil
}

// usedDirs returns the directories of the modules of a go.work.
func (w *Workspace) usedDirs(work *modfile.WorkFile) (dirs []string) {
	for _, use := range work.Use {
		dirs = append(dirs, local(filepath.Dir(w.Work), filepath.FromSlash(use.Path)))
	}
	return dirs
}

// SumFiles returns the files with the versions of all dependencies of the module, or of all
// modules of its go.work. Not all of them need exist.
func (w *Workspace) SumFiles() (files []string, err error) {
	modDir := w.Dir
	dirs := []string{w.Dir}
	if w.Work != "" {
		work, err := w.readWork()
		if err != nil {
			return nil, err
		}
		modDir = filepath.Dir(w.Work)
		dirs = append(dirs, w.usedDirs(work)...)
	}

	files = append(files, filepath.Join(modDir, "go.work.sum"), filepath.Join(modDir, "vendor", "modules.txt"))
	for _, dir := range dirs {
		files = append(files, filepath.Join(dir, "go.sum"))
	}
	return files, nil
}

// addReplaced adds what the replace directives of a file in dir take from directories.
func addReplaced(replaced map[string]string, dir string, list []*modfile.Replace) {
	for _, r := range list {
		if r.New.Version == "" {
			replaced[r.Old.Path] = local(dir, filepath.FromSlash(r.New.Path))
		}
	}
}

// addFile adds a file to a set if it exists.
func addFile(set map[string]bool, path string) {
	if _, err := os.Lstat(path); err == nil {
		set[path] = true
	}
}

// filesOf returns the files of the programs of one target.
func (w *Workspace) filesOf(ctx context.Context, p Programs, absent absentFiles) (map[string]bool, error) {
	args := []string{
		"go", "list", "-e", "-deps",
		"-mod=" + w.Mod,
		"-tags=" + p.Tags,
		"-json=" + sourceFields,
		"--",
	}
	args = append(args, p.Packages...)

	out, _, err := w.Run(ctx, process.Command{Args: args, Env: p.Env})
	if err != nil {
		return nil, w.ExplainGo(err)
	}

	files := map[string]bool{}
	var broken []string // what is wrong with packages
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
		if pkg.Error != nil {
			broken = append(broken, strings.TrimPrefix(pkg.Error.Pos+": "+pkg.Error.Err, ": "))
		}

		isMissing := pkg.Dir == ""
		isDownloaded := pkg.Module.downloaded() && door.Within(w.modCache, pkg.Dir)
		if pkg.Standard || isMissing || isDownloaded {
			continue
		}

		if err := pkg.addTo(files, p.Cgo, w.Root); err != nil {
			return nil, err
		}
		for _, file := range pkg.wouldRead(absent) {
			files[file] = true
		}
	}
	if len(broken) > 0 {
		return nil, w.goError(strings.Join(broken, "\n"), nil)
	}

	for _, dir := range p.Dirs {
		profile := filepath.Join(w.Dir, filepath.FromSlash(dir), "default.pgo") // go.dev/doc/pgo
		addFile(files, profile)
	}

	return files, nil
}

// addTo adds the files of a package to a set.
func (pkg *sourcePackage) addTo(files map[string]bool, cgo bool, top string) error {
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
	included, err := pkg.included(cgo)
	if err != nil {
		return err
	}
	for _, file := range append(included, pkg.libraries(cgo)...) {
		if door.Within(top, file) {
			files[file] = true
		}
	}

	return nil
}

// sourceName matches the name of a file that the go command reads in the directory of a
// package.
var sourceName = regexp.MustCompile(`^([^._].*\.` +
	`(go|s|S|sx|c|cc|cpp|cxx|m|h|hh|hpp|hxx|f|F|f90|for|swig|swigcxx|syso)` +
	`|go\.mod|default\.pgo)$`)

// wouldRead returns the absent files that the go command would read, for some target, if
// they were there.
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
