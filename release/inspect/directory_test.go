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

// broken is the shortest executable there is.
var broken = append([]byte("\x7fELF"), make([]byte, 60)...)

// Whatever the readers do, the order is that of names, and one directory read more
// than once gives the same.
func TestDirectoryOrder(t *testing.T) {
	dir := t.TempDir()
	var many []member
	for i := range 40 * maxWaitingFound {
		many = append(many, member{fmt.Sprintf("m%d", i), broken})
	}
	write := func(name string, data []byte) {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
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
	slices.SortStableFunc(want, func(a, b string) int { // as the directories are walked: by element, members as they come
		split := func(s string) []string { path, _, _ := strings.Cut(s, "!"); return strings.Split(path, "/") }
		return slices.Compare(split(a), split(b))
	})
	for range 3 {
		if found, err := look(t, dir); err != nil || !slices.Equal(found, want) {
			t.Fatalf("%d of %d in another order, %v", len(found), len(want), err)
		}
	}

	for _, after := range []int{1, 50, 500} {
		stop, calls := errors.New("enough"), 0
		err := Path(t.Context(), dir, func(Found) error {
			if calls++; calls == after {
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
			if calls++; calls == after {
				cancel(stop)
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("cancelled after %d: %d calls, %v", after, calls, err)
		}
	}
}

// All that cannot be looked at is named, in the order of names, and the rest is looked at.
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

// What a probe calls nothing is nothing, and no error, when it is read as usual.
func TestProbe(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	text := bytes.Repeat([]byte("a page of a manual\n"), 5000)
	empty := through(t, nil, gz)
	cases := map[string][]byte{
		"text": through(t, text, gz), "noise": through(t, noise, gz), "short": through(t, []byte("so"), gz), "empty": empty,
		"program": through(t, broken, gz), "empty, program": append(slices.Clone(empty), through(t, broken, gz)...),
		"tar": through(t, tarOf(t, []member{{"a", broken}}, true), gz), "xz": through(t, text, xzw),
		"text, junk": append(through(t, []byte("so"), gz), "junk"...), "header": append([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03"), bytes.Repeat([]byte("n"), 2000)...),
	}
	var first bytes.Buffer // an empty member that ends where the probe does
	w := gzip.NewWriter(&first)
	w.Extra = make([]byte, gzipProbeSize-len(empty)-2)
	check(t, w.Close())
	if first.Len() != gzipProbeSize {
		t.Fatalf("a member of %d bytes", first.Len())
	}
	cases["probe, program"] = append(first.Bytes(), through(t, broken, gz)...)
	nothing := map[string]int{}
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
			nothing[name] += end / len(data) // as a whole
			// That the rest is missing is not seen: only what there is at the beginning.
			if err := in.inspectCompressed("x", part, part.Size()); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s up to %d: nothing, and then %v", name, end, err)
			}
		}
	}
	for name := range cases {
		if want := slices.Contains([]string{"text", "noise", "short", "empty"}, name); (nothing[name] == 1) != want {
			t.Errorf("%s is nothing: %d, want %v", name, nothing[name], want)
		}
	}
}

func TestProbeZip(t *testing.T) {
	data := zipOf(t, []member{{"text", bytes.Repeat([]byte("text, "), 100)}, {"p", broken}, {"so", []byte("so")}})
	cases, nothing, p := 0, 0, &probe{}
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
				nothing++
				r, err := m.Open()
				if err != nil {
					t.Fatalf("flipping %x at %d: %s is nothing, and then %v", flip, at, m.Name, err)
				}
				head := make([]byte, 4)
				if _, err := io.ReadFull(r, head); err != nil || static.Known(head) {
					t.Errorf("flipping %x at %d: %s is nothing, and then %q, %v", flip, at, m.Name, head, err)
				}
			}
		}
	}
	if nothing == 0 || nothing > cases/2 {
		t.Errorf("%d of %d members are nothing", nothing, cases)
	}
}
