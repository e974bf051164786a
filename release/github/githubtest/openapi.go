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

// description returns GitHub's description, with the corrections of amend. It is loaded
// once and must not be changed.
var description = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(descriptionJSON)
	if err == nil {
		amend(doc)
		err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		// The file is part of the program.
		panic(fmt.Sprintf("githubtest: loading openapi/releases.json: %v", err))
	}

	return doc
})

// amend corrects the description where it allows less than GitHub does.
func amend(doc *openapi3.T) {
	// The state "starter" is missing from the list of states, although the
	// description of repos/upload-release-asset mentions it.
	state := doc.Components.Schemas["release-asset"].Value.Properties["state"].Value
	state.Enum = append(state.Enum, "starter")

	// Every operation can fail in every usual way, not only with the errors that are
	// listed for it. Errors that are listed without a body have one (the 422 of an
	// upload, the 404 of immutable-releases).
	basic := doc.Components.Schemas["basic-error"]
	validation := doc.Components.Schemas["validation-error"]
	usual := map[int]*openapi3.SchemaRef{
		http.StatusBadRequest:          basic,
		http.StatusUnauthorized:        basic,
		http.StatusForbidden:           basic,
		http.StatusNotFound:            basic,
		http.StatusUnprocessableEntity: validation,
	}

	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status, schema := range usual {
				listed := op.Responses.Status(status)
				if listed != nil && len(listed.Value.Content) > 0 {
					continue
				}

				response := openapi3.NewResponse().
					WithDescription(http.StatusText(status)).
					WithJSONSchemaRef(schema)
				op.Responses.Set(fmt.Sprint(status), &openapi3.ResponseRef{Value: response})
			}
		}
	}
}

// addInvalid records violations of the description. what is "request" or "answer".
func (s *Server) addInvalid(c *call, what string, violations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	where := fmt.Sprintf("%s %d, %s %s", what, c.number, c.Method, c.URL.Path)
	for _, v := range violations {
		s.invalid = append(s.invalid, where+": "+v)
	}
}

// checkRequest checks a request against the description. It reads the body, except that
// of an upload.
func (s *Server) checkRequest(c *call) {
	request := *c.Request // kin-openapi replaces the body
	request.Header = c.Header.Clone()

	if c.op.stream {
		if c.Header.Get("Content-Type") == "" {
			s.addInvalid(c, "request", `"Use the required Content-Type header to provide the media type of the asset."`)
		}
	} else {
		c.body, _ = io.ReadAll(c.Body) // fails only if the client is gone
		request.Body = io.NopCloser(bytes.NewReader(c.body))

		mediaType, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if len(c.body) > 0 && mediaType != "application/json" {
			s.addInvalid(c, "request", "body: is not application/json")
			request.Header.Set("Content-Type", "application/json") // GitHub reads the body anyway
		}
	}

	err := openapi3filter.ValidateRequest(c.Context(), &openapi3filter.RequestValidationInput{
		Request:     &request,
		PathParams:  c.params,
		QueryParams: c.URL.Query(),
		Route:       c.op.route,
		Options: &openapi3filter.Options{
			MultiError:          true,
			SkipSettingDefaults: true,
			ExcludeRequestBody:  c.op.stream,
		},
	})
	for _, e := range split(err) {
		lines := violations(e)
		s.addInvalid(c, "request", lines...)

		requestError, ok := e.(*openapi3filter.RequestError)
		if ok && requestError.RequestBody != nil {
			c.malformed = append(c.malformed, lines...)
		}
	}

	s.addInvalid(c, "request", c.undescribedNames()...)
}

// undescribedNames returns a violation for each parameter and property of a request that
// is not in the description. GitHub ignores them, and so does the fake, but the sender
// expected them to have an effect.
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

// checkAnswer checks an answer of the API against the description.
func (s *Server) checkAnswer(c *call, a answer) {
	if c.op == nil {
		return
	}

	header := a.header
	if header == nil {
		header = http.Header{}
	}

	err := openapi3filter.ValidateResponse(c.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: c.Request,
			Route:   c.op.route,
		},
		Status: a.status,
		Header: header,
		Body:   io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{
			MultiError:            true,
			IncludeResponseStatus: true,
		},
	})

	s.addInvalid(c, "answer", violations(err)...)
}

// split returns the errors that kin-openapi has joined in err.
func split(err error) []error {
	if many, ok := err.(openapi3.MultiError); ok {
		return many
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// violations returns one line for each error of kin-openapi, without the schema and the
// value that the error's own text contains.
func violations(err error) []string {
	prefixed := func(where string, inner error, reason string) (lines []string) {
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
			where := fmt.Sprintf("parameter %q in %s", e.Parameter.Name, e.Parameter.In)
			return prefixed(where, e.Err, e.Reason)
		}
		return prefixed("body", e.Err, e.Reason)
	case *openapi3filter.ResponseError:
		return prefixed(fmt.Sprintf("status %d", e.Input.Status), e.Err, e.Reason)
	case *openapi3.SchemaError:
		return []string{"/" + strings.Join(e.JSONPointer(), "/") + ": " + e.Reason}
	}

	return []string{err.Error()}
}
