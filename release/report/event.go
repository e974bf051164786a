package report

// An Event is something that happened in a run. The terminal, the log and the annotations all
// show the same stream of events.
type Event struct {
	Target string // "linux/amd64", or "" if the event is about the whole run
	Step   Step
	State  EventState
	Text   string // a message, which may contain foreign text
	Hint   string // what to do about it

	// Lane and Files are set when the lane of a target has ended.
	Lane  *Target
	Files []File

	// Failure is set in the events after the run has ended, one for each reason why targets
	// failed.
	Failure *Failure
}

// A Step is a part of a run.
type Step string

// Steps.
const (
	// The steps of a lane, in order.
	Compile Step = "compile"
	Prove   Step = "prove"
	Smoke   Step = "smoke" // starting the programs
	Make    Step = "make"  // making the outputs of the target
	Put     Step = "put"   // sending them to their destinations

	Lane Step = "lane" // a whole lane
	Run  Step = "run"  // the whole run
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
	Prominent EventState = "prominent" // a warning that must not be missed
)
