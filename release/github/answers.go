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

// This file checks answers. A success whose content is empty, about something else or
// impossible is an error, and decides nothing.

// A wrongAnswer is an answer that does not fit the question. Proxies and caches give such
// answers for a moment. A server that keeps giving them is not GitHub.
type wrongAnswer struct{ err error }

func (e *wrongAnswer) Error() string { return e.err.Error() }
func (e *wrongAnswer) Unwrap() error { return e.err }

// wrong returns a wrongAnswer that says what is wrong with it.
func wrong(format string, args ...any) error {
	return &wrongAnswer{fmt.Errorf(format, args...)}
}

// isWrongAnswer reports whether err says that an answer does not fit the question, which
// includes valid JSON of another type: a list for a release, a string for a number.
func isWrongAnswer(err error) bool {
	var answer *wrongAnswer
	var kind *json.UnmarshalTypeError
	var when *time.ParseError
	return errors.As(err, &answer) || errors.As(err, &kind) || errors.As(err, &when)
}

// errEmpty is the error of a successful answer without content.
var errEmpty = errors.New("the answer is empty")

// believeRelease checks that an answer is a release: it has an id, and so has every file.
func believeRelease(rel *github.RepositoryRelease) error {
	if rel == nil {
		return &wrongAnswer{errEmpty}
	}
	if rel.ID <= 0 {
		return wrong("the answer is not a release: its id is %d", rel.ID)
	}

	for _, a := range rel.Assets {
		if err := believeAsset(a); err != nil {
			return err
		}
	}
	return nil
}

// believeAsset checks that an answer is a file of a release.
func believeAsset(a *github.ReleaseAsset) error {
	switch {
	case a.GetID() <= 0: // of nil too
		return wrong("the answer names a file without an id: %q", a.GetName())
	case a.GetName() == "":
		return wrong("the answer has a file without a name: asset %d", a.GetID())
	case a.GetSize() < 0:
		return wrong("the answer says that %q has %d bytes", a.GetName(), a.GetSize())
	}
	return nil
}

// isRelease checks that an answer is about the release with that id.
func isRelease(rel *github.RepositoryRelease, id int64) error {
	if rel.ID != id {
		return wrong("the answer is about release %d, not about %d", rel.ID, id)
	}
	return nil
}

// isOfTag checks that an answer is about the release of that tag.
func isOfTag(rel *github.RepositoryRelease, tag string) error {
	if rel.TagName != tag {
		return wrong("the answer is about the release of tag %q, not of %q", rel.TagName, tag)
	}
	return nil
}

// believePage checks a page of a list and each of its elements. A list that is null is an
// error, because it could hide elements.
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

// Limits of lists. GitHub shows the newest 10,000 releases, and a release has at most 1,000
// files. Ten more pages are for those that come and go while the pages are read.
const (
	maxReleasePages = 100 + 10
	maxAssetPages   = MaxAssets/perPage + 10
)

// believeNext checks that the page that an answer names as the next one is the next one.
// go-github reads its number from the answer, never its address.
func believeNext(opts *github.ListOptions, resp *github.Response) error {
	page := max(1, opts.Page)
	if resp.NextPage != 0 && resp.NextPage != page+1 {
		return wrong("page %d of a list says that page %d follows", page, resp.NextPage)
	}
	return nil
}

// eachPage calls f for every page of a list. It fails if there are more than that many
// pages.
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
	return fmt.Errorf("listing page by page: the list does not end after %d pages of %d", most, perPage)
}

// commitName matches the full hash of a commit, SHA-1 or SHA-256.
var commitName = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// sha256Digest matches the only form of a digest that is compared.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// serverDigest returns the SHA-256 that the server has of a file, or "" if it has none or
// one that cannot be compared. The file has to be downloaded then.
func serverDigest(a *github.ReleaseAsset) string {
	digest := strings.ToLower(a.GetDigest()) // hex digits may be in upper case
	if !sha256Digest.MatchString(digest) {
		return ""
	}
	return digest
}

// maxAnswer limits an answer of the API, in bytes. A page of a hundred releases with
// hundreds of files each has some 40 MB.
const maxAnswer = 64 << 20

// A bounded transport limits the answers of the API. It does not limit downloads, whose
// readers know their size.
type bounded struct{ base http.RoundTripper }

func (t bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil || slices.Contains(r.Header["Accept"], mediaTypeBytes) {
		return answer, err
	}
	answer.Body = &boundedBody{answer.Body, maxAnswer}
	return answer, nil
}

// mediaTypeBytes is the media type that a download asks for.
const mediaTypeBytes = "application/octet-stream"

// A boundedBody ends with an error after a number of bytes.
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
