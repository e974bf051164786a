package release

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/quote"
)

// A page is the web page of a repository.
type page struct {
	server     string // "https://github.com"
	repository string // "owner/name"
}

// download returns the address of a file of a published release (docs.github.com, "Linking to
// releases").
func (w page) download(tag, name string) string {
	server := strings.TrimSuffix(w.server, "/")
	file := path.Join(w.repository, "releases/download", url.PathEscape(tag), url.PathEscape(name))
	return server + "/" + file
}

// footer returns the text that follows the notes of a release. It says where the files are, and
// how to check them.
func (p *Plan) footer(c *config.Config, web page) string {
	tag := p.Source.Tag
	var b strings.Builder

	b.WriteString("## Downloads\n\n| platform | file |\n|---|---|\n")
	for _, o := range p.Outputs {
		if o.Stage == output.Lane {
			fmt.Fprintf(&b, "| %s | [%s](%s) |\n", o.Target, o.Name, web.download(tag, o.Name))
		}
	}

	algorithm := c.Checksums[0]
	list := p.listName(algorithm)
	fmt.Fprintf(&b, "\nBeside a download and [%s](%s):\n\n", list, web.download(tag, list))
	fmt.Fprintf(&b, "```sh\n%ssum --ignore-missing --check %s\n```\n", algorithm, list)

	claim := "Each program was proved to need nothing installed. To prove it again:"
	if c.Static == "report" { // nothing has been proved yet
		claim = "To see what each program needs in order to run:"
	}
	release := quote.ShellWord(web.repository + "@" + tag)
	fmt.Fprintf(&b, "\n%s\n\n", claim)
	fmt.Fprintf(&b, "```sh\ngo run github.com/org/go-static-release@latest verify %s\n```\n", release)

	return b.String()
}
