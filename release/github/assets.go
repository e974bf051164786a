package github

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/google/go-github/v92/github"

	"github.com/org/go-static-release/build/problem"
)

// An Asset is a file to attach to a release.
type Asset struct {
	Name   string
	Size   int64  // bytes
	SHA256 string // hex
	Open   func() (io.ReadSeekCloser, error)
}

func (a Asset) digest() string { return "sha256:" + a.SHA256 }

// stateUploaded is the state of a complete asset. An interrupted upload leaves an asset in
// the state "starter", which "can be safely deleted" (docs.github.com, "Upload a release
// asset").
const stateUploaded = "uploaded"

// Outcomes of Attach.
const (
	Uploaded = "uploaded"
	Same     = "already there"
	Replaced = "replaced"
)

// Limits of a release (docs.github.com, "About releases").
const (
	MaxAssets    = 1000
	MaxAssetSize = 2<<30 - 1
)

// maxName is the greatest length of a file name, in bytes.
const maxName = 255

// storedName matches the names that GitHub keeps as they are. In other names it replaces
// characters, and a checksum file would then list files that do not exist
// (softprops/action-gh-release#159).
var storedName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*[A-Za-z0-9_+-]$|^[A-Za-z0-9]$`)

// CheckName returns an error if GitHub would refuse or change the name of an asset.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("file name %.32q... has %d bytes, more than the %d that file systems and GitHub allow",
			name, len(name), maxName)
	}
	if !storedName.MatchString(name) {
		return fmt.Errorf("file name %q would be rewritten by GitHub, "+
			"which keeps letters, digits, '.', '_', '+' and '-' inside a name", name)
	}
	return nil
}

// CheckSize returns an error if GitHub would refuse a file of that size.
func CheckSize(name string, size int64) error {
	switch {
	case size == 0:
		return fmt.Errorf("%s is empty, and GitHub accepts no empty files", name)
	case size > MaxAssetSize:
		return fmt.Errorf("%s has %d bytes, and GitHub accepts files below 2 GiB", name, size)
	}
	return nil
}

// asset returns the file of that name on the server, or nil if there is none.
func (r *Release) asset(name string) *github.ReleaseAsset {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.assets[name]
}

// Attach makes sure that the release has the file, and returns what it did. In a draft it
// replaces a file of the same name that is incomplete or different. In a public release a
// different file is an error, unless it may be overwritten: then the release becomes a draft
// again. A file that a public release lacks is an error, too, unless it may be overwritten or
// files may be added to it.
func (r *Release) Attach(ctx context.Context, a Asset) (outcome string, err error) {
	if err := CheckSize(a.Name, a.Size); err != nil {
		return "", &Refusal{fmt.Errorf("uploading: %w", err)}
	}

	outcome = Uploaded
	first := true
	err = r.c.retry(ctx, "uploading "+a.Name, func() error {
		if err := r.lookAgain(ctx, a, first); err != nil {
			return err
		}

		found, err := r.attachOnce(ctx, a)
		if first && found != "" {
			outcome = found
		}
		first = false
		return err
	})
	if err != nil {
		return "", err
	}
	return outcome, nil
}

// lookAgain reads the release and its files again before an attempt to attach a, where what
// is known may be outdated. An earlier attempt may have left something behind. And a file
// that is about to be replaced may have become complete, and public, in the meantime.
func (r *Release) lookAgain(ctx context.Context, a Asset, firstAttempt bool) error {
	have := r.asset(a.Name)
	replacing := have != nil && (have.GetState() != stateUploaded || serverDigest(have) != a.digest())
	if firstAttempt && !replacing {
		return nil
	}

	// Wait for our turn first, so that no time passes between the look and the removal.
	if err := r.c.waitForTurn(ctx); err != nil {
		return err
	}
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	if err := r.listAssets(ctx); err != nil {
		return err
	}

	// If an answer was lost, we do not know whether the server stored the file under another
	// name.
	if !firstAttempt && r.asset(a.Name) == nil {
		return r.removeRenamed(ctx, a)
	}
	return nil
}

// attachOnce looks at the file on the server that has the name of a, and uploads a if it has
// to. It returns Same or Replaced, or "" if there was no complete file.
func (r *Release) attachOnce(ctx context.Context, a Asset) (found string, err error) {
	have := r.asset(a.Name)
	if have != nil {
		same, err := r.hasContent(ctx, have, a)
		if err != nil {
			return "", err
		}
		if same {
			return Same, nil
		}
	}

	if r.mayBePublic() && !r.mayAdd(have) {
		if err := r.checkMayChange(a, have); err != nil {
			return "", err
		}
		if err := r.makeDraft(ctx); err != nil {
			return "", err
		}
	}

	if have != nil {
		if have.GetState() == stateUploaded {
			found = Replaced
		}
		if err := r.removeAsset(ctx, have); err != nil {
			return found, err
		}
	}

	return found, r.upload(ctx, a)
}

// checkMayChange returns a Refusal unless a public release may and can be changed.
func (r *Release) checkMayChange(a Asset, have *github.ReleaseAsset) error {
	if r.want.Overwrite && !r.current().GetImmutable() {
		return nil
	}

	difference := fmt.Errorf("release %s is public and has no %s; %s",
		r.want.Tag, a.Name, r.whyUnchangeable())
	if have != nil {
		difference = fmt.Errorf("release %s is public and has a different %s (%s, not %s); %s",
			r.want.Tag, a.Name, have.GetDigest(), a.digest(), r.whyUnchangeable())
	}

	return &Refusal{problem.With(r.toReplaceFiles(), difference)}
}

// hasContent reports whether the file on the server has exactly the content of a.
func (r *Release) hasContent(ctx context.Context, have *github.ReleaseAsset, a Asset) (bool, error) {
	if have.GetState() != stateUploaded || int64(have.GetSize()) != a.Size {
		return false, nil
	}
	digest, err := r.digest(ctx, have)
	return digest == a.digest(), err
}

// digest returns the digest of a file on the server. If the server has none (GitHub
// Enterprise before 3.18), or one that cannot be compared, digest downloads the file.
func (r *Release) digest(ctx context.Context, have *github.ReleaseAsset) (string, error) {
	digest := serverDigest(have)
	if digest != "" || have.GetState() != stateUploaded {
		return digest, nil
	}

	r.mu.Lock()
	digest, known := r.digests[have.GetID()]
	r.mu.Unlock()
	if known {
		return digest, nil // the content of an asset never changes
	}

	err := r.c.retry(ctx, "reading back "+have.GetName(), func() (err error) {
		digest, err = r.c.downloadDigest(ctx, have)
		return err
	})
	if err != nil {
		return "", err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.digests[have.GetID()] = digest
	return digest, nil
}

// downloadDigest downloads a file and returns its digest.
func (c *Client) downloadDigest(ctx context.Context, have *github.ReleaseAsset) (string, error) {
	body, err := c.download(ctx, have)
	if err != nil {
		return "", err
	}
	defer body.Close()

	h := sha256.New()
	n, err := io.Copy(h, body)
	if err != nil {
		return "", err
	}
	if n != int64(have.GetSize()) {
		return "", &temporaryError{fmt.Errorf("got %d bytes, expected %d", n, have.GetSize())}
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}

// removeAsset deletes a file from the server. It succeeds if the file is not there.
func (r *Release) removeAsset(ctx context.Context, have *github.ReleaseAsset) error {
	err := r.c.deleteAsset(ctx, have.GetID())
	if err != nil && status(err) != http.StatusNotFound {
		return err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.assets, have.GetName())
	return nil
}

// upload sends the file once and checks what the server says that it stored.
func (r *Release) upload(ctx context.Context, a Asset) error {
	stored, err := r.send(ctx, a)
	if err != nil {
		return err
	}

	if stored.GetName() != a.Name {
		if err := r.listAssets(ctx); err != nil {
			return err
		}
		if err := r.removeRenamed(ctx, a); err != nil {
			return err
		}
		return wrongAnswerf("the answer is about file %q, not about %q", stored.GetName(), a.Name)
	}

	r.mu.Lock()
	r.assets[a.Name] = stored
	r.uploadedByUs[stored.GetID()] = true
	r.mu.Unlock()

	same, err := r.hasContent(ctx, stored, a)
	if err != nil {
		return err
	}
	if !same { // GitHub has been seen to answer 201 after it received half of a file
		return &temporaryError{fmt.Errorf("GitHub stored %d bytes with %s, expected %d with %s",
			stored.GetSize(), stored.GetDigest(), a.Size, a.digest())}
	}
	return nil
}

// send sends the file once and returns the server's answer.
func (r *Release) send(ctx context.Context, a Asset) (*github.ReleaseAsset, error) {
	if err := r.c.waitForTurn(ctx); err != nil {
		return nil, err
	}

	file, err := a.Open()
	if err != nil {
		return nil, &localError{err}
	}
	body := &fixedSizeFile{ReadSeekCloser: file, asset: a}
	defer body.Close()

	stored, err := r.c.uploadAsset(ctx, r.current(), a.Name, body, a.Size)
	switch {
	case hasErrorCode(err, "already_exists", "name"):
		// A failed attempt or another run has taken the name. The next attempt looks again.
		return nil, &temporaryError{err}

	case status(err) == http.StatusNotFound:
		// The host of uploads may not know a release that the API knows
		// (goreleaser/goreleaser#3605).
		return nil, &temporaryError{err}
	}
	return stored, err
}

// removeRenamed removes the file if the server has stored it under another name. It then
// returns a Refusal, because every attempt would end in the same way. If the file stayed, the
// next run would take it for somebody else's.
//
// It removes a file only if that has the same content, appeared after this run opened the
// release, and does not have the name of another file of the release.
func (r *Release) removeRenamed(ctx context.Context, a Asset) error {
	for _, name := range r.extraFiles(r.want.Files) {
		have := r.asset(name)
		if have == nil || r.preexisting[have.GetID()] {
			continue
		}

		same, err := r.hasContent(ctx, have, a)
		if err != nil {
			return err
		}
		if !same {
			continue
		}

		if err := r.removeAsset(ctx, have); err != nil {
			return err
		}
		return &Refusal{fmt.Errorf("GitHub stored the file as %q, which was removed again", name)}
	}
	return nil
}

// A fixedSizeFile is a file that must have the size of its asset. If it is shorter, reading
// it returns an error that says so, whereas net/http would report a failed connection.
type fixedSizeFile struct {
	io.ReadSeekCloser
	asset Asset
	read  int64
}

func (f *fixedSizeFile) Read(p []byte) (int, error) {
	n, err := f.ReadSeekCloser.Read(p)
	f.read += int64(n)

	if errors.Is(err, io.EOF) && f.read < f.asset.Size {
		err = &localError{fmt.Errorf("%s has %d bytes, but had %d when it was packed",
			f.asset.Name, f.read, f.asset.Size)}
	}
	return n, err
}
