package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/quote"
)

// A checksumList is a file that lists digests of the files beside it.
type checksumList struct {
	output.ListName
	name    string
	entries []output.Listed // nil if the list could not be read, which is reported elsewhere
}

// A comparedFile is one of the files beside the lists.
type comparedFile struct {
	// sums holds the digests: algorithm -> hex. It is nil if the file could not be read, which is
	// reported elsewhere.
	sums map[string]string

	unlisted bool // it need not be in a list
}

// maxList limits the size of a checksum list, in bytes. A list of 1,000 files, which is as many
// as a release can have, is smaller.
const maxList = 1 << 20

// readList reads a checksum list, at most maxList bytes.
func readList(f io.ReaderAt, size int64) ([]byte, error) {
	if size > maxList {
		return nil, fmt.Errorf("reading a checksum list: it has %d bytes, more than %d", size, maxList)
	}

	list, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, fmt.Errorf("reading a checksum list: %w", err)
	}

	return list, nil
}

// parse reads the list. A line that cannot be read is an error, because it could list any file.
func (l *checksumList) parse(f io.ReaderAt, size int64) error {
	data, err := readList(f, size)
	if err == nil {
		l.entries, err = output.ParseChecksums(data, l.Algorithm, l.Only)
	}
	if err != nil {
		return fmt.Errorf("reading the checksum list %s: %w", quote.Name(l.name), err)
	}

	return nil
}

// signatureEndings are appended to the name of a file to name a detached signature,
// certificate or attestation of that file.
var signatureEndings = []string{
	".asc", ".sig", ".sign", ".gpg", ".minisig",
	".pem", ".crt", ".cert", ".p7s",
	".bundle", ".sigstore", ".sigstore.json", ".cosign.bundle", "-keyless.pem", "-keyless.sig",
	".attestation.json", ".intoto.jsonl", ".proof",
}

// keyInName matches the key ID that may stand before the ending of a signature, as in
// HashiCorp's SHA256SUMS.72D7468F.sig.
var keyInName = regexp.MustCompile(`\.(?:[0-9A-F]{8}|[0-9A-F]{16})$`)

// isSignature reports whether a file is a signature or attestation of another file that is
// there. A list made before the signature cannot have it. The name of an attestation of a whole
// release need not contain the name of a file.
func isSignature(name string, isFile func(string) bool) bool {
	for _, ending := range signatureEndings {
		stem, ok := strings.CutSuffix(name, ending)
		if ok && (isFile(stem) || isFile(keyInName.ReplaceAllString(stem, ""))) {
			return true
		}
	}

	return strings.HasSuffix(name, ".intoto.jsonl")
}

// algorithmsOf returns the algorithms that are needed to compare files with the lists.
func algorithmsOf(lists []checksumList) []string {
	var algorithms []string
	for _, l := range lists {
		for _, e := range l.entries {
			if output.Computed(e.Algorithm) && !slices.Contains(algorithms, e.Algorithm) {
				algorithms = append(algorithms, e.Algorithm)
			}
		}
	}

	return algorithms
}

// compareLists compares each entry of each list with the files. Every file must be in a list.
// There may be one list of all files, one for each platform, or one for each file. The notes
// say what was not compared.
func compareLists(lists []checksumList, files map[string]comparedFile) (notes []string, err error) {
	var errs []error
	listed := map[string]bool{}
	unread := false // whether there is a list that could not be read, which may have any file

	for _, l := range lists {
		inList, skipped, err := l.compare(files)
		errs = append(errs, err)
		maps.Copy(listed, inList)
		unread = unread || l.entries == nil
		if len(skipped) > 0 {
			notes = append(notes, fmt.Sprintf("%s has %s digests, which are not compared",
				quote.Name(l.name), strings.Join(skipped, " and ")))
		}
	}

	switch {
	case unread: // which is reported elsewhere
	case len(listed) > 0:
		errs = append(errs, missing(files, listed, lists))
	case errors.Join(errs...) == nil:
		notes = append(notes, "there is no checksum list to compare the files with")
	}

	return notes, errors.Join(errs...)
}

// compare compares the entries of one list with the files. It returns the files that are
// listed with a digest that can be computed, and the algorithms of the other digests.
func (l *checksumList) compare(
	files map[string]comparedFile,
) (listed map[string]bool, skipped []string, err error) {
	var errs []error
	listed = map[string]bool{}

	for _, e := range l.entries {
		where := fmt.Sprintf("line %d of %s", e.Line, quote.Name(l.name))
		name := listedFile(e.Name, files)
		file, ok := files[name]

		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s lists %q, which is not there", where, e.Name))
			continue
		case l.Only != "" && name != l.Only:
			errs = append(errs, fmt.Errorf("%s lists %q, but by its name the list is only for %q",
				where, e.Name, l.Only))
			continue
		case !output.Computed(e.Algorithm):
			if !slices.Contains(skipped, e.Algorithm) {
				skipped = append(skipped, e.Algorithm)
			}
			continue
		}

		listed[name] = true

		sum := file.sums[e.Algorithm]
		if file.sums != nil && sum != e.Sum {
			algorithm := "SHA-" + strings.TrimPrefix(e.Algorithm, "sha")
			errs = append(errs, fmt.Errorf("%s has %s %s, and %s says %s",
				quote.Name(name), algorithm, sum, where, e.Sum))
		}
	}

	return listed, skipped, errors.Join(errs...)
}

// listedFile returns the name of the file that a list means. A list that was made from dist/*
// or from the output of find has directories before the names, on Windows with backslashes. The
// files of a release are in no directory.
func listedFile(name string, files map[string]comparedFile) string {
	if _, ok := files[name]; ok {
		return name
	}
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// missing returns an error for each file that is in no list.
func missing(
	files map[string]comparedFile, listed map[string]bool, lists []checksumList,
) error {
	where := "any checksum list"
	if len(lists) == 1 {
		where = "the checksum list " + quote.Name(lists[0].name)
	}

	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !files[name].unlisted && !listed[name] {
			errs = append(errs, fmt.Errorf("%s is not in %s", quote.Name(name), where))
		}
	}

	return errors.Join(errs...)
}

// compareDist compares the files in a dist/ of this program with its lists. It does nothing
// for other directories, whose lists may be about anything.
func compareDist(ctx context.Context, dir string) error {
	if !dist.IsOurs(dir) {
		return nil
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("comparing with the checksums: %w", err)
	}
	defer root.Close()

	entries, readErr := os.ReadDir(dir)
	lists, err := readLists(root, listsInDist(dir, entries))
	if len(lists) == 0 {
		return errors.Join(readErr, err) // a run that was interrupted leaves no list
	}

	errs := []error{err, readErr}
	files := map[string]comparedFile{}
	for _, entry := range entries {
		name := entry.Name()
		isList := slices.ContainsFunc(lists, func(l checksumList) bool { return l.name == name })
		if isList || dist.IsReserved(name) || !dist.IsFinished(entry) {
			continue
		}

		sums, err := sumsIn(ctx, root, name, algorithmsOf(lists))
		files[name] = comparedFile{sums: sums}
		errs = append(errs, err)
	}

	_, err = compareLists(lists, files)
	return errors.Join(append(errs, err)...)
}

// listsInDist returns the checksum lists in a dist/, without their entries: those in its report.
// Without a report they are the files whose names say so, as in a published release.
func listsInDist(dir string, entries []os.DirEntry) (lists []checksumList) {
	attached := map[string]bool{}
	for _, f := range dist.ReportedFiles(dir) {
		attached[f.Name] = f.Kind == output.Attached
		if f.Kind == output.Checksums {
			lists = append(lists, checksumList{
				name:     f.Name,
				ListName: output.ListName{Algorithm: f.Format},
			})
		}
	}
	if len(lists) > 0 {
		return lists
	}

	isFile := func(name string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
	}
	for _, entry := range entries {
		name := entry.Name()
		list, isList := output.ParseListName(name, isFile)
		if isList && !entry.IsDir() && !attached[name] && dist.IsFinished(entry) {
			lists = append(lists, checksumList{name: name, ListName: list})
		}
	}

	return lists
}

// readLists reads the entries of lists in a directory.
func readLists(root *os.Root, lists []checksumList) ([]checksumList, error) {
	var errs []error
	for i := range lists {
		l := &lists[i]

		f, size, err := openRegular(root, l.name)
		if err == nil {
			err = l.parse(f, size)
			_ = f.Close() // it was only read
		}
		errs = append(errs, err)
	}

	return lists, errors.Join(errs...)
}

// openRegular opens a file in a directory. It refuses a link, a pipe and a device.
func openRegular(root *os.Root, name string) (f *os.File, size int64, err error) {
	fi, err := root.Lstat(name)
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil {
		f, err = root.Open(name)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("comparing %s with the checksums: %w", quote.Name(name), err)
	}

	return f, fi.Size(), nil
}

// sumsIn computes the digests of a file in a directory.
func sumsIn(
	ctx context.Context, root *os.Root, name string, algorithms []string,
) (map[string]string, error) {
	f, _, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	sums, err := output.Sums(output.ReadWithContext(ctx, f), algorithms)
	if err != nil {
		printable := quote.Name(filepath.ToSlash(name))
		return nil, fmt.Errorf("comparing %s with the checksums: %w", printable, err)
	}

	return sums, nil
}
