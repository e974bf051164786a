package inspect

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	layoutFile = "oci-layout"    // marks a layout (image-spec, image-layout.md)
	indexFile  = "index.json"    // beside it: what the layout holds
	dockerFile = "manifest.json" // the same in what docker save and podman save write

	maxBlobs = 1 << 16  // members of an archive of images, and blobs of images
	maxNames = 16 << 20 // bytes of the names of such members
)

// layout reads an OCI image layout, the directory dir, shown as path. Nothing outside of
// it is opened, whatever it holds.
func (in inspection) layout(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return onDisk(err)
	}
	defer root.Close()
	in = in.fresh()
	return in.budget.with(in.readLayout(path, func(name string) (io.ReadCloser, error) {
		info, err := root.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
			return nil, fmt.Errorf("%s is not a file", name)
		}
		return root.Open(name)
	}))
}

// readLayout reads a layout of which open opens the files.
func (in inspection) readLayout(path string, open func(name string) (io.ReadCloser, error)) error {
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	raw, err := in.readSmall(open, layoutFile)
	if err == nil {
		err = json.Unmarshal(raw, &layout)
	}
	if err == nil && layout.Version != "1.0.0" { // the only one there has been
		err = fmt.Errorf("unknown version %q", layout.Version)
	}
	if err != nil {
		return at(path, fmt.Errorf("reading %s: %w", layoutFile, err))
	}
	if raw, err = in.readSmall(open, indexFile); err != nil {
		return at(path, fmt.Errorf("reading %s: %w", indexFile, err))
	}
	im := &images{in: in, path: path, seen: map[shownBlob]bool{}, open: func(d descriptor) (io.ReadCloser, error) {
		return open("blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:"))
	}}
	return im.read(raw, descriptor{}, 0)
}

func (in inspection) readSmall(open func(string) (io.ReadCloser, error), name string) ([]byte, error) {
	r, err := open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	left := int64(maxDocument)
	return io.ReadAll(&limited{in.ctx, r, &left})
}

// imageTar reads the images in a tar archive: an OCI layout, or what docker save writes.
// A tar archive that only looks like one holds nothing. It returns which members were read.
func (in inspection) imageTar(path string, f io.ReaderAt, size int64) (map[int]bool, error) {
	files, all, err := tarFiles(f, size)
	if err != nil {
		return nil, at(path, err)
	}
	if _, ok := files[layoutFile]; !ok && !all {
		return nil, nil // no image has that many layers, and many programs have a manifest.json
	}
	used := map[int]bool{}
	open := func(name string) (io.ReadCloser, error) {
		if file, ok := files[strings.TrimPrefix(name, "./")]; ok {
			used[file.index] = true
			return io.NopCloser(io.NewSectionReader(f, file.off, file.size)), nil
		}
		return nil, fmt.Errorf("%q: %w", name[:min(len(name), maxName)], fs.ErrNotExist)
	}
	if _, ok := files[layoutFile]; ok {
		return used, in.readLayout(path, open)
	}
	return used, in.docker(path, open)
}

// A tarFile is where a member of a tar archive is.
type tarFile struct {
	index     int // among all members
	off, size int64
}

// tarFiles finds the files in a tar archive, and reports whether these are all: names take
// memory. Where one is not stored in one piece its digest will not be right, and one left
// out is missed.
func tarFiles(f io.ReaderAt, size int64) (files map[string]tarFile, all bool, err error) {
	files, all = map[string]tarFile{}, true
	names := 0
	r := io.NewSectionReader(f, 0, size)
	tr := tar.NewReader(r)
	for i := 0; ; i++ {
		h, err := tr.Next()
		if err == io.EOF {
			return files, all, nil
		}
		file := false
		if err == nil {
			file, err = isFile(h)
		}
		if err != nil {
			return nil, false, err
		}
		if !file {
			continue
		}
		off, err := r.Seek(0, io.SeekCurrent) // archive/tar reads whole blocks and no more
		if err != nil {
			return nil, false, err
		}
		name := strings.TrimPrefix(h.Name, "./")
		names += len(name)
		if name != layoutFile && name != indexFile && name != dockerFile && (len(files) >= maxBlobs || names > maxNames) {
			all = false
			continue
		}
		files[strings.Clone(name)] = tarFile{i, off, h.Size} // a part of a string would keep all of it
	}
}

// docker reads what docker save and podman save write: layers in files of any name, and
// in the configuration the digests that they have uncompressed.
func (in inspection) docker(path string, open func(string) (io.ReadCloser, error)) error {
	raw, err := in.readSmall(open, dockerFile)
	if err != nil {
		return at(path, fmt.Errorf("reading %s: %w", dockerFile, err))
	}
	var list []struct {
		Config string
		Layers []string
	}
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || list[0].Config == "" {
		return nil // many programs have a manifest.json
	}
	if err := decodeOnce(raw, &list); err != nil {
		return at(path, fmt.Errorf("reading %s: %w", dockerFile, err))
	}
	seen := map[shownBlob]bool{}
	for _, image := range list {
		var config struct {
			platform
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		}
		raw, err := in.readSmall(open, image.Config)
		if err == nil {
			err = decodeOnce(raw, &config)
		}
		if err == nil && len(config.RootFS.DiffIDs) != len(image.Layers) {
			err = errors.New("another number of layers")
		}
		if err != nil {
			err = at(path, fmt.Errorf("reading %q: %w", image.Config[:min(len(image.Config), maxName)], err))
			if err = in.note(err); err != nil {
				return err
			}
			continue
		}
		im := &images{in: in, path: path, seen: seen}
		for i, layer := range image.Layers {
			im.open = func(descriptor) (io.ReadCloser, error) { return in.unpacked(open, layer) }
			err := im.layers(config.label(image.Config), []descriptor{{MediaType: "tar", Digest: config.RootFS.DiffIDs[i], anySize: true}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (in inspection) unpacked(open func(string) (io.ReadCloser, error), name string) (io.ReadCloser, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	r, err := decompress(f)
	if err != nil {
		return nil, err
	}
	left := int64(maxTotal)
	return io.NopCloser(&limited{in.ctx, r, &left}), nil
}
