package dist

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/report"
)

// Previous is what an earlier run left in the directory.
//
// A dry run uses it again. What has not changed is recognized by digest, never by time: a
// program that still has the digest in its report is handed to the go command, which knows
// from the digests of all sources whether to link it again. A file stays as it is if it has its
// digest and was made of ingredients with the same digests. Anything missing or doubtful is
// made again, and everything is proved again.
//
// A run that publishes makes everything again. All that is known of the earlier files is that
// they belong to the report beside them, not who wrote them.
type Previous struct {
	files *os.Root // where the files were moved, nil if they are not used
	rep   *report.Report
}

// SetAside empties the directory. If use is true, it moves the files of an earlier run into a
// temporary directory, which Sweep removes.
func SetAside(dir string, use bool) (*Previous, error) {
	p := &Previous{rep: readReport(dir)}
	if p.rep == nil || !use {
		return p, empty(dir, "")
	}

	aside, err := TempDir(dir, "earlier")
	if err != nil {
		return p, fmt.Errorf("setting earlier files aside: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return p, fmt.Errorf("setting earlier files aside: %w", err)
	}

	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") {
			// A file that cannot be moved is removed below, or reported there.
			_ = os.Rename(filepath.Join(dir, name), filepath.Join(aside, name))
		}
	}
	p.files, err = os.OpenRoot(aside)
	if err != nil {
		return p, fmt.Errorf("setting earlier files aside: %w", err)
	}

	return p, empty(dir, filepath.Base(aside))
}

// maxReport limits the report of an earlier run, in bytes. The report of a release with as
// many files as GitHub accepts is smaller.
const maxReport = 64 << 20

// readReport reads the report in a directory. It returns nil if there is none, or if another
// version of this program wrote it.
func readReport(dir string) *report.Report {
	data, err := readOwn(filepath.Join(dir, ReportJSON), maxReport)
	if err != nil {
		return nil
	}

	// Only these fields are used, so only these have to be right.
	var rep struct {
		Schema  int
		Targets []report.Target
		Files   []report.File
	}
	err = json.Unmarshal(data, &rep)
	if err != nil || rep.Schema != report.Schema {
		return nil
	}

	return &report.Report{
		Schema:  rep.Schema,
		Targets: rep.Targets,
		Files:   rep.Files,
	}
}

// ReportedFiles returns the files that the report in a directory lists, none if there is no report
// of this version of the program.
func ReportedFiles(dir string) []report.File {
	rep := readReport(dir)
	if rep == nil {
		return nil
	}
	return rep.Files
}

// ReadTimings takes the times of targets from the report in another directory, unless p has
// times of its own.
func (p *Previous) ReadTimings(dir string) {
	if p.rep == nil {
		p.rep = readReport(dir)
	}
}

// InUse reports whether files of the earlier run may be used again.
func (p *Previous) InUse() bool { return p.files != nil }

// Close closes the directory that the files were moved to, so that it can be removed.
func (p *Previous) Close() error {
	if p.files == nil {
		return nil
	}
	return p.files.Close()
}

// target returns what the earlier run reported about a target, nil if nothing.
func (p *Previous) target(name string) *report.Target {
	if p.rep == nil {
		return nil
	}

	i := slices.IndexFunc(p.rep.Targets, func(t report.Target) bool { return t.Target == name })
	if i < 0 {
		return nil
	}
	return &p.rep.Targets[i]
}

// CompileOrder returns the indexes of targets in the order to compile them.
//
// Targets without a timing from an earlier run come first, because the build cache may hold
// nothing for them. The others follow, slowest first, so that the run does not end waiting
// for a single long build.
func (p *Previous) CompileOrder(targets []report.Target) []int {
	order := make([]int, len(targets))
	for i := range order {
		order[i] = i
	}

	slices.SortStableFunc(order, func(i, j int) int {
		a := p.timing(targets[i].Target)
		b := p.timing(targets[j].Target)

		switch {
		case a == nil && b == nil:
			return 0
		case a == nil:
			return -1
		case b == nil:
			return 1
		}

		// Prefer CPU time: unlike wall time, it does not depend on what else ran.
		return cmp.Or(
			cmp.Compare(b.CPU, a.CPU),
			cmp.Compare(b.Compile, a.Compile),
		)
	})

	return order
}

// timing returns how long a target took, nil if that is not known.
func (p *Previous) timing(target string) *report.Seconds {
	t := p.target(target)
	if t == nil || t.Status != report.OK {
		return nil
	}
	return &t.Seconds
}

// LendPrograms puts the earlier programs of a target where the go command will write them. It
// reports whether there was one.
//
// A target whose compiler or linker printed something is compiled again, because they print
// it only when they run.
func (p *Previous) LendPrograms(b build.Build, out string) (lent bool) {
	t := p.target(b.Target.String())
	if p.files == nil || t == nil || t.Output != "" || b.CC != nil || t.CC != nil {
		return false
	}

	for _, m := range b.Mains {
		exe := b.Target.Exe(m.Name)
		i := slices.IndexFunc(t.Binaries, func(x report.Binary) bool { return x.Name == exe })
		if i < 0 || t.Binaries[i].Proof == nil {
			continue
		}

		sums := map[string]string{"sha256": t.Binaries[i].Proof.SHA256}
		from := path.Join(BinDir, b.Target.Dir(), exe)
		to := filepath.Join(out, b.OutputPath(m))
		err := os.MkdirAll(filepath.Dir(to), 0o755) // it is made again if the move fails
		if err == nil && p.move(from, sums, to, 0o755) {
			lent = true
		}
	}

	return lent
}

// Reuse moves a file back to the directory if it was made of the same ingredients and is
// unharmed. It reports whether it did.
func (p *Previous) Reuse(dir string, a output.Artifact, algorithms []string) (output.Artifact, bool) {
	if p.files == nil || p.rep == nil || a.Inputs == "" {
		return a, false
	}

	for _, f := range p.rep.Files {
		same := f.Output == a.Output && f.Inputs == a.Inputs
		if !same || !output.HasSums(f.Sums, algorithms) {
			continue
		}

		a.Size = f.Size
		a.Sums = f.Sums
		a.Path = filepath.Join(dir, a.Name)
		if !p.move(f.Name, f.Sums, a.Path, 0o644) {
			return a, false
		}

		fi, err := os.Stat(a.Path)
		return a, err == nil && fi.Size() == a.Size
	}

	return a, false
}

// move moves an earlier file to its place if it has these digests. It reports whether it did.
// What it does not move, for whatever reason, is made again.
func (p *Previous) move(name string, sums map[string]string, to string, mode fs.FileMode) bool {
	for dir := name; dir != "."; dir = path.Dir(dir) { // no link, nor anything behind one
		fi, err := p.files.Lstat(dir)
		switch {
		case err != nil:
			return false
		case dir == name && !fi.Mode().IsRegular():
			return false
		case dir != name && !fi.IsDir():
			return false
		}
	}

	from := filepath.Join(p.files.Name(), filepath.FromSlash(name))
	holds, err := output.Holds(from, sums)
	if err != nil || !holds {
		return false
	}

	return os.Chmod(from, mode) == nil && os.Rename(from, to) == nil
}
