package githubtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A Fault is one thing that goes wrong with one request. It has two sides: what
// becomes of the request, and what the client hears. Without AfterDone, Starter,
// Truncate, Rename, Alter and ResetAfter the request has no effect. Without Reset,
// ResetAfter, Alter and Hang the client hears Status, 502 if it is zero.
type Fault struct {
	// AfterDone carries the request out, completely. "It worked, but you were not told."
	AfterDone bool

	// Starter carries out only the beginning of an upload: an asset with the state
	// "starter" stays behind. "When an upstream failure occurs, you will receive a
	// 502 Bad Gateway status. This may leave an empty asset with a state of
	// starter." (description of repos/upload-release-asset). Only for uploads:
	// other requests are not concerned.
	Starter bool

	// Truncate stores the first half of an upload and, unless another field says
	// otherwise, answers 201 as if that were all. Only for uploads.
	Truncate bool

	// Rename stores an upload under this name, as GitHub does with names that it does not
	// like. It goes with the fields that say what the client hears. Only for uploads.
	Rename string

	// Alter changes the true answer to a request that was carried out.
	Alter func(*Answer)

	// Status is what the client is answered, with Header added. Body replaces
	// GitHub's wording.
	Status int
	Header http.Header
	Body   string

	// Reset closes the connection instead of answering.
	Reset bool

	// ResetAfter closes the connection after so many bytes: of the request's body
	// for an upload (which leaves a starter: remixz/publish-release#34), of the
	// answer's body for everything else (which is carried out).
	ResetAfter int64

	// Hang answers nothing until the client goes away.
	Hang bool
}

// An Answer is what a client hears, for [Fault] to change. Its Content-Length is set by
// the server.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// SecondaryLimit is the answer of a secondary rate limit. Retry-After is left
// out if it is zero, as GitHub does at times ("If the retry-after response
// header is present, ...", docs.github.com, rate limits for the REST API). Note
// that go-github then takes X-RateLimit-Reset for it, which belongs to the primary
// limit and may be most of an hour away, or with a clock in [Options] in the past.
func SecondaryLimit(retryAfter time.Duration) *Fault {
	body, _ := json.Marshal(map[string]string{ // strings cannot fail
		"message":           "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
		"documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
		"status":            "403",
	})

	f := &Fault{Status: http.StatusForbidden, Body: string(body), Header: http.Header{}}
	if retryAfter > 0 {
		f.Header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}

	return f
}

// PrimaryLimit is the answer when all requests of the hour are used, with the
// time from which there will be more.
func PrimaryLimit(reset time.Time) *Fault {
	f := &Fault{Status: http.StatusForbidden, Header: http.Header{}}
	f.Body = `{"message":"API rate limit exceeded for installation ID 1.","documentation_url":` +
		`"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api","status":"403"}`
	f.Header.Set("X-RateLimit-Remaining", "0")
	f.Header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	return f
}

// concerns says whether the fault changes anything for a request.
func (f *Fault) applies(c *call) bool {
	if f == nil {
		return false
	}

	upload := c.op != nil && c.op.stream
	return upload || !f.Starter && !f.Truncate && f.Rename == ""
}

// misbehave handles a request that has a fault.
func (s *Server) serveFault(w http.ResponseWriter, c *call, handle func(*call) answer) {
	f := c.fault
	upload := c.op != nil && c.op.stream
	if upload && f.ResetAfter > 0 {
		c.Body = &cutBody{ReadCloser: c.Body, left: f.ResetAfter}
	}

	var a answer
	if f.AfterDone || f.Starter || f.Truncate || f.Rename != "" || f.Alter != nil || f.ResetAfter > 0 {
		a = handle(c)
	}

	switch {
	case f.Hang:
		// net/http notices that a client is gone only once its body has been read.
		io.Copy(io.Discard, c.Body)
		<-c.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset, f.ResetAfter > 0 && upload:
		panic(http.ErrAbortHandler)
	case f.ResetAfter > 0:
		a.write(&cutWriter{ResponseWriter: w, left: f.ResetAfter}, c)
	case f.Alter != nil:
		s.checkAnswer(c, a)
		f.alter(a).write(w, c)
	case (f.Truncate || f.Rename != "") && f.Status == 0 && !f.AfterDone:
		s.checkAnswer(c, a)
		a.write(w, c)
	default:
		c.drain()
		f.answer(c).write(w, c)
	}
}

// alter returns the answer as the client hears it.
func (f *Fault) alter(a answer) answer {
	heard := Answer{Status: a.status, Header: a.header.Clone(), Body: bytes.Clone(a.body)}
	if heard.Header == nil {
		heard.Header = http.Header{}
	}
	if a.file != nil {
		heard.Body = bytes.Clone(a.file)
	}

	f.Alter(&heard)

	return answer{status: heard.Status, header: heard.Header, body: heard.Body}
}

// answer is what the client is told instead of the truth.
func (f *Fault) answer(c *call) answer {
	status := cmp.Or(f.Status, http.StatusBadGateway)
	var a answer
	switch {
	case f.Body != "":
		a = answer{status: status, body: []byte(f.Body), header: http.Header{}}
		if json.Valid(a.body) {
			a.header.Set("Content-Type", "application/json; charset=utf-8")
		}
	case status >= 500:
		a = c.fail(status, "Server Error")
	default:
		a = c.fail(status, http.StatusText(status))
	}

	for name, values := range f.Header {
		a.header[http.CanonicalHeaderKey(name)] = values
	}

	return a
}

// A cutBody breaks off while a request's body is being read.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}

	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// A cutWriter breaks off while an answer's body is being written.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}

	io.Copy(w.ResponseWriter, bytes.NewReader(p[:w.left]))
	http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
