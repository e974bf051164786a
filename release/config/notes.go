package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/quote"
)

// MaxNotes limits a file with notes, in bytes. GitHub accepts 125000 characters, and longer
// notes are cut.
const MaxNotes = 1 << 20

// ReadNotes returns the text of the file that notes-file names. A file in a repository is
// read through a door: a link must not lead out of the repository, nor to git's own files,
// which may hold a token. A file elsewhere, such as one that an earlier step made in
// RUNNER_TEMP, may be any regular file, but no link may lead out of its directory.
func ReadNotes(file, dist string) (text string, err error) {
	abs, err := absolute(file)
	if err != nil {
		return "", fmt.Errorf("locating %s: %w", file, err)
	}

	top, found := workspace.FindRoot(filepath.Dir(abs))
	if !found {
		// The directory may be a link into a repository.
		top, err = filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", file, err)
		}
		abs = filepath.Join(top, filepath.Base(abs))

		root, found := workspace.FindRoot(top)
		if found {
			top = root
		}
	}

	if err := staysInOuter(file, top); err != nil {
		return "", err
	}

	name, err := filepath.Rel(top, abs)
	if err != nil {
		return "", fmt.Errorf("locating %s: %w", file, err)
	}

	d, err := door.Open(top, dist)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	data, err := d.ReadFile(filepath.ToSlash(name), MaxNotes)
	return string(data), err
}

// absolute returns the absolute path of a file. The path of the current directory may contain
// a link, which must not be taken for a link of the repository.
func absolute(file string) (string, error) {
	if filepath.IsAbs(file) {
		return filepath.Clean(file), nil
	}

	here, err := filepath.EvalSymlinks(".")
	if err == nil {
		here, err = filepath.Abs(here)
	}
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	return filepath.Join(here, file), err
}

// staysInOuter refuses a repository whose name lies in another repository, but which a link
// of that one places outside. The file was meant to be in the outer repository.
func staysInOuter(file, top string) error {
	outer, found := workspace.FindRoot(filepath.Dir(top))
	if !found {
		return nil
	}

	realOuter, outerErr := filepath.EvalSymlinks(outer)
	realTop, topErr := filepath.EvalSymlinks(top)
	if err := errors.Join(outerErr, topErr); err != nil {
		return fmt.Errorf("locating %s: %w", file, err)
	}

	if !door.Within(realOuter, realTop) {
		return fmt.Errorf("%s leads out of the repository", quote.Line(file))
	}
	return nil
}
