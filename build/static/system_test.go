package static

import (
	"debug/elf"
	"errors"
	"strings"
	"testing"
)

// noteOf is a note of type 1, by which systems mark their programs.
func noteOf(owner string, desc ...uint32) []byte {
	s := elfSpec{data: elf.ELFDATA2LSB}
	b := s.encode(elfNote{NameSize: uint32(len(owner) + 1), DescSize: uint32(4 * len(desc)), Type: 1})
	b = append(b, owner...)
	b = append(b, make([]byte, 4-len(owner)%4)...)
	return append(b, s.encode(desc)...)
}

// TestSystem judges files that say, by one thing or several, for which system they are made.
func TestSystem(t *testing.T) {
	const (
		glibc   = "/lib64/ld-linux-x86-64.so.2"
		bionic  = "/system/bin/linker64"
		solaris = "/lib/amd64/ld.so.1"
	)
	gnu := noteOf("GNU", 0, 3, 2, 0)
	android := noteOf("Android", 21)
	tests := []struct {
		name    string
		spec    elfSpec
		goos    string // of the build info
		want    string // what it is judged for
		ok      bool
		reasons []string
	}{
		{"nothing", elfSpec{}, "", "linux", true, nil},
		{"nothing, with build info", elfSpec{}, "freebsd", "freebsd", true, nil},
		{"nothing, with build info", elfSpec{},
			"windows", "windows", false, []string{"ELF where PE was expected"}},

		// By the loader.
		{"glibc", elfSpec{interp: glibc}, "", "linux", false, []string{"interpreter " + glibc}},
		{"glibc elsewhere", elfSpec{interp: "/nix/store/x/lib/ld-linux-x86-64.so.2"},
			"", "linux", false, []string{"interpreter /nix/"}},
		{"musl", elfSpec{interp: "/lib/ld-musl-x86_64.so.1"},
			"", "linux", false, []string{"interpreter "}},
		{"mips", elfSpec{class: elf.ELFCLASS32, machine: elf.EM_MIPS, interp: "/lib/ld.so.1"},
			"", "linux", false, []string{"interpreter "}},
		{"Android", elfSpec{interp: bionic, needed: []string{"libc.so", "liblog.so"}},
			"", "android", true, nil},
		{"Android of 32 bits", elfSpec{class: elf.ELFCLASS32, machine: elf.EM_ARM, interp: "/system/bin/linker"},
			"", "android", true, nil},
		{"Solaris", elfSpec{interp: solaris, needed: []string{"libc.so", "libsocket.so"}},
			"", "solaris", true, nil},
		{"Solaris of 32 bits", elfSpec{class: elf.ELFCLASS32, machine: elf.EM_386, interp: "/usr/lib/ld.so.1"},
			"", "solaris", false, []string{"interpreter "}},
		{"illumos", elfSpec{interp: solaris, needed: []string{"libc.so"}},
			"illumos", "illumos", true, nil},
		{"OpenBSD", elfSpec{interp: "/usr/libexec/ld.so", needed: []string{"libc.so"}},
			"", "openbsd", true, nil},
		{"FreeBSD", elfSpec{interp: "/libexec/ld-elf.so.1"},
			"", "freebsd", false, []string{"interpreter "}},
		{"NetBSD", elfSpec{interp: "/usr/libexec/ld.elf_so"},
			"", "netbsd", false, []string{"interpreter "}},
		{"DragonFly", elfSpec{interp: "/usr/libexec/ld-elf.so.2"},
			"", "dragonfly", false, []string{"interpreter "}},
		{"unknown", elfSpec{interp: "/opt/ld.so"},
			"", "linux", false, []string{"interpreter /opt/ld.so"}},

		// By libraries, where nothing else says it.
		{"glibc's library", elfSpec{needed: []string{"libm.so.6", "libc.so.6"}},
			"", "linux", false, []string{"needs libm.so.6", "needs libc.so.6"}},
		{"Android's library", elfSpec{kind: elf.ET_DYN, needed: []string{"libc.so", "liblog.so"}},
			"", "android", true, nil},
		{"Solaris' library", elfSpec{needed: []string{"libsocket.so.1"}}, "", "solaris", true, nil},
		{"OpenBSD's library", elfSpec{needed: []string{"libc.so.100.3"}}, "", "openbsd", true, nil},

		// What does not fit together.
		{"glibc, built for Android", elfSpec{interp: glibc, needed: []string{"libc.so.6"}},
			"android", "android", false,
			[]string{"made for linux", "interpreter " + glibc, "needs libc.so.6"}},
		{"musl, built for Android", elfSpec{interp: "/lib/ld-musl-x86_64.so.1", needed: []string{"libc.so"}},
			"android", "android", false,
			[]string{"made for linux", "interpreter "}},
		{"glibc without a loader, built for Android", elfSpec{needed: []string{"libc.so.6"}},
			"android", "android", false,
			[]string{"made for linux", "needs libc.so.6"}},
		{"static glibc, built for Android", elfSpec{notes: gnu},
			"android", "android", false, []string{"made for linux"}},
		{"foreign loader, built for Android", elfSpec{interp: "/data/local/tmp/ld.so"},
			"android", "android", false, []string{"interpreter "}},
		{"Android's loader and glibc's library", elfSpec{interp: bionic, needed: []string{"libc.so.6"}},
			"", "android", false, []string{"needs libc.so.6"}},
		{"Android's loader and a library by its path", elfSpec{interp: bionic, needed: []string{"/data/x.so"}},
			"", "android", false, []string{"needs /data/x.so"}},
		{"Android, built for Linux", elfSpec{interp: bionic, notes: android},
			"linux", "linux", false, []string{"made for android", "interpreter "}},
		{"Solaris, built for Linux", elfSpec{interp: solaris},
			"linux", "linux", false, []string{"made for solaris", "interpreter "}},
		{"glibc, built for Solaris", elfSpec{interp: glibc, needed: []string{"libc.so.1"}},
			"solaris", "solaris", false, []string{"made for linux", "interpreter "}},
		{"glibc's library under the loader of Solaris", elfSpec{interp: solaris, needed: []string{"libc.so.6"}},
			"", "solaris", false, []string{"needs libc.so.6"}},
		{"glibc, built for OpenBSD", elfSpec{interp: glibc, needed: []string{"libc.so.100.3"}},
			"openbsd", "openbsd", false, []string{"made for linux", "interpreter "}},
		{"illumos with the mark of FreeBSD", elfSpec{abi: elf.ELFOSABI_FREEBSD},
			"illumos", "illumos", false, []string{"made for freebsd"}},
		{"HP-UX", elfSpec{abi: elf.ELFOSABI_HPUX},
			"", "ELFOSABI_HPUX", false, []string{`unknown operating system "ELFOSABI_HPUX"`}},
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

// TestSystemContradicted reads files whose own parts speak of two systems.
func TestSystemContradicted(t *testing.T) {
	tests := []struct {
		spec elfSpec
		want string
	}{
		{elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", notes: noteOf("Android", 21)},
			"made for android (Android note) and for linux (interpreter /lib64/ld-linux-x86-64.so.2)"},
		{elfSpec{interp: "/lib/ld-musl-x86_64.so.1", notes: noteOf("Android", 21)},
			"made for android (Android note) and for linux"},
		{elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", abi: elf.ELFOSABI_LINUX, notes: noteOf("Android", 21)},
			"made for android"},
		{elfSpec{notes: append(noteOf("GNU", 0, 3, 2, 0), noteOf("Android", 21)...)},
			"made for linux (GNU note) and for android (Android note)"},
		{elfSpec{notes: append(noteOf("Android", 21), noteOf("GNU", 0, 3, 2, 0)...)},
			"made for android (Android note) and for linux (GNU note)"},
		{elfSpec{abi: elf.ELFOSABI_LINUX, notes: append(noteOf("GNU", 0, 3, 2, 0), noteOf("Android", 21)...)},
			"made for linux (GNU note) and for android"},
		{elfSpec{interp: "/system/bin/linker64", notes: noteOf("GNU", 0, 3, 2, 0)},
			"made for linux (GNU note) and for android"},
		{elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", abi: elf.ELFOSABI_SOLARIS},
			"made for solaris (ELFOSABI_SOLARIS) and for linux"},
		{elfSpec{interp: "/usr/libexec/ld.so", notes: noteOf("NetBSD", 1)},
			"made for netbsd (NetBSD note) and for openbsd"},
		{elfSpec{interp: "/lib/amd64/ld.so.1", abi: elf.ELFOSABI_LINUX},
			"made for linux (ELFOSABI_LINUX) and for solaris"},
	}
	for _, test := range tests {
		f, err := readBytes(test.spec.bytes())
		if err == nil || errors.Is(err, ErrNotExecutable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("read %+v, %v, want %q", f, err, test.want)
		}
	}
}

// TestSystemOfOthers asks for files that are not ELF.
func TestSystemOfOthers(t *testing.T) {
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

// TestNameServiceUnderAnotherMark looks for glibc's name service in a program that is marked as one of
// Android by hand.
func TestNameServiceUnderAnotherMark(t *testing.T) {
	spec := elfSpec{abi: elf.ELFOSABI_LINUX, notes: noteOf("Android", 21), code: append([]byte{0x90}, "libnss_files.so.2"...)}
	f, err := readBytes(spec.bytes())
	if err != nil || !f.NameService {
		t.Errorf("read %+v, %v", f, err)
	}
}

// TestSolarisLibraries reads entries of the dynamic section that only the loader of Solaris knows.
func TestSolarisLibraries(t *testing.T) {
	for _, tag := range []elf.DynTag{elfSunwAuxiliary, elfSunwFilter, elf.DT_USED, elf.DT_CONFIG} {
		retagged := func(d []elf.Dyn64) []elf.Dyn64 {
			d[0].Tag = int64(tag)
			return d
		}
		spec := elfSpec{interp: "/lib/amd64/ld.so.1", needed: []string{"libevil.so"}, editDynamic: retagged}
		f, err := readBytes(spec.bytes())
		if err != nil || len(f.Needed)+len(f.RunPath) != 1 || Judge("solaris", f).OK {
			t.Errorf("%v: %+v, %v", tag, f, err)
		}

		spec.interp = "/system/bin/linker64"
		f, err = readBytes(spec.bytes())
		if err != nil || len(f.Needed)+len(f.RunPath) != 0 {
			t.Errorf("%v, for Android: %+v, %v", tag, f, err)
		}
	}
}
