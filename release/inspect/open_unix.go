//go:build unix

package inspect

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openListed opens a file of a directory, of which there may be hundreds of thousands.
// os.Open asks the system twice more about each, in case it is a pipe.
func openListed(path string) (*os.File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
