package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/report"
)

// verify proves what lies at the paths, whoever built it. It is the ldd that runs
// nothing and works on the files of every system.
func (p *program) verify(ctx context.Context, c *Config, opts options) error {
	paths := opts.paths
	if len(paths) == 0 {
		paths = []string{c.Dist}
	}
	found := []inspect.Found{}
	var errs []error
	bad := 0
	for _, path := range paths {
		err := inspect.Path(ctx, path, func(f inspect.Found) error {
			if !f.Verdict.OK {
				bad++
			}
			if opts.json {
				found = append(found, f)
				return nil
			}
			_, err := fmt.Fprintln(p.out, verdictLine(f))
			found = append(found, inspect.Found{}) // counted, not kept
			return err
		})
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("cancelled: %w", context.Cause(ctx))
	}
	err := errors.Join(errs...)
	if errors.Is(err, fs.ErrNotExist) && len(found) == 0 {
		return &requestError{err}
	}
	if opts.json {
		data, jsonErr := json.MarshalIndent(struct {
			Schema      int             `json:"schema"`
			Executables []inspect.Found `json:"executables"`
		}{report.Schema, found}, "", "  ")
		if jsonErr == nil {
			_, jsonErr = fmt.Fprintf(p.out, "%s\n", data)
		}
		err = errors.Join(err, jsonErr)
	}
	fmt.Fprintf(p.log, "%s, %d not static\n", report.Count(len(found), "executable"), bad)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("no executable in %s", strings.Join(paths, " "))
	case bad > 0:
		return fmt.Errorf("%d of %s: %w", bad, report.Count(len(found), "executable"), errReported)
	}
	return nil
}

// verdictLine says what was found of one executable.
func verdictLine(f inspect.Found) string {
	if f.Verdict.OK {
		return fmt.Sprintf("%-21s  %s", f.Verdict.Claim, filepath.ToSlash(f.Path))
	}
	return fmt.Sprintf("%-21s  %s: %s", "NOT STATIC", filepath.ToSlash(f.Path), strings.Join(f.Verdict.Reasons, ", "))
}
