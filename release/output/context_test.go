package output_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/org/go-static-release/release/output"
)

// A run makes its outputs in this order.
func TestStages(t *testing.T) {
	want := []output.Stage{output.Start, output.Lane, output.Join}
	if !slices.Equal(output.Stages, want) {
		t.Errorf("got %q, want %q", output.Stages, want)
	}
}

var errPulledThePlug = errors.New("pulled the plug")

// A cancellingWriter cancels after its second Write.
type cancellingWriter struct {
	written bytes.Buffer
	cancel  context.CancelCauseFunc
	writes  int
}

func (w *cancellingWriter) Write(p []byte) (int, error) {
	w.writes++
	if w.writes == 2 {
		w.cancel(errPulledThePlug)
	}
	return w.written.Write(p)
}

// A copy stops in the middle once the context has ended, and its error is the cause.
func TestWithContextStopsACopy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &cancellingWriter{cancel: cancel}

	n, err := io.Copy(output.WithContext(ctx, w), iotest.OneByteReader(strings.NewReader("12345")))
	if n != 2 || w.written.String() != "12" || !errors.Is(err, errPulledThePlug) {
		t.Errorf("copied %d bytes, %q: %v", n, w.written.String(), err)
	}
}

func TestReadWithContextStopsACopy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &cancellingWriter{cancel: cancel}

	r := output.ReadWithContext(ctx, iotest.OneByteReader(strings.NewReader("12345")))
	n, err := io.Copy(w, r)
	if n != 2 || w.written.String() != "12" || !errors.Is(err, errPulledThePlug) {
		t.Errorf("copied %d bytes, %q: %v", n, w.written.String(), err)
	}
}

// As long as the context has not ended, everything is copied.
func TestWithContextCopies(t *testing.T) {
	var b bytes.Buffer
	r := output.ReadWithContext(t.Context(), strings.NewReader("12345"))
	if _, err := io.Copy(output.WithContext(t.Context(), &b), r); err != nil || b.String() != "12345" {
		t.Errorf("copied %q: %v", b.String(), err)
	}
}

// A file whose writing is interrupted leaves nothing behind.
func TestInterruptedFile(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	planned := output.Artifact{Output: output.Output{Name: "file"}}

	_, err := output.WriteFile(dir, planned, nil, func(w io.Writer) error {
		w = output.WithContext(ctx, w)
		if _, err := io.WriteString(w, "first"); err != nil {
			return err
		}
		cancel(errPulledThePlug)
		_, err := io.WriteString(w, "second")
		return err
	})

	if err == nil || err.Error() != "writing file: pulled the plug" {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}
