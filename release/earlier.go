package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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
	dir     string // where its files are now, "" if they are not used
	targets map[string]*report.Target
}

// putAside makes dist empty. The files of an earlier run are moved to a directory in it,
// which is removed with all that is unfinished, or are removed now if they are not used.
func putAside(dist string, use bool) (e earlier, err error) {
	data, err := os.ReadFile(filepath.Join(dist, reportJSON))
	var rep report.Report
	if err != nil || json.Unmarshal(data, &rep) != nil || rep.Schema != report.Schema {
		return e, emptyDist(dist) // there was no run, or it did not come to its end, or another program made it
	}
	e.targets = map[string]*report.Target{}
	for i, t := range rep.Targets {
		e.targets[t.Target] = &rep.Targets[i]
	}
	if !use {
		return e, emptyDist(dist)
	}
	if e.dir, err = os.MkdirTemp(dist, pack.TempPrefix+"earlier-"); err != nil {
		return e, fmt.Errorf("putting earlier files aside: %w", err)
	}
	for _, t := range rep.Targets {
		for _, f := range t.Files {
			if err := e.move(dist, f.Name); err != nil {
				return e, err
			}
		}
	}
	if err := e.move(dist, binDir); err != nil {
		return e, err
	}
	return e, emptyDist(dist, filepath.Base(e.dir))
}

// move moves a file of dist, if it is still there.
func (e earlier) move(dist, name string) error {
	if !filepath.IsLocal(name) || name != filepath.Base(name) { // a report is a file like others
		return nil
	}
	err := os.Rename(filepath.Join(dist, name), filepath.Join(e.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("putting earlier files aside: %w", err)
	}
	return nil
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
		case a != nil && b != nil:
			return cmp.Compare(b.Seconds.CPU, a.Seconds.CPU)
		case a != nil:
			return 1
		case b != nil:
			return -1
		}
		return 0
	})
	return order
}

// lend puts the programs of the target where the go command writes them.
func (e earlier) lend(b build.Build, out string) error {
	t := e.targets[b.Target.String()]
	// What a compiler or a linker said is said only when it runs.
	if e.dir == "" || t == nil || t.Output != "" || b.CC != nil || t.CC != nil {
		return nil
	}
	for _, m := range b.Mains {
		exe := b.Target.Exe(m.Name)
		i := slices.IndexFunc(t.Binaries, func(x report.Binary) bool { return x.Name == exe })
		path := filepath.Join(e.dir, binDir, b.Target.Dir(), exe)
		if i < 0 || t.Binaries[i].Proof == nil || !has(path, map[string]string{"sha256": t.Binaries[i].Proof.SHA256}) {
			continue
		}
		if err := os.Rename(path, filepath.Join(out, build.OutputName(m, b.Target))); err != nil {
			return fmt.Errorf("keeping %s: %w", exe, err)
		}
	}
	return nil
}

// keep moves a file back to dist, if it was made of the same ingredients and is unharmed.
func (e earlier) keep(dist string, a pack.Artifact, algorithms []string) (pack.Artifact, bool, error) {
	t := e.targets[a.Target]
	if e.dir == "" || t == nil || a.Inputs == "" {
		return a, false, nil
	}
	for _, f := range t.Files {
		path := filepath.Join(e.dir, f.Name)
		if f.Name != a.Name || f.Kind != a.Kind || f.Inputs != a.Inputs || !pack.HasSums(f.Sums, algorithms) || !has(path, f.Sums) {
			continue
		}
		a.Size, a.Sums, a.Path = f.Size, f.Sums, filepath.Join(dist, a.Name)
		if err := os.Rename(path, a.Path); err != nil {
			return a, false, fmt.Errorf("keeping %s: %w", a.Name, err)
		}
		return a, true, nil
	}
	return a, false, nil
}

// has reports whether there is a regular file with these digests.
func has(path string, sums map[string]string) bool {
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() || len(sums) == 0 {
		return false
	}
	holds, err := pack.Holds(path, sums)
	return err == nil && holds // what cannot be read is made again
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
