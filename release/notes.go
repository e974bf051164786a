package release

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/release/quote"
)

// maxNotes limits a file with notes, in bytes. GitHub accepts 125000 characters, and longer
// notes are cut.
const maxNotes = 1 << 20

// readNotes returns the text of the file that notes-file names. A file in a repository is
// read through a door: a link must not lead out of the repository, nor to git's own files,
// which may hold a token. A file elsewhere, such as one that an earlier step made in
// RUNNER_TEMP, may be any regular file, but no link may lead out of its directory.
func readNotes(file, dist string) (text string, err error) {
	abs, err := absolute(file)
	if err != nil {
		return "", fmt.Errorf("locating %s: %w", file, err)
	}

	top, found := repositoryRoot(filepath.Dir(abs))
	if !found {
		// The directory may be a link into a repository.
		top, err = filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", file, err)
		}
		abs = filepath.Join(top, filepath.Base(abs))

		root, found := repositoryRoot(top)
		if found {
			top = root
		}
	}

	if err := staysInOuter(file, top); err != nil {
		return "", err
	}
	name, err := filepath.Rel(top, abs)
	if err != nil {
		return "", fmt.Errorf("locating %s: %w", file, err)
	}

	d, err := door.Open(top, dist)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	data, err := d.ReadFile(filepath.ToSlash(name), maxNotes)
	return string(data), err
}

// absolute is the absolute path of a file. The directory that this program was started in
// may itself have been reached by a link, which nobody means to be one of the repository's.
func absolute(file string) (string, error) {
	if filepath.IsAbs(file) {
		return filepath.Clean(file), nil
	}
	here, err := filepath.EvalSymlinks(".")
	if err == nil {
		here, err = filepath.Abs(here)
	}
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	return filepath.Join(here, file), err
}

// staysInOuter refuses a repository that, by its name, lies in another one and is reached
// by a link of that one which leads out: it is not the one that is meant.
func staysInOuter(file, top string) error {
	outer, found := repositoryRoot(filepath.Dir(top))
	if !found {
		return nil
	}
	realOuter, outerErr := filepath.EvalSymlinks(outer)
	realTop, topErr := filepath.EvalSymlinks(top)
	if err := errors.Join(outerErr, topErr); err != nil {
		return fmt.Errorf("locating %s: %w", file, err)
	}
	if !isBelow(realOuter, realTop) {
		return fmt.Errorf("%s leads out of the repository", quote.Line(file))
	}
	return nil
}

// A page is where the releases of a repository are found by people.
type page struct{ server, repository string }

// download is the address of a file of a published release (docs.github.com, "Linking to
// releases").
func (w page) download(tag, name string) string {
	return strings.TrimSuffix(w.server, "/") + "/" + path.Join(w.repository, "releases/download", url.PathEscape(tag), url.PathEscape(name))
}

// footer is what follows the notes of a release: where everything is, and how to know that
// it is what it should be.
func (p *Plan) footer(c *Config, web page) string {
	tag := p.Source.Tag
	var b strings.Builder
	b.WriteString("## Downloads\n\n| platform | file |\n|---|---|\n")
	for i, build := range p.Builds {
		for _, f := range p.Files[i] {
			fmt.Fprintf(&b, "| %s | [%s](%s) |\n", build.Target, f.Name, web.download(tag, f.Name))
		}
	}
	sums := output.ChecksumFiles[c.Checksums[0]]
	fmt.Fprintf(&b, "\nBeside a download and [%s](%s):\n\n```sh\n%ssum --ignore-missing --check %s\n```\n",
		sums, web.download(tag, sums), c.Checksums[0], sums)
	claim := "Each program was proved to need nothing installed. To prove it again:"
	if c.Static == "report" { // what was found is not known yet
		claim = "To see what each program needs in order to run:"
	}
	fmt.Fprintf(&b, "\n%s\n\n```sh\ngo run github.com/org/go-static-release@latest verify %s\n```\n", claim, shellWord(web.repository+"@"+tag))
	return b.String()
}
