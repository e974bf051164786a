package release

import (
	"runtime"
	"testing"
	"time"

	"github.com/org/go-static-release/release/pack"
)

// Everything that decides the bytes of an archive changes the digest of its inputs.
func TestInputs(t *testing.T) {
	content := func() pack.Archive {
		return pack.Archive{Time: time.Unix(1, 0), Files: []pack.File{{Name: "a", SHA256: "1"}, {Name: "b", Executable: true, SHA256: "2"}}}
	}
	format := "zip"
	by := func(self string, change func(*pack.Archive)) string {
		a := content()
		change(&a)
		return inputsOf(func() (string, error) { return self, nil }, a, format)
	}
	nothing := func(*pack.Archive) {}
	same := by("program", nothing)
	if len(same) != 64 || same != by("program", nothing) {
		t.Fatalf("%q is not the same twice", same)
	}
	for name, other := range map[string]string{
		"another program": by("other", nothing),
		"another time":    by("program", func(a *pack.Archive) { a.Time = time.Unix(2, 0) }),
		"another mode":    by("program", func(a *pack.Archive) { a.Files[0].Executable = true }),
		"another name":    by("program", func(a *pack.Archive) { a.Files[0].Name = "c" }),
		"other bytes":     by("program", func(a *pack.Archive) { a.Files[1].SHA256 = "3" }),
		"a file less":     by("program", func(a *pack.Archive) { a.Files = a.Files[:1] }),
	} {
		if other == same || len(other) != 64 {
			t.Errorf("%s: %q", name, other)
		}
	}
	format = "tar.gz"
	if other := by("program", nothing); other == same {
		t.Error("another format has the same")
	}
	if unknown := by("program", func(a *pack.Archive) { a.Files[0].SHA256 = "" }); unknown != "" {
		t.Errorf("bytes that are not known: %q", unknown)
	}
	digest, err := digestOfSelf()
	if err != nil || len(digest) != 64 {
		t.Errorf("%s: %q, %v", runtime.GOOS, digest, err)
	}
}
