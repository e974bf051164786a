package release

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/report"
)

// outputNames lists the outputs of the action, in the order of action.yml.
var outputNames = []string{
	"version",
	"tag",
	"release-id",
	"release-url",
	"published",
	"dist",
	"checksums",
	"artifacts",
	"report",
}

// outputs returns the outputs of the action. Those without a value are "".
func (r *run) outputs() ([]actions.Output, error) {
	rep := r.rep

	dir, err := filepath.Abs(r.cfg.Dist)
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}
	artifacts, err := json.Marshal(rep.Files)
	if err != nil {
		return nil, fmt.Errorf("writing the output artifacts: %w", err)
	}

	values := map[string]string{
		"version":   rep.Source.Version,
		"tag":       rep.Source.Tag,
		"published": fmt.Sprint(rep.Status == report.Published),
		"dist":      dir,
		"artifacts": string(artifacts),
		"report":    filepath.Join(dir, dist.ReportJSON),
	}

	i := slices.IndexFunc(rep.Files, func(f report.File) bool { return f.Kind == output.Checksums })
	if i >= 0 {
		values["checksums"] = filepath.Join(dir, rep.Files[i].Name)
	}

	if rep.Release != nil {
		values["release-id"] = fmt.Sprint(rep.Release.ID)
		values["release-url"] = rep.Release.URL
	}

	outputs := make([]actions.Output, len(outputNames))
	for i, name := range outputNames {
		outputs[i] = actions.Output{
			Name:  name,
			Value: values[name],
		}
	}

	return outputs, nil
}
