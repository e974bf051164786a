package githubtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v92/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// broken starts a GitHub with a draft and an asset in which fault happens to
// request number 3, and only to that.
func broken(t *testing.T, fault *githubtest.Fault) (*fake, *github.RepositoryRelease) {
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

// states lists the assets of a release, with their states and sizes.
func (f *fake) states(id int64) string {
	var all []string
	for _, a := range f.release(id).Assets {
		all = append(all, fmt.Sprintf("%s %s %d", a.Name, a.State, a.Size))
	}

	return strings.Join(all, ", ")
}

// TestFaultStatus: answers that are not the request's.
func TestFaultStatus(t *testing.T) {
	for _, test := range []struct {
		fault githubtest.Fault
		want  string
	}{
		{githubtest.Fault{}, "502 Server Error"},
		{githubtest.Fault{Status: 500}, "500 Server Error"},
		{githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"1"}}}, "503 Server Error"},
		{githubtest.Fault{Status: 404}, "404 Not Found"},
		{githubtest.Fault{Status: 429}, "429 Too Many Requests"},
		{githubtest.Fault{Status: 422, Body: `{"message":"Validation Failed","errors":[{"resource":"Release","code":"custom","field":"pre_receive"}]}`}, "422 Release pre_receive custom"},
		{githubtest.Fault{Status: 502, Body: "<html>unicorn</html>"}, "502 "},
	} {
		f, r := broken(t, &test.fault)
		_, err := f.upload(r, "second", strings.Repeat("content", 100_000))
		want(t, err, test.want)
		if got := f.states(r.ID); got != "first uploaded 7" {
			t.Errorf("after %v there is %s", test.fault, got)
		}

		var e *github.ErrorResponse
		if errors.As(err, &e) && e.Response.Header.Get("Retry-After") != test.fault.Header.Get("Retry-After") {
			t.Errorf("Retry-After is %q", e.Response.Header.Get("Retry-After"))
		}

		f.mustUpload(r, "second", "content") // and the next one works
	}
}

// TestFaultLimits: both kinds of rate limit, as the client library understands them.
func TestFaultLimits(t *testing.T) {
	f, r := broken(t, githubtest.SecondaryLimit(30*time.Second))
	_, err := f.upload(r, "second", "content")
	var secondary *github.AbuseRateLimitError
	if !errors.As(err, &secondary) || secondary.GetRetryAfter() != 30*time.Second {
		t.Errorf("a secondary limit is %v", err)
	}

	// Without Retry-After, go-github takes the end of the hour of the primary limit,
	// which GitHub says with every answer: here that of the fake's own clock.
	f, r = broken(t, githubtest.SecondaryLimit(0))
	_, err = f.upload(r, "second", "content")
	if secondary = nil; !errors.As(err, &secondary) || secondary.Response.Header.Get("Retry-After") != "" {
		t.Errorf("a secondary limit without a time is %v", err)
	}

	reset := time.Now().Add(time.Minute)
	f, r = broken(t, githubtest.PrimaryLimit(reset))
	_, err = f.upload(r, "second", "content")
	var primary *github.RateLimitError
	if !errors.As(err, &primary) || primary.Rate.Reset.Unix() != reset.Unix() {
		t.Errorf("the primary limit is %v", err)
	}
}

// TestFaultReset: connections that end without an answer.
func TestFaultReset(t *testing.T) {
	big := strings.Repeat("content", 1_000_000)
	for _, test := range []struct {
		name, body string
		fault      githubtest.Fault
		left       string
	}{
		{"before", big, githubtest.Fault{Reset: true}, "first uploaded 7"},
		{"in the middle", big, githubtest.Fault{ResetAfter: 3_000_000}, "first uploaded 7, second starter 0"},
		{"in the middle of little", "content", githubtest.Fault{ResetAfter: 3}, "first uploaded 7, second starter 0"},
		{"after", big, githubtest.Fault{Reset: true, AfterDone: true}, "first uploaded 7, second uploaded 7000000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, r := broken(t, &test.fault)
			_, err := f.upload(r, "second", test.body)
			var answered *github.ErrorResponse
			if err == nil || errors.As(err, &answered) {
				t.Errorf("GitHub answered: %v", err)
			}

			// The client may know before the server is done.
			for range 100 {
				if f.states(r.ID) == test.left {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}

			if got := f.states(r.ID); got != test.left {
				t.Errorf("there is %s, want %s", got, test.left)
			}
			if log := f.Requests()[2]; log.Status != 0 {
				t.Errorf("the log says %+v", log)
			}
		})
	}
}

// TestFaultResetDownload: a download that breaks off.
func TestFaultResetDownload(t *testing.T) {
	f := start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.Path, "/releases/download/") {
			return &githubtest.Fault{ResetAfter: 100_000}
		}
		return nil
	}})

	r := f.create(github.CreateReleaseRequest{TagName: "v1.0.0"})
	f.mustUpload(r, "a", strings.Repeat("x", 1_000_000))
	resp, err := f.http.Get(f.url + "/octo/hello/releases/download/v1.0.0/a")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 100_000 {
		t.Errorf("%d bytes came, then %v", len(body), err)
	}
}

// TestFaultStarter: what an upload leaves behind that failed on GitHub's side.
func TestFaultStarter(t *testing.T) {
	f, r := broken(t, &githubtest.Fault{Starter: true})
	_, err := f.upload(r, "second", "content")
	want(t, err, "502 Server Error")
	if got := f.states(r.ID); got != "first uploaded 7, second starter 0" {
		t.Errorf("there is %s", got)
	}

	_, err = f.upload(r, "second", "content")
	want(t, err, "422 ReleaseAsset name already_exists")
	list, _, err := f.client.Repositories.ListReleaseAssets(t.Context(), owner, repo, r.ID, nil)
	if err != nil || len(list) != 2 || list[1].GetState() != "starter" || list[1].Digest != nil {
		t.Fatalf("the assets are %v, %v", list, err)
	}

	_, _, err = f.client.Repositories.DownloadReleaseAsset(t.Context(), owner, repo, list[1].GetID(), f.http)
	want(t, err, "404 Not Found")
	if _, err := f.client.Repositories.DeleteReleaseAsset(t.Context(), owner, repo, list[1].GetID()); err != nil {
		t.Fatal(err) // "It can be safely deleted."
	}

	f.mustUpload(r, "second", "content")

	for _, fault := range []githubtest.Fault{{Starter: true}, {Truncate: true}} { // are not for other requests
		f, r = broken(t, &fault)
		f.publish(r.ID)
	}
}

// TestFaultTruncate: half a file, and a word of success.
func TestFaultTruncate(t *testing.T) {
	f, r := broken(t, &githubtest.Fault{Truncate: true})
	a, err := f.upload(r, "second", "0123456789")
	if err != nil || a.GetSize() != 5 || a.GetState() != "uploaded" {
		t.Errorf("the asset is %v, %v", a, err)
	}
	if stored, _ := f.release(r.ID).Asset("second"); string(stored.Content) != "01234" || stored.Digest != a.GetDigest() {
		t.Errorf("stored is %+v", stored)
	}
}

// TestFaultAfterDone: it worked, but the client was not told.
func TestFaultAfterDone(t *testing.T) {
	f, r := broken(t, &githubtest.Fault{AfterDone: true})
	_, err := f.update(r.ID, github.UpdateReleaseRequest{Draft: new(false)})
	want(t, err, "502 Server Error")
	if r := f.release(r.ID); r.Draft {
		t.Error("the release is still a draft")
	}

	f, _ = broken(t, &githubtest.Fault{AfterDone: true, Status: 500})
	_, _, err = f.client.Repositories.CreateRelease(t.Context(), owner, repo, github.CreateReleaseRequest{TagName: "v2.0.0", Draft: new(true)})
	want(t, err, "500 Server Error")
	if n := len(f.Releases()); n != 2 {
		t.Errorf("there are %d releases, want 2", n)
	}
}

// TestFaultRename: a file that is stored under another name.
func TestFaultRename(t *testing.T) {
	f, r := broken(t, &githubtest.Fault{Rename: "third"})
	a, err := f.upload(r, "second", "0123456789")
	if err != nil || a.GetName() != "third" || f.states(r.ID) != "first uploaded 7, third uploaded 10" {
		t.Errorf("the asset is %v, %v; there is %s", a, err, f.states(r.ID))
	}

	f, r = broken(t, &githubtest.Fault{Rename: "third", AfterDone: true, Status: 500})
	_, err = f.upload(r, "second", "0123456789")
	want(t, err, "500 Server Error")
	if f.states(r.ID) != "first uploaded 7, third uploaded 10" {
		t.Errorf("there is %s", f.states(r.ID))
	}
}

// TestFaultAlter: what is done is not what is heard.
func TestFaultAlter(t *testing.T) {
	f, r := broken(t, &githubtest.Fault{Alter: func(a *githubtest.Answer) {
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"draft":false`) {
			t.Errorf("the true answer is %+v", a)
		}
		a.Status = http.StatusConflict
		a.Body = []byte(`{"message":"no"}`)
		a.Header.Set("X-Test", "yes")
	}})

	_, err := f.update(r.ID, github.UpdateReleaseRequest{Draft: new(false)})
	want(t, err, "409 no")
	var e *github.ErrorResponse
	if !errors.As(err, &e) || e.Response.Header.Get("X-Test") != "yes" || f.release(r.ID).Draft {
		t.Errorf("%v, draft %v", err, f.release(r.ID).Draft)
	}
}

// TestFaultHang: no answer at all.
func TestFaultHang(t *testing.T) {
	for _, fault := range []githubtest.Fault{{Hang: true}, {Hang: true, AfterDone: true}} {
		f, r := broken(t, &fault)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := f.uploadWith(ctx, r, "second", strings.Repeat("content", 100_000))
			ended <- err
		}()

		for range 600 { // a busy machine may take long
			time.Sleep(50 * time.Millisecond)
			if !fault.AfterDone && len(f.Requests()) == 3 || strings.Contains(f.states(r.ID), "second uploaded") {
				break
			}
		}

		select {
		case err := <-ended:
			t.Errorf("a request that hangs ended with %v", err)
		case <-time.After(50 * time.Millisecond):
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("a request that was cancelled ended with %v", err)
			}
		}

		cancel()
		if got, done := f.states(r.ID), strings.Contains(f.states(r.ID), "second uploaded"); done != fault.AfterDone {
			t.Errorf("there is %s", got)
		}
	}
}

// TestInterruptedUpload: a client that goes away leaves a starter, without any fault.
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

	done := make(chan error)
	go func() {
		_, _, err := f.client.Repositories.UploadReleaseAssetFromRelease(ctx, r, &github.UploadOptions{Name: "a"}, body, 1<<20)
		done <- err
	}()
	<-started

	for f.states(r.ID) != "a starter 0" { // visible while it is coming
		time.Sleep(time.Millisecond)
	}

	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the upload ended with %v", err)
	}

	_, err := f.upload(r, "a", "content")
	want(t, err, "422 ReleaseAsset name already_exists")
}

// TestOvertaken: what happens to an upload while others do something to its release.
func TestOvertaken(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*fake, *github.RepositoryRelease) error
		want string
	}{
		{"published", func(f *fake, r *github.RepositoryRelease) error {
			_, err := f.update(r.ID, github.UpdateReleaseRequest{Draft: new(false)})
			return err
		}, "422 Cannot upload assets to an immutable release."},
		{"asset deleted", func(f *fake, r *github.RepositoryRelease) error {
			_, err := f.client.Repositories.DeleteReleaseAsset(f.t.Context(), owner, repo, f.release(r.ID).Assets[0].ID)
			return err
		}, "404 Not Found"},
		{"release deleted", func(f *fake, r *github.RepositoryRelease) error {
			_, err := f.client.Repositories.DeleteRelease(f.t.Context(), owner, repo, r.ID)
			return err
		}, "404 Not Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, githubtest.Options{Immutable: true})
			r := f.draft("v1.0.0")
			overtake := readerFunc(func([]byte) (int, error) {
				for len(f.release(r.ID).Assets) == 0 { // until the upload has begun
					time.Sleep(time.Millisecond)
				}

				if err := test.do(f, r); err != nil {
					t.Error(err)
				}
				return 0, io.EOF
			})

			body := io.MultiReader(overtake, strings.NewReader("content"))
			_, _, err := f.client.Repositories.UploadReleaseAssetFromRelease(t.Context(), r, &github.UploadOptions{Name: "a"}, body, 7)
			want(t, err, test.want)
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestConcurrency does everything at once; the race detector is the judge, and
// the numbers of requests.
func TestConcurrency(t *testing.T) {
	var numbers []int // no lock: calls are never concurrent
	var f *fake
	f = start(t, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		numbers = append(numbers, n)
		if f != nil && n%10 == 0 {
			f.Releases() // state may be looked at
		}
		return nil
	}})

	r := f.draft("v1.0.0")
	var all sync.WaitGroup

	for i := range 20 {
		all.Go(func() {
			f.mustUpload(r, fmt.Sprintf("asset-%d", i), strings.Repeat("content", 10_000))
			if _, _, err := f.client.Repositories.ListReleaseAssets(t.Context(), owner, repo, r.ID, nil); err != nil {
				t.Error(err)
			}

			f.History()
			f.Requests()
			if status, _, _ := f.get("/"); status != http.StatusOK {
				t.Errorf("the page is %d", status)
			}
		})
	}

	var same int
	var mu sync.Mutex

	for range 10 { // one name, many uploads: one wins
		all.Go(func() {
			if _, err := f.upload(r, "checksums.txt", "content"); err == nil {
				mu.Lock()
				defer mu.Unlock()
				same++
			}
		})
	}

	all.Wait()
	if n := len(f.release(r.ID).Assets); n != 21 || same != 1 {
		t.Errorf("there are %d assets, want 21; checksums.txt was stored %d times", n, same)
	}

	for i, n := range numbers {
		if n != i+1 {
			t.Fatalf("request %d was asked about as number %d", i+1, n)
		}
	}

	ids := map[int64]bool{}
	for _, a := range f.release(r.ID).Assets {
		ids[a.ID] = true
	}

	if len(ids) != 21 {
		t.Errorf("21 assets have %d numbers", len(ids))
	}
}
