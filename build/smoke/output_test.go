package smoke

import (
	"fmt"
	"strings"
	"testing"
)

func TestContainsVersion(t *testing.T) {
	for _, test := range []struct {
		text, version string
		want          bool
	}{
		{"tool 1.2.3", "1.2.3", true},
		{"tool v1.2.3", "1.2.3", true},
		{"tool version V1.2.3.", "1.2.3", true},
		{"1.2.3", "1.2.3", true},
		{`{"version":"1.2.3","commit":"x"}`, "1.2.3", true},
		{"tool-1.2.3_linux_amd64", "1.2.3", true},
		{"tool/1.2.3 (linux)", "1.2.3", true},
		{"tool (v1.2.3), built today", "1.2.3", true},
		{"tool:\n\n  Version:\t1.2.3\r\n  Go: go1.26.8", "1.2.3", true},
		{"1.2.3+dirty", "1.2.3", true},
		{"v1.2.3", "1.2.3+dirty", true},
		{"1.2.3-0123abc", "1.2.3", true},
		{"1.2.3-g0123abc (main)", "1.2.3", true},
		{"11.2.3 and 1.2.3", "1.2.3", true},
		{"1.2.3-rc.1", "1.2.3-rc.1", true},
		{"v1.2.4-0.20260102030405-0123456789ab", "1.2.4-0.20260102030405-0123456789ab", true},
		{"", "1.2.3", false},
		{"tool dev", "1.2.3", false},
		{"11.2.3", "1.2.3", false},
		{"1.2.30", "1.2.3", false},
		{"1.2.3.4", "1.2.3", false},
		{"0.1.2.3", "1.2.3", false},
		{"v11.2.3", "1.2.3", false},
		{"go1.2.3", "1.2.3", false},
		{"dev1.2.3", "1.2.3", false},
		{"1.2.3-rc.1", "1.2.3", false},
		{"1.2.3rc1", "1.2.3", false},
		{"1.2.3-5-g0123abc", "1.2.3", false},
		{"1.2.3-rc.10", "1.2.3-rc.1", false},
		{"1.2.3", "1.2.3-rc.1", false},
		{"1x2x3", "1.2.3", false},
	} {
		if got := containsVersion(test.text, test.version); got != test.want {
			t.Errorf("%q in %q: %t", test.version, test.text, got)
		}
	}
}

func TestAsksForVersion(t *testing.T) {
	for args, want := range map[string]bool{
		"--version": true, "-version": true, "version": true, "-V": true, "version --client": true,
		"--version=true": true, "--no-config --Version": true, "": false, "-v": false, "--help": false,
		"--versions": false, "convert version.txt": false,
	} {
		if got := asksForVersion(strings.Fields(args)); got != want {
			t.Errorf("%q: %t", args, got)
		}
	}
}

// The first line and the version are found however much a program prints.
func TestPrinted(t *testing.T) {
	p := newPrinted()
	fmt.Fprintf(p, "\n  \n\x1b[1;32mfirst\x1b[0m\r\n")
	for i := range 10000 {
		fmt.Fprintf(p, "line %d\n", i)
	}
	fmt.Fprint(p, "version 1.2.3")
	if got := p.firstLine(); got != "first" {
		t.Errorf("the first line is %q", got)
	}
	if !containsVersion(p.all(), "1.2.3") || len(p.all()) > 3*maxOutput {
		t.Errorf("%d bytes are kept, without the last line", len(p.all()))
	}

	long := newPrinted()
	fmt.Fprint(long, strings.Repeat("ä", maxSaid))
	if got := long.firstLine(); got != strings.Repeat("ä", maxSaid/2)+"..." {
		t.Errorf("a long line is %q", got)
	}
	binary := newPrinted()
	fmt.Fprint(binary, strings.Repeat("\x80", 2*maxSaid))
	if got := len(binary.firstLine()); got < maxSaid-4 || got > maxSaid+3 {
		t.Errorf("a long line of no text has %d bytes", got)
	}
	if got := newPrinted().firstLine(); got != "" {
		t.Errorf("nothing is %q", got)
	}
}
