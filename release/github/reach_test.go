package github_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Answers of a name server (RFC 1035, 4.1.1).
const (
	serverFailure = 2
	nameError     = 3
)

// nameServer returns a resolver whose only name server gives this answer to every question.
func nameServer(t *testing.T, answer byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })

	go func() {
		message := make([]byte, 1232)
		for {
			n, from, err := conn.ReadFrom(message)
			if err != nil {
				return // the test has ended
			}

			const isResponse, recursionAvailable = 0x80, 0x80
			message[2] |= isResponse
			message[3] = recursionAvailable | answer
			binary.BigEndian.PutUint16(message[10:], 0) // no additional records
			_, _ = conn.WriteTo(message[:questionEnd(message[:n])], from)
		}
	}()

	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", conn.LocalAddr().String())
		},
	}
}

// questionEnd returns the end of the only question of a DNS message.
func questionEnd(message []byte) int {
	i := 12 // the header
	for message[i] != 0 {
		i += int(message[i]) + 1
	}
	return i + 1 + 4 // type and class
}

// A host that is not found, or where nothing listens, is given up after seconds. It is not like
// a server that has a bad day.
func TestUnreachable(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refusing := func(status int) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		}))
		t.Cleanup(srv.Close)
		return strings.Replace(srv.URL, "://", "://user:s3cret@", 1)
	}

	for name, test := range map[string]struct {
		url      string
		proxy    string
		answer   byte // of the name server
		attempts int32
		hint     string
	}{
		"no such host": {
			url:      "https://github.test",
			answer:   nameError,
			attempts: 3,
			hint:     "check GITHUB_API_URL: there is no host github.test",
		},
		"no such proxy": {
			url:      "https://github.test",
			proxy:    "http://proxy.test:3128",
			answer:   nameError,
			attempts: 3,
			hint:     "check HTTPS_PROXY: there is no host proxy.test",
		},
		"proxy does not find the host": {
			url:      "https://github.test",
			proxy:    refusing(http.StatusServiceUnavailable),
			attempts: 4,
			hint:     "check GITHUB_API_URL, and that the proxy in HTTPS_PROXY may reach github.test",
		},
		"proxy wants a password": {
			url:      "https://github.test",
			proxy:    refusing(http.StatusProxyAuthRequired),
			attempts: 4,
			hint:     "check the user and the password in HTTPS_PROXY",
		},
		"name server fails": {
			url:      "https://github.test",
			answer:   serverFailure,
			attempts: 4,
			hint:     "check the network of this machine: it cannot look up the address of github.test",
		},
		"nothing listens": {
			url:      closed.URL,
			attempts: 3,
			hint:     "check GITHUB_API_URL, and HTTPS_PROXY if it is set: nothing listens there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var dials atomic.Int32
			dialer := net.Dialer{Resolver: nameServer(t, test.answer)}
			o := options(test.url)
			o.Transport = &http.Transport{
				Proxy: func(*http.Request) (*url.URL, error) {
					if test.proxy == "" {
						return nil, nil
					}
					return url.Parse(test.proxy)
				},
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					dials.Add(1)
					return dialer.DialContext(ctx, network, address)
				},
			}

			_, err := newClient(t, o).Open(t.Context(), wanted)
			if err == nil || hintOf(err) != test.hint || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v\nhint: %s", err, hintOf(err))
			}
			if got := dials.Load(); got != test.attempts {
				t.Errorf("%d attempts, want %d", got, test.attempts)
			}
		})
	}
}

// The waits before a host is given up take seconds.
func TestUnreachableForSeconds(t *testing.T) {
	o := options("http://github.test")
	o.Second = 10 * time.Millisecond
	o.Transport = &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "github.test", IsNotFound: true}
		},
	}

	start := time.Now()
	_, err := newClient(t, o).Open(t.Context(), wanted)
	seconds := time.Since(start) / o.Second
	if err == nil || seconds < 3 || seconds > 30 { // 3 to 4.5, and 120 for a server that fails
		t.Errorf("%d seconds, %v", seconds, err)
	}
}

// A host that has answered before is worth more attempts: it exists.
func TestUnreachableForAWhile(t *testing.T) {
	for name, failure := range map[string]error{
		"no such host":      &net.DNSError{Err: "no such host", Name: "github.test", IsNotFound: true},
		"name server fails": &net.DNSError{Err: "server misbehaving", Name: "github.test", IsTemporary: true},
		"nothing listens":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			const failures = 6
			gh := newServer(githubtest.Options{})
			srv := httptest.NewServer(gh)
			defer srv.Close()
			closed := httptest.NewServer(http.NotFoundHandler())
			closed.Close()

			var dials atomic.Int32
			o := options("http://github.test")
			o.Transport = &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					address := srv.Listener.Addr().String()
					n := dials.Add(1)
					if n > 1 && n <= 1+failures {
						if failure != nil {
							return nil, failure
						}
						address = strings.TrimPrefix(closed.URL, "http://")
					}

					var d net.Dialer
					return d.DialContext(ctx, network, address)
				},
			}

			rel := open(t, newClient(t, o), wanted)
			attachAll(t, rel, files)
			if err := rel.Publish(t.Context(), files, true); err != nil {
				t.Fatal(err)
			}
			checkComplete(t, gh)
		})
	}
}
