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

// BenchmarkVerify compares verify with the usual alternative, readelf in a loop of the shell.
// It measures them in pairs, so that other load on the machine affects both:
//
//	go test ./release -run '^$' -bench Verify -benchtime 3x
//	VERIFY_BENCH_DIR=/opt go test ./release -run '^$' -bench Verify
//
// verify reads everything in the directory, which is /usr by default. The loop, which does not
// look into archives, would take minutes. It gets 1000 files, evenly spread over the directory,
// and its time is scaled to all files. The benchmark reports the medians of the pairs.
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
		return nil // verify passes over unreadable directories too
	})
	if err != nil || len(files) == 0 {
		b.Skipf("%s: no files to look at, %v", dir, err)
	}
	sample := evenSample(files, 1000)

	script := `readelf=$1; shift; for f; do "$readelf" -ld "$f"; done`
	loop := append([]string{"-c", script, "sh", readelf}, sample...)
	timeReadelf := func() float64 {
		start := time.Now()
		_ = exec.Command("sh", loop...).Run() // the last file may be no ELF file
		return time.Since(start).Seconds() * float64(len(files)) / float64(len(sample))
	}
	timeVerify := func() float64 {
		start := time.Now()
		args := []string{"verify", "--no-workflow", dir}
		status := Main(b.Context(), args, os.Environ(), io.Discard, io.Discard)
		if status == exitInvalid { // any other status is about the files
			b.Fatal("nothing was verified")
		}
		return time.Since(start).Seconds()
	}

	timeVerify() // brings the files into memory for both
	var ours, theirs, ratios []float64
	for b.Loop() {
		verify := timeVerify()
		readelf := timeReadelf()
		ours = append(ours, verify)
		theirs = append(theirs, readelf)
		ratios = append(ratios, readelf/verify)
	}

	b.ReportMetric(float64(len(files)), "files")
	b.ReportMetric(median(ours), "s/verify")
	b.ReportMetric(median(theirs), "s/readelf")
	b.ReportMetric(median(ratios), "times-faster")
	b.ReportMetric(0, "ns/op") // hides the time of a pair
}

// evenSample returns about n of the files, or all if there are fewer.
func evenSample(files []string, n int) []string {
	step := float64(len(files)) / float64(n)
	if step <= 1 {
		return files
	}

	var sample []string
	for at := 0.0; int(at) < len(files); at += step {
		sample = append(sample, files[int(at)])
	}
	return sample
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
