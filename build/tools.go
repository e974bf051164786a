package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// processFlag is the only flag of GOFLAGS that changes nothing of what is built.
var processFlag = regexp.MustCompile(`^--?p=([1-9][0-9]{0,5})$`)

// processesOf is the -p in GOFLAGS of an environment, 0 if there is none.
func processesOf(environ []string) (n int) {
	for _, kv := range environ {
		if flags, ok := strings.CutPrefix(kv, "GOFLAGS="); ok {
			n = 0 // the last value of a name wins
			for _, flag := range strings.Fields(flags) {
				if m := processFlag.FindStringSubmatch(flag); m != nil {
					n, _ = strconv.Atoi(m[1]) // digits only; the last one wins here, too
				}
			}
		}
	}
	return n
}

// shorten replaces directories in a command's output, so that the same mistake
// reads the same on every machine and every run.
func shorten(output string, dirs map[string]string) string {
	for dir, short := range dirs {
		output = strings.ReplaceAll(output, dir+string(filepath.Separator), short+"/")
	}
	return strings.TrimSpace(output)
}

// isFile reports whether path is a regular file.
func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}
