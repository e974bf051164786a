// Package release turns a plan into a published release. This file holds the lane, the way of
// one target from source to server; read it first.
//
// One goroutine per target runs its lane from start to end. There are no phases: a small
// target is on the server while a large one is still compiled. Lanes wait for nothing but three
// limits, on compilers, packing and uploads. The joins (joins.go) need all lanes: checksums, the
// check of everything on the server, and publication.
package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// maxPacks is how many lanes pack at a time: few, because each holds some megabytes for each
// processor, and enough, because the blocks of one file are compressed side by side.
const maxPacks = 4

// A run is one release in the making.
type run struct {
	cfg      *config.Config
	plan     *Plan
	ws       *workspace.Workspace
	workflow bool // this runs in a workflow
	emit     func(report.Event)
	rep      *report.Report
	files    [][]report.File // finished in each lane
	shared   []report.File   // finished in the joins, for all targets

	sessions  []*publish.Session // a dry run has none
	committed bool               // every file may be sent, also to a session that is deferred

	compilers *limit.Limiter
	packs     *semaphore.Weighted // lanes that may pack
	packers   *pack.Compressors
	uploads   *semaphore.Weighted

	previous *dist.Previous // what an earlier run left in dist/
	cacheDir string         // holds the report of the run that filled the build cache; "" if there is none
	self     func() (digest string, err error)
	temp     string // where compilers write
	repJSON  []byte // report.json
	started  bool   // something was created or found at a destination
	cause    error  // why the run was cancelled, if it was
	errs     []error
}

// errFailFast is why the lanes stop when one has failed and fail-fast is set.
var errFailFast = errors.New("another target failed")

// lanes runs the lane of every target and waits for all of them. The report says how each one
// ended, in plan order.
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

			shown := crash.Catch(func() error {
				r.ended(i, t)
				return nil
			})
			if shown != nil && err == nil {
				err = shown
				t.Finish(err, r.hint(err), false)
			}

			if r.cfg.FailFast && err != nil {
				return errFailFast // cancels the others
			}
			return nil
		})
	}

	_ = g.Wait() // the report has the errors, all of them
}

// hint returns what to do about an error, in words.
func (r *run) hint(err error) string { return hint.Words(problem.RemedyOf(err), r.workflow) }

// lane takes one target from source to server.
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
	if err := r.keep(programs); err != nil {
		return err
	}
	r.files[i], err = r.makeLane(ctx, programs, t)
	if err != nil {
		return err
	}
	return r.put(ctx, r.files[i], &t.Seconds.Upload)
}

// ended emits that a lane has ended.
func (r *run) ended(i int, t *report.Target) {
	state := report.Done
	if t.Status != report.OK {
		state = report.Failing
	}

	r.emit(report.Event{
		Target: t.Target,
		Step:   report.Lane,
		State:  state,
		Lane:   t,
		Files:  r.files[i],
	})
}

// step emits that a step of a lane has begun. The returned function emits that it has ended,
// and adds the time it took to seconds.
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

// compile builds all programs of the target when it is its turn among the compilers. If the
// system kills a compiler, which it does when memory is short, the target is built once more,
// alone.
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
		return bins, problem.With(
			problem.Either(moreMemory, fewerPrograms),
			fmt.Errorf("%w\n(twice; the second time nothing else was compiled beside it)", err),
		)
	}

	return bins, err
}

// compileOnce compiles the target once. It returns another turn if the target is to be tried
// again, alone.
func (r *run) compileOnce(
	ctx context.Context, b build.Build, turn *limit.Turn, t *report.Target,
) (bins []build.Binary, alone *limit.Turn, err error) {
	waited := clock(&t.Seconds.Wait)
	share, err := turn.Wait(ctx)
	if err != nil {
		return nil, nil, err
	}
	waited()

	var largest int64
	defer func() { turn.Done(largest) }()

	out := filepath.Join(r.temp, b.Target.Dir())
	if err := errors.Join(os.RemoveAll(out), os.Mkdir(out, 0o755)); err != nil {
		return nil, nil, fmt.Errorf("creating a directory to compile in: %w", err)
	}
	lent := !t.Again && r.previous.LendPrograms(b, out)

	defer r.step(t, report.Compile, &t.Seconds.Compile)()
	built, err := build.Compile(ctx, r.ws, r.plan.Plan, b, out, share)
	if err == nil && !lent { // otherwise it may have linked nothing
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

// prove reads every program back. It proves all of them before it returns the first failure,
// with the packages that cause it.
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
			// The report says it prominently.
		default:
			var causesErr error
			failed.Causes, causesErr = build.Causes(ctx, r.ws, b, bin.Main)
			errs = append(errs, failed, causesErr)
		}
	}

	return proven, errors.Join(errs...)
}

// smoke starts every program, if that was asked for.
func (r *run) smoke(ctx context.Context, programs []provenBinary, t *report.Target) error {
	if len(r.cfg.SmokeTest) == 0 {
		return nil
	}
	defer r.step(t, report.Smoke, &t.Seconds.Smoke)()

	var errs []error
	for i, p := range programs {
		root, err := os.MkdirTemp(r.temp, "smoke-") // removed with all of temp
		if err == nil {
			program := smoke.Program{
				Name:   p.Exe(),
				Target: p.Target,
				Path:   p.Path,
			}
			t.Binaries[i].Smoke, err = smoke.Run(ctx, program, r.cfg.SmokeTest, root)
		}
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

// keep moves the proven programs to their place in dist/.
func (r *run) keep(programs []provenBinary) error {
	for i := range programs {
		kept, err := dist.MoveBinary(r.cfg.Dist, programs[i].Binary)
		if err != nil {
			return err
		}
		programs[i].Binary = kept
	}

	return nil
}

// makeLane makes the files of the target.
func (r *run) makeLane(
	ctx context.Context, programs []provenBinary, t *report.Target,
) (files []report.File, err error) {
	if err := r.packs.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer r.packs.Release(1)
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

// put sends files to their destinations, holding an upload slot for each. It adds the time
// that took to seconds.
func (r *run) put(ctx context.Context, files []report.File, seconds *float64) error {
	var errs []error
	for i := range files {
		f := &files[i]
		for _, session := range r.sessions {
			if f.Upload != "" || !session.Takes(f.Output) || session.Deferred() && !r.committed {
				continue
			}

			stop := clock(seconds)
			err := r.putOne(ctx, session, f)
			stop()
			errs = append(errs, err)
			if ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
	}

	return errors.Join(errs...)
}

// putOne sends one file to one destination.
func (r *run) putOne(ctx context.Context, session *publish.Session, f *report.File) error {
	if err := r.uploads.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.uploads.Release(1) // whatever happens

	return crash.Catch(func() (err error) {
		f.Upload, err = session.Put(ctx, f.Artifact)
		return err
	})
}

// open opens a proven program to copy it.
func (p provenBinary) open() (io.ReadCloser, error) { return os.Open(p.Path) }

// findProgram returns the program with that name.
func findProgram(programs []provenBinary, name string) (provenBinary, bool) {
	i := slices.IndexFunc(programs, func(p provenBinary) bool { return p.Main.Name == name })
	if i < 0 {
		return provenBinary{}, false
	}
	return programs[i], true
}

// clock adds the time until the returned function is called to seconds.
func clock(seconds *float64) (stop func()) {
	start := time.Now()
	return func() { *seconds += report.Since(start) }
}
