package problem

import "errors"

// A Remedy is something that the user can do about a problem, as data. Package release words
// it for the place where the user is: as YAML in a workflow, as flags and commands elsewhere.
//
// The zero Remedy is none.
type Remedy struct {
	Kind    Kind     `json:"kind,omitempty"`
	Setting string   `json:"setting,omitempty"` // of Set
	Value   string   `json:"value,omitempty"`   // of Set
	Text    string   `json:"text,omitempty"`    // of kinds that have one
	Purpose string   `json:"purpose,omitempty"` // what it does, or when it helps, in a few words
	Of      []Remedy `json:"of,omitempty"`      // what Either, Both, There, On and Lines consist of
}

// A Kind says what a Remedy asks for.
type Kind string

// Kinds of remedies.
const (
	SetKind    Kind = "set"
	FlagKind   Kind = "flag"
	RunKind    Kind = "run"
	StepKind   Kind = "step"
	GuessKind  Kind = "guess"
	AdviceKind Kind = "advice"
	EitherKind Kind = "either"
	BothKind   Kind = "both"
	ThereKind  Kind = "there"
	OnKind     Kind = "on"
	LinesKind  Kind = "lines"
)

// Set is the remedy of giving a setting a value.
func Set(setting, value string) Remedy {
	return Remedy{
		Kind:    SetKind,
		Setting: setting,
		Value:   value,
	}
}

// For returns r with a purpose: what it does, or when it helps.
func (r Remedy) For(purpose string) Remedy {
	r.Purpose = purpose
	return r
}

// Flag is the remedy of adding a flag that is no setting, such as "--no-workflow".
func Flag(text string) Remedy { return Remedy{Kind: FlagKind, Text: text} }

// Run is the remedy of running a command: in a shell, or in a step before this one.
func Run(command string) Remedy { return Remedy{Kind: RunKind, Text: command} }

// Step is the remedy of adding a step, as YAML, before this one.
func Step(yaml string) Remedy { return Remedy{Kind: StepKind, Text: yaml} }

// Guess is the remedy of writing the word that was probably meant.
func Guess(word string) Remedy { return Remedy{Kind: GuessKind, Text: word} }

// Advise is a remedy in words.
func Advise(text string) Remedy { return Remedy{Kind: AdviceKind, Text: text} }

// Either is any one of several remedies, the best first.
func Either(remedies ...Remedy) Remedy { return Remedy{Kind: EitherKind, Of: remedies} }

// Both is several remedies that only help together.
func Both(remedies ...Remedy) Remedy { return Remedy{Kind: BothKind, Of: remedies} }

// There is one remedy in a workflow and another one elsewhere.
func There(workflow, elsewhere Remedy) Remedy {
	return Remedy{Kind: ThereKind, Of: []Remedy{workflow, elsewhere}}
}

// On is a remedy that helps on one system, such as "Alpine".
func On(system string, r Remedy) Remedy {
	return Remedy{Kind: OnKind, Text: system, Of: []Remedy{r}}
}

// Lines is several remedies, one on a line: each is for another system or another target.
func Lines(remedies ...Remedy) Remedy { return Remedy{Kind: LinesKind, Of: remedies} }

// A Note is something that the user should know, with what to do about it.
type Note struct {
	Text      string `json:"text"`
	Remedy    Remedy `json:"remedy,omitzero"`
	IsWarning bool   `json:"warning,omitempty"` // what is released may not be what the user thinks
}

// Label returns what a note begins with: "note" or "warning".
func (n Note) Label() string {
	if n.IsWarning {
		return "warning"
	}
	return "note"
}

// RemedyOf returns the remedy of the first error in the tree of err that has one to give,
// by a method Advice.
func RemedyOf(err error) Remedy {
	var advised interface {
		error
		Advice() Remedy
	}
	for errors.As(err, &advised) {
		remedy := advised.Advice()
		if remedy.Kind != "" {
			return remedy
		}
		err = errors.Unwrap(advised)
	}

	return Remedy{}
}
