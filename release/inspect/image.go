package inspect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/quote"
)

const (
	// maxDocument limits an index, manifest or configuration, in bytes. Registries have to
	// accept manifests of this size (distribution-spec, "Pushing Manifests").
	maxDocument = 4 << 20

	maxDepth = 4 // levels of indexes inside the outermost one
)

// A descriptor identifies a blob (image-spec, descriptor.md).
type descriptor struct {
	MediaType string   `json:"mediaType"`
	Digest    string   `json:"digest"`
	Size      int64    `json:"size"`
	Platform  platform `json:"platform"`

	Annotations map[string]string `json:"annotations"`

	sizeUnknown bool // Size is not set
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// A document is an image index or an image manifest (image-spec, image-index.md and
// manifest.md). Docker's formats have the same fields.
type document struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

// An imageReader inspects the images in one place, such as a layout. A blob that several
// platforms or tags have in common is inspected once for each label it is shown with.
//
// Every layer is inspected by itself. Files that a later layer replaces or deletes are
// inspected as well, because they are shipped.
type imageReader struct {
	in   inspection
	path string
	open func(descriptor) (io.ReadCloser, error)
	seen map[seenBlob]bool
}

// A seenBlob is a blob that was inspected, and the label of the image it was shown with.
type seenBlob struct {
	label  string
	digest string
}

func newImageReader(in inspection, path string, open func(descriptor) (io.ReadCloser, error)) *imageReader {
	return &imageReader{
		in:   in,
		path: path,
		open: open,
		seen: map[seenBlob]bool{},
	}
}

// inspectDocument inspects all images that a document leads to. raw is the content of the
// document, and d describes it.
func (im *imageReader) inspectDocument(raw []byte, d descriptor, depth int) error {
	doc, err := parseDocument(raw)
	if err == nil && depth > maxDepth {
		err = errors.New("indexes nested too deeply")
	}
	if err != nil {
		return errorAt(im.path, fmt.Errorf("reading %s: %w", cmp.Or(d.Digest, indexFile), err))
	}

	if doc.Layers != nil {
		return im.inspectImage(doc, d)
	}

	for _, manifest := range doc.Manifests {
		err := im.inspectManifest(manifest, depth+1)
		if err := im.in.record(err); err != nil {
			return err
		}
	}
	return nil
}

// parseDocument parses an index or a manifest. The result has either manifests or layers.
func parseDocument(raw []byte) (document, error) {
	var doc document
	if err := decodeUnambiguous(raw, &doc); err != nil {
		return document{}, err
	}

	isIndex := doc.Manifests != nil
	isManifest := doc.Layers != nil
	switch {
	case isIndex && isManifest: // clients disagree about which of them it is (CVE-2021-41190)
		return document{}, errors.New("both an index and a manifest")
	case !isIndex && !isManifest:
		return document{}, errors.New("neither an index nor a manifest of an image")
	}

	return doc, nil
}

// inspectManifest inspects an entry of an index, unless that has been done.
func (im *imageReader) inspectManifest(d descriptor, depth int) error {
	wasSeen, err := im.markSeen("", d)
	if wasSeen || err != nil {
		return err
	}

	raw, err := im.readDocument(d)
	if err != nil {
		return err
	}
	return im.inspectDocument(raw, d, depth)
}

// emptyDocument is the digest of "{}", which stands for no configuration (image-spec,
// manifest.md, "Guidance for an Empty Descriptor").
const emptyDocument = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

// inspectImage inspects every layer of an image, whatever its media type: a runtime may unpack
// a layer that is marked as an attestation. It also inspects the configuration, which in an
// artifact can be any file.
func (im *imageReader) inspectImage(doc document, d descriptor) error {
	p := d.Platform

	switch doc.Config.MediaType {
	case "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		if p.OS != "" {
			break
		}

		// Only the configuration names the platform.
		raw, err := im.readDocument(doc.Config)
		if err != nil {
			return err
		}
		if err := decodeUnambiguous(raw, &p); err != nil {
			return errorAt(im.path, fmt.Errorf("reading %s: %w", doc.Config.Digest, err))
		}
	}

	blobs := doc.Layers
	if doc.Config.Digest != emptyDocument && doc.Config.Digest != "" {
		blobs = append(blobs, doc.Config)
	}
	return im.inspectLayers(p.label(d.Digest), blobs)
}

// inspectLayers inspects the layers of an image that have not been inspected with its label.
func (im *imageReader) inspectLayers(label string, layers []descriptor) error {
	for _, layer := range layers {
		err := im.inspectLayer(label, layer)
		if err := im.in.record(err); err != nil {
			return err
		}
	}
	return nil
}

func (im *imageReader) inspectLayer(label string, layer descriptor) error {
	wasSeen, err := im.markSeen(label, layer)
	if wasSeen || err != nil {
		return err
	}

	r, err := im.openBlob(layer)
	if err != nil {
		return err
	}
	defer r.Close()

	in := im.in
	path := im.path + "!" + label
	if in.depth > 0 {
		return in.readLayer(path, layer, r)
	}

	// Outside of an archive, every layer has a budget of its own.
	in = in.withNewBudget()
	return in.budget.join(in.readLayer(path, layer, r))
}

// label returns the name of an image on a platform, or the digest of the image if the platform
// is unknown.
func (p platform) label(digest string) string {
	label := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		label += "/" + p.Variant
	}
	if p.OS == "" {
		label = digest
	}

	// The label is stored with every blob.
	if len(label) > maxLabel {
		return strings.ToValidUTF8(label[:maxLabel], "") + "..."
	}
	return label
}

// markSeen marks a blob as inspected with a label, and reports whether it already was. It
// fails if the digest is invalid or if there are too many blobs.
func (im *imageReader) markSeen(label string, d descriptor) (wasSeen bool, err error) {
	if err := d.checkDigest(); err != nil {
		return false, errorAt(im.path, err)
	}

	key := seenBlob{label, d.Digest}
	if im.seen[key] {
		return true, nil
	}
	if len(im.seen) >= maxBlobs {
		return false, errorAt(im.path, errors.New("too many blobs"))
	}

	im.seen[key] = true
	return false, nil
}

// readLayer inspects the files of a layer and reads it to its end, where the digest is
// checked. A blob that is not a layer, as in an artifact, is recognized by its content.
func (in inspection) readLayer(path string, d descriptor, r io.Reader) error {
	content, err := decompress(r)
	if err != nil {
		err = errorAt(path, err)
	} else {
		shouldBeTar := strings.Contains(d.MediaType, "tar")
		err = in.inspectStream(path, d.Digest, content, shouldBeTar, func(r io.Reader) error {
			return in.readTarStream(path, r)
		})
	}
	if in.isFatal(err) || errors.Is(err, errBlob) {
		return err
	}

	_, restErr := io.Copy(io.Discard, in.limit(r))
	if restErr != nil && !errors.Is(err, restErr) { // a broken connection gives the same error again
		err = errors.Join(err, errorAt(path, restErr))
	}
	return err
}

// decodeUnambiguous decodes JSON, and fails if parsers could disagree about it. Of two fields
// with the same name encoding/json uses the last, in upper or lower case. Others use the first,
// or only one case.
func decodeUnambiguous(raw []byte, to any) error {
	if err := json.Unmarshal(raw, to); err != nil {
		return err
	}

	type level struct {
		isArray bool
		names   []string // significant names seen in the object
		isValue bool     // the next token of the object is a value
	}
	var open []level // the innermost is last

	decoder := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}

		var current *level
		if len(open) > 0 {
			current = &open[len(open)-1]
		}

		// The name of a field.
		text, isText := token.(string)
		if isText && current != nil && !current.isArray && !current.isValue {
			hasName := func(name string) bool { return strings.EqualFold(name, text) }
			i := slices.IndexFunc(significantNames, hasName)
			if i >= 0 {
				if slices.ContainsFunc(current.names, hasName) {
					return fmt.Errorf("duplicate field %q: some parsers use the first, others the last",
						significantNames[i])
				}
				current.names = append(current.names, text)
			}
			current.isValue = true
			continue
		}

		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}

		// A value, or the beginning of one.
		if current != nil {
			current.isValue = false
		}
		if delim, ok := token.(json.Delim); ok {
			open = append(open, level{isArray: delim == '['})
		}
	}
}

// significantNames are the names of fields that decide what is inspected.
var significantNames = []string{
	"manifests", "layers", "config", "rootfs", "diff_ids",
	"mediaType", "digest", "size",
	"platform", "os", "architecture", "variant",
}

// readDocument reads a blob that contains JSON.
func (im *imageReader) readDocument(d descriptor) ([]byte, error) {
	if d.Size > maxDocument {
		err := fmt.Errorf("%s: manifest of %d bytes is too large", quote.Name(d.shortDigest()), d.Size)
		return nil, errorAt(im.path, err)
	}

	r, err := im.openBlob(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()

	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, errorAt(im.path, err)
	}
	return raw, nil
}

// sha256Digest matches the only kind of digest that is supported. It is safe in a path.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (d descriptor) checkDigest() error {
	if !sha256Digest.MatchString(d.Digest) {
		return fmt.Errorf("%q is not a SHA-256 digest", d.shortDigest())
	}
	return nil
}

// shortDigest returns the digest for an error, because an invalid one can be long.
func (d descriptor) shortDigest() string { return d.Digest[:min(len(d.Digest), maxLabel)] }

// openBlob opens a blob. Reading it to the end fails unless it has the size and the digest of
// its descriptor.
func (im *imageReader) openBlob(d descriptor) (io.ReadCloser, error) {
	if err := d.checkDigest(); err != nil {
		return nil, errorAt(im.path, err)
	}
	if d.Size < 0 || d.Size > maxTotal {
		return nil, errorAt(im.path, fmt.Errorf("%s: blob of %d bytes: %w", d.Digest, d.Size, errLimit))
	}

	r, err := im.open(d)
	if err != nil {
		return nil, errorAt(im.path, fmt.Errorf("%s: %w", d.Digest, err))
	}

	return &verifiedBlob{
		ReadCloser:  r,
		digest:      d.Digest,
		left:        d.Size,
		sizeUnknown: d.sizeUnknown,
		sum:         sha256.New(),
	}, nil
}

// errBlob marks the error for a blob that does not match its descriptor.
var errBlob = errors.New("content does not match its digest or size")

// A verifiedBlob is a blob that is verified while it is read.
type verifiedBlob struct {
	io.ReadCloser
	digest      string
	left        int64
	sizeUnknown bool
	sum         hash.Hash
}

func (b *verifiedBlob) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	b.left -= int64(n)
	if b.left < 0 && !b.sizeUnknown {
		return 0, fmt.Errorf("%s: %w: at least %d bytes too long", b.digest, errBlob, -b.left)
	}
	if err != io.EOF {
		return n, err
	}

	if b.left > 0 {
		return n, fmt.Errorf("%s: %w: %d bytes too short", b.digest, errBlob, b.left)
	}
	got := "sha256:" + hex.EncodeToString(b.sum.Sum(nil))
	if got != b.digest {
		return n, fmt.Errorf("%s: %w: its digest is %s", b.digest, errBlob, got)
	}
	return n, io.EOF
}
