package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/static"
)

// trialTime is how long a C compiler may take for the smallest program: zig builds its
// libc the first time.
const trialTime = 3 * time.Minute

// trial is a program that every C and C++ compiler takes. On Linux it calls a function
// that a static glibc does not have whole.
func trial(t target.Target) string {
	if t.OS == "linux" {
		return "#include <netdb.h>\nint main(void) { struct addrinfo *found; return getaddrinfo(\"localhost\", 0, 0, &found); }\n"
	}
	return "int main(void) { return 0; }\n"
}

// tryCompiler makes a program with c and reads it back like any other: that says more
// about a compiler than its name. Among the many ways to be wrong are a missing libc.a
// and another machine's compiler. The compiler of C++ is tried if it is needed.
func (p *Plan) tryCompiler(ctx context.Context, t target.Target, c *Compiler, cxx bool) (err error) {
	if strings.ContainsAny(strings.Fields(c.CC)[0], `/\`) && !filepath.IsAbs(strings.Fields(c.CC)[0]) {
		return errors.New("give its path from the root, or put it on the PATH: it is run in other directories")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, trialTime, fmt.Errorf("it did not make the smallest program within %s", trialTime))
	defer cancel()
	dir, err := os.MkdirTemp("", "go-static-release-cc-")
	if err != nil {
		return fmt.Errorf("making room to try it: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := p.makeTrial(ctx, t, c.CC, dir, "main.c"); err != nil {
		return err
	}
	switch {
	case cxx && c.CXX == "":
		return errors.New("there is C++ to compile, and the C++ compiler that goes with it is not known")
	case cxx:
		if err := p.makeTrial(ctx, t, c.CXX, dir, "main.cc"); err != nil {
			return fmt.Errorf("there is C++ to compile: %s: %w", c.CXX, err)
		}
	}
	about, err := process.Command{Args: append(strings.Fields(c.CC), "--version"), Dir: dir}.Output(ctx, p.env)
	if err != nil {
		return fmt.Errorf("asking for its version: %w", err)
	}
	c.Version = oneLine(about)
	return nil
}

// makeTrial makes a program from the source file name in dir, and judges it.
func (p *Plan) makeTrial(ctx context.Context, t target.Target, compiler, dir, name string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(trial(t)), 0o600); err != nil {
		return fmt.Errorf("making room to try it: %w", err)
	}
	out := name + ".out"
	args := append(strings.Fields(compiler), strings.Fields(extLDFlags(t))...)
	_, messages, err := process.Command{Args: append(args, "-o", out, name), Dir: dir}.Run(ctx, p.env)
	var failed *process.CommandError
	if errors.As(err, &failed) {
		return errors.New(complaint(strings.ReplaceAll(failed.Error(), dir, ".")))
	}
	if err != nil {
		return err
	}
	path := filepath.Join(dir, out)
	if !isFile(path) {
		return errors.New("it ends well and makes no program")
	}
	file, err := static.Open(path)
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), path, "what it makes"))
	}
	v := static.Judge(t.OS, file)
	switch {
	case file.Arch != t.Arch:
		return fmt.Errorf("it makes programs for %s (%s)", file.Arch, file.Machine)
	case !v.OK:
		return fmt.Errorf("what it makes is not static: %s", strings.Join(v.Reasons, ", "))
	case file.NameService && len(glibcLoads("# trial\n" + string(messages))["trial"]) == 0:
		return errors.New("it links glibc in without its warning of what that loads at run time, on which the proof depends")
	}
	return nil
}

// errorLine is the line of a compiler's or a linker's message that says what is wrong.
var errorLine = regexp.MustCompile(`(?mi)^.*(?:error|cannot|no such|not found|undefined|unrecogni[sz]ed|unknown).*$`)

// complaint picks one line of a message.
func complaint(message string) string {
	if line := errorLine.FindString(message); line != "" {
		return oneLine(line)
	}
	return oneLine(message)
}

// oneLine is the first line of a foreign text that has something in it, without what a
// terminal would obey.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) != "" })
	if i < 0 {
		return "it says nothing"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(lines[i]))
}
