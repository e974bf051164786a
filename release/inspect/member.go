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

// A pass is one reading of an archive. A tar archive is read twice if it may hold container
// images: these have archives in it, their layers, and what they are is only known at the
// end.
type pass struct {
	part   part
	behind bool         // archives behind programs and scripts were seen in the pass before
	used   map[int]bool // members that are passed over: layers that were looked at
	ending bool         // a zip archive at the end of the file is looked at elsewhere
	paid   bool         // reading a member is paid from the budget by who reads the archive

	beginning bool // a file that begins as nothing is not read to its end
}

// passed is what a pass leaves for the next.
type passed struct {
	images    bool // there is a member that container images come with
	postponed bool // there is an archive that was not looked at
	behind    bool // so is one behind a program or a script
}

// beginsAsArchive reports whether a member is to be read as what its first bytes say.
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
	case !archive && !carrier && (p.part == archives || p.beginning), !archive && carrier && p.part == archives && !p.behind:
		return passed{}, nil
	case !archive && !carrier:
		return passed{}, in.readUnknown(path, io.MultiReader(bytes.NewReader(head), r), p.paid)
	case !carrier && p.part == programs:
		return passed{postponed: true}, nil
	}

	head = bytes.Clone(head) // of a buffer that is used again
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

// errBehind says that a file was read without looking into it, and should have been.
var errBehind = errors.New("a zip archive is at the end of what begins as something else, and cannot be looked at there")

// readUnknown reads a member that begins as nothing to its end. A zip archive there is
// noted as an error, because the member was not kept: where that is common it is behind a
// script or a program, which is.
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

// checkEnd notes an error if a zip archive is at the end of what was read.
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
