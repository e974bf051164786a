package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/workspace"
)

// A CacheKey names the build cache of a request.
type CacheKey struct {
	Key     string // the same for the same request over the same dependencies
	Restore string // how the keys of the same request over other dependencies, or on another image, begin
}

// cacheVersion is part of every key. It must be raised when this program changes which
// packages it compiles for a request, or with which flags. Otherwise the cache would stay
// cold: what is saved under a key is never replaced.
const cacheVersion = "v1"

// NewCacheKey names the build cache of spec. The key holds everything that decides which
// packages are compiled and how. Its last part stands for the versions of dependencies, and
// with cgo for the image of the runner. What only the linker sees is not in the key,
// because no cache holds the linker's results.
func NewCacheKey(ctx context.Context, ws *workspace.Workspace, spec *Spec) (CacheKey, error) {
	// These are not always variables: go env -w saves them, too.
	env, err := ws.RunGo(ctx, nil, "env", "GOCACHEPROG", "GOEXPERIMENT", "GOFIPS140")
	if err != nil {
		return CacheKey{}, ws.ExplainGo(err)
	}
	prog, experiments, _ := strings.Cut(env, "\n")
	if prog != "" {
		return CacheKey{}, errors.New("the go command keeps what it compiles elsewhere, with GOCACHEPROG")
	}

	sums, err := dependencySums(ctx, ws, spec.Cgo)
	if err != nil {
		return CacheKey{}, err
	}

	request := sha256.Sum256(fmt.Appendf(nil, "%q", []any{
		cacheVersion,
		ws.ModuleDir(),
		ws.Mod,
		slices.Sorted(slices.Values(spec.Targets)),
		slices.Sorted(slices.Values(spec.Packages)),
		spec.Tags,
		spec.GCFlags,
		fmt.Sprint(spec.Cgo),
		fmt.Sprint(spec.CC),
		experiments,
	}))
	restore := fmt.Sprintf("go-static-release-%s-%s-%s-%.8x-", runtime.GOOS, runtime.GOARCH, ws.Toolchain, request)
	return CacheKey{
		Key:     restore + sums,
		Restore: restore,
	}, nil
}

// dependencySums returns a digest of the files that name the dependencies of the module, or
// of all modules of its go.work, and of the profiles in the repository: for each profile
// the go command compiles all dependencies again (go.dev/doc/pgo). With cgo the digest
// includes the image of the runner, because the C compiler comes with it.
func dependencySums(ctx context.Context, ws *workspace.Workspace, cgo bool) (string, error) {
	files, err := ws.SumFiles()
	if err != nil {
		return "", err
	}
	profiles, err := ws.RunGit(ctx, "ls-files", "--stage", "--", ":(glob)**/default.pgo")
	if err != nil {
		return "", fmt.Errorf("asking git for profiles: %w", err)
	}

	h := sha256.New()
	fmt.Fprintf(h, "%s\n", profiles)
	if cgo {
		image := slices.DeleteFunc(slices.Sorted(slices.Values(ws.Environ())), func(kv string) bool {
			return !strings.HasPrefix(kv, "ImageOS=") && !strings.HasPrefix(kv, "ImageVersion=")
		})
		fmt.Fprintf(h, "%q\n", image)
	}
	for _, file := range files {
		data, err := ws.ReadText(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // many modules have no dependencies
			return "", fmt.Errorf("reading the dependencies: %w", err)
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(data))
	}
	return fmt.Sprintf("%.8x", h.Sum(nil)), nil
}
