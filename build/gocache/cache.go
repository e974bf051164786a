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

// A Cache is a build cache of the go command that this program made, so that it may
// remove from it what no run needs any more. The go command notes in the time of an
// entry when it was used, but not within an hour of the last note (cmd/go/internal/cache,
// mtimeInterval). OpenCache makes every entry two hours old: those that are still that
// old when the run ends were of no use to it.
//
// That also keeps a cache whole that was saved weeks ago: the go command removes what
// was not used for five days, before the run has come to using it.
type Cache struct {
	dir string
	old time.Time // of every entry when the run began
}

// cacheMark is the file that tells a cache of ours from every other directory.
const (
	cacheMark     = "go-static-release.txt"
	cacheMarkText = "A build cache of the go command, made by go-static-release, which removes entries from it.\n"
)

// Make makes an empty build cache in dir, or nothing if there is one of ours already.
func Make(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	if len(entries) > 0 {
		return checkCache(dir)
	}
	if err := os.WriteFile(filepath.Join(dir, cacheMark), []byte(cacheMarkText), 0o644); err != nil {
		return fmt.Errorf("making a build cache: %w", err)
	}
	return nil
}

// checkCache makes sure that dir is a directory, no link to one, and a cache of ours.
func checkCache(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("opening the build cache: %w", err)
	}
	mark, err := door.ReadRegular(filepath.Join(dir, cacheMark), int64(len(cacheMarkText)))
	notOurs := errors.Is(err, fs.ErrNotExist) || door.Refused(err, door.IsTooLarge)
	if !fi.IsDir() || notOurs || err == nil && string(mark) != cacheMarkText {
		return fmt.Errorf("%s is no build cache that this program made", dir)
	}
	if err != nil {
		return fmt.Errorf("opening the build cache: %w", err)
	}
	return nil
}

// Open opens a cache that MakeCache made, before the go command uses it. now is the
// time, by the clock of the file system.
func Open(dir string, now time.Time) (*Cache, error) {
	if err := checkCache(dir); err != nil {
		return nil, err
	}
	c := &Cache{dir: dir, old: now.Add(-2 * time.Hour)}
	err := c.entries(func(root *os.Root, name string, _ fs.FileInfo) error {
		return root.Chtimes(name, c.old, c.old)
	})
	if err != nil {
		return nil, fmt.Errorf("opening the build cache: %w", err)
	}
	return c, nil
}

// Dir is where the cache is.
func (c *Cache) Dir() string { return c.dir }

// Trimmed is what Trim did.
type Trimmed struct {
	Kept, Removed           int   // entries
	KeptBytes, RemovedBytes int64 // their sizes
}

// Trim removes the entries that were not used since the cache was opened.
func (c *Cache) Trim() (t Trimmed, err error) {
	if err := checkCache(c.dir); err != nil {
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

// cacheEntry is the name of an action or of its output (cmd/go/internal/cache, fileName).
var cacheEntry = regexp.MustCompile(`^[0-9a-f]{64}-[ad]$`)

// entries visits the entries of the cache: regular files, never through a link.
func (c *Cache) entries(visit func(root *os.Root, name string, fi fs.FileInfo) error) error {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i := range 256 {
		dir := fmt.Sprintf("%02x", i)
		if fi, err := root.Lstat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
			continue
		} else if err != nil {
			return err
		}
		list, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			return err
		}
		for _, e := range list {
			if !e.Type().IsRegular() || !cacheEntry.MatchString(e.Name()) {
				continue
			}
			fi, err := e.Info()
			if err != nil {
				return err
			}
			if err := visit(root, path.Join(dir, e.Name()), fi); err != nil {
				return err
			}
		}
	}
	return nil
}
