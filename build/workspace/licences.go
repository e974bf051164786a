package workspace

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// A usualFile is a kind of file that is packed with the programs unless the user says
// otherwise.
type usualFile string

const (
	licence     usualFile = "licence"
	attribution usualFile = "attribution" // must travel beside a licence, but is none
	readme      usualFile = "readme"
	changelog   usualFile = "changelog"
)

// usualNames match the names of the usual files, in lower case; the first match counts. The names
// of licences and of what comes with them may go on, as LICENSE-MIT, COPYING.LESSER and NOTICE.txt
// do; LICENSE may also follow other words, as in MIT-LICENSE. The others may only have the
// extension of a text, because README.zh-CN.md is a translation.
//
// Sources: the names that pkg.go.dev knows (golang.org/x/pkgsite/internal/licenses), those of
// REUSE (https://reuse.software/spec-3.3/), and those in the roots of 2,900 modules.
var usualNames = []struct {
	kind usualFile
	name *regexp.Regexp
}{
	{attribution, regexp.MustCompile(`^(third|3rd)[-_ ]?party[-_ ]?(licen[cs]es?|notices?|copyrights?)([-_.].*)?$`)},
	{licence, regexp.MustCompile(`^([a-z0-9.]+[-_])*(un)?licen[cs]es?([-_.].*)?$`)},
	{licence, regexp.MustCompile(`^(copying|copyright)([-_.].*)?$`)},
	{attribution, regexp.MustCompile(`^(notices?|patents|authors|credits)([-_.].*)?$`)},
	{readme, regexp.MustCompile(`^readme` + textExtension + `$`)},
	{changelog, regexp.MustCompile(`^(changelog|changes)` + textExtension + `$`)},
}

// textExtension matches nothing, or the extension of a text that people read.
const textExtension = `(\.(md|mkd|mdown|markdown|txt|text|rst|adoc|asciidoc|org|textile|html?|pdf|rtf))?`

// notProse matches names of files that are made for programs although they look like a
// licence: sources, templates, settings, pictures, signatures, remains, and tools.
var notProse = regexp.MustCompile(`\.(` +
	`go|c|cc|cpp|cs|cxx|h|hpp|java|js|jsx|cjs|mjs|ts|tsx|kt|lua|php|pl|pm|py|rb|rs|scala|swift|vue|` +
	`sh|bash|zsh|fish|bat|cmd|ps1|sql|proto|css|scss|less|` +
	`tmpl|tpl|gotmpl|gotpl|template|in|j2|hbs|mustache|erb|golden|` +
	`json|jsonl|yaml|yml|toml|xml|ini|cfg|conf|lock|mod|sum|cache|` +
	`svg|png|jpg|jpeg|gif|ico|webp|zip|gz|tar|asc|sig|pem|sha256|` +
	`bak|orig|rej|swp|tmp|old|patch|diff|d)$` +
	`|[-_.](header|boilerplate|template|tmpl|checker|test)\b|~$` +
	`|^(add|check|fix|gen|generate|lint|list|make|test|update|verify)[-_]`)

// usualKind returns which kind of usual file has a name, "" if none has.
func usualKind(name string) usualFile {
	lower := strings.ToLower(name)
	if notProse.MatchString(lower) {
		return ""
	}

	for _, usual := range usualNames {
		if usual.name.MatchString(lower) {
			return usual.kind
		}
	}
	return ""
}

// licencesDirs are the names of directories of licences: the one of REUSE, in any case.
var licencesDirs = []string{"licenses", "licences"}

// usualFiles returns the files that are packed unless the user says otherwise: licences and
// what must travel with them, the README and the changelog, each in any case.
//
// A licence counts for everything below its directory. Those of the directories around the
// module, up to the root of the repository, are packed as well, unless a nearer file has the
// same name. The README and the changelog are the nearest ones.
func (w *Workspace) usualFiles(d *door.Door) (files []selected, hasLicence bool, ps problem.List) {
	kinds := map[usualFile]bool{} // of nearer directories
	names := map[string]bool{}    // in lower case

	for dir := w.ModuleDir(); ; dir = path.Dir(dir) {
		found, wrong := usualIn(d, dir)
		ps = append(ps, wrong...)

		hasNearer := map[usualFile]bool{
			readme:    kinds[readme],
			changelog: kinds[changelog],
		}
		for _, f := range found {
			key := strings.ToLower(f.name)
			if hasNearer[f.kind] || names[key] {
				continue
			}

			kinds[f.kind] = true
			names[key] = true
			files = append(files, selected{
				path:   path.Join(dir, f.name),
				name:   f.name,
				byRule: true,
			})
		}

		if dir == "." {
			break
		}
	}

	return files, kinds[licence], ps
}

// A foundFile is a usual file in a directory.
type foundFile struct {
	name string // relative to the directory
	kind usualFile
}

// usualIn returns the usual files in a directory.
func usualIn(d *door.Door, dir string) (files []foundFile, ps problem.List) {
	names, err := d.List(dir)
	if !ps.Keep("files", err) {
		return nil, ps
	}

	for _, name := range names {
		isLicences := slices.Contains(licencesDirs, strings.ToLower(name))
		kind := usualKind(name)
		if kind == "" && !isLicences {
			continue
		}

		err := d.Check(path.Join(dir, name))
		switch {
		case err == nil && kind != "":
			files = append(files, foundFile{name, kind})
		case door.Refused(err, door.IsDirectory) && isLicences:
			licences, err := licencesIn(d, dir, name)
			ps.Keep("files", err)
			files = append(files, licences...)
		case door.Refused(err, door.IsDirectory) || door.Refused(err, door.IsInDist):
			// a package with such a name, or what an earlier run left
		default:
			ps.Keep("files", err)
		}
	}

	return files, ps
}

// licencesIn returns the licences in a directory of that name, none if it is a Go package.
func licencesIn(d *door.Door, dir, name string) (files []foundFile, err error) {
	names, err := d.Tree(dir, name)
	if err != nil {
		return nil, err
	}

	for _, file := range names {
		if strings.HasSuffix(file, ".go") {
			return nil, nil
		}

		base := strings.ToLower(path.Base(file))
		err := d.Check(path.Join(dir, file))
		switch {
		case err == nil && !notProse.MatchString(base) && !strings.HasPrefix(base, "."):
			files = append(files, foundFile{file, licence})
		case err != nil && !door.Refused(err, door.IsDirectory) && !door.Refused(err, door.IsInDist):
			return nil, err
		}
	}

	return files, nil
}
