package githubtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/release/github/githubtest"
)

// startWithFault starts a GitHub with a draft and an asset, in which the next request, number
// 3, has a fault.
func startWithFault(t *testing.T, fault *githubtest.Fault) (*fake, *github.RepositoryRelease) {
	t.Helper()

	f := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if n == 3 {
			return fault
		}
		return nil
	}})
	r := f.draft("v1.0.0")
	f.mustUpload(r, "first", "content")

	return f, r
}

// assets lists the assets of a release, with their states and sizes.
func (f *fake) assets(id int64) string {
	var all []string
	for _, a := range f.release(id).Assets {
		all = append(all, fmt.Sprintf("%s %s %d", a.Name, a.State, a.Size))
	}
	return strings.Join(all, ", ")
}

// checkAssets checks the assets of a release.
func (f *fake) checkAssets(id int64, want string) {
	f.t.Helper()
	if got := f.assets(id); got != want {
		f.t.Errorf("the assets are %s, want %s", got, want)
	}
}

// TestFaultStatus answers with a status instead of performing a request.
func TestFaultStatus(t *testing.T) {
	const validationFailed = `{"message":"Validation Failed","errors":[` +
		`{"resource":"Release","code":"custom","field":"pre_receive"}]}`

	for _, test := range []struct {
		fault githubtest.Fault
		want  string
	}{
		{githubtest.Fault{}, "502 Server Error"},
		{githubtest.Fault{Status: 500}, "500 Server Error"},
		{githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"1"}}}, "503 Server Error"},
		{githubtest.Fault{Status: 404}, "404 Not Found"},
		{githubtest.Fault{Status: 429}, "429 Too Many Requests"},
		{githubtest.Fault{Status: 422, Body: validationFailed}, "422 Release pre_receive custom"},
		{githubtest.Fault{Status: 502, Body: "<html>unicorn</html>"}, "502 "},
	} {
		f, r := startWithFault(t, &test.fault)
		_, err := f.upload(r, "second", strings.Repeat("content", 100_000))
		want(t, err, test.want)
		f.checkAssets(r.ID, "first uploaded 7")

		var e *github.ErrorResponse
		if errors.As(err, &e) {
			got := e.Response.Header.Get("Retry-After")
			if got != test.fault.Header.Get("Retry-After") {
				t.Errorf("Retry-After is %q", got)
			}
		}

		// The next request has no fault.
		f.mustUpload(r, "second", "content")
	}
}

// TestSecondaryLimit checks what the client library makes of a secondary rate limit.
func TestSecondaryLimit(t *testing.T) {
	f, r := startWithFault(t, githubtest.SecondaryLimit(30*time.Second))
	_, err := f.upload(r, "second", "content")
	var limited *github.AbuseRateLimitError
	if !errors.As(err, &limited) || limited.GetRetryAfter() != 30*time.Second {
		t.Errorf("a secondary limit is %v", err)
	}

	// Without Retry-After, go-github uses X-RateLimit-Reset, which is in every answer.
	// Here it is a time of the fake's own clock.
	f, r = startWithFault(t, githubtest.SecondaryLimit(0))
	_, err = f.upload(r, "second", "content")
	limited = nil
	if !errors.As(err, &limited) || limited.Response.Header.Get("Retry-After") != "" {
		t.Errorf("a secondary limit without a time is %v", err)
	}
}

// TestPrimaryLimit checks what the client library makes of the primary rate limit.
func TestPrimaryLimit(t *testing.T) {
	reset := time.Now().Add(time.Minute)
	f, r := startWithFault(t, githubtest.PrimaryLimit(reset))
	_, err := f.upload(r, "second", "content")
	var limited *github.RateLimitError
	if !errors.As(err, &limited) || limited.Rate.Reset.Unix() != reset.Unix() {
		t.Errorf("the primary limit is %v", err)
	}
}

// TestFaultReset closes connections without an answer.
func TestFaultReset(t *testing.T) {
	large := strings.Repeat("content", 1_000_000)

	for _, test := range []struct {
		name  string
		body  string
		fault githubtest.Fault
		want  string // assets
	}{
		{
			"before",
			large,
			githubtest.Fault{Reset: true},
			"first uploaded 7",
		},
		{
			"in the middle",
			large,
			githubtest.Fault{ResetAfter: 3_000_000},
			"first uploaded 7, second starter 0",
		},
		{
			"in the middle of a small body",
			"content",
			githubtest.Fault{ResetAfter: 3},
			"first uploaded 7, second starter 0",
		},
		{
			"after",
			large,
			githubtest.Fault{Reset: true, AfterDone: true},
			"first uploaded 7, second uploaded 7000000",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, r := startWithFault(t, &test.fault)
			_, err := f.upload(r, "second", test.body)
			var answered *github.ErrorResponse
			if err == nil || errors.As(err, &answered) {
				t.Errorf("GitHub answered: %v", err)
			}

			// The client may notice before the server is done.
			for range 100 {
				if f.assets(r.ID) == test.want {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			f.checkAssets(r.ID, test.want)
			if log := f.Requests()[2]; log.Status != 0 {
				t.Errorf("the log has the status of an answer: %+v", log)
			}
		})
	}
}

// TestFaultResetDownload breaks off a download.
func TestFaultResetDownload(t *testing.T) {
	f := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.Path, "/releases/download/") {
			return &githubtest.Fault{ResetAfter: 100_000}
		}
		return nil
	}})
	r := f.create(createRequest{TagName: "v1.0.0"})
	f.mustUpload(r, "a", strings.Repeat("x", 1_000_000))

	resp, err := f.http.Get(f.url + "/octo/hello/releases/download/v1.0.0/a")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 100_000 {
		t.Errorf("%d bytes, then %v", len(body), err)
	}
}

// TestFaultStarter checks what an upload that failed at GitHub leaves behind.
func TestFaultStarter(t *testing.T) {
	f, r := startWithFault(t, &githubtest.Fault{Starter: true})
	repos := f.client.Repositories
	_, err := f.upload(r, "second", "content")
	want(t, err, "502 Server Error")
	f.checkAssets(r.ID, "first uploaded 7, second starter 0")

	// The name is taken, and there is nothing to download.
	_, err = f.upload(r, "second", "content")
	want(t, err, "422 ReleaseAsset name already_exists")
	list, _, err := repos.ListReleaseAssets(t.Context(), owner, repo, r.ID, nil)
	if err != nil || len(list) != 2 {
		t.Fatalf("the assets are %v, %v", list, err)
	}
	starter := list[1]
	if starter.GetState() != "starter" || starter.Digest != nil {
		t.Fatalf("the starter is %v", starter)
	}
	_, _, err = repos.DownloadReleaseAsset(t.Context(), owner, repo, starter.GetID(), f.http)
	want(t, err, "404 Not Found")

	// "It can be safely deleted."
	if err := f.deleteAsset(starter.GetID()); err != nil {
		t.Fatal(err)
	}
	f.mustUpload(r, "second", "content")
}

// TestFaultForUploads checks that faults for uploads have no effect on other requests.
func TestFaultForUploads(t *testing.T) {
	for _, fault := range []githubtest.Fault{{Starter: true}, {Truncate: true}, {Rename: "other"}} {
		f, r := startWithFault(t, &fault)
		f.publish(r.ID)
	}
}

// TestFaultTruncate stores half a file and reports success.
func TestFaultTruncate(t *testing.T) {
	f, r := startWithFault(t, &githubtest.Fault{Truncate: true})
	a, err := f.upload(r, "second", "0123456789")
	if err != nil || a.GetSize() != 5 || a.GetState() != "uploaded" {
		t.Errorf("the asset is %v, %v", a, err)
	}

	stored, _ := f.release(r.ID).Asset("second")
	if string(stored.Content) != "01234" || stored.Digest != a.GetDigest() {
		t.Errorf("the stored asset is %+v", stored)
	}
}

// TestFaultAfterDone performs requests and reports a failure.
func TestFaultAfterDone(t *testing.T) {
	f, r := startWithFault(t, &githubtest.Fault{AfterDone: true})
	_, err := f.update(r.ID, updateRequest{Draft: new(false)})
	want(t, err, "502 Server Error")
	if r := f.release(r.ID); r.Draft {
		t.Error("the release is still a draft")
	}

	f, _ = startWithFault(t, &githubtest.Fault{AfterDone: true, Status: 500})
	_, err = f.tryCreate(createRequest{TagName: "v2.0.0", Draft: new(true)})
	want(t, err, "500 Server Error")
	if n := len(f.Releases()); n != 2 {
		t.Errorf("there are %d releases, want 2", n)
	}
}

// TestFaultRename stores a file under another name.
func TestFaultRename(t *testing.T) {
	f, r := startWithFault(t, &githubtest.Fault{Rename: "third"})
	a, err := f.upload(r, "second", "0123456789")
	if err != nil || a.GetName() != "third" {
		t.Errorf("the asset is %v, %v", a, err)
	}
	f.checkAssets(r.ID, "first uploaded 7, third uploaded 10")

	f, r = startWithFault(t, &githubtest.Fault{Rename: "third", AfterDone: true, Status: 500})
	_, err = f.upload(r, "second", "0123456789")
	want(t, err, "500 Server Error")
	f.checkAssets(r.ID, "first uploaded 7, third uploaded 10")
}

// TestFaultAlter performs a request and changes the answer.
func TestFaultAlter(t *testing.T) {
	f, r := startWithFault(t, &githubtest.Fault{Alter: func(a *githubtest.Answer) {
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"draft":false`) {
			t.Errorf("the true answer is %+v", a)
		}

		a.Status = http.StatusConflict
		a.Body = []byte(`{"message":"no"}`)
		a.Header.Set("X-Test", "yes")
	}})
	_, err := f.update(r.ID, updateRequest{Draft: new(false)})
	want(t, err, "409 no")

	var e *github.ErrorResponse
	if !errors.As(err, &e) || e.Response.Header.Get("X-Test") != "yes" {
		t.Errorf("the header is missing from %v", err)
	}
	if f.release(r.ID).Draft {
		t.Error("the release is still a draft")
	}
}

// TestFaultHang sends requests that are never answered.
func TestFaultHang(t *testing.T) {
	for _, fault := range []githubtest.Fault{{Hang: true}, {Hang: true, AfterDone: true}} {
		f, r := startWithFault(t, &fault)
		stored := func() bool { return strings.Contains(f.assets(r.ID), "second uploaded") }

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			content := strings.Repeat("content", 100_000)
			_, err := f.uploadBody(ctx, r, "second", strings.NewReader(content), int64(len(content)))
			ended <- err
		}()

		// Wait until the server has the request. A busy machine can take long.
		for range 600 {
			time.Sleep(50 * time.Millisecond)
			if !fault.AfterDone && len(f.Requests()) == 3 || stored() {
				break
			}
		}

		select {
		case err := <-ended:
			t.Errorf("a request that hangs ended with %v", err)
		case <-time.After(50 * time.Millisecond):
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("a request that was canceled ended with %v", err)
			}
		}
		if stored() != fault.AfterDone {
			t.Errorf("with %+v the assets are %s", fault, f.assets(r.ID))
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestInterruptedUpload cancels an upload, which leaves a starter without any fault.
func TestInterruptedUpload(t *testing.T) {
	f := start(t, githubtest.Options{})
	r := f.draft("v1.0.0")

	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var once sync.Once
	body := readerFunc(func(p []byte) (int, error) {
		once.Do(func() { close(started) })
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
			return copy(p, "content"), nil
		}
	})
	ended := make(chan error)
	go func() {
		_, err := f.uploadBody(ctx, r, "a", body, 1<<20)
		ended <- err
	}()

	// The asset is visible during the upload.
	<-started
	for f.assets(r.ID) != "a starter 0" {
		time.Sleep(time.Millisecond)
	}

	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the upload ended with %v", err)
	}
	_, err := f.upload(r, "a", "content")
	want(t, err, "422 ReleaseAsset name already_exists")
}

// TestChangeDuringUpload changes a release while an upload to it is in progress.
func TestChangeDuringUpload(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fake, *github.RepositoryRelease) error
		want   string
	}{
		{
			"published",
			func(f *fake, r *github.RepositoryRelease) error {
				_, err := f.update(r.ID, updateRequest{Draft: new(false)})
				return err
			},
			"422 Cannot upload assets to an immutable release.",
		},
		{
			"asset deleted",
			func(f *fake, r *github.RepositoryRelease) error {
				return f.deleteAsset(f.release(r.ID).Assets[0].ID)
			},
			"404 Not Found",
		},
		{
			"release deleted",
			func(f *fake, r *github.RepositoryRelease) error {
				return f.deleteRelease(r.ID)
			},
			"404 Not Found",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, githubtest.Options{Immutable: true})
			r := f.draft("v1.0.0")

			change := readerFunc(func([]byte) (int, error) {
				for len(f.release(r.ID).Assets) == 0 { // the upload has not begun
					time.Sleep(time.Millisecond)
				}
				if err := test.change(f, r); err != nil {
					t.Error(err)
				}
				return 0, io.EOF
			})
			body := io.MultiReader(change, strings.NewReader("content"))
			_, err := f.uploadBody(t.Context(), r, "a", body, 7)
			want(t, err, test.want)
		})
	}
}

// TestConcurrency sends all kinds of requests at once. It is meant for the race detector, and
// checks that requests are numbered in order.
func TestConcurrency(t *testing.T) {
	var f *fake
	var numbers []int // needs no lock: calls of Fault are never concurrent
	f = start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		numbers = append(numbers, n)
		if f != nil && n%10 == 0 {
			f.Releases() // Fault may look at the state
		}
		return nil
	}})
	r := f.draft("v1.0.0")

	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			f.mustUpload(r, fmt.Sprintf("asset-%d", i), strings.Repeat("content", 10_000))
			_, _, err := f.client.Repositories.ListReleaseAssets(t.Context(), owner, repo, r.ID, nil)
			if err != nil {
				t.Error(err)
			}

			f.History()
			f.Requests()
			if page := f.get("/"); page.status != http.StatusOK {
				t.Errorf("the page is %d", page.status)
			}
		})
	}

	// Of many uploads with the same name one succeeds.
	var stored atomic.Int32
	for range 10 {
		all.Go(func() {
			if _, err := f.upload(r, "checksums.txt", "content"); err == nil {
				stored.Add(1)
			}
		})
	}
	all.Wait()

	assets := f.release(r.ID).Assets
	if len(assets) != 21 {
		t.Errorf("there are %d assets, want 21", len(assets))
	}
	if n := stored.Load(); n != 1 {
		t.Errorf("checksums.txt was stored %d times", n)
	}
	ids := map[int64]bool{}
	for _, a := range assets {
		ids[a.ID] = true
	}
	if len(ids) != len(assets) {
		t.Errorf("%d assets have %d IDs", len(assets), len(ids))
	}
	for i, n := range numbers {
		if n != i+1 {
			t.Fatalf("request %d has the number %d", i+1, n)
		}
	}
}
