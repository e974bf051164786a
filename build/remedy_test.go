package build

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
)

// Each package that needs C has a remedy.
func TestRemedies(t *testing.T) {
	for _, test := range []struct {
		pkg  string
		cgo  bool
		want problem.Remedy
	}{
		{"github.com/mattn/go-sqlite3", false, problem.Either(
			problem.Advise("replace github.com/mattn/go-sqlite3 by modernc.org/sqlite or github.com/ncruces/go-sqlite3"),
			problem.Set("cgo", "static"),
		)},
		{"github.com/confluentinc/confluent-kafka-go/v2/kafka", true, problem.Either(
			problem.Advise("replace github.com/confluentinc/confluent-kafka-go by github.com/twmb/franz-go"),
		)},
		{"github.com/mattn/go-sqlite3x", true, problem.Either(problem.Advise("replace github.com/mattn/go-sqlite3x"))},
		{"example.com/x", false, problem.Either(problem.Set("cgo", "static"))},
		{"net", true, problem.Either(problem.Set("tags", "netgo"))},
	} {
		got := remedy(test.pkg, test.cgo)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +have):\n%s", test.pkg, diff)
		}
	}
	sqlite := &debug.BuildInfo{Deps: []*debug.Module{{Path: "example.com/y"}, {Path: "github.com/mattn/go-sqlite3"}}}
	arm := Binary{Target: target.Target{OS: "linux", Arch: "arm64"}, Loads: []string{"dlopen"}}
	if got := adviceForLoads(arm, sqlite); !cmp.Equal(got, problem.Set("tags", "sqlite_omit_load_extension")) {
		t.Errorf("got %+v", got)
	}
	arm.Loads = append(arm.Loads, "getaddrinfo") // which the tag does not help against
	musl := problem.Set("cc", "linux/arm64=aarch64-linux-musl-gcc").For("musl's functions load nothing")
	if got := adviceForLoads(arm, sqlite); !cmp.Equal(got, musl) {
		t.Errorf("got %+v", got)
	}
}
