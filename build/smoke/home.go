package smoke

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A home is the root directory for one program, with a home directory and one for temporary
// files. Many programs ask for these when they begin, and some panic where there are none.
type home struct {
	root string // on disk
}

// The directories of a home, relative to its root.
const (
	homeDir = "home"
	tempDir = "tmp"
)

// makeHome makes the root directory for a program in dir.
func makeHome(dir string) (h home, err error) {
	h.root = filepath.Join(dir, "root")
	err = errors.Join(
		os.Mkdir(h.root, 0o755),
		os.Mkdir(filepath.Join(h.root, homeDir), 0o700),
		os.Mkdir(filepath.Join(h.root, tempDir), 0o700),
	)
	if err != nil {
		return h, fmt.Errorf("making a root directory to start a program in: %w", err)
	}
	return h, nil
}

// rootedEnviron is the environment of a program for which the home is the root.
var rootedEnviron = []string{"HOME=/" + homeDir, "TMPDIR=/" + tempDir, "USER=user"}

// environ returns the environment of a program that sees the whole file system. It has what
// package os asks for on that system: see os.UserHomeDir, os.UserConfigDir, os.UserCacheDir
// and os.TempDir. On Windows os/exec adds SYSTEMROOT.
func (h home) environ(goos string) []string {
	dir := filepath.Join(h.root, homeDir)
	temp := filepath.Join(h.root, tempDir)
	switch goos {
	case "windows":
		return []string{
			"USERPROFILE=" + dir,
			"APPDATA=" + dir,
			"LOCALAPPDATA=" + dir,
			"TEMP=" + temp,
			"TMP=" + temp,
			"USERNAME=user",
		}
	case "plan9":
		return []string{"home=" + dir, "user=user"}
	}
	return []string{"HOME=" + dir, "TMPDIR=" + temp, "USER=user"}
}
