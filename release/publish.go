package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"

	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/workspace"

	"github.com/org/go-static-release/release/output"

	"golang.org/x/mod/semver"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
)

// newRun prepares a run and its report. client is nil in a dry run.
func newRun(c *config.Config, p *Plan, web page, program string, workflow bool) *run {
	rep := &report.Report{
		Schema: report.Schema, Program: program, DryRun: !p.Publish, Why: p.Why,
		Name: p.Name, Module: p.Module, Source: p.Source, Go: p.Go, Skipped: p.Skipped,
		Generated: p.Generated,
		Notices:   generatedNotice(p.Generated),
		Targets:   make([]report.Target, len(p.Builds)),
	}
	for i, b := range p.Builds {
		rep.Targets[i].Target, rep.Targets[i].CC = b.Target.String(), b.CC
	}
	r := &run{
		cfg: c, plan: p, workflow: workflow, rep: rep, web: web,
		self:    sync.OnceValues(digestOfSelf),
		packs:   semaphore.NewWeighted(maxPacks),
		uploads: semaphore.NewWeighted(maxUploads),
	}
	rep.Notices = append(r.planNotes(), rep.Notices...)

	return r
}

// planNotes returns the notes of the plan in words.
func (r *run) planNotes() (notes []string) {
	for _, n := range r.plan.Notes {
		notes = append(notes, hint.Note(n, r.workflow))
	}
	return notes
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

// execute makes the release: draft, lanes, checksums, publication. What happened is in
// the report; the error is only that of a start that did not come about.
func (r *run) execute(ctx context.Context, client *github.Client) error {
	start := time.Now()
	go func() { // now: the file may be replaced by another version while compilers run
		_ = crash.Catch(func() error { _, err := r.self(); return err }) // who asks for the digest gets the same
	}()
	if client != nil {
		if err := r.openRelease(ctx, client); err != nil {
			return errors.Join(err, r.undo(ctx))
		}
	}
	unlock, err := r.makeRoom(ctx)
	if err != nil {
		return errors.Join(err, r.undo(ctx))
	}
	defer unlock()
	machine := limit.ThisMachine() // now that no other run is in dist, with what memory it took
	r.compilers, r.packers = limit.New(machine, r.cfg.Parallelism, r.plan.ws.Processes), pack.NewCompressors(machine.Processors)
	if err := r.attach(ctx); err != nil {
		return errors.Join(err, r.earlier.close(), sweep(r.cfg.Dist), r.undo(ctx))
	}
	r.lanes(ctx)
	r.failed(errors.Join(r.earlier.close(), sweep(r.cfg.Dist)))
	if r.rep.Err() == nil {
		r.failed(r.finish(ctx, client))
	}
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

// openRelease finds or makes the draft. This is the test whether the token may write:
// it costs seconds now instead of minutes of compiling.
func (r *run) openRelease(ctx context.Context, client *github.Client) (err error) {
	r.release, err = client.Open(ctx, github.Wanted{
		Tag: r.plan.Source.Tag, Commit: r.plan.Source.Commit,
		Title: r.cfg.ReleaseName, Notes: r.cfg.Notes, Prerelease: r.plan.prerelease(r.cfg),
		Files: r.plan.fileNames(r.cfg), Footer: r.plan.footer(r.cfg, r.web), Overwrite: r.cfg.Overwrite,
	})
	if err != nil {
		return err
	}
	switch {
	case r.release.Published() && r.cfg.Overwrite:
		r.rep.Notices = append(r.rep.Notices, "the release was public already: what differs is replaced, because overwrite is true")
	case r.release.Published():
		r.rep.Notices = append(r.rep.Notices, "the release is public already: it is compared, and nothing in it is changed")
	}
	r.late = r.release.Published()
	r.noteRelease()
	return nil
}

// noteRelease records in the report what is known about the release.
func (r *run) noteRelease() {
	r.rep.Release = &report.Release{
		ID:     r.release.ID(),
		URL:    r.release.URL(),
		Public: r.release.Published(),
		State:  r.release.State(),
	}
}

// makeRoom makes dist/ and in it, where git looks at nothing, a place to compile: a
// file elsewhere in the checkout would stamp the binaries as modified; the system's
// directory for temporary files may be small, or in memory; and from here a finished
// program is moved without a copy. What a killed run leaves, the next one removes.
func (r *run) makeRoom(ctx context.Context) (unlock func(), err error) {
	dist, err := filepath.Abs(r.cfg.Dist) // the go command runs in the module
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}
	if unlock, err = openDist(ctx, r.cfg.Dist); err != nil {
		return nil, err
	}
	r.earlier, err = putAside(r.cfg.Dist, !r.plan.Publish)
	if r.earlier.targets == nil && r.filled != "" { // as in every workflow: the times are known all the same
		r.earlier.targets = readEarlier(r.filled)
	}
	if err == nil {
		if r.temp, err = os.MkdirTemp(dist, output.TempPrefix+"build-"); err != nil {
			err = fmt.Errorf("making room to compile: %w", err)
		}
	}
	if err != nil {
		err = errors.Join(err, r.earlier.close(), sweep(r.cfg.Dist))
		unlock()
		return nil, err
	}
	return unlock, nil
}

// finish is what needs every lane: checksums, the check of the server, publication.
func (r *run) finish(ctx context.Context, client *github.Client) error {
	if r.plan.Publish {
		if err := build.RecheckSources(ctx, r.plan.ws, r.plan.Plan); err != nil {
			return err
		}
	}

	files := r.rep.Files()
	artifacts := make([]output.Artifact, len(files))
	for i, f := range files {
		artifacts[i] = f.Artifact
	}
	for _, algorithm := range r.cfg.Checksums {
		data := output.Checksums(algorithm, artifacts)
		a := output.Artifact{Name: output.ChecksumFiles[algorithm], Kind: "checksums"}
		a, err := output.WriteFile(r.cfg.Dist, a, nil, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
		if err != nil {
			return err
		}
		r.rep.Checksums = append(r.rep.Checksums, report.File{Artifact: a})
	}
	if r.release == nil {
		return nil
	}
	if err := r.uploadLate(ctx); err != nil {
		return err
	}
	var seconds float64
	if err := r.upload(ctx, r.rep.Attached, &seconds); err != nil {
		return err
	}
	if err := r.upload(ctx, r.rep.Checksums, &seconds); err != nil {
		return err
	}
	return r.publish(ctx, client)
}

// uploadLate sends the files of all targets, if the lanes have not.
func (r *run) uploadLate(ctx context.Context) error {
	if !r.late {
		return nil
	}
	errs := make([]error, len(r.rep.Targets))
	var g errgroup.Group
	for i := range r.rep.Targets {
		g.Go(func() error {
			t := &r.rep.Targets[i]
			errs[i] = crash.Catch(func() error { return r.upload(ctx, t.Files, &t.Seconds.Upload) })
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs, all of them
	return errors.Join(errs...)
}

// publish makes the release public, or leaves the complete draft if that was asked for.
func (r *run) publish(ctx context.Context, client *github.Client) error {
	var want []github.Asset
	for _, f := range r.rep.Files() {
		want = append(want, asset(f.Artifact))
	}
	if r.cfg.Draft {
		return r.release.Check(ctx, want)
	}
	latest, err := r.makeLatest(ctx, client)
	if err != nil {
		return err
	}
	err = r.release.Publish(ctx, want, latest)
	r.noteRelease()
	if err != nil {
		return err
	}
	if !r.release.Published() {
		return fmt.Errorf("publishing the release: it should be public, and its state is: %s", r.release.State())
	}
	urls := r.release.Downloads()
	for i := range r.rep.Targets {
		setURLs(r.rep.Targets[i].Files, urls)
	}
	setURLs(r.rep.Attached, urls)
	setURLs(r.rep.Checksums, urls)
	return nil
}

func setURLs(files []report.File, urls map[string]string) {
	for i := range files {
		files[i].URL = urls[files[i].Name]
	}
}

// makeLatest decides whether the repository shows this release as its latest: not a
// prerelease, not a fix of an older line, and not a nested module in the place of
// another one.
func (r *run) makeLatest(ctx context.Context, client *github.Client) (bool, error) {
	if r.cfg.MakeLatest != nil {
		return *r.cfg.MakeLatest, nil
	}
	if r.plan.prerelease(r.cfg) {
		return false, nil
	}
	ownDir, own, err := workspace.ParseTag(r.plan.Source.Tag)
	if err != nil {
		return false, err
	}
	tag, err := client.Latest(ctx)
	if err != nil {
		return false, err
	}
	dir, version, err := workspace.ParseTag(tag)
	if err != nil || dir != ownDir { // none yet, a tag of another scheme, another module
		return ownDir == "", nil
	}
	return semver.Compare("v"+own, "v"+version) >= 0, nil
}

// conclude sets the status, and decides about the draft of a run that fell short. If
// the sources do not make a release, or nothing is on the server yet, the draft goes;
// otherwise it stays, and the next run continues it.
func (r *run) conclude(ctx context.Context) {
	if r.release != nil {
		if r.rep.Err() != nil {
			r.readAgain(ctx)
		}
		r.noteRelease()
		r.rep.Notices = append(r.release.Notices, r.rep.Notices...)
	}

	switch {
	case r.rep.Err() == nil && r.release == nil:
		r.rep.Status = report.DryRun
	case r.rep.Err() == nil && r.release.Published():
		r.rep.Status = report.Published
	case r.rep.Err() == nil:
		r.rep.Status = report.Draft // on request; otherwise publish has failed
	case ctx.Err() != nil:
		r.rep.Status, r.cause = report.Cancelled, context.Cause(ctx)
	default:
		r.rep.Status = report.Failed
	}

	if r.rep.Err() == nil || r.release == nil || r.release.State() != github.Draft {
		return
	}
	if r.release.Created && (r.unreleasable() || !r.uploadedAny()) {
		r.failed(r.undo(ctx))
		if r.rep.Release != nil { // it could not be removed; perhaps because another run published it
			r.noteRelease()
		}
		return
	}
	r.rep.Notices = append(r.rep.Notices, "the draft stays; running again continues it: "+r.release.URL())
}

// readAgain reads the state of the release once more after a run has failed, so that the
// report tells the truth: somebody may have published or deleted the release, and a request
// to publish it may have been carried out or not. Like undo it has a few seconds.
func (r *run) readAgain(ctx context.Context) {
	if r.release.State() == github.Gone {
		return
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()

	// If the state is known, an error here adds nothing: the report has the reason why the
	// run failed.
	err := r.release.Refresh(ctx)
	if err != nil && r.release.State() == github.Unknown {
		r.failed(fmt.Errorf("finding out whether the release is public: %w", err))
	}
}

// unreleasable reports whether a target failed before it had its files: another run
// over the same commit would fail the same way.
func (r *run) unreleasable() bool {
	return slices.ContainsFunc(r.rep.Targets, func(t report.Target) bool {
		return t.Status == report.Failed && len(t.Files) == 0
	})
}

func (r *run) uploadedAny() bool {
	return slices.ContainsFunc(r.rep.Files(), func(f report.File) bool { return f.Upload != "" })
}

// undo removes the draft, if this run made it, and says where it is if that fails. It has a
// few seconds even when the run was cancelled.
func (r *run) undo(ctx context.Context) error {
	if r.release == nil || !r.release.Created {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := r.release.Delete(ctx); err != nil {
		return fmt.Errorf("%w\nthe release that this run created is left: %s", err, r.release.URL())
	}
	r.rep.Release = nil
	return nil
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
	r.report = data
	_, err = writeDist(r.cfg.Dist, reportJSON, data)
	_, err2 := writeDist(r.cfg.Dist, reportHTML, page)
	return errors.Join(err, err2)
}

// newClient returns the client of a run that publishes, nil for a dry run.
func newClient(c *config.Config, publish bool, apiURL, repository string, say func(string)) (*github.Client, error) {
	if !publish {
		return nil, nil
	}
	client, err := github.NewClient(github.Options{
		APIURL: apiURL, Repository: repository, Token: c.Token,
		UserAgent: userAgent(), Say: say,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to publish: %w", err)
	}
	return client, nil
}

// notStatic is the loud part of static=report.
func notStatic(rep *report.Report) string {
	bad := rep.NotStatic()
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("NOT STATIC, and released all the same because static is report:\n  %s", strings.Join(bad, "\n  "))
}
