package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/report"
)

// A shelf is a destination that keeps the names of files in memory.
type shelf struct {
	isDeferred bool
	commitErr  error

	mu    sync.Mutex
	state publish.State
	put   []string // in order
	calls []string // everything but Put
}

func (s *shelf) session() *publish.Session {
	call := func(name string, to publish.State, err error) error {
		s.calls = append(s.calls, name)
		if err == nil {
			s.state = to
		}
		return err
	}

	return &publish.Session{
		Takes:    func(output.Output) bool { return true },
		Open:     func(context.Context) error { return call("open", publish.Draft, nil) },
		Deferred: func() bool { return s.isDeferred },
		Put: func(_ context.Context, a output.Artifact) (publish.Outcome, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.put = append(s.put, a.Name)
			return publish.Uploaded, nil
		},
		Check: func(context.Context, []output.Artifact) error { return call("check", s.state, nil) },
		Commit: func(_ context.Context, want []output.Artifact) error {
			return call(fmt.Sprint("commit ", len(want)), publish.Public, s.commitErr)
		},
		Refresh: func(context.Context) error { return call("refresh", s.state, nil) },
		Undo:    func(context.Context) error { return call("undo", publish.Nothing, nil) },
		Status: func() publish.Status {
			return publish.Status{
				State:   s.state,
				URL:     "https://example.com/shelf",
				Created: true,
			}
		},
	}
}

// publishTo publishes a small project at the destinations.
func publishTo(t *testing.T, shelves ...*shelf) *run {
	t.Helper()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	c := &config.Config{
		Directory:   w.dir,
		Targets:     []string{"linux/amd64", "windows/amd64"},
		ArchiveName: "{{.Name}}_{{.OS}}",
		Files:       []string{"LICENSE"},
		Checksums:   []string{"sha256"},
		Static:      "require",
		Dist:        filepath.Join(t.TempDir(), "dist"),
		Parallelism: 2,
		Timeout:     time.Hour,
		From:        map[string]string{},
	}
	p, ws, err := newPlan(t.Context(), c, w.env, true, "a test", w.commit)
	if err != nil {
		t.Fatal(err)
	}

	var sessions []*publish.Session
	for _, s := range shelves {
		sessions = append(sessions, s.session())
	}
	r := newRun(c, p, ws, sessions, "test", false, func(report.Event) {})
	if err := r.execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// Every destination gets every file once: from the lanes, or if it is deferred when all lanes
// have ended.
func TestTwoDestinations(t *testing.T) {
	direct := &shelf{}
	late := &shelf{isDeferred: true}
	r := publishTo(t, direct, late)

	if err := r.rep.Err(); err != nil || r.rep.Status != report.Published {
		t.Fatalf("%s, %v", r.rep.Status, err)
	}
	want := []string{"checksums.txt", "hello_linux.tar.gz", "hello_windows.zip"}
	for name, s := range map[string]*shelf{"direct": direct, "deferred": late} {
		slices.Sort(s.put)
		if !slices.Equal(s.put, want) {
			t.Errorf("%s: got %q, want %q", name, s.put, want)
		}
		if calls := []string{"open", "commit 3"}; !slices.Equal(s.calls, calls) {
			t.Errorf("%s: %q was called, expected %q", name, s.calls, calls)
		}
	}
	for _, f := range r.rep.Files {
		if f.Upload != publish.Uploaded {
			t.Errorf("%s: %q", f.Name, f.Upload)
		}
	}
}

// A destination that cannot be published does not undo another one. It keeps what it has, and
// the next run continues there.
func TestSecondDestinationFails(t *testing.T) {
	first := &shelf{}
	second := &shelf{commitErr: errors.New("the shelf is full")}
	r := publishTo(t, first, second)

	if r.rep.Status != report.Failed {
		t.Errorf("status %q", r.rep.Status)
	}
	if !slices.Equal(r.rep.Errors, []string{"the shelf is full"}) {
		t.Errorf("errors %q", r.rep.Errors)
	}
	if first.state != publish.Public || second.state != publish.Draft {
		t.Errorf("states %q and %q", first.state, second.state)
	}
	for _, s := range []*shelf{first, second} {
		if slices.Contains(s.calls, "undo") {
			t.Errorf("undone: %q", s.calls)
		}
	}
	if r.rep.Release == nil || !r.rep.Release.Public {
		t.Errorf("the report has the release %+v", r.rep.Release)
	}
}
