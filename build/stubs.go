package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// A stubKind is a file with which a package compiles without cgo, although it then only returns
// errors.
type stubKind struct {
	file    string   // its base name
	text    []string // of the error; in parts, so that this program does not contain it
	example string   // a package that has the file
}

// stubKinds are the stubs of well-known packages. Forks have the files of the original.
//
// Packages without a stub do not compile, so no program can be made with them. Stubs of a part,
// such as keys in hardware, are not listed: cosign, step and others are released with them.
var stubKinds = []stubKind{
	{ // go-sqlite3, go-sqlcipher and their forks
		file:    "static_mock.go",
		text:    []string{"requires cgo to work.", " This is a stub"},
		example: "github.com/mattn/go-sqlite3",
	},
	{
		file:    "internal_cross.go",
		text:    []string{"using the simulator requires", " building with CGO"},
		example: "github.com/google/go-tpm-tools/simulator/internal",
	},
}

func (k stubKind) needle() []byte { return []byte(strings.Join(k.text, "")) }

// A stub is a package that was compiled without cgo, and only returns errors.
type stub struct {
	pkg  string
	kind stubKind
}

func (s stub) String() string {
	return "package " + s.pkg + " needs cgo: without it, it only returns errors"
}

// remedy returns what to do about the package. What replaces the original replaces its forks.
func (s stub) remedy() problem.Remedy {
	original := knownModule(s.kind.example)
	if original.instead == "" || knownModule(s.pkg).instead != "" {
		return remedy(s.pkg, false)
	}

	return problem.Either(
		problem.Advise("replace "+s.pkg+" by "+original.instead),
		problem.Set("cgo", "static"),
	)
}

// stubOf returns the kind of stub that a package of a graph is compiled with.
func (n node) stubOf() (kind stubKind, ok bool, err error) {
	for _, k := range stubKinds {
		if n.Standard || !slices.Contains(n.GoFiles, k.file) {
			continue
		}

		data, err := door.ReadRegular(filepath.Join(n.Dir, k.file), workspace.MaxSource)
		if err != nil {
			return k, false, fmt.Errorf("reading the source of %s: %w", n.ImportPath, err)
		}
		if bytes.Contains(data, k.needle()) {
			return k, true, nil
		}
	}
	return stubKind{}, false, nil
}

// isStub reports whether a package of a graph is compiled with a stub.
func (n node) isStub() (bool, error) {
	_, ok, err := n.stubOf()
	return ok, err
}

// stubs returns a problem for each package that is compiled with a stub.
func (l *loader) stubs() (ps problem.List, err error) {
	for _, importPath := range slices.Sorted(maps.Keys(l.graph)) {
		n := l.graph[importPath]
		kind, ok, err := n.stubOf()
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}

		s := stub{pkg: importPath, kind: kind}
		way := l.way(importPath)
		report := problem.Set("static", "report").For("publishes it anyway, with a warning")
		failure := &loadError{lines: []string{s.String() + ": " + strings.Join(way, " -> ")}}
		failure.position.File, failure.position.Line = importPosition(l.ws.Dir, l.graph, way)
		ps = append(ps, &problem.Problem{
			Err:    failure,
			Remedy: problem.Either(s.remedy(), report),
		})
	}
	return ps, nil
}

// way returns the shortest way of imports from a program to a package.
func (l *loader) way(importPath string) []string {
	for _, m := range l.build.Mains {
		from := importers(l.graph, m.ImportPath)
		if _, ok := from[importPath]; ok {
			return chain(from, importPath)
		}
	}
	return []string{importPath}
}

// findStubs finds the stubs in the first size bytes of a program. A program has the text of a
// stub and, in the table of its functions, the name of the file, if it was linked with it.
// Build info does not say which packages of a module were linked.
func findStubs(r io.ReaderAt, size int64) (found []stub, err error) {
	for _, k := range stubKinds {
		hasText, err := findBytes(r, size, k.needle(), func([]byte, int) bool { return true })
		if err != nil {
			return nil, err
		}
		if !hasText {
			continue
		}

		_, err = findBytes(r, size, []byte("/"+k.file+"\x00"), func(b []byte, at int) bool {
			pkg := packageOfFile(b[:at])
			if pkg != "" {
				found = append(found, stub{pkg: pkg, kind: k})
			}
			return pkg != ""
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// packageOfFile returns the import path in the name that -trimpath gives to a directory, such as
// "example.com/module@v1.2.3/package". The name is at the end of b.
func packageOfFile(b []byte) string {
	name := string(b[bytes.LastIndexByte(b, 0)+1:])
	module, rest, hasVersion := strings.Cut(name, "@")
	if hasVersion {
		_, below, _ := strings.Cut(rest, "/")
		name = path.Join(module, below)
	}
	if len(name) > maxImportPath || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return strings.TrimPrefix(name, "vendor/")
}

// maxImportPath is the length of the longest import path that is looked for, in bytes.
const maxImportPath = 500

// findBytes calls found for each place of text in the first size bytes of r, until it returns
// true. It gives it a part of the file and the offset of the text in it. It reports whether
// found returned true.
func findBytes(r io.ReaderAt, size int64, text []byte, found func(b []byte, at int) bool) (bool, error) {
	buf := make([]byte, scanChunk+scanOverlap)
	for start := int64(0); start < size; start += scanChunk {
		// Each part begins with the end of the one before it, for the name before the text.
		from := max(0, start-scanOverlap/2)
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("looking for stubs at 0x%x: %w", from, err)
		}

		b := buf[:n]
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], text)
			if i < 0 {
				break
			}
			at += i
			if found(b, at) {
				return true, nil
			}
		}
	}
	return false, nil
}
