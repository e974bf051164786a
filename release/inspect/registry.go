package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/go-static-release/build/problem"
)

// registryHost is what the first element of a reference must be for it to be a registry.
var registryHost = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]+)?$`)

// IsReference reports whether s names an image in a registry: its first element has a dot
// or a port, or is localhost. There is no default registry.
func IsReference(s string) bool {
	host, rest, ok := strings.Cut(s, "/")
	return ok && rest != "" && registryHost.MatchString(host) && (host == "localhost" || strings.ContainsAny(host, ".:"))
}

// CheckReference says what is wrong with a reference to an image.
func CheckReference(s string) error {
	if _, err := name.ParseReference(s); err != nil {
		return fmt.Errorf("inspecting %q: %w", s, foreign{err})
	}
	return nil
}

// Image is Path for an image in a registry, such as ghcr.io/owner/image:tag, on every
// platform it is for. What is shown before the path in an image is the reference and
// the platform.
//
// The registry gets the credentials that the user's docker or podman configuration has
// for it, and no others. That configuration is found by the library, which looks for
// DOCKER_CONFIG, REGISTRY_AUTH_FILE and the home directory in the environment by itself.
//
// It fails if the registry redirects in a circle, hangs, or sends more than it should.
func Image(ctx context.Context, reference, userAgent string, visit func(Found) error) error {
	return imageWith(ctx, patience{registryWait, registryMinimum}, reference, userAgent, visit)
}

func imageWith(ctx context.Context, p patience, reference, userAgent string, visit func(Found) error) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("inspecting %q: %w", reference, foreign{err})
	}
	puller, err := remote.NewPuller(
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent(userAgent),
		remote.WithTransport(newRegistryTransport(p)),
	)
	if err != nil {
		return at(reference, err)
	}
	root, err := puller.Get(ctx, ref)
	if err != nil {
		return at(reference, withLogin(ref, err))
	}
	repository := ref.Context()
	in := newInspection(ctx, visit)
	im := &images{in: in, path: reference, seen: map[shownBlob]bool{}, open: func(d descriptor) (io.ReadCloser, error) {
		ctx := withBodyLimit(ctx, d.Size)
		if d.isDocument() {
			content, err := puller.Get(ctx, repository.Digest(d.Digest))
			if err != nil {
				return nil, foreign{err}
			}
			return io.NopCloser(bytes.NewReader(content.Manifest)), nil
		}
		blob, err := puller.Layer(ctx, repository.Digest(d.Digest))
		if err != nil {
			return nil, foreign{err}
		}
		r, err := blob.Compressed() // as it is stored
		if err != nil {
			return nil, foreign{err}
		}
		return r, nil
	}}
	return in.budget.with(im.read(root.Manifest, descriptor{Digest: root.Digest.String()}, 0))
}

// isDocument reports whether a registry keeps d among its manifests.
func (d descriptor) isDocument() bool {
	switch d.MediaType {
	case "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json":
		return true
	}
	return false
}

// A loginError is that of a registry that does not say what is wrong: many say the same
// of an image that does not exist and of one that may not be seen.
type loginError struct {
	error
	registry string
}

func (e *loginError) Unwrap() error { return e.error }

// Hint is advice that can be pasted.
// Hint returns what to do about the error.
func (e *loginError) Hint() string { return "docker login " + e.registry }

// Advice returns what to do about the error.
func (e *loginError) Advice() problem.Remedy { return problem.Run("docker login " + e.registry) }

func withLogin(ref name.Reference, err error) error {
	var refused *transport.Error
	if errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden) {
		return &loginError{foreign{err}, ref.Context().RegistryStr()}
	}
	return foreign{err}
}
