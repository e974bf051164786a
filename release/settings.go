package release

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/pack"
)

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
	CC          []build.GivenCompiler
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

	from map[string]string // setting -> where its value was given; absent for a default
}

// A setting is one row of the table that everything else follows: the flag
// --NAME, the environment variable INPUT_NAME, the input in action.yml and the row
// in the README. action_test.go holds them equal.
type setting struct {
	name string
	def  string // value when none is given
	auto string // what an empty default means, for people
	help string
	flag bool // --NAME alone means true
	path bool // a path: a workflow gives it relative to the repository
	set  func(c *Config, value string) error

	// workflow decides whether a value in the repository's own workflow counts on a laptop.
	workflow laptopRule
}

// defaults returns the default as people read it.
func (s setting) defaults() string {
	if s.auto != "" {
		return s.auto
	}
	return s.def
}

var settings = []setting{
	{name: "command", def: "release", help: "what to do: release, plan or verify",
		workflow: runnerOnly,
		set:      setCommand},
	{name: "directory", auto: "the one the tag names, else .", path: true, help: "directory of the Go module",
		workflow: staysInside,
		set:      text(func(c *Config) *string { return &c.Directory })},
	{name: "packages", auto: "the root and ./cmd/..., else the only one", help: "main packages to release, as go build takes them",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Packages })},
	{name: "targets", def: "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64",
		help:     "platforms: OS/ARCH, OS/ARCH/LEVEL (linux/arm/6, linux/amd64/v3), wildcards (linux/*), all, first-class; !PATTERN excludes",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Targets })},
	{name: "name", auto: "last element of the module path", help: "name of the project, in file names",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.Name })},
	{name: "tag", auto: "the ref, or the tag on HEAD", help: "tag to release; a dry run takes any semantic version, and a Go pseudo-version where there is no tag",
		workflow: chooses,
		set:      func(c *Config, v string) error { c.Tag = strings.TrimPrefix(v, tagRef); return nil }},
	{name: "tags", help: "build tags", auto: "none",
		workflow: chooses,
		set:      func(c *Config, v string) error { c.Tags = strings.Join(fields(v), ","); return nil }},
	{name: "ldflags", auto: "-s -w, and main.version, main.commit, main.date where they exist",
		help:     "linker flags; a template with {{.Version}} {{.Tag}} {{.Commit}} {{.Date}} {{.Name}} {{.Go}}",
		workflow: harmlessFlags(linkerFlags),
		set:      text(func(c *Config) *string { return &c.LDFlags })},
	{name: "gcflags", auto: "none", help: "compiler flags",
		workflow: harmlessFlags(compilerFlags),
		set:      text(func(c *Config) *string { return &c.GCFlags })},
	{name: "cgo", def: "off", help: "off, or static: packages that need C get it from a static C compiler for each target, found or given by cc",
		workflow: chooses,
		set:      func(c *Config, v string) error { return oneOf(&c.Cgo, v, "off", "static") }},
	{name: "cc", auto: "found: musl's, zig cc, a cross gcc", help: "C compilers for cgo static, as OS/ARCH=COMMAND: linux/arm64=zig cc -target aarch64-linux-musl",
		workflow: needsFlag("it names programs to run"),
		set:      setCC},
	{name: "generated", auto: "none",
		help: "source files that git ignores because a step before this one makes them, " +
			"relative to the module, such as web/dist/**; they are compiled although " +
			"the commit does not have them, and their digests are in the report",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Generated })},
	{name: "static", def: "require", help: "a binary that is not static fails the run (require), or is published all the same and said so loudly (report)",
		workflow: chooses,
		set:      func(c *Config, v string) error { return oneOf(&c.Static, v, "require", "report") }},
	{name: "smoke-test", auto: "none", help: "arguments with which every program must start and exit with 0, such as --version; each is started if this machine can: in an empty root without network where Linux allows it (other architectures through qemu-user-static), wasip1 in wazero, windows through wine",
		workflow: needsFlag("it starts the programs of the repository"),
		set:      func(c *Config, v string) error { c.SmokeTest = strings.Fields(v); return nil }},
	{name: "archive", auto: "tar.gz; zip for windows", help: "formats of the archives: tar.gz, zip, tar.xz, tar.zst, binary (not packed); several make several files",
		workflow: chooses,
		set:      setArchives},
	{name: "archive-name", def: "{{.Name}}_{{.Version}}_{{.OS}}_{{.Arch}}",
		help:     "name of an archive, without its extension; a template with the fields of ldflags and {{.OS}} {{.Arch}}",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.ArchiveName })},
	{name: "files", def: "LICENSE* README* CHANGELOG*", help: "also packed, relative to the module; 64 MiB together at most",
		workflow: chooses,
		set:      list(func(c *Config) *[]string { return &c.Files })},
	{name: "attach", auto: "none", help: "files to attach to the release as they are, relative to the module",
		workflow: runnerOnly,
		set:      list(func(c *Config) *[]string { return &c.Attach })},
	{name: "checksums", def: "sha256", help: "digests to list: sha256 (checksums.txt), sha512 (checksums-sha512.txt)",
		workflow: chooses,
		set:      setChecksums},
	{name: "token", auto: "none", help: "token that may write contents; in a workflow, that of the job",
		workflow: runnerOnly,
		set:      text(func(c *Config) *string { return &c.Token })},
	{name: "release-name", auto: "the tag", help: "title of the release",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.ReleaseName })},
	{name: "notes", auto: "generated by GitHub", help: "text of the release; a long one belongs into notes-file",
		workflow: chooses,
		set:      text(func(c *Config) *string { return &c.Notes })},
	{name: "notes-file", auto: "none", path: true,
		help:     "file with the text of the release; in a repository no link out of it is followed",
		workflow: staysInside,
		set:      text(func(c *Config) *string { return &c.NotesFile })},
	{name: "draft", def: "false", flag: true, help: "leave the complete release as a draft",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Draft })},
	{name: "prerelease", auto: "as the version says", flag: true, help: "mark as a prerelease: true or false",
		workflow: chooses,
		set:      optional(func(c *Config) **bool { return &c.Prerelease })},
	{name: "make-latest", auto: "if no higher version is", flag: true, help: "mark as the latest release: true or false",
		workflow: chooses,
		set:      optional(func(c *Config) **bool { return &c.MakeLatest })},
	{name: "overwrite", def: "false", flag: true, help: "make a public release that has other files anew: it is a draft until all are replaced; never one that is immutable",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Overwrite })},
	{name: "verify", def: "false", flag: true, help: "download what was published, and prove it again",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Verify })},
	{name: "dry-run", auto: "false in a workflow on a tag with a token, else true", flag: true, help: "do all but publish",
		workflow: runnerOnly,
		set:      optional(func(c *Config) **bool { return &c.DryRun })},
	{name: "fail-fast", def: "false", flag: true, help: "stop all targets when one fails",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.FailFast })},
	{name: "parallelism", auto: "number of processors", help: "how many targets compile at a time",
		workflow: chooses,
		set:      setParallelism},
	{name: "cache", def: "true", flag: true, help: "keep what was compiled from one run of the workflow to the next; on a machine of your own go does so by itself",
		workflow: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Cache })},
	{name: "dist", def: "dist", path: true,
		help:     "directory for the files, which is emptied; it must not be a link or hold files of the commit",
		workflow: needsFlag("it says where to write"),
		set:      text(func(c *Config) *string { return &c.Dist })},
	{name: "timeout", def: "1h", help: "give up after this long (90s, 30m, 2h)",
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
	if v == cacheKeyCommand {
		c.Command = v
		return nil
	}
	return oneOf(&c.Command, v, commandNames()...)
}

func setArchives(c *Config, v string) error {
	if c.Archives = fields(v); len(c.Archives) == 0 {
		return fmt.Errorf("%q is an empty list", v)
	}
	for i, name := range c.Archives {
		if known := append(pack.Formats(), binaryFormat); !slices.Contains(known, name) {
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
			c.CC = append(c.CC, build.GivenCompiler{Targets: m[1], CC: m[2]})
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

// where says where the value of a setting came from, for messages.
func (c *Config) where(name string) string {
	if from, ok := c.from[name]; ok {
		return from
	}
	return name + " (default)"
}

// spec is the part of the settings that build knows.
func (c *Config) spec(environ []string) *build.Spec {
	return &build.Spec{
		Dir: c.Directory, Packages: c.Packages, Targets: c.Targets, Name: c.Name, Tag: c.Tag,
		Tags: c.Tags, LDFlags: c.LDFlags, GCFlags: c.GCFlags, Cgo: c.Cgo == "static", CC: c.CC, Generated: c.Generated, Dist: c.Dist,
		Environ: environ, Secrets: []string{c.Token}, Jobs: c.Parallelism,
	}
}
