//go:build !unix

package inspect

import "os"

// openListed opens a file found in a directory.
func openListed(path string) (*os.File, error) { return os.Open(path) }
