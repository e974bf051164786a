package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/pack"
	"github.com/org/go-static-release/release/report"
)

// A kind is a kind of output. It says which outputs of the kind a release has, and how to make
// one of them.
type kind struct {
	kind output.Kind

	// setting names the setting to change if GitHub does not accept the name of an output, or if
	// the name is taken.
	setting string

	// plan returns the outputs of this kind.
	plan func(p *Plan, c *config.Config) ([]output.Output, error)

	// recipe returns how to make an output. programs are those of the target of the output,
	// none if the output belongs to no target.
	recipe func(ctx context.Context, r *run, o output.Output, programs []provenBinary) (recipe, error)
}

// A recipe says how to make an output.
type recipe struct {
	inputs string // a digest of everything that it is made of, "" if that is not known
	write  func(ctx context.Context, w io.Writer) error
}

// A provenBinary is a proven program of a target.
type provenBinary struct {
	build.Binary
	proof *build.Proof
}

// open opens the program to copy it.
func (p provenBinary) open() (io.ReadCloser, error) { return os.Open(p.Path) }

// kinds lists all kinds of outputs. Each stage makes its outputs in this order.
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
		setting: "checksums-name",
		plan:    planLists,
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

// planArchives names the archives of every target, and lays them out.
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
			layout, err := p.layOut(c, b, name)
			if err != nil {
				return nil, err
			}
			if p.Layouts == nil {
				p.Layouts = map[string]Layout{}
			}
			p.Layouts[name+"."+format] = layout

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

// archiveRecipe returns how to pack the programs of a target and the files that go with them.
func archiveRecipe(
	ctx context.Context, r *run, o output.Output, programs []provenBinary,
) (recipe, error) {
	layout := r.plan.Layouts[o.Name]
	archive := pack.Archive{
		Time:        r.plan.Source.Time,
		Compressors: r.compressors,
		Files:       append(layout.packedPrograms(programs), r.extraFiles(ctx, layout)...),
	}

	return recipe{
		inputs: inputsOf(r.self, archive, o.Format),
		write: func(ctx context.Context, w io.Writer) error {
			return archive.Write(o.Format, output.WithContext(ctx, w))
		},
	}, nil
}

// packedPrograms returns programs as files to pack.
func (l Layout) packedPrograms(programs []provenBinary) (files []pack.File) {
	for _, p := range programs {
		files = append(files, pack.File{
			Name:       l.Programs[p.Main.Name],
			Executable: true,
			Size:       p.Size,
			SHA256:     p.proof.SHA256,
			Open:       p.open,
		})
	}

	return files
}

// extraFiles returns the files that go with the programs, as files to pack.
func (r *run) extraFiles(ctx context.Context, layout Layout) (files []pack.File) {
	for _, f := range r.plan.Extra {
		files = append(files, pack.File{
			Name:       layout.extraName(f),
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

// binaryRecipe returns how to copy one program.
func binaryRecipe(
	_ context.Context, r *run, o output.Output, programs []provenBinary,
) (recipe, error) {
	i := slices.IndexFunc(programs, func(p provenBinary) bool { return p.Main.Name == o.Source })
	if i < 0 {
		return recipe{}, fmt.Errorf("copying %s: the target has no program %s", o.Name, o.Source)
	}

	layout := Layout{Programs: map[string]string{o.Source: programs[i].Exe()}}
	content := pack.Archive{
		Time:  r.plan.Source.Time,
		Files: layout.packedPrograms(programs[i : i+1]),
	}

	return recipe{
		inputs: inputsOf(r.self, content, o.Format),
		write: func(ctx context.Context, w io.Writer) error {
			return content.Files[0].Copy(output.WithContext(ctx, w))
		},
	}, nil
}

// planAttached lists the files that are attached as they are. They need not be part of the
// commit, because an earlier step may have made them. They are copied before anything is
// compiled. The copies are sent and listed in the checksums, whatever happens to the files
// later.
func planAttached(p *Plan, _ *config.Config) (outputs []output.Output, err error) {
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

// attachedRecipe returns how to copy an attached file.
func attachedRecipe(
	_ context.Context, r *run, o output.Output, _ []provenBinary,
) (recipe, error) {
	isPlanned := func(f workspace.AttachedFile) bool { return f.Path == o.Source && f.Name() == o.Name }
	i := slices.IndexFunc(r.plan.Attach, isPlanned)
	if i < 0 {
		return recipe{}, fmt.Errorf("attaching %s: it is not in the plan", o.Name)
	}

	return recipe{
		write: func(ctx context.Context, w io.Writer) error {
			return r.ws.CopyAttached(output.WithContext(ctx, w), r.plan.Attach[i])
		},
	}, nil
}

// checksumsRecipe returns how to list the digests of all files but the checksum lists.
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

// make makes an output. It reuses the file of an earlier run if that has the same inputs.
func (r *run) make(
	ctx context.Context, o output.Output, programs []provenBinary,
) (report.File, error) {
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
