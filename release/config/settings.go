package config

import (
	"strings"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/workspace"
)

// The commands that have settings.
const (
	Release  = "release"
	Plan     = "plan"
	Verify   = "verify"
	CacheKey = "cache-key" // only the action calls it
)

// Commands are the values of the setting command.
var Commands = []string{Release, Plan, Verify}

// The commands that have a setting. The command plan has every setting that decides something
// before a compiler starts: the flags of a release also show its plan.
var (
	releaseOnly         = []string{Release}
	releasePlan         = []string{Release, Plan}
	releasePlanCacheKey = []string{Release, Plan, CacheKey}
	releaseCacheKey     = []string{Release, CacheKey}
	releasePlanVerify   = []string{Release, Plan, Verify}
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
	TagPrefix   string // "": tags begin with the directory of their module, if any
	Tags        string
	LDFlags     string
	GCFlags     string
	Cgo         string
	CC          []cc.Choice
	Generated   []string
	Static      string
	SmokeTest   []SmokeTest
	Archives    []string
	ArchiveName string
	Wrap        string // a template, "" for no directory
	ProgramPath string // a template
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

	ChecksumsName string

	// Env holds the environment variables that templates may use: see template.Environment.
	Env map[string]string

	// From says where the value of a setting was set. It has no entry for a default.
	From map[string]string

	workflowRoot  string            // of the repository whose workflow was read, "" if none was
	workflowFiles map[string]string // by setting: the file of the repository that sets it
}

// Settings is the table of settings, by group.
var Settings = []Setting{
	{
		Name:     "command",
		Group:    BuildGroup,
		Default:  Release,
		Help:     "what to do: " + strings.Join(Commands, ", "),
		Doc:      "On the command line the command is the first argument: `go-static-release plan`.",
		onLaptop: runnerOnly,
		set:      setCommand,
	},
	{
		Name:        "directory",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		DefaultText: "named by the tag, or .",
		Argument:    "DIR",
		Help:        "directory of the Go module",
		Doc:         "A tag such as `sub/v1.2.3` names the module in `sub`.",
		Paths:       DirectoryPaths,
		isPath:      true,
		onLaptop:    staysInside,
		set:         text(func(c *Config) *string { return &c.Directory }),
	},
	{
		Name:        "packages",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		Kind:        List,
		DefaultText: "the root and ./cmd/NAME",
		Argument:    "PATTERNS",
		Help:        "main packages to release",
		Doc: "Patterns as `go build` accepts them; `./` may be left out. `NAME=PATTERN` gives a program another " +
			"name: `etcd=./server`. By default the main packages in the root of the module, in `cmd` and in " +
			"`cmd/NAME`, or the only one elsewhere that can be meant. What looks like a tool of the " +
			"project's own, such as `cmd/gen-docs`, is left out with a note: see [docs/programs.md](programs.md).",
		Paths:    FilePaths,
		onLaptop: chooses,
		set:      list(func(c *Config) *[]string { return &c.Packages }),
	},
	{
		Name:        "targets",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		Kind:        List,
		Default:     "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64",
		DefaultText: "linux, darwin, windows",
		Argument:    "PATTERNS",
		Help:        "platforms, such as linux/amd64, linux/*",
		Doc: "`OS/ARCH`, or `OS/ARCH/LEVEL` for an instruction set (`linux/arm/6`, `linux/amd64/v3`). " +
			"Wildcards (`linux/*`), `all` and `first-class` (Go's own term) stand for several. " +
			"`!PATTERN` excludes targets that a pattern before it includes. " +
			"`go tool dist list` lists the platforms.",
		Values:   commonTargets,
		onLaptop: chooses,
		set:      list(func(c *Config) *[]string { return &c.Targets }),
	},
	{
		Name:        "name",
		Group:       BuildGroup,
		Commands:    releasePlan,
		DefaultText: "last element of the module path",
		Argument:    "NAME",
		Help:        "name of the project",
		Doc:         "Used in the names of files.",
		onLaptop:    chooses,
		set:         text(func(c *Config) *string { return &c.Name }),
	},
	{
		Name:        "tag",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		DefaultText: "the ref, or the tag on HEAD",
		Argument:    "TAG",
		Help:        "tag to release",
		Doc: "A dry run accepts any semantic version. Without a tag it uses a Go pseudo-version of the " +
			"commit. Of several tags on HEAD it takes the highest that fits the module path.",
		onLaptop: chooses,
		set:      setTag,
	},
	{
		Name:        "tag-prefix",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		DefaultText: "none",
		Argument:    "PREFIX",
		Help:        "what tags begin with, such as name-",
		Doc: "For tags such as `name-v1.2.3` or `release-1.2.3`. Tags `v1.2.3`, `1.2.3` and `dir/v1.2.3` need " +
			"none. Go does not take a tag with a prefix for a version, so a program has to get its version " +
			"from the linker: declare `var version string` in package main. See " +
			"[docs/version.md](version.md#tags-with-a-prefix).",
		onLaptop: chooses,
		set:      setTagPrefix,
	},
	{
		Name:        "tags",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		Kind:        List,
		DefaultText: "none",
		Argument:    "TAGS",
		Help:        "build tags",
		onLaptop:    chooses,
		set:         setTags,
	},
	{
		Name:        "ldflags",
		Group:       BuildGroup,
		Commands:    releasePlan,
		DefaultText: "-s -w and the version",
		Argument:    "FLAGS",
		Help:        "linker flags, a template",
		Doc: "A [template](templates.md), in which `{{.Defaults}}` stands for the default: `-s -w`, and " +
			"`-X` for the variables of package main that are named like a version, a commit or a date, " +
			"such as `version`, `GitCommit` and `buildDate`. An `-X` that sets nothing is an error, and so is " +
			"a version such as `${VERSION}`: no shell expands it. [docs/ldflags.md](ldflags.md) has all " +
			"names, and examples.",
		onLaptop: harmlessTemplate(linkerFlags),
		set:      text(func(c *Config) *string { return &c.LDFlags }),
	},
	{
		Name:        "gcflags",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		DefaultText: "none",
		Argument:    "FLAGS",
		Help:        "compiler flags",
		onLaptop:    harmlessFlags(compilerFlags),
		set:         text(func(c *Config) *string { return &c.GCFlags }),
	},
	{
		Name:     "cgo",
		Group:    BuildGroup,
		Commands: releasePlanCacheKey,
		Default:  cgoModes[0],
		Argument: "MODE",
		Help:     "packages that need C: " + strings.Join(cgoModes, " or "),
		Doc: "With `off`, Go uses the files of a package that do without C, and a package that needs C is " +
			"an error. With `static`, a C compiler for each target links it statically. The compiler is " +
			"found, or named by `cc`.",
		Values:   cgoModes,
		onLaptop: chooses,
		set:      oneOf(func(c *Config) *string { return &c.Cgo }, cgoModes),
	},
	{
		Name:        "cc",
		Group:       BuildGroup,
		Commands:    releasePlanCacheKey,
		Kind:        List,
		DefaultText: "found: musl's, zig cc, a cross gcc",
		Argument:    "TARGET=CC",
		Help:        "C compilers for cgo: static",
		Doc: "Compilers by target: `linux/arm64=zig cc -target aarch64-linux-musl`. A target may have " +
			"wildcards. A command may have arguments but no quotes, and the next compiler begins at the " +
			"next `TARGET=`.",
		onLaptop: needsFlag("it names programs to run"),
		set:      setCC,
	},
	{
		Name:        "generated",
		Group:       BuildGroup,
		Commands:    releasePlan,
		Kind:        List,
		DefaultText: "none",
		Argument:    "FILES",
		Help:        "source files that an earlier step makes and git ignores",
		Doc: "Patterns relative to the module, such as `web/dist/**`. These files are compiled although the " +
			"commit does not have them, and their digests are in the report.",
		Paths:    FilePaths,
		onLaptop: chooses,
		set:      patterns(func(c *Config) *[]string { return &c.Generated }),
	},

	{
		Name:     "static",
		Group:    CheckGroup,
		Commands: releasePlan,
		Default:  staticModes[0],
		Argument: "MODE",
		Help:     "fail if a binary is not static (require), or report it",
		Doc: "With `require` the run fails. With `report` the binary is published with a prominent " +
			"warning. The same goes for a package that only returns errors without cgo, such as " +
			"go-sqlite3.",
		Values:   staticModes,
		onLaptop: chooses,
		set:      oneOf(func(c *Config) *string { return &c.Static }, staticModes),
	},
	{
		Name:        "smoke-test",
		Group:       CheckGroup,
		Commands:    releasePlan,
		Kind:        Lines,
		DefaultText: "none",
		Argument:    "ARGS",
		Help:        "start every program with these arguments; it must exit with 0",
		Doc: "For example `--version`. Each program is started if this machine can: in an empty root " +
			"without network where Linux allows it (other architectures through qemu-user-static), wasip1 " +
			"in wazero, windows through wine. It finds an empty home directory and little else.\n\n" +
			"A line `PROGRAM=ARGS`, such as `etcdctl=version`, is for one program, and `PROGRAM=none` does " +
			"not start it. A line without a name is for all others. On the command line repeat the flag.\n\n" +
			"The report shows the first line that each program prints. A program that is asked for its " +
			"version (`--version`, `-version`, `version`, `-V`) and does not print the one of the release " +
			"gets a warning.",
		onLaptop: needsFlag("it starts the programs of the repository"),
		set:      setSmokeTest,
	},
	{
		Name:     "verify",
		Group:    CheckGroup,
		Commands: releaseOnly,
		Kind:     Switch,
		Default:  "false",
		Help:     "download what was published and prove it again",
		onLaptop: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Verify }),
	},

	{
		Name:        "archive",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Kind:        List,
		DefaultText: "tar.gz; windows: zip",
		Argument:    "FORMATS",
		Help:        "formats: " + strings.Join(archiveFormats(), " "),
		Doc:         "Several formats make several files. `binary` attaches the programs unpacked.",
		Values:      archiveFormats(),
		onLaptop:    chooses,
		set:         someOf(func(c *Config) *[]string { return &c.Archives }, archiveFormats()),
	},
	{
		Name:        "archive-name",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Default:     "{{.Name}}_{{.Version}}_{{.OS}}_{{.Arch}}",
		DefaultText: "NAME_VERSION_OS_ARCH",
		Argument:    "NAME",
		Help:        "name of an archive without its extension",
		Doc:         "A [template](templates.md), for example `{{.Name}}_{{title .OS}}_{{.Arch}}`.",
		onLaptop:    chooses,
		set:         text(func(c *Config) *string { return &c.ArchiveName }),
	},
	{
		Name:     "wrap",
		Group:    FilesGroup,
		Commands: releasePlan,
		Default:  "false",
		Argument: "DIR",
		Help:     "put everything in an archive into one directory",
		Doc: "With `true` the directory has the name of the archive without its extension. Any other value " +
			"is a [template](templates.md) for its name, such as `{{.Name}}-{{.Version}}`.",
		Values:   []string{"true", "false"},
		onLaptop: chooses,
		set:      setWrap,
	},
	{
		Name:        "program-path",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Default:     "{{.Program}}",
		DefaultText: "PROGRAM",
		Argument:    "PATH",
		Help:        "path of a program in an archive, such as bin/",
		Doc: "A [template](templates.md). A directory (`bin/`) has the programs under their names. `.exe` is " +
			"appended for windows. The path begins in the directory of `wrap`, if there is one.",
		onLaptop: chooses,
		set:      text(func(c *Config) *string { return &c.ProgramPath }),
	},
	{
		Name:        "files",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Kind:        List,
		DefaultText: "licences, README and CHANGELOG",
		Argument:    "FILES",
		Help:        "files to pack with the programs",
		Doc: "Files, directories and patterns (`docs/**/*.md`) relative to the module, for at most 64 MiB " +
			"of files. A directory stands for everything in it. `SOURCE=NAME` renames a file; with a " +
			"directory or a `*` before the `=`, NAME is the directory for the files: " +
			"`man/*.1=share/man/man1`. If several words name a file, the last one that renames it counts. " +
			"Words end at spaces and commas; `?` matches those in a name, and `\\=` is a `=`.\n\n" +
			"Without this setting the usual files are packed, in any case: LICENSE, LICENCE, COPYING, " +
			"COPYRIGHT, NOTICE, UNLICENSE, PATENTS, AUTHORS, CREDITS and third-party notices, also with a " +
			"suffix or an extension, the directory LICENSES, README and CHANGELOG or CHANGES. Licences are " +
			"also taken from the directories around the module, up to the root of the repository. The word " +
			"`default` stands for these files (`default man/*.1`). `none` packs the programs alone. " +
			"`archive: binary` attaches them unpacked.",
		Values:   []string{workspace.DefaultFiles, workspace.NoFiles},
		Paths:    FilePaths,
		onLaptop: chooses,
		set:      patterns(func(c *Config) *[]string { return &c.Files }),
	},
	{
		Name:        "attach",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Kind:        List,
		DefaultText: "none",
		Argument:    "FILES",
		Help:        "files to attach to the release as they are",
		Doc: "Files, directories and patterns relative to the module, as for `files`. The release has them " +
			"under the last element of their path, and `SOURCE=NAME` under another name. These files are " +
			"listed in the checksums and not proved.",
		Paths:    FilePaths,
		onLaptop: runnerOnly,
		set:      patterns(func(c *Config) *[]string { return &c.Attach }),
	},
	{
		Name:     "checksums",
		Group:    FilesGroup,
		Commands: releasePlan,
		Kind:     List,
		Default:  "sha256",
		Argument: "DIGESTS",
		Help:     "digests to list: " + strings.Join(checksumAlgorithms(), ", "),
		Doc:      "`sha256` writes `checksums.txt`, `sha512` writes `checksums-sha512.txt`: see `checksums-name`.",
		Values:   checksumAlgorithms(),
		onLaptop: chooses,
		set:      someOf(func(c *Config) *[]string { return &c.Checksums }, checksumAlgorithms()),
	},
	{
		Name:        "checksums-name",
		Group:       FilesGroup,
		Commands:    releasePlan,
		Default:     `checksums{{if ne .Algorithm "sha256"}}-{{.Algorithm}}{{end}}.txt`,
		DefaultText: "checksums.txt",
		Argument:    "NAME",
		Help:        "name of the checksum list",
		Doc: "Installers and package managers expect what a project has always had: " +
			"`{{.Name}}_{{.Version}}_checksums.txt`, or `SHA256SUMS`. A [template](templates.md), which " +
			"needs `{{.Algorithm}}` if there are several lists. `verify` finds the lists of a release by " +
			"their names, so the name must have a word such as checksums, SHA256SUMS or sha256.",
		onLaptop: chooses,
		set:      text(func(c *Config) *string { return &c.ChecksumsName }),
	},

	{
		Name:        "dry-run",
		Group:       PublishGroup,
		Commands:    releasePlan,
		Kind:        Switch,
		DefaultText: "true outside a tag's workflow",
		Help:        "do everything but publish",
		Doc: "By default false in a workflow that has a token and runs for a tag, or has the input `tag`, " +
			"and true elsewhere. A workflow with that input never falls back to a dry run: without a token " +
			"it fails. Only a change that is not merged (a pull request, a merge queue) is a dry run with " +
			"it, too. `false` publishes from anywhere and needs a token.",
		onLaptop: runnerOnly,
		set:      optional(func(c *Config) **bool { return &c.DryRun }),
	},
	{
		Name:        "release-name",
		Group:       PublishGroup,
		Commands:    releasePlan,
		DefaultText: "the tag",
		Argument:    "TEXT",
		Help:        "title of the release",
		Doc:         "A [template](templates.md), for example `{{.Name}} {{.Version}}`.",
		onLaptop:    chooses,
		set:         text(func(c *Config) *string { return &c.ReleaseName }),
	},
	{
		Name:        "notes",
		Group:       PublishGroup,
		Commands:    releasePlan,
		DefaultText: "generated by GitHub",
		Argument:    "TEXT",
		Help:        "text of the release",
		Doc: "A [template](templates.md). If it is empty or expands to nothing, GitHub lists the changes " +
			"[since the previous version](workflows.md#generated-notes) of the same module. Long notes " +
			"belong in a file: see `notes-file`.",
		onLaptop: chooses,
		set:      text(func(c *Config) *string { return &c.Notes }),
	},
	{
		Name:        "notes-file",
		Group:       PublishGroup,
		Commands:    releasePlan,
		DefaultText: "none",
		Argument:    "FILE",
		Help:        "file with the text of the release",
		Doc: "The text is used as it is: unlike `notes`, a file is not a template. It may lie outside the " +
			"repository, for example in `RUNNER_TEMP`. A link that leads out of a repository is not followed.",
		Paths:    FilePaths,
		isPath:   true,
		onLaptop: staysInside,
		set:      text(func(c *Config) *string { return &c.NotesFile }),
	},
	{
		Name:     "draft",
		Group:    PublishGroup,
		Commands: releasePlan,
		Kind:     Switch,
		Default:  "false",
		Help:     "leave the complete release as a draft",
		onLaptop: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Draft }),
	},
	{
		Name:        "prerelease",
		Group:       PublishGroup,
		Commands:    releasePlan,
		Kind:        Switch,
		DefaultText: "as the version says",
		Help:        "mark as a prerelease",
		onLaptop:    chooses,
		set:         optional(func(c *Config) **bool { return &c.Prerelease }),
	},
	{
		Name:        "make-latest",
		Group:       PublishGroup,
		Commands:    releasePlan,
		Kind:        Switch,
		DefaultText: "unless a higher version exists",
		Help:        "mark as the latest release",
		onLaptop:    chooses,
		set:         optional(func(c *Config) **bool { return &c.MakeLatest }),
	},
	{
		Name:     "overwrite",
		Group:    PublishGroup,
		Commands: releasePlan,
		Kind:     Switch,
		Default:  "false",
		Help:     "replace the files of a public release that differ",
		Doc: "The release is a draft until all its files are replaced. A release that GitHub made immutable " +
			"is never changed. Files that a public release lacks are added without this setting in a workflow " +
			"that runs for it (`on: release`).",
		onLaptop: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Overwrite }),
	},
	{
		Name:        "token",
		Group:       PublishGroup,
		Commands:    releasePlanVerify,
		DefaultText: "GITHUB_TOKEN or GH_TOKEN",
		Argument:    "TOKEN",
		Help:        "token that may write contents",
		Doc: "In a workflow, the token of the job. On the command line prefer the environment variables " +
			"`GITHUB_TOKEN` or `GH_TOKEN`: other users of the machine can read flags.",
		onLaptop: runnerOnly,
		set:      text(func(c *Config) *string { return &c.Token }),
	},

	{
		Name:     "dist",
		Group:    RunGroup,
		Commands: releasePlanVerify,
		Default:  "dist",
		Argument: "DIR",
		Help:     "directory for the files",
		Doc: "Its contents are replaced. It must not be a link, and must not hold files of the commit or " +
			"files that this program did not make. `verify` without a path reads it.",
		Paths:    DirectoryPaths,
		isPath:   true,
		onLaptop: needsFlag("it says where to write"),
		set:      text(func(c *Config) *string { return &c.Dist }),
	},
	{
		Name:     "timeout",
		Group:    RunGroup,
		Commands: releasePlanVerify,
		Default:  "1h",
		Argument: "DURATION",
		Help:     "give up after this long, such as 90s, 30m or 2h",
		onLaptop: chooses,
		set:      setTimeout,
	},
	{
		Name:     "fail-fast",
		Group:    RunGroup,
		Commands: releaseOnly,
		Kind:     Switch,
		Default:  "false",
		Help:     "stop all targets when one fails",
		onLaptop: chooses,
		set:      boolean(func(c *Config) *bool { return &c.FailFast }),
	},
	{
		Name:        "parallelism",
		Group:       RunGroup,
		Commands:    releaseOnly,
		DefaultText: "number of processors",
		Argument:    "N",
		Help:        "how many targets compile at a time",
		onLaptop:    chooses,
		set:         setParallelism,
	},
	{
		Name:     "cache",
		Group:    RunGroup,
		Commands: releaseCacheKey,
		Kind:     Switch,
		Default:  "true",
		Help:     "keep the build cache between runs of a workflow",
		Doc:      "It has no effect outside a workflow, where the go command keeps its own cache.",
		onLaptop: chooses,
		set:      boolean(func(c *Config) *bool { return &c.Cache }),
	},
}

var (
	cgoModes    = []string{"off", "static"}
	staticModes = []string{"require", "report"}
)

// commonTargets are the targets that a shell offers. Any platform of the go command can be
// named; `go tool dist list` (Go 1.26) has these.
var commonTargets = []string{
	"all",
	"first-class",
	"aix/ppc64",
	"android/arm64",
	"darwin/amd64",
	"darwin/arm64",
	"dragonfly/amd64",
	"freebsd/386",
	"freebsd/amd64",
	"freebsd/arm",
	"freebsd/arm64",
	"illumos/amd64",
	"js/wasm",
	"linux/386",
	"linux/amd64",
	"linux/arm",
	"linux/arm64",
	"linux/loong64",
	"linux/mips",
	"linux/mips64",
	"linux/mips64le",
	"linux/mipsle",
	"linux/ppc64",
	"linux/ppc64le",
	"linux/riscv64",
	"linux/s390x",
	"netbsd/386",
	"netbsd/amd64",
	"netbsd/arm",
	"netbsd/arm64",
	"openbsd/386",
	"openbsd/amd64",
	"openbsd/arm",
	"openbsd/arm64",
	"openbsd/ppc64",
	"openbsd/riscv64",
	"plan9/386",
	"plan9/amd64",
	"plan9/arm",
	"solaris/amd64",
	"wasip1/wasm",
	"windows/386",
	"windows/amd64",
	"windows/arm64",
}
