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
	batchSize = 64 // consecutive files that one goroutine inspects

	// maxReaders limits the goroutines that inspect files, because each of them may hold a
	// large member in memory.
	maxReaders = 8

	maxWaitingFound   = 16 // executables per batch that may wait to be visited
	maxWaitingBatches = 4  // batches per reader that may wait to be visited
)

// A batch is a number of consecutive files of a directory.
type batch struct {
	files []listedFile
	found chan Found // closed after all files were inspected
	errs  []error    // may be read once found is closed
}

func newBatch() *batch {
	return &batch{
		files: make([]listedFile, 0, batchSize),
		found: make(chan Found, maxWaitingFound),
	}
}

// A listedFile is a file found in a directory.
type listedFile struct {
	path  string
	shown string // the path as the caller knows it
	err   error  // why the file cannot be inspected
}

// inspectDirectory inspects everything below root, which the caller knows as path.
//
// Several goroutines read files, and this one visits the executables in the order of names.
// Executables that are found before their turn wait in buffers of a fixed size. When these
// are full, the readers wait as well.
func (in inspection) inspectDirectory(root, path string) error {
	ctx, cancel := context.WithCancelCause(in.ctx)
	readers := min(runtime.GOMAXPROCS(0), maxReaders)
	work := make(chan *batch)
	ordered := make(chan *batch, maxWaitingBatches*readers)

	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)

	var walkErr error
	wg.Go(func() {
		defer close(ordered)
		defer close(work)
		walkErr = crash.Catch(func() error {
			return walk(ctx, root, path, func(b *batch) error {
				// The batch must have a reader before it is in ordered: the reader closes
				// the channel on which the visiting loop waits.
				if err := send(ctx, work, b); err != nil {
					return err
				}
				return send(ctx, ordered, b)
			})
		})
	})

	for range readers {
		wg.Go(func() {
			p := &probe{}
			for b := range work {
				err := crash.Catch(func() error {
					b.inspect(ctx, p)
					return nil
				})
				if err != nil {
					b.errs = append(b.errs, err)
					p = &probe{} // the state of the old one is unknown
				}
				close(b.found)
			}
		})
	}

	var errs []error
	for b := range ordered {
		for f := range b.found {
			if err := in.visit(f); err != nil {
				errs = append(errs, fmt.Errorf("%w: %w", errVisit, err))
				return errors.Join(errs...)
			}
		}
		errs = append(errs, b.errs...)
	}

	if in.ctx.Err() != nil { // the walk may have ended before that
		walkErr = context.Cause(in.ctx)
	}
	return errors.Join(append(errs, walkErr)...)
}

// inspect inspects the files of the batch until ctx is done.
func (b *batch) inspect(ctx context.Context, p *probe) {
	visit := func(f Found) error {
		select {
		case b.found <- f:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	in := inspection{ctx: ctx, probe: p, visit: visit}

	for _, f := range b.files {
		err := f.err
		if err == nil {
			err = in.inspectListed(f.path, f.shown)
		}

		if ctx.Err() != nil {
			return
		}
		if err != nil {
			b.errs = append(b.errs, err)
		}
	}
}

// send sends b to the channel, unless ctx is done first.
func send(ctx context.Context, to chan<- *batch, b *batch) error {
	select {
	case to <- b:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// walk calls send for batches of the files below root, in the order of names.
func walk(ctx context.Context, root, path string, send func(*batch) error) error {
	b := newBatch()

	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			err = diskError(err) // does not end the walk
		case !d.Type().IsRegular(): // a link is skipped, because its target is inspected if it is below root
			return nil
		}

		shown := filepath.Join(path, strings.TrimPrefix(name, root))
		b.files = append(b.files, listedFile{path: name, shown: shown, err: err})
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
