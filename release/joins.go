package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/report"
)

// newRun prepares a run and begins its report. program is the version of this program.
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
		cfg:         c,
		plan:        p,
		ws:          ws,
		workflow:    workflow,
		emit:        emit,
		rep:         rep,
		laneFiles:   make([][]report.File, len(p.Builds)),
		sessions:    sessions,
		packSlots:   semaphore.NewWeighted(maxPacks),
		uploadSlots: semaphore.NewWeighted(maxUploads),
		self:        sync.OnceValues(digestOfSelf),
	}
}

// generatedNotice returns a notice that names the sources that are not in the commit, if there
// are any.
func generatedNotice(generated []workspace.Generated) []string {
	if len(generated) == 0 {
		return nil
	}

	const maxNames = 5
	var names []string
	for _, g := range generated {
		names = append(names, g.Path)
	}

	notice := fmt.Sprintf("compiled with %s that the commit does not have (setting generated): %s",
		report.Count(len(generated), "file"), problem.FirstNames(names, maxNames))
	return []string{notice}
}

// execute makes the release: it opens the destinations, runs the lanes and the joins, and
// publishes. The report says what happened. An error means that nothing was compiled, or that
// the report could not be written.
func (r *run) execute(ctx context.Context) error {
	start := time.Now()

	// Read our own file before compilers run, because another version may replace it.
	go func() {
		_ = crash.Catch(func() error {
			_, err := r.self()
			return err // sync.OnceValues returns it again to whoever asks for the digest
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

	// Measure only here: a run that held the lock of dist/ has ended and freed its memory.
	machine := limit.ThisMachine()
	r.compilers = limit.New(machine, r.cfg.Parallelism, r.ws.Processes)
	r.compressors = pack.NewCompressors(machine.Processors)

	if err := r.makeShared(ctx, output.Start); err != nil {
		return errors.Join(err, r.previous.Close(), dist.Sweep(r.cfg.Dist), r.undo(ctx))
	}

	r.lanes(ctx)
	r.collect()
	r.recordError(errors.Join(r.previous.Close(), dist.Sweep(r.cfg.Dist)))

	if r.rep.Err() == nil {
		r.recordError(r.finish(ctx))
	}
	r.collect()
	r.conclude(ctx)
	r.rep.Seconds = report.Since(start)

	return r.writeReport()
}

// recordError records an error that belongs to no target. It ignores nil.
func (r *run) recordError(err error) {
	if err != nil {
		r.errs = append(r.errs, err)

		text := err.Error()
		if advice := r.hint(err); advice != "" {
			text += "\nhint: " + advice
		}
		r.rep.Errors = append(r.rep.Errors, text)
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

// noteStatus records in the report what is known about the first destination where there is
// something.
func (r *run) noteStatus() {
	r.rep.Release = nil

	for _, s := range r.sessions {
		status := s.Status()
		if status.State == publish.Nothing {
			continue
		}

		r.rep.Release = &report.Release{
			ID:     status.ID,
			URL:    status.URL,
			Public: status.State == publish.Public,
			State:  status.State,
		}
		return
	}
}

// isPublic reports whether everything is visible at every destination.
func (r *run) isPublic() bool {
	return !slices.ContainsFunc(r.sessions, func(s *publish.Session) bool {
		return s.Status().State != publish.Public
	})
}

// openDist opens dist/ and creates a directory in it to compile in.
//
// The directory is there for several reasons. Git ignores what is in dist/, while a file
// elsewhere in the checkout would make Go stamp the binaries as modified. The system's directory
// for temporary files may be small, or in memory. A finished program can be renamed to its
// place without a copy. And the next run removes what a killed run leaves.
func (r *run) openDist(ctx context.Context) (unlock func(), err error) {
	dir, err := filepath.Abs(r.cfg.Dist) // the go command runs in the module
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}

	unlock, err = dist.Open(ctx, r.cfg.Dist, func() {
		r.emit(report.Event{
			Step:  report.Run,
			State: report.Waiting,
			Text:  "waiting for another run in " + filepath.ToSlash(r.cfg.Dist),
		})
	})
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

// makeShared makes the outputs of a stage that belong to no target.
func (r *run) makeShared(ctx context.Context, stage output.Stage) error {
	for _, o := range r.plan.outputsOf(stage, "") {
		file, err := r.make(ctx, o, nil)
		if err != nil {
			return err
		}
		r.sharedFiles = append(r.sharedFiles, file)
	}

	return nil
}

// collect lists all finished files in the report, in the order of the plan.
func (r *run) collect() {
	finished := map[string]report.File{}
	for _, f := range slices.Concat(slices.Concat(r.laneFiles...), r.sharedFiles) {
		finished[f.Name] = f
	}

	r.rep.Files = []report.File{}
	for _, o := range r.plan.Outputs {
		if f, ok := finished[o.Name]; ok {
			r.rep.Files = append(r.rep.Files, f)
		}
	}
}

// finish does what needs every lane: it makes the checksums, sends what is left to send, and
// publishes.
func (r *run) finish(ctx context.Context) error {
	if r.plan.Publish {
		if err := build.RecheckSources(ctx, r.ws, r.plan.Plan); err != nil {
			return err
		}
	}

	if err := r.makeShared(ctx, output.Join); err != nil {
		return err
	}

	r.collect()

	if err := r.putDeferred(ctx); err != nil {
		return err
	}
	var seconds float64 // the report has no place for it
	if err := r.put(ctx, r.sharedFiles, r.sessions, &seconds); err != nil {
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

// putDeferred sends the files of all targets to the deferred destinations, which got none of
// them from the lanes.
func (r *run) putDeferred(ctx context.Context) error {
	sessions := r.sessionsThat(deferred)
	for _, s := range sessions {
		if err := s.Review(ctx, r.artifactsFor(s)); err != nil {
			return err
		}
	}

	errs := make([]error, len(r.laneFiles))

	var g errgroup.Group
	for i := range r.laneFiles {
		g.Go(func() error {
			seconds := &r.rep.Targets[i].Seconds.Upload
			errs[i] = crash.Catch(func() error { return r.put(ctx, r.laneFiles[i], sessions, seconds) })
			return nil
		})
	}
	_ = g.Wait() // errs has all errors

	return errors.Join(errs...)
}

// artifactsFor returns the finished files that a destination takes.
func (r *run) artifactsFor(s *publish.Session) (artifacts []output.Artifact) {
	for _, f := range r.rep.Files {
		if s.Takes(f.Output) {
			artifacts = append(artifacts, f.Artifact)
		}
	}

	return artifacts
}

// commit makes the files visible at a destination. With the setting draft it only checks them.
func (r *run) commit(ctx context.Context, s *publish.Session) error {
	want := r.artifactsFor(s)
	if r.cfg.Draft {
		return s.Check(ctx, want)
	}

	err := s.Commit(ctx, want)
	r.noteStatus()
	if err != nil {
		return err
	}

	urls := s.Status().URLs
	for _, files := range slices.Concat(r.laneFiles, [][]report.File{r.sharedFiles}) {
		for i := range files {
			f := &files[i]
			f.URL = cmp.Or(f.URL, urls[f.Name]) // the first destination wins
		}
	}

	return nil
}

// conclude sets the status of the run. If the run failed, it also finds out the final state of
// the destinations and decides what happens to drafts.
func (r *run) conclude(ctx context.Context) {
	if r.rep.Err() != nil {
		for _, s := range r.sessions {
			r.recordError(s.Refresh(ctx))
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
	case r.rep.Err() == nil && r.isPublic():
		r.rep.Status = report.Published
	case r.rep.Err() == nil:
		r.rep.Status = report.Draft // with the setting draft; otherwise commit has failed
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

// abandon decides what happens to the draft of a run that failed. A draft that this run created
// is removed if running again cannot help, or if nothing was sent yet. Any other draft stays, and
// the next run continues it.
func (r *run) abandon(ctx context.Context, s *publish.Session) {
	status := s.Status()
	if status.State != publish.Draft {
		return
	}

	if status.Created && (r.unreleasable() || !r.sentAny()) {
		r.recordError(s.Undo(ctx))
		r.noteStatus()
		return
	}

	r.rep.Notices = append(r.rep.Notices, "the draft stays; running again continues it: "+status.URL)
}

// unreleasable reports whether a target failed before its files were made. Another run over the
// same commit would fail in the same way.
func (r *run) unreleasable() bool {
	for i, t := range r.rep.Targets {
		if t.Status == report.Failed && len(r.laneFiles[i]) == 0 {
			return true
		}
	}

	return false
}

// sentAny reports whether a file was sent to a destination.
func (r *run) sentAny() bool {
	return slices.ContainsFunc(r.rep.Files, func(f report.File) bool { return f.Upload != "" })
}

// undo removes what this run created at its destinations, last destination first.
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
