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
	params    map[string]string // of the path, not escaped
	body      []byte            // nil for uploads, which are streamed
	malformed []string          // what the description has against the body
	rate      rate
}

// A site is the three addresses of a GitHub, without a slash at the end.
type site struct{ web, api, uploads string }

// An answer is what a handler wants to be said; it is validated and written in
// one place. It has a body, a file, or neither.
type answer struct {
	status int
	header http.Header
	body   []byte
	file   []byte
}

// reply makes an answer in JSON.
func reply(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("githubtest: encoding an answer: %v", err)) // v is made of maps, strings and numbers
	}
	return answer{status: status, body: body, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// redirect makes an answer which sends the client elsewhere.
func redirect(location string) answer {
	return answer{status: http.StatusFound, header: http.Header{"Location": {location}}}
}

// ServeHTTP handles one request. It panics with [http.ErrAbortHandler], as
// net/http provides for, where a [Fault] wants the connection closed.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.begin(r)
	out := &recorder{ResponseWriter: w, server: s, number: c.number}
	handle := s.route(c)
	if c.op != nil {
		s.spend(c)
		s.checkRequest(c)
		s.mu.Lock()
		s.active++
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.active--
			s.mu.Unlock()
		}()

		if c.fault == nil && s.overSecondary(c) {
			c.fault = SecondaryLimit(0)
		}
	}
	if c.fault.concerns(c) {
		s.misbehave(out, c, handle)
		return
	}

	a := handle(c)
	s.checkAnswer(c, a)
	a.write(out, c)
}

// begin numbers and logs a request, and decides its fault.
func (s *Server) begin(r *http.Request) *call {
	c := &call{Request: r}
	c.site, c.path = locate(r)

	s.turn.Lock()
	defer s.turn.Unlock()

	s.mu.Lock()
	c.number = len(s.requests) + 1
	s.requests = append(s.requests, Request{Number: c.number, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery})
	s.mu.Unlock()
	if s.opts.Fault != nil {
		c.fault = s.opts.Fault(c.number, r)
	}

	return c
}

// locate finds out which form of addresses the client uses, and the path below
// it. Paths of uploads keep one prefix, /uploads.
func locate(r *http.Request) (site, string) {
	root := "http://" + r.Host
	if r.TLS != nil {
		root = "https://" + r.Host
	}

	path := removeDots(r.URL.EscapedPath())
	for _, prefix := range []string{"/api/v3", "/api/uploads"} {
		if strings.HasPrefix(path, prefix+"/") {
			enterprise := site{web: root, api: root + "/api/v3", uploads: root + "/api/uploads"}
			return enterprise, strings.TrimPrefix(strings.TrimPrefix(path, "/api/v3"), "/api")
		}
	}

	return site{web: root, api: root, uploads: root + "/uploads"}, path
}

// removeDots returns a path as servers understand it, where "." and ".." lead elsewhere,
// written as "%2e" too (RFC 3986, 5.2.4 and 6.2.2.2).
func removeDots(escaped string) string {
	var kept []string
	for segment := range strings.SplitSeq(escaped, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
		case "..":
			kept = kept[:max(1, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}

	return strings.Join(kept, "/")
}

// route finds the handler of a request.
func (s *Server) route(c *call) func(*call) answer {
	for i := range s.operations {
		if params, ok := s.operations[i].match(c.Method, c.path); ok {
			c.op, c.params = &s.operations[i], params
			return s.operate
		}
	}

	if handle := s.web(c); handle != nil {
		return handle
	}

	s.complain(c, "request", "there is no such operation in GitHub's description, or it is not served here")

	return (*call).notFound
}

// operate carries out an operation of the API. All but uploads, which take their
// time, hold the lock while they do.
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
	defer s.observe(c.number)

	return c.op.handle(s, c)
}

// decode reads the JSON body of a request. It tells what GitHub would say if
// that is not possible.
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

// drain reads the rest of a body, so that a client which is still sending it
// hears the answer. GitHub's load balancers do the same; but not for a body that
// is over the limit anyway.
func (c *call) drain() {
	if c.ContentLength <= maxAssetSize {
		io.Copy(io.Discard, c.Body) // an error here is the client's leaving
	}
}

// id returns a numeric parameter of the path, or 0.
func (c *call) id(name string) int64 {
	id, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// write says a to the client.
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
		http.ServeContent(w, c.Request, "", time.Time{}, bytes.NewReader(a.file)) // ranges too
		return
	}
	if len(a.body) > 0 {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}

	w.WriteHeader(a.status)
	w.Write(a.body) // an error here is the client's leaving
}

func (c *call) requestID() string {
	return fmt.Sprintf("FA4E:%04X:%06X", c.number, uint32(c.number)*2654435761>>8)
}

// A recorder logs the status before it is sent: whoever was answered finds it in
// the log.
type recorder struct {
	http.ResponseWriter
	server *Server
	number int
}

func (r *recorder) WriteHeader(status int) {
	r.server.mu.Lock()
	r.server.requests[r.number-1].Status = status
	r.server.mu.Unlock()
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
