package report

// An Event is something that happened in a run. Terminal, log and annotations are made of
// the same stream of events.
type Event struct {
	Target string // "linux/amd64", or "" if the event is about the whole run
	Step   Step
	State  EventState
	Text   string // a message, may be foreign
	Hint   string // what to do about it

	// Lane and Files are set when the lane of a target has ended.
	Lane  *Target
	Files []File

	// Failure is set when the run has ended, once for each reason why targets failed.
	Failure *Failure
}

// A Step is a part of a run.
type Step string

// Steps of a lane, in order, and of the whole run.
const (
	Compile Step = "compile"
	Prove   Step = "prove"
	Smoke   Step = "smoke"
	Make    Step = "make" // the outputs of the target
	Put     Step = "put"  // them to their destinations

	Lane Step = "lane" // all of the above
	Run  Step = "run"
)

// An EventState says what happened to a step.
type EventState string

// States of events.
const (
	Started EventState = "started"
	Done    EventState = "done"
	Waiting EventState = "waiting"
	Note    EventState = "note"
	Warning EventState = "warning"
	Failing EventState = "failed"

	Headline  EventState = "headline"  // a line that announces or sums up the run
	Prominent EventState = "prominent" // a warning that nobody must miss
)
