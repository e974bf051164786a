package output

import (
	"bytes"
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

// An Artifact is a finished output: a file on disk.
type Artifact struct {
	Output
	Size int64             `json:"size"` // bytes
	Sums map[string]string `json:"sums"` // algorithm -> hex digest

	// Inputs is a digest of everything that the file was made of, "" if that is not known. Files
	// with the same inputs have the same bytes.
	Inputs string `json:"inputs,omitempty"`

	Path string `json:"-"` // on disk
}

// SHA256 returns the artifact's SHA-256 in hex.
func (a Artifact) SHA256() string { return a.Sums["sha256"] }

// ListAlgorithms are the algorithms of the checksum lists that can be asked for.
var ListAlgorithms = []string{"sha256", "sha512"}

// newHash holds the algorithms that can be computed. Only lists that other programs made
// contain SHA-384.
var newHash = map[string]func() hash.Hash{
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// TempPrefix is the beginning of the name of an unfinished file.
const TempPrefix = ".unfinished-"

// WriteFile writes the file of an artifact into dir. It always computes the SHA-256, because it
// is compared with what the server says, and also the digests of the given algorithms.
//
// The file gets its name only when it is complete. Until then it is a temporary file in dir,
// which is removed on any error.
func WriteFile(
	dir string, a Artifact, algorithms []string, write func(io.Writer) error,
) (_ Artifact, err error) {
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	defer func() {
		if err == nil {
			return
		}

		_ = f.Close() // it may be closed already
		if rmErr := os.Remove(f.Name()); rmErr != nil {
			err = fmt.Errorf("%w\nremoving the temporary file: %w", err, rmErr)
		}
	}()

	w := newHasher(f, append([]string{"sha256"}, algorithms...))
	if err := write(w); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	if err := f.Chmod(0o644); err != nil { // independent of the umask
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}
	if err := f.Close(); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}

	a.Path = filepath.Join(dir, a.Name)
	a.Size = w.size
	a.Sums = w.sums()
	if err := os.Rename(f.Name(), a.Path); err != nil {
		return a, fmt.Errorf("writing %s: %w", a.Name, err)
	}

	return a, nil
}

// HasSums reports whether sums has the digests that WriteFile computes for the algorithms, and
// no others.
func HasSums(sums map[string]string, algorithms []string) bool {
	wanted := append([]string{"sha256"}, algorithms...)

	for _, name := range wanted {
		if sums[name] == "" {
			return false
		}
	}
	for name := range sums {
		if !slices.Contains(wanted, name) {
			return false
		}
	}

	return true
}

// Sums returns digests of what is read from r: algorithm -> hex.
func Sums(r io.Reader, algorithms []string) (map[string]string, error) {
	h := newHasher(io.Discard, algorithms)
	if _, err := io.Copy(h, r); err != nil {
		return nil, err
	}

	return h.sums(), nil
}

// Holds reports whether a file has the digests: algorithm -> hex. It reports false for an
// algorithm that it does not know.
func Holds(path string, sums map[string]string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("reading %s again: %w", filepath.Base(path), err)
	}
	defer f.Close()

	algorithms := slices.Sorted(maps.Keys(sums))
	for _, name := range algorithms {
		if newHash[name] == nil {
			return false, nil
		}
	}

	found, err := Sums(f, algorithms)
	if err != nil {
		return false, fmt.Errorf("reading %s again: %w", filepath.Base(path), err)
	}

	return maps.Equal(found, sums), nil
}

// A hasher passes bytes on, and counts and hashes them.
type hasher struct {
	w      io.Writer
	size   int64
	hashes map[string]hash.Hash
}

func newHasher(w io.Writer, algorithms []string) *hasher {
	h := &hasher{
		w:      w,
		hashes: map[string]hash.Hash{},
	}
	for _, name := range algorithms {
		if h.hashes[name] == nil {
			h.hashes[name] = newHash[name]()
		}
	}

	return h
}

func (h *hasher) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.size += int64(n)
	for _, hash := range h.hashes {
		_, _ = hash.Write(p[:n]) // a hash never returns an error (hash.Hash)
	}

	return n, err
}

// sums returns the digests: algorithm -> hex.
func (h *hasher) sums() map[string]string {
	sums := map[string]string{}
	for name, hash := range h.hashes {
		sums[name] = fmt.Sprintf("%x", hash.Sum(nil))
	}

	return sums
}

// List returns the checksum list of the artifacts for one algorithm, sorted by name, in the
// format that `sha256sum --check` reads: digest, two spaces, name.
func List(algorithm string, artifacts []Artifact) []byte {
	sorted := slices.SortedFunc(slices.Values(artifacts), func(a, b Artifact) int {
		return strings.Compare(a.Name, b.Name)
	})

	var list bytes.Buffer
	for _, a := range sorted {
		fmt.Fprintf(&list, "%s  %s\n", a.Sums[algorithm], a.Name)
	}

	return list.Bytes()
}
