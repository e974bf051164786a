package main

import (
	"errors"
	"os"
	"path/filepath"
)

// small is the project that needs no network: three programs, as small as programs are that
// somebody releases.
const small = "small"

var smallFiles = map[string]string{
	"go.mod": "module example.com/small\n\ngo 1.24\n",
	"cmd/greet/main.go": `package main

import (
	"flag"
	"fmt"
)

var version = "none"

func main() {
	name := flag.String("name", "you", "who is greeted")
	flag.Parse()
	fmt.Println("hello,", *name, version)
}
`,
	"cmd/digest/main.go": `package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

var version = "none"

func main() {
	h := sha256.New()
	if _, err := io.Copy(h, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, version, err)
		os.Exit(1)
	}
	fmt.Printf("%x\n", h.Sum(nil))
}
`,
	"cmd/compact/main.go": `package main

import (
	"encoding/json"
	"fmt"
	"os"
)

var version = "none"

func main() {
	var v any
	if err := json.NewDecoder(os.Stdin).Decode(&v); err != nil {
		fmt.Fprintln(os.Stderr, version, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(v)
}
`,
}

func writeSmall(dir string) (err error) {
	for name, text := range smallFiles {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	}
	return err
}
