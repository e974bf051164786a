package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/org/go-static-release/release/quote"
)

const (
	maxName  = 4096 // bytes of a name; PATH_MAX of Linux, so nothing longer can be unpacked
	maxLabel = 256  // bytes of the label of an image or of a shortened digest
)

// Printable returns name in a form that cannot be mistaken for anything else. A name that
// contains invisible characters or line breaks, or that begins with a quotation mark, is
// quoted as a Go string. Every other name is returned unchanged.
func Printable(name string) string {
	if quote.Line(name) == name && !strings.HasPrefix(name, `"`) {
		return name
	}
	return quote.Line(strconv.Quote(name))
}

// errorAt adds to err the path of the file in which it occurred.
func errorAt(path string, err error) error {
	return fmt.Errorf("inspecting %s: %w", Printable(path), err)
}

// diskError is errorAt for an error of package os, which already contains the path.
func diskError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = &fs.PathError{Op: e.Op, Path: Printable(e.Path), Err: e.Err}
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

	return Printable(text)
}

func (e foreignError) Unwrap() error { return e.error }
