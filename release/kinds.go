package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
)

// A kind is one kind of output: which outputs of the kind a release has, and how one is made.
type kind struct {
	kind output.Kind

	// setting is the one to change if the name of an output is wrong.
	setting string

	// plan returns the outputs of this kind.
	plan func(p *Plan, c *config.Config) ([]output.Output, error)

	// recipe says how to make one of them. An output of a lane is made of the programs of
	// its target.
	recipe func(ctx context.Context, r *run, o output.Output, programs []provenBinary) (recipe, error)
}

// A recipe says how to make an output.
type recipe struct {
	inputs string // digest of everything that it is made of, "" if that is not known
	write  func(ctx context.Context, w io.Writer) error
}

// A provenBinary is a proven program of a target.
type provenBinary struct {
	build.Binary
	proof *build.Proof
}

// kinds are all kinds of outputs. A stage makes them in this order.
var kinds = []kind{
	{
		kind:    output.Archive,
		setting: "archive-name",
		plan:    planArchives,
		recipe:  archiveRecipe,
	},
	{
		kind:    output.Binary,
		setting: "archive-name",
		plan:    planBinaries,
		recipe:  binaryRecipe,
	},
	{
		kind:    output.Attached,
		setting: "attach",
		plan:    planAttached,
		recipe:  attachedRecipe,
	},
	{
		kind:    output.Checksums,
		setting: "checksums",
		plan:    planChecksums,
		recipe:  checksumsRecipe,
	},
}

// kindOf returns the row of a kind.
func kindOf(k output.Kind) kind {
	i := slices.IndexFunc(kinds, func(row kind) bool { return row.kind == k })
	return kinds[i]
}

// formatsFor returns the formats of the archives for a target.
func formatsFor(c *config.Config, b build.Build) []string {
	switch {
	case len(c.Archives) > 0:
		return c.Archives
	case b.Target.OS == "windows":
		return []string{"zip"}
	}
	return []string{"tar.gz"}
}

// planArchives names the archives of every target.
func planArchives(p *Plan, c *config.Config) (outputs []output.Output, err error) {
	for _, b := range p.Builds {
		for _, format := range formatsFor(c, b) {
			if format == pack.Binary {
				continue
			}

			name, err := p.expandName(c, b, p.Name)
			if err != nil {
				return nil, err
			}
			outputs = append(outputs, output.Output{
				Name:   name + "." + format,
				Kind:   output.Archive,
				Target: b.Target.String(),
				Stage:  output.Lane,
				Format: format,
			})
		}
	}

	return outputs, nil
}

// archiveRecipe packs the programs of a target and the files that go with them.
func archiveRecipe(
	ctx context.Context, r *run, o output.Output, programs []provenBinary,
) (recipe, error) {
	archive := pack.Archive{
		Time:        r.plan.Source.Time,
		Compressors: r.packers,
		Files:       append(packedPrograms(programs), r.extraFiles(ctx)...),
	}

	return recipe{
		inputs: inputsOf(r.self, archive, o.Format),
		write: func(ctx context.Context, w io.Writer) error {
			return archive.Write(o.Format, output.WithContext(ctx, w))
		},
	}, nil
}

// packedPrograms returns programs as files to pack.
func packedPrograms(programs []provenBinary) (files []pack.File) {
	for _, p := range programs {
		files = append(files, pack.File{
			Name:       p.Exe(),
			Executable: true,
			Size:       p.Size,
			SHA256:     p.proof.SHA256,
			Open:       p.open,
		})
	}

	return files
}

// extraFiles returns the files that go with the programs, as files to pack.
func (r *run) extraFiles(ctx context.Context) (files []pack.File) {
	for _, f := range r.plan.Extra {
		files = append(files, pack.File{
			Name:       f.Name,
			Executable: f.Executable,
			Size:       f.Size,
			SHA256:     f.SHA256,
			Open: func() (io.ReadCloser, error) {
				data, err := r.ws.ReadExtra(ctx, f)
				return io.NopCloser(bytes.NewReader(data)), err
			},
		})
	}

	return files
}

// planBinaries names the programs that are released as they are.
func planBinaries(p *Plan, c *config.Config) (outputs []output.Output, err error) {
	for _, b := range p.Builds {
		if !slices.Contains(formatsFor(c, b), pack.Binary) {
			continue
		}

		for _, m := range b.Mains {
			name, err := p.expandName(c, b, m.Name)
			if err != nil {
				return nil, err
			}
			outputs = append(outputs, output.Output{
				Name:   b.Target.Exe(name),
				Kind:   output.Binary,
				Target: b.Target.String(),
				Stage:  output.Lane,
				Format: pack.Binary,
				Source: m.Name,
			})
		}
	}

	return outputs, nil
}

// binaryRecipe copies one program.
func binaryRecipe(
	_ context.Context, r *run, o output.Output, programs []provenBinary,
) (recipe, error) {
	p, ok := findProgram(programs, o.Source)
	if !ok {
		return recipe{}, fmt.Errorf("copying %s: the target has no program %s", o.Name, o.Source)
	}

	content := pack.Archive{
		Time:  r.plan.Source.Time,
		Files: packedPrograms([]provenBinary{p}),
	}

	return recipe{
		inputs: inputsOf(r.self, content, o.Format),
		write: func(ctx context.Context, w io.Writer) error {
			return content.Files[0].Copy(output.WithContext(ctx, w))
		},
	}, nil
}

// planAttached lists the files that are attached as they are. An earlier step made them, so
// they need not be part of the commit. They are copied before anything is compiled: what is
// sent, and what the checksums list, are the bytes that were copied, whatever happens to the
// files.
func planAttached(p *Plan, c *config.Config) (outputs []output.Output, err error) {
	for _, f := range p.Attach {
		outputs = append(outputs, output.Output{
			Name:   f.Name(),
			Kind:   output.Attached,
			Stage:  output.Start,
			Source: f.Path,
		})
	}

	return outputs, nil
}

// attachedRecipe copies one of them.
func attachedRecipe(
	_ context.Context, r *run, o output.Output, _ []provenBinary,
) (recipe, error) {
	i := slices.IndexFunc(r.plan.Attach, func(f workspace.AttachedFile) bool { return f.Path == o.Source })
	if i < 0 {
		return recipe{}, fmt.Errorf("attaching %s: it is not in the plan", path.Base(o.Source))
	}

	return recipe{
		write: func(ctx context.Context, w io.Writer) error {
			return r.ws.CopyAttached(output.WithContext(ctx, w), r.plan.Attach[i])
		},
	}, nil
}

// planChecksums names the checksum lists.
func planChecksums(_ *Plan, c *config.Config) (outputs []output.Output, err error) {
	for _, algorithm := range c.Checksums {
		outputs = append(outputs, output.Output{
			Name:   output.ListNames[algorithm],
			Kind:   output.Checksums,
			Stage:  output.Join,
			Format: algorithm,
		})
	}

	return outputs, nil
}

// checksumsRecipe lists the digests of all files that are not checksum lists.
func checksumsRecipe(
	_ context.Context, r *run, o output.Output, _ []provenBinary,
) (recipe, error) {
	var listed []output.Artifact
	for _, f := range r.rep.Files {
		if f.Kind != output.Checksums {
			listed = append(listed, f.Artifact)
		}
	}
	if len(listed) == 0 {
		return recipe{}, errors.New("listing checksums: no file was made")
	}

	return recipe{
		write: func(_ context.Context, w io.Writer) error {
			_, err := w.Write(output.List(o.Format, listed))
			return err
		},
	}, nil
}

// make makes one output, or uses the one of an earlier run again.
func (r *run) make(ctx context.Context, o output.Output, programs []provenBinary) (report.File, error) {
	recipe, err := kindOf(o.Kind).recipe(ctx, r, o, programs)
	if err != nil {
		return report.File{}, err
	}

	planned := output.Artifact{
		Output: o,
		Inputs: recipe.inputs,
	}
	if reused, ok := r.previous.Reuse(r.cfg.Dist, planned, r.cfg.Checksums); ok {
		return report.File{Artifact: reused}, nil
	}

	made, err := output.WriteFile(r.cfg.Dist, planned, r.cfg.Checksums, func(w io.Writer) error {
		return recipe.write(ctx, w)
	})
	return report.File{Artifact: made}, err
}
