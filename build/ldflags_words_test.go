package build

import (
	"slices"
	"strings"
	"testing"
)

// Flags are split as the go command does it, and joined so that it splits them the same way.
func TestSplitFlags(t *testing.T) {
	for text, want := range map[string][]string{
		"":                            nil,
		" \n":                         nil,
		"-s -w":                       {"-s", "-w"},
		"-s\n\t-w\r\n":                {"-s", "-w"},
		"-X 'main.v=a b'":             {"-X", "main.v=a b"},
		`-X "main.v=it's"`:            {"-X", "main.v=it's"},
		"-X main.v=it's":              {"-X", "main.v=it's"},
		`-X 'main.v="a"'-w`:           {"-X", `main.v="a"`, "-w"},
		"-X ''":                       {"-X", ""},
		"all=-s -w":                   {"-s", "-w"},
		"example.com/a=-X main.v=1":   {"-X", "main.v=1"},
		" ./cmd/...='-X=main.v=1' -w": {"-X=main.v=1", "-w"},
		"\u00a0-w=-s":                 {"-w=-s"}, // other white space counts only at the ends
	} {
		_, words, err := SplitFlags(text)
		if err != nil || !slices.Equal(words, want) {
			t.Errorf("%q: got %q, %v, want %q", text, words, err, want)
		}

		joined := joinFlags(words)
		_, again, err := SplitFlags(joined)
		startsWithFlag := len(words) == 0 || strings.HasPrefix(words[0], "-")
		if err != nil || startsWithFlag && !slices.Equal(again, words) {
			t.Errorf("%q: joined to %q, which is split into %q, %v", text, joined, again, err)
		}
	}

	for _, text := range []string{"s", "-X 'main.v=1", `-X "`} {
		if _, words, err := SplitFlags(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, words)
		}
	}

	_, _, err := SplitFlags("s")
	if err == nil || !strings.HasPrefix(err.Error(), `"s" is no flag`) {
		t.Errorf("got %v", err)
	}
}

func TestSetFlags(t *testing.T) {
	words := []string{
		"-s", "-X", "main.v=a=b", "-X=example.com/x.v2/y.Name=", "--X", "gopkg.in/y.v3.V=1",
		"-w", "--X=main.b=c d",
	}
	flags, err := setFlags(words)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range flags {
		got = append(got, x.pkg+" "+x.name+" "+x.value)
	}
	want := []string{"main v a=b", "example.com/x.v2/y Name ", "gopkg.in/y.v3 V 1", "main b c d"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	kept, err := withoutFlags(words, func(x setFlag) bool { return x.pkg == "main" })
	if err != nil {
		t.Fatal(err)
	}
	wantKept := []string{"-s", "-X=example.com/x.v2/y.Name=", "--X", "gopkg.in/y.v3.V=1", "-w"}
	if !slices.Equal(kept, wantKept) {
		t.Errorf("without main: got %q, want %q", kept, wantKept)
	}

	for _, words := range [][]string{
		{"-X"},
		{"-X", "main.version"},
		{"-X", "version=1"},
		{"-X=1"},
		{"-X", "main.title=My", "Tool"},
	} {
		if flags, err := setFlags(words); err == nil {
			t.Errorf("%q: got %v, want an error", words, flags)
		}
	}
}
