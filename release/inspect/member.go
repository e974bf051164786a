package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/org/go-static-release/build/static"
)

// A part of the members of an archive.
type part int

const (
	everything part = iota
	programs        // and no archives
	archives        // and nothing else
)

// A pass is one reading of an archive. A tar archive that may hold container images is read
// twice: the images' layers are archives in it, and which members are layers is only known
// at the end.
type pass struct {
	part   part
	behind bool         // the first pass saw archives behind programs or scripts
	used   map[int]bool // members to skip: layers that were inspected
	ending bool         // the caller inspects a zip archive at the end of the file
	paid   bool         // the reader of the archive pays for its members from the budget

	beginning bool // a file that begins as nothing is not read to its end
}

// passed is the result of a pass that the next one needs.
type passed struct {
	images    bool // there is a member that container images have
	postponed bool // an archive was not inspected
	behind    bool // an archive behind a program or a script was not inspected
}

// beginsAsArchive reports whether the first bytes of a member are those of an archive.
func (in inspection) beginsAsArchive(name string, head []byte) bool {
	readings := containersByContent(head[:min(len(head), headSize)])
	if len(readings) == 1 && isCompressed(head) && !isTarName(name) && in.probe.nothingCompressed(bytes.NewReader(head)) {
		return false
	}
	return len(readings) > 0
}

// member looks at one file in an archive, which can only be read once, from start to end.
// What an archive in it holds is an error that is noted.
func (in inspection) member(path, name string, r io.Reader, p pass) (passed, error) {
	if in.ctx.Err() != nil {
		return passed{}, context.Cause(in.ctx)
	}
	path += "!" + name
	head, err := fill(in.probe.member[:headSize], r)
	if err == nil && isCompressed(head) { // most such are manual pages, which the probe tells
		var more []byte
		more, err = fill(in.probe.member[headSize:], r)
		head = in.probe.member[:headSize+len(more)]
	}
	if err != nil && err != io.EOF { // a shorter file is fine, one that is cut short is not
		return passed{}, at(path, err)
	}

	archive := in.beginsAsArchive(name, head)
	program := static.Known(head)
	carrier := program || isScript(head) // an archive may be behind it
	switch {
	case !archive && !carrier && (p.part == archives || p.beginning),
		!archive && carrier && p.part == archives && !p.behind:
		return passed{}, nil
	case !archive && !carrier:
		return passed{}, in.readUnknown(path, io.MultiReader(bytes.NewReader(head), r), p.paid)
	case !carrier && p.part == programs:
		return passed{postponed: true}, nil
	}

	head = bytes.Clone(head) // its buffer is used again
	content, size, done, err := in.keep(io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return passed{}, at(path, err)
	}
	defer done()
	if program && p.part != archives {
		if err := in.judge(path, content, size, false); err != nil {
			return passed{}, err
		}
	}
	readings, err := in.readings(head[:min(len(head), headSize)], content, size)
	switch {
	case err != nil:
		return passed{}, at(path, err)
	case len(readings) == 0:
		return passed{}, nil
	case p.part == programs:
		return passed{postponed: true, behind: true}, nil
	}

	if in.depth++; in.depth > maxNesting {
		return passed{}, in.note(at(path, errNesting))
	}
	return passed{}, in.note(in.unpackAs(readings, path, content, size))
}

// errBehind is the error of a zip archive that was found only when the file had been read.
var errBehind = errors.New("a zip archive is at the end of what begins as something else, " +
	"and cannot be looked at there")

// readUnknown reads a member to its end that begins as nothing known. A zip archive at the
// end is an error, because the member was not kept. Members that commonly have one, programs
// and scripts, are kept and do not get here.
func (in inspection) readUnknown(path string, r io.Reader, paid bool) error {
	if !paid {
		r = in.limit(r)
	}
	kept := in.keepEnd(0)
	if _, err := kept.ReadFrom(r); err != nil {
		return at(path, err)
	}
	return in.checkEnd(path, kept.end())
}

// checkEnd notes an error if the file that was read ends in a zip archive.
func (in inspection) checkEnd(path string, end fileEnd) error {
	ends, err := in.zipEnds(end, end.size())
	if err != nil {
		return at(path, err)
	}
	if len(ends) > 0 {
		return in.note(at(path, errBehind))
	}
	return nil
}
