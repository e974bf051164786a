package static

import (
	"debug/elf"
	"debug/macho"
	"os"
	"slices"
	"strings"
	"testing"
)

// testTruncations cuts a file after every percent. Each part must be refused or get the verdict
// of the whole file.
func testTruncations(t *testing.T, path, goos string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	refused := 0
	for percent := range 100 {
		if isRefusedWhenCut(t, b, len(b)*percent/100, goos) {
			refused++
		}
	}
	// At most symbols and debug information follow what is mapped.
	if refused < 40 {
		t.Errorf("%s: %d of 100 parts are refused", path, refused)
	}
}

// isRefusedWhenCut reports whether reading the first n bytes of b fails. If not, it checks that
// they get the verdict of the whole file.
func isRefusedWhenCut(t *testing.T, b []byte, n int, goos string) bool {
	t.Helper()
	whole, err := readBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	part, err := readBytes(b[:n])
	if err != nil {
		return true
	}

	got := Judge(goos, part)
	want := Judge(goos, whole)
	if got.OK != want.OK || got.Claim != want.Claim || !slices.Equal(got.Reasons, want.Reasons) {
		t.Errorf("cut to %d of %d bytes: %+v, the whole: %+v", n, len(b), got, want)
	}
	return false
}

// TestTruncatedPrograms cuts programs that Go built.
func TestTruncatedPrograms(t *testing.T) {
	for _, target := range someTargets() {
		t.Run(target.name, func(t *testing.T) {
			goos, _, _ := strings.Cut(target.name, "/")
			testTruncations(t, build(t, "net", target.name, nil), goos)
		})
	}
}

// TestTruncatedSynthetic cuts small files after every byte, among them files whose parts must
// never get a better verdict.
func TestTruncatedSynthetic(t *testing.T) {
	static32 := elfSpec{
		class:   elf.ELFCLASS32,
		data:    elf.ELFDATA2MSB,
		machine: elf.EM_MIPS,
	}
	pie := elfSpec{
		kind:   elf.ET_DYN,
		interp: "/lib/ld.so",
		pie:    true,
	}
	badSlice := machoWith(func(s *machoSpec) {
		s.cpu = macho.CpuAmd64
		s.dylibs = []string{"/x"}
	})
	tests := map[string][]byte{
		"linux static":    elfSpec{symbols: true}.bytes(),
		"linux static-32": static32.bytes(),
		"linux dynamic":   elfSpec{needed: []string{"libc.so.6"}}.bytes(),
		"linux pie":       pie.bytes(),
		"windows good":    peSpec{imports: []string{"kernel32.dll"}, delayed: []string{"user32.dll"}}.bytes(),
		"windows bad":     peSpec{imports: []string{"kernel32.dll", "a.dll"}}.bytes(),
		"windows delayed": peSpec{imports: []string{"kernel32.dll"}, delayed: []string{"a.dll"}}.bytes(),
		"darwin good":     machoGood.bytes(),
		"darwin bad":      machoWith(func(s *machoSpec) { s.rpaths = []string{"/x"} }).bytes(),
		"darwin fat":      fat(macho.MagicFat, machoGood, badSlice),
		"js good":         wasmProgram(wasmImports("gojs.a")),
		"js bad":          wasmProgram(wasmImports("gojs.a", "env.b")),
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			goos, _, _ := strings.Cut(name, " ")
			refused := 0
			for n := range file {
				if isRefusedWhenCut(t, file, n, goos) {
					refused++
				}
			}
			t.Logf("%d of %d parts are refused", refused, len(file))
			if refused < len(file)*3/4 && name != "darwin fat" {
				t.Errorf("only %d of %d parts are refused", refused, len(file))
			}
		})
	}
}
