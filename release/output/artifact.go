// Package output describes the files of a release, planned and finished, writes each of
// them whole or not at all, and writes and reads lists of their checksums. It is a leaf.
package output

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Artifact is one finished file of a release.
type Artifact struct {
	Name   string            `json:"name"`
	Kind   string            `json:"kind"`             // "archive", "binary", "attached" or "checksums"
	Target string            `json:"target,omitempty"` // "linux/amd64"; "" if it is for all of them
	Size   int64             `json:"size"`             // bytes
	Sums   map[string]string `json:"sums"`             // algorithm -> hex digest
	Inputs string            `json:"inputs,omitempty"` // digest of all that it is made of: the same inputs give the same bytes
	Path   string            `json:"-"`                // on disk
}

// SHA256 returns the artifact's SHA-256 in hex.
func (a Artifact) SHA256() string { return a.Sums["sha256"] }

// ChecksumFiles are the digests that can be asked for, and the files that list them.
var ChecksumFiles = map[string]string{"sha256": "checksums.txt", "sha512": "checksums-sha512.txt"}

// newHash are the digests that can be computed. SHA-384 is in lists that others made.
var newHash = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// TempPrefix begins the name of a file that is still being written.
const TempPrefix = ".unfinished-"

// WriteFile writes an artifact into dir, computing on the way its SHA-256, with which
// GitHub's own digest will be compared, and the other digests asked for. The file has
// its name only once it is whole: until then it is a temporary one beside it, removed
// on any error.
func WriteFile(dir string, a Artifact, algorithms []string, write func(io.Writer) error) (_ Artifact, err error) {
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // a second Close after a failed one changes nothing
			if rmErr := os.Remove(f.Name()); rmErr != nil {
				err = fmt.Errorf("%w\nremoving what was written of it: %w", err, rmErr)
			}
		}
	}()
	w := &counter{w: f, sums: map[string]hash.Hash{"sha256": sha256.New()}}
	for _, name := range algorithms {
		w.sums[name] = newHash[name]()
	}
	if err := write(w); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	if err := f.Chmod(0o644); err != nil { // whatever the umask
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	if err := f.Close(); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	a.Path, a.Size, a.Sums = filepath.Join(dir, a.Name), w.n, map[string]string{}
	for name, h := range w.sums {
		a.Sums[name] = fmt.Sprintf("%x", h.Sum(nil))
	}
	if err := os.Rename(f.Name(), a.Path); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	return a, nil
}

// HasSums reports whether sums are those that WriteFile computes for algorithms.
func HasSums(sums map[string]string, algorithms []string) bool {
	wanted := append([]string{"sha256"}, algorithms...)
	return !slices.ContainsFunc(wanted, func(name string) bool { return sums[name] == "" }) &&
		!slices.ContainsFunc(slices.Collect(maps.Keys(sums)), func(name string) bool { return !slices.Contains(wanted, name) })
}

// Sums returns digests of what is read from r: algorithm -> hex.
func Sums(r io.Reader, algorithms []string) (map[string]string, error) {
	c := &counter{w: io.Discard, sums: map[string]hash.Hash{}}
	for _, name := range algorithms {
		c.sums[name] = newHash[name]()
	}

	if _, err := io.Copy(c, r); err != nil {
		return nil, err
	}

	sums := map[string]string{}
	for name, h := range c.sums {
		sums[name] = fmt.Sprintf("%x", h.Sum(nil))
	}

	return sums, nil
}

// Holds reports whether a file has the digests: algorithm -> hex.
func Holds(path string, sums map[string]string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("reading %s again: %w", filepath.Base(path), err)
	}
	defer f.Close()
	w := &counter{w: io.Discard, sums: map[string]hash.Hash{}}
	for name := range sums {
		if newHash[name] == nil {
			return false, nil
		}
		w.sums[name] = newHash[name]()
	}
	if _, err := io.Copy(w, f); err != nil {
		return false, fmt.Errorf("reading %s again: %w", filepath.Base(path), err)
	}
	for name, want := range sums {
		if fmt.Sprintf("%x", w.sums[name].Sum(nil)) != want {
			return false, nil
		}
	}
	return true, nil
}

// A counter passes bytes on, counting and hashing them.
type counter struct {
	w    io.Writer
	n    int64
	sums map[string]hash.Hash
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	for _, h := range c.sums {
		_, _ = h.Write(p[:n]) // a hash never returns an error (hash.Hash)
	}
	return n, err
}

// Checksums returns the checksum file of the artifacts for one algorithm, sorted by
// name, in the format that `sha256sum -c` reads: digest, two spaces, name.
func Checksums(algorithm string, artifacts []Artifact) []byte {
	lines := make([]string, 0, len(artifacts))
	for _, a := range slices.SortedFunc(slices.Values(artifacts), func(x, y Artifact) int { return strings.Compare(x.Name, y.Name) }) {
		lines = append(lines, a.Sums[algorithm]+"  "+a.Name+"\n")
	}
	return []byte(strings.Join(lines, ""))
}
