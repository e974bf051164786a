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

// registryHost matches the first element of a reference that names a registry.
var registryHost = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]+)?$`)

// IsReference reports whether s refers to an image in a registry. This is the case if its
// first element has a dot or a port, or is localhost. There is no default registry.
func IsReference(s string) bool {
	host, rest, ok := strings.Cut(s, "/")
	if !ok || rest == "" || !registryHost.MatchString(host) {
		return false
	}
	return host == "localhost" || strings.ContainsAny(host, ".:")
}

// CheckReference returns an error if s is not a valid reference to an image.
func CheckReference(s string) error {
	_, err := parseReference(s)
	return err
}

func parseReference(s string) (name.Reference, error) {
	ref, err := name.ParseReference(s)
	if err != nil {
		return nil, fmt.Errorf("inspecting %q: %w", s, foreignError{err})
	}
	return ref, nil
}

// Image is like [Path] for an image in a registry, such as ghcr.io/owner/image:tag, for all
// of its platforms. The paths of executables begin with the reference and the platform.
//
// The registry gets only the credentials that the docker or podman configuration of the user
// has for it. The library finds that configuration itself, through DOCKER_CONFIG,
// REGISTRY_AUTH_FILE and the home directory.
//
// Image fails if the registry redirects in a circle, hangs, or sends more than it should.
func Image(ctx context.Context, reference, userAgent string, visit func(Found) error) error {
	p := patience{wait: registryWait, minRate: registryMinRate}
	return imageWith(ctx, p, reference, userAgent, visit)
}

func imageWith(ctx context.Context, p patience, reference, userAgent string, visit func(Found) error) error {
	ref, err := parseReference(reference)
	if err != nil {
		return err
	}

	puller, err := remote.NewPuller(
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent(userAgent),
		remote.WithTransport(newRegistryTransport(p)),
	)
	if err != nil {
		return errorAt(reference, err)
	}
	root, err := puller.Get(ctx, ref)
	if err != nil {
		return errorAt(reference, withLogin(ref, err))
	}

	in := newInspection(ctx, visit)
	im := newImageReader(in, reference, func(d descriptor) (io.ReadCloser, error) {
		r, err := openRemote(withBodyLimit(ctx, d.Size), puller, ref.Context(), d)
		if err != nil {
			return nil, foreignError{err}
		}
		return r, nil
	})
	err = im.inspectDocument(root.Manifest, descriptor{Digest: root.Digest.String()}, 0)
	return in.budget.join(err)
}

// openRemote opens a blob as the registry stores it.
func openRemote(
	ctx context.Context, puller *remote.Puller, repository name.Repository, d descriptor,
) (io.ReadCloser, error) {
	digest := repository.Digest(d.Digest)

	if d.isDocument() {
		content, err := puller.Get(ctx, digest)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(content.Manifest)), nil
	}

	blob, err := puller.Layer(ctx, digest)
	if err != nil {
		return nil, err
	}
	return blob.Compressed()
}

// isDocument reports whether a registry stores d among its manifests.
func (d descriptor) isDocument() bool {
	switch d.MediaType {
	case "application/vnd.oci.image.index.v1+json",
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
		"application/vnd.docker.distribution.manifest.v2+json":
		return true
	}
	return false
}

// A loginError says that a registry refused access. Many registries give the same answer for
// images that do not exist and for images that the user may not see.
type loginError struct {
	error
	registry string
}

func (e *loginError) Unwrap() error { return e.error }

// Advice returns a command that may help.
func (e *loginError) Advice() problem.Remedy { return problem.Run("docker login " + e.registry) }

// withLogin turns an error of a registry into a loginError if the registry refused access.
func withLogin(ref name.Reference, err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return &loginError{foreignError{err}, ref.Context().RegistryStr()}
		}
	}
	return foreignError{err}
}
