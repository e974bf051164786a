// Package output describes the files of a release, planned and finished, writes each of
// them whole or not at all, and writes and reads lists of their checksums. It is a leaf.
package output

// An Output is one file that a release will have. A plan lists all of them.
type Output struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`

	// Target is the name of the target that the file is for, "linux/amd64", or "" if the file
	// is for all of them.
	Target string `json:"target,omitempty"`

	Stage  Stage  `json:"stage"`
	Format string `json:"format,omitempty"` // of an archive, "tar.gz"; of checksums, the algorithm
	Source string `json:"source,omitempty"` // the program in a binary; the path of an attached file in the module
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
	Lane  Stage = "lane"  // in the lane of its target
	Join  Stage = "join"  // when all lanes have ended
)

// Stages lists the stages in order.
var Stages = []Stage{Start, Lane, Join}
