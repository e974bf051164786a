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

// This file checks successful answers. An answer that is empty, about something else or
// impossible becomes an error, and nothing is concluded from it.

// A wrongAnswer is an error about a successful answer that does not fit the request. Proxies
// and caches give such answers for a moment. A server that keeps giving them is not GitHub.
type wrongAnswer struct{ err error }

func (e *wrongAnswer) Error() string { return e.err.Error() }
func (e *wrongAnswer) Unwrap() error { return e.err }

// wrongAnswerf returns a wrongAnswer with a formatted message.
func wrongAnswerf(format string, args ...any) error {
	return &wrongAnswer{fmt.Errorf(format, args...)}
}

// isWrongAnswer reports whether err says that an answer does not fit the request. That
// includes valid JSON of another type: a list for a release, a string for a number.
func isWrongAnswer(err error) bool {
	var answer *wrongAnswer
	var jsonType *json.UnmarshalTypeError
	var timestamp *time.ParseError
	return errors.As(err, &answer) || errors.As(err, &jsonType) || errors.As(err, &timestamp)
}

// errEmpty is the error of a successful answer without content.
var errEmpty = errors.New("the answer is empty")

// validateRelease checks that an answer is a release: it and each of its files have an id.
func validateRelease(rel *github.RepositoryRelease) error {
	if rel == nil {
		return &wrongAnswer{errEmpty}
	}
	if rel.ID <= 0 {
		return wrongAnswerf("the answer is not a release: its id is %d", rel.ID)
	}

	for _, a := range rel.Assets {
		if err := validateAsset(a); err != nil {
			return err
		}
	}
	return nil
}

// validateAsset checks that an answer is a file of a release.
func validateAsset(a *github.ReleaseAsset) error {
	switch {
	case a.GetID() <= 0: // a may be nil
		return wrongAnswerf("the answer names a file without an id: %q", a.GetName())
	case a.GetName() == "":
		return wrongAnswerf("the answer has a file without a name: asset %d", a.GetID())
	case a.GetSize() < 0:
		return wrongAnswerf("the answer says that %q has %d bytes", a.GetName(), a.GetSize())
	}
	return nil
}

// expectID checks that an answer is about the release with that id.
func expectID(rel *github.RepositoryRelease, id int64) error {
	if rel.ID != id {
		return wrongAnswerf("the answer is about release %d, not about %d", rel.ID, id)
	}
	return nil
}

// expectTag checks that an answer is about the release of that tag.
func expectTag(rel *github.RepositoryRelease, tag string) error {
	if rel.TagName != tag {
		return wrongAnswerf("the answer is about the release of tag %q, not of %q", rel.TagName, tag)
	}
	return nil
}

// validatePage checks a page of a list and each of its elements. A list that is null is an
// error, because it could hide elements.
func validatePage[T any](page []*T, validate func(*T) error) error {
	if page == nil {
		return &wrongAnswer{errEmpty}
	}
	if len(page) > perPage {
		return wrongAnswerf("a page has %d elements, more than the %d that were requested",
			len(page), perPage)
	}

	for _, element := range page {
		if err := validate(element); err != nil {
			return err
		}
	}
	return nil
}

// perPage is the size of the pages to request, the largest that GitHub allows.
const perPage = 100

// Limits of lists. GitHub shows the newest 10,000 releases, and a release has at most 1,000
// files. Ten more pages allow for elements that are added while the pages are read.
const (
	maxReleasePages = 100 + 10
	maxAssetPages   = MaxAssets/perPage + 10
)

// validateNextPage checks that the next page of a list, according to the answer, follows the
// one that was requested. go-github uses only the number of the page, not its address.
func validateNextPage(opts *github.ListOptions, resp *github.Response) error {
	page := max(1, opts.Page)
	if resp.NextPage != 0 && resp.NextPage != page+1 {
		return wrongAnswerf("page %d of a list says that page %d follows", page, resp.NextPage)
	}
	return nil
}

// eachPage calls f for every page of a list. It returns an error if there are more than
// maxPages.
func eachPage(maxPages int, f func(*github.ListOptions) (*github.Response, error)) error {
	opts := &github.ListOptions{PerPage: perPage}
	for range maxPages {
		resp, err := f(opts)
		if err != nil {
			return err
		}
		if resp.NextPage == 0 {
			return nil
		}
		opts.Page = resp.NextPage
	}
	return fmt.Errorf("listing page by page: the list does not end after %d pages of %d", maxPages, perPage)
}

// commitName matches the full hash of a commit, SHA-1 or SHA-256.
var commitName = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// sha256Digest matches the only kind of digest that is compared.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// serverDigest returns the server's SHA-256 digest of a file. If the server has none, or one
// that cannot be compared, it returns "", and the file has to be downloaded.
func serverDigest(a *github.ReleaseAsset) string {
	digest := strings.ToLower(a.GetDigest()) // hex digits may be in upper case
	if !sha256Digest.MatchString(digest) {
		return ""
	}
	return digest
}

// maxAnswer limits the size of an answer of the API, in bytes. A page of a hundred releases
// with hundreds of files each has about 40 MB.
const maxAnswer = 64 << 20

// A limitTransport limits the size of answers of the API. It does not limit downloads,
// because their readers know the size to expect.
type limitTransport struct{ base http.RoundTripper }

func (t limitTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if slices.Contains(r.Header["Accept"], mediaTypeBytes) {
		return answer, nil
	}

	answer.Body = &limitedBody{
		ReadCloser: answer.Body,
		left:       maxAnswer,
	}
	return answer, nil
}

// mediaTypeBytes is the media type that a download asks for.
const mediaTypeBytes = "application/octet-stream"

// A limitedBody returns an error after a number of bytes.
type limitedBody struct {
	io.ReadCloser
	left int64 // bytes
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("reading an answer: more than %d MiB", maxAnswer>>20)
	}

	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
