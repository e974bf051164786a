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
)

const (
	maxDocument = 4 << 20 // bytes of a manifest: what registries have to take (distribution-spec, "Pushing Manifests")
	maxDepth    = 4       // of an index in an index
)

// A descriptor names a blob (image-spec, descriptor.md).
type descriptor struct {
	MediaType string   `json:"mediaType"`
	Digest    string   `json:"digest"`
	Size      int64    `json:"size"`
	Platform  platform `json:"platform"`

	Annotations map[string]string `json:"annotations"`

	anySize bool // where only the digest is known
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// A document is an image index or an image manifest (image-spec, image-index.md and
// manifest.md; those of Docker have the same fields).
type document struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

// images reads the images of one place. Whatever several platforms or tags have in
// common, and are shown for under one name, is looked at once.
//
// Every layer is read for itself: a file that a later layer replaces or deletes is
// looked at too, since it is shipped all the same.
type images struct {
	in   inspection
	path string
	open func(descriptor) (io.ReadCloser, error)
	seen map[shownBlob]bool
}

// A shownBlob is what is looked at once: a blob under the name of an image.
type shownBlob struct{ name, digest string }

// read looks at all images that raw leads to, the content of what d describes.
func (im *images) read(raw []byte, d descriptor, depth int) error {
	var doc document
	err := decodeOnce(raw, &doc)
	switch {
	case err != nil:
	case doc.Manifests != nil && doc.Layers != nil: // CVE-2021-41190: readers would disagree about what it is
		err = errors.New("both an index and a manifest")
	case doc.Manifests == nil && doc.Layers == nil:
		err = errors.New("neither an index nor a manifest of an image")
	case depth > maxDepth:
		err = errors.New("too many indexes in one another")
	}
	if err != nil {
		return at(im.path, fmt.Errorf("reading %s: %w", cmp.Or(d.Digest, indexFile), err))
	}
	if doc.Layers != nil {
		return im.image(doc, d)
	}
	for _, child := range doc.Manifests {
		known, err := im.known("", child)
		if known {
			continue
		}
		var content []byte
		if err == nil {
			content, err = im.document(child)
		}
		if err == nil {
			err = im.read(content, child, depth+1)
		}
		if err = im.in.note(err); err != nil {
			return err
		}
	}
	return nil
}

// emptyDocument is the digest of "{}", which stands for no configuration (image-spec,
// manifest.md, "Guidance for an Empty Descriptor").
const emptyDocument = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

// image inspects every layer of one image, whatever its media type: a runtime may unpack a
// layer that is marked as an attestation. It also inspects the configuration, which in an
// artifact can be any file.
func (im *images) image(doc document, d descriptor) error {
	p := d.Platform
	switch doc.Config.MediaType {
	case "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
		if p.OS != "" {
			break
		}
		raw, err := im.document(doc.Config)
		if err != nil {
			return err
		}
		if err := decodeOnce(raw, &p); err != nil {
			return at(im.path, fmt.Errorf("reading %s: %w", doc.Config.Digest, err))
		}
	}
	blobs := doc.Layers
	if doc.Config.Digest != emptyDocument && doc.Config.Digest != "" {
		blobs = append(blobs, doc.Config)
	}
	return im.layers(p.label(d.Digest), blobs)
}

// layers looks at the layers of an image, which is shown under the given name.
func (im *images) layers(name string, layers []descriptor) error {
	path := im.path + "!" + name
	for _, layer := range layers {
		known, err := im.known(name, layer)
		if known {
			continue
		}
		var r io.ReadCloser
		if err == nil {
			r, err = im.blob(layer)
		}
		if err == nil {
			err = im.in.layer(path, layer, r)
		}
		if err = im.in.note(err); err != nil {
			return err
		}
	}
	return nil
}

// label is what an image is shown as.
func (p platform) label(digest string) string {
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	if p.OS == "" {
		name = digest
	}
	if len(name) > maxLabel { // it is kept with every digest
		return strings.ToValidUTF8(name[:maxLabel], "") + "..."
	}
	return name
}

// known reports whether d, shown under a name, has been looked at. It is an error if what
// is to be looked at is not known to be a blob, or if there is no end of them.
func (im *images) known(name string, d descriptor) (bool, error) {
	key := shownBlob{name, d.Digest}
	switch {
	case !sha256Digest.MatchString(d.Digest):
		return false, at(im.path, fmt.Errorf("%q is no SHA-256 digest", d.Digest[:min(len(d.Digest), maxLabel)]))
	case im.seen[key]:
		return true, nil
	case len(im.seen) >= maxBlobs:
		return false, at(im.path, errors.New("more blobs than can be inspected"))
	}
	im.seen[key] = true
	return false, nil
}

// layer looks at the files of one layer and reads it to its end, where its digest is
// compared. What is no layer of files, as in an artifact, is known by its content.
func (in inspection) layer(path string, d descriptor, r io.ReadCloser) error {
	defer r.Close()
	if in.depth > 0 {
		return in.readLayer(path, d, r)
	}
	in = in.fresh() // an image that is no archive in archives may hold as much in every layer
	return in.budget.with(in.readLayer(path, d, r))
}

func (in inspection) readLayer(path string, d descriptor, r io.Reader) error {
	content, err := decompress(r)
	if err != nil {
		err = at(path, err)
	} else {
		isSaid := strings.Contains(d.MediaType, "tar")
		err = in.stream(path, d.Digest, content, isSaid, func(r io.Reader) error { return in.tar(path, r) })
	}
	if in.over(err) || errors.Is(err, errBlob) {
		return err
	}
	_, rest := io.Copy(io.Discard, in.limit(r))
	if rest != nil && !errors.Is(err, rest) { // else a connection that broke
		err = errors.Join(err, at(path, rest))
	}
	return err
}

// decodeOnce decodes JSON, and fails if readers could disagree about it. Of two fields with
// the same name encoding/json takes the last, in upper or lower case. Others take the first,
// or only one case.
func decodeOnce(raw []byte, to any) error {
	if err := json.Unmarshal(raw, to); err != nil {
		return err
	}

	decoder := json.NewDecoder(bytes.NewReader(raw))
	type object struct {
		isArray bool
		names   []string // decidingNames seen so far
		value   bool     // a value comes next
	}
	var open []object
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}

		last := len(open) - 1
		if text, ok := token.(string); ok && last >= 0 && !open[last].isArray && !open[last].value {
			isName := func(name string) bool { return strings.EqualFold(name, text) }
			if i := slices.IndexFunc(decidingNames, isName); i >= 0 {
				if slices.ContainsFunc(open[last].names, isName) {
					return fmt.Errorf("two fields %q, of which some readers take the first and others the last",
						decidingNames[i])
				}
				open[last].names = append(open[last].names, text)
			}
			open[last].value = true
			continue
		}

		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:last]
			continue
		}
		if last >= 0 {
			open[last].value = false
		}
		if delim, ok := token.(json.Delim); ok {
			open = append(open, object{isArray: delim == '['})
		}
	}
}

// decidingNames are the fields that decide what is inspected.
var decidingNames = []string{
	"manifests", "layers", "config", "rootfs", "diff_ids",
	"mediaType", "digest", "size",
	"platform", "os", "architecture", "variant",
}

// document reads a blob that is JSON.
func (im *images) document(d descriptor) ([]byte, error) {
	if d.Size > maxDocument {
		return nil, at(im.path, fmt.Errorf("%s: a manifest of %d bytes", Printable(d.Digest[:min(len(d.Digest), maxLabel)]), d.Size))
	}
	r, err := im.blob(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, at(im.path, err)
	}
	return raw, nil
}

// sha256Digest is the only kind of digest that is understood, and safe in a path.
var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// blob opens what d describes. Reading it to the end is an error unless it has the size
// and the digest that d says.
func (im *images) blob(d descriptor) (io.ReadCloser, error) {
	if !sha256Digest.MatchString(d.Digest) {
		return nil, at(im.path, fmt.Errorf("%q is no SHA-256 digest", d.Digest[:min(len(d.Digest), maxLabel)]))
	}
	if d.Size < 0 || d.Size > maxTotal {
		return nil, at(im.path, fmt.Errorf("%s: %d bytes: %w", d.Digest, d.Size, errLimit))
	}
	r, err := im.open(d)
	if err != nil {
		return nil, at(im.path, fmt.Errorf("%s: %w", d.Digest, err))
	}
	return &checked{ReadCloser: r, digest: d.Digest, left: d.Size, anySize: d.anySize, sum: sha256.New()}, nil
}

// errBlob marks a blob that is not what its digest or its size says.
var errBlob = errors.New("not what was published")

type checked struct {
	io.ReadCloser
	digest  string
	left    int64
	anySize bool
	sum     hash.Hash
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if c.left -= int64(n); c.left < 0 && !c.anySize {
		return 0, fmt.Errorf("%s: %w: it is %d bytes longer, or more", c.digest, errBlob, -c.left)
	}
	if err != io.EOF {
		return n, err
	}
	if c.left > 0 {
		return n, fmt.Errorf("%s: %w: it is %d bytes shorter", c.digest, errBlob, c.left)
	}
	if got := "sha256:" + hex.EncodeToString(c.sum.Sum(nil)); got != c.digest {
		return n, fmt.Errorf("%s: %w: it has %s", c.digest, errBlob, got)
	}
	return n, io.EOF
}
