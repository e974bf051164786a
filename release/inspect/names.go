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
	maxName  = 4096 // bytes of a name: PATH_MAX of Linux, so that nothing longer can be unpacked
	maxLabel = 256  // bytes of what an image is shown as
)

// Printable shows a name so that it cannot be taken for anything else: as it is, or
// quoted like a Go string where a terminal would obey it, a line would end in it, or
// nothing would be seen of a part of it.
func Printable(name string) string {
	if quote.Line(name) == name && !strings.HasPrefix(name, `"`) {
		return name
	}
	return quote.Line(strconv.Quote(name))
}

// at says where err is: path is shown so that it can be printed.
func at(path string, err error) error { return fmt.Errorf("inspecting %s: %w", Printable(path), err) }

// onDisk is at for an error that has a path in it already.
func onDisk(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = &fs.PathError{Op: e.Op, Path: Printable(e.Path), Err: e.Err}
	}
	return fmt.Errorf("inspecting: %w", err)
}

// A foreign error has a text that somebody else wrote, such as a registry.
type foreign struct{ error }

func (e foreign) Error() string {
	text := e.error.Error()

	// The beginning of an error says where it happened, and the end says what is wrong.
	if len(text) > maxForeign {
		beginning := text[:maxForeign/2]
		end := text[len(text)-maxForeign/2:]
		text = strings.ToValidUTF8(beginning, "") + "..." + strings.ToValidUTF8(end, "")
	}

	return Printable(text)
}

func (e foreign) Unwrap() error { return e.error }
