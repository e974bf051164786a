package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// A verification is one run of the command verify, or the verification of what a release
// published.
type verification struct {
	p    *program
	c    *config.Config
	out  io.Writer
	json bool

	total int // executables
	bad   int // executables that are not static

	attached map[string]string // SHA-256 by name of the files that are compared and not proved
}

// verifyPublished downloads and proves the files that a release has published. The setting
// attach adds files that this program did not make: they are compared and not proved.
func (p *program) verifyPublished(ctx context.Context, c *config.Config, tag string, files []report.File) error {
	v := &verification{
		p:        p,
		c:        c,
		out:      p.log,
		attached: map[string]string{},
	}
	for _, f := range files {
		if f.Kind == output.Attached {
			v.attached[f.Name] = f.SHA256()
		}
	}

	client, err := v.client(p.event.Repository)
	if err == nil {
		err = v.release(ctx, client, p.event.Repository, tag)
	}
	if err != nil {
		return fmt.Errorf("verifying the published release: %w", err)
	}

	executables := report.Count(v.total, "executable")
	if v.bad > 0 && c.Static != "report" {
		return fmt.Errorf("verifying the published release: %d of %s not static", v.bad, executables)
	}

	p.say("verified as published: %s", executables)
	return nil
}

// local proves a file or a directory.
func (v *verification) local(ctx context.Context, path string) error {
	info, err := os.Stat(path) // follows a link
	isDir := err == nil && info.IsDir()

	err = inspect.Path(ctx, path, v.visit)
	if isDir {
		err = errors.Join(err, compareDist(ctx, path))
	}
	return err
}

// userAgent is how this program introduces itself to servers.
func userAgent() string { return config.ActionName + "/" + programVersion() }

// visit counts and shows one executable.
func (v *verification) visit(f inspect.Found) error {
	v.total++
	if !f.Verdict.OK {
		v.bad++
	}
	if v.json {
		return v.printJSON(f)
	}
	_, err := fmt.Fprintln(v.out, verdictLine(f))
	return err
}

// client returns a client for the releases of a repository.
func (v *verification) client(repository string) (*github.Client, error) {
	return github.NewClient(github.Options{
		APIURL:     v.p.event.APIURL,
		Repository: repository,
		Token:      v.c.Token,
		UserAgent:  userAgent(),
	})
}

// release downloads a published release, compares each file with the digest that the
// server has and with every checksum list of the release, and proves what is in it.
func (v *verification) release(ctx context.Context, client *github.Client, repository, tag string) error {
	rel, err := client.Find(ctx, tag)
	if err != nil {
		return err
	}

	f, remove, err := inspect.TempFile()
	if err != nil {
		return fmt.Errorf("creating a temporary file for downloads: %w", err)
	}
	defer remove()

	d := &downloads{
		v:         v,
		rel:       rel,
		f:         f,
		reference: repository + "@" + tag,
		files:     map[string]comparedFile{},
	}
	names := rel.Names()
	isFile := func(name string) bool { return slices.Contains(names, name) }

	// The lists come first, because they say which digests to compute of the other files. A
	// file that this run has attached is not a list, whatever its name.
	var errs []error
	var others []string
	for _, name := range names {
		list, isList := output.ParseListName(name, isFile)
		if _, attached := v.attached[name]; !isList || attached {
			others = append(others, name)
			continue
		}
		errs = append(errs, d.checkList(ctx, checksumList{name: name, ListName: list}))
	}

	algorithms := algorithmsOf(d.lists)
	for _, name := range others {
		errs = append(errs, d.checkFile(ctx, name, algorithms, isSignature(name, isFile)))
	}

	notes, err := compareLists(d.lists, d.files)
	for _, note := range notes {
		v.p.say("note: %s: %s", d.reference, note)
	}

	return errors.Join(append(errs, err)...)
}

// downloads are the files of a published release. Each is downloaded once.
type downloads struct {
	v         *verification
	rel       *github.Release
	f         *os.File // holds the file that was downloaded last
	reference string   // to the release: OWNER/REPO@TAG

	lists     []checksumList
	listBytes int64 // of all lists together
	files     map[string]comparedFile
}

// checkList downloads a checksum list, parses it, and proves what is in it.
func (d *downloads) checkList(ctx context.Context, l checksumList) error {
	_, size, err := d.download(ctx, l.name)
	if err == nil {
		err = d.parseList(&l, size)
	}
	d.lists = append(d.lists, l)
	if err != nil {
		d.files[l.name] = comparedFile{unlisted: true}
		return err
	}

	// Another list may list this one, by any of the digests.
	sums, err := output.Sums(io.NewSectionReader(d.f, 0, size), []string{"sha256", "sha384", "sha512"})
	d.files[l.name] = comparedFile{
		sums:     sums,
		unlisted: true,
	}

	return errors.Join(err, d.inspect(ctx, l.name, size))
}

// parseList parses the list that was downloaded last.
func (d *downloads) parseList(l *checksumList, size int64) error {
	d.listBytes += size
	if d.listBytes > maxLists {
		return fmt.Errorf("the checksum lists of %s have more than %d bytes", d.reference, maxLists)
	}
	return l.parse(d.f, size)
}

// maxLists limits the lists of one release together, in bytes.
const maxLists = 16 << 20

// checkFile downloads a file that is not a list, computes the digests that the lists have, and
// proves the executables in it. A signature need not be listed, unless an executable is in
// it.
func (d *downloads) checkFile(ctx context.Context, name string, algorithms []string, signature bool) error {
	sum, size, err := d.download(ctx, name)
	if err != nil {
		d.files[name] = comparedFile{}
		return err
	}

	sums := map[string]string{}
	others := slices.DeleteFunc(slices.Clone(algorithms), func(a string) bool { return a == "sha256" })
	if len(others) > 0 {
		sums, err = output.Sums(io.NewSectionReader(d.f, 0, size), others)
	}
	if err == nil {
		sums["sha256"] = sum // computed on the way
	}

	before := d.v.total
	err = errors.Join(err, d.inspect(ctx, name, size))
	d.files[name] = comparedFile{
		sums:     sums,
		unlisted: signature && d.v.total == before,
	}

	return err
}

// download downloads one file and returns its SHA-256 and its size. A file that this run has
// attached must still have the same digest.
func (d *downloads) download(ctx context.Context, name string) (sum string, size int64, err error) {
	sum, err = d.rel.Download(ctx, name, d.f)
	if err != nil {
		return "", 0, err
	}

	info, err := d.f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("downloading %s: %w", quote.Name(name), err)
	}

	if want, ok := d.v.attached[name]; ok && sum != want {
		err = fmt.Errorf("%s has SHA-256 %s, and the attached file has %s", quote.Name(name), sum, want)
	}

	return sum, info.Size(), err
}

// inspect proves the executables in the file that was downloaded last, unless this run has
// attached it.
func (d *downloads) inspect(ctx context.Context, name string, size int64) error {
	if _, attached := d.v.attached[name]; attached {
		return nil
	}
	return inspect.Reader(ctx, d.reference+"!"+name, d.f, size, d.v.visit)
}

// jsonStart returns the beginning of the result in JSON.
func jsonStart() string {
	return fmt.Sprintf("{\n  \"schema\": %d,\n  \"executables\": [", report.Schema)
}

// printJSON prints one executable. The result is not collected, because an archive can have
// more executables than fit into memory.
func (v *verification) printJSON(f inspect.Found) error {
	data, err := json.MarshalIndent(f, "    ", "  ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}

	before := ","
	if v.total == 1 {
		before = jsonStart()
	}
	_, err = fmt.Fprintf(v.out, "%s\n    %s", before, quote.JSON(data))
	return err
}

// endJSON prints the end of the result.
func (v *verification) endJSON() error {
	end := "\n  ]\n}\n"
	if v.total == 0 {
		end = jsonStart() + "]\n}\n"
	}
	_, err := io.WriteString(v.out, end)
	return err
}

// verdictLine returns one line about an executable: the verdict, its path, and the reasons.
func verdictLine(f inspect.Found) string {
	path := quote.Name(filepath.ToSlash(f.Path))
	if f.Verdict.OK {
		line := fmt.Sprintf("%-21s  %s", f.Verdict.Claim, path)
		for _, w := range f.Verdict.Warnings {
			line += ": warning: " + quote.Name(w)
		}
		return line
	}

	reasons := quote.Name(strings.Join(f.Verdict.Reasons, ", "))
	return fmt.Sprintf("%-21s  %s: %s", "NOT STATIC", path, reasons)
}
