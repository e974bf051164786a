package githubtest

import (
	"net/http"
	"strconv"
)

// A fieldError is one reason for a 422, as GitHub encodes it.
type fieldError struct {
	Resource string `json:"resource,omitempty"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message,omitempty"`
}

// fail returns an error as GitHub encodes it. Errors of the host for uploads have a
// request_id and no status (octokit/octokit.js#721).
func (c *call) fail(status int, message string, reasons ...fieldError) answer {
	body := map[string]any{
		"message":           message,
		"documentation_url": c.documentation(),
	}
	if len(reasons) > 0 {
		body["errors"] = reasons
	}
	if c.op != nil && c.op.host != "" {
		body["request_id"] = c.requestID()
	} else {
		body["status"] = strconv.Itoa(status)
	}

	return reply(status, body)
}

// documentation returns the page of GitHub's documentation about the operation.
func (c *call) documentation() string {
	if c.op == nil || c.op.host != "" || c.op.route.Operation.ExternalDocs == nil {
		return "https://docs.github.com/rest"
	}
	return c.op.route.Operation.ExternalDocs.URL
}

func (c *call) notFound() answer {
	return c.fail(http.StatusNotFound, "Not Found")
}

// invalid returns the answer to a request that is well formed but not possible.
func (c *call) invalid(reasons ...fieldError) answer {
	return c.fail(http.StatusUnprocessableEntity, "Validation Failed", reasons...)
}

// forbidden returns the answer to a workflow's token that lacks a permission.
func (c *call) forbidden(permission string) answer {
	a := c.fail(http.StatusForbidden, "Resource not accessible by integration")
	a.header.Set("X-Accepted-GitHub-Permissions", permission)
	return a
}
