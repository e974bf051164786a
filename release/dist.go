package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/build/problem"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
)

// What is in dist/ beside the files of the release.
const (
	reportJSON = "report.json"
	reportHTML = "report.html"
	binDir     = "bin" // bin/OS_ARCH/PROGRAM
	lockName   = ".lock"
)

// distMark is the .gitignore of a dist/ that is ours. It keeps the directory from
// making the tree dirty, and tells it from a project's own directory of that name,
// which is never touched.
const distMark = "# Made by go-static-release, which replaces everything in this directory.\n*\n"

// checkDist makes sure that dir can be used: it is missing, empty or ours. A link is
// refused wherever it leads, because it may have come with the repository.
func checkDist(dir string) error {
	info, err := os.Lstat(filepath.Clean(dir)) // a slash at the end would follow a link
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("%s is a link; give the directory that it leads to", dir)}
	case err == nil && !info.IsDir(): // also a junction of Windows
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("%s is not a directory", dir)}
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		return &problem.Problem{Setting: "dist", Err: fmt.Errorf("looking into the directory for the files: %w", err)}
	}
	if !slices.ContainsFunc(entries, isFinished) || isOurs(dir) {
		return nil
	}
	return &problem.Problem{Setting: "dist", Err: fmt.Errorf("%s has files that this program did not make", dir), Remedy: problem.Set("dist", "dist-release")}
}

// isFinished tells a file from one that another run is writing, or was when it was killed.
// The first of them, which becomes the mark, is there before the mark.
func isFinished(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), output.TempPrefix) }

func isOurs(dir string) bool {
	for range 20 {
		mark, err := readRegular(filepath.Join(dir, ".gitignore"), int64(len(distMark)))
		if err == nil || errors.Is(err, errNotRegular) || errors.Is(err, fs.ErrNotExist) {
			return bytes.Equal(mark, []byte(distMark))
		}
		time.Sleep(10 * time.Millisecond) // on Windows nobody reads what another run is replacing
	}
	return false
}

// errNotRegular is the error of readRegular for what this program has not written.
var errNotRegular = errors.New("it is a link, not a regular file, or too large")

// readRegular reads a file that this program wrote, at most that many bytes. It refuses
// whatever else may be there instead.
func readRegular(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, errNotRegular
	}

	return door.ReadRegular(path, most)
}

// openDist makes dir ours alone until unlock. When another run has it, it waits.
func openDist(ctx context.Context, dir string) (unlock func(), err error) {
	if err := checkDist(dir); err != nil { // again: planning took a while
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making %s: %w", dir, err)
	}
	if err := markDist(dir); err != nil {
		return nil, err
	}
	return lockDist(ctx, dir)
}

func markDist(dir string) error {
	if isOurs(dir) {
		return nil
	}
	_, err := writeDist(dir, ".gitignore", []byte(distMark))
	if err != nil && isOurs(dir) { // another run has swept up ours, and has one
		return nil
	}
	return err
}

// healDist marks dir if a run was killed there before it could: git would take what it
// left for a change.
func healDist(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 || slices.ContainsFunc(entries, isFinished) {
		return nil // checkDist says what is wrong
	}
	if err := markDist(dir); err != nil {
		return &problem.Problem{Setting: "dist", Err: err}
	}
	return nil
}

// lockDist waits for other runs in dir. The operating system frees the lock of a run
// that was killed.
func lockDist(ctx context.Context, dir string) (unlock func(), err error) {
	type result struct {
		unlock func()
		err    error
	}
	locked := make(chan result)
	go func() { // it may have to be left behind waiting
		var unlock func()
		err := crash.Catch(func() (err error) {
			unlock, err = lockFile(filepath.Join(dir, lockName))
			return err
		})
		select {
		case locked <- result{unlock, err}:
		case <-ctx.Done():
			if err == nil {
				unlock()
			}
		}
	}()
	select {
	case r := <-locked:
		if r.err != nil {
			return nil, fmt.Errorf("locking %s: %w", dir, r.err)
		}
		return r.unlock, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another run in %s: %w", dir, context.Cause(ctx))
	}
}

// lockFile creates the file to lock, if it is missing, and waits for the lock. O_EXCL does
// not follow a link, so that no file is created elsewhere.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	switch {
	case err == nil:
		err = f.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return nil, err
	}

	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not a regular file", lockName)
	}

	locked, err := lockedfile.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}

	return func() { _ = locked.Close() }, nil // the system frees the lock in any case
}

// emptyDist removes everything in dir but what is kept, and what makes it ours.
func emptyDist(dir string, keep ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("emptying %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == ".gitignore" || e.Name() == lockName || slices.Contains(keep, e.Name()) {
			continue
		}
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("emptying %s: %w", dir, err)
		}
	}
	return nil
}

// removeAll removes a directory in which the compilers of a run that was killed may still
// write: they end by themselves, but not at once.
func removeAll(path string) (err error) {
	for range 20 {
		if err = os.RemoveAll(path); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// sweep removes what such compilers have written since the directory was emptied.
func sweep(dir string) error {
	left, err := os.ReadDir(dir)
	for _, e := range left {
		if !isFinished(e) {
			err = errors.Join(err, removeAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("removing what is unfinished: %w", err)
	}
	return nil
}

// writeDist writes a small file of ours, whole or not at all.
func writeDist(dir, name string, data []byte) (output.Artifact, error) {
	return output.WriteFile(dir, output.Artifact{Name: name}, nil, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// keepBinary moves a proven program to bin/OS_ARCH/.
func keepBinary(dist string, b build.Binary) (build.Binary, error) {
	dir := filepath.Join(dist, binDir, b.Target.Dir())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return b, fmt.Errorf("keeping %s: %w", b.Exe(), err)
	}
	to := filepath.Join(dir, b.Exe())
	if err := os.Rename(b.Path, to); err != nil { // another file system
		_, err = output.WriteFile(dir, output.Artifact{Name: b.Exe()}, nil, func(w io.Writer) error { return copyFile(w, b.Path) })
		if err != nil {
			return b, fmt.Errorf("keeping %s: %w", b.Exe(), err)
		}
	}
	if err := os.Chmod(to, 0o755); err != nil { // whatever the umask
		return b, fmt.Errorf("keeping %s: %w", b.Exe(), err)
	}
	b.Path = to
	return b, nil
}

// A stoppable writer fails when its context has ended, in the middle of a large file.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s stoppable) Write(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.w.Write(b)
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
