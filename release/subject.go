package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/quote"
)

// A subject is what an argument of the command verify names.
type subject struct {
	path  string // as the user gave it
	prove func(context.Context) error
}

// published matches the name of a release on GitHub: OWNER/REPO@TAG. The users that an
// enterprise manages have an underscore in their names.
var published = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+)@(\S+)$`)

// subjectOf returns what an argument names: a file or directory if there is one of this name, or
// else an image in a registry, or else a published release. The error says that it names nothing,
// with what was probably meant. Nothing is read or requested yet.
func (v *verification) subjectOf(path string) (subject, error) {
	s := subject{path: path}

	_, err := os.Stat(path)
	if !isMissing(err) {
		s.prove = func(ctx context.Context) error { return v.local(ctx, path) }
		return s, nil
	}
	if _, err := os.Lstat(path); err == nil {
		return s, fmt.Errorf("inspecting %s: the link leads to nothing", quote.Name(path))
	}
	if path == "" {
		return s, errors.New("inspecting a path: it is empty")
	}

	if v.repositoryAt(path) == "" && inspect.IsReference(path) {
		if err := inspect.CheckReference(path); err != nil {
			return s, problem.With(v.suggest(path), err)
		}
		s.prove = func(ctx context.Context) error { return inspect.Image(ctx, path, userAgent(), v.visit) }
		return s, nil
	}

	m := published.FindStringSubmatch(path)
	if m == nil || strings.HasPrefix(m[2], "sha256:") { // an image without a registry
		err := fmt.Errorf("inspecting %s: there is no such file or directory", quote.Name(path))
		return s, problem.With(v.suggest(path), err)
	}

	client, err := v.client(m[1])
	if err == nil {
		err = github.CheckTag(m[2])
	}
	if err != nil {
		return s, err
	}
	s.prove = func(ctx context.Context) error { return v.release(ctx, client, m[1], m[2]) }
	return s, nil
}

// errorInvalidName is the error of Windows for a path that cannot exist, such as one with a colon
// (ERROR_INVALID_NAME).
const errorInvalidName = syscall.Errno(123)

// isMissing reports whether an error says that there is no file, for example because a part of the
// path is a file itself.
func isMissing(err error) bool {
	isInvalid := runtime.GOOS == "windows" && errors.Is(err, errorInvalidName)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || isInvalid
}

// Names that need more to be complete.
var (
	// The beginning of a URL, or of a reference to an image as container tools write it.
	scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://`)

	// A reference to an image with a tag or a digest.
	taggedImage = regexp.MustCompile(`/[^/]+[:@][^/]+$`)

	// The name of an image that Docker maintains: alpine:3.
	officialImage = regexp.MustCompile(`^[a-z0-9]+(?:[_-]+[a-z0-9]+)*(?::[\w.-]+|@sha256:[0-9a-f]+)$`)

	// The name of an image without its registry: owner/image:tag.
	ownedImage = regexp.MustCompile(`^[a-z0-9_-]+/[a-z0-9._-]+(?::[\w.-]+|@sha256:[0-9a-f]+)$`)

	// The name of a repository, or an image without its tag: owner/name.
	ownedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+$`)

	// The path of a repository on the web pages of GitHub, and what follows it.
	repositoryPage = regexp.MustCompile(`^([A-Za-z0-9_-]+/[A-Za-z0-9._-]+)(.*)$`)

	// The path of a release below the one of its repository, the same.
	releasePage = regexp.MustCompile(`^/(?:releases/(?:tag|download)|tree)/([^/]+)`)
)

// suggest returns what an argument that names nothing was probably meant to be.
func (v *verification) suggest(path string) problem.Remedy {
	if repository := v.repositoryAt(path); repository != "" {
		return suggestRelease(repository, v.tagAt(path))
	}

	name := scheme.ReplaceAllString(path, "")
	lower := strings.ToLower(name)
	owner, _, _ := strings.Cut(name, "/")
	_, ownerErr := os.Lstat(owner)

	switch {
	case strings.HasPrefix(path, "http") && name != path && !taggedImage.MatchString(lower):
		return problem.Remedy{} // a page or a download
	case inspect.IsReference(lower):
		return suggestImages(lower)
	case officialImage.MatchString(name):
		return suggestImages("docker.io/library/" + name)
	case ownerErr == nil: // a mistake in the name of a local file
		return problem.Remedy{}
	case ownedImage.MatchString(name):
		return suggestImages("docker.io/"+name, "ghcr.io/"+name)

	case ownedName.MatchString(strings.TrimRight(name, "@:")):
		name = strings.TrimRight(name, "@:")
		ways := []problem.Remedy{suggestRelease(name, "").For("a release on GitHub")}
		if image := "docker.io/" + name + ":TAG"; inspect.CheckReference(image) == nil {
			ways = append(ways, problem.Run(verifyCommandLine(image)).For("an image"))
		}
		return problem.Either(ways...)

	case isVersion(name):
		return suggestRelease(v.p.event.Repository, name)
	}

	return problem.Remedy{}
}

// isVersion reports whether name is a semantic version, with or without v.
func isVersion(name string) bool {
	version := "v" + strings.TrimPrefix(name, "v")
	return semver.IsValid(version) && strings.Count(name, ".") >= 2
}

// verifyCommandLine returns the command line that verifies a path.
func verifyCommandLine(path string) string {
	return config.ActionName + " " + config.Verify + " " + path
}

// suggestRelease suggests a published release. Without a repository or a tag there is a placeholder
// to replace.
func suggestRelease(repository, tag string) problem.Remedy {
	if repository != "" && tag != "" {
		return problem.Guess(repository + "@" + tag)
	}
	if repository == "" {
		repository = "OWNER/REPO"
	}
	if tag == "" {
		tag = "TAG"
	}
	return problem.Run(verifyCommandLine(repository + "@" + tag))
}

// suggestImages suggests those of the references that are valid.
func suggestImages(references ...string) problem.Remedy {
	var ways []problem.Remedy
	for _, reference := range references {
		if inspect.CheckReference(reference) == nil {
			ways = append(ways, problem.Guess(reference))
		}
	}

	return problem.Either(ways...)
}

// repositoryAt returns the repository whose web page path is the address of, with or without
// https://, or "". GitHub is no registry.
func (v *verification) repositoryAt(path string) string {
	repository, _ := v.parseAddress(path)
	return repository
}

// tagAt returns the tag that the address of a release names, or "".
func (v *verification) tagAt(path string) string {
	_, rest := v.parseAddress(path)
	if tag, ok := strings.CutPrefix(rest, "@"); ok {
		return tag
	}

	m := releasePage.FindStringSubmatch(rest)
	if m == nil {
		return ""
	}
	tag, err := url.PathUnescape(m[1])
	if err != nil || github.CheckTag(tag) != nil {
		return ""
	}
	return tag
}

// parseAddress splits the address of a page on GitHub into the repository and what follows it. The
// repository is "" if path is no such address.
func (v *verification) parseAddress(path string) (repository, rest string) {
	host, page, _ := strings.Cut(scheme.ReplaceAllString(path, ""), "/")
	server := strings.TrimSuffix(scheme.ReplaceAllString(v.p.event.ServerURL, ""), "/")
	isGitHub := host == "github.com" || host == "www.github.com" || host == server
	if host == "" || !isGitHub {
		return "", ""
	}

	m := repositoryPage.FindStringSubmatch(page)
	if m == nil {
		return "", ""
	}
	return strings.TrimSuffix(m[1], ".git"), m[2]
}
