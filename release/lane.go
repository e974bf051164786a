// Package release turns a plan into a published release.
//
// Read this file first. It holds the lane, which takes one target from source to server.
// Each target has a goroutine that runs its lane from start to end. There are no phases: a
// small target may be on the server while a large one is still being compiled. A lane waits
// only for a free slot to compile, to pack or to upload.
//
// The joins (joins.go) follow when all lanes have ended: checksums, the check of everything on
// the server, and publication.
package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/limit"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/smoke"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/report"
)

// maxUploads is how many files are sent at a time: as many as `gh` sends, and well below
// GitHub's limit for concurrent requests.
const maxUploads = 5

// maxPacks is how many lanes pack at a time. Each needs some megabytes for each processor. A
// few are enough, because the blocks of one file are compressed in parallel.
const maxPacks = 4

// A run is one release in the making.
type run struct {
	cfg      *config.Config
	plan     *Plan
	ws       *workspace.Workspace
	workflow bool // this runs in a workflow
	emit     func(report.Event)
	rep      *report.Report
	repJSON  []byte // rep as it was written to report.json

	laneFiles   [][]report.File // finished files of each target, in plan order
	sharedFiles []report.File   // finished files that belong to no target

	sessions []*publish.Session // one for each destination; a dry run has none
	started  bool               // something was created or found at a destination

	// What limits the lanes.
	compilers   *limit.Limiter
	packSlots   *semaphore.Weighted
	uploadSlots *semaphore.Weighted
	compressors *pack.Compressors

	previous *dist.Previous // what an earlier run left in dist/
	cacheDir string         // has the report of the run that filled the build cache, "" if none
	temp     string         // where compilers write

	// self returns the digest of this program's own file.
	self func() (digest string, err error)

	cause error   // why the run was cancelled, nil if it was not
	errs  []error // that belong to no target
}

// errFailFast is why the lanes stop when one has failed and fail-fast is set.
var errFailFast = errors.New("another target failed")

// lanes runs the lane of every target and waits for all of them. It records in the report how
// each one ended.
func (r *run) lanes(ctx context.Context) {
	g, ctx := errgroup.WithContext(ctx)

	turns := make([]*limit.Turn, len(r.plan.Builds))
	for _, i := range r.previous.CompileOrder(r.rep.Targets) {
		turns[i] = r.compilers.Queue(len(r.plan.Builds[i].Mains))
	}

	for i := range r.plan.Builds {
		g.Go(func() error {
			t := &r.rep.Targets[i] // written by this goroutine only

			err := crash.Catch(func() error { return r.lane(ctx, i, turns[i], t) })
			cancelled := ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
			t.Finish(err, r.hint(err), cancelled)

			// A panic while the result is shown must not end the other lanes.
			showErr := crash.Catch(func() error {
				r.emitLane(i, t)
				return nil
			})
			if showErr != nil && err == nil {
				err = showErr
				t.Finish(err, r.hint(err), false)
			}

			if r.cfg.FailFast && err != nil {
				return errFailFast // cancels the others
			}
			return nil
		})
	}

	_ = g.Wait() // the report has all errors

	for _, n := range r.rep.MissingVersions() {
		r.rep.Notices = append(r.rep.Notices, hint.Note(n, r.workflow))
	}
}

// lane takes one target from source to server. i is its index in the plan.
func (r *run) lane(ctx context.Context, i int, turn *limit.Turn, t *report.Target) error {
	b := r.plan.Builds[i]

	bins, err := r.compile(ctx, b, turn, t)
	if err != nil {
		return err
	}
	programs, err := r.prove(ctx, b, bins, t)
	if err != nil {
		return err
	}
	if err := r.smoke(ctx, programs, t); err != nil {
		return err
	}

	if err := r.moveToDist(programs); err != nil {
		return err
	}
	r.laneFiles[i], err = r.makeLane(ctx, programs, t)
	if err != nil {
		return err
	}

	return r.put(ctx, r.laneFiles[i], r.sessionsThat(notDeferred), &t.Seconds.Upload)
}

// hint returns what to do about an error, in words.
func (r *run) hint(err error) string { return adviceFor(r.cfg, err, r.workflow) }

// emitLane emits that a lane has ended.
func (r *run) emitLane(i int, t *report.Target) {
	state := report.Done
	if t.Status != report.OK {
		state = report.Failing
	}

	r.emit(report.Event{
		Target: t.Target,
		Step:   report.Lane,
		State:  state,
		Lane:   t,
		Files:  r.laneFiles[i],
	})
}

// step emits that a step of a lane has begun. The function that it returns emits that the step
// has ended, and adds the time that it took to seconds.
func (r *run) step(t *report.Target, step report.Step, seconds *float64) (done func()) {
	r.emit(report.Event{
		Target: t.Target,
		Step:   step,
		State:  report.Started,
	})
	stop := clock(seconds)

	return func() {
		stop()
		r.emit(report.Event{
			Target: t.Target,
			Step:   step,
			State:  report.Done,
		})
	}
}

// compile builds all programs of the target when its turn comes. If the system kills a
// compiler, because memory is short, compile builds the target once more, while nothing else is
// compiled.
func (r *run) compile(
	ctx context.Context, b build.Build, turn *limit.Turn, t *report.Target,
) ([]build.Binary, error) {
	bins, alone, err := r.compileOnce(ctx, b, turn, t)
	if alone == nil {
		return bins, err
	}

	t.Again = true
	bins, _, err = r.compileOnce(ctx, b, alone, t)
	if build.ShortOfMemory(err) {
		moreMemory := problem.Advise("use a machine with more memory")
		fewerPrograms := problem.Set("packages", "./cmd/NAME")
		twice := fmt.Errorf("%w\n(twice; the second time nothing else was compiled beside it)", err)
		return bins, problem.With(problem.Either(moreMemory, fewerPrograms), twice)
	}

	return bins, err
}

// compileOnce compiles the target once. If the target should be compiled again, with nothing
// else beside it, alone is the turn to do so.
func (r *run) compileOnce(
	ctx context.Context, b build.Build, turn *limit.Turn, t *report.Target,
) (bins []build.Binary, alone *limit.Turn, err error) {
	stopWaiting := clock(&t.Seconds.Wait)
	share, err := turn.Wait(ctx)
	if err != nil {
		return nil, nil, err
	}
	stopWaiting()

	var largest int64 // memory of the largest process, 0 if it tells nothing about the next build
	defer func() { turn.Done(largest) }()

	out := filepath.Join(r.temp, b.Target.Dir())
	if err := errors.Join(os.RemoveAll(out), os.Mkdir(out, 0o755)); err != nil {
		return nil, nil, fmt.Errorf("creating a directory to compile in: %w", err)
	}
	lent := !t.Again && r.previous.LendPrograms(b, out)

	defer r.step(t, report.Compile, &t.Seconds.Compile)()
	built, err := build.Compile(ctx, r.ws, r.plan.Plan, b, out, share)

	if err == nil && !lent { // with lent programs it may have linked nothing
		largest = built.Largest
	}
	if build.ShortOfMemory(err) && !t.Again && ctx.Err() == nil {
		alone = turn.Alone()
	}

	t.Output = built.Output
	t.Memory = max(t.Memory, built.Largest)
	t.Seconds.CPU += built.CPU.Seconds()

	return built.Binaries, alone, err
}

// prove reads every program back and proves what is claimed about it. Its error holds the
// failures of all programs. One that is not static comes with the packages that cause it.
func (r *run) prove(
	ctx context.Context, b build.Build, bins []build.Binary, t *report.Target,
) ([]provenBinary, error) {
	defer r.step(t, report.Prove, &t.Seconds.Prove)()

	var errs []error
	var proven []provenBinary
	for _, bin := range bins {
		proof, err := build.Verify(r.ws, r.plan.Plan, b, bin)
		if proof != nil {
			proven = append(proven, provenBinary{
				Binary: bin,
				proof:  proof,
			})
			t.Binaries = append(t.Binaries, report.Binary{
				Name:  bin.Exe(),
				Size:  bin.Size,
				Proof: proof,
			})
		}

		var failed *build.ProofError
		switch {
		case !errors.As(err, &failed) || !failed.Linkage:
			errs = append(errs, err)
		case r.cfg.Static == "report":
			// It is not an error then. The report says it prominently.
		default:
			var causesErr error
			failed.Causes, causesErr = build.Causes(ctx, r.ws, b, bin.Main)
			errs = append(errs, failed, causesErr)
		}
	}

	return proven, errors.Join(errs...)
}

// smoke starts the programs for which that was asked.
func (r *run) smoke(ctx context.Context, programs []provenBinary, t *report.Target) error {
	if len(r.cfg.SmokeTest) == 0 {
		return nil
	}
	defer r.step(t, report.Smoke, &t.Seconds.Smoke)()

	var errs []error
	for i, p := range programs {
		args, start := r.cfg.SmokeArgs(p.Main.Name)
		if !start {
			continue
		}

		root, err := os.MkdirTemp(r.temp, "smoke-") // removed with all of temp
		if err == nil {
			program := smoke.Program{
				Name:    p.Exe(),
				Target:  p.Target,
				Path:    p.Path,
				Version: r.plan.Source.Version,
			}
			t.Binaries[i].Smoke, err = smoke.Run(ctx, program, args, root)
		}
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

// moveToDist moves the proven programs to their place in dist/.
func (r *run) moveToDist(programs []provenBinary) error {
	for i := range programs {
		moved, err := dist.MoveBinary(r.cfg.Dist, programs[i].Binary)
		if err != nil {
			return err
		}
		programs[i].Binary = moved
	}

	return nil
}

// makeLane makes the outputs of the target.
func (r *run) makeLane(
	ctx context.Context, programs []provenBinary, t *report.Target,
) (files []report.File, err error) {
	if err := r.packSlots.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer r.packSlots.Release(1)

	defer r.step(t, report.Make, &t.Seconds.Pack)()

	for _, o := range r.plan.outputsOf(output.Lane, t.Target) {
		if ctx.Err() != nil {
			return files, context.Cause(ctx)
		}

		file, err := r.make(ctx, o, programs)
		if err != nil {
			return files, err
		}
		files = append(files, file)
	}

	return files, nil
}

// sessionsThat returns the sessions for which a condition holds.
func (r *run) sessionsThat(holds func(*publish.Session) bool) (sessions []*publish.Session) {
	for _, s := range r.sessions {
		if holds(s) {
			sessions = append(sessions, s)
		}
	}

	return sessions
}

func deferred(s *publish.Session) bool    { return s.Deferred() }
func notDeferred(s *publish.Session) bool { return !s.Deferred() }

// put sends files to those of the destinations that take them. It adds the time that took to
// seconds.
func (r *run) put(
	ctx context.Context, files []report.File, sessions []*publish.Session, seconds *float64,
) error {
	var errs []error
	for i := range files {
		for _, session := range sessions {
			if !session.Takes(files[i].Output) {
				continue
			}

			stop := clock(seconds)
			err := r.putOne(ctx, session, &files[i])
			stop()

			errs = append(errs, err)
			if ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
	}

	return errors.Join(errs...)
}

// putOne sends one file to one destination when an upload slot is free.
func (r *run) putOne(ctx context.Context, session *publish.Session, f *report.File) error {
	if err := r.uploadSlots.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.uploadSlots.Release(1) // even if Put panics

	return crash.Catch(func() error {
		outcome, err := session.Put(ctx, f.Artifact)
		f.Upload = cmp.Or(f.Upload, outcome) // the first destination wins
		return err
	})
}

// clock starts a clock. The function that it returns adds the time since then to seconds.
func clock(seconds *float64) (stop func()) {
	start := time.Now()
	return func() { *seconds += report.Since(start) }
}
