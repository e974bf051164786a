package github_test

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Types of HTTP/2 frames (RFC 9113, 6).
const (
	frameHeaders   = 1
	frameRSTStream = 3
	frameSettings  = 4
	frameGoAway    = 7
)

// Error codes of HTTP/2 (RFC 9113, 7).
const (
	refusedStream   = 7
	enhanceYourCalm = 11
)

// frame returns an HTTP/2 frame.
func frame(kind byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	header := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[5:], stream)
	return append(header, payload...)
}

// resetStream returns the frame that ends a stream with an error.
func resetStream(stream, code uint32) []byte {
	return frame(frameRSTStream, stream, binary.BigEndian.AppendUint32(nil, code))
}

// goAway returns the frame that ends a connection without having processed a stream.
func goAway() []byte {
	return frame(frameGoAway, 0, make([]byte, 8))
}

// answerFirst answers the first request on an HTTP/2 connection with the frames that answer
// returns for its stream, and closes the connection.
func answerFirst(conn net.Conn, answer func(stream uint32) []byte) {
	defer conn.Close()

	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	_, _ = conn.Write(frame(frameSettings, 0, nil))

	for {
		header := make([]byte, 9)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if header[3] != frameHeaders {
			continue
		}

		stream := binary.BigEndian.Uint32(header[5:])
		_, _ = conn.Write(answer(stream))
		time.Sleep(50 * time.Millisecond) // until the client has read it
		return
	}
}

// A faultyListener lets takeOver handle some of the connections instead of the server.
type faultyListener struct {
	net.Listener
	mu       sync.Mutex
	count    int
	takeOver func(number int, conn net.Conn) bool // reports whether it has taken the connection over
}

func (l *faultyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}

		l.mu.Lock()
		l.count++
		number := l.count
		l.mu.Unlock()
		if !l.takeOver(number, conn) {
			return conn, nil
		}
	}
}

// A fault below HTTP is mended within the run. The server speaks HTTP/2, as GitHub does.
func TestTransportFaults(t *testing.T) {
	http2 := func(answer func(stream uint32) []byte) func(net.Conn, *tls.Config) {
		return func(conn net.Conn, config *tls.Config) {
			answerFirst(tls.Server(conn, config), answer)
		}
	}

	for name, handle := range map[string]func(net.Conn, *tls.Config){
		"REFUSED_STREAM": http2(func(stream uint32) []byte {
			return resetStream(stream, refusedStream)
		}),
		"ENHANCE_YOUR_CALM": http2(func(stream uint32) []byte {
			return resetStream(stream, enhanceYourCalm)
		}),
		"GOAWAY": http2(func(uint32) []byte {
			return goAway()
		}),
		"closed without an answer": http2(func(uint32) []byte {
			return nil
		}),
		"silent after the TLS handshake": http2(func(uint32) []byte {
			time.Sleep(time.Second)
			return nil
		}),
		"silent before the TLS handshake": func(conn net.Conn, _ *tls.Config) {
			time.Sleep(time.Second)
			conn.Close()
		},
		"another protocol": func(conn net.Conn, _ *tls.Config) {
			fmt.Fprintln(conn, "SSH-2.0-OpenSSH")
			conn.Close()
		},
		"reset at once": func(conn net.Conn, _ *tls.Config) {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gh := newServer(githubtest.Options{})
			srv := httptest.NewUnstartedServer(gh)
			srv.EnableHTTP2 = true

			faulty := 0
			srv.Listener = &faultyListener{
				Listener: srv.Listener,
				takeOver: func(number int, conn net.Conn) bool {
					if number > 2 {
						return false
					}
					faulty++
					config := srv.TLS.Clone()
					config.NextProtos = []string{"h2"}
					go handle(conn, config)
					return true
				},
			}
			srv.StartTLS()
			defer srv.Close()

			o := options(srv.URL)
			o.Stall = 300 * time.Millisecond
			o.Transport = srv.Client().Transport.(*http.Transport)
			want, all := sixTargets()
			if err := releaseSix(t.Context(), newClient(t, o), all, want); err != nil {
				t.Fatal(err)
			}
			rels := gh.Releases()
			if len(rels) != 1 || rels[0].Draft || len(rels[0].Assets) != len(all) {
				t.Errorf("%d releases", len(rels))
			}
			if faulty != 2 {
				t.Errorf("%d faulty connections", faulty)
			}
		})
	}
}

// If another attempt cannot help, the error names the reason, and the hint what to do.
func TestWrongServers(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	website := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>hello</html>")
	}))
	defer website.Close()

	for _, test := range []struct {
		name string
		url  string
		text string // in the error
		hint string
	}{
		{
			name: "no such host",
			url:  "https://no-such-host.invalid",
			text: "looking at the repository: ",
			hint: "check GITHUB_API_URL: there is no host no-such-host.invalid",
		},
		{
			name: "untrusted certificate",
			url:  untrusted.URL,
			text: "certificate",
			hint: "export SSL_CERT_FILE=",
		},
		{
			name: "website",
			url:  website.URL,
			text: "invalid character '<'",
			hint: "on GitHub Enterprise Server it ends in /api/v3",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(test.url)
			o.Token = "s3cret"
			_, err := newClient(t, o).Open(t.Context(), wanted)
			if !errorContains(err, test.text) || !strings.Contains(hintOf(err), test.hint) {
				t.Errorf("%v\nhint: %s", err, hintOf(err))
			}
			if errorContains(err, "s3cret") {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// A slow upload in which data moves is not given up, although it takes longer than a stalled
// connection may.
func TestSlowIsNotStalled(t *testing.T) {
	const chunks = 60
	content := strings.Repeat("x", chunks*slowChunk)
	slow := file("a.tar.gz", content)
	slow.Open = func() (io.ReadSeekCloser, error) {
		return slowFile{
			ReadSeeker: strings.NewReader(content),
			pause:      30 * time.Millisecond,
		}, nil
	}

	gh := newServer(githubtest.Options{})
	srv := httptest.NewServer(gh)
	defer srv.Close()
	o := options(srv.URL)
	o.Stall = 1500 * time.Millisecond
	want := wanted
	want.Files = []string{slow.Name}
	rel := open(t, newClient(t, o), want)

	start := time.Now()
	if _, err := rel.Attach(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)

	uploads := 0
	for _, r := range gh.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/assets") {
			uploads++
		}
	}
	if uploads != 1 || took < 1700*time.Millisecond {
		t.Errorf("%d uploads in %s", uploads, took)
	}
}

// slowChunk is the number of bytes that a slowFile returns at a time.
const slowChunk = 4096

// A slowFile pauses before each read.
type slowFile struct {
	io.ReadSeeker
	pause time.Duration
}

func (f slowFile) Read(p []byte) (int, error) {
	time.Sleep(f.pause)
	return f.ReadSeeker.Read(p[:min(len(p), slowChunk)])
}

func (slowFile) Close() error { return nil }
