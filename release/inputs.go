package release

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/org/go-static-release/release/pack"
)

// inputsOf returns a digest of all that decides the bytes of a file: this very program, the
// format, the time, and the names, modes and digests of what is packed.
func inputsOf(self func() (string, error), a pack.Archive, format string) string {
	digest, err := self()
	if err != nil { // where a program cannot look at itself, everything is made again
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", digest, format, a.Time.Unix())
	for _, f := range a.Files {
		if f.SHA256 == "" {
			return ""
		}
		fmt.Fprintf(h, "%q %v %s\n", f.Name, f.Executable, f.SHA256)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// digestOfSelf is the digest of this program's own file.
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
