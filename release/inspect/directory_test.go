package inspect

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/org/go-static-release/build/static"
)

// broken is recognized as an executable and cannot be read.
var broken = append([]byte("\x7fELF"), make([]byte, 60)...)

// Executables are visited in the order of names, whatever order they are found in.
func TestDirectoryOrder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	var many []member
	for i := range 40 * maxWaitingFound {
		many = append(many, member{fmt.Sprintf("m%d", i), broken})
	}

	var want []string
	for _, d := range []string{"a", "a/b", "c"} {
		for i := range 2 * batchSize {
			name := fmt.Sprintf("%s/%04d", d, i)
			write(name, broken)
			want = append(want, "NOT /"+name)
			write(name+".txt", []byte("text"))
			write(name+".gz", through(t, []byte("text"), gz))
		}
	}

	write("z", broken) // in the last batch
	want = append(want, "NOT /z")
	write("b.tar", tarOf(t, many, true))
	for _, m := range many {
		want = append(want, "NOT /b.tar!"+m.name)
	}

	// A walk compares paths element by element. Members keep their order.
	elements := func(s string) []string {
		path, _, _ := strings.Cut(s, "!")
		return strings.Split(path, "/")
	}
	slices.SortStableFunc(want, func(a, b string) int { return slices.Compare(elements(a), elements(b)) })

	for range 3 {
		if found, err := look(t, dir); err != nil || !slices.Equal(found, want) {
			t.Fatalf("%d of %d in another order, %v", len(found), len(want), err)
		}
	}

	for _, after := range []int{1, 50, 500} {
		stop := errors.New("enough")
		calls := 0
		err := Path(t.Context(), dir, func(Found) error {
			calls++
			if calls == after {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || calls != after {
			t.Errorf("stopped after %d: %d calls, %v", after, calls, err)
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		calls = 0
		err = Path(ctx, dir, func(Found) error {
			calls++
			if calls == after {
				cancel(stop)
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("canceled after %d: %d calls, %v", after, calls, err)
		}
	}
}

// There is an error for every file that cannot be inspected, in the order of names, and the
// other files are inspected.
func TestDirectoryErrors(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 * batchSize {
		data := broken
		if i%50 == 7 {
			data = []byte("\x1f\x8bno")
		}
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.gz", i)), data, 0o644))
	}

	found, err := look(t, dir)
	if len(found) != 3*batchSize-4 || err == nil {
		t.Fatalf("%d found, %v", len(found), err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 || !slices.IsSorted(lines) || !strings.Contains(lines[3], "0157.gz") {
		t.Errorf("%q", lines)
	}
}

// A file that is irrelevant to a probe has no executables and is not an error when it is
// inspected as usual.
func TestProbe(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	text := bytes.Repeat([]byte("a page of a manual\n"), 5000)
	empty := through(t, nil, gz)
	cases := map[string][]byte{
		"text":           through(t, text, gz),
		"noise":          through(t, noise, gz),
		"short":          through(t, []byte("so"), gz),
		"empty":          empty,
		"program":        through(t, broken, gz),
		"empty, program": append(slices.Clone(empty), through(t, broken, gz)...),
		"tar":            through(t, tarOf(t, []member{{"a", broken}}, true), gz),
		"xz":             through(t, text, xzw),
		"text, junk":     append(through(t, []byte("so"), gz), "junk"...),
		"header": append(
			[]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03"),
			bytes.Repeat([]byte("n"), 2000)...,
		),
	}

	// An empty gzip member ends where the probe does.
	var first bytes.Buffer
	w := gzip.NewWriter(&first)
	w.Extra = make([]byte, gzipProbeSize-len(empty)-2)
	check(t, w.Close())
	if first.Len() != gzipProbeSize {
		t.Fatalf("a member of %d bytes", first.Len())
	}
	cases["probe, program"] = append(first.Bytes(), through(t, broken, gz)...)

	isIrrelevant := map[string]bool{} // when read completely
	for name, data := range cases {
		for end := range min(len(data), 4000) + 1 {
			if end == 4000 {
				end = len(data)
			}
			part := bytes.NewReader(data[:end])
			in := newInspection(t.Context(), func(f Found) error { return errors.New("found " + f.Path) })
			if !in.probe.isIrrelevantGzip(part) {
				continue
			}
			if end == len(data) {
				isIrrelevant[name] = true
			}

			// A probe does not notice that the end of the file is missing.
			err := in.inspectCompressed("x", part, part.Size())
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s up to %d: irrelevant, and then %v", name, end, err)
			}
		}
	}

	for name := range cases {
		want := slices.Contains([]string{"text", "noise", "short", "empty"}, name)
		if isIrrelevant[name] != want {
			t.Errorf("%s is irrelevant: %v, expected %v", name, isIrrelevant[name], want)
		}
	}
}

func TestProbeZip(t *testing.T) {
	data := zipOf(t, []member{
		{"text", bytes.Repeat([]byte("text, "), 100)},
		{"p", broken},
		{"so", []byte("so")},
	})
	cases := 0
	irrelevant := 0
	p := &probe{}
	for at := range data {
		for _, flip := range []byte{0, 1, 4, 0x80} {
			changed := slices.Clone(data)
			changed[at] ^= flip
			zr, err := zip.NewReader(bytes.NewReader(changed), int64(len(changed)))
			if err != nil {
				continue
			}

			for _, m := range zr.File {
				cases++
				if !p.isIrrelevantMember(m) {
					continue
				}
				irrelevant++
				r, err := m.Open()
				if err != nil {
					t.Fatalf("flipping %x at %d: %s is irrelevant, and then %v", flip, at, m.Name, err)
				}
				head := make([]byte, 4)
				if _, err := io.ReadFull(r, head); err != nil || static.Known(head) {
					t.Errorf("flipping %x at %d: %s is irrelevant, and then %q, %v", flip, at, m.Name, head, err)
				}
			}
		}
	}

	if irrelevant == 0 || irrelevant > cases/2 {
		t.Errorf("%d of %d members are irrelevant", irrelevant, cases)
	}
}
