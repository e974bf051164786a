package actiontest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The step runs in the shells that runners and containers have, with their tools.
func TestActionGet(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the workflow ci builds the program here, and the workflow release fetches it here")
	}
	for _, shell := range []string{"sh", "dash", "busybox sh", "bash --posix"} {
		t.Run(shell, func(t *testing.T) {
			for name, test := range getTests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(newGetter(t, shell))
				})
			}
		})
	}
}

const notFetched = getFile + " could not be fetched; it is built from source\n"

var getTests = map[string]func(*getter){
	"right bytes": func(g *getter) {
		g.fetched()
		if want := "/org/go-static-release/releases/download/v1.2.3/" + getFile; !slices.Equal(g.asked, []string{want}) {
			g.t.Errorf("asked for %q, expected %q", g.asked, want)
		}

		g.fetched() // a second step of the same job
		if len(g.asked) != 1 {
			g.t.Errorf("asked again: %q", g.asked)
		}
	},
	"another program is there": func(g *getter) {
		g.file(filepath.Join(g.temp, "go-static-release.exe"), "an older one", 0o644)
		g.fetched()
	},
	"the repository is that of the path":            actionPath("_actions/me/fork/v1"),
	"the repository is that of the path on Windows": actionPath(`D:\a\_actions\me\fork\v1`), // here one strange name
	"checked out on Windows": func(g *getter) {
		for _, name := range []string{"VERSION", "SHA256SUMS"} {
			data, err := os.ReadFile(filepath.Join(g.action, name))
			if err != nil {
				g.t.Fatal(err)
			}
			g.file(filepath.Join(g.action, name), string(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))), 0o644)
		}
		g.fetched()
	},
	"the server has a bad moment": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, getFetched)
		}
		g.fetched()
	},
	"wget": func(g *getter) {
		g.without("curl")
		g.tool("wget")
		g.tool("timeout")
		if _, err := os.Stat(filepath.Join(g.bin, "wget")); err != nil {
			g.t.Skip("there is no wget")
		}

		g.fetched()
	},
	"wrong bytes": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "#!/bin/sh\necho wrong\n") }
		g.built("the download of " + getFile + " does not match SHA256SUMS; it was removed without running it, and the program is built from source\n")
		if !g.proxied {
			g.t.Error("the home of the action was not asked")
		}
	},
	// A private server of an enterprise answers so, without being asked who one is.
	"a login page, then the right bytes": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				fmt.Fprint(w, "<html>who are you?</html>")
				return
			}
			fmt.Fprint(w, getFetched)
		}
		if said := g.fetched(); !strings.Contains(said, "not what SHA256SUMS says, and removed: ") {
			g.t.Errorf("the page is not told:\n%s", said)
		}
	},
	"not there": func(g *getter) {
		g.serve = http.NotFound
		g.built(notFetched)
		if !g.proxied || len(g.asked) != 2 {
			g.t.Errorf("home was asked: %v; the server: %q", g.proxied, g.asked)
		}
	},
	"cut off once": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				w.Header().Set("Content-Length", "4711")
			}
			fmt.Fprint(w, getFetched)
		}
		g.fetched()
	},
	"cut off": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4711")
			fmt.Fprint(w, getFetched)
		}
		g.built(notFetched)
	},
	"no server": func(g *getter) {
		g.env = []string{"GITHUB_SERVER_URL=http://127.0.0.1:1"}
		g.built(notFetched)
	},
	"neither curl nor wget": func(g *getter) {
		g.without("wget", "curl")
		g.built("there is no curl to fetch " + getFile + " with; it is built from source\n")
	},
	"no sha256sum": func(g *getter) {
		g.without("sha256sum", "shasum")
		g.built("there is no sha256sum to check " + getFile + " with; it is built from source\n")
	},
	"an older macOS": func(g *getter) {
		g.without("sha256sum")
		if _, err := os.Stat(filepath.Join(g.bin, "shasum")); err != nil {
			g.t.Skip("there is no shasum")
		}

		g.tool("perl")
		g.env = []string{"LC_ALL=C"}
		g.fetched()
	},
	"another architecture": func(g *getter) {
		g.env = []string{"RUNNER_ARCH=ARM"}
		g.built()
	},
	"another system": func(g *getter) {
		g.env = []string{"RUNNER_OS=Plan9"}
		g.built()
	},
	"nothing is known of the runner": func(g *getter) {
		g.env = []string{"RUNNER_OS=", "RUNNER_ARCH="}
		g.built()
	},
	"between two releases": func(g *getter) {
		for _, name := range []string{"VERSION", "SHA256SUMS"} {
			if err := os.Remove(filepath.Join(g.action, name)); err != nil {
				g.t.Fatal(err)
			}
		}

		g.built()
		if len(g.asked) > 0 {
			g.t.Errorf("asked for %q", g.asked)
		}
	},
	"no digests": func(g *getter) {
		g.file(filepath.Join(g.action, "SHA256SUMS"), "", 0o644)
		said, called := g.run(0)
		if want := "-X github.com/org/go-static-release/release.version=1.2.3 -o "; !strings.Contains(called, want) || len(g.asked) > 0 {
			g.t.Errorf("go was called so: %q, and asked was for %q\n%s", called, g.asked, said)
		}
	},
	"no version": func(g *getter) {
		g.file(filepath.Join(g.action, "VERSION"), "1.2.3 -X other\n", 0o644)
		if said, called := g.run(2); called != "" || !strings.Contains(said, "::error title=go-static-release::VERSION is not a version\n") {
			g.t.Errorf("go was called: %q\n%s", called, said)
		}
	},
	"Go is not installed": func(g *getter) {
		g.without("go")
		g.fetched()
	},
	"Go is not installed, and it has to be built": func(g *getter) {
		g.without("go")
		g.serve = http.NotFound
		said, _ := g.run(2)
		if want := "%0A- {uses: actions/setup-go@v7, with: {go-version: stable}}\n"; !strings.Contains(said, "\n::error title=go-static-release::go is not installed") || !strings.HasSuffix(said, want) {
			g.t.Errorf("expected a step to paste:\n%s", said)
		}
	},
	"a directory is in the place of the program": func(g *getter) {
		g.file(filepath.Join(g.temp, "go-static-release.exe", "x"), "", 0o644)
		if said, called := g.run(1); strings.Contains(said, "fetched and checked") || called != "" || !strings.Contains(said, "::error title=go-static-release::moving the program: there is a directory in its place\n") {
			g.t.Errorf("go was called: %q\n%s", called, said)
		}
	},
	"a link to a directory is in the place of the program": func(g *getter) { linked(g, g.t.TempDir()) },
	"a link to a file is in the place of the program": func(g *getter) {
		elsewhere := filepath.Join(g.t.TempDir(), "elsewhere")
		g.file(elsewhere, "precious", 0o644)
		linked(g, elsewhere)
		if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "precious" {
			g.t.Errorf("written through a link: %q, %v", data, err)
		}
	},
	"a link to the right program is in its place": func(g *getter) {
		elsewhere := filepath.Join(g.t.TempDir(), "elsewhere")
		g.file(elsewhere, getFetched, 0o755)
		linked(g, elsewhere) // what it leads to can be changed after it was checked
	},
	"a link is in the place of what is built": func(g *getter) {
		elsewhere := filepath.Join(g.t.TempDir(), "elsewhere")
		g.file(elsewhere, "precious", 0o644)
		if err := os.Symlink(elsewhere, filepath.Join(g.temp, "go-static-release.exe")); err != nil {
			g.t.Fatal(err)
		}

		g.serve = http.NotFound
		g.built(notFetched)
		if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "precious" {
			g.t.Errorf("written through a link: %q, %v", data, err)
		}
	},
	"a link is in the place of what is fetched": func(g *getter) {
		elsewhere := filepath.Join(g.t.TempDir(), "elsewhere")
		if err := os.Symlink(elsewhere, filepath.Join(g.temp, "go-static-release.part")); err != nil {
			g.t.Fatal(err)
		}

		g.fetched()
		if _, err := os.Lstat(elsewhere); !os.IsNotExist(err) {
			g.t.Errorf("written through a link: %v", err)
		}
	},
	"the program is there, and cannot be started": func(g *getter) {
		g.file(filepath.Join(g.temp, "go-static-release.exe"), getFetched, 0o600)
		g.fetched()
		if len(g.asked) > 0 {
			g.t.Errorf("asked for %q", g.asked)
		}
	},
	"a version that is a pattern": func(g *getter) {
		sums, err := os.ReadFile(filepath.Join(g.action, "SHA256SUMS"))
		if err != nil {
			g.t.Fatal(err)
		}

		g.file(filepath.Join(g.action, "SHA256SUMS"), strings.ReplaceAll(string(sums), "1.2.3", "1x2x3"), 0o644)
		g.built()
		if len(g.asked) > 0 {
			g.t.Errorf("asked for %q", g.asked)
		}
	},
	"other forms of SHA256SUMS": func(g *getter) {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(getFetched)))
		other := strings.Repeat("0", 64)
		for _, sums := range []string{
			sum + " " + getFile, sum + " *" + getFile, sum + "\t" + getFile, sum[1:] + "  " + getFile, " " + sum + "  " + getFile, "\ufeff" + sum + "  " + getFile,
			sum + "  ./" + getFile, sum + "  " + getFile + " ", "SHA256 (" + getFile + ") = " + sum, sum + "  " + getFile + "\n" + other + "  " + getFile, "x",
		} {
			g.file(filepath.Join(g.action, "SHA256SUMS"), sums+"\n", 0o644)
			g.built()
		}

		if len(g.asked) > 0 {
			g.t.Errorf("asked for %q", g.asked)
		}

		g.file(filepath.Join(g.action, "SHA256SUMS"), sum+"  "+getFile+"\n"+sum+"  "+getFile, 0o644) // twice the same, no last line feed
		g.fetched()
	},
	"the user has settings for curl": func(g *getter) {
		home := g.t.TempDir()
		g.file(filepath.Join(home, ".curlrc"), "url = http://127.0.0.1:1/\noutput = "+filepath.Join(home, "stolen")+"\n", 0o644)
		g.file(filepath.Join(home, ".wgetrc"), "base = http://127.0.0.1:1/\n", 0o644)
		g.env = []string{"HOME=" + home, "CURL_HOME=" + home}
		g.fetched()
		if _, err := os.Lstat(filepath.Join(home, "stolen")); !os.IsNotExist(err) {
			g.t.Errorf("curl did as its user's settings say: %v", err)
		}
	},
	"the server sends to where there is a command": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://##[add-mask]x.invalid/")
			w.WriteHeader(http.StatusFound)
		}
		said, _ := g.run(0)
		if strings.Contains(said, "##[") {
			g.t.Errorf("%s", said)
		}
	},
	"the source does not build": func(g *getter) {
		g.without("curl")
		g.env = []string{"GO_STATUS=1"}
		g.run(1)
	},
}

// linked makes the place of the program a link. The program must come into its place, and
// not to where the link leads.
func linked(g *getter, to string) {
	path := filepath.Join(g.temp, "go-static-release.exe")
	if err := os.Symlink(to, path); err != nil {
		g.t.Fatal(err)
	}

	g.fetched()
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() {
		g.t.Errorf("the program is %v, %v", fi, err)
	}
	if left, err := filepath.Glob(filepath.Join(to, "*")); err != nil || len(left) > 0 {
		g.t.Errorf("put where the link leads: %q, %v", left, err)
	}
}

func actionPath(path string) func(*getter) {
	return func(g *getter) {
		to := filepath.Join(g.t.TempDir(), filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			g.t.Fatal(err)
		}
		if err := os.Rename(g.action, to); err != nil {
			g.t.Fatal(err)
		}

		g.action, g.env = to, []string{"GITHUB_ACTION_REPOSITORY=some/other"}
		g.fetched()
		if want := "/me/fork/releases/download/v1.2.3/" + getFile; !slices.Equal(g.asked, []string{want}) {
			g.t.Errorf("asked for %q, expected %q", g.asked, want)
		}
	}
}
