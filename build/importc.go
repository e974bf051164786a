package build

import (
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/build/door"
)

// maxSource is the size of the largest Go file that is read, in bytes. The go command and
// the compiler hold a whole file in memory, and nobody writes a larger one by hand.
const maxSource = 64 << 20

// importsC reports whether any Go file imports "C" that the pattern ./... in dir would
// match. It fails if a file is larger than maxSource.
func importsC(dir string) (found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != dir && unmatched(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(d.Name(), ".go") || hiddenGo(d.Name()) {
			return nil
		}

		// The go command reports a file that cannot be read, if it needs that file.
		fi, err := os.Stat(path)
		if err != nil || !fi.Mode().IsRegular() {
			return nil
		}
		if fi.Size() > maxSource {
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			return fmt.Errorf("%s has %d bytes; a Go file may have at most %d",
				filepath.ToSlash(rel), fi.Size(), int64(maxSource))
		}
		if found {
			return nil
		}

		found, err = fileImportsC(path)
		return err
	})
	if err != nil {
		return false, fmt.Errorf(`looking for Go files that import "C": %w`, err)
	}

	return found, nil
}

// fileImportsC reports whether a Go file imports "C". It reads no further than it must:
// imports are usually in the first kilobytes.
func fileImportsC(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|door.DoNotWait, 0)
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()

	var src []byte
	for size := int64(16 << 10); ; size *= 8 {
		more, err := io.ReadAll(io.LimitReader(f, size))
		if err != nil {
			return false, err
		}
		src = append(src, more...)
		whole := int64(len(more)) < size

		imports, decided := scanImports(src)
		if imports || decided || whole {
			return imports, nil
		}
		if len(src) > maxSource {
			return false, fmt.Errorf("reading %s: it grew larger than %d bytes", path, int64(maxSource))
		}
	}
}

// scanImports reports whether src imports "C", and whether the answer is final because
// src reaches beyond the imports.
func scanImports(src []byte) (found, decided bool) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), src, nil, 0)

	importing := false
	for {
		_, tok, text := s.Scan()
		switch tok {
		case token.EOF:
			return false, false
		case token.IMPORT:
			importing = true
		case token.FUNC, token.TYPE, token.VAR, token.CONST:
			return false, true
		case token.STRING:
			if importing && (text == `"C"` || text == "`C`") {
				return true, true
			}
		}
	}
}
