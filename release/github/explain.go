package github

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
)

// A hintError is an error with advice that can be pasted.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// Hint returns what to do about the error.
func (e *hintError) Hint() string { return e.hint }

// Advice returns what to do about the error.
func (e *hintError) Advice() problem.Remedy { return problem.Advise(e.hint) }

// A Refusal is GitHub's, or our own, "no": trying again changes nothing.
type Refusal struct{ err error }

func (e *Refusal) Error() string { return e.err.Error() }
func (e *Refusal) Unwrap() error { return e.err }

// A temporaryError passes by itself, or with another try.
type temporaryError struct{ err error }

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

// A goneError says that a release that existed is not found.
type goneError struct{ err error }

func (e *goneError) Error() string { return e.err.Error() }
func (e *goneError) Unwrap() error { return e.err }

func isGone(err error) bool {
	var gone *goneError
	return errors.As(err, &gone)
}

// A failure is an error that was explained: no request within the same one is tried again.
type failure struct{ err error }

func (e *failure) Error() string { return e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// explain adds what was being done, GitHub's request id, and the remedy where there is one.
func explain(doing string, err error) error {
	var explained *failure
	if errors.As(err, &explained) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	final := find(err) == nil
	text := fmt.Errorf("%s: %w", doing, err)
	answer := response(err)
	hint := connectionHint(err)
	if answer != nil {
		if id := answer.Header.Get("X-GitHub-Request-Id"); id != "" {
			text = fmt.Errorf("%w (request %s)", text, id)
		}
		hint = answerHint(err)
	}
	var own *hintError
	if hint != "" && !errors.As(err, &own) {
		text = &hintError{text, hint}
	}
	if answer != nil && final && answer.StatusCode >= 400 && answer.StatusCode < 500 {
		text = &Refusal{text}
	}
	return &failure{text}
}

// permissions is what a workflow needs.
const permissions = "permissions: # in the workflow, at its top or in the job\n  contents: write"

// An answer is known by its status and by a part of its text, in lower case. The first
// row that fits counts.
var answers = []struct {
	code int
	text string
	hint string
}{
	{http.StatusUnauthorized, "", "the token is wrong or has expired; in a workflow: with: {token: '${{ github.token }}'}"},
	{http.StatusForbidden, "not accessible by integration", permissions},
	{http.StatusForbidden, "not accessible by personal access token", "give the token the repository permission \"Contents: Read and write\""},
	{http.StatusForbidden, "saml", "authorize the token for the organization: Settings, Developer settings, Tokens, Configure SSO"},
	{http.StatusForbidden, "archived", "gh repo unarchive; an archived repository takes no release"},
	{http.StatusForbidden, "ip allow list", "add the runner's address to the organization's IP allow list, or use a runner inside"},
	{http.StatusNotFound, "", "check GITHUB_REPOSITORY, GITHUB_API_URL, and that the token may see the repository"},
	{http.StatusUnprocessableEntity, "used by an immutable release", "take a new tag: the name of an immutable release's tag cannot be used again, even when the release is deleted"},
	{http.StatusUnprocessableEntity, "creations being restricted", "a tag ruleset lets nobody make this tag; push it as somebody who may, or change Settings, Rules"},
	{http.StatusUnprocessableEntity, "repository rule", "a ruleset is against it: Settings, Rules"},
	{http.StatusUnprocessableEntity, "immutable release", "an immutable release cannot be changed; take a new tag"},
	{http.StatusUnprocessableEntity, "repository is empty", "git push origin HEAD"},
	{http.StatusLocked, "", "the repository is locked; see Settings, or ask GitHub's support"},
	{http.StatusUnavailableForLegalReasons, "", "GitHub has blocked the repository"},
}

func answerHint(err error) string {
	code, text := status(err), strings.ToLower(err.Error())
	for _, a := range answers {
		if a.code == code && strings.Contains(text, a.text) {
			return a.hint
		}
	}
	return ""
}

// connectionHint is what to do where no answer came.
func connectionHint(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check GITHUB_API_URL: there is no host " + dns.Name
	case isCertificate(err):
		return "check GITHUB_API_URL; a server of your own needs its certificate among the runner's: export SSL_CERT_FILE=..."
	case isPage(err):
		return "check GITHUB_API_URL: a page for people answered; on GitHub Enterprise Server it ends in /api/v3"
	}
	return ""
}

// codeOf reports whether a 422 gives the code for the field as a reason.
func codeOf(err error, code, field string) bool {
	var answer *github.ErrorResponse
	if !errors.As(err, &answer) {
		return false
	}
	for _, e := range answer.Errors {
		if e.Code == code && e.Field == field {
			return true
		}
	}
	return false
}
