package static

import (
	"debug/macho"
	"os"
	"strings"
	"testing"
)

// truncations cuts a file at every percent and wants each part to be refused or judged as the whole.
func truncations(t *testing.T, path, goos string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for percent := range 100 {
		refused += cut(t, b, len(b)*percent/100, goos)
	}
	// Behind what is mapped there are only symbols and debug information, if anything.
	if refused < 40 {
		t.Errorf("%s: %d of 100 parts are refused", path, refused)
	}
}

// cut judges the first n bytes and returns 1 if they were refused.
func cut(t *testing.T, b []byte, n int, goos string) int {
	t.Helper()
	whole, err := readBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := readBytes(b[:n])
	if err != nil {
		return 1
	}
	have, want := Judge(goos, f), Judge(goos, whole)
	if have.OK != want.OK || have.Claim != want.Claim || strings.Join(have.Reasons, "\n") != strings.Join(want.Reasons, "\n") {
		t.Errorf("cut to %d of %d bytes: %+v, the whole: %+v", n, len(b), have, want)
	}
	return 0
}

// TestTruncatedPrograms cuts what Go builds.
func TestTruncatedPrograms(t *testing.T) {
	for _, target := range someTargets() {
		t.Run(target.name, func(t *testing.T) {
			goos, _, _ := strings.Cut(target.name, "/")
			truncations(t, build(t, "net", target.name, nil), goos)
		})
	}
}

// TestTruncatedSynthetic cuts small files at every byte, among them ones that must never be taken for good.
func TestTruncatedSynthetic(t *testing.T) {
	tests := map[string][]byte{
		"linux static":    elfSpec{symbols: true}.bytes(),
		"linux static-32": elfSpec{class: 1, data: 2, machine: 8}.bytes(),
		"linux dynamic":   elfSpec{needed: []string{"libc.so.6"}}.bytes(),
		"linux pie":       elfSpec{kind: 3, interp: "/lib/ld.so", pie: true}.bytes(),
		"windows good":    peSpec{imports: []string{"kernel32.dll"}, delayed: []string{"user32.dll"}}.bytes(),
		"windows bad":     peSpec{imports: []string{"kernel32.dll", "a.dll"}}.bytes(),
		"windows delayed": peSpec{imports: []string{"kernel32.dll"}, delayed: []string{"a.dll"}}.bytes(),
		"darwin good":     machoGood.bytes(),
		"darwin bad":      machoWith(func(s *machoSpec) { s.rpaths = []string{"/x"} }).bytes(),
		"darwin fat":      fat(macho.MagicFat, machoGood, machoWith(func(s *machoSpec) { s.cpu, s.dylibs = macho.CpuAmd64, []string{"/x"} })),
		"js good":         wasmModule(wasmTypes, wasmImports("gojs.a"), wasmFunctions, wasmBodies),
		"js bad":          wasmModule(wasmTypes, wasmImports("gojs.a", "env.b"), wasmFunctions, wasmBodies),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			goos, _, _ := strings.Cut(name, " ")
			refused := 0
			for n := range file {
				refused += cut(t, file, n, goos)
			}
			t.Logf("%d of %d parts are refused", refused, len(file))
			if refused < len(file)*3/4 && name != "darwin fat" {
				t.Errorf("only %d of %d parts are refused", refused, len(file))
			}
		})
	}
}
