// Package publish says what a destination of a release has to do. GitHub releases are one;
// a dry run has none.
//
// Publishing is a transaction. Open finds or creates the place where the files will be, and
// shows it to nobody. Put sends files while others are still compiled. Check compares
// everything that is there with what should be. Commit makes it visible, checks it again, and
// does nothing if the check fails. Undo removes what this run created.
package publish

import (
	"context"

	"github.com/org/go-static-release/release/output"
)

// A Session is one destination of one run. Put may be called from several goroutines; the
// other functions are called by one, before and after.
//
// It is a struct of functions rather than an interface, because the linker keeps every method
// of every type that can be reached from a value in an interface. From a session that is the
// whole client of the GitHub API, a quarter of this program.
type Session struct {
	// Takes reports whether an output is published here.
	Takes func(o output.Output) bool

	// Open finds or creates the place. It fails if this run could not publish there.
	Open func(ctx context.Context) error

	// Deferred reports whether files may be sent only when all are finished, because what is
	// there can be compared or replaced only as a whole.
	Deferred func() bool

	// Put makes sure that a file is there, and says what that took.
	Put func(ctx context.Context, a output.Artifact) (Outcome, error)

	// Check compares everything that is there with want.
	Check func(ctx context.Context, want []output.Artifact) error

	// Commit makes the files of want, and no others, visible to everybody. Whatever it
	// returns, Status says what is known.
	Commit func(ctx context.Context, want []output.Artifact) error

	// Refresh reads the state again after a run has failed.
	Refresh func(ctx context.Context) error

	// Undo removes what this run created. It does nothing if that is nothing.
	Undo func(ctx context.Context) error

	// Status says what is there, as far as is known.
	Status func() Status
}

// An Outcome says what it took to put a file there.
type Outcome string

// Outcomes of Put.
const (
	Uploaded     Outcome = "uploaded"
	AlreadyThere Outcome = "already there"
	Replaced     Outcome = "replaced"
)

// A State is what is known about what is there.
type State string

// States of a destination.
const (
	Nothing State = ""      // nothing was created or found
	Draft   State = "draft" // not visible
	Public  State = "public"
	Gone    State = "gone"    // somebody has deleted it
	Unknown State = "unknown" // a request to change it was sent, and the result cannot be read
)

// A Status says what is at a destination.
type Status struct {
	State   State
	ID      int64
	URL     string            // its page
	Created bool              // by this run: nothing of it existed before
	Notices []string          // what a person should know about how it was found
	URLs    map[string]string // of downloads, by name of the file, once they are public
}
