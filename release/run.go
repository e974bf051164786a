// Package release turns a plan into a published release. This file holds the lane,
// which is the way of one target from source to server; read it first.
//
// One goroutine per target runs its lane from start to end. There are no phases: a
// small target is on the server while a large one still compiles. Three limits, on
// compilers, packing and uploads, are the only things lanes wait for. Three joins need all
// lanes: the checksum file, the check of everything on the server, and publication.
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

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/smoke"

	"github.com/org/go-static-release/build/limit"

	"github.com/org/go-static-release/release/output"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
)

// maxUploads is how many files are sent at a time: what `gh` uses, well below
// GitHub's limit for concurrent requests.
const maxUploads = 5

// maxPacks is how many lanes pack at a time: few, because each holds some megabytes for
// each processor, and enough, because the blocks of one file are compressed side by side.
const maxPacks = 4

// A run is one release in the making.
type run struct {
	cfg       *config.Config
	plan      *Plan
	workflow  bool // this runs in a workflow
	rep       *report.Report
	release   *github.Release // nil in a dry run
	late      bool            // files are sent when every lane is done: a public release is compared or replaced as a whole
	web       page
	compilers *limit.Limiter
	packs     *semaphore.Weighted // lanes that may pack
	packers   *pack.Compressors
	uploads   *semaphore.Weighted
	earlier   earlier // what an earlier run left
	filled    string  // where the report of the run is that filled the build cache, "" if there is none
	self      func() (digest string, err error)
	temp      string  // where compilers write
	report    []byte  // report.json
	cause     error   // why the run was cancelled, if it was
	errs      []error // that belong to no target
	done      func(*report.Target)
}

// errFailFast is why the lanes stop when one has failed and fail-fast is set.
var errFailFast = errors.New("another target failed")

// lanes runs the lane of every target and waits for all of them. How each ended is in
// the report, in plan order.
func (r *run) lanes(ctx context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	turns := make([]*limit.Turn, len(r.plan.Builds))
	for _, i := range r.earlier.order(r.rep.Targets) {
		turns[i] = r.compilers.Queue(len(r.plan.Builds[i].Mains))
	}
	for i := range r.plan.Builds {
		g.Go(func() error {
			t := &r.rep.Targets[i] // written by this goroutine only
			err := crash.Catch(func() error { return r.lane(ctx, i, turns[i], t) })
			t.Finish(err, r.hint(err), ctx.Err() != nil && errors.Is(err, context.Cause(ctx)))
			if told := crash.Catch(func() error { r.done(t); return nil }); told != nil && err == nil {
				err = told
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
	bins, err := r.compile(ctx, r.plan.Builds[i], turn, t)
	if err != nil {
		return err
	}
	if err := r.prove(ctx, r.plan.Builds[i], bins, t); err != nil {
		return err
	}
	if err := r.smoke(ctx, bins, t); err != nil {
		return err
	}
	if bins, err = r.keep(bins); err != nil {
		return err
	}
	if err := r.pack(ctx, i, bins, t); err != nil {
		return err
	}
	if r.late {
		return nil
	}
	return r.upload(ctx, t.Files, &t.Seconds.Upload)
}

// compile builds all programs of the target, holding a place among the compilers. When
// the system kills one, which it does when memory is short, the build is done once more
// with no other beside it.
func (r *run) compile(ctx context.Context, b build.Build, turn *limit.Turn, t *report.Target) ([]build.Binary, error) {
	bins, alone, err := r.compileOnce(ctx, b, turn, t)
	if alone == nil {
		return bins, err
	}
	t.Again = true
	bins, _, err = r.compileOnce(ctx, b, alone, t)
	if build.ShortOfMemory(err) {
		err = problem.With(problem.Either(problem.Advise("use a machine with more memory"), problem.Set("packages", "./cmd/NAME")), fmt.Errorf("%w\n(twice; the second time nothing else was compiled beside it)", err))
	}
	return bins, err
}

// compileOnce returns its next turn if it is to be tried again.
func (r *run) compileOnce(ctx context.Context, b build.Build, turn *limit.Turn, t *report.Target) (bins []build.Binary, alone *limit.Turn, err error) {
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
		return nil, nil, fmt.Errorf("making room to compile: %w", err)
	}
	lent := !t.Again && r.earlier.lend(b, out)
	defer clock(&t.Seconds.Compile)()
	built, err := build.Compile(ctx, r.plan.ws, r.plan.Plan, b, out, share)
	if err == nil && !lent { // else it may have linked nothing
		largest = built.Largest
	}
	if build.ShortOfMemory(err) && !t.Again && ctx.Err() == nil {
		alone = turn.Alone()
	}
	t.Output, t.Memory = built.Output, max(t.Memory, built.Largest)
	t.Seconds.CPU += built.CPU.Seconds()
	return built.Binaries, alone, err
}

// prove reads every program back. All of them are proved before the first failure is
// returned, with the packages that are the cause of it.
func (r *run) prove(ctx context.Context, b build.Build, bins []build.Binary, t *report.Target) error {
	defer clock(&t.Seconds.Prove)()
	var errs []error
	for _, bin := range bins {
		proof, err := build.Verify(r.plan.ws, r.plan.Plan, b, bin)
		if proof != nil {
			t.Binaries = append(t.Binaries, report.Binary{Name: bin.Exe(), Size: bin.Size, Proof: proof})
		}
		var failed *build.ProofError
		switch {
		case !errors.As(err, &failed) || !failed.Linkage:
			errs = append(errs, err)
		case r.cfg.Static == "report": // the report says it loudly
		default:
			var whyErr error
			failed.Causes, whyErr = build.Causes(ctx, r.plan.ws, b, bin.Main)
			errs = append(errs, failed, whyErr)
		}
	}
	return errors.Join(errs...)
}

// smoke starts every program, if that was asked for.
func (r *run) smoke(ctx context.Context, bins []build.Binary, t *report.Target) error {
	if len(r.cfg.SmokeTest) == 0 {
		return nil
	}
	defer clock(&t.Seconds.Smoke)()
	var errs []error
	for i, bin := range bins {
		dir, err := os.MkdirTemp(r.temp, "smoke-") // its root; removed with all of temp
		if err == nil {
			program := smoke.Program{Name: bin.Exe(), Target: bin.Target, Path: bin.Path}
			t.Binaries[i].Smoke, err = smoke.Run(ctx, program, r.cfg.SmokeTest, dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keep moves the proven programs to their place in dist/.
func (r *run) keep(bins []build.Binary) ([]build.Binary, error) {
	kept := make([]build.Binary, len(bins))
	for i, bin := range bins {
		var err error
		if kept[i], err = keepBinary(r.cfg.Dist, bin); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// pack writes the files of the target.
func (r *run) pack(ctx context.Context, i int, bins []build.Binary, t *report.Target) error {
	if err := r.packs.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.packs.Release(1)
	defer clock(&t.Seconds.Pack)()
	for _, planned := range r.plan.Files[i] {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		artifact := output.Artifact{Name: planned.Name, Kind: "archive", Target: t.Target}
		content := r.archive(bins, t)
		write := func(w io.Writer) error { return content.Write(planned.Format, stoppable{ctx, w}) }
		if planned.Format == pack.Binary {
			artifact.Kind = "binary"
			program := slices.IndexFunc(bins, func(b build.Binary) bool { return b.Main.Name == planned.Main })
			content.Files = programs(bins[program:program+1], t)
			write = func(w io.Writer) error { return content.Files[0].Copy(stoppable{ctx, w}) }
		}
		artifact.Inputs = r.inputs(content, planned.Format)
		kept, ok := r.earlier.keep(r.cfg.Dist, artifact, r.cfg.Checksums)
		if !ok {
			var err error
			if kept, err = output.WriteFile(r.cfg.Dist, artifact, r.cfg.Checksums, write); err != nil {
				return err
			}
		}
		t.Files = append(t.Files, report.File{Artifact: kept})
	}
	return nil
}

// archive describes the archive of a target: its programs and what travels along.
func (r *run) archive(bins []build.Binary, t *report.Target) pack.Archive {
	return pack.Archive{Time: r.plan.Source.Time, Compressors: r.packers, Files: append(programs(bins, t), r.plan.extra...)}
}

// programs are the proven programs of a target as files to pack.
func programs(bins []build.Binary, t *report.Target) (files []pack.File) {
	for _, bin := range bins {
		proved := slices.IndexFunc(t.Binaries, func(b report.Binary) bool { return b.Name == bin.Exe() })
		files = append(files, pack.File{Name: bin.Exe(), Executable: true, Size: bin.Size, SHA256: t.Binaries[proved].Proof.SHA256,
			Open: func() (io.ReadCloser, error) { return os.Open(bin.Path) }})
	}
	return files
}

// upload attaches files to the release, holding an upload slot for each.
func (r *run) upload(ctx context.Context, files []report.File, seconds *float64) error {
	if r.release == nil {
		return nil
	}
	defer clock(seconds)()
	var errs []error
	for i := range files {
		f := &files[i]
		if err := r.uploads.Acquire(ctx, 1); err != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		err := crash.Catch(func() (err error) { // the slot is given back whatever happens
			f.Upload, err = r.release.Attach(ctx, asset(f.Artifact))
			return err
		})
		r.uploads.Release(1)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// asset describes an artifact to GitHub. Each attempt opens it anew.
func asset(a output.Artifact) github.Asset {
	return github.Asset{Name: a.Name, Size: a.Size, SHA256: a.SHA256(),
		Open: func() (io.ReadSeekCloser, error) { return os.Open(a.Path) }}
}

// clock adds the time until the returned function is called.
func clock(seconds *float64) func() {
	start := time.Now()
	return func() { *seconds += report.Since(start) }
}
