package static

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestClaimsOfEverySystem asks the Go toolchain which systems there are.
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
	with := func(edit func(*File)) *File {
		f := static
		edit(&f)
		return &f
	}
	tests := []struct {
		name    string
		goos    string
		file    *File
		claim   string
		reasons []string
	}{
		{"static", "linux", &static, "static", nil},
		{"static on each BSD that is", "dragonfly", &static, "static", nil},
		{"static-pie", "linux", with(func(f *File) { f.Kind = StaticPIE }), "static-pie", nil},
		{"all at once", "linux", with(func(f *File) {
			f.OS, f.Kind, f.Interpreter, f.Packer = "netbsd", Library, "/lib/ld.so", "UPX"
			f.Needed, f.Optional, f.RunPath = []string{"libc.so.6", "libm.so.6"}, []string{"libx"}, []string{"/x"}
		}), "static", []string{"made for netbsd", "shared library, not a program", "packed by UPX: what it needs cannot be seen",
			"interpreter /lib/ld.so", "needs libc.so.6", "needs libm.so.6", "may need libx"}},
		{"other format", "linux", &File{Format: PE, Needed: []string{"kernel32.dll"}}, "static", []string{"PE where ELF was expected"}},
		{"other format", "darwin", &static, "system libraries only", []string{"ELF where Mach-O was expected"}},
		{"other format", "js", &static, "host imports only", []string{"ELF where wasm was expected"}},
		{"other format", "plan9", &static, "as it is", []string{"ELF where Plan 9 was expected"}},
		{"unknown system", "beos", &static, "", []string{`unknown operating system "beos"`}},
		{"no system", "", &static, "", []string{`unknown operating system ""`}},
		{"nothing read", "linux", nil, "static", []string{"no executable was read"}},
		{"nothing read", "linux", &File{}, "static", []string{"no executable was read"}},

		{"openbsd", "openbsd", with(func(f *File) {
			f.OS, f.Interpreter, f.Needed = "openbsd", "/usr/libexec/ld.so", []string{"libc.so.100.3", "libpthread.so"}
		}), "system libraries only", nil},
		{"openbsd by a path", "openbsd", with(func(f *File) {
			f.Needed = []string{"libc.so.1/../../evil", "/tmp/libc.so", "libc.so.1/evil", "libcrypto.so.1"}
		}),
			"system libraries only", []string{"needs libc.so.1/../../evil", "needs /tmp/libc.so", "needs libc.so.1/evil", "needs libcrypto.so.1"}},
		{"openbsd with a search path", "openbsd", with(func(f *File) { f.Needed, f.RunPath = []string{"libc.so"}, []string{"$ORIGIN"} }),
			"system libraries only", []string{"searches for libraries in $ORIGIN"}},
		{"openbsd with another loader", "openbsd", with(func(f *File) { f.Interpreter = "/usr/local/libexec/ld.so" }),
			"system libraries only", []string{"interpreter /usr/local/libexec/ld.so"}},
		{"openbsd without any", "openbsd", &static, "system libraries only", nil},
		{"illumos", "illumos", with(func(f *File) {
			f.Interpreter, f.Needed = "/lib/amd64/ld.so.1", []string{"libsendfile.so", "libsocket.so", "libc.so"}
		}), "system libraries only", nil},
		{"solaris", "solaris", with(func(f *File) { f.Needed = []string{"libc.so", "libssl.so"} }), "system libraries only", []string{"needs libssl.so"}},

		{"android as it is", "android", with(func(f *File) { f.Kind, f.Interpreter, f.Needed = PIE, "/system/bin/linker64", []string{"libc.so"} }), "as it is", nil},
		{"android for another system", "android", with(func(f *File) { f.OS = "freebsd" }), "as it is", []string{"made for freebsd"}},
		{"aix as it is", "aix", &File{Format: XCOFF, OS: "aix"}, "as it is", nil},
		{"slice", "darwin", &File{Format: MachO, Slices: []File{{Format: MachO, Machine: "CpuAmd64"}, {Format: PE, Machine: "x"}}},
			"system libraries only", []string{"x: PE where Mach-O was expected"}},
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

// TestJudgeWarns asks for the warning about glibc's name service, whatever the program is marked as.
func TestJudgeWarns(t *testing.T) {
	for _, goos := range []string{"linux", "freebsd", "android"} {
		f := File{Format: ELF, Kind: Executable}
		if v := Judge(goos, &f); len(v.Warnings) > 0 {
			t.Errorf("%s: %q without it", goos, v.Warnings)
		}
		f.NameService = true
		if v := Judge(goos, &f); !v.OK || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "libnss") {
			t.Errorf("%s: %+v", goos, v)
		}
	}
}

// TestWindowsLibraries keeps the list in order, and free of what looks like Windows but is not.
func TestWindowsLibraries(t *testing.T) {
	if list := windowsLibraries[2:]; !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("not sorted, or a name twice")
	}
	windows := claims["windows"]
	for _, name := range windowsLibraries {
		if name != strings.ToLower(name) {
			t.Errorf("%s is not lower case: it is never found", name)
		}
	}
	for _, name := range []string{"KERNEL32.DLL", "ntdll.dll", "WINSPOOL.DRV", "ucrtbase.dll", "API-MS-Win-Core-Synch-l1-2-0.dll", "ext-ms-win-gdi-internal-l1-1-0.dll"} {
		if !windows.allows(name) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, name := range []string{"vcruntime140.dll", "msvcp140.dll", "libgcc_s_seh-1.dll", "libwinpthread-1.dll", "libstdc++-6.dll", "mscoree.dll",
		"", "kernel32", "kernel32.dll.dll", `C:\kernel32.dll`, `.\kernel32.dll`, "./kernel32.dll", "x/kernel32.dll"} {
		if windows.allows(name) {
			t.Errorf("%s is allowed", name)
		}
	}
}
