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

	maxBlobs = 1 << 16 // members of an archive of images
)

// layout reads an OCI image layout, the directory dir, shown as path. Nothing outside of
// it is opened, whatever it holds.
func (in inspection) layout(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("inspecting: %w", err)
	}
	defer root.Close()
	return in.readLayout(path, func(name string) (io.ReadCloser, error) {
		info, err := root.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
			return nil, fmt.Errorf("%s is not a file", name)
		}
		return root.Open(name)
	})
}

// readLayout reads a layout of which open opens the files.
func (in inspection) readLayout(path string, open func(name string) (io.ReadCloser, error)) error {
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	raw, err := readSmall(open, layoutFile)
	if err == nil {
		err = json.Unmarshal(raw, &layout)
	}
	if err == nil && layout.Version != "1.0.0" { // the only one there has been
		err = fmt.Errorf("unknown version %q", layout.Version)
	}
	if err != nil {
		return fmt.Errorf("inspecting %s: reading %s: %w", path, layoutFile, err)
	}
	if raw, err = readSmall(open, indexFile); err != nil {
		return fmt.Errorf("inspecting %s: reading %s: %w", path, indexFile, err)
	}
	im := &images{in: in, path: path, seen: map[string]bool{}, open: func(d descriptor) (io.ReadCloser, error) {
		return open("blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:"))
	}}
	return im.read(raw, descriptor{}, 0)
}

func readSmall(open func(string) (io.ReadCloser, error), name string) ([]byte, error) {
	r, err := open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(&limited{r: r, left: maxDocument})
}

// imageTar reads the images in a tar archive: an OCI layout, or what docker save writes.
// A tar archive that only looks like one holds nothing.
func (in inspection) imageTar(path string, f io.ReaderAt, size int64) error {
	files, err := tarFiles(f, size)
	if err != nil {
		return fmt.Errorf("inspecting %s: %w", path, err)
	}
	if files[layoutFile] == nil && len(files) > maxBlobs {
		return nil // no image has that many layers, and many programs have a manifest.json
	}
	open := func(name string) (io.ReadCloser, error) {
		if file, ok := files[strings.TrimPrefix(name, "./")]; ok {
			_, err := file.Seek(0, io.SeekStart)
			return io.NopCloser(file), err
		}
		return nil, fmt.Errorf("%q: %w", name, fs.ErrNotExist)
	}
	if files[layoutFile] != nil {
		return in.readLayout(path, open)
	}
	return in.docker(path, open)
}

// tarFiles finds the files in a tar archive, up to a few more than maxBlobs. Where one is
// not stored in one piece its digest will not be right, and one left out is missed.
func tarFiles(f io.ReaderAt, size int64) (map[string]*io.SectionReader, error) {
	files := map[string]*io.SectionReader{}
	r := io.NewSectionReader(f, 0, size)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		at, err := r.Seek(0, io.SeekCurrent) // archive/tar reads whole blocks and no more
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(h.Name, "./")
		marks := name == layoutFile || name == indexFile || name == dockerFile
		if h.Typeflag == tar.TypeReg && (marks || len(files) <= maxBlobs) {
			files[name] = io.NewSectionReader(f, at, h.Size)
		}
	}
}

// docker reads what docker save and podman save write: layers in files of any name, and
// in the configuration the digests that they have uncompressed.
func (in inspection) docker(path string, open func(string) (io.ReadCloser, error)) error {
	raw, err := readSmall(open, dockerFile)
	if err != nil {
		return fmt.Errorf("inspecting %s: reading %s: %w", path, dockerFile, err)
	}
	var list []struct {
		Config string
		Layers []string
	}
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || list[0].Config == "" {
		return nil // many programs have a manifest.json
	}
	var errs []error
	seen := map[string]bool{}
	for _, image := range list {
		var config struct {
			platform
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		}
		raw, err := readSmall(open, image.Config)
		if err == nil {
			err = json.Unmarshal(raw, &config)
		}
		if err == nil && len(config.RootFS.DiffIDs) != len(image.Layers) {
			err = errors.New("another number of layers")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("inspecting %s: reading %q: %w", path, image.Config, err))
			continue
		}
		im := &images{in: in, path: path, seen: seen}
		for i, layer := range image.Layers {
			im.open = func(descriptor) (io.ReadCloser, error) { return unpacked(open, layer) }
			err := im.layers(config.label(image.Config), []descriptor{{MediaType: "tar", Digest: config.RootFS.DiffIDs[i], anySize: true}})
			if in.over(err) {
				return err
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func unpacked(open func(string) (io.ReadCloser, error), name string) (io.ReadCloser, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	r, err := decompress(f)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&limited{r: r, left: maxTotal}), nil
}
