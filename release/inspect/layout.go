package inspect

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	layoutFile = "oci-layout"    // marks a layout (image-spec, image-layout.md)
	indexFile  = "index.json"    // lists the images of a layout
	dockerFile = "manifest.json" // lists the images in an archive of docker save or podman save

	maxBlobs = 1 << 16  // members of an archive of images, and blobs of images
	maxNames = 16 << 20 // bytes of the names of such members
)

// An openByName opens a file of a layout or a member of an archive of images.
type openByName func(name string) (io.ReadCloser, error)

// inspectLayout inspects the OCI image layout in the directory dir, which the caller knows as
// path. It opens nothing outside of dir.
func (in inspection) inspectLayout(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return diskError(err)
	}
	defer root.Close()

	open := func(name string) (io.ReadCloser, error) {
		info, err := root.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
			return nil, fmt.Errorf("%s is not a file", name)
		}
		return root.Open(name)
	}

	in = in.withNewBudget()
	return in.budget.join(in.readLayout(path, open))
}

// readLayout inspects the images of a layout.
func (in inspection) readLayout(path string, open openByName) error {
	if err := in.checkLayoutVersion(open); err != nil {
		return errorAt(path, fmt.Errorf("reading %s: %w", layoutFile, err))
	}

	raw, err := in.readSmall(open, indexFile)
	if err != nil {
		return errorAt(path, fmt.Errorf("reading %s: %w", indexFile, err))
	}

	im := newImageReader(in, path, func(d descriptor) (io.ReadCloser, error) {
		return open("blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:"))
	})
	return im.inspectDocument(raw, descriptor{}, 0)
}

func (in inspection) checkLayoutVersion(open openByName) error {
	raw, err := in.readSmall(open, layoutFile)
	if err != nil {
		return err
	}

	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &layout); err != nil {
		return err
	}
	if layout.Version != "1.0.0" { // the only version that exists
		return fmt.Errorf("unknown version %q", layout.Version)
	}
	return nil
}

// readSmall reads a file of at most maxDocument bytes.
func (in inspection) readSmall(open openByName, name string) ([]byte, error) {
	r, err := open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()

	return io.ReadAll(newLimitedReader(in.ctx, r, maxDocument))
}

// inspectImageTar inspects the images in a tar archive: an OCI layout, or what docker save
// writes. It returns the numbers of the members that it read. An archive of another kind that
// happens to have a file of the same name is not an error.
func (in inspection) inspectImageTar(path string, f io.ReaderAt, size int64) (map[int]bool, error) {
	files, isComplete, err := tarFiles(f, size)
	if err != nil {
		return nil, errorAt(path, err)
	}

	// Many programs have a manifest.json, and no image has so many layers.
	_, isLayout := files[layoutFile]
	if !isLayout && !isComplete {
		return nil, nil
	}

	used := map[int]bool{}
	open := func(name string) (io.ReadCloser, error) {
		file, ok := files[strings.TrimPrefix(name, "./")]
		if !ok {
			return nil, fmt.Errorf("%q: %w", name[:min(len(name), maxName)], fs.ErrNotExist)
		}
		used[file.number] = true
		return io.NopCloser(io.NewSectionReader(f, file.off, file.size)), nil
	}

	if isLayout {
		return used, in.readLayout(path, open)
	}
	return used, in.readDockerArchive(path, open)
}

// A tarFile says where the content of a member of a tar archive is.
type tarFile struct {
	number int // among all members
	off    int64
	size   int64
}

// tarFiles returns the files in a tar archive by name, and whether these are all of them. The
// number of files is limited, because names take memory.
//
// If a file is not stored in one piece, its digest will not match. If a file is left out, the
// image that needs it is an error.
func tarFiles(f io.ReaderAt, size int64) (files map[string]tarFile, isComplete bool, err error) {
	files = map[string]tarFile{}
	isComplete = true
	names := 0 // bytes

	r := io.NewSectionReader(f, 0, size)
	tr := tar.NewReader(r)
	for number := 0; ; number++ {
		h, err := tr.Next()
		if err == io.EOF {
			return files, isComplete, nil
		}
		if err != nil {
			return nil, false, err
		}
		isRegular, err := isFile(h)
		if err != nil {
			return nil, false, err
		}
		if !isRegular {
			continue
		}

		off, err := r.Seek(0, io.SeekCurrent) // archive/tar has read the header and nothing after it
		if err != nil {
			return nil, false, err
		}

		name := strings.TrimPrefix(h.Name, "./")
		names += len(name)
		isMarker := name == layoutFile || name == indexFile || name == dockerFile
		isFull := len(files) >= maxBlobs || names > maxNames
		if isFull && !isMarker {
			isComplete = false
			continue
		}

		name = strings.Clone(name) // a substring would keep all of h.Name in memory
		files[name] = tarFile{number: number, off: off, size: h.Size}
	}
}

// A dockerImage is an image in the list that docker save writes.
type dockerImage struct {
	Config string   // name of a member
	Layers []string // names of members
}

// A dockerConfig is the part of an image configuration that is needed here.
type dockerConfig struct {
	platform
	RootFS struct {
		DiffIDs []string `json:"diff_ids"` // digests of the uncompressed layers
	} `json:"rootfs"`
}

// readDockerArchive inspects the images that docker save or podman save has written. The
// layers are members with any names, and the configuration has the digests of their
// uncompressed contents.
func (in inspection) readDockerArchive(path string, open openByName) error {
	raw, err := in.readSmall(open, dockerFile)
	if err != nil {
		return errorAt(path, fmt.Errorf("reading %s: %w", dockerFile, err))
	}

	// Many programs have a manifest.json.
	var list []dockerImage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || list[0].Config == "" {
		return nil
	}
	if err := decodeUnambiguous(raw, &list); err != nil {
		return errorAt(path, fmt.Errorf("reading %s: %w", dockerFile, err))
	}

	im := newImageReader(in, path, nil)
	for _, image := range list {
		config, err := in.readDockerConfig(open, image)
		if err != nil {
			name := image.Config[:min(len(image.Config), maxName)]
			err = errorAt(path, fmt.Errorf("reading %q: %w", name, err))
			if err := in.record(err); err != nil {
				return err
			}
			continue
		}

		for i, layer := range image.Layers {
			im.open = func(descriptor) (io.ReadCloser, error) {
				return in.openUncompressed(open, layer)
			}
			d := descriptor{
				MediaType:   "tar",
				Digest:      config.RootFS.DiffIDs[i],
				sizeUnknown: true,
			}
			if err := im.inspectLayers(config.label(image.Config), []descriptor{d}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readDockerConfig reads the configuration of an image, which has a digest for each layer.
func (in inspection) readDockerConfig(open openByName, image dockerImage) (dockerConfig, error) {
	raw, err := in.readSmall(open, image.Config)
	if err != nil {
		return dockerConfig{}, err
	}

	var config dockerConfig
	if err := decodeUnambiguous(raw, &config); err != nil {
		return dockerConfig{}, err
	}

	digests := len(config.RootFS.DiffIDs)
	if digests != len(image.Layers) {
		return dockerConfig{}, fmt.Errorf("%d digests for %d layers", digests, len(image.Layers))
	}
	return config, nil
}

// openUncompressed opens a layer and decompresses it.
func (in inspection) openUncompressed(open openByName, name string) (io.ReadCloser, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}

	r, err := decompress(f)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(newLimitedReader(in.ctx, r, maxTotal)), nil
}
