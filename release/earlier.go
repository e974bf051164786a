package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
)

// An earlier run left its files in dist. What has changed since is made again; the rest
// is recognised by digest, never by its time: a program that still has the digest of its
// report is given to the go command, which knows by the digests of all its sources whether
// to link it anew; a file whose ingredients have the same digests, and that has its own,
// stays as it is. Where anything is missing or in doubt it is made again. Everything is
// proved again.
//
// What is published is made anew: of the files of an earlier run it is not known who wrote
// them, only that they belong to the report beside them.
type earlier struct {
	files   *os.Root // where its files are now, nil if they are not used
	targets map[string]*report.Target
}

// putAside makes dist empty. The files of an earlier run are moved to a directory in it,
// which is removed with all that is unfinished, or are removed now if they are not used.
func putAside(dist string, use bool) (e earlier, err error) {
	if e.targets = readEarlier(dist); e.targets == nil || !use {
		return e, emptyDist(dist)
	}
	aside, err := os.MkdirTemp(dist, output.TempPrefix+"earlier-")
	if err != nil {
		return e, fmt.Errorf("putting earlier files aside: %w", err)
	}
	entries, err := os.ReadDir(dist)
	if err != nil {
		return e, fmt.Errorf("putting earlier files aside: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, ".") {
			// What cannot be moved is removed below, or says there why it cannot be.
			_ = os.Rename(filepath.Join(dist, name), filepath.Join(aside, name))
		}
	}
	if e.files, err = os.OpenRoot(aside); err != nil {
		return e, fmt.Errorf("putting earlier files aside: %w", err)
	}
	return e, emptyDist(dist, filepath.Base(aside))
}

// maxReport limits the report of an earlier run, in bytes. The report of a release with as
// many files as GitHub accepts is smaller.
const maxReport = 64 << 20

// readEarlier reads what a report says of each target; nil if there was no run, or it did
// not come to its end, or another program wrote the report.
func readEarlier(dir string) map[string]*report.Target {
	data, err := readRegular(filepath.Join(dir, reportJSON), maxReport)
	var rep struct { // what is used of it
		Schema  int
		Targets []report.Target
	}
	if err != nil || json.Unmarshal(data, &rep) != nil || rep.Schema != report.Schema {
		return nil
	}
	targets := map[string]*report.Target{}
	for i, t := range rep.Targets {
		targets[t.Target] = &rep.Targets[i]
	}
	return targets
}

// close lets go of the directory, so that it can be removed.
func (e earlier) close() error {
	if e.files == nil {
		return nil
	}
	return e.files.Close()
}

// order is that in which targets are compiled: first those of which no time is known, for
// which the build cache may lack everything, then those that took longest, so that the
// end of the run is not one long target alone.
func (e earlier) order(targets []report.Target) []int {
	order := make([]int, len(targets))
	for i := range order {
		order[i] = i
	}
	known := func(i int) *report.Target {
		if t := e.targets[targets[i].Target]; t != nil && t.Status == report.OK {
			return t
		}
		return nil
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := known(i), known(j)
		switch {
		case a != nil && b != nil: // by CPU where it is known, which does not depend on what ran beside it
			return cmp.Or(cmp.Compare(b.Seconds.CPU, a.Seconds.CPU), cmp.Compare(b.Seconds.Compile, a.Seconds.Compile))
		case a != nil:
			return 1
		case b != nil:
			return -1
		}
		return 0
	})
	return order
}

// lend puts the programs of the target where the go command writes them. It reports
// whether there was one.
func (e earlier) lend(b build.Build, out string) (lent bool) {
	t := e.targets[b.Target.String()]
	// What a compiler or a linker said is said only when it runs.
	if e.files == nil || t == nil || t.Output != "" || b.CC != nil || t.CC != nil {
		return false
	}
	for _, m := range b.Mains {
		exe := b.Target.Exe(m.Name)
		i := slices.IndexFunc(t.Binaries, func(x report.Binary) bool { return x.Name == exe })
		if i < 0 || t.Binaries[i].Proof == nil {
			continue
		}
		sums := map[string]string{"sha256": t.Binaries[i].Proof.SHA256}
		lent = e.take(path.Join(binDir, b.Target.Dir(), exe), sums, filepath.Join(out, build.OutputName(m, b.Target)), 0o755) || lent
	}
	return lent
}

// keep moves a file back to dist, if it was made of the same ingredients and is unharmed.
func (e earlier) keep(dist string, a output.Artifact, algorithms []string) (kept output.Artifact, ok bool) {
	t := e.targets[a.Target]
	if e.files == nil || t == nil || a.Inputs == "" {
		return a, false
	}
	for _, f := range t.Files {
		a.Size, a.Sums, a.Path = f.Size, f.Sums, filepath.Join(dist, a.Name)
		if f.Name == a.Name && f.Kind == a.Kind && f.Inputs == a.Inputs && output.HasSums(f.Sums, algorithms) && e.take(f.Name, f.Sums, a.Path, 0o644) {
			fi, err := os.Stat(a.Path)
			return a, err == nil && fi.Size() == a.Size
		}
	}
	return a, false
}

// take moves a file to its place if it has these digests. It reports whether it did: what
// it does not, for whatever reason, is made again.
func (e earlier) take(name string, sums map[string]string, to string, mode fs.FileMode) bool {
	for dir := name; dir != "."; dir = path.Dir(dir) { // no link, nor anything behind one
		fi, err := e.files.Lstat(dir)
		if err != nil || dir == name && !fi.Mode().IsRegular() || dir != name && !fi.IsDir() {
			return false
		}
	}
	from := filepath.Join(e.files.Name(), filepath.FromSlash(name))
	if holds, err := output.Holds(from, sums); err != nil || !holds {
		return false
	}
	return os.Chmod(from, mode) == nil && os.Rename(from, to) == nil
}

// inputs is the digest of all that decides the bytes of a file: this very program, the
// format, the time, and the names, modes and digests of what is packed.
func (r *run) inputs(a pack.Archive, format string) string {
	self, err := r.self()
	if err != nil { // where a program cannot look at itself, everything is made again
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", self, format, a.Time.Unix())
	for _, f := range a.Files {
		if f.SHA256 == "" {
			return ""
		}
		fmt.Fprintf(h, "%q %v %s\n", f.Name, f.Executable, f.SHA256)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// digestOfSelf is the digest of this program's own file.
func digestOfSelf() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
