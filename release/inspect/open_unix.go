//go:build unix

package inspect

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openListed opens a file found in a directory. It saves the two system calls that os.Open
// makes in case the file is a pipe, because there can be hundreds of thousands of files.
func openListed(path string) (*os.File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}

		return os.NewFile(uintptr(fd), path), nil
	}
}
