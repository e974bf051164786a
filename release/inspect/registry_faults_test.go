package inspect

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A faultyRegistry holds one image. A test decides how it answers requests.
type faultyRegistry struct {
	*httptest.Server
	reference string
	requests  atomic.Int64
	fault     atomic.Pointer[faultFunc]
}

// A faultFunc answers a request, or returns false to have it answered as usual.
type faultFunc func(w http.ResponseWriter, r *http.Request) bool

// answerWith makes the registry answer with a fault. Requests that met an earlier fault may
// still be in progress.
func (f *faultyRegistry) answerWith(fault faultFunc) { f.fault.Store(&fault) }

func newFaultyRegistry(t *testing.T) *faultyRegistry {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	f := &faultyRegistry{}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		fault := f.fault.Load()
		if fault == nil || !(*fault)(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))

	t.Cleanup(f.Close)
	f.reference = strings.TrimPrefix(f.URL, "http://") + "/owner/image:tag"

	ref, err := name.ParseReference(f.reference)
	check(t, err)
	noise := make([]byte, 100<<10)
	layer := layerOf(t, member{"bin/sh", broken}, member{"data", noise})
	check(t, remote.Write(ref, imageOf(t, "amd64", layer)))
	f.requests.Store(0)
	return f
}

// pull inspects the image with little patience.
func (f *faultyRegistry) pull(t *testing.T) ([]string, error) {
	t.Helper()
	var found []string
	p := patience{wait: 300 * time.Millisecond, minRate: 1 << 20}
	err := imageWith(t.Context(), p, f.reference, "test", func(e Found) error {
		found = append(found, strings.TrimPrefix(e.Path, f.reference))
		return nil
	})
	return found, err
}

func isBlob(r *http.Request) bool     { return strings.Contains(r.URL.Path, "/blobs/") }
func isManifest(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
func isPing(r *http.Request) bool     { return r.URL.Path == "/v2/" }

// drip sends single bytes until the client goes away.
func drip(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(10 * time.Millisecond)
	}
}

// pour sends data until the client goes away.
func pour(w http.ResponseWriter, r *http.Request) {
	part := make([]byte, 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(part); err != nil {
			return
		}
	}
}

// Whatever a registry does, requests end, and the error names the host.
func TestRegistryFaults(t *testing.T) {
	f := newFaultyRegistry(t)
	host := strings.TrimPrefix(f.URL, "http://")
	if found, err := f.pull(t); err != nil || !slices.Equal(found, []string{"!linux/amd64!bin/sh"}) {
		t.Fatalf("without a fault: %q, %v", found, err)
	}

	type kind struct {
		name string
		of   func(*http.Request) bool
	}
	kinds := []kind{{"ping", isPing}, {"manifest", isManifest}, {"blob", isBlob}}
	long := strings.Repeat("x", 10<<10)
	faults := map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"redirects to itself": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}, "10"},
		"redirects to and fro": {func(w http.ResponseWriter, r *http.Request) {
			target := strings.Replace(f.URL, "127.0.0.1", "localhost", 1)
			if strings.HasPrefix(r.Host, "localhost") {
				target = f.URL
			}
			http.Redirect(w, r, target+r.URL.Path, http.StatusTemporaryRedirect)
		}, "10"},
		"redirects to longer addresses": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"?"+r.URL.RawQuery+long, http.StatusFound)
		}, "10"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "registry too slow"},
		"hangs after the headers": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "registry too slow"},
		"drips": {drip, "registry too slow"},
		"pours": {pour, ""},
		"announces too little": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "3")
			_, _ = io.WriteString(w, "{}x")
		}, ""},
		"announces more than it sends": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "{}")
		}, ""},
		"announces a terabyte": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
			pour(w, r)
		}, "announces 1099511627776 bytes"},
		"has endless headers": {func(w http.ResponseWriter, r *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprint("X-", i), long)
			}
			w.WriteHeader(http.StatusOK)
		}, "headers"},
	}

	for name, fault := range faults {
		for _, kind := range kinds {
			f.answerWith(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !kind.of(r) {
					return false
				}
				fault.answer(w, r)
				return true
			})
			f.requests.Store(0)

			start := time.Now()
			found, err := f.pull(t)
			took := time.Since(start)
			if took > 10*time.Second || f.requests.Load() > 50 {
				t.Errorf("%s %s: %d requests in %s", kind.name, name, f.requests.Load(), took)
			}

			if err == nil {
				// The client ignores the body of the answer to a ping.
				isHarmless := kind.name == "ping" && !strings.Contains(name, "redirects")
				if !isHarmless {
					t.Errorf("%s %s: %q without an error", kind.name, name, found)
				}
				continue
			}
			if !says(err, fault.want) || !says(err, host) {
				t.Errorf("%s %s: %.300q", kind.name, name, err)
			}
			if len(err.Error()) > 2*maxForeignError {
				t.Errorf("%s %s: an error of %d bytes", kind.name, name, len(err.Error()))
			}
		}
	}
}

// The same limits apply to the server that issues tokens.
func TestTokenFaults(t *testing.T) {
	f := newFaultyRegistry(t)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"redirects to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drips": drip,
		"pours": pour,
		"is never content": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"token": "never enough"}`)
		},
	} {
		f.answerWith(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				answer(w, r)
				return true
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test"`, f.URL))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		f.requests.Store(0)

		start := time.Now()
		_, err := f.pull(t)
		took := time.Since(start)
		if err == nil || took > 10*time.Second || f.requests.Load() > 50 {
			t.Errorf("%s: %d requests in %s, %v", name, f.requests.Load(), took, err)
		}
	}
}

// The credentials for a registry are not sent to the hosts that it redirects to.
func TestRegistryCredentialsStay(t *testing.T) {
	f := newFaultyRegistry(t)
	host := strings.TrimPrefix(f.URL, "http://")
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("%s has %v", r.URL, r.Header)
		}
		http.Error(w, "no", http.StatusNotFound)
	}))
	defer other.Close()

	config := fmt.Sprintf(`{"auths": {%q: {"username": "me", "password": "mine"}}}`, host)
	check(t, os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600))
	f.answerWith(func(w http.ResponseWriter, r *http.Request) bool {
		if _, password, _ := r.BasicAuth(); password != "mine" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}

		if isBlob(r) {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})

	if _, err := f.pull(t); err == nil || elsewhere.Load() == 0 {
		t.Errorf("%d requests elsewhere, %v", elsewhere.Load(), err)
	}
}

// A redirect from https to http is an error.
func TestNoRedirectToHTTP(t *testing.T) {
	first, err := http.NewRequest(http.MethodGet, "https://registry.example/v2/", nil)
	check(t, err)
	second, err := http.NewRequest(http.MethodGet, "http://registry.example:443/v2/", nil)
	check(t, err)
	second.Response = &http.Response{Request: first}
	if err := checkRedirects(second); !says(err, "from https to http") {
		t.Errorf("%v", err)
	}
}

// A slow connection is not an error as long as bytes arrive at the minimum rate.
func TestPatienceWithSlowRegistry(t *testing.T) {
	body := make([]byte, 30)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range body {
			_, _ = w.Write(body[i : i+1])
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}))
	defer server.Close()

	for minRate, isFastEnough := range map[int64]bool{25: true, 1000: false} {
		p := patience{wait: 200 * time.Millisecond, minRate: minRate}
		client := http.Client{Transport: newRegistryTransport(p)}
		response, err := client.Get(server.URL)
		check(t, err)

		n, err := io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if (err == nil) != isFastEnough || isFastEnough && n != int64(len(body)) {
			t.Errorf("%d bytes per second: %d bytes, %v", minRate, n, err)
		}
	}
}
