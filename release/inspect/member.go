package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/org/go-static-release/build/static"
)

// A selection says which members of an archive a pass inspects.
type selection int

const (
	allMembers   selection = iota
	onlyPrograms           // leaves archives to another pass
	onlyArchives
)

// A pass is one reading of an archive from start to end.
//
// A tar archive that may hold container images is read twice. The layers of images are
// archives among its members, and which members are layers is only known after the first
// pass.
type pass struct {
	selection selection

	// skip has the numbers of members to skip: the layers that were inspected.
	skip map[int]bool

	// hasAppended is set if the previous pass found archives appended to programs or scripts.
	hasAppended bool

	// tailInspected is set if the caller inspects a zip archive at the end of the file.
	tailInspected bool

	// isCharged is set if reading the archive charges its members to the budget.
	isCharged bool

	// headOnly is set if a member of unknown content is not read to its end.
	headOnly bool
}

// A passResult is what the next pass must know.
type passResult struct {
	hasImages   bool // there is a member that images have
	postponed   bool // an archive was not inspected
	hasAppended bool // an archive appended to a program or a script was not inspected
}

// add combines the results for two parts of an archive.
func (r *passResult) add(other passResult) {
	r.hasImages = r.hasImages || other.hasImages
	r.postponed = r.postponed || other.postponed
	r.hasAppended = r.hasAppended || other.hasAppended
}

// beginsAsArchive reports whether a member that begins with head is an archive. A compressed
// file with irrelevant content is not.
func (in inspection) beginsAsArchive(name string, head []byte) bool {
	readers := containersByContent(head[:min(len(head), headSize)])

	isOnlyCompressed := len(readers) == 1 && isCompressed(head) && !isTarName(name)
	if isOnlyCompressed && in.probe.isIrrelevantGzip(bytes.NewReader(head)) {
		return false
	}

	return len(readers) > 0
}

// inspectMember inspects a member of the archive at path, which it reads at most once from
// start to end. Errors in an archive inside the member are recorded.
func (in inspection) inspectMember(path, name string, r io.Reader, p pass) (passResult, error) {
	if in.ctx.Err() != nil {
		return passResult{}, context.Cause(in.ctx)
	}
	path += "!" + name

	head, err := fill(in.probe.member[:headSize], r)
	if err == nil && isCompressed(head) {
		// The probe needs more to recognize irrelevant content, such as a manual page.
		var more []byte
		more, err = fill(in.probe.member[headSize:], r)
		head = in.probe.member[:headSize+len(more)]
	}
	if ignoreEOF(err) != nil {
		return passResult{}, errorAt(path, err)
	}

	isArchive := in.beginsAsArchive(name, head)
	isProgram := static.Known(head)
	mayHaveAppended := isProgram || isScript(head)

	if !isArchive && !mayHaveAppended {
		if p.selection == onlyArchives || p.headOnly {
			return passResult{}, nil
		}
		return passResult{}, in.readUnknown(path, io.MultiReader(bytes.NewReader(head), r), p.isCharged)
	}
	if !isArchive && p.selection == onlyArchives && !p.hasAppended {
		return passResult{}, nil
	}
	if !mayHaveAppended && p.selection == onlyPrograms {
		return passResult{postponed: true}, nil
	}

	head = bytes.Clone(head) // the probe reuses its buffer
	content, size, done, err := in.store(io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return passResult{}, errorAt(path, err)
	}
	defer done()

	if isProgram && p.selection != onlyArchives {
		if err := in.judge(path, content, size, false); err != nil {
			return passResult{}, err
		}
	}

	readers, err := in.containerReaders(head[:min(len(head), headSize)], content, size)
	if err != nil {
		return passResult{}, errorAt(path, err)
	}
	if len(readers) == 0 {
		return passResult{}, nil
	}
	if p.selection == onlyPrograms {
		return passResult{postponed: true, hasAppended: true}, nil
	}

	in.depth++
	if in.depth > maxNesting {
		return passResult{}, in.record(errorAt(path, errNesting))
	}
	return passResult{}, in.record(in.inspectMembers(readers, path, content, size))
}

// errAppendedZip is the error for a zip archive that is discovered only after its file was
// read.
var errAppendedZip = errors.New("a zip archive appended to content of another kind cannot be inspected here")

// readUnknown reads a member of unknown content to its end. A zip archive at the end is an
// error, because the member is not stored. Members that commonly have one, programs and
// scripts, are stored and do not get here.
func (in inspection) readUnknown(path string, r io.Reader, isCharged bool) error {
	if !isCharged {
		r = in.limit(r)
	}

	b := in.newTailBuffer(0)
	if _, err := b.ReadFrom(r); err != nil {
		return errorAt(path, err)
	}
	return in.checkTail(path, b.tail())
}

// checkTail records an error if a file that was read ends in a zip archive.
func (in inspection) checkTail(path string, tail fileTail) error {
	ends, err := in.zipEnds(tail, tail.size())
	if err != nil {
		return errorAt(path, err)
	}

	if len(ends) > 0 {
		return in.record(errorAt(path, errAppendedZip))
	}
	return nil
}
