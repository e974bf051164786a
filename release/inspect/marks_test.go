package inspect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layers are inspected whatever the index, the manifest or their media type says about them.
func TestMarksOfImages(t *testing.T) {
	asTar := string(tarOf(t, []member{{"p", marked("layer")}}, true))
	unknown := &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation := map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": "sha256:" + strings.Repeat("0", 64),
	}

	for name, test := range map[string]struct {
		content    string
		mediaType  string
		descriptor v1.Descriptor
	}{
		"an attestation": {
			asTar,
			"application/vnd.in-toto+json",
			v1.Descriptor{Platform: unknown, Annotations: attestation},
		},
		"no platform": {asTar, string(types.OCILayer), v1.Descriptor{Platform: unknown}},
		"an artifact": {
			asTar,
			"application/vnd.example",
			v1.Descriptor{ArtifactType: "application/vnd.example"},
		},
		"a signature": {
			asTar,
			"application/vnd.dev.cosign.simplesigning.v1+json",
			v1.Descriptor{},
		},
		"a foreign layer": {asTar, string(types.DockerForeignLayer), v1.Descriptor{}},
		"a layer that stays": {
			asTar,
			"application/vnd.oci.image.layer.nondistributable.v1.tar",
			v1.Descriptor{},
		},
		"a layer of another kind": {
			asTar,
			"application/vnd.oci.image.layer.v1.tar+zstd",
			v1.Descriptor{},
		},
		"JSON":                     {asTar, "application/json", v1.Descriptor{}},
		"a program":                {string(marked("layer")), "application/json", v1.Descriptor{}},
		"a program called a layer": {string(marked("layer")), string(types.OCILayer), v1.Descriptor{}},
		"a zip archive": {
			string(craftZip(nil, zipEntry{name: "p", content: marked("layer")})),
			"text/plain",
			v1.Descriptor{},
		},
		"a zip archive after a script": {
			"#!/bin/sh\n" + string(craftZip(nil, zipEntry{name: "p", content: marked("layer")})),
			"text/plain",
			v1.Descriptor{},
		},
	} {
		layer := layerOfType(test.content, test.mediaType)
		img := imageOf(t, "unknown", layer)
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: test.descriptor,
		})
		dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)

		for _, path := range []string{dir, write(t, "x.tar", tarDir(t, dir))} {
			marks, err := marksOf(t, path)
			if err != nil || !sameMarks(marks, "layer") {
				t.Errorf("%s: %q, %v", name, marks, err)
			}
		}
	}
}

// The configuration of an artifact can be any file.
func TestProgramAsConfiguration(t *testing.T) {
	image := imageOf(t, "amd64", layerOfType(string(marked("config")), "application/octet-stream"))
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image})
	dir := writeLayout(t, filepath.Join(t.TempDir(), "image"), index)

	// Replace the index by one of an image that has the blob as its configuration.
	layer := layerOfType(string(marked("config")), "x")
	digest, err := layer.Digest()
	check(t, err)
	config := fmt.Sprintf(`{"mediaType": "application/vnd.example", "digest": %q, "size": 1024}`, digest)
	manifest := `{"schemaVersion": 2, "config": ` + config + `, "layers": []}`

	document := layerOfType(manifest, "x")
	documentDigest, err := document.Digest()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "blobs", "sha256", documentDigest.Hex), []byte(manifest), 0o644))
	list := fmt.Sprintf(`{"manifests": [{"mediaType": %q, "digest": %q, "size": %d}]}`,
		types.OCIManifestSchema1, documentDigest, len(manifest))
	check(t, os.WriteFile(filepath.Join(dir, indexFile), []byte(list), 0o644))

	marks, err := marksOf(t, write(t, "x.tar", tarDir(t, dir)))
	if err != nil || !slices.Contains(marks, "config") {
		t.Errorf("%q, %v", marks, err)
	}

	found, err := look(t, dir)
	isConfig := func(f string) bool { return strings.HasPrefix(f, "NOT !sha256:") }
	if err != nil || !slices.ContainsFunc(found, isConfig) {
		t.Errorf("%q, %v", found, err)
	}
}

// A layer that the registry does not have is an error.
func TestForeignLayerThatIsMissing(t *testing.T) {
	f := newFaultyRegistry(t)
	f.answerWith(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r) {
			http.Error(w, `{"errors": [{"code": "BLOB_UNKNOWN"}]}`, http.StatusNotFound)
			return true
		}
		return false
	})

	if found, err := f.pull(t); !says(err, "BLOB_UNKNOWN") {
		t.Errorf("%q, %v", found, err)
	}
}

func TestDecodeUnambiguous(t *testing.T) {
	for text, want := range map[string]string{
		`{"manifests": [], "annotations": {"a": "layers", "b": "layers"}}`: "",
		`{"layers": [{"size": 1}, {"size": 1}]}`:                           "",
		`{"layers": [{"size": {"size": 1}, "digest": "size"}]}`:            "",
		`{"layers": [], "layers": []}`:                                     "layers",
		`{"layers": [{"size": [1, {}], "SIZE": 1}]}`:                       "size",
		`{"x": {"config": 1, "y": {"z": [[]]}, "conFig": 1}}`:              "config",
		`[{"Layers": 1}, {"Layers": 2, "layers": 1}]`:                      "layers",
	} {
		if !json.Valid([]byte(text)) {
			t.Errorf("%s is not JSON", text)
		}

		var to any
		err := decodeUnambiguous([]byte(text), &to)
		isRight := err == nil
		if want != "" {
			isRight = err != nil && strings.Contains(err.Error(), fmt.Sprintf("%q", want))
		}
		if !isRight {
			t.Errorf("%s: %v", text, err)
		}
	}
}
