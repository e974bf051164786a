package release

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkVerify compares verify with what people run instead, readelf in a loop of the
// shell, in pairs so that both see the same machine:
//
//	go test ./release -run '^$' -bench Verify -benchtime 3x
//	VERIFY_BENCH_DIR=/opt go test ./release -run '^$' -bench Verify
//
// verify reads everything in the directory, /usr unless told. The loop, which also stays
// outside of archives, would take minutes: it is given 1000 files, evenly spread over the
// directory, and its time is scaled to all files. The medians of the pairs are reported.
func BenchmarkVerify(b *testing.B) {
	readelf, err := exec.LookPath("readelf")
	if err != nil {
		b.Skip("readelf is not installed: there is nothing to compare with")
	}
	dir := cmp.Or(os.Getenv("VERIFY_BENCH_DIR"), "/usr")
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return nil // what cannot be read is left to both
	})
	if err != nil || len(files) == 0 {
		b.Skipf("%s: no files to look at, %v", dir, err)
	}
	sample := files
	if step := float64(len(files)) / 1000; step > 1 {
		sample = nil
		for at := 0.0; int(at) < len(files); at += step {
			sample = append(sample, files[int(at)])
		}
	}
	loop := append([]string{"-c", `readelf=$1; shift; for f; do "$readelf" -ld "$f"; done`, "sh", readelf}, sample...)
	verify := func() float64 {
		start := time.Now()
		status := Main(b.Context(), []string{"verify", "--no-workflow", dir}, os.Environ(), io.Discard, io.Discard)
		if status == exitBadRequest { // any other is about the files
			b.Fatal("nothing was verified")
		}
		return time.Since(start).Seconds()
	}
	verify() // both find the files in memory
	var ours, theirs, ratios []float64
	for b.Loop() {
		ours = append(ours, verify())
		start := time.Now()
		_ = exec.Command("sh", loop...).Run() // of the last file, which may be no ELF file
		theirs = append(theirs, time.Since(start).Seconds()*float64(len(files))/float64(len(sample)))
		ratios = append(ratios, theirs[len(theirs)-1]/ours[len(ours)-1])
	}
	median := func(values []float64) float64 { slices.Sort(values); return values[len(values)/2] }
	b.ReportMetric(float64(len(files)), "files")
	b.ReportMetric(median(ours), "s/verify")
	b.ReportMetric(median(theirs), "s/readelf")
	b.ReportMetric(median(ratios), "times-faster")
	b.ReportMetric(0, "ns/op") // of a pair, which says nothing
}
