package actiontest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestActionGet runs the first step in the shells that runners and containers have, with
// their tools.
func TestActionGet(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the workflow ci builds the program on Windows, and the workflow release fetches it there")
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

// Warnings, and the path of the program at the server.
const (
	cannotFetch = getFile + " could not be fetched; it is built from source\n"
	wrongDigest = "the download of " + getFile + " does not match SHA256SUMS; " +
		"it was removed without running it, and the program is built from source\n"

	downloadPath = "/org/go-static-release/releases/download/v1.2.3/" + getFile
)

var getTests = map[string]func(*getter){
	"right bytes": func(g *getter) {
		g.wantFetched()
		g.checkAsked(downloadPath)

		g.wantFetched() // a second step of the same job
		g.checkAsked(downloadPath)
	},
	"another program is there": func(g *getter) {
		g.writeFile(g.program, "an older one", 0o644)
		g.wantFetched()
	},
	"the program is there, and cannot be started": func(g *getter) {
		g.writeFile(g.program, fetchedProgram, 0o600)
		g.wantFetched()
		g.checkAsked()
	},
	"wget": func(g *getter) {
		g.removeTools("curl")
		g.addTool("wget")
		g.addTool("timeout")
		if !g.hasTool("wget") {
			g.t.Skip("there is no wget")
		}
		g.wantFetched()
	},
	"Go is not installed": func(g *getter) {
		g.removeTools("go")
		g.wantFetched()
	},

	// The repository of the action.

	"the repository is that of the path": func(g *getter) {
		testActionPath(g, "_actions/me/fork/v1")
	},
	"the repository is that of the path on Windows": func(g *getter) {
		testActionPath(g, `D:\a\_actions\me\fork\v1`) // one strange name on this system
	},

	// What the server answers.

	"the server has a bad moment": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, fetchedProgram)
		}
		g.wantFetched()
	},
	"wrong bytes": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "#!/bin/sh\necho wrong\n")
		}
		g.wantBuilt(wrongDigest)
		if !g.proxied {
			g.t.Error("the home of the action was not asked")
		}
	},
	"a login page, then the right bytes": func(g *getter) {
		// A private server of an enterprise does so for requests without a token.
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				fmt.Fprint(w, "<html>who are you?</html>")
				return
			}
			fmt.Fprint(w, fetchedProgram)
		}
		run := g.wantFetched()
		if !strings.Contains(run.output, "not what SHA256SUMS says, and removed: ") {
			g.t.Errorf("the page is not mentioned:\n%s", run.output)
		}
	},
	"not there": func(g *getter) {
		g.serve = http.NotFound
		g.wantBuilt(cannotFetch)
		if !g.proxied || len(g.asked) != 2 {
			g.t.Errorf("home was asked: %v; requests to the server: %q", g.proxied, g.asked)
		}
	},
	"cut off once": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			if len(g.asked) == 1 {
				w.Header().Set("Content-Length", "4711")
			}
			fmt.Fprint(w, fetchedProgram)
		}
		g.wantFetched()
	},
	"cut off": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4711")
			fmt.Fprint(w, fetchedProgram)
		}
		g.wantBuilt(cannotFetch)
	},
	"no server": func(g *getter) {
		g.env = []string{"GITHUB_SERVER_URL=http://127.0.0.1:1"}
		g.wantBuilt(cannotFetch)
	},
	"the server redirects to an address with a command": func(g *getter) {
		g.serve = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://##[add-mask]x.invalid/")
			w.WriteHeader(http.StatusFound)
		}
		run := g.run(0)
		if strings.Contains(run.output, "##[") {
			g.t.Errorf("the output has a command:\n%s", run.output)
		}
	},

	// Tools that are missing, and settings of the user.

	"neither curl nor wget": func(g *getter) {
		g.removeTools("wget", "curl")
		g.wantBuilt("there is no curl to fetch " + getFile + " with; it is built from source\n")
	},
	"no sha256sum": func(g *getter) {
		g.removeTools("sha256sum", "shasum")
		g.wantBuilt("there is no sha256sum to check " + getFile + " with; it is built from source\n")
	},
	"an older macOS": func(g *getter) {
		g.removeTools("sha256sum")
		if !g.hasTool("shasum") {
			g.t.Skip("there is no shasum")
		}
		g.addTool("perl")
		g.env = []string{"LC_ALL=C"}
		g.wantFetched()
	},
	"the user has settings for curl": func(g *getter) {
		home := g.t.TempDir()
		stolen := filepath.Join(home, "stolen")
		g.writeFile(filepath.Join(home, ".curlrc"), "url = http://127.0.0.1:1/\noutput = "+stolen+"\n", 0o644)
		g.writeFile(filepath.Join(home, ".wgetrc"), "base = http://127.0.0.1:1/\n", 0o644)
		g.env = []string{"HOME=" + home, "CURL_HOME=" + home}
		g.wantFetched()
		checkMissing(g, stolen)
	},
	"Go is not installed, and the program has to be built": func(g *getter) {
		g.removeTools("go")
		g.serve = http.NotFound
		run := g.run(2)

		if !strings.Contains(run.output, "\n::error title=go-static-release::go is not installed") {
			g.t.Errorf("no error:\n%s", run.output)
		}
		step := "%0A- {uses: actions/setup-go@v7, with: {go-version: stable}}\n"
		if !strings.HasSuffix(run.output, step) {
			g.t.Errorf("no step to paste:\n%s", run.output)
		}
	},
	"the source does not build": func(g *getter) {
		g.removeTools("curl")
		g.env = []string{"GO_STATUS=1"}
		g.run(1)
	},

	// Machines for which there is no prebuilt program.

	"another architecture": func(g *getter) {
		g.env = []string{"RUNNER_ARCH=ARM"}
		g.wantBuilt()
	},
	"another system": func(g *getter) {
		g.env = []string{"RUNNER_OS=Plan9"}
		g.wantBuilt()
	},
	"nothing is known of the runner": func(g *getter) {
		g.env = []string{"RUNNER_OS=", "RUNNER_ARCH="}
		g.wantBuilt()
	},

	// VERSION and SHA256SUMS.

	"checked out on Windows": func(g *getter) {
		for _, name := range []string{"VERSION", "SHA256SUMS"} {
			g.writeAction(name, strings.ReplaceAll(g.readAction(name), "\n", "\r\n"))
		}
		g.wantFetched()
	},
	"between two releases": func(g *getter) {
		for _, name := range []string{"VERSION", "SHA256SUMS"} {
			if err := os.Remove(filepath.Join(g.action, name)); err != nil {
				g.t.Fatal(err)
			}
		}
		g.wantBuilt()
		g.checkAsked()
	},
	"no digests": func(g *getter) {
		g.writeAction("SHA256SUMS", "")
		run := g.run(0)
		if !strings.Contains(run.goLog, "-X github.com/org/go-static-release/release.version=1.2.3 -o ") {
			g.t.Errorf("go was called so: %q\n%s", run.goLog, run.output)
		}
		g.checkAsked()
	},
	"no version": func(g *getter) {
		g.writeAction("VERSION", "1.2.3 -X other\n")
		run := g.run(2)
		checkError(g, run, "VERSION is not a version")
	},
	"a version that is a pattern": func(g *getter) {
		sums := g.readAction("SHA256SUMS")
		g.writeAction("SHA256SUMS", strings.ReplaceAll(sums, "1.2.3", "1x2x3"))
		g.wantBuilt()
		g.checkAsked()
	},
	"other forms of SHA256SUMS": func(g *getter) {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(fetchedProgram)))
		other := strings.Repeat("0", 64)

		for _, sums := range []string{
			sum + " " + getFile,
			sum + " *" + getFile,
			sum + "\t" + getFile,
			sum[1:] + "  " + getFile,
			" " + sum + "  " + getFile,
			"\ufeff" + sum + "  " + getFile,
			sum + "  ./" + getFile,
			sum + "  " + getFile + " ",
			"SHA256 (" + getFile + ") = " + sum,
			sum + "  " + getFile + "\n" + other + "  " + getFile,
			"x",
		} {
			g.writeAction("SHA256SUMS", sums+"\n")
			g.wantBuilt()
		}
		g.checkAsked()

		// The same line twice, without a line feed at the end.
		g.writeAction("SHA256SUMS", sum+"  "+getFile+"\n"+sum+"  "+getFile)
		g.wantFetched()
	},

	// Directories and links in the place of files that the step writes.

	"a directory is in the place of the program": func(g *getter) {
		g.writeFile(filepath.Join(g.program, "x"), "", 0o644)
		run := g.run(1)
		checkError(g, run, "moving the program: there is a directory in its place")
		if strings.Contains(run.output, "fetched and checked") {
			g.t.Errorf("the step claims success:\n%s", run.output)
		}
	},
	"a link to a directory is in the place of the program": func(g *getter) {
		dir := g.t.TempDir()
		linkProgram(g, dir)
		g.wantFetched()
		checkRegular(g)

		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			g.t.Errorf("the step wrote into the directory: %v, %v", entries, err)
		}
	},
	"a link to a file is in the place of the program": func(g *getter) {
		file := preciousFile(g)
		linkProgram(g, file)
		g.wantFetched()
		checkRegular(g)
		checkPrecious(g, file)
	},
	"a link to the right program is in its place": func(g *getter) {
		// The file that the link leads to could be changed after the check.
		file := filepath.Join(g.t.TempDir(), "elsewhere")
		g.writeFile(file, fetchedProgram, 0o755)
		linkProgram(g, file)
		g.wantFetched()
		checkRegular(g)
	},
	"a link is in the place of what is built": func(g *getter) {
		file := preciousFile(g)
		linkProgram(g, file)
		g.serve = http.NotFound
		g.wantBuilt(cannotFetch)
		checkPrecious(g, file)
	},
	"a link is in the place of what is fetched": func(g *getter) {
		file := filepath.Join(g.t.TempDir(), "elsewhere")
		if err := os.Symlink(file, filepath.Join(g.temp, "go-static-release.part")); err != nil {
			g.t.Fatal(err)
		}
		g.wantFetched()
		checkMissing(g, file)
	},
}

// testActionPath moves the action to path, where it is the action of me/fork.
func testActionPath(g *getter, path string) {
	to := filepath.Join(g.t.TempDir(), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(g.action, to); err != nil {
		g.t.Fatal(err)
	}

	g.action = to
	g.env = []string{"GITHUB_ACTION_REPOSITORY=some/other"}
	g.wantFetched()
	g.checkAsked("/me/fork/releases/download/v1.2.3/" + getFile)
}

// checkError checks that the step failed with a message and did not call go.
func checkError(g *getter, run getRun, message string) {
	g.t.Helper()

	if !strings.Contains(run.output, "::error title=go-static-release::"+message+"\n") {
		g.t.Errorf("no error %q:\n%s", message, run.output)
	}
	if run.goLog != "" {
		g.t.Errorf("go was called: %q", run.goLog)
	}
}

// linkProgram puts a link in the place of the program.
func linkProgram(g *getter, to string) {
	g.t.Helper()
	if err := os.Symlink(to, g.program); err != nil {
		g.t.Fatal(err)
	}
}

// checkRegular checks that the program is a regular file.
func checkRegular(g *getter) {
	g.t.Helper()
	fi, err := os.Lstat(g.program)
	if err != nil || !fi.Mode().IsRegular() {
		g.t.Errorf("the program is %v, %v", fi, err)
	}
}

// preciousFile writes a file that must not be changed.
func preciousFile(g *getter) string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "elsewhere")
	g.writeFile(path, "precious", 0o644)
	return path
}

func checkPrecious(g *getter, path string) {
	g.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "precious" {
		g.t.Errorf("the step wrote through a link: %q, %v", data, err)
	}
}

func checkMissing(g *getter, path string) {
	g.t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		g.t.Errorf("the step made %s: %v", path, err)
	}
}
