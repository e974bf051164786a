package github_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// secondaryLimit returns the answer of a secondary rate limit with additional headers, given
// as names and values.
func secondaryLimit(headers ...string) *githubtest.Fault {
	fault := githubtest.SecondaryLimit(0)
	for i := 0; i < len(headers); i += 2 {
		fault.Header.Set(headers[i], headers[i+1])
	}
	return fault
}

// The client waits as long as the answers say, and no longer. Time passes in a bubble of
// testing/synctest, in which only waiting takes time.
func TestWaits(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func() *githubtest.Fault // called in the bubble, because some answers name a time
		times int
		from  float64 // the least wait, in seconds
		to    float64 // the longest wait, in seconds
	}{
		{
			name:  "Retry-After",
			fault: func() *githubtest.Fault { return secondaryLimit("Retry-After", "40") },
			times: 1,
			from:  40,
			to:    41,
		},
		{
			name: "Retry-After, and no requests left for most of an hour",
			fault: func() *githubtest.Fault {
				reset := time.Now().Add(50 * time.Minute)
				return secondaryLimit(
					"Retry-After", "40",
					"X-RateLimit-Remaining", "0",
					"X-RateLimit-Reset", fmt.Sprint(reset.Unix()),
				)
			},
			times: 1,
			from:  40,
			to:    41,
		},
		{
			name:  "without Retry-After",
			fault: func() *githubtest.Fault { return secondaryLimit() },
			times: 1,
			from:  60,
			to:    61,
		},
		{
			name:  "without Retry-After, twice",
			fault: func() *githubtest.Fault { return secondaryLimit() },
			times: 2,
			from:  180,
			to:    182,
		},
		{
			name: "no requests left in this hour",
			fault: func() *githubtest.Fault {
				return githubtest.PrimaryLimit(time.Now().Add(100 * time.Second))
			},
			times: 1,
			from:  101,
			to:    103,
		},
		{
			name: "no requests left although the hour is over, twice",
			fault: func() *githubtest.Fault {
				return githubtest.PrimaryLimit(time.Now().Add(-600 * time.Second))
			},
			times: 2,
			from:  62,
			to:    64,
		},
		{
			name: "503 with Retry-After",
			fault: func() *githubtest.Fault {
				return &githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"30"}}}
			},
			times: 1,
			from:  30,
			to:    30,
		},
		{
			name:  "502, three times",
			fault: func() *githubtest.Fault { return &githubtest.Fault{Status: 502} },
			times: 3,
			from:  7,
			to:    10.5,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault, count := failing(test.times, test.fault(), isCreate)
				client := startInBubble(t, githubtest.Options{Fault: fault})

				start := time.Now()
				open(t, client, wanted)
				took := time.Since(start).Seconds()
				if took < test.from || took > test.to || *count != test.times {
					t.Errorf("took %.3f s, expected %g to %g; %d faults", took, test.from, test.to, *count)
				}
			})
		})
	}
}

// startInBubble returns a client of a fake GitHub that both run in a bubble of
// testing/synctest. There is no network between them, because a bubble does not wait for the
// network. The seconds of the client are seconds of the bubble.
func startInBubble(t *testing.T, opts githubtest.Options) *github.Client {
	t.Helper()

	pipes := pipeListener{
		connections: make(chan net.Conn),
		closed:      make(chan struct{}),
	}
	server := &http.Server{Handler: newServer(opts)}
	go func() { _ = server.Serve(pipes) }() // until it is closed
	transport := &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})

	o := options("http://github.test")
	o.Second = time.Second
	o.Transport = transport
	return newClient(t, o)
}

// A pipeListener hands one end of a pipe to a server for each connection that is dialed.
type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (l pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.connections <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case connection := <-l.connections:
		return connection, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// If five uploads meet a rate limit at the same time, they wait at the same time.
func TestLimitIsWaitedForOnce(t *testing.T) {
	limited := map[string]bool{}
	_, client, said := startSaying(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if !isUploadOf("")(r) || limited[r.URL.RawQuery] {
			return nil
		}
		limited[r.URL.RawQuery] = true
		return githubtest.SecondaryLimit(0)
	}})

	want, all := sixTargets()
	if err := releaseSix(t.Context(), client, all, want); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said(), "retrying in 2m") || !strings.Contains(said(), "retrying in 1m") {
		t.Errorf("said:\n%s", said())
	}
}

// A rate limit is also waited for at the request that publishes, even if that takes longer
// than a request may take.
func TestLimitAtPublication(t *testing.T) {
	fault, count := failing(3, githubtest.SecondaryLimit(0), isPublication)
	gh, client := start(t, githubtest.Options{Fault: fault})

	err := release(t, client)
	if err != nil || *count != 3 {
		t.Fatalf("%d limits, %v", *count, err)
	}
	checkComplete(t, gh)
}

// A local file that is missing or has changed is not a network error, and is not tried again.
func TestLocalFileErrors(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)

	for name, test := range map[string]struct {
		open func() (io.ReadSeekCloser, error)
		want string
	}{
		"missing": {
			open: func() (io.ReadSeekCloser, error) { return os.Open("/no/such/file") },
			want: "no such file",
		},
		"too short": {
			open: func() (io.ReadSeekCloser, error) { return nopCloser{strings.NewReader("short")}, nil },
			want: "a.tar.gz has 5 bytes, but had 5000 when it was packed",
		},
	} {
		opened := 0
		_, err := rel.Attach(t.Context(), github.Asset{
			Name:   "a.tar.gz",
			Size:   5000,
			SHA256: strings.Repeat("0", 64),
			Open: func() (io.ReadSeekCloser, error) {
				opened++
				return test.open()
			},
		})
		if opened != 1 || !errorContains(err, test.want) {
			t.Errorf("%s: opened %d times, %v", name, opened, err)
		}
	}

	all := gh.Releases()
	if len(all) != 1 || !all[0].Draft {
		t.Errorf("%+v", all)
	}
}

// A successful answer without content is requested again, whatever the request was.
func TestEmptyAnswers(t *testing.T) {
	want, all := sixTargets()
	want.Notes = "" // GitHub generates them
	want.Footer = ""
	gh, client := start(t, githubtest.Options{})
	if err := releaseSix(t.Context(), client, all, want); err != nil {
		t.Fatal(err)
	}
	requests := gh.Requests()

	for _, body := range []string{`{}`, `null`, `[null]`, `[{}]`, ` `} {
		for i, request := range requests {
			gh, client := start(t, githubtest.Options{Fault: func(n int, _ *http.Request) *githubtest.Fault {
				if n != i+1 {
					return nil
				}
				return &githubtest.Fault{Status: 200, Body: body}
			}})

			if err := releaseSix(t.Context(), client, all, want); err != nil {
				t.Errorf("%s for %s %s: %v", body, request.Method, request.Path, err)
			}
			rels := gh.Releases()
			if len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) || rels[0].Body == "" {
				t.Errorf("%s for %s %s: %d releases", body, request.Method, request.Path, len(rels))
			}
		}
	}
}

// If an answer redirects to another host, the token is not sent there.
func TestRedirectsGetNoToken(t *testing.T) {
	var mu sync.Mutex
	var received []string
	otherHost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		received = append(received, r.Method+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer otherHost.Close()
	redirect := strings.Replace(otherHost.URL, "127.0.0.1", "localhost", 1) + "/x"

	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		for _, code := range []int{301, 302, 307, 308} {
			gh := newServer(githubtest.Options{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == method {
					w.Header().Set("Location", redirect)
					w.WriteHeader(code)
					return
				}
				gh.ServeHTTP(w, r)
			}))

			o := options(srv.URL)
			o.Second = time.Microsecond
			if err := release(t, newClient(t, o)); err == nil {
				t.Errorf("%s %d: released", method, code)
			}
			srv.Close()
		}
	}

	for _, r := range received {
		if strings.Contains(r, "Bearer") {
			t.Errorf("the token was sent to another host: %s", r)
		}
	}
	if len(received) == 0 {
		t.Error("no redirect was followed")
	}
}

// The upload address of a release must be on one of GitHub's own hosts.
func TestUploadAddressElsewhere(t *testing.T) {
	gh := newServer(githubtest.Options{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		gh.ServeHTTP(answer, r)

		ours := []byte("http://" + r.Host + "/uploads")
		other := []byte("http://localhost:1/uploads")
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), ours, other))
	}))
	defer srv.Close()

	err := release(t, newClient(t, options(srv.URL)))
	if !isRefusal(err) || !errorContains(err, "is not on a host of "+srv.URL) {
		t.Errorf("%v", err)
	}
}
