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

// A page is where the releases of a repository are found by people.
type page struct{ server, repository string }

// download is the address of a file of a published release (docs.github.com, "Linking to
// releases").
func (w page) download(tag, name string) string {
	return strings.TrimSuffix(w.server, "/") + "/" + path.Join(w.repository, "releases/download", url.PathEscape(tag), url.PathEscape(name))
}

// footer is what follows the notes of a release: where everything is, and how to know that
// it is what it should be.
func (p *Plan) footer(c *config.Config, web page) string {
	tag := p.Source.Tag
	var b strings.Builder
	b.WriteString("## Downloads\n\n| platform | file |\n|---|---|\n")
	for _, o := range p.Outputs {
		if o.Stage == output.Lane {
			fmt.Fprintf(&b, "| %s | [%s](%s) |\n", o.Target, o.Name, web.download(tag, o.Name))
		}
	}
	sums := output.ListNames[c.Checksums[0]]
	fmt.Fprintf(&b, "\nBeside a download and [%s](%s):\n\n```sh\n%ssum --ignore-missing --check %s\n```\n",
		sums, web.download(tag, sums), c.Checksums[0], sums)
	claim := "Each program was proved to need nothing installed. To prove it again:"
	if c.Static == "report" { // what was found is not known yet
		claim = "To see what each program needs in order to run:"
	}
	fmt.Fprintf(&b, "\n%s\n\n```sh\ngo run github.com/org/go-static-release@latest verify %s\n```\n", claim, quote.ShellWord(web.repository+"@"+tag))
	return b.String()
}
