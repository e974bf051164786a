package workspace

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChildEnv(t *testing.T) {
	ambient := []string{
		"PATH=/bin", "HOME=/home/x", "GOPROXY=off", "GOEXPERIMENT=jsonv2",
		"GOOS=plan9", "GOARCH=mips", "GOFLAGS=-toolexec=evil", "CGO_ENABLED=1", "GOAMD64=v4", "goarm=5",
		"GO111MODULE=off", "GO_EXTLINK_ENABLED=1",
		"CC=evil", "CGO_LDFLAGS=-levil", "CPATH=/evil",
		"GIT_DIR=/elsewhere/.git", "PWD=/elsewhere", "GSR_CACHE_KEY=go-static-release-linux",
		"INPUT_TOKEN=s3cret-token", "INPUT_TARGETS=all", "GITHUB_TOKEN=other", "ACTIONS_RUNTIME_TOKEN=r",
		"MY_OWN=prefix-s3cret-token-suffix", "SLASH=/",
	}
	want := []string{
		"PATH=/bin", "HOME=/home/x", "GOPROXY=off", "GOEXPERIMENT=jsonv2",
		"GOFLAGS=-mod=readonly", "GO111MODULE=on", "CGO_ENABLED=0",
	}
	got := newChildEnviron(ambient, []string{"s3cret-token", "", "/"})
	if diff := cmp.Diff(want, got.env); diff != "" {
		t.Errorf("environment of a child (-want +have):\n%s", diff)
	}
	if len(got.lookSecret) > 0 || len(got.holdSecret) > 0 {
		t.Errorf("withheld: %q %q", got.lookSecret, got.holdSecret)
	}
	if tokens := strings.Join(got.tokens, " "); tokens != "GITHUB_TOKEN" {
		t.Errorf("tokens: %s", tokens)
	}

	var names []string
	for _, v := range got.setAside {
		names = append(names, v.Name)
	}
	const setAside = "GOOS GOARCH GOAMD64 GOARM CGO_ENABLED CC CGO_LDFLAGS CPATH " +
		"GO_EXTLINK_ENABLED GOFLAGS GO111MODULE GIT_DIR"
	if got := strings.Join(names, " "); got != setAside {
		t.Errorf("set aside: %s", got)
	}
}

// A variable that the download of modules may need is named if it holds the token.
func TestHoldSecret(t *testing.T) {
	const token = "s3cret-token"
	encoded := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	got := newChildEnviron([]string{
		"GOPROXY=https://x:" + token + "@proxy.example.com",
		"GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=http.extraheader",
		"GIT_CONFIG_VALUE_0=AUTHORIZATION: basic " + encoded,
		"HTTPS_PROXY=http://x:" + token + "@proxy.example.com",
		"GIT_CONFIG_PARAMETERS='http.extraheader'='AUTHORIZATION: basic " + encoded + "'",
		"MY_OWN=" + token,
		"MINE={\"auth\":\"" + encoded + "\"}",
	}, []string{token})
	const named = "GIT_CONFIG_PARAMETERS GIT_CONFIG_VALUE_0 GOPROXY HTTPS_PROXY"
	if names := strings.Join(got.holdSecret, " "); names != named {
		t.Errorf("named: %s", names)
	}
	for _, kv := range got.env {
		if strings.Contains(kv, token) || strings.Contains(kv, encoded) {
			t.Errorf("a child gets %s", kv)
		}
	}
}

func TestLooksSecret(t *testing.T) {
	for _, secret := range []string{
		"AWS_SECRET_ACCESS_KEY=x", "AWS_ACCESS_KEY_ID=x", "AWS_SESSION_TOKEN=x", "AZURE_CLIENT_SECRET=x",
		"NPM_TOKEN=x", "npm_token=x", "TOKEN=x", "HOMEBREW_TAP_TOKEN=x", "SECRET_KEY_BASE=x", "DB_PASSWORD=x",
		"GPG_PASSPHRASE=x", "SIGNING_KEY=x", "API_KEY=x", "APIKEY=x", "GOOGLE_APPLICATION_CREDENTIALS=/x",
		"GH_PAT=x", "X=ghp_abcdef", "X=github_pat_11", "X=AKIAIOSFODNN7EXAMPLE", "X=npm_abc",
		"SSH_PRIVATE_KEY=x", "GIT_TOKEN=x", "SYSTEM_ACCESSTOKEN=x", "DB_PWD=x", "REGISTRY_AUTH=x", "SECRETKEY=x",
		"X=-----BEGIN OPENSSH PRIVATE KEY-----\nx", "DATABASE_URL=postgres://user:pass@host/db",
	} {
		got := newChildEnviron([]string{secret}, nil)
		if len(got.lookSecret) != 1 || slices.Contains(got.env, secret) {
			t.Errorf("a child gets %s", secret)
		}
	}

	for _, needed := range []string{
		"PATH=/bin", "GOPROXY=https://user:pass@proxy.example.com", "GOAUTH=netrc", "NETRC=/x", "SSH_AUTH_SOCK=/x",
		"GIT_SSL_KEY=/x", "SSH_ASKPASS=/x", "VSCODE_GIT_ASKPASS_NODE=/x", "OLDPWD=/x", "XAUTHORITY=/x", "GOSUMDB=off",
		"GIT_SSH_COMMAND=ssh -i key", "GIT_ASKPASS=/x", "HTTPS_PROXY=http://u:p@h", "https_proxy=http://u:p@h",
		"AWS_REGION=x", "KEYBOARD=x", "PATTERN=x", "COMPASS=x", "MONKEY=x", "NPM_TOKEN=", "X=https://host/a:b@c",
	} {
		got := newChildEnviron([]string{needed}, nil)
		if len(got.lookSecret) != 0 || !slices.Contains(got.env, needed) {
			t.Errorf("a child does not get %s", needed)
		}
	}

	// A command in GOAUTH may need any of them.
	got := newChildEnviron([]string{"GOAUTH=git /x; auth --token-from-env", "CI_JOB_TOKEN=x"}, nil)
	if len(got.lookSecret) != 0 || !slices.Contains(got.env, "CI_JOB_TOKEN=x") {
		t.Errorf("GOAUTH has a command, and %q is withheld", got.lookSecret)
	}
}

// Only the number of processes is read from GOFLAGS.
func TestProcessesOf(t *testing.T) {
	for flags, want := range map[string]int{
		"":                  0,
		"-p=3":              3,
		"-mod=mod -p=12 -v": 12,
		"--p=4":             4,
		"-p=0":              0,
		"-p":                0,
		"-parallel=3":       0,
		"-ldflags=-p=3":     0,
		"-p=1x":             0,
		"-p=3 -p=4":         4,
	} {
		if got := processesOf([]string{"GOFLAGS=-p=77", "GOFLAGS=" + flags}); got != want {
			t.Errorf("%q: %d, want %d", flags, got, want)
		}
	}
}

// Variables of the Go runtime that the user sets are kept.
func TestSetsRuntime(t *testing.T) {
	for env, want := range map[string]string{
		"":                "",
		"GOGC=50":         "GOGC GOMEMLIMIT",
		"GOMEMLIMIT=1GiB": "GOGC GOMEMLIMIT",
		"GOMAXPROCS=1":    "GOMAXPROCS",
		"GOGCX=1":         "",
	} {
		w := &Workspace{env: []string{"HOME=/", env}}
		var sets []string
		for _, name := range []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT"} {
			if w.SetsRuntime(name) {
				sets = append(sets, name)
			}
		}
		if got := strings.Join(sets, " "); got != want {
			t.Errorf("%s: %q, want %q", env, got, want)
		}
	}
}
