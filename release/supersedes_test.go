package release

import (
	"testing"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/workspace"
)

// A release becomes the latest one of the repository unless that has a higher version, or
// belongs to something else.
func TestSupersedes(t *testing.T) {
	for _, test := range []struct {
		prefix, tag, latest string
		want                bool
	}{
		{tag: "v1.2.3", latest: "", want: true},
		{tag: "v1.2.3", latest: "v1.2.2", want: true},
		{tag: "v1.2.3", latest: "v1.3.0", want: false},
		{tag: "v1.2.3", latest: "nightly", want: true},
		{tag: "v1.2.3", latest: "sub/v9.0.0", want: true},
		{tag: "sub/v1.2.3", latest: "v0.1.0", want: false},
		{prefix: "name-", tag: "name-v1.2.3", latest: "", want: true},
		{prefix: "name-", tag: "name-v1.10.0", latest: "name-v1.9.0", want: true},
		{prefix: "name-", tag: "name-1.2.3", latest: "name-v1.3.0", want: false},
		{prefix: "name-", tag: "name-v1.2.3", latest: "v0.1.0", want: false},
		{prefix: "name-", tag: "name-v1.2.3", latest: "other-v0.1.0", want: false},
	} {
		p := &Plan{Plan: &build.Plan{Source: &workspace.Source{
			Tag:       test.tag,
			TagPrefix: test.prefix,
		}}}
		if got := p.supersedes(test.latest); got != test.want {
			t.Errorf("%s after %q: got %v", test.tag, test.latest, got)
		}
	}
}
