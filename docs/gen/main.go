// Command gen writes what follows from the settings and the commands: the inputs in
// action.yml, docs/settings.md and the table in README.md. With -man DIR it writes the
// manual pages instead.
//
//	go run ./docs/gen
//	go run ./docs/gen -man /usr/local/share/man/man1
//
// The date of the manual pages is today's, or the one in SOURCE_DATE_EPOCH.
package main

//go:generate go run .

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	man := flag.String("man", "", "write manual pages to this `directory`")
	flag.Parse()

	err := run(*man)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(man string) error {
	if man != "" {
		return writeManualPages(man)
	}

	root, err := repositoryRoot()
	if err != nil {
		return err
	}

	for _, f := range generatedFiles {
		path := filepath.Join(root, filepath.FromSlash(f.name))

		old, new, err := f.generate(root)
		if err != nil {
			return err
		}
		if bytes.Equal(old, new) {
			continue
		}

		if err := os.WriteFile(path, new, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
		fmt.Println("updated", f.name)
	}
	return nil
}

// A generatedFile is a file of the repository that this command writes, in whole or in part.
type generatedFile struct {
	name   string
	update func(old string) (string, error)
}

var generatedFiles = []generatedFile{
	{"action.yml", updateAction},
	{"docs/settings.md", func(string) (string, error) { return settingsPage(), nil }},
	{"README.md", updateReadme},
}

// generate returns the contents of the file as they are, and as they should be.
func (f generatedFile) generate(root string) (old, new []byte, err error) {
	old, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(f.name)))
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, fmt.Errorf("reading %s: %w", f.name, err)
	}

	text, err := f.update(string(old))
	if err != nil {
		return nil, nil, fmt.Errorf("updating %s: %w", f.name, err)
	}
	return old, []byte(text), nil
}

// repositoryRoot returns the directory with action.yml at or above the current one.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}

	for {
		_, err := os.Stat(filepath.Join(dir, "action.yml"))
		if err == nil {
			return dir, nil
		}

		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("looking for the repository: %w", err)
		}
		dir = parent
	}
}
