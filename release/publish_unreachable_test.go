package release

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A run that cannot reach GitHub ends after seconds, and says what to look at.
func TestGitHubUnreachable(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	w := newWorkshop(t, helloSource, githubtest.Options{})

	start := time.Now()
	w.run(t.Context(), exitFailed, "GITHUB_API_URL="+closed.URL)
	w.said(
		"looking at the repository: ",
		"hint: check GITHUB_API_URL, and HTTPS_PROXY if it is set: nothing listens there\n",
	)
	if took := time.Since(start); took > time.Minute { // it waits less than five seconds
		t.Errorf("it took %s", took)
	}
}
