package release

import (
	"testing"
	"time"

	"github.com/org/go-static-release/release/pack"
)

// The digest of the inputs of an archive depends on everything that decides its bytes.
func TestInputs(t *testing.T) {
	// digest returns the digest of an archive, changed by change and packed by a program with
	// the digest self.
	digest := func(self, format string, change func(*pack.Archive)) string {
		a := pack.Archive{
			Time: time.Unix(1, 0),
			Files: []pack.File{
				{Name: "a", SHA256: "1"},
				{Name: "b", SHA256: "2", Executable: true},
			},
		}
		change(&a)
		return inputsOf(func() (string, error) { return self, nil }, a, format)
	}
	nothing := func(*pack.Archive) {}

	first := digest("program", "zip", nothing)
	if len(first) != 64 || first != digest("program", "zip", nothing) {
		t.Fatalf("%q is not the same twice", first)
	}

	for name, other := range map[string]string{
		"another program": digest("other", "zip", nothing),
		"another format":  digest("program", "tar.gz", nothing),
		"another time":    digest("program", "zip", func(a *pack.Archive) { a.Time = time.Unix(2, 0) }),
		"another mode":    digest("program", "zip", func(a *pack.Archive) { a.Files[0].Executable = true }),
		"another name":    digest("program", "zip", func(a *pack.Archive) { a.Files[0].Name = "c" }),
		"other bytes":     digest("program", "zip", func(a *pack.Archive) { a.Files[1].SHA256 = "3" }),
		"a file less":     digest("program", "zip", func(a *pack.Archive) { a.Files = a.Files[:1] }),
	} {
		if other == first || len(other) != 64 {
			t.Errorf("%s: %q", name, other)
		}
	}

	// There is none if the bytes of a file are not known.
	unknown := digest("program", "zip", func(a *pack.Archive) { a.Files[0].SHA256 = "" })
	if unknown != "" {
		t.Errorf("bytes that are not known: %q", unknown)
	}
}

func TestDigestOfSelf(t *testing.T) {
	digest, err := digestOfSelf()
	if err != nil || len(digest) != 64 {
		t.Errorf("%q, %v", digest, err)
	}
}
