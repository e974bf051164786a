package build

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
)

// A cgoModule is a well-known module that needs C, with what to do about that.
type cgoModule struct {
	path    string // of the module
	instead string // modules without C that do the same, "" if there are none
	tags    string // build tags with which it needs less of glibc
	musl    string // build tags that it needs to link with musl
}

// cgoModules are modules that are known to break static builds, with the modules that
// replace them. Source: the README of each.
var cgoModules = []cgoModule{
	{
		path:    "github.com/mattn/go-sqlite3",
		instead: "modernc.org/sqlite or github.com/ncruces/go-sqlite3",
		tags:    "sqlite_omit_load_extension",
	},
	{
		path:    "github.com/mutecomm/go-sqlcipher",
		instead: "github.com/ncruces/go-sqlite3 with its adiantum or xts",
	},
	{
		path:    "github.com/confluentinc/confluent-kafka-go",
		instead: "github.com/twmb/franz-go",
		musl:    "musl",
	},
	{
		path:    "github.com/DataDog/zstd",
		instead: "github.com/klauspost/compress/zstd",
	},
	{
		path:    "github.com/valyala/gozstd",
		instead: "github.com/klauspost/compress/zstd",
	},
	{
		path:    "github.com/libgit2/git2go",
		instead: "github.com/go-git/go-git/v5",
	},
	{
		path:    "github.com/pebbe/zmq4",
		instead: "github.com/go-zeromq/zmq4",
	},
	{
		path:    "github.com/tecbot/gorocksdb",
		instead: "github.com/cockroachdb/pebble",
	},
	{
		path:    "github.com/linxGnu/grocksdb",
		instead: "github.com/cockroachdb/pebble",
	},
	{
		path:    "github.com/jmhodges/levigo",
		instead: "github.com/syndtr/goleveldb",
	},
	{
		path:    "github.com/bytecodealliance/wasmtime-go",
		instead: "github.com/tetratelabs/wazero",
	},
	{
		path:    "github.com/wasmerio/wasmer-go",
		instead: "github.com/tetratelabs/wazero",
	},
	{
		path:    "rogchap.com/v8go",
		instead: "github.com/dop251/goja",
	},
	{
		path:    "github.com/godror/godror",
		instead: "github.com/sijms/go-ora/v2",
	},
	{
		path:    "github.com/mattn/go-oci8",
		instead: "github.com/sijms/go-ora/v2",
	},
	{
		path: "github.com/marcboeker/go-duckdb",
	},
	{
		path: "github.com/miekg/pkcs11",
	},
	{
		path: "github.com/msteinert/pam",
	},
}

// knownModule returns what is known about a package or a module, the zero value if nothing
// is.
func knownModule(path string) cgoModule {
	for _, m := range cgoModules {
		if path == m.path || strings.HasPrefix(path, m.path+"/") {
			return m
		}
	}
	return cgoModule{}
}

// standardTags are the build tags with which packages of the standard library do without C.
var standardTags = map[string]string{"net": "netgo", "os/user": "osusergo"}

// remedy returns what to do about a package that needs C. cgo is whether it is on.
func remedy(pkg string, cgo bool) problem.Remedy {
	known := knownModule(pkg)
	var ways []problem.Remedy

	if tag := standardTags[pkg]; tag != "" {
		ways = append(ways, problem.Set("tags", tag))
	}
	if known.instead != "" {
		ways = append(ways, problem.Advise("replace "+known.path+" by "+known.instead))
	}
	if !cgo {
		static := problem.Set("cgo", "static")
		if known.musl != "" {
			static = problem.Both(static, problem.Set("tags", known.musl))
		}
		ways = append(ways, static)
	}
	if len(ways) == 0 {
		ways = append(ways, problem.Advise("replace "+pkg))
	}

	return problem.Either(ways...)
}

// loadsReason says what is wrong with a program that calls functions of glibc that load
// libraries.
func loadsReason(functions []string) string {
	return fmt.Sprintf("calls %s of glibc, which needs the libraries of that very glibc at run time",
		strings.Join(functions, ", "))
}

// adviceForLoads returns what to do about functions of glibc that load libraries: a build
// tag of the module that is known to call them, else another libc.
func adviceForLoads(bin Binary, info *debug.BuildInfo) problem.Remedy {
	if info != nil {
		for _, m := range info.Deps {
			tags := knownModule(m.Path).tags
			if tags != "" && slices.Equal(bin.Loads, []string{"dlopen"}) {
				return problem.Set("tags", tags)
			}
		}
	}

	suffix, _ := bin.Target.ABI("musl") // if musl's compilers lack the level, the user has to find one
	compiler := fmt.Sprintf("%s-linux-%s-gcc", target.ArchitectureOf(bin.Target.Arch).CPU, suffix)
	return problem.Set("cc", fmt.Sprintf("%s=%s", bin.Target, compiler)).For("musl's functions load nothing")
}
