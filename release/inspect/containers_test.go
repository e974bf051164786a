package inspect

import "testing"

// Containers are recognized by their extensions, in upper or lower case.
func TestContainerByName(t *testing.T) {
	for name, want := range map[string]struct{ container, tar bool }{
		"a.tar.gz":      {true, true},
		"A.TAR.XZ":      {true, true},
		"a.tar.zst":     {true, true},
		"a.tbz2":        {true, true},
		"a.crate":       {true, true},
		"a.gz":          {true, false},
		"a.tarx.gz":     {true, false},
		"app.jar":       {false, false}, // a Java program: what it loads is its own business
		"wheel.whl":     {true, false},
		"x.nupkg":       {true, false},
		"x.deb":         {true, false},
		"x.rpm":         {true, false},
		"tar":           {false, false},
		"targz":         {false, false},
		"a.tar/program": {false, false},
		"a.longer":      {false, false},
		"":              {false, false},
		".":             {false, false},
	} {
		if got := containerByName(name) != nil; got != want.container {
			t.Errorf("%q: container %v, expected %v", name, got, want.container)
		}
		if got := isTarName(name); got != want.tar {
			t.Errorf("%q: tar %v, expected %v", name, got, want.tar)
		}
	}
}
