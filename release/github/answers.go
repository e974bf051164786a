package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v92/github"
)

// What is believed of an answer. A success whose content is empty, is about something
// else or cannot be true is no answer: nothing is decided by it.

// A wrongAnswer does not fit the question. Proxies and caches give such answers for a
// moment; a server that keeps to it is not the one that was meant.
type wrongAnswer struct{ err error }

func (e *wrongAnswer) Error() string { return e.err.Error() }
func (e *wrongAnswer) Unwrap() error { return e.err }

// wrong returns a wrongAnswer that says what is wrong with it.
func wrong(format string, args ...any) error {
	return &wrongAnswer{fmt.Errorf(format, args...)}
}

// isWrongAnswer also knows JSON that is well formed and of another kind: a list for a
// release, a text for a number.
func isWrongAnswer(err error) bool {
	var answer *wrongAnswer
	var kind *json.UnmarshalTypeError
	var when *time.ParseError
	return errors.As(err, &answer) || errors.As(err, &kind) || errors.As(err, &when)
}

// errEmpty is an answer that says that all is well and has nothing in it.
var errEmpty = errors.New("the answer is empty")

// believeRelease checks that a release can be one: it has an id, and so has every file.
func believeRelease(rel *github.RepositoryRelease) error {
	if rel == nil {
		return &wrongAnswer{errEmpty}
	}
	if rel.ID <= 0 {
		return wrong("the answer has no release in it: its id is %d", rel.ID)
	}
	for _, a := range rel.Assets {
		if err := believeAsset(a); err != nil {
			return err
		}
	}
	return nil
}

// believeAsset checks that a file of a release can be one.
func believeAsset(a *github.ReleaseAsset) error {
	switch {
	case a.GetID() <= 0: // of nil too
		return wrong("the answer names a file without an id: %q", a.GetName())
	case a.GetName() == "":
		return wrong("the answer names no file: asset %d", a.GetID())
	case a.GetSize() < 0:
		return wrong("the answer says that %q has %d bytes", a.GetName(), a.GetSize())
	}
	return nil
}

// isRelease checks that an answer is about the release with that id.
func isRelease(rel *github.RepositoryRelease, id int64) error {
	if rel.ID != id {
		return wrong("the answer is about release %d, and not about %d", rel.ID, id)
	}
	return nil
}

// isOfTag checks that an answer is about the release of that tag.
func isOfTag(rel *github.RepositoryRelease, tag string) error {
	if rel.TagName != tag {
		return wrong("the answer is about the release of tag %q, and not of %q", rel.TagName, tag)
	}
	return nil
}

// believePage checks a page of a list, of which every element must be believed. A list
// that is null is none: it could hide what is there.
func believePage[T any](page []*T, believe func(*T) error) error {
	if page == nil {
		return &wrongAnswer{errEmpty}
	}
	if len(page) > perPage {
		return wrong("a page has %d elements, and %d were asked for", len(page), perPage)
	}
	for _, element := range page {
		if err := believe(element); err != nil {
			return err
		}
	}
	return nil
}

const perPage = 100 // the most that GitHub allows

// Bounds of lists: GitHub shows the newest 10,000 releases, and a release has at most 1,000
// files. The rest is for those that come and go while the pages are read.
const (
	maxReleasePages = 100 + 10
	maxAssetPages   = MaxAssets/perPage + 10
)

// believeNext checks that the page that follows is the next one. Only its number is taken
// from an answer, never its address.
func believeNext(opts *github.ListOptions, resp *github.Response) error {
	page := max(1, opts.Page)
	if resp.NextPage != 0 && resp.NextPage != page+1 {
		return wrong("page %d of a list says that page %d follows", page, resp.NextPage)
	}
	return nil
}

// eachPage calls f for every page of a list, at most for so many.
func eachPage(most int, f func(*github.ListOptions) (*github.Response, error)) error {
	opts := &github.ListOptions{PerPage: perPage}
	for range most {
		resp, err := f(opts)
		if err != nil {
			return err
		}
		if resp.NextPage == 0 {
			return nil
		}
		opts.Page = resp.NextPage
	}
	return fmt.Errorf("listing page by page: there is no end after %d pages of %d", most, perPage)
}

// commitName is a full name of a commit, SHA-1 or SHA-256.
var commitName = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// sha256Digest is the only form of a digest that is compared.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// serverDigest is the SHA-256 that the server has of a file, "" if it has none or one that
// cannot be compared: then the bytes are read back.
func serverDigest(a *github.ReleaseAsset) string {
	digest := strings.ToLower(a.GetDigest()) // hexadecimal digits have two forms
	if !sha256Digest.MatchString(digest) {
		return ""
	}
	return digest
}

// maxAnswer is more than any JSON of the API: a page of a hundred releases with hundreds of
// files each takes some 40 MB.
const maxAnswer = 64 << 20

// A bounded transport limits the answers of the API. Downloads are limited by whoever reads
// them, who knows their size.
type bounded struct{ base http.RoundTripper }

func (t bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil || slices.Contains(r.Header["Accept"], mediaTypeBytes) {
		return answer, err
	}
	answer.Body = &boundedBody{answer.Body, maxAnswer}
	return answer, nil
}

// mediaTypeBytes is what a download asks for.
const mediaTypeBytes = "application/octet-stream"

// A boundedBody ends with an error where it would be longer than it may.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("reading an answer: it has more than %d MiB", maxAnswer>>20)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
