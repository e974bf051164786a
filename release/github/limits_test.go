package github_test

import (
	"bytes"
	"context"
	"errors"
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

// failing returns a function for Options.Fault: the first n requests that match fail so.
func failing(n int, fault *githubtest.Fault, match func(*http.Request) bool) (func(int, *http.Request) *githubtest.Fault, *int) {
	count := new(int)
	return func(_ int, r *http.Request) *githubtest.Fault {
		if *count < n && match(r) {
			*count++
			return fault
		}
		return nil
	}, count
}

func isCreate(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/releases")
}

// How long is waited for what. Time passes in a bubble, where only waiting takes any.
func TestWaits(t *testing.T) {
	secondary := func(header ...string) *githubtest.Fault {
		f := githubtest.SecondaryLimit(0)
		for i := 0; i < len(header); i += 2 {
			f.Header.Set(header[i], header[i+1])
		}
		return f
	}
	primary := func(in time.Duration) *githubtest.Fault { return githubtest.PrimaryLimit(time.Now().Add(in)) }
	status := func(code int, header http.Header) *githubtest.Fault {
		return &githubtest.Fault{Status: code, Header: header}
	}
	in := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

	for name, test := range map[string]struct {
		fault    func() *githubtest.Fault // made in the bubble: some name a time
		times    int
		from, to float64 // the wait, in seconds
	}{
		"Retry-After": {func() *githubtest.Fault { return secondary("Retry-After", "40") }, 1, 40, 41},
		"Retry-After, and no requests left for most of an hour": {func() *githubtest.Fault {
			return secondary("Retry-After", "40", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", in(50*time.Minute))
		}, 1, 40, 41},
		"without Retry-After":     {func() *githubtest.Fault { return secondary() }, 1, 60, 61},
		"without, twice":          {func() *githubtest.Fault { return secondary() }, 2, 180, 182},
		"the hour's are used up":  {func() *githubtest.Fault { return primary(100 * time.Second) }, 1, 101, 103},
		"the hour is over, twice": {func() *githubtest.Fault { return primary(-600 * time.Second) }, 2, 62, 64},
		"503, Retry-After":        {func() *githubtest.Fault { return status(503, http.Header{"Retry-After": {"30"}}) }, 1, 30, 30},
		"502, three times":        {func() *githubtest.Fault { return status(502, nil) }, 3, 7, 10.5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault, count := failing(test.times, test.fault(), isCreate)
				client := startInBubble(t, githubtest.Options{Fault: fault})

				began := time.Now()
				if _, err := client.Open(t.Context(), wanted); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began).Seconds(); took < test.from || took > test.to || *count != test.times {
					t.Errorf("took %.3f s, expected %g to %g; %d faults", took, test.from, test.to, *count)
				}
			})
		})
	}
}

// startInBubble returns a client whose seconds are seconds, of a fake GitHub in the same
// bubble of testing/synctest: there is no network between them, for which a bubble does not
// wait.
func startInBubble(t *testing.T, opts githubtest.Options) *github.Client {
	t.Helper()
	opts.Token = "t"
	opts.Tags = map[string]string{"v1.0.0": githubtest.Head}

	pipes := pipeListener{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: githubtest.New(opts)}
	go func() { _ = server.Serve(pipes) }() // until it is closed
	transport := &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})

	client, err := github.NewClient(github.Options{APIURL: "http://github.test", Repository: "octo/hello", Token: "t", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
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

func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// Five uploads that meet a limit at once wait as long as one.
func TestLimitIsWaitedForOnce(t *testing.T) {
	seen := map[string]bool{}
	_, client, said := startSaying(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "name=") && !seen[r.URL.RawQuery] {
			seen[r.URL.RawQuery] = true
			return githubtest.SecondaryLimit(0)
		}
		return nil
	}})
	want, all := six()
	if err := runSix(t.Context(), client, all, want); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said(), "retrying in 2m") || !strings.Contains(said(), "retrying in 1m") {
		t.Errorf("said:\n%s", said())
	}
}

// A limit at the last request, for longer than a request may take, is waited for too.
func TestLimitAtThePublication(t *testing.T) {
	fault, count := failing(3, githubtest.SecondaryLimit(0), func(r *http.Request) bool { return r.Method == http.MethodPatch })
	gh, client := start(t, githubtest.Options{Fault: fault})
	if err := release(t, client); err != nil || *count != 3 {
		t.Fatalf("%d, %v", *count, err)
	}
	whole(t, gh)
}

// A file that is gone, or not what it was, is no trouble of the network.
func TestLocalTroubles(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		open func() (io.ReadSeekCloser, error)
		want string
	}{
		"gone":  {func() (io.ReadSeekCloser, error) { return os.Open("/no/such/file") }, "no such file"},
		"short": {func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader([]byte("short"))}, nil }, "a.tar.gz has 5 bytes, but had 5000 when it was packed"},
	} {
		opened := 0
		_, err := rel.Attach(t.Context(), github.Asset{Name: "a.tar.gz", Size: 5000, SHA256: strings.Repeat("0", 64), Open: func() (io.ReadSeekCloser, error) {
			opened++
			return test.open()
		}})
		if opened != 1 || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: opened %d times, %v", name, opened, err)
		}
	}
	if len(gh.Releases()) != 1 || !gh.Releases()[0].Draft {
		t.Errorf("%+v", gh.Releases())
	}
}

// An answer that says yes and has nothing in it is asked for again, whatever was asked.
func TestEmptyAnswers(t *testing.T) {
	want, all := six()
	want.Notes, want.Footer = "", "" // GitHub generates them
	gh, client := start(t, githubtest.Options{})
	if err := runSix(t.Context(), client, all, want); err != nil {
		t.Fatal(err)
	}

	log := gh.Requests()
	for _, body := range []string{`{}`, `null`, `[null]`, `[{}]`, ` `} {
		for number := range log {
			gh, client := start(t, githubtest.Options{Fault: func(n int, _ *http.Request) *githubtest.Fault {
				if n != number+1 {
					return nil
				}
				return &githubtest.Fault{Status: 200, Body: body}
			}})
			if err := runSix(t.Context(), client, all, want); err != nil {
				t.Errorf("%s for %s %s: %v", body, log[number].Method, log[number].Path, err)
			}
			if rels := gh.Releases(); len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) || rels[0].Body == "" {
				t.Errorf("%s for %s %s: %d releases", body, log[number].Method, log[number].Path, len(rels))
			}
		}
	}
}

// The token goes to the API and its uploads, wherever an answer points.
func TestTokenGoesNowhereElse(t *testing.T) {
	var mu sync.Mutex
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		for _, code := range []int{301, 302, 307, 308} {
			gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == method {
					w.Header().Set("Location", elsewhere+"/x")
					w.WriteHeader(code)
					return
				}
				gh.ServeHTTP(w, r)
			}))
			client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Microsecond})
			if err != nil {
				t.Fatal(err)
			}
			if err := release(t, client); err == nil {
				t.Errorf("%s %d: released", method, code)
			}
			srv.Close()
		}
	}
	for _, r := range got {
		if strings.Contains(r, "Bearer") {
			t.Errorf("the token went elsewhere: %s", r)
		}
	}
	if len(got) == 0 {
		t.Error("no redirect was followed")
	}

	// Where a release says to send its files is believed only of GitHub's own hosts.
	gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		gh.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte("http://"+r.Host+"/uploads"), []byte(elsewhere+"/uploads")))
	}))
	defer srv.Close()
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	err = release(t, client)
	var refusal *github.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "is not on a host of "+srv.URL) {
		t.Errorf("%v", err)
	}
}
