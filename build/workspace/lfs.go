package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// maxPointer is more bytes than a pointer of Git LFS has.
// Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
const maxPointer = 1024

// pointer matches a pointer of Git LFS: the content of a file that Git LFS keeps outside the
// repository, in a checkout without Git LFS. Lines with extensions may follow the first one.
// The second address is the one that the versions before 1.0 wrote.
var pointer = regexp.MustCompile(`^version https://(git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n` +
	`(ext-[0-9]-[^\n]*\n)*oid sha256:[0-9a-f]{64}\nsize [0-9]+\n?$`)

// isPointer reports whether data is a pointer of Git LFS.
func isPointer(data []byte) bool {
	return len(data) < maxPointer && pointer.Match(data)
}

// RefusePointers returns a problem if one of the files, given by paths on this machine, is a
// pointer of Git LFS. verb says what is done with the files: "embedded". It does not look at files
// outside the repository, such as those of modules: a checkout with Git LFS would not change
// them.
func (w *Workspace) RefusePointers(ctx context.Context, verb string, files []string) error {
	var pointers []string
	for _, file := range files {
		if !door.Within(w.Root, file) {
			continue
		}

		fi, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // what is missing is reported where it is needed
		}
		if err != nil {
			return err
		}
		if fi.Size() >= maxPointer {
			continue
		}

		data, err := door.ReadRegular(file, maxPointer)
		if err != nil {
			return err
		}
		if isPointer(data) {
			pointers = append(pointers, w.InRoot(file))
		}
	}

	return w.refusePointers(ctx, "", verb, pointers)
}

// refusePointers returns a problem with those of the pointers, relative to the repository, that
// git has Git LFS replace by content. Other pointers are files like any other: programs that read
// pointers need some for their tests.
func (w *Workspace) refusePointers(ctx context.Context, setting, verb string, pointers []string) error {
	var missing []string
	for some := range slices.Chunk(pointers, pathsPerCommand) {
		args := append([]string{"check-attr", "-z", "filter", "--"}, some...)
		out, err := w.repo.git(ctx, args...)
		if err != nil {
			return fmt.Errorf("asking git for attributes: %w", err)
		}

		// The answer is the path, "filter" and the value, for each file.
		for answer := range slices.Chunk(strings.Split(out, "\x00"), 3) {
			if len(answer) == 3 && answer[2] == "lfs" {
				missing = append(missing, answer[0])
			}
		}
	}

	return missingContent(setting, verb, missing)
}

// missingContent returns the problem with files whose content Git LFS has not fetched, nil if
// there are none.
func missingContent(setting, verb string, pointers []string) error {
	if len(pointers) == 0 {
		return nil
	}

	return &problem.Problem{
		Setting: setting,
		Err: fmt.Errorf("%s: the content is in Git LFS, and only a pointer to it would be %s",
			problem.FirstNames(pointers, 1), verb),
		Remedy: problem.There(
			problem.Step("- {uses: actions/checkout@v7, with: {lfs: true}}"),
			problem.Run("git lfs pull"),
		),
	}
}
