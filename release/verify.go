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
	"github.com/org/go-static-release/release/report"
)

// A verification is one run of the command verify.
type verification struct {
	p     *program
	c     *Config
	out   io.Writer
	json  bool
	found []inspect.Found // kept for --json only
	total int
	bad   int

	nowhere bool // a path does not exist
}

// verify proves what lies at the paths, whoever built it. It is the ldd that runs
// nothing and works on the files of every system.
func (p *program) verify(ctx context.Context, c *Config, opts options) error {
	v := &verification{p: p, c: c, out: p.out, json: opts.json, found: []inspect.Found{}}
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
		err = errors.Join(err, v.printJSON())
	}
	fmt.Fprintf(p.log, "%s, %d not static\n", report.Count(v.total, "executable"), v.bad)
	switch {
	case err != nil:
		return err
	case v.total == 0:
		return fmt.Errorf("no executable in %s", strings.Join(paths, " "))
	case v.bad > 0:
		return fmt.Errorf("%d of %s: %w", v.bad, report.Count(v.total, "executable"), errReported)
	}
	return nil
}

// verifyPublished proves what everybody can download now, at the end of a release.
func (p *program) verifyPublished(ctx context.Context, c *Config, tag string) error {
	v := &verification{p: p, c: c, out: p.log}
	if err := v.release(ctx, p.event.Repository, tag); err != nil {
		return fmt.Errorf("verifying the published release: %w", err)
	}
	if v.bad > 0 && c.Static != "report" {
		return fmt.Errorf("verifying the published release: %d of %s not static", v.bad, report.Count(v.total, "executable"))
	}
	fmt.Fprintf(p.log, "verified as published: %s\n", report.Count(v.total, "executable"))
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
		v.found = append(v.found, f)
		return nil
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
	dir, err := os.MkdirTemp("", actionName+"-")
	if err != nil {
		return fmt.Errorf("making room for downloads: %w", err)
	}
	sums := map[string]string{}
	var list []byte // the release's own checksums
	var errs []error
	for _, name := range rel.Names() {
		path := filepath.Join(dir, "asset")
		sum, err := v.asset(ctx, rel, name, path, repository+"@"+tag+"!"+name)
		if err == nil && name == pack.ChecksumFiles["sha256"] {
			list, err = os.ReadFile(path)
		}
		sums[name] = sum
		errs = append(errs, err)
	}
	errs = append(errs, compareChecksums(list, sums), os.RemoveAll(dir))
	return errors.Join(errs...)
}

// asset downloads one file to path, proves what is in it, and returns its SHA-256.
func (v *verification) asset(ctx context.Context, rel *github.Release, name, path, shown string) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("making room for downloads: %w", err)
	}
	defer f.Close()
	sum, err := rel.Download(ctx, name, f)
	if err != nil {
		return "", err
	}
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", name, err)
	}
	return sum, inspect.Reader(ctx, shown, f, info.Size(), v.visit)
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
			errs = append(errs, fmt.Errorf("%s has SHA-256 %s, and checksums.txt says %s", m[2], sum, m[1]))
		}
	}
	return errors.Join(errs...)
}

func (v *verification) printJSON() error {
	data, err := json.MarshalIndent(struct {
		Schema      int             `json:"schema"`
		Executables []inspect.Found `json:"executables"`
	}{report.Schema, v.found}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	_, err = fmt.Fprintf(v.out, "%s\n", data)
	return err
}

// verdictLine says what was found of one executable.
func verdictLine(f inspect.Found) string {
	if f.Verdict.OK {
		line := fmt.Sprintf("%-21s  %s", f.Verdict.Claim, filepath.ToSlash(f.Path))
		for _, w := range f.Verdict.Warnings {
			line += ": warning: " + w
		}
		return line
	}
	return fmt.Sprintf("%-21s  %s: %s", "NOT STATIC", filepath.ToSlash(f.Path), strings.Join(f.Verdict.Reasons, ", "))
}
