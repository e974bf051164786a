// Package dist is the directory for the files of a release: whose it is, its lock, and what
// an earlier run left in it.
//
// The directory is flat. It holds the files that are published, report.json, report.html, and
// the bare programs in bin/OS_ARCH. Its own .gitignore marks it as made by this program.
package dist

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

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/output"
)

// Names in the directory beside those of the files of the release.
const (
	ReportJSON = "report.json"
	ReportHTML = "report.html"
	BinDir     = "bin" // bin/OS_ARCH/PROGRAM
	LockName   = ".lock"
	MarkName   = ".gitignore"
)

// Mark is the content of MarkName in a directory of ours. It keeps the directory from
// making the working tree dirty, and distinguishes it from a project's own directory of that
// name, which is never touched.
const Mark = "# Made by go-static-release, which replaces everything in this directory.\n*\n"

// IsReserved reports whether a file in the directory is one of ours that is not published.
func IsReserved(name string) bool {
	return slices.Contains([]string{ReportJSON, ReportHTML, BinDir, LockName, MarkName}, name)
}

// Check returns a problem unless dir can be used: it is missing, empty or ours. It refuses a
// link wherever the link leads, because it may have come with the repository.
func Check(dir string) error {
	info, err := os.Lstat(filepath.Clean(dir)) // a slash at the end would follow a link
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return unusable("%s is a link; give the directory that it leads to", dir)
	case err == nil && !info.IsDir(): // also a junction of Windows
		return unusable("%s is not a directory", dir)
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		return unusable("reading the directory for the files: %w", err)
	}
	if !slices.ContainsFunc(entries, IsFinished) || IsOurs(dir) {
		return nil
	}

	p := unusable("%s has files that this program did not make", dir)
	p.Remedy = problem.Set("dist", "dist-release")
	return p
}

// IsFinished reports whether an entry is not one that another run is writing, or was writing
// when it was killed. The first unfinished file becomes the mark, so it exists before that.
func IsFinished(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), output.TempPrefix) }

// IsOurs reports whether the directory is marked as made by this program.
func IsOurs(dir string) bool {
	for range 20 {
		data, err := readOwn(filepath.Join(dir, MarkName), int64(len(Mark)))
		if err == nil || errors.Is(err, errNotOwn) || errors.Is(err, fs.ErrNotExist) {
			return bytes.Equal(data, []byte(Mark))
		}
		time.Sleep(10 * time.Millisecond) // Windows does not let us read what another run is replacing
	}

	return false
}

// errNotOwn is the error of readOwn for something that this program did not write.
var errNotOwn = errors.New("it is a link, not a regular file, or too large")

// readOwn reads a file that this program wrote, at most limit bytes. It refuses whatever else
// may be there instead.
func readOwn(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, errNotOwn
	}

	return door.ReadRegular(path, limit)
}

// Open creates the directory if needed, marks it, and locks it. While another run has the
// lock, Open waits, and calls waiting once.
func Open(ctx context.Context, dir string, waiting func()) (unlock func(), err error) {
	if err := Check(dir); err != nil { // again, because planning took a while
		return nil, err
	}

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	if err := writeMark(dir); err != nil {
		return nil, err
	}

	return lock(ctx, dir, waiting)
}

func writeMark(dir string) error {
	if IsOurs(dir) {
		return nil
	}

	_, err := WriteFile(dir, MarkName, []byte(Mark))
	if err != nil && IsOurs(dir) {
		return nil // another run removed our temporary file, and has written the mark
	}

	return err
}

// Heal marks the directory if a run was killed there before it could. Otherwise git would
// report the remains as a change.
func Heal(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 || slices.ContainsFunc(entries, IsFinished) {
		return nil // Check reports what is wrong
	}

	if err := writeMark(dir); err != nil {
		return &problem.Problem{Setting: "dist", Err: err}
	}
	return nil
}

// lock waits for other runs in the directory. The operating system releases the lock of a run
// that was killed.
func lock(ctx context.Context, dir string, waiting func()) (unlock func(), err error) {
	type result struct {
		unlock func()
		err    error
	}
	locked := make(chan result)

	go func() { // waiting for a lock cannot be interrupted, so it may have to be abandoned
		var unlock func()
		err := crash.Catch(func() (err error) {
			unlock, err = lockFile(filepath.Join(dir, LockName))
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

	for patience := time.After(lockPatience); ; {
		select {
		case r := <-locked:
			if r.err != nil {
				return nil, fmt.Errorf("locking %s: %w", dir, r.err)
			}
			return r.unlock, nil
		case <-patience:
			waiting()
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another run in %s: %w", dir, context.Cause(ctx))
		}
	}
}

// lockPatience is how long a lock may take before the user is told that another run has it.
const lockPatience = time.Second

// lockFile creates the file to lock if it is missing, and waits for the lock. O_EXCL does not
// follow a link, so no file is created elsewhere.
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
		return nil, fmt.Errorf("%s: not a regular file", LockName)
	}

	locked, err := lockedfile.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}

	return func() { _ = locked.Close() }, nil // the system releases the lock in any case
}

// empty removes everything from the directory except the mark, the lock and the named entry.
func empty(dir, except string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("emptying %s: %w", dir, err)
	}

	for _, e := range entries {
		if slices.Contains([]string{MarkName, LockName, except}, e.Name()) {
			continue
		}
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("emptying %s: %w", dir, err)
		}
	}

	return nil
}

// removeAll removes a directory in which compilers of a killed run may still be writing. They
// end by themselves, but not at once.
func removeAll(path string) (err error) {
	for range 20 {
		err = os.RemoveAll(path)
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}

	return err
}

// Sweep removes everything that is unfinished.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !IsFinished(e) {
			err = errors.Join(err, removeAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("removing unfinished files: %w", err)
	}

	return nil
}

// TempDir creates a directory that Sweep removes.
func TempDir(dir, name string) (string, error) {
	return os.MkdirTemp(dir, output.TempPrefix+name+"-")
}

// WriteFile writes a small file of ours, whole or not at all.
func WriteFile(dir, name string, data []byte) (output.Artifact, error) {
	file := output.Artifact{
		Output: output.Output{Name: name},
	}
	return output.WriteFile(dir, file, nil, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// MoveBinary moves a proven program to bin/OS_ARCH, and returns it with its new path.
func MoveBinary(dir string, b build.Binary) (build.Binary, error) {
	binDir := filepath.Join(dir, BinDir, b.Target.Dir())
	if err := os.MkdirAll(binDir, 0o755); err != nil {
		return b, fmt.Errorf("moving %s: %w", b.Exe(), err)
	}

	to := filepath.Join(binDir, b.Exe())
	if err := os.Rename(b.Path, to); err != nil { // another file system
		if err := copyBinary(binDir, b); err != nil {
			return b, fmt.Errorf("moving %s: %w", b.Exe(), err)
		}
	}
	if err := os.Chmod(to, 0o755); err != nil { // whatever the umask
		return b, fmt.Errorf("moving %s: %w", b.Exe(), err)
	}

	b.Path = to
	return b, nil
}

// copyBinary copies a program into a directory.
func copyBinary(dir string, b build.Binary) error {
	f, err := os.Open(b.Path)
	if err != nil {
		return err
	}
	defer f.Close()

	file := output.Artifact{
		Output: output.Output{Name: b.Exe()},
	}
	_, err = output.WriteFile(dir, file, nil, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
	return err
}
