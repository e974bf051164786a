package workspace

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// Words of the setting "files" that are no patterns. The path ./none is a file of that name.
const (
	NoFiles      = "none"    // the programs alone
	DefaultFiles = "default" // what is packed without the setting
)

// A selected file is one that a word of the setting "files" or "attach" stands for.
type selected struct {
	path    string // relative to the repository, slashes
	name    string // relative to the module, or the new name
	renamed bool
	byRule  bool // DefaultFiles stands for it: nobody named it
}

// A fileWord is a word that selects files: SOURCE or SOURCE=NAME. The source is a file, a
// directory, which stands for all files in it, or a pattern.
type fileWord struct {
	word   string // as the user wrote it
	source string
	name   string

	isRename bool // the files get the name, or go to the directory of that name
}

// parseFileWord splits a word at its first "=" that is neither escaped by a backslash nor in
// brackets.
func parseFileWord(word string) fileWord {
	var source strings.Builder
	inBrackets := false

	for i := 0; i < len(word); i++ {
		c := word[i]
		switch {
		case c == '\\' && i+1 < len(word):
			i++
			if word[i] != '=' { // patterns have other escapes
				source.WriteByte(c)
			}
			c = word[i]
		case c == '[':
			inBrackets = true
		case c == ']':
			inBrackets = false
		case c == '=' && !inBrackets:
			return fileWord{
				word:     word,
				source:   source.String(),
				name:     word[i+1:],
				isRename: true,
			}
		}
		source.WriteByte(c)
	}

	return fileWord{word: word, source: source.String()}
}

// A finder finds the files that words of one setting stand for.
type finder struct {
	door    *door.Door
	dir     string // of the module, relative to the door
	setting string
}

// mostInDist limits how many files of an earlier run are named.
const mostInDist = 3

// find returns the files that a word stands for. It returns one problem for each reason why
// the door refuses a file.
//
// A pattern matches files, not directories, as in a shell. It, and a directory, may stand for
// files in dist, where an earlier run may have left anything: these are only a problem if there
// are no others.
func (f finder) find(word fileWord) (files []selected, ps problem.List) {
	if word.source == "" || word.isRename && word.name == "" {
		ps.Add(f.setting, "%q is not of the form SOURCE=NAME", word.word)
		return nil, ps
	}

	e, err := f.expand(word.source)
	if err != nil {
		ps.Keep(f.setting, err)
		return nil, ps
	}

	isMany := e.base != ""
	told := map[door.Reason]bool{}
	var inDist problem.List
	var directories []string
	for _, name := range e.names {
		err := f.door.Check(path.Join(f.dir, name))
		var refusal *door.Refusal
		switch {
		case err == nil:
			files = append(files, f.selected(word, e.base, name))
		case e.isTree && door.Refused(err, door.IsDirectory):
			if !told[door.IsDirectory] {
				told[door.IsDirectory] = true
				ps.Add(f.setting, "%s is a link to a directory, which is not followed", name)
			}
		case isMany && door.Refused(err, door.IsDirectory):
			directories = append(directories, name)
		case isMany && door.Refused(err, door.IsInDist):
			inDist.Keep(f.setting, err)
		case !errors.As(err, &refusal):
			ps.Keep(f.setting, err)
		case !told[refusal.Why]:
			told[refusal.Why] = true
			ps.Keep(f.setting, err)
		}
	}

	switch {
	case len(files) > 0 || len(ps) > 0:
	case len(inDist) > 0:
		ps = inDist[:min(len(inDist), mostInDist)]
	case len(directories) > 0:
		remedy := problem.Set(f.setting, word.source+"/**").For("for the files in directories")
		ps.AddWith(f.setting, remedy, "no file matches %q in %s", word.source, f.dir)
	default:
		ps.Add(f.setting, "no file matches %q in %s", word.source, f.dir)
	}

	return files, ps
}

// An expansion is what a source stands for.
type expansion struct {
	names  []string // relative to the module
	base   string   // names are moved relative to it, "" if the source is one file
	isTree bool     // the source is a directory
}

// expand returns what a source stands for. A source without "*" and "{" names one file or
// directory, although it may have a "?" for a space, at which words end.
func (f finder) expand(source string) (e expansion, err error) {
	e.names, err = f.door.Glob(f.dir, source)
	if err != nil {
		return expansion{}, fmt.Errorf("reading pattern %q: %w", source, err)
	}
	if strings.ContainsAny(source, "*{") || len(e.names) > 1 {
		e.base, _ = doublestar.SplitPattern(path.Clean(source))
		return e, nil
	}
	if len(e.names) == 0 {
		return e, nil
	}

	err = f.door.Check(path.Join(f.dir, e.names[0]))
	if door.Refused(err, door.IsDirectory) {
		e.isTree = true
		e.base = e.names[0]
		e.names, err = f.door.Tree(f.dir, e.base)
		return e, err
	}
	return e, nil // find reports other refusals
}

// selected returns a file that a word stands for, with its new name.
func (f finder) selected(word fileWord, base, name string) selected {
	s := selected{
		path:    path.Join(f.dir, name),
		name:    name,
		renamed: word.isRename,
	}

	isDir := strings.HasSuffix(word.name, "/") || path.Clean(word.name) == "."
	switch {
	case !s.renamed:
	case base != "":
		s.name = path.Join(word.name, nameBelow(base, name))
	case isDir:
		s.name = path.Join(word.name, path.Base(name))
	default:
		s.name = path.Clean(word.name)
	}

	return s
}

// nameBelow returns the path of a name below the directory base.
func nameBelow(base, name string) string {
	if base == "." {
		return name
	}
	return strings.TrimPrefix(name, base+"/")
}

// InModule returns the name of a file of the repository relative to the module. It reports false
// if the file is not in the module.
func (w *Workspace) InModule(file string) (name string, ok bool) {
	dir := w.ModuleDir()
	return nameBelow(dir, file), dir == "." || strings.HasPrefix(file, dir+"/")
}

// resolveNames returns each file once, with the name that the last word gave it that renames it.
func resolveNames(files []selected) (resolved []selected) {
	indexes := map[string]int{} // by path
	for _, f := range files {
		i, known := indexes[f.path]
		switch {
		case !known:
			indexes[f.path] = len(resolved)
			resolved = append(resolved, f)
		case f.renamed:
			resolved[i] = f
		default:
			resolved[i].byRule = resolved[i].byRule && f.byRule
		}
	}

	return resolved
}

// checkNames returns a problem for each two files that would have the same name in an archive.
// It ignores case, as Windows and macOS do.
func checkNames(files []selected, words []string, moduleDir string) (ps problem.List) {
	first := map[string]selected{}
	for _, f := range files {
		key := strings.ToLower(f.name)
		other, taken := first[key]
		if !taken {
			first[key] = f
			continue
		}

		named := f // a word can rename the files that a word names
		if f.byRule {
			named = other
		}
		ps.AddWith("files", RenameRemedy("files", words, nameBelow(moduleDir, named.path)),
			"%s and %s would both be packed as %s", other.path, f.path, f.name)
	}
	return ps
}

// RenameRemedy returns what to do about a file, relative to the module, whose name is taken or
// not possible: a word that renames it is added to those of the setting.
func RenameRemedy(setting string, words []string, file string) problem.Remedy {
	if len(words) == 0 {
		words = []string{DefaultFiles}
	}
	rename := sourceWord(file) + "=" + flatName(file)
	return problem.Set(setting, strings.Join(append(slices.Clone(words), rename), " ")).
		For("the last word renames it")
}

// sourceWord returns a word that stands for one file. Words end at spaces and commas, so "?"
// stands for those, and for the characters that patterns are made of.
func sourceWord(file string) string {
	var word strings.Builder
	for _, c := range file {
		switch {
		case unicode.IsSpace(c) || strings.ContainsRune(`,*?[]{}\`, c):
			word.WriteByte('?')
		case c == '=':
			word.WriteString(`\=`)
		default:
			word.WriteRune(c)
		}
	}

	switch word.String() {
	case NoFiles, DefaultFiles:
		return "./" + word.String()
	}
	return word.String()
}

// flatName returns another name for a file, which says in which directory the file is. Its
// characters are those that GitHub keeps.
func flatName(file string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		case strings.ContainsRune("._+-", c):
			return c
		}
		return '-'
	}, file)

	name = strings.Trim(name, ".-")
	if name == file {
		ext := path.Ext(name)
		name = strings.TrimSuffix(name, ext) + "-2" + ext
	}
	return name
}

// selectFiles returns the files that words stand for.
func (f finder) selectFiles(words []string) (files []selected, ps problem.List) {
	for _, word := range words {
		found, wrong := f.find(parseFileWord(word))
		files = append(files, found...)
		ps = append(ps, wrong...)
	}
	return files, ps
}

// checkAlone returns a problem if the word NoFiles is not the only one.
func checkAlone(words []string) error {
	if len(words) > 1 && slices.Contains(words, NoFiles) {
		return &problem.Problem{
			Setting: "files",
			Err: fmt.Errorf("%q packs the programs alone and excludes other words; a file of that name is ./%s",
				NoFiles, NoFiles),
		}
	}
	return nil
}
