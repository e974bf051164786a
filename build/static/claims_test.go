package static

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestClaimsOfEverySystem checks that there is a claim for every system of the Go toolchain.
func TestClaimsOfEverySystem(t *testing.T) {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Skipf("go tool dist list: %v", err)
	}
	for target := range strings.FieldsSeq(string(out)) {
		goos, _, _ := strings.Cut(target, "/")
		if _, ok := claims[goos]; !ok {
			t.Errorf("no claim for %s", goos)
		}
	}
}

func TestJudge(t *testing.T) {
	static := File{Format: ELF, Kind: Executable}
	tests := []struct {
		name    string
		goos    string
		file    *File
		claim   string
		reasons []string
	}{
		{
			name:  "static",
			goos:  "linux",
			file:  &static,
			claim: "static",
		},
		{
			name:  "static on a BSD",
			goos:  "dragonfly",
			file:  &static,
			claim: "static",
		},
		{
			name:  "static-pie",
			goos:  "linux",
			file:  &File{Format: ELF, Kind: StaticPIE},
			claim: "static-pie",
		},
		{
			name: "every reason",
			goos: "linux",
			file: &File{
				Format:      ELF,
				Kind:        Library,
				OS:          "netbsd",
				Interpreter: "/lib/ld.so",
				Packer:      "UPX",
				Needed:      []string{"libc.so.6", "libm.so.6"},
				Optional:    []string{"libx"},
				RunPath:     []string{"/x"},
			},
			claim: "static",
			reasons: []string{
				"made for netbsd",
				"shared library, not a program",
				"packed by UPX: what it needs cannot be seen",
				"interpreter /lib/ld.so",
				"needs libc.so.6",
				"needs libm.so.6",
				"may need libx",
			},
		},

		{
			name:    "other format",
			goos:    "linux",
			file:    &File{Format: PE, Needed: []string{"kernel32.dll"}},
			claim:   "static",
			reasons: []string{"PE where ELF was expected"},
		},
		{
			name:    "other format",
			goos:    "darwin",
			file:    &static,
			claim:   "system libraries only",
			reasons: []string{"ELF where Mach-O was expected"},
		},
		{
			name:    "other format",
			goos:    "js",
			file:    &static,
			claim:   "host imports only",
			reasons: []string{"ELF where wasm was expected"},
		},
		{
			name:    "other format",
			goos:    "plan9",
			file:    &static,
			claim:   "as it is",
			reasons: []string{"ELF where Plan 9 was expected"},
		},
		{
			name:    "unknown system",
			goos:    "beos",
			file:    &static,
			reasons: []string{`unknown operating system "beos"`},
		},
		{
			name:    "no system",
			goos:    "",
			file:    &static,
			reasons: []string{`unknown operating system ""`},
		},
		{
			name:    "no file",
			goos:    "linux",
			file:    nil,
			claim:   "static",
			reasons: []string{"no executable was read"},
		},
		{
			name:    "empty file",
			goos:    "linux",
			file:    &File{},
			claim:   "static",
			reasons: []string{"no executable was read"},
		},

		{
			name: "system libraries",
			goos: "openbsd",
			file: &File{
				Format:      ELF,
				Kind:        Executable,
				OS:          "openbsd",
				Interpreter: "/usr/libexec/ld.so",
				Needed:      []string{"libc.so.100.3", "libpthread.so"},
			},
			claim: "system libraries only",
		},
		{
			name: "libraries by a path",
			goos: "openbsd",
			file: &File{
				Format: ELF,
				Kind:   Executable,
				Needed: []string{"libc.so.1/../../evil", "/tmp/libc.so", "libc.so.1/evil", "libcrypto.so.1"},
			},
			claim: "system libraries only",
			reasons: []string{
				"needs libc.so.1/../../evil",
				"needs /tmp/libc.so",
				"needs libc.so.1/evil",
				"needs libcrypto.so.1",
			},
		},
		{
			name: "search path",
			goos: "openbsd",
			file: &File{
				Format:  ELF,
				Kind:    Executable,
				Needed:  []string{"libc.so"},
				RunPath: []string{"$ORIGIN"},
			},
			claim:   "system libraries only",
			reasons: []string{"searches for libraries in $ORIGIN"},
		},
		{
			name: "other loader",
			goos: "openbsd",
			file: &File{
				Format:      ELF,
				Kind:        Executable,
				Interpreter: "/usr/local/libexec/ld.so",
			},
			claim:   "system libraries only",
			reasons: []string{"interpreter /usr/local/libexec/ld.so"},
		},
		{
			name:  "no libraries",
			goos:  "openbsd",
			file:  &static,
			claim: "system libraries only",
		},
		{
			name: "system libraries",
			goos: "illumos",
			file: &File{
				Format:      ELF,
				Kind:        Executable,
				Interpreter: "/lib/amd64/ld.so.1",
				Needed:      []string{"libsendfile.so", "libsocket.so", "libc.so"},
			},
			claim: "system libraries only",
		},
		{
			name: "other library",
			goos: "solaris",
			file: &File{
				Format: ELF,
				Kind:   Executable,
				Needed: []string{"libc.so", "libssl.so"},
			},
			claim:   "system libraries only",
			reasons: []string{"needs libssl.so"},
		},

		{
			name: "as it is",
			goos: "android",
			file: &File{
				Format:      ELF,
				Kind:        PIE,
				Interpreter: "/system/bin/linker64",
				Needed:      []string{"libc.so"},
			},
			claim: "as it is",
		},
		{
			name: "made for another system",
			goos: "android",
			file: &File{
				Format: ELF,
				Kind:   Executable,
				OS:     "freebsd",
			},
			claim:   "as it is",
			reasons: []string{"made for freebsd"},
		},
		{
			name:  "as it is",
			goos:  "aix",
			file:  &File{Format: XCOFF, OS: "aix"},
			claim: "as it is",
		},
		{
			name: "slice",
			goos: "darwin",
			file: &File{
				Format: MachO,
				Slices: []File{
					{Format: MachO, Machine: "CpuAmd64"},
					{Format: PE, Machine: "x"},
				},
			},
			claim:   "system libraries only",
			reasons: []string{"x: PE where Mach-O was expected"},
		},
	}
	for _, test := range tests {
		t.Run(test.goos+" "+test.name, func(t *testing.T) {
			v := Judge(test.goos, test.file)
			if v.OK != (test.reasons == nil) || v.Claim != test.claim || !slices.Equal(v.Reasons, test.reasons) {
				t.Errorf("%+v, want %q, %q", v, test.claim, test.reasons)
			}
		})
	}
}

// TestJudgeWarns checks that there is a warning about glibc's name service, whatever system the
// program is judged for.
func TestJudgeWarns(t *testing.T) {
	for _, goos := range []string{"linux", "freebsd", "android"} {
		f := File{Format: ELF, Kind: Executable}
		if v := Judge(goos, &f); len(v.Warnings) > 0 {
			t.Errorf("%s: %q without it", goos, v.Warnings)
		}

		f.NameService = true
		v := Judge(goos, &f)
		if !v.OK || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "libnss") {
			t.Errorf("%s: %+v", goos, v)
		}
	}
}

// TestWindowsLibraries checks that the list is sorted and allows nothing that only looks like a
// DLL of Windows.
func TestWindowsLibraries(t *testing.T) {
	files := windowsLibraries[2:] // behind the patterns of API sets
	if !slices.IsSorted(files) {
		t.Error("not sorted")
	}
	if len(slices.Compact(slices.Clone(files))) != len(files) {
		t.Error("a name twice")
	}
	for _, name := range windowsLibraries {
		if name != strings.ToLower(name) {
			t.Errorf("%s is not in lower case, so it is never found", name)
		}
	}

	windows := claims["windows"]
	allowed := []string{
		"KERNEL32.DLL",
		"ntdll.dll",
		"WINSPOOL.DRV",
		"ucrtbase.dll",
		"API-MS-Win-Core-Synch-l1-2-0.dll",
		"ext-ms-win-gdi-internal-l1-1-0.dll",
	}
	for _, name := range allowed {
		if !windows.allows(name) {
			t.Errorf("%s is refused", name)
		}
	}
	refused := []string{
		"vcruntime140.dll",
		"msvcp140.dll",
		"libgcc_s_seh-1.dll",
		"libwinpthread-1.dll",
		"libstdc++-6.dll",
		"mscoree.dll",
		"",
		"kernel32",
		"kernel32.dll.dll",
		`C:\kernel32.dll`,
		`.\kernel32.dll`,
		"./kernel32.dll",
		"x/kernel32.dll",
	}
	for _, name := range refused {
		if windows.allows(name) {
			t.Errorf("%s is allowed", name)
		}
	}
}
