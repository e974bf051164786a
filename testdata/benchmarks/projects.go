package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Built-in projects, which need no network.
const (
	small = "small" // three programs, about as small as released programs get
	large = "large" // one program of 50 MB of noise, for the memory of our own process
)

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

// largeFiles returns the files of the project large.
func largeFiles() map[string]string {
	return map[string]string{
		"go.mod": "module example.com/large\n\ngo 1.24\n",
		"main.go": `package main

import (
	_ "embed"
	"fmt"
)

//go:embed data
var data string

var version = "none"

func main() { fmt.Println(version, len(data)) }
`,
		"data": noise(48 << 20),
	}
}

// noise returns bytes that cannot be compressed, the same in every run.
func noise(size int) string {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data) // never fails
	return string(data)
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
