package build

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/problem"
)

// A cgoModule is a well-known module that needs C, with what to do about that.
type cgoModule struct {
	path    string // of the module, or the beginning of its packages' paths
	instead string // the module without C that does the same, "" if there is none
	stub    bool   // without cgo it compiles, and then does not work
	tags    string // build tags by which it asks less of glibc
	musl    string // build tags without which it does not link with musl
}

// cgoModules are those that releases were seen to break with, and the packages by which
// their users left C behind. Source: the README of each.
var cgoModules = []cgoModule{
	{path: "github.com/mattn/go-sqlite3", instead: "modernc.org/sqlite or github.com/ncruces/go-sqlite3", stub: true, tags: "sqlite_omit_load_extension"},
	{path: "github.com/mutecomm/go-sqlcipher", instead: "github.com/ncruces/go-sqlite3 with its adiantum or xts", stub: true},
	{path: "github.com/confluentinc/confluent-kafka-go", instead: "github.com/twmb/franz-go", musl: "musl"},
	{path: "github.com/DataDog/zstd", instead: "github.com/klauspost/compress/zstd"},
	{path: "github.com/valyala/gozstd", instead: "github.com/klauspost/compress/zstd"},
	{path: "github.com/libgit2/git2go", instead: "github.com/go-git/go-git/v5"},
	{path: "github.com/pebbe/zmq4", instead: "github.com/go-zeromq/zmq4"},
	{path: "github.com/tecbot/gorocksdb", instead: "github.com/cockroachdb/pebble"},
	{path: "github.com/linxGnu/grocksdb", instead: "github.com/cockroachdb/pebble"},
	{path: "github.com/jmhodges/levigo", instead: "github.com/syndtr/goleveldb"},
	{path: "github.com/bytecodealliance/wasmtime-go", instead: "github.com/tetratelabs/wazero"},
	{path: "github.com/wasmerio/wasmer-go", instead: "github.com/tetratelabs/wazero"},
	{path: "rogchap.com/v8go", instead: "github.com/dop251/goja"},
	{path: "github.com/godror/godror", instead: "github.com/sijms/go-ora/v2"},
	{path: "github.com/mattn/go-oci8", instead: "github.com/sijms/go-ora/v2"},
	{path: "github.com/marcboeker/go-duckdb"},
	{path: "github.com/miekg/pkcs11"},
	{path: "github.com/msteinert/pam"},
}

// knownModule finds the row of a package or a module.
func knownModule(path string) cgoModule {
	for _, m := range cgoModules {
		if path == m.path || strings.HasPrefix(path, m.path+"/") {
			return m
		}
	}
	return cgoModule{}
}

// Standard packages that use C where they may, by the build tag with which they do not.
var standardTags = map[string]string{"net": "netgo", "os/user": "osusergo"}

// remedy is what to do about a package that needs C, given whether cgo is on.
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
		ways = append(ways, problem.Set("cgo", "static"))
		if known.musl != "" {
			ways[len(ways)-1] = problem.Both(problem.Set("cgo", "static"), problem.Set("tags", known.musl))
		}
	}
	if len(ways) == 0 {
		ways = append(ways, problem.Advise("replace "+pkg))
	}

	return problem.Either(ways...)
}

// debianPackage is the package that has a static C compiler for a target on Debian and
// Ubuntu. musl-tools has none for C++.
func debianPackage(m *noCompiler) string {
	t, language := m.target, "gcc"
	cpu := strings.ReplaceAll(target.ArchitectureOf(t.Arch).CPU, "_", "-")
	if cxx(m.packages) {
		language = "g++"
	}
	suffix, ok := t.ABI("gnu")
	switch {
	case t.OS == "linux" && t.Arch == runtime.GOARCH && cxx(m.packages):
		return "g++"
	case t.OS == "linux" && t.Arch == runtime.GOARCH:
		return "musl-tools"
	case t.OS == "linux" && ok:
		return language + "-" + cpu + "-linux-" + suffix
	case t.OS == "windows" && t.Arch != "arm64":
		return language + "-mingw-w64-" + cpu
	}
	return ""
}

// alpinePackage is the same on Alpine, brewPackage on macOS. Zig is one compiler for all.
func alpinePackage(m *noCompiler) string {
	t := m.target
	switch {
	case t.OS == "linux" && t.Arch == runtime.GOARCH && cxx(m.packages):
		return "g++"
	case t.OS == "linux" && t.Arch == runtime.GOARCH:
		return "gcc musl-dev"
	case t.OS == "windows" && t.Arch == "amd64":
		return "mingw-w64-gcc"
	case t.OS == "windows" && t.Arch == "386":
		return "i686-mingw-w64-gcc"
	case t.OS == "linux", t.OS == "windows":
		return "zig"
	}
	return ""
}

func brewPackage(m *noCompiler) string {
	t := m.target
	switch {
	case t.OS == "windows" && t.Arch != "arm64":
		return "mingw-w64"
	case t.OS == "linux", t.OS == "windows":
		return "zig"
	}
	return ""
}

// noCompilers makes one problem of all targets that lack a C compiler.
func noCompilers(missing []*noCompiler) (ps problem.List) {
	if len(missing) == 0 {
		return nil
	}
	names := func(of func(*noCompiler) string) string {
		var names []string
		for _, m := range missing {
			if name := of(m); name != "" && m.given == "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	var hints, trials, lines, needy []string
	onlyMac := false
	for _, m := range missing {
		lines = append(lines, "  "+m.Error())
		onlyMac = onlyMac || m.target.OS == "darwin" && m.given == ""
		for _, n := range m.packages {
			if !slices.Contains(needy, n.ImportPath) {
				needy = append(needy, n.ImportPath)
			}
		}
		if m.given != "" {
			trials = append(trials, fmt.Sprintf("echo 'int main(void) { return 0; }' | %s %s -o /tmp/a.out -x c - # what %s has to pass", m.given, extLDFlags(m.target), m.target))
		}
	}
	if list := names(debianPackage); list != "" {
		hints = append(hints, "sudo apt-get install -y "+list+" # on Debian and Ubuntu",
			"- run: sudo apt-get update && sudo apt-get install -y "+list+" # in a workflow, before this action")
	}
	if list := names(alpinePackage); list != "" {
		hints = append(hints, "apk add "+list+" # on Alpine")
	}
	if list := names(brewPackage); list != "" {
		hints = append(hints, "brew install "+list+" # on macOS")
	}
	if onlyMac {
		hints = append(hints, "runs-on: macos-latest # in a workflow, for darwin; zig and mingw-w64 make the others there")
	}
	if len(needy) == 0 { // android and ios link with C, whatever is in the program
		needy = []string{"the linker"}
	}
	ps.AddWith("cgo", problem.Advise(strings.Join(append(hints, trials...), "\n")), "there is no C compiler that links statically for these targets (cgo is needed by %s):\n%s",
		strings.Join(needy, ", "), strings.Join(lines, "\n"))
	return ps
}

// stubs returns a warning for each module that compiles without cgo but does not work
// without it.
func stubs(info *debug.BuildInfo) (warnings []problem.Note) {
	for _, m := range info.Deps {
		if m.Replace == nil && knownModule(m.Path).stub {
			warnings = append(warnings, problem.Note{
				Text:   m.Path + " was built without cgo, and without cgo it only returns errors",
				Remedy: remedy(m.Path, false),
			})
		}
	}

	return warnings
}

func loadsReason(functions []string) string {
	return fmt.Sprintf("calls %s of glibc, which needs the libraries of that very glibc at run time", strings.Join(functions, ", "))
}

// adviceForLoads is what to do about functions of glibc that load libraries: a tag of the
// module that is known to call them, else another libc.
func adviceForLoads(bin Binary, info *debug.BuildInfo) problem.Remedy {
	if info != nil {
		for _, m := range info.Deps {
			tags := knownModule(m.Path).tags
			if tags != "" && slices.Equal(bin.Loads, []string{"dlopen"}) {
				return problem.Set("tags", tags)
			}
		}
	}

	suffix, _ := bin.Target.ABI("musl") // the user has to see to a level that musl's compilers lack
	compiler := fmt.Sprintf("%s-linux-%s-gcc", target.ArchitectureOf(bin.Target.Arch).CPU, suffix)
	return problem.Set("cc", fmt.Sprintf("%s=%s", bin.Target, compiler))
}
