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

// A Fault is what goes wrong with one request. Some fields say what the request does,
// others what the client is answered.
//
// A request has an effect only if AfterDone, Starter, Truncate, Rename, Alter or
// ResetAfter is set. Unless Reset, ResetAfter, Alter or Hang is set, the client is
// answered with Status, or with 502 if it is zero.
type Fault struct {
	// AfterDone performs the request completely before it fails.
	AfterDone bool

	// Starter performs only the beginning of an upload, which leaves an asset in the
	// state "starter". "When an upstream failure occurs, you will receive a 502 Bad
	// Gateway status. This may leave an empty asset with a state of starter."
	// (description of repos/upload-release-asset). A Fault with Starter has no effect
	// on other requests.
	Starter bool

	// Truncate stores the first half of an upload and, unless another field says
	// otherwise, answers 201 as if that were all. A Fault with Truncate has no effect
	// on other requests.
	Truncate bool

	// Rename stores an upload under this name, as GitHub does with names that have
	// special characters. It can be combined with the fields for the answer. A Fault
	// with Rename has no effect on other requests.
	Rename string

	// Alter changes the answer to a request that was performed.
	Alter func(*Answer)

	// Status is the status of the answer.
	Status int

	// Header is added to the headers of the answer.
	Header http.Header

	// Body replaces GitHub's body.
	Body string

	// Reset closes the connection instead of answering.
	Reset bool

	// ResetAfter closes the connection after that many bytes. For an upload these
	// are bytes of the request's body, and a starter is left
	// (remixz/publish-release#34). Any other request is performed, and the bytes are
	// those of the answer's body.
	ResetAfter int64

	// Hang does not answer until the client is gone.
	Hang bool
}

// An Answer is an answer that [Fault.Alter] can change. The server sets its
// Content-Length.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

const rateLimitDocs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"

// SecondaryLimit returns the answer of a secondary rate limit.
//
// The header Retry-After is left out if retryAfter is zero, as GitHub does at times ("If
// the retry-after response header is present, ...", docs.github.com, rate limits for the
// REST API). go-github then uses X-RateLimit-Reset, which belongs to the primary limit.
// That time may be most of an hour away, or in the past if [Options] has a clock.
func SecondaryLimit(retryAfter time.Duration) *Fault {
	f := limitFault(
		"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
		rateLimitDocs+"#about-secondary-rate-limits",
	)
	if retryAfter > 0 {
		f.Header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	return f
}

// PrimaryLimit returns the answer to a request over the primary rate limit, which counts
// from zero again at reset.
func PrimaryLimit(reset time.Time) *Fault {
	f := limitFault("API rate limit exceeded for installation ID 1.", rateLimitDocs)
	f.Header.Set("X-RateLimit-Remaining", "0")
	f.Header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	return f
}

func limitFault(message, documentation string) *Fault {
	// Strings can always be encoded.
	body, _ := json.Marshal(map[string]string{
		"message":           message,
		"documentation_url": documentation,
		"status":            "403",
	})

	return &Fault{
		Status: http.StatusForbidden,
		Header: http.Header{},
		Body:   string(body),
	}
}

// applies reports whether the fault has an effect on a request.
func (f *Fault) applies(c *call) bool {
	if f == nil {
		return false
	}

	return c.isUpload() || !f.onlyUploads()
}

// onlyUploads reports whether the fault has no effect on other requests than uploads.
func (f *Fault) onlyUploads() bool {
	return f.Starter || f.Truncate || f.Rename != ""
}

// performs reports whether a request with the fault is performed, at least in part.
func (f *Fault) performs() bool {
	return f.AfterDone || f.onlyUploads() || f.Alter != nil || f.ResetAfter > 0
}

func (c *call) isUpload() bool {
	return c.op != nil && c.op.stream
}

// serveFault handles a request that has a fault.
func (s *Server) serveFault(w http.ResponseWriter, c *call, handle func(*call) answer) {
	f := c.fault
	if c.isUpload() && f.ResetAfter > 0 {
		c.Body = &cutBody{ReadCloser: c.Body, left: f.ResetAfter}
	}

	var a answer
	if f.performs() {
		a = handle(c)
	}

	switch {
	case f.Hang:
		// net/http notices that a client is gone only after its body was read.
		io.Copy(io.Discard, c.Body)
		<-c.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset, f.ResetAfter > 0 && c.isUpload():
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

// alter returns the answer after Alter has changed it.
func (f *Fault) alter(a answer) answer {
	altered := Answer{
		Status: a.status,
		Header: a.header.Clone(),
		Body:   bytes.Clone(a.body),
	}
	if altered.Header == nil {
		altered.Header = http.Header{}
	}
	if a.file != nil {
		altered.Body = bytes.Clone(a.file)
	}

	f.Alter(&altered)
	return answer{status: altered.Status, header: altered.Header, body: altered.Body}
}

// answer returns the answer that the fault gives instead of the true one.
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

// A cutBody is the body of a request that breaks off.
type cutBody struct {
	io.ReadCloser
	left int64 // bytes until it breaks off
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}

	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// A cutWriter writes an answer whose body breaks off.
type cutWriter struct {
	http.ResponseWriter
	left int64 // bytes until it breaks off
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
