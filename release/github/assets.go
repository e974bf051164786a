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
)

// An Asset is a file to attach.
type Asset struct {
	Name   string
	Size   int64  // bytes
	SHA256 string // hex
	Open   func() (io.ReadSeekCloser, error)
}

func (a Asset) digest() string { return "sha256:" + a.SHA256 }

// stateUploaded is the state of an asset that is whole. An interrupted upload leaves
// one in state "starter", which "can be safely deleted" (docs.github.com, "Upload a
// release asset").
const stateUploaded = "uploaded"

// Outcomes of Attach.
const (
	Uploaded = "uploaded"
	Same     = "already there"
	Replaced = "replaced"
)

// storedName is a name that GitHub stores as it is given. In others it replaces
// characters, so that a checksum file would list files that do not exist
// (softprops/action-gh-release#159).
var storedName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*[A-Za-z0-9_+-]$|^[A-Za-z0-9]$`)

// CheckName says what GitHub would do to the name of an asset, nil if nothing.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("file name %.32q... has %d bytes, more than the %d that file systems and GitHub take", name, len(name), maxName)
	}
	if !storedName.MatchString(name) {
		return fmt.Errorf("file name %q would be rewritten by GitHub, which keeps letters, digits, '.', '_', '+' and '-' inside a name", name)
	}
	return nil
}

const maxName = 255

// Limits of a release (docs.github.com, "About releases").
const (
	MaxAssets    = 1000
	MaxAssetSize = 2<<30 - 1
)

// CheckSize says why GitHub would refuse a file of that size, nil if it takes it.
func CheckSize(name string, size int64) error {
	switch {
	case size == 0:
		return fmt.Errorf("%s is empty, and GitHub takes no empty files", name)
	case size > MaxAssetSize:
		return fmt.Errorf("%s has %d bytes, and GitHub takes files below 2 GiB", name, size)
	}
	return nil
}

func (r *Release) asset(name string) *github.ReleaseAsset {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.assets[name]
}

// Attach makes sure that the release has the file, and says what that took. On a
// draft an asset of the same name that is incomplete or different is replaced; on a
// published release a difference is refused, or makes it a draft again if it may be
// overwritten.
func (r *Release) Attach(ctx context.Context, a Asset) (outcome string, err error) {
	if err := CheckSize(a.Name, a.Size); err != nil {
		return "", &Refusal{fmt.Errorf("uploading: %w", err)}
	}
	outcome = Uploaded
	first := true
	err = r.c.retry(ctx, "uploading "+a.Name, func() error {
		// An upload that failed may have left something; and what is about to be replaced may
		// have become whole, and public, since it was looked at.
		have := r.asset(a.Name)
		differs := have != nil && (have.GetState() != stateUploaded || serverDigest(have) != a.digest())
		if !first || differs {
			if err := r.c.pace(ctx); err != nil { // now, so that nothing is waited for between look and removal
				return err
			}
			if err := r.refresh(ctx); err != nil {
				return err
			}
			if err := r.list(ctx); err != nil {
				return err
			}
		}
		if !first && r.asset(a.Name) == nil { // an answer that did not arrive would have said what it is called
			if err := r.removeRenamed(ctx, a); err != nil {
				return err
			}
		}
		found, err := r.attach(ctx, a)
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

// attach looks at what is there under the name of a, and sends a if it has to. It says
// what it found: Same, Replaced, or nothing.
func (r *Release) attach(ctx context.Context, a Asset) (found string, err error) {
	have := r.asset(a.Name)
	if have != nil {
		same, err := r.sameAs(ctx, have, a)
		if err != nil {
			return "", err
		}
		if same {
			return Same, nil
		}
	}
	if r.Published() {
		if err := r.mayChange(a, have); err != nil {
			return "", err
		}
		if err := r.reopen(ctx); err != nil {
			return "", err
		}
	}
	if have != nil {
		if have.GetState() == stateUploaded {
			found = Replaced
		}
		if err := r.remove(ctx, have); err != nil {
			return found, err
		}
	}
	return found, r.upload(ctx, a)
}

// mayChange refuses to change a public release, unless that was asked for and is possible.
func (r *Release) mayChange(a Asset, have *github.ReleaseAsset) error {
	switch {
	case r.want.Overwrite && !r.current().GetImmutable():
		return nil
	case have == nil:
		return &Refusal{fmt.Errorf("release %s is public and has no %s; %s", r.want.Tag, a.Name, r.unchangeable())}
	}
	return &Refusal{fmt.Errorf("release %s is public and has a different %s (%s, not %s); %s",
		r.want.Tag, a.Name, have.GetDigest(), a.digest(), r.unchangeable())}
}

// sameAs reports whether the server has the very bytes of a.
func (r *Release) sameAs(ctx context.Context, have *github.ReleaseAsset, a Asset) (bool, error) {
	if have.GetState() != stateUploaded || int64(have.GetSize()) != a.Size {
		return false, nil
	}
	digest, err := r.digest(ctx, have)
	return digest == a.digest(), err
}

// digest is the server's own digest of an asset. Servers without one (GitHub
// Enterprise before 3.18), or with one that cannot be compared, are asked for the bytes
// instead.
func (r *Release) digest(ctx context.Context, have *github.ReleaseAsset) (string, error) {
	if digest := serverDigest(have); digest != "" || have.GetState() != stateUploaded {
		return digest, nil
	}
	r.mu.Lock()
	digest, known := r.digests[have.GetID()]
	r.mu.Unlock()
	if known { // the bytes of an asset never change
		return digest, nil
	}

	err := r.c.retry(ctx, "reading back "+have.GetName(), func() error {
		body, err := r.c.download(ctx, have)
		if err != nil {
			return err
		}
		defer body.Close()
		h := sha256.New()
		n, err := io.Copy(h, body)
		if err != nil {
			return err
		}
		if n != int64(have.GetSize()) {
			return &temporaryError{fmt.Errorf("got %d bytes, expected %d", n, have.GetSize())}
		}
		digest = fmt.Sprintf("sha256:%x", h.Sum(nil))
		return nil
	})
	if err != nil {
		return "", err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.digests[have.GetID()] = digest
	return digest, nil
}

func (r *Release) remove(ctx context.Context, have *github.ReleaseAsset) error {
	err := r.c.removeAsset(ctx, have.GetID())
	if err != nil && status(err) != http.StatusNotFound {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.assets, have.GetName())
	return nil
}

// upload sends the file once and looks at what the server says it stored.
func (r *Release) upload(ctx context.Context, a Asset) error {
	if err := r.c.pace(ctx); err != nil {
		return err
	}
	file, err := a.Open()
	if err != nil {
		return &localError{err}
	}
	body := &wholeFile{ReadSeekCloser: file, asset: a}
	defer body.Close()

	stored, err := r.c.uploadAsset(ctx, r.current(), a.Name, body, a.Size)
	if codeOf(err, "already_exists", "name") || // the name is taken, by a failed attempt or by another run
		status(err) == http.StatusNotFound { // the host of uploads does not know a release that the API knows (goreleaser/goreleaser#3605)
		return &temporaryError{err} // look again, then decide
	}
	if err != nil {
		return err
	}
	if stored.GetName() != a.Name {
		if err := r.list(ctx); err != nil {
			return err
		}
		if err := r.removeRenamed(ctx, a); err != nil {
			return err
		}
		return wrong("the answer is about file %q, not about %q", stored.GetName(), a.Name)
	}

	r.mu.Lock()
	r.assets[a.Name] = stored
	r.own[stored.GetID()] = true
	r.mu.Unlock()
	same, err := r.sameAs(ctx, stored, a)
	if err != nil {
		return err
	}
	if !same { // 201 for half of the bytes has been seen
		return &temporaryError{fmt.Errorf("GitHub stored %d bytes with %s, expected %d with %s",
			stored.GetSize(), stored.GetDigest(), a.Size, a.digest())}
	}
	return nil
}

// removeRenamed removes the file if the server has stored it under another name, and
// returns a Refusal then, because every attempt would end the same way. If the file stayed,
// the next run would take it for somebody else's. A file is only removed if it has the same
// bytes, if it appeared after this run opened the release, and if its name is not that of
// any file of the release.
func (r *Release) removeRenamed(ctx context.Context, a Asset) error {
	for _, name := range r.others(r.want.Files) {
		have := r.asset(name)
		if have == nil || r.before[have.GetID()] {
			continue
		}
		same, err := r.sameAs(ctx, have, a)
		if err != nil {
			return err
		}
		if !same {
			continue
		}

		if err := r.remove(ctx, have); err != nil {
			return err
		}
		return &Refusal{fmt.Errorf("GitHub stored the file as %q, which was removed again", name)}
	}
	return nil
}

// A wholeFile is a file that must have the size it had when it was packed: net/http would
// take the difference for a trouble of the connection.
type wholeFile struct {
	io.ReadSeekCloser
	asset Asset
	read  int64
}

func (f *wholeFile) Read(p []byte) (int, error) {
	n, err := f.ReadSeekCloser.Read(p)
	f.read += int64(n)
	if errors.Is(err, io.EOF) && f.read < f.asset.Size {
		err = &localError{fmt.Errorf("%s has %d bytes now, and had %d when it was packed", f.asset.Name, f.read, f.asset.Size)}
	}
	return n, err
}
