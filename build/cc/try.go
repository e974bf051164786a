package cc

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

	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/static"
	"github.com/org/go-static-release/build/target"
)

// trialTime is how long a C compiler may take for the smallest program. zig builds its
// libc the first time.
const trialTime = 3 * time.Minute

// trialSource returns a program that is both C and C++. On Linux it calls a function of
// which a static glibc has only a part.
func trialSource(t target.Target) string {
	if t.OS == "linux" {
		return "#include <netdb.h>\n" +
			"int main(void) { struct addrinfo *found; return getaddrinfo(\"localhost\", 0, 0, &found); }\n"
	}
	return "int main(void) { return 0; }\n"
}

// try makes a program with c and reads it back like any other, which says more about a
// compiler than its name does. It may lack a libc.a, or compile for another machine. The
// C++ compiler is tried if it is needed.
func try(ctx context.Context, r Request, c *Compiler) (err error) {
	program := strings.Fields(c.CC)[0]
	if strings.ContainsAny(program, `/\`) && !filepath.IsAbs(program) {
		return fmt.Errorf("%q is a relative path; use an absolute path or put the compiler on PATH", program)
	}

	ctx, cancel := context.WithTimeoutCause(ctx, trialTime,
		fmt.Errorf("it did not make the smallest program within %s", trialTime))
	defer cancel()

	dir, err := os.MkdirTemp("", "go-static-release-cc-")
	if err != nil {
		return fmt.Errorf("creating a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	if err := makeTrial(ctx, r, c.CC, dir, "main.c"); err != nil {
		return err
	}
	switch {
	case r.CXX && c.CXX == "":
		return errors.New("there is C++ to compile, and the C++ compiler that belongs to it is not known")
	case r.CXX:
		if err := makeTrial(ctx, r, c.CXX, dir, "main.cc"); err != nil {
			return fmt.Errorf("there is C++ to compile: %s: %w", c.CXX, err)
		}
	}

	c.Version, err = versionOf(ctx, c.CC, dir, r.Environ)
	return err
}

// versionOf returns the first line that a compiler prints about itself.
func versionOf(ctx context.Context, compiler, dir string, environ []string) (string, error) {
	command := process.Command{
		Args: append(strings.Fields(compiler), "--version"),
		Dir:  dir,
	}
	about, err := command.Output(ctx, environ)
	if err != nil {
		return "", fmt.Errorf("asking for its version: %w", err)
	}
	return firstLine(about), nil
}

// makeTrial makes a program from the source file name in dir, and judges it.
func makeTrial(ctx context.Context, r Request, compiler, dir, name string) error {
	source := []byte(trialSource(r.Target))
	if err := os.WriteFile(filepath.Join(dir, name), source, 0o600); err != nil {
		return fmt.Errorf("writing a program to compile: %w", err)
	}

	out := name + ".out"
	args := strings.Fields(compiler)
	args = append(args, strings.Fields(LinkFlags(r.Target))...)
	args = append(args, "-o", out, name)
	_, messages, err := process.Command{Args: args, Dir: dir}.Run(ctx, r.Environ)
	var failed *process.CommandError
	if errors.As(err, &failed) {
		return errors.New(complaint(strings.ReplaceAll(failed.Error(), dir, ".")))
	}
	if err != nil {
		return err
	}

	path := filepath.Join(dir, out)
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return errors.New("it exits 0 but writes no program")
	}
	file, err := static.Open(path)
	if err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), path, "the program it writes"))
	}
	return judgeTrial(r.Target, file, string(messages))
}

// judgeTrial fails if the program is not static or for another machine. messages are what
// the compiler printed.
func judgeTrial(t target.Target, file *static.File, messages string) error {
	if file.Arch != t.Arch {
		return fmt.Errorf("it makes programs for %s (%s)", file.Arch, file.Machine)
	}

	verdict := static.Judge(t.OS, file)
	if !verdict.OK {
		return fmt.Errorf("the program it writes is not static: %s", strings.Join(verdict.Reasons, ", "))
	}

	loads := GlibcLoads("# trial\n" + messages)["trial"]
	if file.NameService && len(loads) == 0 {
		return errors.New("it links glibc without the warning about libraries that are loaded at run time, " +
			"and the proof depends on that warning")
	}
	return nil
}

// errorLine matches the line of a compiler's or a linker's message that says what is wrong.
var errorLine = regexp.MustCompile(`(?mi)^.*(?:error|cannot|no such|not found|undefined|unrecogni[sz]ed|unknown).*$`)

// complaint picks one line of a message.
func complaint(message string) string {
	if line := errorLine.FindString(message); line != "" {
		return firstLine(line)
	}
	return firstLine(message)
}

// firstLine returns the first line of a text that is not empty, without control characters.
func firstLine(text string) string {
	lines := strings.Split(text, "\n")
	i := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) != "" })
	if i < 0 {
		return "it prints nothing"
	}

	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(lines[i]))
}
