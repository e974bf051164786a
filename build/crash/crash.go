// Package crash turns panics into errors. It is a leaf.
//
// A panic that is not recovered ends the process with exit status 2, which for this program
// means that nothing was started. Only a goroutine itself can recover its panic, so every
// goroutine begins with Catch.
package crash

import (
	"fmt"
	"runtime/debug"
)

// An Error is a panic, which is a mistake in this program.
type Error struct {
	value any
	stack []byte
}

func (e *Error) Error() string {
	return fmt.Sprintf("crashing, which is a mistake in this program: panic: %v\n%s", e.value, e.stack)
}

// Catch calls f and returns its error, or an *Error if f panics.
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{value, debug.Stack()}
		}
	}()

	return f()
}
