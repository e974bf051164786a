package build

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// placeholders returns a note for each pattern of //go:embed in the module that matches nothing
// but placeholders: the program would ship without its files.
func (l *loader) placeholders(ctx context.Context) (notes []problem.Note) {
	for _, importPath := range slices.Sorted(maps.Keys(l.graph)) {
		n := l.graph[importPath]
		if !n.inModule() {
			continue
		}
		for _, pattern := range n.EmbedPatterns {
			names := n.onlyPlaceholders(pattern)
			if len(names) == 0 {
				continue
			}

			target := embedTarget(n.Dir, pattern)
			name := l.ws.InRoot(target)
			what := "holds only " + strings.Join(names, " ")
			if len(names) == 1 && path.Base(names[0]) == path.Base(name) {
				what = "is a placeholder"
			}
			notes = append(notes, problem.Note{
				Text: "package " + importPath + " embeds " + name + ", which " + what,
				Remedy: l.makeRemedy([]missing{{
					path: target,
					kind: embeddedFile,
					rule: l.ignoreRule(ctx, target),
				}}),
			})
		}
	}
	return notes
}

// onlyPlaceholders returns the first few files that a pattern of the package embeds, none if
// one of its files is more than a placeholder. Placeholders in several directories are a
// skeleton of directories, such as hugo's of a new site.
func (n node) onlyPlaceholders(pattern string) (names []string) {
	const most = 3

	dir := ""
	pattern = strings.TrimPrefix(pattern, "all:")
	for _, file := range n.EmbedFiles {
		if !embeds(pattern, file) {
			continue
		}
		isNamed := file == path.Clean(pattern) // by itself: an empty file may be meant
		if !isPlaceholder(filepath.Join(n.Dir, filepath.FromSlash(file)), isNamed) {
			return nil
		}
		if len(names) > 0 && path.Dir(file) != dir {
			return nil
		}
		dir = path.Dir(file)
		if len(names) < most {
			names = append(names, path.Base(file))
		}
	}
	return names
}

// embeds reports whether a pattern matches a file, or a directory that the file is in.
func embeds(pattern, file string) bool {
	for name := file; name != "."; name = path.Dir(name) {
		ok, err := path.Match(path.Clean(pattern), name)
		if err == nil && ok {
			return true
		}
	}
	return path.Clean(pattern) == "."
}

// placeholderName matches names of files that only keep a directory in git.
var placeholderName = regexp.MustCompile(`(?i)^\.?(git)?keep$|^\.gitignore$|^\.?placeholder(\.\w+)?$|^\.empty$`)

// placeholderText matches what a page says that stands for a front-end that is not built.
var placeholderText = regexp.MustCompile(`(?i)placeholder|not (been )?(yet )?built|not (been )?compiled|` +
	`(run|use) .{0,20}\b(npm|yarn|pnpm|bun|make|mage|task) |build the (ui|front-?end|web|assets)`)

// maxPlaceholder is the size of the largest page that may be a placeholder, in bytes.
const maxPlaceholder = 2048

// isPlaceholder reports whether a file only stands for others. isNamed is whether a pattern
// names it by itself.
func isPlaceholder(file string, isNamed bool) bool {
	name := filepath.Base(file)
	if placeholderName.MatchString(name) {
		return true
	}

	fi, err := os.Stat(file)
	if err != nil || fi.Size() > maxPlaceholder {
		return false
	}
	if fi.Size() == 0 {
		return !isNamed
	}
	if strings.ToLower(name) != "index.html" {
		return false
	}
	data, err := door.ReadRegular(file, maxPlaceholder)
	return err == nil && placeholderText.Match(data)
}
