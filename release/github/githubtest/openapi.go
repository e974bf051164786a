package githubtest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// descriptionJSON is what openapi/trim.mjs leaves of GitHub's own description.
//
//go:embed openapi/releases.json
var descriptionJSON []byte

// description is GitHub's description, with the corrections of amend. It is
// loaded once, and only read after that.
var description = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(descriptionJSON)
	if err == nil {
		amend(doc)
		err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		panic(fmt.Sprintf("githubtest: loading openapi/releases.json: %v", err)) // it is part of the program
	}

	return doc
})

// amend corrects the description where it says less than GitHub does.
func amend(doc *openapi3.T) {
	// The state "starter" is missing from the list of states, although the
	// description of repos/upload-release-asset speaks of it.
	state := doc.Components.Schemas["release-asset"].Value.Properties["state"].Value
	state.Enum = append(state.Enum, "starter")

	// Every operation can fail in every usual way, not only in those that it
	// lists; and those that it lists without a body (the 422 of an upload, the
	// 404 of immutable-releases) have one.
	basic := doc.Components.Schemas["basic-error"]
	validation := doc.Components.Schemas["validation-error"]

	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, status := range []int{400, 401, 403, 404, 422} {
				if r := op.Responses.Status(status); r != nil && len(r.Value.Content) > 0 {
					continue
				}

				schema := basic
				if status == http.StatusUnprocessableEntity {
					schema = validation
				}

				r := openapi3.NewResponse().WithDescription(http.StatusText(status)).WithJSONSchemaRef(schema)
				op.Responses.Set(fmt.Sprint(status), &openapi3.ResponseRef{Value: r})
			}
		}
	}
}

// complain adds to the violations. what is "request" or "answer".
func (s *Server) addInvalid(c *call, what string, violations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range violations {
		s.invalid = append(s.invalid, fmt.Sprintf("%s %d, %s %s: %s", what, c.number, c.Method, c.URL.Path, v))
	}
}

// checkRequest holds a request against the description. It reads the body,
// except that of an upload.
func (s *Server) checkRequest(c *call) {
	request := *c.Request // kin-openapi replaces the body
	request.Header = c.Header.Clone()
	if c.op.stream {
		if c.Header.Get("Content-Type") == "" {
			s.addInvalid(c, "request", `"Use the required Content-Type header to provide the media type of the asset."`)
		}
	} else {
		c.body, _ = io.ReadAll(c.Body) // an error here is the client's leaving
		request.Body = io.NopCloser(bytes.NewReader(c.body))
		if mediaType, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type")); len(c.body) > 0 && mediaType != "application/json" {
			s.addInvalid(c, "request", "body: is not application/json")
			request.Header.Set("Content-Type", "application/json") // GitHub reads it all the same
		}
	}

	err := openapi3filter.ValidateRequest(c.Context(), &openapi3filter.RequestValidationInput{
		Request: &request, PathParams: c.params, QueryParams: c.URL.Query(), Route: c.op.route,
		Options: &openapi3filter.Options{MultiError: true, SkipSettingDefaults: true, ExcludeRequestBody: c.op.stream},
	})
	for _, e := range split(err) {
		lines := violations(e)
		s.addInvalid(c, "request", lines...)
		if re, ok := e.(*openapi3filter.RequestError); ok && re.RequestBody != nil {
			c.malformed = append(c.malformed, lines...)
		}
	}

	s.addInvalid(c, "request", c.undescribedNames()...)
}

// undescribedNames names the parameters and properties of a request which the
// description does not know. GitHub ignores them, and so does the fake; but
// whoever sent them expected something of them.
func (c *call) undescribedNames() (found []string) {
	for _, name := range slices.Sorted(maps.Keys(c.URL.Query())) {
		if c.op.route.Operation.Parameters.GetByInAndName("query", name) == nil {
			found = append(found, fmt.Sprintf("parameter %q in query: is not described", name))
		}
	}

	var sent map[string]json.RawMessage
	body := c.op.route.Operation.RequestBody
	if c.op.stream || json.Unmarshal(c.body, &sent) != nil {
		return found
	}

	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if body == nil || body.Value.Content.Get("application/json").Schema.Value.Properties[name] == nil {
			found = append(found, fmt.Sprintf("body: /%s: is not described", name))
		}
	}

	return found
}

// checkAnswer holds an answer of the API against the description.
func (s *Server) checkAnswer(c *call, a answer) {
	if c.op == nil {
		return
	}

	header := a.header
	if header == nil {
		header = http.Header{}
	}

	err := openapi3filter.ValidateResponse(c.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: c.Request, Route: c.op.route},
		Status:                 a.status,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(a.body)),
		Options:                &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true},
	})

	s.addInvalid(c, "answer", violations(err)...)
}

// split returns the errors that kin-openapi has put together.
func split(err error) []error {
	if many, ok := err.(openapi3.MultiError); ok {
		return many
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// violations puts the errors of kin-openapi into one line each, without the
// schema and the value that it would print.
func violations(err error) []string {
	under := func(where string, inner error, reason string) (lines []string) {
		if inner == nil {
			return []string{where + ": " + reason}
		}

		for _, line := range violations(inner) {
			lines = append(lines, where+": "+line)
		}

		return lines
	}

	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var lines []string
		for _, one := range e {
			lines = append(lines, violations(one)...)
		}
		return lines
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			return under(fmt.Sprintf("parameter %q in %s", e.Parameter.Name, e.Parameter.In), e.Err, e.Reason)
		}
		return under("body", e.Err, e.Reason)
	case *openapi3filter.ResponseError:
		return under(fmt.Sprintf("status %d", e.Input.Status), e.Err, e.Reason)
	case *openapi3.SchemaError:
		return []string{"/" + strings.Join(e.JSONPointer(), "/") + ": " + e.Reason}
	}

	return []string{err.Error()}
}
