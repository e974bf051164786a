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

// A faultyRegistry holds one image, and answers requests as a test wants.
type faultyRegistry struct {
	*httptest.Server
	reference string
	requests  atomic.Int64
	fault     atomic.Pointer[faultFunc]
}

// A faultFunc answers a request, or reports false: then it is answered as usual.
type faultFunc func(w http.ResponseWriter, r *http.Request) bool

// answerWith makes the registry answer with a fault from now on. Requests of an earlier
// fault may still be under way.
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
	check(t, remote.Write(ref, imageOf(t, "amd64", layerOf(t, member{"bin/sh", broken}, member{"data", noise}))))
	f.requests.Store(0)
	return f
}

// pull looks at the image with little patience.
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

// drip sends a byte now and then until the client goes away.
func drip(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(10 * time.Millisecond)
	}
}

// pour sends without end.
func pour(w http.ResponseWriter, r *http.Request) {
	part := make([]byte, 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(part); err != nil {
			return
		}
	}
}

// Whatever a registry does, a request has an end, and the error names who did it.
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
			harmless := kind.name == "ping" && !strings.Contains(name, "redirects") // the body of it is not looked at
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
			if err == nil && !harmless {
				t.Errorf("%s %s: %q without an error", kind.name, name, found)
			}
			if err != nil && (!strings.Contains(err.Error(), fault.want) || !strings.Contains(err.Error(), host)) {
				t.Errorf("%s %s: %.300q", kind.name, name, err)
			}
			if err != nil && len(err.Error()) > 2*maxForeignError {
				t.Errorf("%s %s: an error of %d bytes", kind.name, name, len(err.Error()))
			}
		}
	}
}

// What hands out tokens has as little time as the registry.
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
		if _, err := f.pull(t); err == nil || time.Since(start) > 10*time.Second || f.requests.Load() > 50 {
			t.Errorf("%s: %d requests in %s, %v", name, f.requests.Load(), time.Since(start), err)
		}
	}
}

// The credentials of a registry are for it alone, wherever it sends the client.
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

// Where everybody can read, nothing is asked that was asked in secret.
func TestNoRedirectToHTTP(t *testing.T) {
	first, err := http.NewRequest(http.MethodGet, "https://registry.example/v2/", nil)
	check(t, err)
	second, err := http.NewRequest(http.MethodGet, "http://registry.example:443/v2/", nil)
	check(t, err)
	second.Response = &http.Response{Request: first}
	if err := checkRedirects(second); err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("%v", err)
	}
}

// A slow line is no fault: what is sent gives time back.
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
	for minimum, enough := range map[int64]bool{25: true, 1000: false} {
		client := http.Client{Transport: newRegistryTransport(patience{200 * time.Millisecond, minimum})}
		answer, err := client.Get(server.URL)
		check(t, err)
		n, err := io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if (err == nil) != enough || enough && n != int64(len(body)) {
			t.Errorf("%d bytes a second: %d bytes, %v", minimum, n, err)
		}
	}
}
