package smoke

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build/target"
)

func TestSmokeWasm(t *testing.T) {
	if raceDetector {
		t.Skip("with the race detector the interpreter is too slow for what is timed here")
	}
	bin := buildSmoke(t, target.Target{OS: "wasip1", Arch: "wasm"})
	testSmoke(t, bin, "in wazero, an interpreter of WebAssembly, in an empty root without network")
	if s, err := Run(t.Context(), bin, []string{"escape"}, t.TempDir()); err != nil || !s.Ran {
		t.Errorf("a link or a path leads to files of the machine: %+v, %v", s, err)
	}
	_, err := attempt{program: bin, args: []string{"memory"}, dir: t.TempDir(), limit: maxTime}.run(t.Context())
	text := fmt.Sprint(err)
	if err == nil || !strings.Contains(text, "exit status 2") || !strings.Contains(text, "out of memory") {
		t.Errorf("1 GiB: %.300v", err)
	}
}

// A module that is no WASI program is not run, and a file that is no module fails.
func TestSmokeWasmNotRun(t *testing.T) {
	const header, emptyType = "\x00asm\x01\x00\x00\x00", "\x01\x04\x01\x60\x00\x00"
	for name, c := range map[string]struct{ code, how, err string }{
		"without _start": {
			code: header,
			how:  "not run: it exports no _start, so it is no command",
		},
		"with an import": {
			code: header + emptyType + "\x02\x09\x01\x03env\x01f\x00\x00",
			how:  "not run: it imports f of env, which its host has and WASI has not",
		},
		"no module": {
			code: "MZ",
			err: "starting p.wasm in wazero, an interpreter of WebAssembly, " +
				"in an empty root without network: invalid magic number",
		},
	} {
		bin := Program{
			Name:   "p.wasm",
			Target: target.Target{OS: "wasip1", Arch: "wasm"},
			Path:   filepath.Join(t.TempDir(), "p.wasm"),
		}
		if err := os.WriteFile(bin.Path, []byte(c.code), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := attempt{program: bin, dir: t.TempDir(), limit: time.Minute}.run(t.Context())
		switch {
		case c.err != "" && (err == nil || strings.TrimSpace(err.Error()) != c.err):
			t.Errorf("%s: error %v", name, err)
		case c.err == "" && (err != nil || s.Ran || s.How != c.how):
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}
