package workspace

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// addSaved adds to what is set aside the variables that the user saved with go env -w in a
// file. The environment wins over the file. A file that the go command cannot read either has
// no variables.
func (w *Workspace) addSaved(file string) {
	if file == "" || file == "off" {
		return
	}
	data, err := door.ReadRegular(file, maxText)
	if err != nil {
		return // as the go command does (cmd/go/internal/cfg, readEnvFile)
	}

	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		isSet := slices.ContainsFunc(w.SetAside, func(v Variable) bool { return v.Name == name })
		if ok && value != "" && !isSet && slices.Contains(ambientVars, name) {
			w.SetAside = append(w.SetAside, Variable{
				Name:  name,
				Value: value,
				Saved: true,
			})
		}
	}
}

// ownCredentials is what to do where modules need a credential: they get one that is not the
// token of the release.
var ownCredentials = problem.There(
	problem.Either(
		problem.Step(`- run: git config --global url."https://x:${{ secrets.MODULES_TOKEN }}@github.com/".insteadOf `+
			`https://github.com/`).For("for modules on GitHub"),
		problem.Step(`- run: echo "machine HOST login USER password ${{ secrets.MODULES_TOKEN }}" >> ~/.netrc`).
			For("for a module proxy"),
	),
	problem.Either(
		problem.Run(`git config --global url."ssh://git@github.com/".insteadOf https://github.com/`).
			For("for modules on GitHub"),
		problem.Advise("write the credential of the module proxy into ~/.netrc, and not into GOPROXY"),
	),
)

// noteWithheld notes what children do not get and might need. The tokens of GitHub are in every
// environment that publishes, and are worth a note only where something would ask for them.
func (w *Workspace) noteWithheld(ctx context.Context, child childEnviron) error {
	if len(child.lookSecret) > 0 {
		w.note("no child process gets these variables, which look like secrets: %s",
			strings.Join(child.lookSecret, " "))
	}
	if len(child.holdSecret) > 0 {
		w.Withheld = append(w.Withheld, problem.Note{
			Text: "no child process gets these variables, because they hold the token of the release: " +
				strings.Join(child.holdSecret, " "),
			Remedy: ownCredentials,
		})
	}

	missing := slices.Concat(child.tokens, child.lookSecret)
	if len(missing) > 0 {
		asks, err := w.asksForCredentials(ctx)
		if err != nil {
			return err
		}
		if asks != "" {
			w.Withheld = append(w.Withheld, problem.Note{
				Text: fmt.Sprintf("%s may fail when a module is downloaded, because it does not get %s",
					asks, strings.Join(missing, " ")),
				Remedy: ownCredentials,
			})
		}
	}

	w.Notes = append(w.Notes, w.Withheld...)
	return nil
}

// storedHelpers are the credential helpers that come with git and its packages. They keep
// credentials themselves, and need no variable.
var storedHelpers = []string{"", "cache", "store", "osxkeychain", "wincred", "libsecret", "manager", "manager-core"}

// asksForCredentials returns what may ask the environment for credentials when modules are
// downloaded: a command in GOAUTH, or a credential helper of git where modules come from
// their repositories. It returns "" if there is none.
func (w *Workspace) asksForCredentials(ctx context.Context) (string, error) {
	if authCommand([]string{"GOAUTH=" + w.download.auth}) {
		return "the command in GOAUTH", nil
	}
	if w.download.noProxy == "" && !strings.HasPrefix(w.download.proxy, "direct") {
		return "", nil
	}

	// What this program adds to the configuration has no helper.
	list, err := w.repo.git(ctx, "config", "--null", "--includes", "--list")
	if err != nil {
		return "", fmt.Errorf("reading the configuration of git: %w", err)
	}
	for _, s := range parseGitConfig(list) {
		isHelper := s.key == "credential.helper" ||
			strings.HasPrefix(s.key, "credential.") && strings.HasSuffix(s.key, ".helper")
		if isHelper && !slices.Contains(storedHelpers, helperName(s.value)) {
			return fmt.Sprintf("the credential helper of git (%s)", s.key), nil
		}
	}
	return "", nil
}

// helperName returns the name of a credential helper, which may be given by a path:
// "manager" for "C:/Program\ Files/Git/mingw64/bin/git-credential-manager.exe".
func helperName(value string) string {
	if path.IsAbs(value) || strings.Contains(value, ":/") {
		value = strings.TrimPrefix(path.Base(value), "git-credential-")
	}
	name, _, _ := strings.Cut(value, " ")
	return strings.TrimSuffix(name, ".exe")
}
