package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"

	"golang.org/x/mod/modfile"
)

// A CacheKey names the build cache of a request.
type CacheKey struct {
	Key     string // the same for the same request over the same dependencies
	Restore string // how the keys of the same request over other dependencies, or on another image, begin
}

// cacheVersion is part of every key. It must be raised with a change of this program that
// makes the packages of a request others, or compiles them with other flags: what is
// saved under a key is never replaced, and would be cold from then on.
const cacheVersion = "v1"

// NewCacheKey names the build cache of spec. Everything is in it that decides which
// packages are compiled and how; the versions of dependencies, and with cgo the image of
// the runner, are its last part. What only the linker sees is not: its results are in no
// cache.
func NewCacheKey(ctx context.Context, spec *Spec) (CacheKey, error) {
	p := &Plan{}
	p.env, p.Withheld = childEnv(spec.Environ, spec.Secrets)
	if err := p.locate(ctx, spec); err != nil {
		return CacheKey{}, err
	}
	// Not always variables: go env -w saves them, too.
	env, err := p.goCommand(ctx, nil, "env", "GOCACHEPROG", "GOEXPERIMENT", "GOFIPS140")
	if err != nil {
		return CacheKey{}, explainGo(err)
	}
	prog, experiments, _ := strings.Cut(env, "\n")
	if prog != "" {
		return CacheKey{}, errors.New("the go command keeps what it compiles elsewhere, with GOCACHEPROG")
	}
	sums, err := p.sums(ctx, spec)
	if err != nil {
		return CacheKey{}, err
	}
	request := sha256.Sum256(fmt.Appendf(nil, "%q", []any{
		cacheVersion, p.Source.Dir, p.Mod, slices.Sorted(slices.Values(spec.Targets)), slices.Sorted(slices.Values(spec.Packages)),
		spec.Tags, spec.GCFlags, fmt.Sprint(spec.Cgo), fmt.Sprint(spec.CC), experiments,
	}))
	key := CacheKey{Restore: fmt.Sprintf("go-static-release-%s-%s-%s-%.8x-", runtime.GOOS, runtime.GOARCH, p.Go, request)}
	key.Key = key.Restore + sums
	return key, nil
}

// maxText limits go.mod, go.work, go.sum and vendor/modules.txt, in bytes.
const maxText = 16 << 20

// inTop returns the name of a file for a door to the repository. The door refuses the name
// of a file outside.
func (p *Plan) inTop(file string) string {
	rel, err := filepath.Rel(p.Source.top, file)
	if err != nil { // another volume on Windows
		return file
	}
	return filepath.ToSlash(rel)
}

// readText reads a text file of the repository through a door, at most maxText bytes.
func (p *Plan) readText(file string) (_ []byte, err error) {
	d, err := door.Open(p.Source.top, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.ReadFile(p.inTop(file), maxText)
}

// sums returns a digest over the files that name the dependencies of the module, or of
// all modules of its workspace, and over the profiles of the repository, for each of which
// the go command compiles all dependencies anew (go.dev/doc/pgo). With cgo the image of
// the runner is in it too: it does the same for another C compiler, and those come with it.
func (p *Plan) sums(ctx context.Context, spec *Spec) (string, error) {
	dirs, top := []string{p.dir}, p.dir
	if p.work != "" {
		data, err := p.readText(p.work)
		if err != nil {
			return "", fmt.Errorf("reading go.work: %w", err)
		}
		work, err := modfile.ParseWork(p.work, data, nil)
		if err != nil {
			return "", fmt.Errorf("reading go.work: %w", err)
		}
		top = filepath.Dir(p.work)
		for _, use := range work.Use {
			dirs = append(dirs, filepath.Join(top, filepath.FromSlash(use.Path)))
		}
	}
	files := []string{filepath.Join(top, "go.work.sum"), filepath.Join(top, "vendor", "modules.txt")}
	for _, dir := range dirs {
		files = append(files, filepath.Join(dir, "go.sum"))
	}
	profiles, err := p.git.git(ctx, "ls-files", "--stage", "--", ":(glob)**/default.pgo")
	if err != nil {
		return "", fmt.Errorf("asking git for profiles: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", profiles)
	if spec.Cgo {
		fmt.Fprintf(h, "%q\n", slices.DeleteFunc(slices.Sorted(slices.Values(spec.Environ)), func(kv string) bool {
			return !strings.HasPrefix(kv, "ImageOS=") && !strings.HasPrefix(kv, "ImageVersion=")
		}))
	}
	for _, file := range files {
		data, err := p.readText(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // many modules have no dependencies
			return "", fmt.Errorf("reading the dependencies: %w", err)
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(data))
	}
	return fmt.Sprintf("%.8x", h.Sum(nil)), nil
}
