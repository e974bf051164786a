package github_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// HTTP/2 frames (RFC 9113, 6).
const (
	frameHeaders   = 1
	frameRST       = 3
	frameSettings  = 4
	frameGoaway    = 7
	refusedStream  = 7
	enhanceYourCal = 11
)

func frame(kind byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[5:], stream)
	return append(head, payload...)
}

// refuse answers the first request on an HTTP/2 connection with the frames that answer
// makes for its stream, and closes.
func refuse(conn net.Conn, answer func(stream uint32) []byte) {
	defer conn.Close()
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	_, _ = conn.Write(frame(frameSettings, 0, nil))
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if head[3] == frameHeaders {
			_, _ = conn.Write(answer(binary.BigEndian.Uint32(head[5:])))
			time.Sleep(50 * time.Millisecond) // until the client has read it
			return
		}
	}
}

// A rude listener treats the connections in spoil otherwise than the server would.
type rude struct {
	net.Listener
	mu    sync.Mutex
	count int
	spoil func(count int, conn net.Conn) bool // reports whether it took the connection over
}

func (l *rude) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.count++
		count := l.count
		l.mu.Unlock()
		if !l.spoil(count, conn) {
			return conn, nil
		}
	}
}

// What goes wrong below HTTP, with HTTP/2 as GitHub speaks it, is mended within the run.
func TestTransportTroubles(t *testing.T) {
	h2 := func(answer func(uint32) []byte) func(net.Conn, *tls.Config) {
		return func(conn net.Conn, config *tls.Config) { refuse(tls.Server(conn, config), answer) }
	}
	code := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, treat := range map[string]func(net.Conn, *tls.Config){
		"REFUSED_STREAM":       h2(func(s uint32) []byte { return frame(frameRST, s, code(refusedStream)) }),
		"ENHANCE_YOUR_CALM":    h2(func(s uint32) []byte { return frame(frameRST, s, code(enhanceYourCal)) }),
		"GOAWAY":               h2(func(uint32) []byte { return frame(frameGoaway, 0, append(code(0), code(0)...)) }),
		"closed":               h2(func(uint32) []byte { return nil }),
		"reset at once":        func(conn net.Conn, _ *tls.Config) { _ = conn.(*net.TCPConn).SetLinger(0); conn.Close() },
		"no TLS handshake":     func(conn net.Conn, _ *tls.Config) { time.Sleep(time.Second); conn.Close() },
		"rubbish for TLS":      func(conn net.Conn, _ *tls.Config) { fmt.Fprintln(conn, "SSH-2.0-OpenSSH"); conn.Close() },
		"handshake, no answer": h2(func(uint32) []byte { time.Sleep(time.Second); return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, all := six()
			gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
			srv := httptest.NewUnstartedServer(gh)
			srv.EnableHTTP2 = true
			spoilt := 0
			listener := &rude{Listener: srv.Listener}
			listener.spoil = func(count int, conn net.Conn) bool {
				if count > 2 { // the first connection, and one more
					return false
				}
				spoilt++
				config := srv.TLS.Clone()
				config.NextProtos = []string{"h2"}
				go treat(conn, config)
				return true
			}
			srv.Listener = listener
			srv.StartTLS()
			defer srv.Close()
			client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t",
				Second: time.Millisecond, Stall: 300 * time.Millisecond, Transport: srv.Client().Transport.(*http.Transport)})
			if err != nil {
				t.Fatal(err)
			}
			if err := runSix(t.Context(), client, all, want); err != nil {
				t.Fatal(err)
			}
			if rels := gh.Releases(); len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) || spoilt != 2 {
				t.Errorf("%d connections spoilt, releases: %d", spoilt, len(rels))
			}
		})
	}
}

// Where no try helps the reason is named, with what to do.
func TestWrongServers(t *testing.T) {
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	defer tlsServer.Close()
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") }))
	defer pages.Close()
	for _, test := range []struct{ url, text, hint string }{
		{"https://no-such-host.invalid", "looking at the repository: ", "check GITHUB_API_URL: there is no host no-such-host.invalid"},
		{tlsServer.URL, "certificate", "export SSL_CERT_FILE="},
		{pages.URL, "invalid character '<'", "on GitHub Enterprise Server it ends in /api/v3"},
	} {
		client, err := github.NewClient(github.Options{APIURL: test.url, Repository: "octo/hello", Token: "s3cret", Second: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Open(t.Context(), wanted)
		var hint interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), test.text) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), test.hint) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, %+v", test.url, err, hint)
		}
	}
}

// A connection that stands still is given up, however long it may take; one that is slow
// but moves is not.
func TestSlowIsNotStalled(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 60*256) // 60 times what drips at once
	slow := file("a.tar.gz", content)
	slow.Open = func() (io.ReadSeekCloser, error) {
		return &dripping{bytes.NewReader([]byte(content)), 30 * time.Millisecond}, nil
	}
	want := wanted
	want.Files = []string{slow.Name}
	gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
	srv := httptest.NewServer(gh)
	defer srv.Close()
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond, Stall: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	rel, err := client.Open(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := rel.Attach(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	uploads := 0
	for _, r := range gh.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/assets") {
			uploads++
		}
	}
	if took := time.Since(start); uploads != 1 || took < 1700*time.Millisecond {
		t.Errorf("%d uploads in %s", uploads, took)
	}
}

// A dripping file gives 4 KiB at a time, slowly.
type dripping struct {
	*bytes.Reader
	pause time.Duration
}

func (d *dripping) Read(p []byte) (int, error) {
	time.Sleep(d.pause)
	return d.Reader.Read(p[:min(len(p), 4096)])
}

func (*dripping) Close() error { return nil }
