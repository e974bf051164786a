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

// HTML returns the report as a web page, which loads nothing else.
func (r *Report) HTML() ([]byte, error) {
	functions := template.FuncMap{
		"bytes": Bytes,
		"mode":  mode,
	}
	t, err := template.New("report").Funcs(functions).Parse(htmlTemplate)
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}

	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}

	// The template does not escape characters that change the direction of text.
	return []byte(quote.Text(b.String())), nil
}
