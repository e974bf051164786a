package inspect

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz/lzma"
)

func lzmaOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.NewWriter(&b)
	check(t, err)
	_, err = w.Write(data)
	check(t, err)
	check(t, w.Close())
	return b.Bytes()
}

// Every member of a Debian package and of an ar archive is inspected.
func TestDebViews(t *testing.T) {
	tarWith := func(name, mark string) []byte { return tarOf(t, []member{{name, marked(mark)}}, true) }
	gzipped := func(data []byte) []byte { return through(t, data, gz) }
	version := member{"debian-binary", []byte("2.0\n")}
	control := member{"control.tar.gz", gzipped(tarOf(t, []member{{"control", []byte("Package: p\n")}}, true))}
	data := member{"data.tar.gz", gzipped(tarWith("./usr/p", "data"))}
	renamed := func(data []byte, from, to string) []byte {
		return bytes.Replace(data, fmt.Appendf(nil, "%-16s", from), fmt.Appendf(nil, "%-16s", to), 1)
	}

	withoutPadding := func(data []byte) []byte { return data[:len(data)-1] }

	cases := []crafted{
		{"as usual", arOf([]member{version, control, data}), "data"},
		{
			"a program as a maintainer script",
			arOf([]member{version, {"control.tar.gz", gzipped(tarWith("preinst", "control"))}, data}),
			"control data",
		},
		{
			"a control archive that is not compressed",
			arOf([]member{version, {"control.tar", tarWith("preinst", "control")}, data}),
			"control data",
		},
		{
			"a control archive of zstd",
			arOf([]member{version, {"control.tar.zst", through(t, tarWith("preinst", "control"), zst)}, data}),
			"control data",
		},
		{
			"more members",
			arOf([]member{version, control, {"_extra", marked("extra")}, data, {"more", marked("more")}}),
			"extra data more",
		},
		{
			"files of lzma",
			arOf([]member{version, control, {"data.tar.lzma", lzmaOf(t, tarWith("p", "data"))}}),
			"data",
		},
		{
			"files that are not as their name says",
			arOf([]member{version, control, {"data.tar.xz", gzipped(tarWith("p", "data"))}}),
			"data",
		},
		{
			"names with a slash",
			renamed(
				renamed(arOf([]member{version, control, data}), "data.tar.gz", "data.tar.gz/"),
				"debian-binary",
				"debian-binary/",
			),
			"data",
		},
		{
			"two archives of files",
			arOf([]member{version, control, data, {"data.tar", tarWith("q", "second")}}),
			"data second",
		},
		{"no files", arOf([]member{version, control}), "no data.tar in the Debian package"},
		{"the files are a program", arOf([]member{version, control, {"data.tar", marked("data")}}), "data"},
		{
			"the files are text",
			arOf([]member{version, control, {"data.tar", []byte("text")}}),
			"unexpected EOF",
		},
		{
			"members of odd length",
			arOf([]member{version, {"odd", append(marked("odd"), 0)}, control, data}),
			"odd data",
		},
		{
			"padding that is missing",
			withoutPadding(arOf([]member{version, control, data, {"odd", append(marked("odd"), 0)}})),
			"data odd",
		},
	}

	compare(t, "deb", ".deb", cases)

	bsd := append([]byte("a long name\x00"), marked("bsd")...)
	ar := []crafted{
		{"objects are no programs", arOf([]member{{"x.o", []byte("text")}}), ""},
		{"a program", arOf([]member{{"p", marked("p")}}), "p"},
		{"a long name before the content", arOf([]member{{"#1/12", bsd}}), "bsd"},
		{"a name like a long one", arOf([]member{{"#1/12", marked("p")}}), "p"},
		{
			"the table of a linker",
			arOf([]member{{"/", []byte("\x00\x00\x01\xeb\x00\x00")}, {"//", []byte("name/\n")}, {"p/", marked("p")}}),
			"p",
		},
		{
			"a negative size",
			bytes.Replace(arOf([]member{{"p", marked("p")}}), []byte("1024      `"), []byte("-1        `"), 1),
			"not a member header",
		},
	}

	compare(t, "deb", ".a", ar)
}

// cpioMember is a member in the new ASCII format.
func cpioMember(name string, mode, links int, content []byte) []byte {
	b := fmt.Appendf(nil, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		cpioMagic, 7, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	b = append(b, name+"\x00"...)
	b = append(b, make([]byte, (4-len(b)%4)%4)...)
	b = append(b, content...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// rpm takes the modes of files from its own header and ignores those in the payload.
func TestRPMViews(t *testing.T) {
	good := marked("good")
	last := cpioMember(cpioEnd, 0, 1, nil)
	payload := func(parts ...[]byte) []byte { return slices.Concat(slices.Concat(parts...), last) }
	var cases []crafted
	add := func(name string, payload []byte, want string) {
		cases = append(cases, crafted{name, rpmOf(through(t, payload, gz)), want})
	}

	for _, mode := range []int{
		0,
		0o100755,
		0o040755,
		0o120777,
		0o010644,
		0o020644,
		0o060644,
		0o140755,
		0xffffffff,
	} {
		add(fmt.Sprintf("mode %o", mode), payload(cpioMember("p", mode, 1, good)), "good")
	}
	add("a link",
		payload(cpioMember("l", 0o120777, 1, []byte("target")), cpioMember("p", 0o100755, 1, good)),
		"good")
	add("hard links", payload(cpioMember("a", 0o100755, 2, nil), cpioMember("b", 0o100755, 2, good)), "good")
	add("hard links with content each",
		payload(cpioMember("a", 0o100755, 2, marked("first")), cpioMember("b", 0o100755, 2, good)),
		"first good")
	add("the end with content",
		slices.Concat(cpioMember("p", 0o100755, 1, good), cpioMember(cpioEnd, 0o100755, 1, marked("last"))),
		"good")
	noEnd := bytes.Replace(
		cpioMember("TRAILER!!!x", 0o100755, 1, good),
		[]byte("0000000c00000000TRAILER!!!x\x00"),
		[]byte("0000000b00000000TRAILER!!!x\x00"),
		1,
	)
	add("a name without an end", payload(noEnd), "not terminated by a zero byte")
	add("a name with an end in it", payload(cpioMember("TRAILER!!!\x00x", 0o100755, 1, good)), "good")
	add("no end", cpioMember("p", 0o100755, 1, good), "reading cpio header")
	plain := payload(cpioMember("p", 0o100755, 1, good))
	cases = append(cases,
		crafted{"not compressed", rpmOf(plain), "good"},
		crafted{"xz", rpmOf(through(t, plain, xzw)), "good"},
		crafted{"zstd", rpmOf(through(t, plain, zst)), "good"},
		crafted{"lzma", rpmOf(lzmaOf(t, plain)), "good"},
		crafted{"a format of large files", rpmOf([]byte("07070X00000000")), "reading cpio header"},
	)

	compare(t, "rpm", ".rpm", cases)
}

// TestRealRPM reads packages that rpmbuild makes with each compression.
func TestRealRPM(t *testing.T) {
	if _, err := exec.LookPath("rpmbuild"); err != nil {
		t.Skip("rpmbuild is not installed: no real RPM package is read")
	}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "p"), marked("good"), 0o755))
	spec := `Name: p
Version: 1
Release: 1
Summary: p
License: p
BuildArch: noarch
%description
p
%install
mkdir -p %{buildroot}/opt
cp ` + filepath.Join(dir, "p") + ` %{buildroot}/opt/p
ln %{buildroot}/opt/p %{buildroot}/opt/q
ln -s p %{buildroot}/opt/l
%files
/opt/p
/opt/q
/opt/l
`
	check(t, os.WriteFile(filepath.Join(dir, "p.spec"), []byte(spec), 0o644))

	for _, compression := range []string{
		"w9.gzdio",
		"w9.bzdio",
		"w2.xzdio",
		"w2.lzdio",
		"w3.zstdio",
		"w.ufdio",
	} {
		top := filepath.Join(dir, compression)
		cmd := exec.Command("rpmbuild", "-bb", "--quiet",
			"--define", "_topdir "+top,
			"--define", "_binary_payload "+compression,
			"--define", "__os_install_post %{nil}",
			"--define", "_build_id_links none",
			"--define", "_binaries_in_noarch_packages_terminate_build 0",
			filepath.Join(dir, "p.spec"),
		)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", compression, err, out)
		}

		packages, err := filepath.Glob(filepath.Join(top, "RPMS", "noarch", "*.rpm"))
		if err != nil || len(packages) != 1 {
			t.Fatalf("%s: %q, %v", compression, packages, err)
		}
		if marks, err := marksOf(t, packages[0]); err != nil || !slices.Equal(marks, []string{"good"}) {
			t.Errorf("%s: %q, %v", compression, marks, err)
		}
	}
}

// Several streams in a row are read as one. Anything else after a stream is an error.
func TestCompressedViews(t *testing.T) {
	good, half := marked("good"), len(marked("good"))/2
	var cases []crafted
	for name, pack := range map[string]func([]byte) []byte{
		"gzip": func(data []byte) []byte { return through(t, data, gz) },
		"xz":   func(data []byte) []byte { return through(t, data, xzw) },
		"zstd": func(data []byte) []byte { return through(t, data, zst) },
		"bzip2": func(data []byte) []byte {
			cmd := exec.Command("bzip2", "-c")
			cmd.Stdin = bytes.NewReader(data)
			out, err := cmd.Output()
			if err != nil {
				return nil
			}
			return out
		},
	} {
		if pack(good) == nil {
			t.Logf("not installed, so not compared with: %s", name)
			continue
		}
		archive := pack(append(tarMember("p", '0', good), tarEnd...))
		cases = append(cases,
			crafted{name, pack(good), "good"},
			crafted{name + ", two halves", append(pack(good[:half]), pack(good[half:])...), "good"},
			crafted{name + " after an empty one", append(pack(nil), pack(good)...), "good"},
			crafted{name + ", two tar archives", append(slices.Clone(archive), archive...), "good good"},
			crafted{
				name + ", a tar archive in halves",
				append(
					pack(tarMember("p", '0', good)),
					pack(append(tarMember("q", '0', marked("second")), tarEnd...))...,
				),
				"good second",
			},
			crafted{name + ", junk after", append(pack(good), "junk that is long enough"...), "inspecting"},
			crafted{name + " in " + name, pack(pack(good)), "good"},
		)
	}

	skippable := []byte("\x5a\x2a\x4d\x18\x04\x00\x00\x00junk")
	zstd := through(t, good, zst)
	cases = append(cases,
		crafted{"zstd, skipped frames around", slices.Concat(skippable, zstd, skippable), "good"},
		crafted{
			"zstd, skipped frames between",
			slices.Concat(through(t, good[:half], zst), skippable, through(t, good[half:], zst)),
			"good",
		},
		crafted{
			"xz, padding between",
			slices.Concat(through(t, good[:half], xzw), make([]byte, 8), through(t, good[half:], xzw)),
			"good",
		},
		crafted{
			"apk",
			slices.Concat(
				through(t, tarMember(".SIGN", '0', nil), gz),
				through(t, tarMember(".pre-install", '0', marked("script")), gz),
				through(t, append(tarMember("p", '0', good), tarEnd...), gz),
			),
			"script good",
		},
	)

	compare(t, "stream", "", cases)
	for _, c := range cases { // the same without the beginning of it
		if len(c.data) > 20 && c.want == "good" && strings.HasPrefix(c.name, "gzip") {
			if marks, err := marksOf(t, write(t, "x", c.data[:len(c.data)-4])); err == nil {
				t.Errorf("%s, cut: %q without an error", c.name, marks)
			}
		}
	}
}
