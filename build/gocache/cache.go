// Package gocache keeps a build cache of the go command between the runs of a workflow.
package gocache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"

	"github.com/org/go-static-release/build/door"
)

// A Cache is a build cache of the go command that this program made, so it may remove the
// entries that no run needs.
//
// The go command records in the time of an entry when it was used, but at most once an hour
// (cmd/go/internal/cache, mtimeInterval). Open makes every entry two hours old. Entries that
// are still that old when the run ends were not used.
//
// This also keeps the entries of a cache that was saved weeks ago. The go command would
// otherwise remove those that were not used for five days, before the run uses them.
type Cache struct {
	dir string
	old time.Time // of every entry when the run began
}

// markName is the file that distinguishes a cache of this program from other directories.
const (
	markName = "go-static-release.txt"
	markText = "A build cache of the go command, made by go-static-release, which removes entries from it.\n"
)

// Make makes an empty build cache in dir. It does nothing if there is one already that this
// program made.
func Make(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	if len(entries) > 0 {
		return check(dir)
	}

	err = os.WriteFile(filepath.Join(dir, markName), []byte(markText), 0o644)
	if err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	return nil
}

// check fails unless dir is a directory, no link to one, and a cache that this program made.
func check(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("opening the build cache: %w", err)
	}

	mark, err := door.ReadRegular(filepath.Join(dir, markName), int64(len(markText)))
	isMissing := errors.Is(err, fs.ErrNotExist)
	isOther := err == nil && string(mark) != markText || door.Refused(err, door.IsTooLarge)
	if !fi.IsDir() || isMissing || isOther {
		return fmt.Errorf("%s is no build cache that this program made", dir)
	}
	if err != nil {
		return fmt.Errorf("opening the build cache: %w", err)
	}
	return nil
}

// Open opens a cache that Make made, before the go command uses it. now is the time, by the
// clock of the file system.
func Open(dir string, now time.Time) (*Cache, error) {
	err := check(dir)
	if err != nil {
		return nil, err
	}

	c := &Cache{
		dir: dir,
		old: now.Add(-2 * time.Hour),
	}
	err = c.entries(func(root *os.Root, name string, _ fs.FileInfo) error {
		return root.Chtimes(name, c.old, c.old)
	})
	if err != nil {
		return nil, fmt.Errorf("opening the build cache: %w", err)
	}
	return c, nil
}

// Dir returns the directory of the cache.
func (c *Cache) Dir() string { return c.dir }

// Trimmed counts what Trim kept and removed.
type Trimmed struct {
	Kept         int // entries
	KeptBytes    int64
	Removed      int // entries
	RemovedBytes int64
}

// Trim removes the entries that were not used since the cache was opened.
func (c *Cache) Trim() (t Trimmed, err error) {
	err = check(c.dir)
	if err != nil {
		return t, err
	}

	unused := c.old.Add(time.Minute) // file systems round times, some to two seconds
	err = c.entries(func(root *os.Root, name string, fi fs.FileInfo) error {
		if fi.ModTime().After(unused) {
			t.Kept++
			t.KeptBytes += fi.Size()
			return nil
		}

		t.Removed++
		t.RemovedBytes += fi.Size()
		return root.Remove(name)
	})
	if err != nil {
		return t, fmt.Errorf("trimming the build cache: %w", err)
	}
	return t, nil
}

// entryName matches the name of an action or of its output (cmd/go/internal/cache, fileName).
var entryName = regexp.MustCompile(`^[0-9a-f]{64}-[ad]$`)

// entries calls visit for the entries of the cache, which are regular files. It follows no
// link.
func (c *Cache) entries(visit func(root *os.Root, name string, fi fs.FileInfo) error) error {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()

	for i := range 256 {
		dir := fmt.Sprintf("%02x", i)
		fi, err := root.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
			continue
		}
		if err != nil {
			return err
		}

		list, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			return err
		}
		for _, entry := range list {
			if !entry.Type().IsRegular() || !entryName.MatchString(entry.Name()) {
				continue
			}
			fi, err := entry.Info()
			if err != nil {
				return err
			}
			if err := visit(root, path.Join(dir, entry.Name()), fi); err != nil {
				return err
			}
		}
	}
	return nil
}
