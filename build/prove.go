package build

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/static"
	"github.com/org/go-static-release/build/workspace"
)

// A Proof is what a binary's own bytes say, compared with the plan.
type Proof struct {
	Static      bool     `json:"static"`                // the claim of its platform holds
	Claim       string   `json:"claim"`                 // of its platform: "static", "system libraries only"
	Format      string   `json:"format"`                // "ELF"
	Arch        string   `json:"arch"`                  // GOARCH of the file's header
	SHA256      string   `json:"sha256"`                // of the whole file, in hex
	Interpreter string   `json:"interpreter,omitempty"` // the loader it asks for
	Needed      []string `json:"needed,omitempty"`      // libraries it asks for

	// Go is the toolchain in the build info, "" where that cannot be read: wasm, XCOFF, Plan 9.
	Go string `json:"go,omitempty"`

	Differences []string       `json:"differences,omitempty"` // every claim that does not hold
	Warnings    []problem.Note `json:"warnings,omitempty"`    // about mistakes that no claim covers
}

// A ProofError is a binary that is not what the plan says.
type ProofError struct {
	Binary      string // "linux/amd64 age"
	Differences []string
	Causes      []Cause        // of the linkage, once they were asked for
	advice      problem.Remedy // what to do if no package is the cause

	// Linkage reports that the binary only asks for more libraries than its platform may, or
	// has stubs of packages that need cgo, both of which the user can allow, and that nothing
	// else differs.
	Linkage bool
}

func (e *ProofError) Error() string {
	lines := append([]string{"proving " + e.Binary + ":"}, e.Differences...)
	for _, c := range e.Causes {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "\n  ")
}

// Advice returns what to do about the linkage.
func (e *ProofError) Advice() problem.Remedy {
	report := problem.Set("static", "report").For("publishes it anyway, with a warning")

	switch {
	case !e.Linkage:
		return problem.Remedy{}
	case e.advice.Kind != "":
		return problem.Either(e.advice, report)
	case len(e.Causes) > 0:
		leaveOut := problem.Advise("leave the target out")
		return problem.Either(remedy(e.Causes[0].Package, true), leaveOut, report)
	}

	return problem.Advise("no package asks for it, so the linker flags do: look at the setting ldflags")
}

// Position returns the import that causes the linkage, the zero Position if it is not known.
func (e *ProofError) Position() problem.Position {
	if len(e.Causes) == 0 {
		return problem.Position{}
	}
	return problem.Position{
		File: e.Causes[0].File,
		Line: e.Causes[0].Line,
	}
}

// Verify reads a binary back and compares it with the plan: what it needs to run, and
// what it says about how it was built. It fails closed: what cannot be read is an
// error. The proof is returned with a ProofError too.
func Verify(ws *workspace.Workspace, p *Plan, b Build, bin Binary) (*Proof, error) {
	proof, err := verify(ws, p, b, bin)
	var failed *ProofError
	if err != nil && !errors.As(err, &failed) {
		return nil, fmt.Errorf("proving %s: %w", bin.Exe(), err)
	}
	return proof, err
}

func verify(ws *workspace.Workspace, p *Plan, b Build, bin Binary) (*Proof, error) {
	f, err := os.Open(bin.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	file, err := static.Read(f, bin.Size)
	if err != nil {
		return nil, err
	}
	wrong := checkFile(b, bin, file)

	// The go command's temporary directory must not be in the binary either.
	dirs := append(slices.Clip(ws.LocalDirs), filepath.Dir(bin.Path))
	leaks, err := leakedPaths(f, bin.Size, dirs)
	if err != nil {
		return nil, err
	}
	wrong = append(wrong, leaks...)

	sum := sha256.New()
	_, err = io.Copy(sum, io.NewSectionReader(f, 0, bin.Size))
	if err != nil {
		return nil, err
	}

	info, err := buildinfo.Read(f)
	switch {
	case err == nil:
		wrong = append(wrong, p.checkBuildInfo(b, bin, info)...)
	case file.Format == static.Wasm, file.Format == static.XCOFF, file.Format == static.Plan9:
		// debug/buildinfo does not read the first two, nor every architecture of Plan 9. The
		// header is all there is.
	default:
		wrong = append(wrong, fmt.Sprintf("build info: %v", err))
	}

	verdict := static.Judge(bin.Target.OS, file)
	linkage := append(verdict.Reasons, verdict.Warnings...)
	var advice problem.Remedy
	if len(bin.Loads) > 0 { // the linker knows it better than the file
		linkage = append(verdict.Reasons, loadsReason(bin.Loads))
		advice = adviceForLoads(bin, info)
	}

	var stubs []stub
	if b.CC == nil {
		stubs, err = findStubs(f, bin.Size)
		if err != nil {
			return nil, err
		}
	}
	if len(stubs) > 0 {
		advice = stubs[0].remedy()
	}

	proof := &Proof{
		Static:      verdict.OK && len(linkage) == 0,
		Claim:       verdict.Claim,
		Format:      file.Format,
		Arch:        file.Arch,
		SHA256:      fmt.Sprintf("%x", sum.Sum(nil)),
		Interpreter: file.Interpreter,
		Needed:      file.Needed,
		Differences: append(linkage, wrong...),
	}
	if info != nil {
		proof.Go = info.GoVersion
	}
	for _, s := range stubs {
		proof.Differences = append(proof.Differences, s.String())
		proof.Warnings = append(proof.Warnings, problem.Note{Text: s.String(), Remedy: s.remedy()})
	}
	if len(proof.Differences) == 0 && proof.Static {
		return proof, nil
	}

	return proof, &ProofError{
		Binary:      bin.Target.String() + " " + bin.Exe(),
		Linkage:     len(wrong) == 0,
		Differences: proof.Differences,
		advice:      advice,
	}
}

// stripFlags are how -s may be written, with which the linker leaves out the symbol table.
var stripFlags = []string{"-s", "--s", "-s=true", "--s=true"}

// leavesOutSymbols reports whether the flags of the linker have -s. Nothing that a variable is set
// to is a flag.
func leavesOutSymbols(flags string) bool {
	_, words, err := SplitFlags(flags)
	return err == nil && slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains(stripFlags, word)
	})
}

// checkFile compares the file itself with the plan and names each difference.
func checkFile(b Build, bin Binary, file *static.File) (wrong []string) {
	if file.Arch != bin.Target.Arch {
		wrong = append(wrong, fmt.Sprintf("machine: expected %s, found %s", bin.Target.Arch, file.Machine))
	}
	if leavesOutSymbols(b.LinkFlags(bin.Main)) && !file.Stripped && strips(file.Format) {
		wrong = append(wrong, "symbol table: expected none (-s), found one")
	}

	name, level := bin.Target.LevelVariable()
	choosesFloat := strings.HasSuffix(level, "float") // hardfloat or softfloat
	if file.Float != "" && choosesFloat && file.Float != level {
		wrong = append(wrong, fmt.Sprintf("ABI flags of the file: expected %s=%s, found %s",
			name, level, file.Float))
	}
	return wrong
}

// strips reports whether the linker's -s leaves no symbol table in files of the format.
func strips(format string) bool {
	switch format {
	case static.ELF, static.PE, static.MachO:
		return true
	}
	return false
}

// checkBuildInfo compares the build info with the plan and names each difference.
func (p *Plan) checkBuildInfo(b Build, bin Binary, info *debug.BuildInfo) (wrong []string) {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	expect := func(key, want, found string) {
		if found == "" {
			found = "nothing"
		}
		if found != want {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, found %s", key, want, found))
		}
	}

	expect("main package", bin.Main.ImportPath, info.Path)
	expect("main module", bin.Main.Module, info.Main.Path)
	expect("module version", p.stampOf(bin.Main.Module), info.Main.Version)
	expect("toolchain", p.Go, workspace.ToolchainVersion(info.GoVersion))
	expect("GOEXPERIMENT", cmp.Or(p.Experiments, "nothing"), settings["GOEXPERIMENT"])
	expect("GOOS", bin.Target.OS, settings["GOOS"])
	expect("GOARCH", bin.Target.Arch, settings["GOARCH"])
	if name, value := bin.Target.LevelVariable(); name != "" {
		expect(name, value, settings[name])
	}
	cgo := "0"
	if b.CC != nil {
		cgo = "1"
	}
	expect("CGO_ENABLED", cgo, settings["CGO_ENABLED"])
	expect("-trimpath", "true", settings["-trimpath"])
	if b.Tags != "" {
		expect("-tags", b.Tags, withoutFIPSTag(settings["-tags"]))
	}
	if fips140 := settings["GOFIPS140"]; (fips140 != "") != (p.FIPS140 != "") {
		// The go command writes which version "certified" or "v1.0.0" stands for.
		expect("GOFIPS140", cmp.Or(p.FIPS140, "nothing"), fips140)
	}
	expect("vcs.revision", p.Source.Commit, settings["vcs.revision"])
	expect("vcs.modified", fmt.Sprint(p.Source.Dirty), settings["vcs.modified"])
	if !p.Source.Dirty && settings["vcs.modified"] == "true" {
		wrong[len(wrong)-1] += ": something wrote into the checkout meanwhile; git status shows what"
	}
	return wrong
}

// withoutFIPSTag returns build tags without the one that the go command adds after them for
// GOFIPS140 (cmd/go/internal/fips140).
func withoutFIPSTag(tags string) string {
	list := strings.Split(tags, ",")
	last := len(list) - 1
	if strings.HasPrefix(list[last], "fips140v") {
		list = list[:last]
	}
	return strings.Join(list, ",")
}
