package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// verifyCommand returns the command verify.
func (p *program) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     config.Verify + " [PATH...]",
		GroupID: mainCommands,
		Short:   "say what executables need to run, and check a release",
		Long: `Say what executables of any system need to run, whoever built them. It reads them and never
runs them. The exit status is 1 if one of them is not static or cannot be read, or if a PATH
has none. It is 2, and nothing is read, if a PATH does not exist.

A PATH is a file, a directory, an archive, a package (deb, rpm, apk), an OCI image layout, an
image in a registry (ghcr.io/OWNER/IMAGE:TAG, docker.io/library/alpine:3), or a release on
GitHub (OWNER/REPO@TAG), whose files are also compared with its checksums. Without a PATH it
reads dist/.`,
		Example: examples(
			example{"go-static-release verify", "what the last dry run left in dist/"},
			example{"go-static-release verify /usr/bin tool.deb", "files of this machine"},
			example{"go-static-release verify owner/repo@v1.2.3", "a published release"},
			example{"go-static-release verify --json ghcr.io/owner/image:tag", "an image, for machines"},
		),
		Args:              p.pathArgs,
		ValidArgsFunction: completePaths,
		RunE:              p.withSettings(p.verify),
	}
	p.addFlags(cmd)
	return cmd
}

// verify says what the executables at the paths need to run, whoever built them. It is like
// ldd, but it runs nothing, and reads the executables of every system.
func (p *program) verify(ctx context.Context, c *config.Config, paths []string) error {
	v := &verification{
		p:    p,
		c:    c,
		out:  p.out,
		json: p.line.json,
	}
	if len(paths) == 0 {
		paths = []string{c.Dist}
	}

	// A path that names nothing is found before anything is read.
	var subjects []subject
	var errs []error
	for _, path := range paths {
		s, err := v.subjectOf(path)
		subjects = append(subjects, s)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return &invalidError{err}
	}

	for _, s := range subjects {
		before := v.total
		err := s.prove(ctx)
		if err == nil && v.total == before {
			err = fmt.Errorf("no executable in %s", quote.Name(s.path))
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("cancelled: %w", context.Cause(ctx))
	}

	err := errors.Join(errs...)
	if v.json {
		err = errors.Join(err, v.endJSON())
	}
	p.say("%s, %d not static", report.Count(v.total, "executable"), v.bad)

	switch {
	case err != nil:
		return err
	case v.bad > 0:
		return fmt.Errorf("%d of %s: %w", v.bad, report.Count(v.total, "executable"), errReported)
	}
	return nil
}
