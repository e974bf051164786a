package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/org/go-static-release/release/quote"
)

//go:embed report.html.tmpl
var htmlTemplate string

// HTML is the report as a page that needs nothing but a browser.
func (r *Report) HTML() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{"bytes": Bytes, "mode": mode}).Parse(htmlTemplate)
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}

	// The template does not escape marks that change the direction of writing.
	return []byte(quote.Text(b.String())), nil
}
