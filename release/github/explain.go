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

// A Refusal is an error that another attempt does not change: GitHub or this package says no.
type Refusal struct{ err error }

func (e *Refusal) Error() string { return e.err.Error() }
func (e *Refusal) Unwrap() error { return e.err }

// A temporaryError is an error that disappears by itself, or with another attempt.
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

// An explainedError is the error of a request that was given up and explained. A request that
// contains this one is not retried.
type explainedError struct{ err error }

func (e *explainedError) Error() string { return e.err.Error() }
func (e *explainedError) Unwrap() error { return e.err }

func isExplained(err error) bool {
	var explained *explainedError
	return errors.As(err, &explained)
}

// explain adds to err what was being done, GitHub's request id, and a hint if one is known.
func explain(doing string, err error) error {
	text := fmt.Errorf("%s: %w", doing, err)
	if isExplained(err) {
		return text
	}

	answer := response(err)
	remedy := connectionRemedy(err)
	if answer != nil {
		if id := answer.Header.Get("X-GitHub-Request-Id"); id != "" {
			text = fmt.Errorf("%w (request %s)", text, id)
		}
		remedy = answerRemedy(err)
	}

	if remedy.Kind != "" && problem.RemedyOf(err).Kind == "" {
		text = problem.With(remedy, text)
	}

	if answer != nil && isClientError(answer.StatusCode) && retryableKind(err) == nil {
		text = &Refusal{text}
	}
	return &explainedError{text}
}

// isClientError reports whether an HTTP status says that the request is at fault.
func isClientError(status int) bool { return status >= 400 && status < 500 }

// writePermission lets the token of a workflow create releases.
var writePermission = problem.Advise("permissions: # in the workflow, at its top or in the job\n  contents: write")

// badToken explains the remedies for a token that GitHub does not accept.
const badToken = "the token is wrong or has expired"

// answerRemedies has a remedy for each answer that is known. An answer is known by its status and
// a part of its text in lower case. The first entry that matches counts.
var answerRemedies = []struct {
	status int
	text   string
	remedy problem.Remedy
}{
	{
		status: http.StatusUnauthorized,
		remedy: problem.There(
			problem.Set("token", "${{ github.token }}").For(badToken),
			problem.Run("export GITHUB_TOKEN=$(gh auth token)").For(badToken),
		),
	},
	{
		status: http.StatusForbidden,
		text:   "not accessible by integration",
		remedy: writePermission,
	},
	{
		status: http.StatusForbidden,
		text:   "not accessible by personal access token",
		remedy: problem.Advise("give the token the repository permission \"Contents: Read and write\""),
	},
	{
		status: http.StatusForbidden,
		text:   "saml",
		remedy: problem.Advise("authorize the token for the organization: " +
			"Settings, Developer settings, Tokens, Configure SSO"),
	},
	{
		status: http.StatusForbidden,
		text:   "archived",
		remedy: problem.Run("gh repo unarchive OWNER/REPO").For("an archived repository accepts no releases"),
	},
	{
		status: http.StatusForbidden,
		text:   "ip allow list",
		remedy: problem.Advise("add the runner's address to the organization's IP allow list, " +
			"or use a runner inside its network"),
	},
	{
		status: http.StatusNotFound,
		remedy: problem.Advise("check GITHUB_REPOSITORY, GITHUB_API_URL, " +
			"and that the token may see the repository"),
	},
	{
		status: http.StatusUnprocessableEntity,
		text:   "used by an immutable release",
		remedy: problem.Advise("use a new tag: the tag of an immutable release cannot be used again, " +
			"even if the release is deleted"),
	},
	{
		status: http.StatusUnprocessableEntity,
		text:   "creations being restricted",
		remedy: problem.Advise("a ruleset forbids creating this tag; " +
			"push the tag as a user who may, or change Settings, Rules"),
	},
	{
		status: http.StatusUnprocessableEntity,
		text:   "repository rule",
		remedy: problem.Advise("a ruleset of the repository forbids it; see Settings, Rules"),
	},
	{
		status: http.StatusUnprocessableEntity,
		text:   "immutable release",
		remedy: problem.Advise("an immutable release cannot be changed; use a new tag"),
	},
	{
		status: http.StatusUnprocessableEntity,
		text:   "repository is empty",
		remedy: problem.Run("git push origin HEAD"),
	},
	{
		status: http.StatusLocked,
		remedy: problem.Advise("the repository is locked; see its Settings, or ask GitHub's support"),
	},
	{
		status: http.StatusUnavailableForLegalReasons,
		remedy: problem.Advise("GitHub has blocked the repository"),
	},
}

// answerRemedy returns what to do about an answer of the API, none if that is not known.
func answerRemedy(err error) problem.Remedy {
	code := status(err)
	text := strings.ToLower(err.Error())
	for _, a := range answerRemedies {
		if a.status == code && strings.Contains(text, a.text) {
			return a.remedy
		}
	}

	return problem.Remedy{}
}

// untrusted explains the remedies for a server whose certificate is not trusted.
const untrusted = "if the server is your own, this machine must trust its certificate; else check GITHUB_API_URL"

// connectionRemedy returns what to do if there was no answer of the API, none if that is not
// known.
func connectionRemedy(err error) problem.Remedy {
	var dns *net.DNSError
	var proxy *proxyError

	switch {
	case errors.As(err, &dns) && dns.IsNotFound && !strings.EqualFold(dns.Name, requestedHost(err)):
		return problem.Advise("check HTTPS_PROXY: there is no host " + dns.Name)
	case errors.As(err, &dns) && dns.IsNotFound:
		return problem.Advise("check GITHUB_API_URL: there is no host " + dns.Name)
	case errors.As(err, &dns):
		return problem.Advise("check the network of this machine: it cannot look up the address of " + dns.Name)
	case isRefused(err):
		return problem.Advise("check GITHUB_API_URL, and HTTPS_PROXY if it is set: nothing listens there")
	case errors.As(err, &proxy) && proxy.status == http.StatusProxyAuthRequired:
		return problem.Advise("check the user and the password in HTTPS_PROXY")
	case errors.As(err, &proxy):
		return problem.Advise("check GITHUB_API_URL, and that the proxy in HTTPS_PROXY may reach " + requestedHost(err))
	case isCertificate(err):
		return problem.There(
			problem.Advise("env: {SSL_CERT_FILE: /path/to/ca.pem}").For("of the step; "+untrusted),
			problem.Run("export SSL_CERT_FILE=/path/to/ca.pem").For(untrusted),
		)
	case isHTML(err):
		return problem.Advise("check GITHUB_API_URL: the answer is a web page; " +
			"on GitHub Enterprise Server it ends in /api/v3")
	}

	return problem.Remedy{}
}

// hasErrorCode reports whether err is a 422 that gives code as a reason for field.
func hasErrorCode(err error, code, field string) bool {
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
