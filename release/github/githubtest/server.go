package githubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A call is one request on its way through the server.
type call struct {
	*http.Request
	number    int
	fault     *Fault
	site      site
	path      string            // escaped, without the prefix of the site
	op        *operation        // nil outside the API
	params    map[string]string // parameters in the path, unescaped
	body      []byte            // nil for uploads, which are streamed
	malformed []string          // violations of the description by the body
	rate      rate
}

// A site holds the base addresses of a GitHub, without a trailing slash.
type site struct {
	web     string
	api     string
	uploads string
}

// An answer is the response of a handler, before it is checked and written. It has
// a body, a file, or neither.
type answer struct {
	status int
	header http.Header
	body   []byte
	file   []byte
}

// reply returns an answer with a JSON body.
func reply(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		// Impossible: v is made of maps, slices, strings and numbers.
		panic(fmt.Sprintf("githubtest: encoding an answer: %v", err))
	}

	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	return answer{status: status, header: header, body: body}
}

// redirect returns an answer that redirects to location.
func redirect(location string) answer {
	header := http.Header{"Location": {location}}
	return answer{status: http.StatusFound, header: header}
}

// ServeHTTP handles one request. It panics with [http.ErrAbortHandler], as
// net/http provides for, when a [Fault] closes the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.begin(r)
	out := &statusLogger{ResponseWriter: w, server: s, number: c.number}
	handle := s.route(c)

	if c.op != nil {
		s.countRequest(c)
		s.checkRequest(c)

		s.addInFlight(1)
		defer s.addInFlight(-1)

		if c.fault == nil && s.overSecondaryLimit(c) {
			c.fault = SecondaryLimit(0)
		}
	}

	if c.fault.applies(c) {
		s.serveFault(out, c, handle)
		return
	}

	a := handle(c)
	s.checkAnswer(c, a)
	a.write(out, c)
}

func (s *Server) addInFlight(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight += n
}

// begin numbers and logs a request, and asks for its fault.
func (s *Server) begin(r *http.Request) *call {
	c := &call{Request: r}
	c.site, c.path = locate(r)

	s.turn.Lock()
	defer s.turn.Unlock()

	s.mu.Lock()
	c.number = len(s.requests) + 1
	s.requests = append(s.requests, Request{
		Number: c.number,
		Method: r.Method,
		Path:   r.URL.Path,
		Query:  r.URL.RawQuery,
	})
	s.mu.Unlock()

	if s.opts.Fault != nil {
		c.fault = s.opts.Fault(c.number, r)
	}

	return c
}

// locate returns the addresses that the client uses, those of github.com or those of
// GitHub Enterprise Server, and the path below them. The path of an upload begins
// with /uploads in both cases.
func locate(r *http.Request) (site, string) {
	root := "http://" + r.Host
	if r.TLS != nil {
		root = "https://" + r.Host
	}

	path := removeDots(r.URL.EscapedPath())
	dotCom := site{web: root, api: root, uploads: root + "/uploads"}
	enterprise := site{web: root, api: root + "/api/v3", uploads: root + "/api/uploads"}

	switch {
	case strings.HasPrefix(path, "/api/v3/"):
		return enterprise, strings.TrimPrefix(path, "/api/v3")
	case strings.HasPrefix(path, "/api/uploads/"):
		return enterprise, strings.TrimPrefix(path, "/api")
	}

	return dotCom, path
}

// removeDots resolves the segments "." and ".." of a path, also where a dot is written
// as "%2e", as servers do (RFC 3986, 5.2.4 and 6.2.2.2).
func removeDots(escaped string) string {
	var kept []string
	for segment := range strings.SplitSeq(escaped, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
			// Names the same directory.
		case "..":
			kept = kept[:max(1, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}

	return strings.Join(kept, "/")
}

// route returns the handler of a request. For an operation of the API it also sets
// c.op and c.params.
func (s *Server) route(c *call) func(*call) answer {
	for i := range s.operations {
		params, ok := s.operations[i].match(c.Method, c.path)
		if ok {
			c.op = &s.operations[i]
			c.params = params
			return s.operate
		}
	}

	if handle := s.web(c); handle != nil {
		return handle
	}

	s.addInvalid(c, "request", "there is no such operation in GitHub's description, or it is not served here")
	return (*call).notFound
}

// operate performs an operation of the API. It holds the lock during all operations
// but uploads, which take long.
func (s *Server) operate(c *call) answer {
	if c.op.stream {
		defer c.drain()
	}
	if refusal, refused := s.refuse(c); refused {
		return refusal
	}
	if c.op.stream {
		return c.op.handle(s, c)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.recordHistory(c.number)

	return c.op.handle(s, c)
}

// decode unmarshals the JSON body of a request. If it cannot, it returns GitHub's
// answer to such a request and false.
func (c *call) decode(v any) (answer, bool) {
	body := bytes.TrimSpace(c.body)
	if len(body) > 0 && !json.Valid(body) {
		return c.fail(http.StatusBadRequest, "Problems parsing JSON"), false
	}
	if len(c.malformed) > 0 {
		return c.fail(http.StatusUnprocessableEntity, "Invalid request.\n\n"+strings.Join(c.malformed, "\n")), false
	}
	if len(body) > 0 && json.Unmarshal(body, v) != nil {
		return c.fail(http.StatusBadRequest, "Problems parsing JSON"), false
	}

	return answer{}, true
}

// drain reads the rest of the body, because a client that is still sending it would
// miss the answer. GitHub's load balancers do the same, but not for a body that is
// over the size limit.
func (c *call) drain() {
	if c.ContentLength <= maxAssetSize {
		io.Copy(io.Discard, c.Body) // fails only if the client is gone
	}
}

// id returns a numeric parameter of the path, or 0 if it is not a number.
func (c *call) id(name string) int64 {
	id, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// write sends the answer to the client.
func (a answer) write(w http.ResponseWriter, c *call) {
	h := w.Header()
	h.Set("Server", "github.com")
	h.Set("X-GitHub-Request-Id", c.requestID())
	if c.op != nil {
		h.Set("X-GitHub-Media-Type", "github.v3; format=json")
		c.rate.write(h)
	}

	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}

	if a.file != nil {
		http.ServeContent(w, c.Request, "", time.Time{}, bytes.NewReader(a.file)) // handles ranges
		return
	}

	if len(a.body) > 0 {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}

	w.WriteHeader(a.status)
	w.Write(a.body) // fails only if the client is gone
}

// requestID returns an ID in GitHub's form that differs for each request.
func (c *call) requestID() string {
	return fmt.Sprintf("FA4E:%04X:%06X", c.number, uint32(c.number)*2654435761>>8)
}

// A statusLogger logs the status of an answer before it is sent, so a client that has
// the answer also finds it in the log.
type statusLogger struct {
	http.ResponseWriter
	server *Server
	number int
}

func (l *statusLogger) WriteHeader(status int) {
	l.server.mu.Lock()
	l.server.requests[l.number-1].Status = status
	l.server.mu.Unlock()

	l.ResponseWriter.WriteHeader(status)
}

// Unwrap is called by [http.ResponseController].
func (l *statusLogger) Unwrap() http.ResponseWriter { return l.ResponseWriter }
