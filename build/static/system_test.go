package static

import (
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Loaders of one system each.
const (
	glibcLoader   = "/lib64/ld-linux-x86-64.so.2"
	muslLoader    = "/lib/ld-musl-x86_64.so.1"
	androidLoader = "/system/bin/linker64"
	solarisLoader = "/lib/amd64/ld.so.1"
)

// Notes of one system each.
var (
	linuxNote   = elfSystemNote("GNU", 0, 3, 2, 0)
	androidNote = elfSystemNote("Android", 21)
)

// TestSystem judges files for the system that they, or their build info, name.
func TestSystem(t *testing.T) {
	tests := []struct {
		name    string
		spec    elfSpec
		goos    string // from the build info
		want    string // the system that the file is judged for
		ok      bool
		reasons []string
	}{
		{
			name: "nothing",
			spec: elfSpec{},
			want: "linux",
			ok:   true,
		},
		{
			name: "nothing, with build info",
			spec: elfSpec{},
			goos: "freebsd",
			want: "freebsd",
			ok:   true,
		},
		{
			name:    "nothing, with build info",
			spec:    elfSpec{},
			goos:    "windows",
			want:    "windows",
			reasons: []string{"ELF where PE was expected"},
		},

		// The loader names the system.
		{
			name:    "glibc",
			spec:    elfSpec{interp: glibcLoader},
			want:    "linux",
			reasons: []string{"interpreter " + glibcLoader},
		},
		{
			name:    "glibc elsewhere",
			spec:    elfSpec{interp: "/nix/store/x/lib/ld-linux-x86-64.so.2"},
			want:    "linux",
			reasons: []string{"interpreter /nix/"},
		},
		{
			name:    "musl",
			spec:    elfSpec{interp: muslLoader},
			want:    "linux",
			reasons: []string{"interpreter "},
		},
		{
			name: "mips",
			spec: elfSpec{
				class:   elf.ELFCLASS32,
				machine: elf.EM_MIPS,
				interp:  "/lib/ld.so.1",
			},
			want:    "linux",
			reasons: []string{"interpreter "},
		},
		{
			name: "Android",
			spec: elfSpec{
				interp: androidLoader,
				needed: []string{"libc.so", "liblog.so"},
			},
			want: "android",
			ok:   true,
		},
		{
			name: "32-bit Android",
			spec: elfSpec{
				class:   elf.ELFCLASS32,
				machine: elf.EM_ARM,
				interp:  "/system/bin/linker",
			},
			want: "android",
			ok:   true,
		},
		{
			name: "Solaris",
			spec: elfSpec{
				interp: solarisLoader,
				needed: []string{"libc.so", "libsocket.so"},
			},
			want: "solaris",
			ok:   true,
		},
		{
			name: "32-bit Solaris",
			spec: elfSpec{
				class:   elf.ELFCLASS32,
				machine: elf.EM_386,
				interp:  "/usr/lib/ld.so.1",
			},
			want:    "solaris",
			reasons: []string{"interpreter "},
		},
		{
			name: "illumos",
			spec: elfSpec{
				interp: solarisLoader,
				needed: []string{"libc.so"},
			},
			goos: "illumos",
			want: "illumos",
			ok:   true,
		},
		{
			name: "OpenBSD",
			spec: elfSpec{
				interp: "/usr/libexec/ld.so",
				needed: []string{"libc.so"},
			},
			want: "openbsd",
			ok:   true,
		},
		{
			name:    "FreeBSD",
			spec:    elfSpec{interp: "/libexec/ld-elf.so.1"},
			want:    "freebsd",
			reasons: []string{"interpreter "},
		},
		{
			name:    "NetBSD",
			spec:    elfSpec{interp: "/usr/libexec/ld.elf_so"},
			want:    "netbsd",
			reasons: []string{"interpreter "},
		},
		{
			name:    "DragonFly",
			spec:    elfSpec{interp: "/usr/libexec/ld-elf.so.2"},
			want:    "dragonfly",
			reasons: []string{"interpreter "},
		},
		{
			name:    "unknown loader",
			spec:    elfSpec{interp: "/opt/ld.so"},
			want:    "linux",
			reasons: []string{"interpreter /opt/ld.so"},
		},

		// Nothing but the libraries names the system.
		{
			name:    "library of glibc",
			spec:    elfSpec{needed: []string{"libm.so.6", "libc.so.6"}},
			want:    "linux",
			reasons: []string{"needs libm.so.6", "needs libc.so.6"},
		},
		{
			name: "library of Android",
			spec: elfSpec{
				kind:   elf.ET_DYN,
				needed: []string{"libc.so", "liblog.so"},
			},
			want: "android",
			ok:   true,
		},
		{
			name: "library of Solaris",
			spec: elfSpec{needed: []string{"libsocket.so.1"}},
			want: "solaris",
			ok:   true,
		},
		{
			name: "library of OpenBSD",
			spec: elfSpec{needed: []string{"libc.so.100.3"}},
			want: "openbsd",
			ok:   true,
		},

		// The facts contradict one another or the build info.
		{
			name: "glibc, built for Android",
			spec: elfSpec{
				interp: glibcLoader,
				needed: []string{"libc.so.6"},
			},
			goos:    "android",
			want:    "android",
			reasons: []string{"made for linux", "interpreter " + glibcLoader, "needs libc.so.6"},
		},
		{
			name: "musl, built for Android",
			spec: elfSpec{
				interp: muslLoader,
				needed: []string{"libc.so"},
			},
			goos:    "android",
			want:    "android",
			reasons: []string{"made for linux", "interpreter "},
		},
		{
			name:    "glibc without a loader, built for Android",
			spec:    elfSpec{needed: []string{"libc.so.6"}},
			goos:    "android",
			want:    "android",
			reasons: []string{"made for linux", "needs libc.so.6"},
		},
		{
			name:    "static glibc, built for Android",
			spec:    elfSpec{notes: linuxNote},
			goos:    "android",
			want:    "android",
			reasons: []string{"made for linux"},
		},
		{
			name:    "foreign loader, built for Android",
			spec:    elfSpec{interp: "/data/local/tmp/ld.so"},
			goos:    "android",
			want:    "android",
			reasons: []string{"interpreter "},
		},
		{
			name: "Android's loader and glibc's library",
			spec: elfSpec{
				interp: androidLoader,
				needed: []string{"libc.so.6"},
			},
			want:    "android",
			reasons: []string{"needs libc.so.6"},
		},
		{
			name: "Android's loader and a library by its path",
			spec: elfSpec{
				interp: androidLoader,
				needed: []string{"/data/x.so"},
			},
			want:    "android",
			reasons: []string{"needs /data/x.so"},
		},
		{
			name: "Android, built for Linux",
			spec: elfSpec{
				interp: androidLoader,
				notes:  androidNote,
			},
			goos:    "linux",
			want:    "linux",
			reasons: []string{"made for android", "interpreter "},
		},
		{
			name:    "Solaris, built for Linux",
			spec:    elfSpec{interp: solarisLoader},
			goos:    "linux",
			want:    "linux",
			reasons: []string{"made for solaris", "interpreter "},
		},
		{
			name: "glibc, built for Solaris",
			spec: elfSpec{
				interp: glibcLoader,
				needed: []string{"libc.so.1"},
			},
			goos:    "solaris",
			want:    "solaris",
			reasons: []string{"made for linux", "interpreter "},
		},
		{
			name: "glibc's library under the loader of Solaris",
			spec: elfSpec{
				interp: solarisLoader,
				needed: []string{"libc.so.6"},
			},
			want:    "solaris",
			reasons: []string{"needs libc.so.6"},
		},
		{
			name: "glibc, built for OpenBSD",
			spec: elfSpec{
				interp: glibcLoader,
				needed: []string{"libc.so.100.3"},
			},
			goos:    "openbsd",
			want:    "openbsd",
			reasons: []string{"made for linux", "interpreter "},
		},
		{
			name:    "illumos with the mark of FreeBSD",
			spec:    elfSpec{abi: elf.ELFOSABI_FREEBSD},
			goos:    "illumos",
			want:    "illumos",
			reasons: []string{"made for freebsd"},
		},
		{
			name:    "HP-UX",
			spec:    elfSpec{abi: elf.ELFOSABI_HPUX},
			want:    "ELFOSABI_HPUX",
			reasons: []string{`unknown operating system "ELFOSABI_HPUX"`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := readBytes(test.spec.bytes())
			if err != nil {
				t.Fatal(err)
			}
			goos := System(f, test.goos)
			v := Judge(goos, f)
			if goos != test.want || v.OK != test.ok || len(v.Reasons) != len(test.reasons) {
				t.Fatalf("judged for %s: %+v of %+v", goos, v, *f)
			}
			for i, reason := range test.reasons {
				if !strings.HasPrefix(v.Reasons[i], reason) {
					t.Errorf("reason %q, want %q", v.Reasons[i], reason)
				}
			}
		})
	}
}

// TestSystemContradicted reads files whose parts name different systems.
func TestSystemContradicted(t *testing.T) {
	tests := []struct {
		spec elfSpec
		want string
	}{
		{
			spec: elfSpec{
				interp: glibcLoader,
				notes:  androidNote,
			},
			want: "made for android (Android note) and for linux (interpreter " + glibcLoader + ")",
		},
		{
			spec: elfSpec{
				interp: muslLoader,
				notes:  androidNote,
			},
			want: "made for android (Android note) and for linux",
		},
		{
			spec: elfSpec{
				interp: glibcLoader,
				abi:    elf.ELFOSABI_LINUX,
				notes:  androidNote,
			},
			want: "made for android",
		},
		{
			spec: elfSpec{notes: slices.Concat(linuxNote, androidNote)},
			want: "made for linux (GNU note) and for android (Android note)",
		},
		{
			spec: elfSpec{notes: slices.Concat(androidNote, linuxNote)},
			want: "made for android (Android note) and for linux (GNU note)",
		},
		{
			spec: elfSpec{
				abi:   elf.ELFOSABI_LINUX,
				notes: slices.Concat(linuxNote, androidNote),
			},
			want: "made for linux (GNU note) and for android",
		},
		{
			spec: elfSpec{
				interp: androidLoader,
				notes:  linuxNote,
			},
			want: "made for linux (GNU note) and for android",
		},
		{
			spec: elfSpec{
				interp: glibcLoader,
				abi:    elf.ELFOSABI_SOLARIS,
			},
			want: "made for solaris (ELFOSABI_SOLARIS) and for linux",
		},
		{
			spec: elfSpec{
				interp: "/usr/libexec/ld.so",
				notes:  elfSystemNote("NetBSD", 1),
			},
			want: "made for netbsd (NetBSD note) and for openbsd",
		},
		{
			spec: elfSpec{
				interp: solarisLoader,
				abi:    elf.ELFOSABI_LINUX,
			},
			want: "made for linux (ELFOSABI_LINUX) and for solaris",
		},
	}
	for _, test := range tests {
		f, err := readBytes(test.spec.bytes())
		if err == nil || errors.Is(err, ErrNotExecutable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("read %+v, %v, want %q", f, err, test.want)
		}
	}
}

// TestSystemOfOtherFormats asks for the system of files that are not ELF.
func TestSystemOfOtherFormats(t *testing.T) {
	tests := []struct {
		file File
		want string
	}{
		{File{Format: PE, OS: "efi"}, "windows"},
		{File{Format: MachO}, "darwin"},
		{File{Format: MachO, OS: "ios"}, "ios"},
		{File{Format: MachO, Slices: []File{{OS: "ios"}, {OS: "darwin"}}}, "ios"},
		{File{Format: MachO, Slices: []File{{}, {OS: "ios"}}}, "darwin"},
		{File{Format: Wasm, Needed: []string{"env", "wasi_snapshot_preview1"}}, "wasip1"},
		{File{Format: Wasm, Needed: []string{"gojs"}}, "js"},
		{File{Format: XCOFF, OS: "aix"}, "aix"},
		{File{Format: Plan9, OS: "plan9"}, "plan9"},
	}
	for _, test := range tests {
		if goos := System(&test.file, ""); goos != test.want {
			t.Errorf("%+v is judged for %s, want %s", test.file, goos, test.want)
		}
	}
}

// TestNameServiceBehindAndroidNote checks that glibc's name service is found in a program that
// carries the note of Android.
func TestNameServiceBehindAndroidNote(t *testing.T) {
	spec := elfSpec{
		abi:   elf.ELFOSABI_LINUX,
		notes: androidNote,
		code:  append([]byte{0x90}, "libnss_files.so.2"...),
	}
	f, err := readBytes(spec.bytes())
	if err != nil || !f.NameService {
		t.Errorf("read %+v, %v", f, err)
	}
}

// TestSolarisLibraries reads tags of the dynamic section that only the loader of Solaris knows.
func TestSolarisLibraries(t *testing.T) {
	for _, tag := range []elf.DynTag{elfSunwAuxiliary, elfSunwFilter, elf.DT_USED, elf.DT_CONFIG} {
		spec := elfSpec{
			interp: solarisLoader,
			needed: []string{"libevil.so"},
			editDynamic: func(d []elf.Dyn64) []elf.Dyn64 {
				d[0].Tag = int64(tag)
				return d
			},
		}
		f, err := readBytes(spec.bytes())
		if err != nil || len(f.Needed)+len(f.RunPath) != 1 || Judge("solaris", f).OK {
			t.Errorf("%v: %+v, %v", tag, f, err)
		}

		spec.interp = androidLoader
		f, err = readBytes(spec.bytes())
		if err != nil || len(f.Needed)+len(f.RunPath) != 0 {
			t.Errorf("%v, for Android: %+v, %v", tag, f, err)
		}
	}
}
