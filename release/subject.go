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

	isPage := v.parsePage(path) != pageAddress{} // GitHub is no registry
	if !isPage && inspect.IsReference(path) {
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

	// What follows it on a page that is about a release.
	releasePage = regexp.MustCompile(`^/(?:releases/(?:tag|download)|tree)/([^/]+)`)
)

// suggest returns what an argument that names nothing was probably meant to be.
func (v *verification) suggest(path string) problem.Remedy {
	if page := v.parsePage(path); page.repository != "" {
		return suggestRelease(page.repository, page.tag)
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

// A pageAddress is the address of a page on GitHub, with or without https://.
type pageAddress struct {
	repository string // "owner/name", "" if it is no such address
	tag        string // of the release that the page is about, or ""
}

// parsePage parses the address of a page. Another server than github.com may also be a registry,
// so an address there needs its https://.
func (v *verification) parsePage(address string) pageAddress {
	withoutScheme := scheme.ReplaceAllString(address, "")
	host, page, _ := strings.Cut(withoutScheme, "/")
	server := strings.TrimSuffix(scheme.ReplaceAllString(v.p.event.ServerURL, ""), "/")

	isServer := host == server && address != withoutScheme
	m := repositoryPage.FindStringSubmatch(page)
	if m == nil || !isServer && host != "github.com" && host != "www.github.com" {
		return pageAddress{}
	}

	found := pageAddress{repository: strings.TrimSuffix(m[1], ".git")}
	tag, ok := strings.CutPrefix(m[2], "@")
	if m := releasePage.FindStringSubmatch(m[2]); m != nil {
		tag, _ = url.PathUnescape(m[1]) // for an error it is "", which is no tag
		ok = true
	}
	if ok && github.CheckTag(tag) == nil {
		found.tag = tag
	}
	return found
}
