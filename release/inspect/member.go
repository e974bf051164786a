package inspect

import (
	"bytes"
	"context"
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

// contained is containerByContent for a member, of which these are the first bytes.
func (in inspection) contained(name string, head []byte) container {
	read := containerByContent(head[:min(len(head), headSize)])
	if read != nil && isCompressed(head) && !isTarName(name) && in.probe.nothingCompressed(bytes.NewReader(head)) {
		return nil
	}
	return read
}

// member looks at one file in an archive, which can only be read once, from start to end.
// What an archive in it holds is an error that is noted. It reports whether there is an
// archive that was left for later.
func (in inspection) member(path, name string, r io.Reader, what part) (postponed bool, err error) {
	if in.ctx.Err() != nil {
		return false, context.Cause(in.ctx)
	}
	path += "!" + name
	head, err := fill(in.probe.member[:headSize], r)
	if err == nil && isCompressed(head) { // most such are manual pages, which the probe tells
		var more []byte
		more, err = fill(in.probe.member[headSize:], r)
		head = in.probe.member[:headSize+len(more)]
	}
	if err != nil && err != io.EOF { // a shorter file is fine, one that is cut short is not
		return false, at(path, err)
	}
	program, read := static.Known(head), in.contained(name, head)
	switch {
	case !program && read == nil, program && what == archives:
		return false, nil
	case !program && what == programs:
		return true, nil
	}
	content, size, done, err := in.keep(io.MultiReader(bytes.NewReader(bytes.Clone(head)), r))
	if err != nil {
		return false, at(path, err)
	}
	defer done()
	if program {
		return false, in.judge(path, content, size, false)
	}
	if in.depth++; in.depth > maxNesting {
		return false, in.note(at(path, errNesting))
	}
	return false, in.note(read(in, path, content, size))
}
