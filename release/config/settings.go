// Package config reads the settings of one run: flags, inputs of the action, and the
// repository's own workflow, which is the configuration on a laptop.
package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/pack"
)

// Commands are the values of the setting command.
var Commands = []string{"release", "plan", "verify"}

// CacheKey is the command that only the action calls.
const CacheKey = "cache-key"

// A Config is every setting of one run. It is filled once, before anything is done, and
// only read afterwards.
type Config struct {
	Command     string
	Directory   string
	Packages    []string
	Targets     []string
	Name        string
	Tag         string
	Tags        string
	LDFlags     string
	GCFlags     string
	Cgo         string
	CC          []cc.Choice
	Generated   []string
	Static      string
	SmokeTest   []string // words
	Archives    []string
	ArchiveName string
	Files       []string
	Attach      []string
	Checksums   []string
	Token       string
	ReleaseName string
	Notes       string
	NotesFile   string
	Draft       bool
	Prerelease  *bool // nil: as the version says
	MakeLatest  *bool // nil: as the versions say
	Overwrite   bool
	Verify      bool
	DryRun      *bool // nil: as the surroundings say
	FailFast    bool
	Cache       bool
	Parallelism int // 0: as many as there are processors
	Dist        string
	Timeout     time.Duration

	From map[string]string // setting -> where its value was given; absent for a default
}

// A setting is one row of the table that everything else follows: the flag
// --NAME, the environment variable INPUT_NAME, the input in action.yml and the row
// in the README. action_test.go holds them equal.
type Setting struct {
	Name string
	Def  string // value when none is given
	Auto string // what an empty default means, for people
	Help string
	Flag bool // --NAME alone means true
	path bool // a path: a workflow gives it relative to the repository
	set  func(c *Config, value string) error

	// workflow decides whether a value in the repository's own workflow counts on a laptop.
	workflow laptopRule
}

// Defaults returns the default as people read it.
func (s Setting) Defaults() string {
	if s.Auto != "" {
		return s.Auto
	}
	return s.Def
}

var Settings = []Setting{
	{Name: "command", Def: "release", Help: "what to do: release, plan or verify",
		workflow: runnerOnly,
		set:      setCommand},
	{Name: "directory", Auto: "the one the tag names, else .", path: true, Help: "directory of the Go module",
		workflow: staysInside,
		set:      text(func(c *Config) *string { return &c.Directory })},
	{Name: "packages", Auto: "the root and ./cmd/..., else the only one", Help: "main packages to release, as go build takes them",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Packages })},
	{Name: "targets", Def: "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64",
		Help:     "platforms: OS/ARCH, OS/ARCH/LEVEL (linux/arm/6, linux/amd64/v3), wildcards (linux/*), all, first-class; !PATTERN excludes",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Targets })},
	{Name: "name", Auto: "last element of the module path", Help: "name of the project, in file names",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.Name })},
	{Name: "tag", Auto: "the ref, or the tag on HEAD", Help: "tag to release; a dry run takes any semantic version, and a Go pseudo-version where there is no tag",
		workflow: chooses,
		set:      func(c *Config, v string) error { c.Tag = strings.TrimPrefix(v, TagRef); return nil }},
	{Name: "tags", Help: "build tags", Auto: "none",
		workflow: chooses,
		set:      func(c *Config, v string) error { c.Tags = strings.Join(fields(v), ","); return nil }},
	{Name: "ldflags", Auto: "-s -w, and main.version, main.commit, main.date where they exist",
		Help:     "linker flags; a template with {{.Version}} {{.Tag}} {{.Commit}} {{.Date}} {{.Name}} {{.Go}}",
		workflow: harmlessFlags(linkerFlags),
		set:      text(func(c *Config) *string { return &c.LDFlags })},
	{Name: "gcflags", Auto: "none", Help: "compiler flags",
		workflow: harmlessFlags(compilerFlags),
		set:      text(func(c *Config) *string { return &c.GCFlags })},
	{Name: "cgo", Def: "off", Help: "off, or static: packages that need C get it from a static C compiler for each target, found or given by cc",
		workflow: chooses,
		set:      func(c *Config, v string) error { return oneOf(&c.Cgo, v, "off", "static") }},
	{Name: "cc", Auto: "found: musl's, zig cc, a cross gcc", Help: "C compilers for cgo static, as OS/ARCH=COMMAND: linux/arm64=zig cc -target aarch64-linux-musl",
		workflow: needsFlag("it names programs to run"),
		set:      setCC},
	{Name: "generated", Auto: "none",
		Help: "source files that git ignores because a step before this one makes them, " +
			"relative to the module, such as web/dist/**; they are compiled although " +
			"the commit does not have them, and their digests are in the report",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Generated })},
	{Name: "static", Def: "require", Help: "a binary that is not static fails the run (require), or is published all the same and said so loudly (report)",
		workflow: chooses,
		set:      func(c *Config, v string) error { return oneOf(&c.Static, v, "require", "report") }},
	{Name: "smoke-test", Auto: "none", Help: "arguments with which every program must start and exit with 0, such as --version; each is started if this machine can: in an empty root without network where Linux allows it (other architectures through qemu-user-static), wasip1 in wazero, windows through wine",
		workflow: needsFlag("it starts the programs of the repository"),
		set:      func(c *Config, v string) error { c.SmokeTest = strings.Fields(v); return nil }},
	{Name: "archive", Auto: "tar.gz; zip for windows", Help: "formats of the archives: tar.gz, zip, tar.xz, tar.zst, binary (not packed); several make several files",
		workflow: chooses,
		set:      setArchives},
	{Name: "archive-name", Def: "{{.Name}}_{{.Version}}_{{.OS}}_{{.Arch}}",
		Help:     "name of an archive, without its extension; a template with the fields of ldflags and {{.OS}} {{.Arch}}",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.ArchiveName })},
	{Name: "files", Def: "LICENSE* README* CHANGELOG*", Help: "also packed, relative to the module; 64 MiB together at most",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Files })},
	{Name: "attach", Auto: "none", Help: "files to attach to the release as they are, relative to the module",
		workflow: runnerOnly,
		set:      list(func(c *Config) *[]string { return &c.Attach })},
	{Name: "checksums", Def: "sha256", Help: "digests to list: sha256 (checksums.txt), sha512 (checksums-sha512.txt)",
		workflow: chooses,
		set:      setChecksums},
	{Name: "token", Auto: "none", Help: "token that may write contents; in a workflow, that of the job",
		workflow: runnerOnly,
		set:      text(func(c *Config) *string { return &c.Token })},
	{Name: "release-name", Auto: "the tag", Help: "title of the release",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.ReleaseName })},
	{Name: "notes", Auto: "generated by GitHub", Help: "text of the release; a long one belongs into notes-file",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.Notes })},
	{Name: "notes-file", Auto: "none", path: true,
		Help:     "file with the text of the release; in a repository no link out of it is followed",
		workflow: staysInside,
		set:      text(func(c *Config) *string { return &c.NotesFile })},
	{Name: "draft", Def: "false", Flag: true, Help: "leave the complete release as a draft",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Draft })},
	{Name: "prerelease", Auto: "as the version says", Flag: true, Help: "mark as a prerelease: true or false",
		workflow: chooses,
		set:      optional(func(c *Config) **bool { return &c.Prerelease })},
	{Name: "make-latest", Auto: "if no higher version is", Flag: true, Help: "mark as the latest release: true or false",
		workflow: chooses,
		set:      optional(func(c *Config) **bool { return &c.MakeLatest })},
	{Name: "overwrite", Def: "false", Flag: true, Help: "make a public release that has other files anew: it is a draft until all are replaced; never one that is immutable",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Overwrite })},
	{Name: "verify", Def: "false", Flag: true, Help: "download what was published, and prove it again",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Verify })},
	{Name: "dry-run", Auto: "false in a workflow on a tag with a token, else true", Flag: true, Help: "do all but publish",
		workflow: runnerOnly,
		set:      optional(func(c *Config) **bool { return &c.DryRun })},
	{Name: "fail-fast", Def: "false", Flag: true, Help: "stop all targets when one fails",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.FailFast })},
	{Name: "parallelism", Auto: "number of processors", Help: "how many targets compile at a time",
		workflow: chooses,
		set:      setParallelism},
	{Name: "cache", Def: "true", Flag: true, Help: "keep what was compiled from one run of the workflow to the next; on a machine of your own go does so by itself",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Cache })},
	{Name: "dist", Def: "dist", path: true,
		Help:     "directory for the files, which is emptied; it must not be a link or hold files of the commit",
		workflow: needsFlag("it says where to write"),
		set:      text(func(c *Config) *string { return &c.Dist })},
	{Name: "timeout", Def: "1h", Help: "give up after this long (90s, 30m, 2h)",
		workflow: chooses,
		set:      setTimeout},
}

// fields splits a list: spaces, commas or newlines.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *field(c) = v; return nil }
}

func list(field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if *field(c) = fields(v); len(*field(c)) == 0 {
			return fmt.Errorf("%q is an empty list", v)
		}
		return nil
	}
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		if *field(c), err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}
}

func optional(field func(*Config) **bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*field(c) = &b
		return nil
	}
}

func oneOf(field *string, v string, words ...string) error {
	if !slices.Contains(words, v) {
		return fmt.Errorf("%q is not one of: %s", v, strings.Join(words, ", "))
	}
	*field = v
	return nil
}

func setCommand(c *Config, v string) error {
	if v == CacheKey {
		c.Command = v
		return nil
	}
	return oneOf(&c.Command, v, Commands...)
}

func setArchives(c *Config, v string) error {
	if c.Archives = fields(v); len(c.Archives) == 0 {
		return fmt.Errorf("%q is an empty list", v)
	}
	for i, name := range c.Archives {
		if known := append(pack.Formats(), pack.Binary); !slices.Contains(known, name) {
			return fmt.Errorf("%q is not one of: %s", name, strings.Join(known, ", "))
		}
		if slices.Contains(c.Archives[:i], name) {
			return fmt.Errorf("%s twice", name)
		}
	}
	return nil
}

func setChecksums(c *Config, v string) error {
	if c.Checksums = fields(v); len(c.Checksums) == 0 {
		return fmt.Errorf("%q is an empty list", v)
	}
	for i, name := range c.Checksums {
		if _, ok := output.ChecksumFiles[name]; !ok {
			return fmt.Errorf("%q is not one of: sha256, sha512", name)
		}
		if slices.Contains(c.Checksums[:i], name) {
			return fmt.Errorf("%s twice", name)
		}
	}
	return nil
}

// compilerStart is the word that begins a compiler: TARGET=COMMAND.
var compilerStart = regexp.MustCompile(`^([^-=/]+/[^=]+)=(.+)$`)

// setCC reads compilers. A command has spaces in it, so the next one begins where the
// next target is named.
func setCC(c *Config, v string) error {
	c.CC = nil
	for _, word := range strings.Fields(v) {
		switch m := compilerStart.FindStringSubmatch(word); {
		case strings.ContainsAny(word, `"'`):
			return fmt.Errorf("%s: quotes are not understood; put the compiler on the PATH", word)
		case m != nil:
			c.CC = append(c.CC, cc.Choice{Targets: m[1], CC: m[2]})
		case len(c.CC) == 0:
			return fmt.Errorf("%q does not begin with a target, as in linux/amd64=musl-gcc", word)
		default:
			c.CC[len(c.CC)-1].CC += " " + word
		}
	}
	return nil
}

func setParallelism(c *Config, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of at least 1", v)
	}
	c.Parallelism = n
	return nil
}

func setTimeout(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 30m or 2h", v)
	}
	c.Timeout = d
	return nil
}

// Where says where the value of a setting came from, for messages.
func (c *Config) Where(name string) string {
	if from, ok := c.From[name]; ok {
		return from
	}
	return name + " (default)"
}

// Workspace returns the settings of the checkout.
func (c *Config) Workspace(environ []string) workspace.Options {
	return workspace.Options{
		Dir:       c.Directory,
		Tag:       c.Tag,
		Dist:      c.Dist,
		Generated: c.Generated,
		Environ:   environ,
		Secrets:   []string{c.Token},
		Jobs:      c.Parallelism,
	}
}

// Spec returns the settings of what is built.
func (c *Config) Spec() *build.Spec {
	return &build.Spec{
		Packages:  c.Packages,
		Targets:   c.Targets,
		Name:      c.Name,
		Tag:       c.Tag,
		Tags:      c.Tags,
		LDFlags:   c.LDFlags,
		GCFlags:   c.GCFlags,
		Cgo:       c.Cgo == "static",
		CC:        c.CC,
		Generated: c.Generated,
	}
}
