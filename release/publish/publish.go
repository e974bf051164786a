// Package publish describes a destination of a release, such as the releases of GitHub.
//
// Publishing is a transaction. Open finds or creates the place for the files, visible to nobody.
// Put sends files while other targets are still being compiled. Check compares everything that
// is there with what should be there. Commit checks, makes the files visible, and checks again.
// Undo removes what this run created.
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

	// Review is called when all files are finished, before a deferred destination gets the first
	// of them. It fails if one of them must not be sent because of what is there.
	Review func(ctx context.Context, want []output.Artifact) error

	// Put makes sure that a file is there, and returns what it did.
	Put func(ctx context.Context, a output.Artifact) (Outcome, error)

	// Check compares everything that is there with want.
	Check func(ctx context.Context, want []output.Artifact) error

	// Commit makes the files of want, and no others, visible to everybody. If Check fails, it
	// changes nothing. Even if Commit returns an error, Status returns what is known.
	Commit func(ctx context.Context, want []output.Artifact) error

	// Refresh reads the state again after a run has failed.
	Refresh func(ctx context.Context) error

	// Undo removes what this run created, if anything.
	Undo func(ctx context.Context) error

	// Status returns what is known about the destination.
	Status func() Status
}

// An Outcome says what Put did.
type Outcome string

// Outcomes of Put.
const (
	Uploaded     Outcome = "uploaded"
	AlreadyThere Outcome = "already there"
	Replaced     Outcome = "replaced"
)

// A State says who can see the release at a destination.
type State string

// States of a destination.
const (
	Nothing State = ""        // nothing was created or found
	Draft   State = "draft"   // not visible to everybody
	Public  State = "public"  // visible to everybody
	Gone    State = "gone"    // somebody has deleted it
	Unknown State = "unknown" // a request to change it was sent, but its result cannot be read
)

// A Status says what is known about a destination.
type Status struct {
	State   State
	ID      int64
	URL     string            // the page of the release
	Created bool              // this run created it
	Notices []string          // what a person should know about it
	URLs    map[string]string // where to download each file, once they are public: name -> URL
}
