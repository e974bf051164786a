// Package crash makes an error of a panic. It is a leaf.
//
// The Go runtime ends the process on a panic that nobody catches, with exit status 2, which
// here says that nothing was started. A goroutine can only be caught in itself, so that
// every one that is started begins with Catch.
package crash

import (
	"fmt"
	"runtime/debug"
)

// An Error is a panic that was caught: a mistake in this program.
type Error struct {
	value any
	stack []byte
}

func (e *Error) Error() string {
	return fmt.Sprintf("crashing, which is a mistake in this program: panic: %v\n%s", e.value, e.stack)
}

// Catch calls f and returns its error, or that of a panic in it.
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{value, debug.Stack()}
		}
	}()

	return f()
}
