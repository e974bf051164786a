package release

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/output"
)

// planLists names the checksum lists, one for each algorithm.
func planLists(p *Plan, c *config.Config) (outputs []output.Output, err error) {
	const setting = "checksums-name"

	algorithms := map[string]string{} // by name of the list
	for _, algorithm := range c.Checksums {
		name, err := expand(setting, c.ChecksumsName, listFacts{
			Facts:     p.facts(c),
			Algorithm: algorithm,
		})
		if err != nil {
			return nil, err
		}

		other, taken := algorithms[name]
		if taken {
			return nil, &problem.Problem{
				Setting: setting,
				Err: fmt.Errorf("the lists of %s and %s digests would both have the name %q",
					other, algorithm, name),
				Remedy: problem.Set(setting, withAlgorithm(c.ChecksumsName)),
			}
		}
		algorithms[name] = algorithm

		outputs = append(outputs, output.Output{
			Name:   name,
			Kind:   output.Checksums,
			Stage:  output.Join,
			Format: algorithm,
		})
	}

	return outputs, nil
}

// plainExtension matches an extension that is not part of a template action.
var plainExtension = regexp.MustCompile(`^\.[a-z0-9]+$`)

// withAlgorithm returns a template for the name of a list with the algorithm in it.
func withAlgorithm(text string) string {
	named := strings.NewReplacer(
		"SHA256", "{{upper .Algorithm}}",
		"SHA512", "{{upper .Algorithm}}",
		"sha256", "{{.Algorithm}}",
		"sha512", "{{.Algorithm}}",
	).Replace(text)
	if named != text && !strings.Contains(text, ".Algorithm") {
		return named
	}

	extension := path.Ext(text)
	if !plainExtension.MatchString(extension) {
		extension = ""
	}
	return strings.TrimSuffix(text, extension) + "_{{.Algorithm}}" + extension
}

// listName returns the name of the checksum list for an algorithm.
func (p *Plan) listName(algorithm string) string {
	i := slices.IndexFunc(p.Outputs, func(o output.Output) bool {
		return o.Kind == output.Checksums && o.Format == algorithm
	})
	return p.Outputs[i].Name
}

// checkListNames finds checksum lists whose names do not say what they are. Verify finds the lists
// of a published release by their names, and would compare the files with nothing.
func (p *Plan) checkListNames(c *config.Config) error {
	names := namesOf(p.Outputs)
	isFile := func(name string) bool { return slices.Contains(names, name) }

	var errs []error
	for _, o := range p.Outputs {
		if o.Kind != output.Checksums || github.CheckName(o.Name) != nil {
			continue
		}

		list, isList := output.ParseListName(o.Name, isFile)
		remedy := problem.Set("checksums-name", usualListName(c.Checksums))
		var err error
		switch {
		case !isList:
			err = fmt.Errorf("nothing in the name %s says that the file is a checksum list", o.Name)
		case list.Only != "":
			err = fmt.Errorf("by its name, %s is the checksum list of %s alone", o.Name, list.Only)
		case list.Algorithm != "" && list.Algorithm != o.Format:
			err = fmt.Errorf("by its name, %s lists %s digests, and not those of %s",
				o.Name, list.Algorithm, o.Format)
			remedy = problem.Set("checksums-name", withAlgorithm(c.ChecksumsName))
		}
		if err != nil {
			errs = append(errs, &problem.Problem{
				Setting: "checksums-name",
				Err:     err,
				Remedy:  remedy,
			})
		}
	}

	return errors.Join(errs...)
}

// usualListName returns the template of a name that many projects use.
func usualListName(algorithms []string) string {
	const usual = "{{.Name}}_{{.Version}}_checksums.txt"
	if len(algorithms) > 1 {
		return withAlgorithm(usual)
	}
	return usual
}
