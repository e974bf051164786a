package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int)
	go func() {
		args := []string{"-token", "t", "-tag", "v1=" + strings.Repeat("1", 40), "-state", file}
		code <- run(ctx, args, time.Now, in, &stderr)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	url := strings.TrimSpace(line)

	send := func(method, path, body string, status int) {
		t.Helper()

		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}

		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}

		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s %s: %s", method, path, resp.Status)
		}
	}

	state := func() (s struct {
		Releases []struct{ Tag string }
		Requests []struct{ Status int }
		Invalid  []string
	}) {
		t.Helper()

		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}

		return s
	}

	send("POST", "/repos/octo/hello/releases", `{"tag_name":"v1"}`, 201)
	send("GET", "/repos/octo/hello/git/ref/tags/v1", "", 200)
	send("GET", "/", "", 200)
	if s := state(); len(s.Releases) != 1 || s.Releases[0].Tag != "v1" || len(s.Requests) != 3 || s.Requests[2].Status != 200 || len(s.Invalid) != 0 {
		t.Errorf("the state is %+v", s)
	}

	send("GET", "/nowhere", "", 404)
	if s := state(); len(s.Invalid) != 1 {
		t.Errorf("the state is %+v", s)
	}

	stop()
	if got := <-code; got != 1 || !strings.Contains(stderr.String(), "invalid: request 4, GET /nowhere") {
		t.Errorf("it ended with %d and %q", got, stderr.String())
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-tag", "v1"}, {"-tag", "v1=short"}, {"-repo", "octo"}, {"-repo", "a/b/c"}, {"-nonsense"}, {"extra"}} {
		if code := run(t.Context(), args, time.Now, io.Discard, io.Discard); code != 2 {
			t.Errorf("%v ended with %d, want 2", args, code)
		}
	}

	if code := run(t.Context(), []string{"-help"}, time.Now, io.Discard, io.Discard); code != 0 {
		t.Errorf("-help ended with %d, want 0", code)
	}
	if code := run(t.Context(), []string{"-state", t.TempDir()}, time.Now, io.Discard, io.Discard); code != 1 {
		t.Errorf("a state file that is a folder ended with %d, want 1", code)
	}
}

func TestParseFault(t *testing.T) {
	for arg, want := range map[string]string{
		"7=502": "", "1=reset": "", "9=done-reset": "", "0=502": "numbers from 1", "x=502": "numbers from 1", "3": "neither a status", "3=200": "neither a status", "3=later": `"later" is neither`,
	} {
		n, fault, err := parseFault(arg)
		if want == "" && (err != nil || n == 0 || fault == nil) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %d, %+v, %v", arg, n, fault, err)
		}
	}
	if _, fault, err := parseFault("9=done-reset"); err != nil || !fault.Reset || !fault.AfterDone {
		t.Errorf("%+v, %v", fault, err)
	}
}
