package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/crash"
)

const (
	batchSize   = 64 // files that one goroutine looks at in a row
	maxReaders  = 8  // goroutines that look at files: each may hold a large member in memory
	foundAhead  = 16 // executables of a batch that may wait for their turn
	batchesMore = 4  // batches for each reader that may wait for their turn
)

// A batch is some files of a directory in a row.
type batch struct {
	files []listedFile
	found chan Found // closed when all have been looked at; then errs may be read
	errs  []error
}

type listedFile struct {
	path, shown string
	err         error // why it cannot be looked at
}

// directory looks at everything below root, which is shown as path. Files are read by
// several goroutines and visited by this one, in the order of names. What is ahead of
// its turn waits in buffers of fixed size, and its readers with it.
func (in inspection) directory(root, path string) error {
	ctx, cancel := context.WithCancelCause(in.ctx)
	readers := min(runtime.GOMAXPROCS(0), maxReaders)
	work := make(chan *batch)
	ordered := make(chan *batch, batchesMore*readers)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	var walkErr error
	wg.Go(func() {
		walkErr = crash.Catch(func() error {
			return walk(ctx, root, path, func(b *batch) error {
				if err := send(ctx, work, b); err != nil { // first: what is in ordered has a reader, which closes it
					return err
				}
				return send(ctx, ordered, b)
			})
		})
		close(work)
		close(ordered)
	})
	for range readers {
		wg.Go(func() {
			p := &probe{}
			for b := range work {
				err := crash.Catch(func() error { b.read(ctx, p); return nil })
				b.end(err)
				if err != nil {
					p = &probe{} // nobody knows what is in it
				}
			}
		})
	}
	var errs []error
	for b := range ordered {
		for f := range b.found {
			if err := in.visit(f); err != nil {
				return errors.Join(append(errs, fmt.Errorf("%w: %w", errVisit, err))...)
			}
		}
		errs = append(errs, b.errs...)
	}
	if in.ctx.Err() != nil { // the walk may have been over
		walkErr = context.Cause(in.ctx)
	}
	return errors.Join(append(errs, walkErr)...)
}

// read looks at the files of a batch until ctx is done.
func (b *batch) read(ctx context.Context, p *probe) {
	in := inspection{ctx: ctx, probe: p, visit: func(f Found) error {
		select {
		case b.found <- f:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	for _, f := range b.files {
		err := f.err
		if err == nil {
			err = in.listed(f.path, f.shown)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			b.errs = append(b.errs, err)
		}
	}
}

// end says that all files of a batch have been looked at, or why not.
func (b *batch) end(err error) {
	if err != nil {
		b.errs = append(b.errs, err)
	}
	close(b.found)
}

func send(ctx context.Context, to chan<- *batch, b *batch) error {
	select {
	case to <- b:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// walk makes batches of the files below root, in the order of names.
func walk(ctx context.Context, root, path string, send func(*batch) error) error {
	newBatch := func() *batch {
		return &batch{files: make([]listedFile, 0, batchSize), found: make(chan Found, foundAhead)}
	}
	b := newBatch()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			err = onDisk(err) // the rest can still be looked at
		case !d.Type().IsRegular(): // links are looked at where they point, if that is here
			return nil
		}
		b.files = append(b.files, listedFile{name, filepath.Join(path, strings.TrimPrefix(name, root)), err})
		if len(b.files) < batchSize {
			return nil
		}
		full := b
		b = newBatch()
		return send(full)
	})
	if err != nil {
		return err
	}
	return send(b)
}
