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

// A state is the part of the state file that the test looks at.
type state struct {
	Releases []struct{ Tag string }
	Requests []struct{ Status int }
	Invalid  []string
}

func readState(t *testing.T, file string) (s state) {
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

// The state file has every request by the time that the client has the answer.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int)
	go func() {
		args := []string{"-token", "t", "-tag", "v1=" + strings.Repeat("1", 40), "-state", file}
		status <- run(ctx, args, time.Now, in, &stderr)
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
			t.Errorf("%s %s: %s, want %d", method, path, resp.Status, status)
		}
	}

	send("POST", "/repos/octo/hello/releases", `{"tag_name":"v1"}`, 201)
	send("GET", "/repos/octo/hello/git/ref/tags/v1", "", 200)
	send("GET", "/", "", 200)
	s := readState(t, file)
	if len(s.Releases) != 1 || s.Releases[0].Tag != "v1" {
		t.Errorf("the releases are %+v", s.Releases)
	}
	if len(s.Requests) != 3 || s.Requests[2].Status != 200 {
		t.Errorf("the requests are %+v", s.Requests)
	}
	if len(s.Invalid) != 0 {
		t.Errorf("invalid is %q", s.Invalid)
	}

	send("GET", "/nowhere", "", 404)
	if s := readState(t, file); len(s.Invalid) != 1 {
		t.Errorf("after an invalid request, invalid is %q", s.Invalid)
	}

	stop()
	if got := <-status; got != 1 || !strings.Contains(stderr.String(), "invalid: request 4, GET /nowhere") {
		t.Errorf("exit status %d, stderr %q", got, stderr.String())
	}
}

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"-tag", "v1"}, 2},
		{[]string{"-tag", "v1=short"}, 2},
		{[]string{"-repo", "octo"}, 2},
		{[]string{"-repo", "a/b/c"}, 2},
		{[]string{"-nonsense"}, 2},
		{[]string{"extra"}, 2},
		{[]string{"-help"}, 0},
		{[]string{"-state", t.TempDir()}, 1}, // a directory
	} {
		if got := run(t.Context(), test.args, time.Now, io.Discard, io.Discard); got != test.want {
			t.Errorf("%v: exit status %d, want %d", test.args, got, test.want)
		}
	}
}

func TestParseFault(t *testing.T) {
	for _, arg := range []string{"7=502", "1=reset", "9=done-reset"} {
		n, fault, err := parseFault(arg)
		if err != nil || n == 0 || fault == nil {
			t.Errorf("%s: %d, %+v, %v", arg, n, fault, err)
		}
	}

	for arg, want := range map[string]string{
		"0=502":   "numbers from 1",
		"x=502":   "numbers from 1",
		"3":       "neither a status",
		"3=200":   "neither a status",
		"3=later": `"later" is neither`,
	} {
		n, fault, err := parseFault(arg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %+v, error %v, want %q", arg, n, fault, err, want)
		}
	}

	_, fault, err := parseFault("9=done-reset")
	if err != nil || !fault.Reset || !fault.AfterDone {
		t.Errorf("9=done-reset: %+v, %v", fault, err)
	}
}
