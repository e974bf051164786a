package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// A verification is one run of the command verify.
type verification struct {
	p     *program
	c     *Config
	out   io.Writer
	json  bool
	total int
	bad   int

	nowhere  bool              // a path does not exist
	attached map[string]string // SHA-256 of files that are not proved, by name
}

// verify proves what lies at the paths, whoever built it. It is the ldd that runs
// nothing and works on the files of every system.
func (p *program) verify(ctx context.Context, c *Config, opts options) error {
	v := &verification{p: p, c: c, out: p.out, json: opts.json}
	paths := opts.paths
	if len(paths) == 0 {
		paths = []string{c.Dist}
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, v.path(ctx, path))
	}
	if ctx.Err() != nil {
		return fmt.Errorf("cancelled: %w", context.Cause(ctx))
	}
	err := errors.Join(errs...)
	if v.nowhere && v.total == 0 {
		return &requestError{err}
	}
	if v.json {
		err = errors.Join(err, v.endJSON())
	}
	p.say("%s, %d not static", report.Count(v.total, "executable"), v.bad)
	switch {
	case err != nil:
		return err
	case v.total == 0:
		var names []string
		for _, path := range paths {
			names = append(names, inspect.Printable(path))
		}
		return fmt.Errorf("no executable in %s", strings.Join(names, " "))
	case v.bad > 0:
		return fmt.Errorf("%d of %s: %w", v.bad, report.Count(v.total, "executable"), errReported)
	}
	return nil
}

// verifyPublished proves what everybody can download now, at the end of a release. What
// was attached as it is, is compared and not proved: this program did not make it.
func (p *program) verifyPublished(ctx context.Context, c *Config, tag string, attached []report.File) error {
	v := &verification{p: p, c: c, out: p.log, attached: map[string]string{}}
	for _, f := range attached {
		v.attached[f.Name] = f.SHA256()
	}
	if err := v.release(ctx, p.event.Repository, tag); err != nil {
		return fmt.Errorf("verifying the published release: %w", err)
	}
	if v.bad > 0 && c.Static != "report" {
		return fmt.Errorf("verifying the published release: %d of %s not static", v.bad, report.Count(v.total, "executable"))
	}
	p.say("verified as published: %s", report.Count(v.total, "executable"))
	return nil
}

// published is the name of a release on GitHub: OWNER/REPO@TAG.
var published = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+)@(\S+)$`)

// path proves one argument: what is there under this name, else an image in a registry,
// else a published release.
func (v *verification) path(ctx context.Context, path string) error {
	_, err := os.Lstat(path)
	m := published.FindStringSubmatch(path)
	switch {
	case err == nil:
	case inspect.IsReference(path):
		if err := inspect.CheckReference(path); err != nil {
			return &requestError{err}
		}
		return inspect.Image(ctx, path, userAgent(), v.visit)
	case m != nil && !strings.HasPrefix(m[2], "sha256:"): // that is an image without its registry
		return v.release(ctx, m[1], m[2])
	}
	_, err = os.Stat(path) // follows a link
	v.nowhere = v.nowhere || errors.Is(err, fs.ErrNotExist)
	return inspect.Path(ctx, path, v.visit)
}

func userAgent() string { return actionName + "/" + programVersion() }

// visit counts and shows one executable.
func (v *verification) visit(f inspect.Found) error {
	v.total++
	if !f.Verdict.OK {
		v.bad++
	}
	if v.json {
		return v.printJSON(f)
	}
	_, err := fmt.Fprintln(v.out, verdictLine(f))
	return err
}

// release downloads a published release, compares each file with the digest that the
// server has and with the release's own checksums, and proves what is in it.
func (v *verification) release(ctx context.Context, repository, tag string) error {
	client, err := github.NewClient(github.Options{
		APIURL: v.p.event.APIURL, Repository: repository, Token: v.c.Token, UserAgent: userAgent(),
	})
	if err != nil {
		return &requestError{err}
	}
	rel, err := client.Find(ctx, tag)
	if err != nil {
		return err
	}
	f, done, err := inspect.TempFile()
	if err != nil {
		return fmt.Errorf("making room for downloads: %w", err)
	}
	defer done()
	sums := map[string]string{}
	var list []byte // the release's own checksums
	var errs []error
	for _, name := range rel.Names() {
		sum, size, err := v.asset(ctx, rel, name, f, repository+"@"+tag+"!"+name)
		if err == nil && name == pack.ChecksumFiles["sha256"] {
			list, err = readList(f, size)
		}
		sums[name] = sum
		errs = append(errs, err)
	}
	errs = append(errs, compareChecksums(list, sums))
	return errors.Join(errs...)
}

// asset downloads one file to f, in the place of the last, proves what is in it, and
// returns its SHA-256 and its size.
func (v *verification) asset(ctx context.Context, rel *github.Release, name string, f *os.File, shown string) (sum string, size int64, err error) {
	if sum, err = rel.Download(ctx, name, f); err != nil {
		return "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("downloading %s: %w", inspect.Printable(name), err)
	}
	if want, ok := v.attached[name]; ok {
		if sum != want {
			return sum, info.Size(), fmt.Errorf("%s has SHA-256 %s, and that of the attached file is %s", name, sum, want)
		}
		return sum, info.Size(), nil
	}
	return sum, info.Size(), inspect.Reader(ctx, shown, f, info.Size(), v.visit)
}

// maxList is more than the checksums of all files that a release takes.
const maxList = 1 << 20

func readList(f io.ReaderAt, size int64) ([]byte, error) {
	if size > maxList {
		return nil, fmt.Errorf("reading checksums.txt: %d bytes", size)
	}
	list, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, fmt.Errorf("reading checksums.txt: %w", err)
	}
	return list, nil
}

// checksumLine is a line of sha256sum: digest, a space, a space or an asterisk, name.
var checksumLine = regexp.MustCompile(`(?m)^([0-9a-fA-F]{64}) [ *](.+?)\r?$`)

// compareChecksums compares a list of checksums, if there is one, with the digests of
// the files. Each difference is named.
func compareChecksums(list []byte, sums map[string]string) error {
	if list == nil {
		return nil
	}
	var errs []error
	for _, m := range checksumLine.FindAllStringSubmatch(string(list), -1) {
		switch sum, ok := sums[m[2]]; {
		case !ok:
			errs = append(errs, fmt.Errorf("checksums.txt lists %q, which the release does not have", m[2]))
		case sum != "" && !strings.EqualFold(sum, m[1]): // "" could not be downloaded, which is said already
			errs = append(errs, fmt.Errorf("%s has SHA-256 %s, and checksums.txt says %s", inspect.Printable(m[2]), sum, m[1]))
		}
	}
	return errors.Join(errs...)
}

// jsonHead is how the result begins.
func jsonHead() string {
	return fmt.Sprintf("{\n  \"schema\": %d,\n  \"executables\": [", report.Schema)
}

// printJSON prints one executable at once: an archive can hold more than fits into memory.
func (v *verification) printJSON(f inspect.Found) error {
	data, err := json.MarshalIndent(f, "    ", "  ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	before := ","
	if v.total == 1 {
		before = jsonHead()
	}
	_, err = fmt.Fprintf(v.out, "%s\n    %s", before, quote.JSON(data))
	return err
}

func (v *verification) endJSON() (err error) {
	if v.total == 0 {
		_, err = fmt.Fprintf(v.out, "%s]\n}\n", jsonHead())
	} else {
		_, err = fmt.Fprint(v.out, "\n  ]\n}\n")
	}
	return err
}

// verdictLine says what was found of one executable, in one line whatever its name is.
func verdictLine(f inspect.Found) string {
	path := inspect.Printable(filepath.ToSlash(f.Path))
	if f.Verdict.OK {
		line := fmt.Sprintf("%-21s  %s", f.Verdict.Claim, path)
		for _, w := range f.Verdict.Warnings {
			line += ": warning: " + inspect.Printable(w)
		}
		return line
	}
	return fmt.Sprintf("%-21s  %s: %s", "NOT STATIC", path, inspect.Printable(strings.Join(f.Verdict.Reasons, ", ")))
}
