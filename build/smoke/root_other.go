//go:build !linux

package smoke

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
)

// rootedCommand fails: it needs the namespaces of Linux.
func rootedCommand(context.Context, home, string, string, []string) (*exec.Cmd, error) {
	return nil, errors.New(runtime.GOOS + " has no way to make one for this")
}

// isolateNetwork fails for the same reason.
func isolateNetwork(*exec.Cmd) error { return errors.New(runtime.GOOS + " has no way to do without") }
