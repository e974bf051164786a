package release

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/org/go-static-release/release/pack"
)

// inputsOf returns a digest of everything that decides the bytes of an output: this very
// program, the format, the time, and the names, modes and digests of the files in it. It
// returns "" if that is not known.
func inputsOf(self func() (string, error), a pack.Archive, format string) string {
	program, err := self()
	if err != nil {
		return "" // a program that cannot read its own file makes every output again
	}

	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", program, format, a.Time.Unix())
	for _, f := range a.Files {
		if f.SHA256 == "" {
			return ""
		}
		fmt.Fprintf(h, "%q %v %s\n", f.Name, f.Executable, f.SHA256)
	}

	return fmt.Sprintf("%x", h.Sum(nil))
}

// digestOfSelf returns the digest of this program's own file.
func digestOfSelf() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()

	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}

	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
