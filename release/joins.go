package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/report"
)

// newRun prepares a run and its report. program is the version of this program.
func newRun(
	c *config.Config, p *Plan, ws *workspace.Workspace, sessions []*publish.Session,
	program string, workflow bool, emit func(report.Event),
) *run {
	rep := &report.Report{
		Schema:    report.Schema,
		Program:   program,
		DryRun:    !p.Publish,
		Why:       p.Why,
		Name:      p.Name,
		Module:    p.Module,
		Source:    p.Source,
		Go:        p.Go,
		Skipped:   p.Skipped,
		Generated: p.Generated,
		Targets:   make([]report.Target, len(p.Builds)),
		Files:     []report.File{},
	}
	for _, n := range p.Notes {
		rep.Notices = append(rep.Notices, hint.Note(n, workflow))
	}
	rep.Notices = append(rep.Notices, generatedNotice(p.Generated)...)
	for i, b := range p.Builds {
		rep.Targets[i].Target = b.Target.String()
		rep.Targets[i].CC = b.CC
	}

	return &run{
		cfg:      c,
		plan:     p,
		ws:       ws,
		workflow: workflow,
		emit:     emit,
		rep:      rep,
		files:    make([][]report.File, len(p.Builds)),
		sessions: sessions,
		packs:    semaphore.NewWeighted(maxPacks),
		uploads:  semaphore.NewWeighted(maxUploads),
		self:     sync.OnceValues(digestOfSelf),
	}
}

// generatedNotice returns the notice that names sources which are not in the commit.
func generatedNotice(generated []workspace.Generated) []string {
	if len(generated) == 0 {
		return nil
	}

	const most = 5
	var names []string
	for _, g := range generated[:min(most, len(generated))] {
		names = append(names, g.Path)
	}
	if more := len(generated) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}

	return []string{fmt.Sprintf("compiled with %s that the commit does not have (setting generated): %s",
		report.Count(len(generated), "file"), strings.Join(names, ", "))}
}

// execute makes the release: it opens the destinations, runs the lanes and the joins, and
// publishes. The report says what happened; an error means that nothing was compiled.
func (r *run) execute(ctx context.Context) error {
	start := time.Now()

	// Read our own file before compilers run, because another version may replace it.
	go func() {
		_ = crash.Catch(func() error {
			_, err := r.self()
			return err // whoever asks for the digest gets the same error
		})
	}()

	if err := r.openSessions(ctx); err != nil {
		return errors.Join(err, r.undo(ctx))
	}
	unlock, err := r.openDist(ctx)
	if err != nil {
		return errors.Join(err, r.undo(ctx))
	}
	defer unlock()

	// Another run in dist has ended, and its memory is free again.
	machine := limit.ThisMachine()
	r.compilers = limit.New(machine, r.cfg.Parallelism, r.ws.Processes)
	r.packers = pack.NewCompressors(machine.Processors)

	if err := r.makeShared(ctx, output.Start); err != nil {
		return errors.Join(err, r.previous.Close(), dist.Sweep(r.cfg.Dist), r.undo(ctx))
	}
	r.lanes(ctx)
	r.collect()
	r.failed(errors.Join(r.previous.Close(), dist.Sweep(r.cfg.Dist)))

	if r.rep.Err() == nil {
		r.failed(r.finish(ctx))
	}
	r.collect()
	r.conclude(ctx)
	r.rep.Seconds = report.Since(start)

	return r.writeReport()
}

// failed records an error that belongs to no target, if there is one.
func (r *run) failed(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
		r.rep.Errors = append(r.rep.Errors, err.Error())
	}
}

// openSessions finds or creates the place for the files at every destination.
func (r *run) openSessions(ctx context.Context) error {
	for _, s := range r.sessions {
		err := s.Open(ctx)
		if s.Status().State != publish.Nothing {
			r.started = true
		}
		if err != nil {
			return err
		}
	}

	r.noteStatus()
	return nil
}

// noteStatus records in the report what is known about the release.
func (r *run) noteStatus() {
	for _, s := range r.sessions {
		status := s.Status()
		if status.State == publish.Nothing {
			r.rep.Release = nil
			continue
		}

		r.rep.Release = &report.Release{
			ID:     status.ID,
			URL:    status.URL,
			Public: status.State == publish.Public,
			State:  status.State,
		}
	}
}

// openDist opens dist/ and creates a directory in it to compile in.
//
// git ignores what is there, so the binaries are not stamped as modified, as they would be with
// a file elsewhere in the checkout. The system's directory for temporary files may be small, or
// in memory. From here a finished program is moved without a copy. The next run removes what a
// killed run leaves.
func (r *run) openDist(ctx context.Context) (unlock func(), err error) {
	dir, err := filepath.Abs(r.cfg.Dist) // the go command runs in the module
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}

	unlock, err = dist.Open(ctx, r.cfg.Dist)
	if err != nil {
		return nil, err
	}

	r.previous, err = dist.SetAside(r.cfg.Dist, !r.plan.Publish)
	if err == nil && r.cacheDir != "" {
		r.previous.ReadTimings(r.cacheDir) // in a fresh checkout nothing else has them
	}
	if err == nil {
		r.temp, err = dist.TempDir(dir, "build")
	}
	if err != nil {
		err = errors.Join(
			fmt.Errorf("preparing %s: %w", r.cfg.Dist, err),
			r.previous.Close(),
			dist.Sweep(r.cfg.Dist),
		)
		unlock()
		return nil, err
	}

	return unlock, nil
}

// makeShared makes the outputs of a stage that are for all targets.
func (r *run) makeShared(ctx context.Context, stage output.Stage) error {
	for _, o := range r.plan.outputsOf(stage, "") {
		file, err := r.make(ctx, o, nil)
		if err != nil {
			return err
		}
		r.shared = append(r.shared, file)
	}

	return nil
}

// collect lists all finished files in the report, in the order of the plan.
func (r *run) collect() {
	finished := map[string]report.File{}
	for _, f := range slices.Concat(slices.Concat(r.files...), r.shared) {
		finished[f.Name] = f
	}

	r.rep.Files = []report.File{}
	for _, o := range r.plan.Outputs {
		if f, ok := finished[o.Name]; ok {
			r.rep.Files = append(r.rep.Files, f)
		}
	}
}

// finish does what needs every lane: checksums, files that are sent late, and publication.
func (r *run) finish(ctx context.Context) error {
	if r.plan.Publish {
		if err := build.RecheckSources(ctx, r.ws, r.plan.Plan); err != nil {
			return err
		}
	}

	if err := r.makeShared(ctx, output.Join); err != nil {
		return err
	}

	r.committed = true
	if err := r.putDeferred(ctx); err != nil {
		return err
	}
	var seconds float64
	if err := r.put(ctx, r.shared, &seconds); err != nil {
		return err
	}

	r.collect()
	for _, s := range r.sessions {
		if err := r.commit(ctx, s); err != nil {
			return err
		}
	}

	return nil
}

// putDeferred sends the files of all targets to the destinations that did not take them from
// the lanes.
func (r *run) putDeferred(ctx context.Context) error {
	errs := make([]error, len(r.files))

	var g errgroup.Group
	for i := range r.files {
		g.Go(func() error {
			seconds := &r.rep.Targets[i].Seconds.Upload
			errs[i] = crash.Catch(func() error { return r.put(ctx, r.files[i], seconds) })
			return nil
		})
	}
	_ = g.Wait() // errs has the errors, all of them

	return errors.Join(errs...)
}

// commit makes the files visible at a destination, or with the setting draft only checks them.
func (r *run) commit(ctx context.Context, s *publish.Session) error {
	var want []output.Artifact
	for _, f := range r.rep.Files {
		if s.Takes(f.Output) {
			want = append(want, f.Artifact)
		}
	}

	if r.cfg.Draft {
		return s.Check(ctx, want)
	}

	err := s.Commit(ctx, want)
	r.noteStatus()
	if err != nil {
		return err
	}

	urls := s.Status().URLs
	for i := range r.shared {
		r.shared[i].URL = urls[r.shared[i].Name]
	}
	for _, files := range r.files {
		for i := range files {
			files[i].URL = urls[files[i].Name]
		}
	}

	return nil
}

// conclude sets the status of the run, and decides what becomes of the drafts of a run that
// failed.
func (r *run) conclude(ctx context.Context) {
	if r.rep.Err() != nil {
		for _, s := range r.sessions {
			r.failed(s.Refresh(ctx))
		}
	}
	r.noteStatus()

	var notices []string
	for _, s := range r.sessions {
		notices = append(notices, s.Status().Notices...)
	}
	r.rep.Notices = append(notices, r.rep.Notices...)

	switch {
	case r.rep.Err() == nil && len(r.sessions) == 0:
		r.rep.Status = report.DryRun
	case r.rep.Err() == nil && r.rep.Release.Public:
		r.rep.Status = report.Published
	case r.rep.Err() == nil:
		r.rep.Status = report.Draft // on request; otherwise commit has failed
	case ctx.Err() != nil:
		r.rep.Status = report.Cancelled
		r.cause = context.Cause(ctx)
	default:
		r.rep.Status = report.Failed
	}

	if r.rep.Err() != nil {
		for _, s := range r.sessions {
			r.abandon(ctx, s)
		}
	}
}

// abandon decides what becomes of the draft of a run that failed. If the sources do not make a
// release, or nothing was sent yet, a draft of this run is removed. Otherwise it stays, and the
// next run continues it.
func (r *run) abandon(ctx context.Context, s *publish.Session) {
	status := s.Status()
	if status.State != publish.Draft {
		return
	}

	if status.Created && (r.unreleasable() || !r.sentAny()) {
		r.failed(r.undo(ctx))
		r.noteStatus()
		return
	}

	r.rep.Notices = append(r.rep.Notices, "the draft stays; running again continues it: "+status.URL)
}

// unreleasable reports whether a target failed before it had its files: another run over the
// same commit would fail in the same way.
func (r *run) unreleasable() bool {
	for i, t := range r.rep.Targets {
		if t.Status == report.Failed && len(r.files[i]) == 0 {
			return true
		}
	}

	return false
}

func (r *run) sentAny() bool {
	return slices.ContainsFunc(r.rep.Files, func(f report.File) bool { return f.Upload != "" })
}

// undo removes what this run created at its destinations.
func (r *run) undo(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(r.sessions) {
		errs = append(errs, s.Undo(ctx))
	}
	r.noteStatus()

	return errors.Join(errs...)
}

// writeReport writes report.json and report.html.
func (r *run) writeReport() error {
	data, err := r.rep.JSON()
	if err != nil {
		return err
	}
	page, err := r.rep.HTML()
	if err != nil {
		return err
	}

	r.repJSON = data
	_, jsonErr := dist.WriteFile(r.cfg.Dist, dist.ReportJSON, data)
	_, htmlErr := dist.WriteFile(r.cfg.Dist, dist.ReportHTML, page)

	return errors.Join(jsonErr, htmlErr)
}
