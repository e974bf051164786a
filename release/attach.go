package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/org/go-static-release/release/config"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build/problem"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/report"
)

// findAttached finds the files that are attached as they are. They were made by
// something else before this run, so git need not know them.
func (p *Plan) findAttached(c *config.Config) (err error) {
	p.Attach, err = p.ws.AttachedFiles(c.Attach)
	return err
}

// checkAttached finds attached files that GitHub would refuse or rename, and those that
// would be written over another file; taken says what has a name already.
func (p *Plan) checkAttached(taken map[string]string) error {
	var errs []error
	for _, f := range p.Attach {
		if err := github.CheckName(f.Name()); err != nil {
			errs = append(errs, &problem.Problem{Setting: "attach", Err: fmt.Errorf("%s: %w", f.Path, err)})
		}
		if err := github.CheckSize(f.Path, f.Size); err != nil {
			errs = append(errs, &problem.Problem{Setting: "attach", Err: err})
		}
		key := strings.ToLower(f.Name())
		if other, ok := taken[key]; ok {
			errs = append(errs, &problem.Problem{Setting: "attach", Err: fmt.Errorf("the name of the file %s is also that of %s", f.Path, other)})
			continue
		}
		taken[key] = f.Path
	}
	return errors.Join(errs...)
}

// attach copies the files that are attached as they are into dist/. What is sent, and
// what the checksums list, are the bytes that were copied, whatever becomes of the files.
func (r *run) attach(ctx context.Context) error {
	for _, f := range r.plan.Attach {
		a, err := output.WriteFile(r.cfg.Dist, output.Artifact{Name: f.Name(), Kind: "attached"}, r.cfg.Checksums, func(w io.Writer) error {
			return r.plan.ws.CopyAttached(stoppable{ctx, w}, f)
		})
		if err != nil {
			return err
		}
		r.rep.Attached = append(r.rep.Attached, report.File{Artifact: a})
	}
	return nil
}
