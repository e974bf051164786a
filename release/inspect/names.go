package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/org/go-static-release/release/quote"
)

const (
	maxName  = 4096 // bytes of a name; PATH_MAX of Linux, so nothing longer can be unpacked
	maxLabel = 256  // bytes of the label of an image or of a shortened digest
)

// errorAt adds to err the path of the file in which it occurred.
func errorAt(path string, err error) error {
	return fmt.Errorf("inspecting %s: %w", quote.Name(path), err)
}

// diskError is errorAt for an error of package os, which already contains the path.
func diskError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = &fs.PathError{Op: e.Op, Path: quote.Name(e.Path), Err: e.Err}
	}
	return fmt.Errorf("inspecting: %w", err)
}

// A foreignError is an error with a text from another source, such as a registry.
type foreignError struct{ error }

func (e foreignError) Error() string {
	text := e.error.Error()

	// The beginning of an error says where it occurred, and the end says what is wrong.
	if len(text) > maxForeignError {
		beginning := text[:maxForeignError/2]
		end := text[len(text)-maxForeignError/2:]
		text = strings.ToValidUTF8(beginning, "") + "..." + strings.ToValidUTF8(end, "")
	}

	return quote.Name(text)
}

func (e foreignError) Unwrap() error { return e.error }
