package smoke

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/build/target"
)

// fakeWine is a script that records how it is called, makes a prefix, and acts as the
// program.
const fakeWine = `#!/bin/sh
{ printf '== %%s\n' "$*"; env; } >>'%[1]s/log'
system=$(printf '%%s' "$1" | sed -n 's/^C:.windows.\(.*\).cmd.exe$/\1/p')
if [ -n "$system" ]; then
	mkdir -p "$WINEPREFIX/drive_c/windows/$system"
	cd "$WINEPREFIX/drive_c/windows/$system"
	cp '%[1]s/pe' cmd.exe
	%[2]s
fi
%[3]s
`

const (
	echoes  = `printf '%s\r\n' "$4"; exit`
	tooOld  = `printf 'fatal error: bcryptprimitives.dll not found\r\n'; exit 2`
	isFake  = "through wine64 in a prefix of its own, "
	inThree = "through wine in a prefix of its own, "
)

// fakeWineFor puts wine64, wine and wineserver on PATH, and nothing else. prepares and runs
// are shell code that acts as Wine's command interpreter and as the program.
func fakeWineFor(t *testing.T, machine uint16, prepares, runs string) (log string) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("programs for Windows are started without wine")
	}
	dir := t.TempDir()
	header := make([]byte, 128) // the least that is a PE file (PE Format, MS-DOS Stub and COFF File Header)
	copy(header, "MZ")
	header[0x3c] = 0x40
	copy(header[0x40:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(header[0x44:], machine)
	script := fmt.Sprintf(fakeWine, dir, prepares, runs)
	for name, text := range map[string]string{
		"pe":         string(header),
		"wine64":     script,
		"wine":       script,
		"wineserver": "#!/bin/sh\necho \"== server $*\" >>'" + dir + "/log'\nexit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return filepath.Join(dir, "log")
}

func windowsBinary(arch string) Program {
	return Program{Name: "p.exe", Target: target.Target{OS: "windows", Arch: arch}, Path: "/work/p.exe"}
}

// calls returns the command lines in the log of a fake wine, and the environment of each.
func calls(t *testing.T, log string) (argvs, envs []string) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range strings.Split(strings.TrimPrefix(string(data), "== "), "\n== ") {
		argv, env, _ := strings.Cut(strings.TrimSpace(call), "\n")
		lines := slices.DeleteFunc(strings.Split(env, "\n"), func(kv string) bool { // the shell's own
			name, _, _ := strings.Cut(kv, "=")
			return slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name)
		})
		slices.Sort(lines)
		argvs, envs = append(argvs, argv), append(envs, strings.Join(lines, "\n"))
	}
	return argvs, envs
}

// Wine gets these command lines and only this environment.
func TestWineCommands(t *testing.T) {
	log := fakeWineFor(t, peMachine["amd64"], echoes, "echo started")
	t.Setenv("GITHUB_TOKEN", "secret")
	dir := t.TempDir()
	s, err := Run(t.Context(), windowsBinary("amd64"), []string{"--version", "now"}, dir)
	ranFake := s.Ran && strings.HasPrefix(s.How, isFake) && strings.HasSuffix(s.How, ", not in an empty root")
	if err != nil || !ranFake {
		t.Fatalf("%+v, %v", s, err)
	}
	argvs, envs := calls(t, log)
	want := []string{`C:\windows\system32\cmd.exe /c echo ` + wineMark, "/work/p.exe --version now", "server -k"}
	if !slices.Equal(argvs, want) {
		t.Errorf("command lines %q, want %q", argvs, want)
	}
	bin := filepath.Dir(log)
	env := strings.Join([]string{
		"DISPLAY=",
		"HOME=" + dir + "/home",
		"PATH=" + bin + ":" + bin + ":/usr/bin:/bin",
		"TMPDIR=" + dir + "/home",
		"WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=",
		"WINEPREFIX=" + dir + "/prefix",
	}, "\n")
	for i, got := range envs[:2] {
		if got != env {
			t.Errorf("%s: environment\n%s\nwant\n%s", argvs[i], got, env)
		}
	}
}

// Each kind of Wine, working or not, has its result.
func TestWineResults(t *testing.T) {
	for name, c := range map[string]struct {
		arch, prepares, runs string
		machine              string
		how, err             string // beginnings; an error has the form of TestSmoke
	}{
		"passes": {
			arch:     "amd64",
			prepares: echoes,
			runs:     "echo fine",
			machine:  "amd64",
			how:      isFake,
		},
		"32 bits": {
			arch:     "386",
			prepares: echoes,
			runs:     "echo fine",
			machine:  "386",
			how:      inThree,
		},
		"leaves a server": {
			arch:     "amd64",
			prepares: echoes,
			runs:     "sleep 1000 & exit 0",
			machine:  "amd64",
			how:      isFake,
		},
		"fails": {
			arch:     "amd64",
			prepares: echoes,
			runs:     "echo this is why; exit 5",
			machine:  "amd64",
			how:      isFake,
			err:      "exit status 5\nthis is why",
		},
		"lacks the DLL": {
			arch:     "amd64",
			prepares: echoes,
			runs:     tooOld,
			machine:  "amd64",
			how:      "not run: this wine is too old for Go programs (it lacks bcryptprimitives.dll)",
		},
		"only says so": {
			arch:     "amd64",
			prepares: ">bcryptprimitives.dll; " + echoes,
			runs:     tooOld,
			machine:  "amd64",
			how:      isFake,
			err:      "exit status 2\nfatal error: bcryptprimitives.dll",
		},
		"does nothing, with 0": {
			arch:     "386",
			prepares: "exit 0",
			runs:     "exit 0",
			machine:  "386",
			how:      "not run: this wine cannot be seen to run 32-bit programs",
		},
		"does nothing, 64 bits": {
			arch:     "amd64",
			prepares: "exit 0",
			runs:     "exit 0",
			machine:  "amd64",
			how:      "not run: this wine cannot be seen to run 64-bit programs",
		},
		"repeats the command": {
			arch:     "amd64",
			prepares: `echo "cannot run $*"`,
			runs:     "exit 0",
			machine:  "amd64",
			how:      "not run: this wine cannot be seen to run 64-bit programs",
		},
		"fails after echoing": {
			arch:     "amd64",
			prepares: `echo "$4"; exit 1`,
			runs:     "exit 0",
			machine:  "amd64",
			how:      "not run: this wine cannot be seen to run 64-bit programs",
		},
		"has no such file": {
			arch:     "amd64",
			prepares: "rm cmd.exe; " + echoes,
			runs:     "exit 0",
			machine:  "amd64",
			how:      "not run: this wine cannot be seen to run 64-bit programs",
		},
		"is for another processor": {
			arch:     "amd64",
			prepares: echoes,
			runs:     "exit 0",
			machine:  "arm64",
			how:      "not run: this wine is for another architecture",
		},
		"has 64-bit programs for 32": {
			arch:     "386",
			prepares: echoes,
			runs:     "exit 0",
			machine:  "amd64",
			how:      "not run: this wine is for another architecture",
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := fakeWineFor(t, peMachine[c.machine], c.prepares, c.runs)
			s, err := Run(t.Context(), windowsBinary(c.arch), nil, t.TempDir())
			if s == nil || !strings.HasPrefix(s.How, c.how) || s.Ran == strings.HasPrefix(c.how, "not run") {
				t.Errorf("%+v, want %s", s, c.how)
			}
			want := "not in an empty root: " + c.err
			if c.err == "" && err != nil || c.err != "" && !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("error %v, want %s", err, c.err)
			}
			argvs, _ := calls(t, log)
			wasTried := !s.Ran && c.err == "" && c.runs == "exit 0"
			if argvs[len(argvs)-1] != "server -k" || wasTried && len(argvs) != 2 {
				t.Errorf("command lines: %q", argvs)
			}
		})
	}
}

// A Wine or a program that hangs is killed with its children, and the server stopped.
func TestWineHangs(t *testing.T) {
	mark := fmt.Sprintf("1000.%d", os.Getpid()) // seconds
	hang := "sleep " + mark + " & sleep " + mark
	log := fakeWineFor(t, peMachine["amd64"], echoes, hang)
	s := attempt{program: windowsBinary("amd64"), dir: t.TempDir(), limit: 500 * time.Millisecond}
	const want = "not in an empty root: it did not end within 500ms\n"
	if s, err := s.run(t.Context()); err == nil || !s.Ran || !strings.Contains(err.Error(), want) {
		t.Errorf("a program that hangs: %+v, %v", s, err)
	}
	check := func() {
		t.Helper()
		if argvs, _ := calls(t, log); argvs[len(argvs)-1] != "server -k" {
			t.Errorf("command lines: %q", argvs)
		}
		if runtime.GOOS == "linux" { // has /proc
			if left := running(t, mark); len(left) > 0 {
				t.Errorf("left: %s", left)
			}
		}
	}
	check()
	log = fakeWineFor(t, peMachine["amd64"], hang, "exit 0")
	stop := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, stop)
	defer cancel()
	s = attempt{program: windowsBinary("amd64"), dir: t.TempDir(), limit: maxTime}
	if s, err := s.run(ctx); !errors.Is(err, stop) || s.Ran {
		t.Errorf("a wine that hangs when the run ends: %+v, %v", s, err)
	}
	check()
}

func TestWineMissing(t *testing.T) {
	log := fakeWineFor(t, 0, "", "")
	for arch, want := range map[string]string{
		"arm64": "",
		"amd64": "wineserver is not on PATH, and nothing else ends what wine leaves running",
	} {
		if arch == "arm64" && runtime.GOARCH != "arm64" {
			want = fmt.Sprintf("this is %s/%s, and wine emulates no processor", runtime.GOOS, runtime.GOARCH)
		}
		if want == "" {
			continue
		}
		os.Remove(filepath.Join(filepath.Dir(log), "wineserver"))
		s, err := Run(t.Context(), windowsBinary(arch), nil, t.TempDir())
		if err != nil || s.Ran || s.How != "not run: "+want {
			t.Errorf("%s: %+v, %v", arch, s, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	s, err := Run(t.Context(), windowsBinary("amd64"), nil, t.TempDir())
	if err != nil || s.Ran || s.How != "not run: wine is not installed" {
		t.Errorf("%+v, %v", s, err)
	}
}

// The Wine that is installed, with real programs: passed, or the reason why not.
func TestWine(t *testing.T) {
	if _, err := exec.LookPath("wine"); err != nil {
		t.Skip("no program for Windows is started: wine is not installed")
	}
	if testing.Short() {
		t.Skip("making a prefix takes 10 to 20 seconds")
	}
	for _, arch := range []string{"amd64", "386"} {
		bin := buildSmoke(t, target.Target{OS: "windows", Arch: arch})
		dir := t.TempDir()
		s, err := Run(t.Context(), bin, []string{"nothing"}, dir)
		known := map[string]string{"amd64": "too old", "386": "32-bit programs"}
		if err != nil || !s.Ran && !strings.Contains(s.How, known[arch]) {
			t.Errorf("%s: %+v, %v", arch, s, err)
			continue
		}
		t.Logf("%s: %s", bin.Target, s.How)
		if s.Ran { // then a failure is seen too
			_, err := Run(t.Context(), bin, []string{"fail"}, t.TempDir())
			if err == nil || !strings.Contains(err.Error(), "exit status 7\nthis is why") {
				t.Errorf("%s: %v", arch, err)
			}
		}
		if runtime.GOOS == "linux" {
			began := time.Now()
			for left := ofPrefix(dir); left != ""; left = ofPrefix(dir) {
				if time.Since(began) > 10*time.Second { // what was killed takes a moment to be gone
					t.Errorf("%s: a process of wine is left: %s", arch, left)
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

// ofPrefix returns a process that has a prefix of wine below dir in its environment.
func ofPrefix(dir string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if env, _ := os.ReadFile(file); strings.Contains(string(env), "WINEPREFIX="+dir) {
			return file
		}
	}
	return ""
}
