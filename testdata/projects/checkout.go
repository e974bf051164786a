package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// checkout makes a repository of the project, with its tag, and returns its directory.
func (c *comparison) checkout(ctx context.Context, p project) (string, error) {
	root := filepath.Join(c.work, p.name)
	for _, m := range p.modules {
		dir, err := c.download(ctx, m.version)
		if err != nil {
			return "", err
		}
		moduleDir := filepath.Join(root, filepath.FromSlash(m.dir))
		if err := os.CopyFS(moduleDir, os.DirFS(dir)); err != nil {
			return "", err
		}
		if err := removeIncomplete(moduleDir); err != nil {
			return "", err
		}
	}

	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "--all", "--force"}, // a project may ignore files that it has
		{
			"-c", "user.name=n",
			"-c", "user.email=n@example.com",
			"commit", "--quiet", "--message=" + p.tag,
		},
		{"tag", p.tag},
	} {
		if _, err := output(ctx, root, "git", args...); err != nil {
			return "", err
		}
	}
	return root, nil
}

// removeIncomplete removes what a module of the proxy has in part only: of vendor the list of
// modules, and a go.work without the other modules that it names.
func removeIncomplete(dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, "vendor")); err != nil {
		return err
	}

	work := filepath.Join(dir, "go.work")
	data, err := os.ReadFile(work)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file, err := modfile.ParseWork(work, data, nil)
	if err != nil {
		return err
	}
	for _, use := range file.Use {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(use.Path), "go.mod"))
		if err != nil {
			return os.Remove(work)
		}
	}
	return nil
}

// download fetches a module at a version and returns its directory in the module cache.
func (c *comparison) download(ctx context.Context, version string) (string, error) {
	out, err := output(ctx, c.work, "go", "mod", "download", "-json", version)
	var module struct{ Dir, Error string }
	jsonErr := json.Unmarshal([]byte(out), &module)
	switch {
	case module.Error != "":
		return "", fmt.Errorf("fetching %s: %s", version, firstLines(module.Error))
	case err != nil:
		return "", err
	case jsonErr != nil:
		return "", fmt.Errorf("reading the output of go mod download: %w", jsonErr)
	}
	return module.Dir, nil
}

// A plan is what this program says that it would release.
type plan struct {
	Builds []struct {
		Mains []mainPackage
		Files []string
	}
	Notes []struct{ Text string }
}

// A mainPackage is a program of a plan.
type mainPackage struct{ Name, Dir string }

// flags returns the flags of a run: the settings of the project, and what keeps the surroundings
// out.
func (p project) flags(target string) []string {
	flags := []string{"--no-workflow", "--targets=" + target}
	for _, setting := range p.settings {
		flags = append(flags, "--"+setting)
	}
	return flags
}

// dist returns the directory for the files, relative to the repository.
func (p project) dist() string {
	for _, setting := range p.settings {
		if dist, ok := strings.CutPrefix(setting, "dist="); ok {
			return dist
		}
	}
	return "dist"
}

// plan plans the release of a project in its repository. All archives are compared for
// linux/amd64.
func (c *comparison) plan(ctx context.Context, p project, root string) (plan, error) {
	args := append([]string{"plan", "--json"}, p.flags("linux/amd64")...)
	out, err := output(ctx, root, c.program, args...)
	if err != nil {
		return plan{}, err
	}

	var parsed plan
	if err := json.Unmarshal([]byte(out), &parsed); err != nil {
		return plan{}, fmt.Errorf("reading the plan: %w", err)
	}
	return parsed, nil
}

// askVersion makes a dry run for this machine, which starts the program with the arguments
// that ask for its version, and returns the first line of its answer.
func (c *comparison) askVersion(ctx context.Context, p project, root string, found plan) (string, error) {
	host := runtime.GOOS + "/" + runtime.GOARCH
	args := append([]string{"release"}, p.flags(host)...)
	if len(found.Builds[0].Mains) == 1 { // others may want other arguments
		args = append(args, "--smoke-test="+strings.Join(p.ask, " "))
	}
	if _, err := output(ctx, root, c.program, args...); err != nil {
		return "", err
	}

	mains := found.Builds[0].Mains
	_, dir := splitProgram(p.programs[0])
	i := slices.IndexFunc(mains, func(m mainPackage) bool { return m.Dir == dir })
	if i < 0 {
		return "", fmt.Errorf("the program of %s was not made", dir)
	}
	name := mains[i].Name
	if runtime.GOOS == "windows" {
		name += ".exe"
	}

	exe := filepath.Join(root, p.dist(), "bin", runtime.GOOS+"_"+runtime.GOARCH, name)
	cmd := exec.CommandContext(ctx, exe, p.ask...)
	cmd.Dir = c.work
	out, err := cmd.CombinedOutput() // some answer on standard error
	said := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(p.ask, " "), err, firstLines(said))
	}
	for _, line := range strings.Split(said, "\n") {
		if strings.ContainsAny(line, "0123456789") { // after a banner
			return strings.TrimSpace(line), nil
		}
	}
	return firstLines(said), nil
}
