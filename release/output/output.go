// Package output describes the files of a release. An Output is planned, an Artifact is
// finished. The package writes each file completely or not at all, and it writes and reads
// lists of checksums. It is a leaf.
package output

// An Output is one file that a release will have. A plan lists all of them.
type Output struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`

	// Target is the name of the target that the file belongs to, such as "linux/amd64", or "" if
	// it belongs to no single target.
	Target string `json:"target,omitempty"`

	Stage Stage `json:"stage"`

	// Format is the format of an archive, such as "tar.gz", or the algorithm of a checksum list.
	Format string `json:"format,omitempty"`

	// Source is the name of the program in a binary, or the path of an attached file in the
	// module.
	Source string `json:"source,omitempty"`
}

// A Kind says what an output is.
type Kind string

// Kinds of outputs.
const (
	Archive   Kind = "archive"
	Binary    Kind = "binary"
	Attached  Kind = "attached"
	Checksums Kind = "checksums"
)

// A Stage says when an output is made.
type Stage string

// Stages of a run, in order.
const (
	Start Stage = "start" // before anything is compiled
	Lane  Stage = "lane"  // in the lane of the target
	Join  Stage = "join"  // after all lanes have ended
)

// Stages lists the stages in order.
var Stages = []Stage{Start, Lane, Join}
