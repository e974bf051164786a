package inspect

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
)

// readZip reads a zip archive.
func readZip(in inspection, path string, f io.ReaderAt, size int64) error {
	r := &limitedAt{in.ctx, f, maxDirectory} // all of the directory is held in memory, with any number of members
	zr, err := zip.NewReader(r, size)
	if errors.Is(err, errLimit) {
		err = errors.New("more members than can be inspected")
	}
	if err != nil {
		return at(path, err)
	}
	r.left = math.MaxInt64
	for _, member := range zr.File {
		if in.ctx.Err() != nil {
			return context.Cause(in.ctx)
		}
		// Of any other kind that its mode says, a named pipe for one, unzip makes a file.
		if mode := member.Mode(); mode.IsDir() || mode&fs.ModeSymlink != 0 || in.probe.nothingZipped(member) {
			continue
		}
		if err := in.zipped(path, member); err != nil {
			return err
		}
	}
	return nil
}

func (in inspection) zipped(path string, member *zip.File) error {
	r, err := member.Open()
	if err != nil {
		return at(path+"!"+member.Name, err)
	}
	_, err = in.member(path, member.Name, r, everything)
	if closeErr := r.Close(); err == nil && closeErr != nil {
		err = at(path+"!"+member.Name, closeErr)
	}
	return err
}
